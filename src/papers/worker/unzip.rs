//! The files within an office paper: a zip, as far as office programs use it.
//!
//! Invariants: the list of entries is taken from the end of the file, and no size that it tells is
//! believed: what is unpacked is counted, over all entries together. Deliberately absent: zip64,
//! other methods than deflate, entries by anything but their name.

use std::io::Read as _;

use crate::protocol::paper::PaperProblem;

/// Most entries.
const MAX_ENTRIES: usize = 2_000;
/// Most bytes that are unpacked, of all entries together.
const MAX_UNPACKED_BYTES: u64 = 32 * 1024 * 1024;
/// How far from the end the list's place is looked for: its record and the longest comment.
const TAIL_BYTES: usize = 22 + 65_535;

/// A file within.
struct ZipEntry {
    name: String,
    is_deflated: bool,
    packed_bytes: usize,
    offset: usize,
}

/// The files within, and how much may still be unpacked.
pub(super) struct Unzipped<'a> {
    content: &'a [u8],
    entries: Vec<ZipEntry>,
    left: u64,
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?) as usize)
}

impl<'a> Unzipped<'a> {
    /// Reads the list of entries.
    pub(super) fn open(content: &'a [u8]) -> Result<Self, PaperProblem> {
        let entries = entries(content).ok_or(PaperProblem::Unreadable)??;
        Ok(Self {
            content,
            entries,
            left: MAX_UNPACKED_BYTES,
        })
    }

    /// The names of all entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Unpacks an entry; none = there is none of this name.
    pub(super) fn unpack(&mut self, name: &str) -> Result<Option<Vec<u8>>, PaperProblem> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Ok(None);
        };
        let packed = packed(self.content, entry).ok_or(PaperProblem::Unreadable)?;
        let mut out = Vec::new();
        let most = self.left + 1;
        let read = if entry.is_deflated {
            let inflated = flate2::read::DeflateDecoder::new(packed);
            inflated.take(most).read_to_end(&mut out)
        } else {
            packed.take(most).read_to_end(&mut out)
        };
        read.map_err(|_| PaperProblem::Unreadable)?;
        self.left = self
            .left
            .checked_sub(out.len() as u64)
            .ok_or(PaperProblem::TooLarge)?;
        Ok(Some(out))
    }
}

fn packed<'a>(content: &'a [u8], entry: &ZipEntry) -> Option<&'a [u8]> {
    let head = entry.offset;
    if content.get(head..head.checked_add(4)?)? != b"PK\x03\x04" {
        return None;
    }
    let names = short(content, head + 26)? + short(content, head + 28)?;
    let from = head + 30 + names;
    content.get(from..from.checked_add(entry.packed_bytes)?)
}

/// The entries; the inner error is a bound.
fn entries(content: &[u8]) -> Option<Result<Vec<ZipEntry>, PaperProblem>> {
    let tail = content.len().saturating_sub(TAIL_BYTES);
    let end = tail + memchr::memmem::rfind(&content[tail..], b"PK\x05\x06")?;
    let count = short(content, end + 10)?;
    let mut at = long(content, end + 16)?;
    if count > MAX_ENTRIES {
        return Some(Err(PaperProblem::TooLarge));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        if content.get(at..at.checked_add(4)?)? != b"PK\x01\x02" {
            return None;
        }
        if short(content, at + 8)? & 1 == 1 {
            return Some(Err(PaperProblem::Encrypted));
        }
        let method = short(content, at + 10)?;
        let name_length = short(content, at + 28)?;
        let name = content.get(at + 46..at + 46 + name_length)?;
        if method == 0 || method == 8 {
            entries.push(ZipEntry {
                name: String::from_utf8_lossy(name).into_owned(),
                is_deflated: method == 8,
                packed_bytes: long(content, at + 20)?,
                offset: long(content, at + 42)?,
            });
        }
        at += 46 + name_length + short(content, at + 30)? + short(content, at + 32)?;
    }
    Some(Ok(entries))
}
