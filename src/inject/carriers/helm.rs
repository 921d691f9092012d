//! A Helm library: named templates for charts that have the sidecar in their own pods.

use super::super::sidecar::{NAME, RAW, Sidecar, Socket, annotations, labels, resources, socket_mount};
use super::super::value::Value;
use super::{File, style};

/// What we ship for Envoy; its filter and cluster are the library's too.
const ENVOY: &str = include_str!("../../../deploy/envoy/envoy.yaml");

pub(super) fn files() -> Vec<File> {
    vec![
        File { path: "helm/gatepost-lib/templates/_sidecar.tpl", text: sidecar() },
        File { path: "helm/gatepost-lib/templates/_envoy.tpl", text: envoy() },
    ]
}

fn sidecar() -> String {
    let raw = |expression: &str| format!("{RAW}{{{{ {expression} | quote }}}}");
    let sidecar = Sidecar {
        image: raw(IMAGE),
        config_map: raw("$gatepost.configMap | default \"gatepost\""),
        secret: Some(raw("$gatepost.secret")),
        socket: Socket::Volume,
    };
    let container = with_templates(sidecar.container());
    let [config, secret, socket] = &sidecar.volumes()[..] else { return String::new() };
    let volumes = [list(config), when(SECRET, list(secret)), when(SOCKET, list(socket))].concat();
    let parts = [
        comment(ABOUT),
        CHECK.to_owned(),
        define("initContainer", &container),
        define("volumes", &volumes),
        define("envoy.volumeMounts", &when(SOCKET, list(&socket_mount()))),
        define("podLabels", &Value::Map(labels()).yaml(style(0))),
        define("podAnnotations", &Value::Map(annotations()).yaml(style(0))),
    ];
    parts.join("\n")
}

/// The container with its resources from the values, and with the mounts that depend on them under conditions.
fn with_templates(container: Value) -> String {
    let Value::Map(mut entries) = container else { return String::new() };
    let mut mounts = Vec::new();
    for (key, value) in &mut entries {
        match (key.as_str(), value) {
            ("resources", value) => *value = Value::Raw(format!("{{{{- {} | nindent 4 }}}}", in_values())),
            ("volumeMounts", Value::List(all)) => mounts = all.split_off(1),
            _ => {}
        }
    }
    let mounts = mounts.iter().zip([SECRET, SOCKET]).map(|(mount, condition)| {
        let mount = Value::List(vec![mount.clone()]).yaml(style(2));
        when(condition, mount)
    });
    list(&Value::Map(entries)) + &mounts.collect::<String>()
}

fn in_values() -> String {
    format!("toYaml ($gatepost.resources | default (fromJson `{}`))", resources().line())
}

fn list(element: &Value) -> String {
    Value::List(vec![element.clone()]).yaml(style(0))
}

fn when(condition: &str, text: String) -> String {
    format!("{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n")
}

fn define(name: &str, body: &str) -> String {
    let settings = if body.contains("$gatepost") { "{{- $gatepost := .Values.gatepost }}\n" } else { "" };
    format!(
        "{{{{- define \"{NAME}.{name}\" -}}}}\n{{{{- include \"{NAME}.check\" . -}}}}\n{settings}{body}{{{{- end }}}}\n"
    )
}

fn comment(text: &str) -> String {
    format!(
        "{{{{- /*\n{text}\n\nWritten from src/inject/sidecar.rs: UPDATE=1 cargo test --test delivery carriers\n*/ -}}}}\n"
    )
}

/// The filter and the cluster of the Envoy configuration that we ship.
fn envoy() -> String {
    let filter = item("          - name: envoy.filters.http.ext_authz\n");
    let address = format!("{{{{ ternary \"/run/gatepost/authz.sock\" \"@{NAME}\" ({SOCKET}) | quote }}}}");
    let cluster = item("  - name: gatepost\n").replace("/run/gatepost/authz.sock", &address);
    [comment(ABOUT_ENVOY), define("envoy.httpFilter", &filter), define("envoy.cluster", &cluster)].join("\n")
}

/// The element of a list of [`ENVOY`] that starts with a line, up to the next element, at the left margin.
fn item(first: &str) -> String {
    let indent = first.len() - first.trim_start().len();
    let Some((_, rest)) = ENVOY.split_once(first) else { return String::new() };
    let is_inside = |line: &&str| line.trim().is_empty() || line.len() - line.trim_start().len() > indent;
    let inside = rest.lines().take_while(is_inside).map(|line| line.get(indent..).unwrap_or_default());
    let text = inside.collect::<Vec<_>>().join("\n");
    format!("{}{}\n", first.trim_start(), text.trim_end())
}

const IMAGE: &str = "required \"gatepost.image: name the image, best by its digest\" $gatepost.image";
const SECRET: &str = "$gatepost.secret";
const SOCKET: &str = "eq ($gatepost.socket | default \"abstract\") \"volume\"";

const CHECK: &str = r#"{{- define "gatepost.check" -}}
{{- if not (kindIs "map" .Values.gatepost) }}
{{- fail "gatepost: set the values of the sidecar, at least gatepost.image" }}
{{- end }}
{{- range $key, $_ := .Values.gatepost }}
{{- if not (has $key (list "image" "configMap" "secret" "socket" "resources")) }}
{{- fail (printf "gatepost.%s: there is no such value; there are image, configMap, secret, socket and resources" $key) }}
{{- end }}
{{- end }}
{{- if not (has (.Values.gatepost.socket | default "abstract") (list "abstract" "volume")) }}
{{- fail "gatepost.socket: must be abstract or volume" }}
{{- end }}
{{- end }}
"#;

const ABOUT: &str = "\
The sidecar in the pods of your own chart. Its values are yours, under `gatepost`:

  image       the sidecar's image, best by digest; must be there
  configMap   the ConfigMap with gatepost.yaml and policy.yaml; default: gatepost
  secret      a Secret, mounted at /etc/gatepost-secret
  socket      abstract (the default: `listen.authz` is unix:@gatepost) or volume (unix:/run/gatepost/authz.sock)
  resources   in place of ours

gatepost.initContainer is an element of initContainers, the first; gatepost.volumes are elements of volumes;
gatepost.envoy.volumeMounts are elements of the volumeMounts of Envoy's container, none while the socket is abstract;
gatepost.podLabels and gatepost.podAnnotations are entries of the pod's metadata.";

const ABOUT_ENVOY: &str = "\
What Envoy needs: gatepost.envoy.httpFilter is an element of http_filters, before the router, and
gatepost.envoy.cluster is one of clusters. Both are those of deploy/envoy/envoy.yaml.";
