//! What a revocation hits, in words, for people and for machines.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::aim::{Aim, Kept};
use crate::check::revocation::{Mark, Message, Reach, RevocationClaims, Target};
use crate::cli::terminal::visible;
use crate::config::FeedSettings;
use crate::jose::UnixTime;
use crate::sources::Receipt;

/// How long after its expiry a token is still taken where `expiry_leeway` is as long as it may be.
const LONGEST_LEEWAY: Duration = Duration::from_secs(60);

/// As `--output json` shows it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether it is in the feed.
    published: bool,
    mark: MarkReport,
    /// What whoever revokes must not overlook.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    remarks: Vec<String>,
    feed: FeedReport,
    message: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptReport>,
}

#[derive(Debug, Serialize)]
struct MarkReport {
    kind: &'static str,
    /// The issuer's name, and its identifier; none for a digest.
    issuer: Option<String>,
    issuer_identifier: Option<String>,
    /// What is refused.
    refuses: String,
    /// How many tokens that may be.
    how_many: &'static str,
    /// Refused are those that were issued until then; none for whenever it was.
    issued_until: Option<String>,
    /// When sidecars forget it; none for never.
    kept_until: Option<String>,
    #[serde(skip)]
    why_until: String,
}

#[derive(Debug, Serialize)]
struct FeedReport {
    name: String,
    kind: &'static str,
    place: String,
}

#[derive(Debug, Serialize)]
struct ReceiptReport {
    place: String,
    server_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

impl Report {
    pub(super) fn new(aim: Aim, mark: &Mark, message: &Message, feed: &FeedSettings, now: UnixTime) -> Self {
        let mut remarks = aim.remarks;
        let target = aim.notice.target();
        if mark.expires_at().is_some_and(|end| end.plus(LONGEST_LEEWAY) <= now) {
            remarks.push("it hits nothing: no token that it fits is alive".to_owned());
        }
        let issued_until = match mark.reach() {
            Reach::IssuedUntil(until) => Some(until.to_string()),
            Reach::Every => None,
        };
        let refuses = refuses(&target, &aim.claims, issued_until.as_deref().unwrap_or_default());
        let mark = MarkReport {
            kind: mark.kind().name(),
            issuer: aim.issuer,
            issuer_identifier: aim.notice.issuer().map(str::to_owned),
            refuses,
            how_many: how_many(&target),
            issued_until,
            kept_until: mark.expires_at().map(|end| end.to_string()),
            why_until: why_until(aim.kept),
        };
        let (name, kind, place) = (feed.name.clone(), feed.origin.kind(), feed.origin.to_string());
        Self {
            published: false,
            warning: warning(&target),
            mark,
            remarks,
            feed: FeedReport { name, kind, place },
            message: message.to_json(),
            receipt: None,
        }
    }

    /// It is in the feed.
    pub(super) fn published(&mut self, receipt: Receipt, now: UnixTime) {
        self.published = true;
        self.receipt = Some(ReceiptReport {
            place: receipt.place.to_string(),
            server_time: receipt.server_time.map(|time| time.to_string()),
            remark: receipt.server_time.and_then(|server| clocks_differ(server, now)),
        });
    }

    /// For people, before it is published. Nothing in it moves the cursor.
    pub(super) fn text(&self) -> String {
        let Self { mark, feed, .. } = self;
        let of = match (&mark.issuer, &mark.issuer_identifier) {
            (Some(name), Some(identifier)) => format!("\"{name}\" ({identifier})"),
            (Some(name), None) => format!("\"{name}\""),
            (None, _) => "any".to_owned(),
        };
        let kept = match &mark.kept_until {
            Some(until) => format!("until {until}: {}", mark.why_until),
            None => "as long as the feed holds the message".to_owned(),
        };
        let mut lines: Vec<_> = self.warning.iter().map(|warning| format!("{warning}\n")).collect();
        lines.extend([
            row("revokes", mark.kind),
            row("issuer", &of),
            row("refuses", &mark.refuses),
            row("how many", mark.how_many),
            row("kept", &kept),
            row("undo", "there is none: no message takes another back"),
        ]);
        lines.extend(self.remarks.iter().map(|remark| row("note", remark)));
        lines.push(row("feed", &format!("\"{}\": {}", feed.name, feed.place)));
        lines.push(row("message", &self.message.to_string()));
        lines.join("\n")
    }

    /// What came of it.
    pub(super) fn ending(&self) -> String {
        let Some(receipt) = &self.receipt else {
            return "\nNOT PUBLISHED. With --yes it is.".to_owned();
        };
        let place =
            format!("\nPUBLISHED to \"{}\" as {}.", visible(&self.feed.name), visible(&receipt.place));
        receipt.remark.iter().fold(place, |text, remark| format!("{text}\n{}", row("note", remark)))
    }
}

fn row(label: &str, text: &str) -> String {
    format!("{label:<8}  {}", visible(text))
}

fn refuses(target: &Target<'_>, claims: &RevocationClaims, until: &str) -> String {
    let issued = format!("issued until {until}, that second included, or without `iat`");
    match target {
        Target::Token { jti, .. } => format!("the token with `jti` \"{jti}\""),
        Target::TokenDigest(_) => "the token that was given, by its SHA-256".to_owned(),
        Target::Session { sid, .. } => {
            format!("every token with `{}` \"{sid}\", whenever it was issued", claims.session)
        }
        Target::Grant { grant, .. } => {
            let claim = claims.grant.as_deref().map(|claim| format!(" (claim `{claim}`)"));
            let claim = claim.unwrap_or_default();
            format!("every token of grant \"{grant}\"{claim}, whenever it was issued")
        }
        Target::Key { kid, .. } => {
            format!("every token that key \"{kid}\" signed, whenever it was issued, new ones too")
        }
        Target::Subject { subject, .. } => format!("every token of subject \"{subject}\" {issued}"),
        Target::Client { client, .. } => format!("every token of client \"{client}\" {issued}"),
        Target::Issuer(_) => format!("every token of the issuer {issued}"),
    }
}

fn how_many(target: &Target<'_>) -> &'static str {
    match target {
        Target::Token { .. } | Target::TokenDigest(_) => "one at most",
        _ => "can't be known from here",
    }
}

/// What must not be done by mistake.
fn warning(target: &Target<'_>) -> Option<String> {
    let text = match target {
        Target::Issuer(issuer) => format!(
            "EVERY CALLER WITH A TOKEN OF {issuer} IS REFUSED, everywhere this feed is followed,\n\
             until it has a new one. Expect all of them to ask for one at once.",
            issuer = visible(issuer)
        ),
        Target::Key { issuer, kid } => format!(
            "EVERY TOKEN THAT KEY {kid} OF {issuer} SIGNS IS REFUSED, everywhere this feed is\n\
             followed, new ones too. Have the issuer sign with another key first, and take this one out of its JWKS:\n\
             the mark ends when the feed forgets it.",
            kid = visible(kid),
            issuer = visible(issuer)
        ),
        _ => return None,
    };
    Some(text)
}

fn why_until(kept: Kept) -> String {
    match kept {
        Kept::UntilExpiry => "the token's own expiry".to_owned(),
        Kept::Lifetime(lifetime) => format!("tokens live {} at most", in_words(lifetime)),
    }
}

fn in_words(duration: Duration) -> String {
    match jiff::SignedDuration::try_from(duration) {
        Ok(duration) => format!("{duration:#}"),
        Err(_) => format!("{duration:?}"),
    }
}

/// A time taken from a clock that is wrong revokes too little, or nothing.
fn clocks_differ(server: UnixTime, ours: UnixTime) -> Option<String> {
    const MOST: Duration = Duration::from_secs(3);
    let apart = server.since(ours).max(ours.since(server));
    (apart >= MOST).then(|| {
        format!(
            "this machine's clock and that of the feed's server are {apart:?} apart. If this one is wrong, revoke \
             again with --before and the authorization server's time, or from another machine"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_a_clock_that_is_ahead_or_behind() {
        let at = UnixTime::from_seconds;
        assert_eq!(clocks_differ(at(100), at(102)), None);
        assert!(clocks_differ(at(100), at(103)).unwrap().contains("3s apart"));
        assert!(clocks_differ(at(160), at(100)).unwrap().contains("60s apart"));
    }
}
