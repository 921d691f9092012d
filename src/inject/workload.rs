//! Which objects make pods, and where in them the pod is described.

use super::refusal::{Refusal, refuse};
use super::sidecar::{ADMIN_PORT, EXCLUDED_PORTS, INJECTED_LABEL, NAME, REQUEST_LABEL, Socket, VOLUMES};
use super::tree::{Kind, Node};

/// A mapping's key with its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'n> {
    pub(super) key: &'n Node,
    pub(super) value: &'n Node,
}

/// An object of a manifest.
#[derive(Debug)]
pub(super) struct Object<'n> {
    pub(super) kind: &'n str,
    pub(super) name: &'n str,
    /// None when it makes no pods.
    pub(super) pod: Option<Pod<'n>>,
}

/// Where a pod is described.
#[derive(Debug)]
pub(super) struct Pod<'n> {
    /// The entry that has the pod's metadata and spec below it; none for an object that is itself a pod.
    pub(super) holder: Option<Entry<'n>>,
    pub(super) metadata: Option<Entry<'n>>,
    pub(super) spec: Entry<'n>,
}

/// The way to the pod in an object, by its group and kind; none for an object that makes none.
fn way(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    match (group, kind) {
        ("", "Pod") => Some(&[]),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch", "Job") => {
            Some(&["spec", "template"])
        }
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// All objects of a document, those in lists too.
pub(super) fn objects(document: &Node) -> Result<Vec<Object<'_>>, Refusal> {
    if document.is_null() {
        return Ok(Vec::new());
    }
    let (Some(kind), Some(version)) = (word(document, "kind")?, word(document, "apiVersion")?) else {
        let hint = "give manifests of Kubernetes: each has `apiVersion` and `kind`";
        return refuse(document.at.start, "is no object of Kubernetes", hint);
    };
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    if (group, kind) == ("", "List") {
        let items = document.value("items")?.map(Node::elements).unwrap_or_default();
        let objects = items.iter().map(objects).collect::<Result<Vec<_>, _>>()?;
        return Ok(objects.into_iter().flatten().collect());
    }
    let metadata = document.value("metadata")?;
    let name = metadata.map(|metadata| word(metadata, "name")).transpose()?.flatten();
    let pod = way(group, kind).map(|way| pod(document, way)).transpose()?;
    Ok(vec![Object { kind, name: name.unwrap_or("without a name"), pod }])
}

fn pod<'n>(object: &'n Node, way: &[&str]) -> Result<Pod<'n>, Refusal> {
    let mut holder = None;
    let mut at = object;
    for key in way {
        no_special(at)?;
        let entry = mapping(at, key)?;
        holder = Some(entry);
        at = entry.value;
    }
    if let Some(shared) = at.all().find(|node| node.special) {
        no_special(shared)?;
    }
    let metadata = at.entry("metadata")?.map(|_| mapping(at, "metadata")).transpose()?;
    if holder.is_none() && metadata.is_none() {
        return refuse(at.at.start, "the pod has no `metadata`", "give it a name");
    }
    Ok(Pod { holder, metadata, spec: mapping(at, "spec")? })
}

fn no_special(node: &Node) -> Result<(), Refusal> {
    let hint = "write the value out where it is needed";
    match node.special {
        true => refuse(node.at.start, "anchors, aliases and tags are not edited", hint),
        false => Ok(()),
    }
}

fn mapping<'n>(parent: &'n Node, key: &str) -> Result<Entry<'n>, Refusal> {
    let Some((key_node, value)) = parent.entry(key)? else {
        return refuse(parent.at.start, format!("has no `{key}`"), "complete the object first");
    };
    no_special(value)?;
    if !matches!(value.kind, Kind::Mapping(_)) {
        let hint = "write its keys; where there are none, write `{}` or delete it";
        return refuse(key_node.at.start, format!("`{key}` is no mapping"), hint);
    }
    Ok(Entry { key: key_node, value })
}

fn word<'n>(node: &'n Node, key: &str) -> Result<Option<&'n str>, Refusal> {
    Ok(node.value(key)?.and_then(Node::text))
}

/// The name of an element.
pub(super) fn name_of(element: &Node) -> Option<&str> {
    element.value("name").ok().flatten().and_then(Node::text)
}

impl<'n> Pod<'n> {
    /// A collection of the spec or of the metadata: none when it is not there.
    ///
    /// # Errors
    /// When it is there and is something else.
    pub(super) fn collection(parent: Entry<'n>, key: &str) -> Result<Option<Entry<'n>>, Refusal> {
        let Some((key_node, value)) = parent.value.entry(key)? else { return Ok(None) };
        let wanted = match key {
            "labels" | "annotations" => matches!(value.kind, Kind::Mapping(_)),
            _ => matches!(value.kind, Kind::Sequence(_)),
        };
        if wanted {
            return Ok(Some(Entry { key: key_node, value }));
        }
        refuse(
            key_node.at.start,
            format!("`{key}` is empty or of another type"),
            "delete it, or write its elements",
        )
    }

    /// The elements of a list of the spec.
    pub(super) fn list(&self, key: &str) -> Result<&'n [Node], Refusal> {
        Ok(Self::collection(self.spec, key)?.map(|list| list.value.elements()).unwrap_or_default())
    }

    /// A label or an annotation.
    fn mark(&self, kind: &str, key: &str) -> Result<Option<&'n Node>, Refusal> {
        let Some(metadata) = self.metadata else { return Ok(None) };
        let Some(marks) = Self::collection(metadata, kind)? else { return Ok(None) };
        marks.value.value(key)
    }

    /// Whether the sidecar is there.
    pub(super) fn is_injected(&self) -> Result<bool, Refusal> {
        Ok(self.list("initContainers")?.iter().any(|container| name_of(container) == Some(NAME)))
    }

    /// Whether its owner wants no sidecar.
    pub(super) fn is_disabled(&self) -> Result<bool, Refusal> {
        let label = self.mark("labels", REQUEST_LABEL)?;
        Ok(label.and_then(Node::text) == Some("disabled"))
    }

    /// Whether Istio leaves the admin port alone already.
    pub(super) fn is_excluded(&self) -> Result<bool, Refusal> {
        Ok(self.mark("annotations", EXCLUDED_PORTS)?.is_some())
    }

    /// Refuses what a sidecar cannot be put into.
    pub(super) fn check(&self, socket: Socket) -> Result<(), Refusal> {
        let containers = self.list("containers")?;
        if containers.is_empty() {
            return refuse(self.spec.key.at.start, "has no `containers`", "complete the object first");
        }
        if let Some(taken) = containers.iter().find(|container| name_of(container) == Some(NAME)) {
            let hint = "give that container another name, or delete it: the sidecar is an init container";
            return refuse(taken.at.start, "a container is named `gatepost` already", hint);
        }
        let host = self.spec.value.value("hostNetwork")?.filter(|host| host.text() == Some("true"));
        if let (Some(host), Socket::Abstract) = (host, socket) {
            let hint = "use --socket volume: other pods of the node would reach an abstract one";
            return refuse(host.at.start, "the pod shares its node's network", hint);
        }
        if self.is_injected()? { Ok(()) } else { self.check_leftovers() }
    }

    /// What has the sidecar's names without a sidecar is someone else's, or was left by hand.
    fn check_leftovers(&self) -> Result<(), Refusal> {
        let volumes = self.list("volumes")?;
        if let Some(volume) =
            volumes.iter().find(|it| name_of(it).is_some_and(|name| VOLUMES.contains(&name)))
        {
            let hint = "delete the volume, or give it another name";
            return refuse(volume.at.start, "a volume has a name of the sidecar's, which is not there", hint);
        }
        if let Some(label) = self.mark("labels", INJECTED_LABEL)? {
            return refuse(label.at.start, "is labelled as injected, but has no sidecar", "delete the label");
        }
        let Some(excluded) = self.mark("annotations", EXCLUDED_PORTS)? else { return Ok(()) };
        let port = ADMIN_PORT.to_string();
        match excluded.text() {
            Some(ports) if ports == port => refuse(
                excluded.at.start,
                "keeps out the sidecar's port, but has no sidecar",
                "delete the annotation",
            ),
            Some(ports) if ports.split(',').any(|one| one.trim() == port) => Ok(()),
            _ => refuse(
                excluded.at.start,
                "does not keep Istio off the sidecar's port",
                "add `9192` to the list",
            ),
        }
    }
}
