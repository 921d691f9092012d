//! The closed lists of reasons for a refusal and for an outage, and all that follows from each: status, error code,
//! metric label and documentation.

/// All that follows from a [`DenyReason`], in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenyFacts {
    /// The value of the metric label `reason`, and the code in the audit trail.
    pub label: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether the answer has a `WWW-Authenticate` challenge.
    pub challenge: bool,
    /// The error code in the challenge (RFC 6750 §3.1).
    pub error: Option<&'static str>,
    /// What the documentation says of it.
    pub meaning: &'static str,
}

macro_rules! deny_reasons {
    ($($(#[$doc:meta])* $name:ident: $label:literal, $answer:expr, $meaning:literal;)*) => {
        /// Why a request is refused. Status, error code, metric label and documentation follow from it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DenyReason {
            $(#[doc = $meaning] $name,)*
        }

        impl DenyReason {
            /// Every reason, in the order in which documentation lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What follows from this reason.
            #[must_use]
            pub const fn facts(self) -> DenyFacts {
                match self {
                    $(Self::$name => {
                        let (status, challenge, error) = $answer.parts();
                        DenyFacts { label: $label, status, challenge, error, meaning: $meaning }
                    })*
                }
            }
        }
    };
}

/// The answers that RFC 6750 §3 and §3.1 and RFC 9470 §3 know, and three that are plain HTTP.
enum Answer {
    BadRequest,
    Forbidden,
    NotEnabled,
    StepUp,
    Challenge,
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
    TooManyRequests,
}

impl Answer {
    const fn parts(self) -> (u16, bool, Option<&'static str>) {
        match self {
            Self::BadRequest => (400, false, None),
            Self::Forbidden => (403, false, None),
            // RFC 6750 §3: a token that does not enable access is challenged too. No error code fits: with
            // `insufficient_scope` clients would ask for scopes that do not help.
            Self::NotEnabled => (403, true, None),
            Self::StepUp => (401, true, Some("insufficient_user_authentication")),
            // RFC 6750 §3.1: without credentials the challenge has no error code.
            Self::Challenge => (401, true, None),
            Self::InvalidRequest => (400, true, Some("invalid_request")),
            Self::InvalidToken => (401, true, Some("invalid_token")),
            Self::InsufficientScope => (403, true, Some("insufficient_scope")),
            // RFC 6585 §4.
            Self::TooManyRequests => (429, false, None),
        }
    }
}

deny_reasons! {
    RequestMalformed: "request_malformed", Answer::BadRequest,
        "Envoy's question has no HTTP request in it, or its method or host is malformed.";
    PathAmbiguous: "path_ambiguous", Answer::BadRequest,
        "The path can be read in more than one way: `//`, dot segments, encoded slashes, `#`, `;`, or no path at all.";
    NoRule: "no_rule", Answer::Forbidden,
        "No rule of the policy matches host, method and path.";
    CredentialMissing: "credential_missing", Answer::Challenge,
        "There is no `Authorization: Bearer` header.";
    CredentialRepeated: "credential_repeated", Answer::InvalidRequest,
        "There is more than one credential: two headers, one joined with a comma, or a second one in the query.";
    CredentialMalformed: "credential_malformed", Answer::InvalidRequest,
        "What follows `Bearer` is not a token.";
    TokenTooLarge: "token_too_large", Answer::InvalidToken,
        "The token is longer than `max_token_bytes`.";
    TokenOpaque: "token_opaque", Answer::InvalidToken,
        "The token is not a JWT, and neither the rule, a prefix nor the host says which issuer to ask about it.";
    TokenEncrypted: "token_encrypted", Answer::InvalidToken,
        "The token is encrypted (JWE), which is not supported.";
    TokenMalformed: "token_malformed", Answer::InvalidToken,
        "The token is not a well-formed signed JWT, or uses an extension that is not understood (`crit`).";
    TypeNotAccepted: "type_not_accepted", Answer::InvalidToken,
        "The header's `typ` is not one of the issuer's access token types.";
    NotAnAccessToken: "not_an_access_token", Answer::InvalidToken,
        "The claims are those of another kind of token: an ID token, a logout token, a security event.";
    TokenInactive: "token_inactive", Answer::InvalidToken,
        "The issuer's introspection says that the token is not active: expired, revoked, never issued, or not for the asking client to see.";
    IssuerUnknown: "issuer_unknown", Answer::InvalidToken,
        "`iss` is missing, or is not exactly a configured issuer.";
    AlgorithmNotAccepted: "algorithm_not_accepted", Answer::InvalidToken,
        "`alg` is not among the issuer's algorithms, or is not the one of the key.";
    KeyUnknown: "key_unknown", Answer::InvalidToken,
        "The issuer publishes no usable key with this `kid`.";
    SignatureInvalid: "signature_invalid", Answer::InvalidToken,
        "The signature was not made by the issuer's key.";
    ClaimMissing: "claim_missing", Answer::InvalidToken,
        "A claim that the issuer's access tokens must have is missing.";
    ClaimMalformed: "claim_malformed", Answer::InvalidToken,
        "A claim has the wrong type or form, or two claims contradict each other.";
    TokenExpired: "token_expired", Answer::InvalidToken,
        "`exp` has passed.";
    TokenNotYetValid: "token_not_yet_valid", Answer::InvalidToken,
        "`nbf` or `iat` is in the future by more than the leeway.";
    AudienceMismatch: "audience_mismatch", Answer::InvalidToken,
        "The token is meant for another service: none of its audiences is accepted here.";
    RequiredClaimMismatch: "required_claim_mismatch", Answer::InvalidToken,
        "A claim does not have the value that `require_claims` asks for.";
    TokenRevoked: "token_revoked", Answer::InvalidToken,
        "The token is good, but has been revoked: itself, or with its session, grant, subject, client, issuer or signing key.";
    LifetimeTooLong: "lifetime_too_long", Answer::InvalidToken,
        "The token lives longer than `revocation.max_token_lifetime`, so that a revocation of it could be forgotten before it ends.";
    TokenBound: "token_bound", Answer::InvalidToken,
        "The token is bound to a key or certificate (`cnf`) and was presented as a plain bearer token.";
    IssuerMismatch: "issuer_mismatch", Answer::InvalidToken,
        "The token is good, but not from one of the issuers that the rule names.";
    ScopeInsufficient: "scope_insufficient", Answer::InsufficientScope,
        "The token is good, but lacks a scope that the rule requires.";
    ClientNotAccepted: "client_not_accepted", Answer::NotEnabled,
        "The token is good, but was issued to a client that the rule does not name.";
    SubjectNotAccepted: "subject_not_accepted", Answer::NotEnabled,
        "The token is good, but about a subject that the rule does not name.";
    ClaimUnmet: "claim_unmet", Answer::NotEnabled,
        "The token is good, but a claim is not what the rule requires.";
    AuthenticationInsufficient: "authentication_insufficient", Answer::StepUp,
        "The person behind the token has not authenticated as strongly or as recently as the rule requires.";
    ConditionUnmet: "condition_unmet", Answer::NotEnabled,
        "The rule's condition does not hold.";
    ConditionFailed: "condition_failed", Answer::NotEnabled,
        "The rule's condition can't be computed for this request: a claim or header that it reads is missing, repeated or of another type.";
    TooManyUnknownTokens: "too_many_unknown_tokens", Answer::TooManyRequests,
        "This client has presented more unknown opaque tokens than it may make us ask the issuer about.";
    SourceLimited: "source_limited", Answer::TooManyRequests,
        "This client address has sent as many invalid tokens as `suspicion.invalid_token_burst.limit` allows; nothing of it is looked at until the window is over.";
    ForwardRefused: "forward_refused", Answer::Forbidden,
        "A claim that the rule forwards can't be a header value: an object, a control character, blanks at its ends, or too long.";
    ForwardMissing: "forward_missing", Answer::Forbidden,
        "A claim that the rule forwards, and must not do without, is missing.";
}

impl DenyReason {
    /// The value of the metric label `reason`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.facts().label
    }

    /// Text for the challenge's `error_description`, where it helps a client without telling it more than
    /// its own token does.
    #[must_use]
    pub const fn description(self) -> Option<&'static str> {
        match self {
            Self::TokenExpired => Some("The access token expired"),
            Self::AuthenticationInsufficient => Some("A different authentication level is required"),
            _ => None,
        }
    }
}

macro_rules! outage_reasons {
    ($($name:ident: $label:literal, $meaning:literal;)*) => {
        /// What is missing when nothing can be said.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum OutageReason {
            $(#[doc = $meaning] $name,)*
        }

        impl OutageReason {
            /// Every reason, in the order in which documentation lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The value of the metric label `reason`.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// What the documentation says of it.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

outage_reasons! {
    KeysMissing: "keys_missing",
        "No key of the token's issuer has been read since the start.";
    KeysStale: "keys_stale",
        "The issuer's keys were last read longer ago than `max_stale`.";
    KeysUnreachable: "keys_unreachable",
        "The token names an unknown key and the issuer could not be asked for it.";
    DeadlineExceeded: "deadline_exceeded",
        "The issuer did not answer within the check's deadline.";
    IntrospectionMissing: "introspection_missing",
        "The rule wants the issuer to be asked about the token, and the issuer has no `introspection`.";
    IntrospectionUnreachable: "introspection_unreachable",
        "The issuer's introspection endpoint could not be found, did not answer, or answered with an error.";
    IntrospectionMalformed: "introspection_malformed",
        "The introspection endpoint's answer is not one that RFC 7662 or RFC 9701 allows.";
    IntrospectionRejected: "introspection_rejected",
        "The introspection endpoint refused our own client credentials (401 or 403).";
    IntrospectionSuspended: "introspection_suspended",
        "The introspection endpoint failed too often or asked for a pause, and is not asked for a while.";
    IntrospectionSaturated: "introspection_saturated",
        "As many introspection calls as allowed are in flight already.";
    RevocationsStale: "revocations_stale",
        "Revocations may be missing, because a feed is silent or was not read completely, and the rule does not go on without them.";
    CredentialsUnreadable: "credentials_unreadable",
        "The file with our own credentials for the issuer can't be read or used.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn labels_are_unique_and_fit_a_metric_label() {
        let labels: BTreeSet<_> = DenyReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), DenyReason::ALL.len());
        assert!(labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn every_refusal_is_a_4xx_and_says_what_the_rfcs_say() {
        for reason in DenyReason::ALL {
            let facts = reason.facts();
            let expected = match facts.error {
                Some("invalid_request") => 400,
                Some("invalid_token") => 401,
                Some("insufficient_scope") => 403,
                Some("insufficient_user_authentication") => 401,
                None if *reason == DenyReason::CredentialMissing => 401,
                None => facts.status,
                Some(other) => panic!("{other} is no error code of RFC 6750 or RFC 9470"),
            };
            assert_eq!(facts.status, expected, "{reason:?}");
            assert!(matches!(facts.status, 400 | 401 | 403 | 429), "{reason:?}");
        }
    }
}
