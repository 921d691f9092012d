//! `gatepost revoke`: shows what a revocation will hit, and publishes it to a feed when told to.

mod aim;
mod destination;
mod report;
mod token;

use std::process::ExitCode;

use super::terminal::{Output, block_on, complain, json, line, problems};
use super::{BAD, ConfigArgument, GOOD};
use crate::check::revocation::{Content, Message};
use crate::clock::Clock;
use crate::config::{Config, FeedSettings, Loaded, load};
use crate::sources::{Receipt, publish};
use aim::{Aim, TargetArguments};
use destination::AccessArguments;
use report::Report;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The name of the issuer whose tokens are revoked. Not needed where there is only one, or where a token says it.
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    #[command(flatten)]
    target: TargetArguments,
    /// With --subject, --client and --all: revoke the tokens issued until this time (RFC 3339) by the clock of the
    /// authorization server, its second included. Default: now, by this machine's clock.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["jti", "token_file", "session", "grant", "key"])]
    before: Option<jiff::Timestamp>,
    /// With --token-file: revoke the token by its SHA-256, whatever it says.
    #[arg(long, conflicts_with_all = ["jti", "session", "subject", "client", "grant", "key", "all"])]
    by_digest: bool,
    /// The feed to publish to. Not needed where there is only one that can be published to.
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    #[command(flatten)]
    access: AccessArguments,
    /// Publish it. Without this it is only shown, and nothing is connected to.
    #[arg(long)]
    yes: bool,
    /// For people, or one JSON object for machines.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    // Warnings are for `check`: here they would only stand in the way.
    let Loaded { config, problems: found, .. } = load(&arguments.config.directory);
    let Some(config) = config else {
        problems(&found);
        return BAD.into();
    };
    match revoke(arguments, &config) {
        Ok(()) => GOOD.into(),
        Err(why) => {
            complain(why);
            BAD.into()
        }
    }
}

fn revoke(arguments: &Arguments, config: &Config) -> Result<(), String> {
    const NO_FEEDS: &str = "gatepost.yaml has no `revocation`, so there is no feed to publish to";
    let settings = config.revocation.as_ref().ok_or(NO_FEEDS)?;
    let now = Clock::System.now();
    let aim = Aim::take(arguments, config, settings, now)?;
    let feed = destination::choose(arguments.feed.as_deref(), &settings.feeds, aim.notice.issuer())?;
    let feed = arguments.access.applied_to(feed)?;
    let published_at = arguments.yes.then_some(now);
    let message = Message { content: Content::Revoked(aim.notice.clone()), published_at };
    refuse_what_is_not_read(&message)?;
    let mark = aim.notice.mark(&settings.terms.lifetimes, now);
    let mark = mark.map_err(|fault| format!("--before: it {fault}"))?;
    if aim.notice.is_ahead(now) {
        return Err(
            "--before: lies more than five minutes ahead, and would revoke what is yet to be issued".into()
        );
    }
    let mut report = Report::new(aim, &mark, &message, &feed, now);
    if matches!(arguments.output, Output::Text) {
        line(report.text());
    }
    if arguments.yes {
        report.published(published(&feed, &message)?, Clock::System.now());
    }
    match arguments.output {
        Output::Text => line(report.ending()),
        Output::Json => json(&report),
    }
    Ok(())
}

/// Sidecars read it with the same function, so that what they would skip is not sent.
fn refuse_what_is_not_read(message: &Message) -> Result<(), String> {
    match Message::read(message.to_json().to_string().as_bytes()) {
        Ok(read) if read.content == message.content => Ok(()),
        Ok(_) => Err("not revoked: the message would be read as another".to_owned()),
        Err(fault) => Err(format!("not revoked: the message would be skipped, because {fault}")),
    }
}

fn published(feed: &FeedSettings, message: &Message) -> Result<Receipt, String> {
    let done = block_on(publish(feed, message, Clock::System.now()));
    let why = match done {
        Ok(Ok(receipt)) => return Ok(receipt),
        Ok(Err(fault)) => fault.to_string(),
        Err(error) => error.to_string(),
    };
    let (name, place) = (&feed.name, &feed.origin);
    Err(format!(
        "NOT KNOWN TO BE PUBLISHED to feed \"{name}\" ({place}): {why}\nTo publish it again does no harm."
    ))
}
