//! The format of records: versioned, self-describing JSON, readable with any tool.
//!
//! Invariants: an entry's bytes are made once and never re-serialised (the chain is over them).
//! Version 9 is the shape of `domain::event` today: events by noun, `{"light": {"t": "desired",
//! …}}`. Version 8 has the same shape without the procedures and the storm plan, version 7 also
//! without the directory of roads, version 6 also without drafts and corrections of notices, and it
//! has a kind of notice, `urgent`, which `domain::notice` reads as an urgent warning. Version 5 is
//! also without the free wifi and the networks of the box, version 4 also without notices that are
//! restored, version 3 also without the sign-ins of users. Versions 1 and 2 are frozen in [`flat`]
//! and become the shape of today when they are read. An older program refuses an entry of a newer
//! version instead of taking it for damage, so a new event, too, is a new version: the names of the
//! events of each version are recorded in tests/samples/journal/, and a test fails when one is
//! added to a version that has been recorded. When a shape changes, the old one is frozen under
//! `codec/` with an upcaster, and the samples there must decode for ever. A field that may be left
//! out, and that an older program may ignore, changes no shape.

mod flat;

use serde::{Deserialize, Serialize};

use crate::domain::decide::Rejection;
use crate::domain::event::Entry;
use crate::domain::id::CommandId;
use crate::keys::secret;
use crate::log::frame::Epoch;
use crate::time::WallMs;

/// The version of the entry shape that is written here.
pub const VERSION: u32 = 9;

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
    pub expires_at: WallMs,
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

/// The bytes of an entry.
///
/// # Errors
/// [`CodecError`] when the entry would not read back as it is (a number that is not finite): it
/// must not be stored.
pub fn entry_bytes(entry: &Entry) -> Result<Vec<u8>, CodecError> {
    let bytes = serde_json::to_vec(&VersionedEntry { v: VERSION, entry })?;
    let _: Entry = serde_json::from_slice(&bytes)?;
    Ok(bytes)
}

/// An entry as JSON in the shape of today, whatever the version of its bytes.
#[must_use]
pub fn entry_json(entry: &Entry) -> serde_json::Value {
    serde_json::to_value(VersionedEntry { v: VERSION, entry }).unwrap_or_default()
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
    match version_of(bytes)? {
        None => Ok(match serde_json::from_slice(bytes)? {
            SideRecord::Cursor(cursor) => JournalRecord::Cursor(cursor),
            SideRecord::Outcome(outcome) => JournalRecord::Outcome(outcome),
        }),
        Some(v @ 1..=VERSION) => Ok(JournalRecord::Entry(Box::new(read_entry(v, bytes)?))),
        Some(other) => Err(CodecError::Newer(other)),
    }
}

/// The version of a record; none = it has no version. This program writes it first: then the rest
/// is not read for it.
fn version_of(bytes: &[u8]) -> Result<Option<u32>, serde_json::Error> {
    let digits = bytes.strip_prefix(b"{\"v\":").and_then(|rest| {
        let end = rest.iter().position(|b| !b.is_ascii_digit())?;
        let digits = rest.get(..end).filter(|_| rest[end] == b',')?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    });
    match digits.filter(|version| *version <= VERSION) {
        Some(version) => Ok(Some(version)),
        None => Ok(serde_json::from_slice::<VersionProbe>(bytes)?.v),
    }
}

/// Reads one entry.
///
/// # Errors
/// [`CodecError`] when the bytes are not an entry that this program knows.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    match version_of(bytes)? {
        Some(other) if other > VERSION => Err(CodecError::Newer(other)),
        version => read_entry(version.unwrap_or_default(), bytes),
    }
}

fn read_entry(version: u32, bytes: &[u8]) -> Result<Entry, CodecError> {
    Ok(if version < 3 {
        serde_json::from_slice::<flat::FlatEntry>(bytes)?.into()
    } else {
        serde_json::from_slice(bytes)?
    })
}

/// An epoch as text: 32 hexadecimal digits.
#[must_use]
pub fn epoch_text(epoch: &Epoch) -> String {
    secret::hex(epoch)
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
