//! `gatepost inject`: manifests with the sidecar in their pods, or without it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::terminal::{complain, verbatim, visible};
use super::{BAD, GOOD};
use crate::inject::sidecar::{NAME, Sidecar, Socket as Form};
use crate::inject::{Edited, Injection, inject, uninject};

/// How many bytes are read.
const LARGEST: u64 = 16 << 20;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The manifests: YAML of any number of documents, or JSON; `-` for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Take the sidecar out again.
    #[arg(long)]
    uninject: bool,
    /// The sidecar's image, best by digest: `registry/gatepost@sha256:…`.
    #[arg(long, env = "GATEPOST_IMAGE", value_parser = reference, required_unless_present = "uninject")]
    image: Option<String>,
    /// The ConfigMap with the configuration.
    #[arg(long, value_name = "NAME", value_parser = reference, default_value = NAME)]
    config_map: String,
    /// A Secret, mounted at /etc/gatepost-secret.
    #[arg(long, value_name = "NAME", value_parser = reference)]
    secret: Option<String>,
    /// Where Envoy asks: as `listen.authz` says.
    #[arg(long, value_enum, default_value_t)]
    socket: Socket,
    /// With --socket volume: the container that gets the volume too.
    #[arg(long, value_name = "CONTAINER", default_value = "envoy")]
    envoy: String,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Socket {
    /// unix:@gatepost, without a volume.
    #[default]
    Abstract,
    /// unix:/run/gatepost/authz.sock, in a volume of memory.
    Volume,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match edited(arguments) {
        Ok(edited) => {
            tell(&edited, if arguments.uninject { "without the sidecar" } else { "with the sidecar" });
            verbatim(&edited.text);
            GOOD.into()
        }
        Err(why) => {
            complain(why);
            BAD.into()
        }
    }
}

fn edited(arguments: &Arguments) -> Result<Edited, String> {
    let name = match arguments.file.as_path() {
        file if file == Path::new("-") => "standard input".to_owned(),
        file => file.display().to_string(),
    };
    let manifests = read(&arguments.file).map_err(|error| format!("{name}: {error}"))?;
    let edited = match &arguments.image {
        Some(image) if !arguments.uninject => inject(&name, &manifests, &injection(arguments, image)),
        _ => uninject(&name, &manifests),
    };
    edited.map_err(|problem| problem.to_string())
}

fn read(file: &Path) -> Result<String, String> {
    let input: Box<dyn Read> =
        if file == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(open(file)?) };
    let mut bytes = Vec::new();
    input.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err("is larger than 16 MiB: give fewer manifests at a time".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("is not UTF-8 from byte {} on: save it as UTF-8", error.utf8_error().valid_up_to())
    })
}

fn open(file: &Path) -> Result<File, String> {
    File::open(file).map_err(|error| error.to_string())
}

fn injection(arguments: &Arguments, image: &str) -> Injection {
    let socket = match arguments.socket {
        Socket::Abstract => Form::Abstract,
        Socket::Volume => Form::Volume,
    };
    let sidecar = Sidecar {
        image: image.to_owned(),
        config_map: arguments.config_map.clone(),
        secret: arguments.secret.clone(),
        socket,
    };
    Injection { sidecar, envoy: arguments.envoy.clone() }
}

/// A pipeline that expected an edit should see where there was none.
fn tell(edited: &Edited, done: &str) {
    for object in &edited.objects {
        let done = if object.edited { done } else { "as it was" };
        complain(format_args!("{} {}: {done}", visible(&object.kind), visible(&object.name)));
    }
}

/// A name or an image is a word.
fn reference(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err("must be one word of ASCII".to_owned())
}
