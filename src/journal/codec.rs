//! The format of records: versioned, self-describing JSON, readable with any tool.
//!
//! Invariants: an entry's bytes are made once and never re-serialised (the chain is over them).
//! Version 2 is the shape of `domain::event` today. Version 1 is the same without programs as
//! actors, tokens and renamed people. An entry that needs none of these is still written as version
//! 1, so that an older program reads what it knows and refuses the rest instead of taking it for
//! damage. When a shape changes, the old one is frozen here with an upcaster, and the samples in
//! tests/samples/journal/ must decode for ever.

use serde::{Deserialize, Serialize};

use crate::domain::actor::Actor;
use crate::domain::decide::Rejection;
use crate::domain::event::{Entry, Event};
use crate::domain::id::CommandId;
use crate::log::frame::Epoch;

/// Newest version of the entry shape that is written here.
pub const VERSION: u32 = 2;

/// One record of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalRecord {
    /// An entry.
    Entry(Box<Entry>),
    /// The cursor of a feed.
    Cursor(Cursor),
    /// The outcome of a command that has an id.
    Outcome(Outcome),
}

/// How far a feed has come: it has finished everything up to and including `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The feed's name.
    pub feed: String,
    /// The last entry that is finished.
    pub seq: u64,
}

/// The outcome of a command that has an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The command.
    pub id: CommandId,
    /// The first and last entry that it made (0, 0 = it changed nothing), or its rejection.
    pub result: Result<(u64, u64), Rejection>,
    /// Wall ms after which the command is expired; the outcome is stored 30 days longer.
    pub expires_at: i64,
}

/// Why bytes are not a record.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Not JSON of a known shape.
    #[error("not a journal record")]
    Shape(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("record of version {0}, this program knows {VERSION}")]
    Newer(u32),
}

#[derive(Serialize)]
struct VersionedEntry<'a> {
    v: u32,
    #[serde(flatten)]
    entry: &'a Entry,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
enum SideRecord {
    Cursor(Cursor),
    Outcome(Outcome),
}

#[derive(Deserialize)]
struct VersionProbe {
    v: Option<u32>,
}

/// The oldest version that knows the shape of this entry.
const fn version_of(entry: &Entry) -> u32 {
    match (&entry.actor, &entry.event) {
        (Actor::Program { .. }, _)
        | (_, Event::UserRenamed { .. } | Event::TokenPut { .. } | Event::TokenRemoved { .. }) => 2,
        _ => 1,
    }
}

/// The bytes of an entry.
///
/// # Errors
/// [`CodecError`] when the entry would not read back as it is (a number that is not finite): it
/// must not be stored.
pub fn entry_bytes(entry: &Entry) -> Result<Vec<u8>, CodecError> {
    let bytes = serde_json::to_vec(&VersionedEntry {
        v: version_of(entry),
        entry,
    })?;
    let _: Entry = serde_json::from_slice(&bytes)?;
    Ok(bytes)
}

/// The bytes of a cursor.
#[must_use]
pub fn cursor_bytes(cursor: &Cursor) -> Vec<u8> {
    serde_json::to_vec(&SideRecord::Cursor(cursor.clone())).unwrap_or_default()
}

/// The bytes of an outcome.
#[must_use]
pub fn outcome_bytes(outcome: &Outcome) -> Vec<u8> {
    serde_json::to_vec(&SideRecord::Outcome(outcome.clone())).unwrap_or_default()
}

/// Reads one record.
///
/// # Errors
/// [`CodecError`] when the bytes are not a record that this program knows.
pub fn decode(bytes: &[u8]) -> Result<JournalRecord, CodecError> {
    let probe: VersionProbe = serde_json::from_slice(bytes)?;
    match probe.v {
        None => Ok(match serde_json::from_slice(bytes)? {
            SideRecord::Cursor(cursor) => JournalRecord::Cursor(cursor),
            SideRecord::Outcome(outcome) => JournalRecord::Outcome(outcome),
        }),
        Some(1..=VERSION) => Ok(JournalRecord::Entry(Box::new(serde_json::from_slice(
            bytes,
        )?))),
        Some(other) => Err(CodecError::Newer(other)),
    }
}

/// An epoch as text: 32 hexadecimal digits.
#[must_use]
pub fn epoch_text(epoch: &Epoch) -> String {
    hex(epoch)
}

/// An epoch from its text.
#[must_use]
pub fn epoch_from(text: &str) -> Option<Epoch> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut out = [0; 16];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).ok()?;
    }
    Some(out)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{ClockQuality, Lane};
    use crate::domain::id::TokenId;

    #[test]
    fn what_a_program_of_before_cannot_know_says_so() {
        let entry = |actor, event| Entry {
            seq: 1,
            mono_ms: 0,
            wall_ms: 0,
            clock: ClockQuality::None,
            actor,
            cause: None,
            lane: Lane::Local,
            lane_seq: 1,
            event,
        };
        let version = |entry: &Entry| {
            serde_json::from_slice::<VersionProbe>(&entry_bytes(entry).expect("sound"))
                .expect("JSON")
                .v
        };
        let stopped = || Event::EverythingStopped {};
        assert_eq!(version(&entry(Actor::LocalAdmin, stopped())), Some(1));
        let program = Actor::Program {
            id: TokenId::new("nha-thong-minh").expect("id"),
        };
        assert_eq!(version(&entry(program, stopped())), Some(2));
        assert_eq!(
            version(&entry(
                Actor::LocalAdmin,
                Event::TokenRemoved {
                    token: TokenId::new("api").expect("id")
                }
            )),
            Some(2)
        );
    }
}
