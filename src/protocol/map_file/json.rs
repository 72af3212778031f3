//! JSON of which every part knows its place in the text.
//!
//! Invariant: what is read borrows from the text, so the place of a part is the distance of its
//! bytes from the beginning; nothing is copied but names and texts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, in their order, also those that stand twice.
pub(super) struct Members<'t>(pub Vec<(String, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

impl<'t> Members<'t> {
    /// The members of an object; none = it is no object.
    pub(super) fn of(raw: &'t RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// A member.
    pub(super) fn get(&self, name: &str) -> Option<&'t RawValue> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, raw)| *raw)
    }

    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }
}

/// The elements of a list; none = it is no list.
pub(super) fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Line and column behind the last character.
pub(super) fn place_of_end(text: &str) -> (u64, u64) {
    let line = text.bytes().filter(|b| *b == b'\n').count();
    let last = text.rsplit('\n').next().unwrap_or_default();
    (1 + line as u64, 1 + last.chars().count() as u64)
}

/// Line and column of a part of the text.
pub(super) fn place_of(text: &str, part: &RawValue) -> (u64, u64) {
    let from = part.get().as_ptr().addr();
    let offset = from.saturating_sub(text.as_ptr().addr());
    place_of_end(text.get(..offset).unwrap_or_default())
}
