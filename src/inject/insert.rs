//! Puts the sidecar into a pod, by inserting lines or, where the manifest is in brackets, parts of a line.

use super::refusal::{Refusal, refuse};
use super::sidecar::{EXCLUDED_PORTS, Sidecar, Socket, annotations, labels, socket_mount};
use super::text::{Edits, Text};
use super::tree::{Kind, Node};
use super::value::{Style, Value};
use super::workload::{Entry, Pod, name_of};

/// What to put into a pod.
#[derive(Clone, Debug)]
pub struct Injection {
    /// The sidecar.
    pub sidecar: Sidecar,
    /// The container that needs the socket's volume, where the socket is in one.
    pub envoy: String,
}

pub(super) fn insert(
    pod: &Pod<'_>,
    what: &Injection,
    text: &Text<'_>,
    edits: &mut Edits,
) -> Result<(), Refusal> {
    let mut into = Inserter { text, edits, list: list_indent(pod, text)? };
    into.marks(pod)?;
    let sidecar = &what.sidecar;
    let lists = [("initContainers", vec![sidecar.container()]), ("volumes", sidecar.volumes())];
    into.lists(pod.spec, lists)?;
    if sidecar.socket == Socket::Volume { into.envoy_mount(pod, &what.envoy) } else { Ok(()) }
}

/// How far this manifest indents its lists.
fn list_indent(pod: &Pod<'_>, text: &Text<'_>) -> Result<usize, Refusal> {
    let Some(containers) = Pod::collection(pod.spec, "containers")? else { return Ok(0) };
    if containers.value.is_flow(text) {
        return Ok(0);
    }
    let dash = dash_column(containers.value, text)?;
    Ok(dash.saturating_sub(text.column(containers.key.at.start)).min(2) / 2 * 2)
}

struct Inserter<'t, 'e> {
    text: &'t Text<'t>,
    edits: &'e mut Edits,
    list: usize,
}

impl Inserter<'_, '_> {
    fn marks(&mut self, pod: &Pod<'_>) -> Result<(), Refusal> {
        let mut annotations = annotations();
        if pod.is_excluded()? {
            annotations.retain(|(key, _)| key != EXCLUDED_PORTS);
        }
        let mut created = Vec::new();
        for (key, marks) in [("labels", labels()), ("annotations", annotations)] {
            let there = pod.metadata.map(|metadata| Pod::collection(metadata, key)).transpose()?.flatten();
            match there {
                _ if marks.is_empty() => {}
                Some(entry) => self.entries(entry, &marks, 0)?,
                None => created.push((key.to_owned(), Value::Map(marks))),
            }
        }
        match (pod.metadata, pod.holder) {
            (Some(metadata), _) => self.entries(metadata, &created, 1),
            (None, Some(holder)) => self.entries(holder, &[("metadata".to_owned(), Value::Map(created))], 2),
            (None, None) => Ok(()),
        }
    }

    fn lists(&mut self, parent: Entry<'_>, lists: [(&str, Vec<Value>); 2]) -> Result<(), Refusal> {
        let mut created = Vec::new();
        for (key, elements) in lists {
            match Pod::collection(parent, key)? {
                Some(list) => self.elements(list, &elements)?,
                None => created.push((key.to_owned(), Value::List(elements))),
            }
        }
        self.entries(parent, &created, 1)
    }

    fn envoy_mount(&mut self, pod: &Pod<'_>, name: &str) -> Result<(), Refusal> {
        let mut all = pod.list("containers")?.iter().chain(pod.list("initContainers")?);
        let Some(envoy) = all.find(|container| name_of(container) == Some(name)) else {
            let hint = "name Envoy's container with --envoy, or use --socket abstract";
            return refuse(pod.spec.key.at.start, format!("has no container `{name}`"), hint);
        };
        let mounts = envoy.entry("volumeMounts")?;
        if let Some((key, value)) = mounts {
            if !matches!(value.kind, Kind::Sequence(_)) {
                return refuse(key.at.start, "`volumeMounts` is no list", "delete it, or write its elements");
            }
            return self.elements(Entry { key, value }, &[socket_mount()]);
        }
        self.first_entry_after_another(envoy, "volumeMounts", Value::List(vec![socket_mount()]))
    }

    /// Adds an entry to an element of a list, whose own first key may have to stay beside the dash.
    fn first_entry_after_another(&mut self, element: &Node, key: &str, value: Value) -> Result<(), Refusal> {
        let entries = [(key.to_owned(), value)];
        if element.is_flow(self.text) {
            return self.flow_entries(element, &entries, 1);
        }
        let Kind::Mapping(there) = &element.kind else { return Ok(()) };
        let Some((second, _)) = there.get(1) else {
            return refuse(element.at.start, "has no other key than its name", "complete the object first");
        };
        let lines = self.lines(&Value::Map(entries.into()), self.text.column(second.at.start));
        self.edits.insert(self.text.line_start(second.at.start), lines);
        Ok(())
    }

    /// Adds entries to a mapping. The topmost `created` levels of them are new collections.
    fn entries(&mut self, of: Entry<'_>, entries: &[(String, Value)], created: usize) -> Result<(), Refusal> {
        if entries.is_empty() {
            return Ok(());
        }
        if of.value.is_flow(self.text) {
            return self.flow_entries(of.value, entries, created);
        }
        self.is_below_its_key(of, of.value)?;
        let lines = self.lines(&Value::Map(entries.to_vec()), self.text.column(of.value.at.start));
        self.edits.insert(self.text.next_line(of.key.at.start), lines);
        Ok(())
    }

    fn flow_entries(
        &mut self,
        mapping: &Node,
        entries: &[(String, Value)],
        created: usize,
    ) -> Result<(), Refusal> {
        let written = entries.iter().map(|(key, value)| {
            let key = Value::from(key.as_str()).line();
            format!("{key}: {}", padded(value, created))
        });
        let written = written.collect::<Vec<_>>().join(", ");
        let is_empty = matches!(&mapping.kind, Kind::Mapping(there) if there.is_empty());
        self.bracketed(mapping, written, is_empty);
        Ok(())
    }

    /// Adds elements before those of a list.
    fn elements(&mut self, of: Entry<'_>, elements: &[Value]) -> Result<(), Refusal> {
        if of.value.is_flow(self.text) {
            let written = elements.iter().map(Value::line).collect::<Vec<_>>().join(", ");
            self.bracketed(of.value, written, of.value.elements().is_empty());
            return Ok(());
        }
        let column = dash_column(of.value, self.text)?;
        self.is_below_its_key(of, of.value)?;
        let lines = self.lines(&Value::List(elements.to_vec()), column);
        self.edits.insert(self.text.next_line(of.key.at.start), lines);
        Ok(())
    }

    fn bracketed(&mut self, collection: &Node, written: String, is_empty: bool) {
        let separator = if is_empty { "" } else { ", " };
        self.edits.insert(collection.at.start + 1, written + separator);
    }

    fn lines(&self, value: &Value, indent: usize) -> String {
        value.yaml(Style { indent, list: self.list }).replace('\n', self.text.newline())
    }

    fn is_below_its_key(&self, of: Entry<'_>, value: &Node) -> Result<(), Refusal> {
        if self.text.same_line(of.key.at.start, value.at.start) {
            return refuse(value.at.start, "starts on the line of its key", "start it on a line of its own");
        }
        Ok(())
    }
}

/// A line of JSON, with blanks inside the brackets of its topmost levels: they tell what was created from what was
/// there and empty.
fn padded(value: &Value, levels: usize) -> String {
    match value {
        Value::Map(entries) if levels > 0 => {
            let entries = entries.iter().map(|(key, value)| {
                format!("{}: {}", Value::from(key.as_str()).line(), padded(value, levels - 1))
            });
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::List(elements) if levels > 0 => {
            format!("[ {} ]", elements.iter().map(Value::line).collect::<Vec<_>>().join(", "))
        }
        other => other.line(),
    }
}

/// The column of the dashes of a list in blocks, counted from 0.
fn dash_column(list: &Node, text: &Text<'_>) -> Result<usize, Refusal> {
    let Some(first) = list.elements().first() else { return Ok(0) };
    let before = text.part(text.line_start(first.at.start)..first.at.start);
    if before.trim() != "-" {
        return refuse(first.at.start, "does not start beside its `-`", "write it on the line of its `-`");
    }
    Ok(before.chars().take_while(|c| *c == ' ').count())
}
