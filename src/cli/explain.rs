//! `gatepost explain`: one request, decided by the same functions as in the sidecar, with every step shown.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::terminal::{block_on, complain, line, load_or_complain, plural};
use super::{BAD, CANNOT_TELL, ConfigArgument, GOOD};
use crate::check::challenge::challenge;
use crate::check::issuer::{IssuerKeys, Issuers, KnownKeys};
use crate::check::trail::{Recorded, Verdict};
use crate::check::{CheckInput, Decision, Facts, Headers, Need, OutageReason, World, decide, plan};
use crate::clock::Clock;
use crate::config::{Config, KeyOrigin};
use crate::jose::UnixTime;
use crate::sources::KeyFetcher;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The request's method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// The request's URL: `https://host/path?query`. The path is taken as written.
    #[arg(long)]
    url: String,
    /// A header field, `name: value`; may be given several times.
    #[arg(long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// A file with the access token, or `-` for standard input: it is not seen in the process list.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Use these keys for every issuer, instead of asking the issuers.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Decide as of this time (RFC 3339), instead of now.
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let Some(config) = load_or_complain(&arguments.config.directory) else { return CANNOT_TELL.into() };
    let explained = input(arguments).and_then(|input| {
        block_on(explain(arguments, &config, &input)).map_err(|error| error.to_string())?
    });
    match explained {
        Ok((text, code)) => {
            line(text);
            code.into()
        }
        Err(why) => {
            complain(why);
            CANNOT_TELL.into()
        }
    }
}

fn input(arguments: &Arguments) -> Result<CheckInput, String> {
    let (host, target) = split_url(&arguments.url).ok_or("--url: write it as https://host/path")?;
    let mut headers = Headers::default();
    for field in &arguments.headers {
        let (name, value) = field.split_once(':').ok_or("--header: write it as `name: value`")?;
        headers.push(name.trim(), value.trim());
    }
    if let Some(file) = &arguments.token_file {
        headers.push("authorization", format!("Bearer {}", read_token(file)?));
    }
    Ok(CheckInput {
        method: arguments.method.clone(),
        host: host.to_owned(),
        target: target.to_owned(),
        headers,
    })
}

/// Not with a URL parser: that would tidy up the very path that is to be explained.
fn split_url(url: &str) -> Option<(&str, &str)> {
    let (_, rest) = url.split_once("://")?;
    let slash = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(slash);
    Some((host, if target.is_empty() { "/" } else { target }))
}

fn read_token(file: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("--token-file {}: {error}", file.display());
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(fault)?;
    } else {
        text = fs::read_to_string(file).map_err(fault)?;
    }
    Ok(text.trim().to_owned())
}

async fn explain(arguments: &Arguments, config: &Config, input: &CheckInput) -> Result<(String, u8), String> {
    let clock =
        arguments.at.map_or(Clock::System, |at| Clock::Stopped(UnixTime::from_millis(at.as_millisecond())));
    let now = clock.now();
    let issuers = Issuers::new(config.issuers.iter().map(|trusted| trusted.issuer.clone()).collect());
    let world = |keys| World {
        policy: &config.policy,
        issuers: &issuers,
        keys,
        max_token_bytes: config.check.max_token_bytes,
    };
    // A first plan, without keys, says whether any are needed and whose.
    let nothing = KnownKeys::default();
    let need = plan(input, world(&nothing), now, &mut ()).map_or(Need::Nothing, |plan| plan.need());
    let (keys, asked) = keys_for(need, arguments, config, &issuers, now).await?;

    let mut trail = Recorded::default();
    let decision = match plan(input, world(&keys), now, &mut trail) {
        Err(denial) => Decision::Deny(denial),
        Ok(plan) => {
            let facts = facts(plan.need(), &keys);
            decide(plan, &facts, world(&keys), now, &mut trail)
        }
    };
    Ok((render(input, now, &asked, &trail, &decision), exit_code(&decision)))
}

/// The keys of the issuer that the token names, and a line on where they came from.
async fn keys_for(
    need: Need,
    arguments: &Arguments,
    config: &Config,
    issuers: &Issuers,
    now: UnixTime,
) -> Result<(KnownKeys, String), String> {
    let (Need::Keys(id) | Need::FreshKeys(id)) = need else {
        return Ok((KnownKeys::default(), String::new()));
    };
    let trusted =
        issuers.iter().zip(&config.issuers).find(|((its, _), _)| *its == id).map(|(_, trusted)| trusted);
    let Some(trusted) = trusted else { return Ok((KnownKeys::default(), String::new())) };
    let mut trusted = trusted.clone();
    if let Some(file) = &arguments.jwks {
        trusted.keys = KeyOrigin::File(file.clone());
    }
    match KeyFetcher::new(trusted.clone()).fetch().await {
        Ok(set) => {
            let read = format!("{} of \"{}\"", plural(set.keys().len(), "key"), trusted.issuer.name);
            Ok((KnownKeys::default().with(id, IssuerKeys { set, read_at: now, stale_at: None }), read))
        }
        Err(fault) if arguments.jwks.is_some() => Err(format!("--jwks: {fault}")),
        Err(fault) => Ok((KnownKeys::default(), format!("none of \"{}\": {fault}", trusted.issuer.name))),
    }
}

fn facts(need: Need, keys: &KnownKeys) -> Facts {
    match need {
        Need::Nothing => Facts::Nothing,
        Need::Keys(id) | Need::FreshKeys(id) => match keys.of(id) {
            Some(known) => Facts::Keys(Arc::clone(&known.set)),
            None => Facts::Missing(OutageReason::KeysMissing),
        },
    }
}

fn exit_code(decision: &Decision) -> u8 {
    match decision {
        Decision::Allow(_) => GOOD,
        Decision::Deny(_) => BAD,
        Decision::Unavailable(_) => CANNOT_TELL,
    }
}

fn render(input: &CheckInput, now: UnixTime, asked: &str, trail: &Recorded, decision: &Decision) -> String {
    let mut lines = vec![format!(
        "{} {}{} at {now}",
        visible(&input.method),
        visible(&input.host),
        visible(&input.target)
    )];
    if !asked.is_empty() {
        lines.push(format!("keys read: {}", visible(asked)));
    }
    lines.push(String::new());
    for step in &trail.steps {
        let mark = match step.verdict {
            Verdict::Passed => "ok  ",
            Verdict::Refused => "DENY",
            Verdict::Unknown => "????",
            Verdict::Noted => "  - ",
        };
        lines.push(format!("  {:<10}  {mark}  {}", step.stage.name(), visible(&step.text)));
    }
    lines.push(String::new());
    lines.extend(verdict(decision));
    lines.join("\n")
}

fn verdict(decision: &Decision) -> Vec<String> {
    match decision {
        Decision::Allow(grant) => {
            let mut lines = vec![format!("ALLOW by rule \"{}\"", grant.rule())];
            lines.extend(
                grant.set().iter().map(|(name, value)| format!("  sets     {name}: {}", visible(value))),
            );
            if !grant.remove().is_empty() {
                lines.push(format!("  removes  {}", grant.remove().join(", ")));
            }
            lines
        }
        Decision::Deny(denial) => {
            let facts = denial.reason.facts();
            let mut lines = vec![format!("DENY {} {}: {}", facts.status, facts.label, facts.meaning)];
            lines.extend(challenge(denial).map(|text| format!("  www-authenticate: {text}")));
            lines
        }
        Decision::Unavailable(outage) => {
            vec![format!("CANNOT TELL 503 {}: {}", outage.reason.label(), outage.reason.meaning())]
        }
    }
}

/// Nothing in a request or a token may move the cursor of whoever looks at it.
fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
