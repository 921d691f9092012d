//! Which feed a revocation is published to, and who we are there.

use std::path::PathBuf;

use crate::config::{FeedOrigin, FeedSettings};
use crate::sources::may_publish;

/// Who publishes. Sidecars need not be able to write what they read.
#[derive(clap::Args, Debug)]
pub(super) struct AccessArguments {
    /// Publish to Redis as this ACL user, which needs `+xadd` on the stream. Default: as the sidecar reads.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    username: Option<String>,
    /// The file with the password for Redis.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Publish to NATS with this credentials file. Default: that with which the sidecar reads.
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
}

impl AccessArguments {
    /// The feed, with these credentials instead of its own.
    ///
    /// # Errors
    /// When it has no use for them.
    pub(super) fn applied_to(&self, feed: &FeedSettings) -> Result<FeedSettings, String> {
        let mut feed = feed.clone();
        match &mut feed.origin {
            FeedOrigin::Redis(settings) if self.credentials_file.is_none() => {
                if self.password_file.is_some() {
                    (settings.username, settings.password_file) =
                        (self.username.clone(), self.password_file.clone());
                }
            }
            FeedOrigin::Nats(settings) if self.password_file.is_none() => {
                settings.credentials_file =
                    self.credentials_file.clone().or_else(|| settings.credentials_file.clone());
            }
            _ if self.password_file.is_none() && self.credentials_file.is_none() => {}
            origin => {
                let option = if self.password_file.is_some() { "password" } else { "credentials" };
                return Err(format!(
                    "--{option}-file: feed \"{}\" is of kind {}, which takes none",
                    feed.name,
                    origin.kind()
                ));
            }
        }
        Ok(feed)
    }
}

/// The feed with this name, or the only one that can be published to. `issuer` is that of the tokens; none for a
/// digest.
///
/// # Errors
/// Which feeds there are, and why not to them.
pub(super) fn choose<'a>(
    name: Option<&str>,
    feeds: &'a [FeedSettings],
    issuer: Option<&str>,
) -> Result<&'a FeedSettings, String> {
    if let Some(name) = name {
        let feed = feeds.iter().find(|feed| feed.name == name);
        let feed =
            feed.ok_or_else(|| format!("--feed: \"{name}\" is none of these:{}", list(feeds, issuer)))?;
        return match may_publish(feed, issuer) {
            Ok(()) => Ok(feed),
            Err(why) => Err(format!("--feed: can't publish to \"{name}\" ({}): {why}", feed.origin)),
        };
    }
    let mut writable = feeds.iter().filter(|feed| may_publish(feed, issuer).is_ok());
    match (writable.next(), writable.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(format!("no feed can be published to:{}", list(feeds, issuer))),
        (Some(_), Some(_)) => Err(format!("--feed: say which:{}", list(feeds, issuer))),
    }
}

/// Each feed on a line of its own.
fn list(feeds: &[FeedSettings], issuer: Option<&str>) -> String {
    let each = feeds.iter().map(|feed| {
        let but = may_publish(feed, issuer).err().map(|why| format!(" -- not this one: {why}"));
        format!("\n  \"{}\" ({}){}", feed.name, feed.origin, but.unwrap_or_default())
    });
    each.collect()
}
