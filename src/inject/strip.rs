//! Takes the sidecar out of a pod: what it brought, by name, and the collections that it brought them in.

use super::refusal::{Refusal, refuse};
use super::sidecar::{ADMIN_PORT, EXCLUDED_PORTS, INJECTED_LABEL, NAME, SOCKET_VOLUME, VOLUMES};
use super::text::{Edits, Text};
use super::tree::{Kind, Node};
use super::workload::{Entry, Pod, name_of};

pub(super) fn strip(pod: &Pod<'_>, text: &Text<'_>, edits: &mut Edits) -> Result<(), Refusal> {
    let mut from = Stripper { text, edits };
    let mut gone = Vec::new();
    gone.extend(from.list(pod.spec.value, "initContainers", |name| name == NAME)?);
    gone.extend(from.list(pod.spec.value, "volumes", |name| VOLUMES.contains(&name))?);
    from.items(pod.spec.value, &gone)?;
    for container in pod.list("containers")?.iter().chain(pod.list("initContainers")?) {
        if name_of(container) != Some(NAME) {
            let gone = from.list(container, "volumeMounts", |name| name == SOCKET_VOLUME)?;
            from.items(container, &gone.into_iter().collect::<Vec<_>>())?;
        }
    }
    from.metadata(pod)
}

struct Stripper<'t, 'e> {
    text: &'t Text<'t>,
    edits: &'e mut Edits,
}

impl Stripper<'_, '_> {
    fn metadata(&mut self, pod: &Pod<'_>) -> Result<(), Refusal> {
        let Some(metadata) = pod.metadata else { return Ok(()) };
        let port = ADMIN_PORT.to_string();
        let mut gone = Vec::new();
        gone.extend(self.marks(metadata, "labels", |key, _| key == INJECTED_LABEL)?);
        gone.extend(
            self.marks(metadata, "annotations", |key, value| key == EXCLUDED_PORTS && value == port)?,
        );
        match pod.holder {
            Some(holder) if self.is_ours(metadata.value, &gone) => {
                self.items(holder.value, &[metadata.key.at.start])
            }
            _ => self.items(metadata.value, &gone),
        }
    }

    /// Takes elements out of a list. Where nothing stays and the list was created for them, the list's entry is to
    /// go: its start is returned, and nothing taken out.
    fn list(
        &mut self,
        parent: &Node,
        key: &str,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<Option<usize>, Refusal> {
        let Some((key, list)) = parent.entry(key)? else { return Ok(None) };
        let ours = list.elements().iter().filter(|element| name_of(element).is_some_and(&is_ours));
        self.or_all(key, list, &ours.map(|element| element.at.start).collect::<Vec<_>>())
    }

    fn marks(
        &mut self,
        metadata: Entry<'_>,
        key: &str,
        is_ours: impl Fn(&str, &str) -> bool,
    ) -> Result<Option<usize>, Refusal> {
        let Some(marks) = Pod::collection(metadata, key)? else { return Ok(None) };
        let Kind::Mapping(entries) = &marks.value.kind else { return Ok(None) };
        let ours = entries.iter().filter(|(key, value)| match (key.text(), value.text()) {
            (Some(key), Some(value)) => is_ours(key, value),
            _ => false,
        });
        self.or_all(marks.key, marks.value, &ours.map(|(key, _)| key.at.start).collect::<Vec<_>>())
    }

    fn or_all(&mut self, key: &Node, collection: &Node, ours: &[usize]) -> Result<Option<usize>, Refusal> {
        if self.is_ours(collection, ours) {
            return Ok(Some(key.at.start));
        }
        self.items(collection, ours)?;
        Ok(None)
    }

    /// Whether the items are all that a collection has, and it was created for them.
    fn is_ours(&self, collection: &Node, items: &[usize]) -> bool {
        let count = parts(collection).count();
        let was_created = !collection.is_flow(self.text)
            || self.text.rest(collection.at.start).get(1..).is_some_and(|inside| inside.starts_with(' '));
        count > 0 && count == items.len() && was_created
    }

    /// Takes items out of a list or mapping, each named by its first byte.
    fn items(&mut self, collection: &Node, ours: &[usize]) -> Result<(), Refusal> {
        let mut kept_end = None;
        for (first, last) in parts(collection) {
            let (start, end) = (first.at.start, first.end(self.text).max(last.end(self.text)));
            if !ours.contains(&start) {
                kept_end = Some(end);
            } else if collection.is_flow(self.text) {
                self.flow_item(start, end, kept_end);
            } else {
                self.block_item(start, end)?;
            }
        }
        Ok(())
    }

    fn flow_item(&mut self, start: usize, end: usize, kept_end: Option<usize>) {
        let rest = self.text.rest(end);
        let after_comma = rest.trim_start().strip_prefix(',');
        let range = match (after_comma, kept_end) {
            (Some(after), _) => {
                let after = after.strip_prefix(' ').unwrap_or(after);
                start..end + rest.len() - after.len()
            }
            (None, Some(kept_end)) => kept_end..end,
            (None, None) => start..end,
        };
        self.edits.remove(range);
    }

    fn block_item(&mut self, start: usize, end: usize) -> Result<(), Refusal> {
        let line = self.text.line_start(start);
        if !["", "-"].contains(&self.text.part(line..start).trim()) {
            let hint = "give it lines of its own";
            return refuse(start, "shares its line with something that is to stay", hint);
        }
        // A block of text is counted up to what follows it.
        let written = self.text.part(start..end).trim_end().len();
        self.edits.remove(line..self.text.next_line(start + written.saturating_sub(1)));
        Ok(())
    }
}

/// The first and the last node of each item of a collection.
fn parts(collection: &Node) -> Box<dyn Iterator<Item = (&Node, &Node)> + '_> {
    match &collection.kind {
        Kind::Sequence(elements) => Box::new(elements.iter().map(|element| (element, element))),
        Kind::Mapping(entries) => Box::new(entries.iter().map(|(key, value)| (key, value))),
        _ => Box::new(std::iter::empty()),
    }
}
