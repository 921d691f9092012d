//! What was typed, as serde types: unknown keys are refused, and nothing is interpreted yet.
//!
//! The doc comments are what an operator reads about each key.

mod audit;
mod forward;
mod gatepost;
mod introspection;
mod policy;
mod revocation;
mod suspicion;
mod telemetry;
mod values;

pub use audit::{AuditDestinationDocument, AuditDocument, AuditRequestsDocument, IdentitiesDocument};
pub use forward::{ForwardDocument, ListDocument, MissingDocument};
pub use gatepost::{
    CheckDocument, GatepostDocument, IssuerDocument, KeysDocument, ListenDocument, ResourceDocument,
};
pub use introspection::{
    CacheDocument, ClientAuthDocument, ClientDocument, IntrospectionDocument, LimitsDocument,
    OpaqueTokensDocument, RequirementDocument, UnreachableDocument,
};
pub use policy::{
    AuthenticationDocument, ClaimDocument, IntrospectDocument, MatchDocument, ModeDocument, PolicyDocument,
    RequireDocument, RuleAuditDocument, RuleDocument, TeamDocument,
};
pub use revocation::{
    CatchUpDocument, FeedDocument, MissedBeforeStartDocument, NatsDocument, RedisDocument,
    RevocationDocument, RevocationIssuerDocument, SignedDocument, SsfPollDocument, WhenLateDocument,
    WhenStaleDocument,
};
pub use suspicion::{InvalidTokenBurstDocument, SuspicionDocument};
pub use telemetry::{CollectorDocument, OtlpDocument, TelemetryDocument};
pub use values::{AudiencesDocument, DurationDocument, ScopesDocument};
