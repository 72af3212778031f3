//! How records are written: versioned, self-describing JSON, readable with any tool.
//!
//! Invariants: an entry's bytes are made once and never re-serialised (the chain is over them). Version 1 is
//! the shape of `domain::event` today; when it changes, the old shape is frozen here with an upcaster, and
//! the samples in tests/samples/journal/ must decode for ever.

use serde::{Deserialize, Serialize};

use crate::domain::decide::Rejection;
use crate::domain::event::Entry;
use crate::domain::id::CommandId;
use crate::log::frame::Epoch;

/// Version of the entry shape written here.
pub const VERSION: u32 = 1;

/// One record of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A fact.
    Entry(Box<Entry>),
    /// How far a feed has come.
    Cursor(Cursor),
    /// What became of a named command.
    Outcome(Outcome),
}

/// How far a feed has come: everything up to and with `seq` is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The feed's name.
    pub feed: String,
    /// Last entry done.
    pub seq: u64,
}

/// What became of a named command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The command.
    pub id: CommandId,
    /// First and last entry that it made (0, 0 = it changed nothing), or why it was refused.
    pub result: Result<(u64, u64), Rejection>,
    /// Wall ms after which the command meant nothing; the outcome is kept 30 days longer.
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
struct EntryOut<'a> {
    v: u32,
    #[serde(flatten)]
    entry: &'a Entry,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
enum Side {
    Cursor(Cursor),
    Outcome(Outcome),
}

#[derive(Deserialize)]
struct Probe {
    v: Option<u32>,
}

/// The bytes of an entry.
///
/// # Errors
/// [`CodecError`] when the entry would not read back as it is (a number that is none): it must not be stored.
pub fn entry_bytes(entry: &Entry) -> Result<Vec<u8>, CodecError> {
    let bytes = serde_json::to_vec(&EntryOut { v: VERSION, entry })?;
    let _: Entry = serde_json::from_slice(&bytes)?;
    Ok(bytes)
}

/// The bytes of a cursor.
#[must_use]
pub fn cursor_bytes(cursor: &Cursor) -> Vec<u8> {
    serde_json::to_vec(&Side::Cursor(cursor.clone())).unwrap_or_default()
}

/// The bytes of an outcome.
#[must_use]
pub fn outcome_bytes(outcome: &Outcome) -> Vec<u8> {
    serde_json::to_vec(&Side::Outcome(outcome.clone())).unwrap_or_default()
}

/// Reads one record.
///
/// # Errors
/// [`CodecError`] when the bytes are not a record that this program knows.
pub fn decode(bytes: &[u8]) -> Result<Record, CodecError> {
    let probe: Probe = serde_json::from_slice(bytes)?;
    match probe.v {
        None => Ok(match serde_json::from_slice(bytes)? {
            Side::Cursor(cursor) => Record::Cursor(cursor),
            Side::Outcome(outcome) => Record::Outcome(outcome),
        }),
        Some(VERSION) => Ok(Record::Entry(Box::new(serde_json::from_slice(bytes)?))),
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
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}
