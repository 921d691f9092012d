//! The one description of the sidecar: its container, its volumes, and what its pod is marked with. Every way into a
//! pod carries what is said here.

use super::value::Value;

/// The container's name, and that of the `ConfigMap` that it reads, unless another is named.
pub const NAME: &str = "gatepost";
/// What a pod that is to have the sidecar is labelled with, set to `enabled`. `disabled` keeps `gatepost inject` off.
pub const REQUEST_LABEL: &str = "gatepost.dev/inject";
/// What a pod that has it is labelled with.
pub const INJECTED_LABEL: &str = "gatepost.dev/injected";
/// What names the `ConfigMap` where a cluster injects.
pub const CONFIG_MAP_ANNOTATION: &str = "gatepost.dev/config-map";
/// Keeps Istio's proxy off the admin port: a probe would need a token, else.
pub const EXCLUDED_PORTS: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
/// The port of `listen.admin`.
pub const ADMIN_PORT: u16 = 9192;
/// The volume with the socket.
pub const SOCKET_VOLUME: &str = "gatepost-run";
/// The directory of the socket, in the sidecar and in Envoy's container.
pub const SOCKET_DIRECTORY: &str = "/run/gatepost";

const CONFIG_VOLUME: &str = "gatepost-config";
const CONFIG_DIRECTORY: &str = "/etc/gatepost";
const SECRET_VOLUME: &str = "gatepost-secret";
const SECRET_DIRECTORY: &str = "/etc/gatepost-secret";
/// What distroless images call nonroot. Meshes let the traffic of 1337 and 2102 pass uncaptured.
const USER: i64 = 65532;

/// Every volume that is the sidecar's.
pub const VOLUMES: [&str; 3] = [CONFIG_VOLUME, SECRET_VOLUME, SOCKET_VOLUME];

/// Where Envoy asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Socket {
    /// `unix:@gatepost`, which all containers of a pod reach.
    #[default]
    Abstract,
    /// `unix:/run/gatepost/authz.sock`, in a volume of the pod's memory.
    Volume,
}

/// What differs between one sidecar and another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// The image, best by its digest.
    pub image: String,
    /// The `ConfigMap` with the configuration.
    pub config_map: String,
    /// A Secret that the configuration names files of.
    pub secret: Option<String>,
    /// Where Envoy asks.
    pub socket: Socket,
}

impl Sidecar {
    /// The native sidecar: an init container that goes on running, and ends after the pod's containers have.
    #[must_use]
    pub fn container(&self) -> Value {
        Value::map([
            ("name", NAME.into()),
            ("image", text(&self.image)),
            ("args", ["serve".into(), "--config".into(), CONFIG_DIRECTORY.into()].into()),
            ("restartPolicy", "Always".into()),
            ("ports", [Value::map([("name", "gatepost-admin".into()), ("containerPort", port())])].into()),
            // What starts after this one starts when all keys have been read once.
            ("startupProbe", probe("/readyz", 1, 120)),
            ("readinessProbe", probe("/readyz", 5, 3)),
            ("livenessProbe", probe("/livez", 10, 6)),
            ("resources", resources()),
            ("securityContext", security()),
            // Why a configuration was refused then shows in `kubectl describe`.
            ("terminationMessagePolicy", "FallbackToLogsOnError".into()),
            ("volumeMounts", Value::List(self.mounts())),
        ])
    }

    /// Where the sidecar's volumes are mounted in it.
    #[must_use]
    pub fn mounts(&self) -> Vec<Value> {
        let mut mounts = vec![mount(CONFIG_VOLUME, CONFIG_DIRECTORY, true)];
        mounts.extend(self.secret.as_ref().map(|_| mount(SECRET_VOLUME, SECRET_DIRECTORY, true)));
        mounts.extend((self.socket == Socket::Volume).then(socket_mount));
        mounts
    }

    /// The volumes. The configuration is mounted as a directory: with `subPath`, an edit would never arrive.
    #[must_use]
    pub fn volumes(&self) -> Vec<Value> {
        let named =
            |name: &str, kind: &str, source: Value| Value::map([("name", name.into()), (kind, source)]);
        let config_map = Value::map([("name", text(&self.config_map))]);
        let mut volumes = vec![named(CONFIG_VOLUME, "configMap", config_map)];
        volumes.extend(
            self.secret
                .as_ref()
                .map(|secret| named(SECRET_VOLUME, "secret", Value::map([("secretName", text(secret))]))),
        );
        volumes.extend((self.socket == Socket::Volume).then(|| {
            let memory = Value::map([("medium", "Memory".into()), ("sizeLimit", "1Mi".into())]);
            named(SOCKET_VOLUME, "emptyDir", memory)
        }));
        volumes
    }
}

/// The mount of the socket's directory, for the sidecar and for Envoy's container.
#[must_use]
pub fn socket_mount() -> Value {
    mount(SOCKET_VOLUME, SOCKET_DIRECTORY, false)
}

/// What the pod is annotated with.
#[must_use]
pub fn annotations() -> Vec<(String, Value)> {
    vec![(EXCLUDED_PORTS.to_owned(), Value::Text(ADMIN_PORT.to_string()))]
}

/// What the pod is labelled with.
#[must_use]
pub fn labels() -> Vec<(String, Value)> {
    vec![(INJECTED_LABEL.to_owned(), "true".into())]
}

/// The least that it needs, and a bound on memory. No bound on CPU: a throttled sidecar holds up the whole service.
pub(super) fn resources() -> Value {
    Value::map([
        ("requests", Value::map([("cpu", "10m".into()), ("memory", "32Mi".into())])),
        ("limits", Value::map([("memory", "64Mi".into())])),
    ])
}

/// What Kubernetes calls restricted (Pod Security Standards), and no write to the image.
fn security() -> Value {
    Value::map([
        ("allowPrivilegeEscalation", false.into()),
        ("capabilities", Value::map([("drop", ["ALL".into()].into())])),
        ("readOnlyRootFilesystem", true.into()),
        ("runAsGroup", USER.into()),
        ("runAsNonRoot", true.into()),
        ("runAsUser", USER.into()),
        ("seccompProfile", Value::map([("type", "RuntimeDefault".into())])),
    ])
}

fn probe(path: &str, period: i64, failures: i64) -> Value {
    Value::map([
        ("httpGet", Value::map([("path", path.into()), ("port", port())])),
        ("periodSeconds", period.into()),
        ("failureThreshold", failures.into()),
    ])
}

fn mount(name: &str, directory: &str, read_only: bool) -> Value {
    let mut entries = vec![("name".to_owned(), name.into()), ("mountPath".to_owned(), directory.into())];
    entries.extend(read_only.then(|| ("readOnly".to_owned(), true.into())));
    Value::Map(entries)
}

fn port() -> Value {
    Value::Number(ADMIN_PORT.into())
}

/// A carrier may have its own expression where others have a name.
fn text(name: &str) -> Value {
    match name.strip_prefix(RAW) {
        Some(expression) => Value::Raw(expression.to_owned()),
        None => name.into(),
    }
}

/// What marks a carrier's expression in a [`Sidecar`]: no name of an object or an image can have it.
pub(super) const RAW: char = '\u{1}';
