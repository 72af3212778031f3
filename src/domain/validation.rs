//! The bounds of everything that a command may carry into history, for every audience; each noun
//! checks its commands against them.
//!
//! Invariants: a command that passes has clean lines of a stated length where people read them,
//! short texts where machines compare them, and finite numbers within their bounds. So no page
//! holds more than is stated here, whatever the sender of a command forgot to check. Where people
//! type, the audience cleans the text first ([`name`]) and shows what was too long; here nothing is
//! mended, only rejected.

use super::blob::{BlobRef, MAX_BLOB_BYTES, MAX_FILE_BYTES};
use super::rejection::Rejection;
use super::text::{self, MAX_NAME_CHARS};

/// A number beyond this, positive or negative, is no value of anything that a village measures.
pub const MAX_ABS_VALUE: f64 = 1e12;
/// Most thresholds of a sensor.
pub const MAX_THRESHOLDS: usize = 16;
/// Most decimals of a sensor.
pub const MAX_DECIMALS: u8 = 6;
/// Most horns of one cluster.
pub const MAX_HORNS: u8 = 64;
/// Longest text that machines compare (a topic, a payload, a filter), bytes.
pub const MAX_MACHINE_TEXT_BYTES: usize = 1024;
/// Longest name of a field or a class, bytes.
pub(super) const MAX_FIELD_BYTES: usize = 64;
/// Wall times from here on (9999-01-01), ms, are rejected: from the year 10000 a date is not
/// written with four digits.
pub const MAX_WALL_MS: i64 = 253_370_764_800_000;

/// The names of the parts of a command in a rejection; each is the end of a key `part-…`.
pub const FIELD_NAMES: [&str; 36] = [
    "name",
    "commune",
    "unit",
    "model",
    "class",
    "topic",
    "payload",
    "field",
    "secret",
    "text",
    "epoch",
    "place",
    "decimals",
    "marks",
    "value",
    "horns",
    "cameras",
    "until",
    "scopes",
    "hours",
    "session",
    "quota",
    "speed",
    "devices",
    "keep-days",
    "garden",
    "garden-probe",
    "mac",
    "address",
    "moment",
    "attachments",
    "file",
    "roads",
    "houses",
    "consent",
    "procedures",
];

/// A part of a command that is beyond its bounds: `what` is one of [`FIELD_NAMES`], `most` the most
/// characters that are allowed.
fn invalid(what: &str, most: usize) -> Rejection {
    Rejection::Invalid {
        what: what.to_owned(),
        most: most as u64,
    }
}

pub(super) fn ensure(good: bool, what: &str, most: usize) -> Result<(), Rejection> {
    if good {
        Ok(())
    } else {
        Err(invalid(what, most))
    }
}

/// A name as a person typed it, cleaned.
///
/// # Errors
/// [`Rejection::Invalid`] when it has no visible character, or more than [`MAX_NAME_CHARS`]
/// characters.
pub fn name(text: &str) -> Result<String, Rejection> {
    let clean = text::line(text, usize::MAX);
    check_name("name", &clean).map(|()| clean)
}

pub(super) fn check_name(what: &str, text: &str) -> Result<(), Rejection> {
    ensure(
        !text.is_empty() && text::is_line(text, MAX_NAME_CHARS),
        what,
        MAX_NAME_CHARS,
    )
}

pub(super) fn check_line(what: &str, text: &str, most: usize) -> Result<(), Rejection> {
    ensure(text::is_line(text, most), what, most)
}

/// A text that machines compare; only its length counts.
pub(super) fn check_machine_text(what: &str, text: &str, most: usize) -> Result<(), Rejection> {
    ensure(text.len() <= most, what, most)
}

pub(super) fn check_topic(text: &str) -> Result<(), Rejection> {
    ensure(
        text.len() <= MAX_MACHINE_TEXT_BYTES && !text.chars().any(text::is_hidden),
        "topic",
        MAX_MACHINE_TEXT_BYTES,
    )
}

pub(super) fn check_hash(what: &str, text: &str) -> Result<(), Rejection> {
    ensure(
        text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        what,
        64,
    )
}

pub(super) fn check_blob(blob: &BlobRef) -> Result<(), Rejection> {
    check_hash("text", &blob.mac)?;
    ensure(blob.len <= MAX_BLOB_BYTES as u64, "text", MAX_BLOB_BYTES)
}

/// A file of the village, of at most `most` bytes.
pub(super) fn check_file(blob: &BlobRef, most: usize) -> Result<(), Rejection> {
    check_hash("file", &blob.mac)?;
    ensure(blob.len <= most.min(MAX_FILE_BYTES) as u64, "file", 0)
}

/// Whether a number may be stored in history.
#[must_use]
pub fn is_value(number: f64) -> bool {
    number.is_finite() && number.abs() < MAX_ABS_VALUE
}

pub(super) fn check_number(what: &str, good: bool) -> Result<(), Rejection> {
    ensure(good, what, 0)
}

/// Whether a number is an angle of at most so many degrees either way.
#[must_use]
pub fn is_degrees(number: f64, most: f64) -> bool {
    number.is_finite() && number.abs() <= most
}

/// Whether these may be the thresholds of a sensor.
#[must_use]
pub fn are_thresholds(marks: &[f64]) -> bool {
    marks.len() <= MAX_THRESHOLDS && marks.iter().all(|m| is_value(*m))
}

#[cfg(test)]
mod tests;
