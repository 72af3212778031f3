//! Names that are not answered, as data: a file that somebody else maintains.
//!
//! A name is blocked with everything below it. Invariants: names are stored as sorted 64-bit
//! hashes, so 200,000 of them take 1.6 MB; nothing of the list can be read back. A bad line is
//! reported and left out, it does not spoil the rest. Whether the list is used at all is decided
//! elsewhere, and recorded.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::BufRead;

use super::host_name::{HostNameError, wire_name_of};
use super::question::self_and_parents;

/// Most names of a list.
pub const MAX_NAMES: usize = 500_000;
/// Longest line, bytes: a name, an address before it and a remark behind it.
const MAX_LINE_BYTES: usize = 1_024;
/// Most bad lines that are reported one by one.
const MAX_BAD_LINES: usize = 20;

/// Why a line is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It is no name that can be blocked.
    #[error(transparent)]
    Name(#[from] HostNameError),
    /// It is longer than a line may be.
    #[error("the line is too long")]
    TooLong,
    /// It is not UTF-8.
    #[error("the line is not UTF-8")]
    NotText,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum BlockListError {
    /// The file cannot be read.
    #[error("the block list cannot be read")]
    Unreadable(#[from] std::io::Error),
    /// It has more names than memory is given for.
    #[error("the block list has more than {MAX_NAMES} names")]
    TooMany,
}

/// The names.
#[derive(Debug, Default)]
pub struct BlockList(Box<[u64]>);

/// A list as it was read.
#[derive(Debug)]
pub struct LoadedBlockList {
    /// Its names.
    pub list: BlockList,
    /// How many lines are not used.
    pub bad_count: usize,
    /// The first of them by number, from 1.
    pub bad_lines: Vec<(usize, BadLine)>,
}

impl BlockList {
    /// Reads one name a line. Empty lines and remarks behind `#` are left out; an address before
    /// the name, as in files for `/etc/hosts`, and `*.` are too.
    ///
    /// # Errors
    /// [`BlockListError`].
    pub fn load(from: impl BufRead) -> Result<LoadedBlockList, BlockListError> {
        Self::load_at_most(MAX_NAMES, from)
    }

    pub(super) fn load_at_most(
        most: usize,
        mut from: impl BufRead,
    ) -> Result<LoadedBlockList, BlockListError> {
        let mut hashes = Vec::new();
        let (mut bad_count, mut bad_lines) = (0, Vec::new());
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let is_long = !read_line(&mut from, &mut line)?;
            if line.is_empty() {
                break;
            }
            let hash = if is_long {
                Err(BadLine::TooLong)
            } else {
                hash_of_line(&line)
            };
            match hash {
                Ok(None) => {}
                Ok(Some(_)) if hashes.len() >= most => return Err(BlockListError::TooMany),
                Ok(Some(hash)) => hashes.push(hash),
                Err(why) => {
                    bad_count += 1;
                    if bad_lines.len() < MAX_BAD_LINES {
                        bad_lines.push((number, why));
                    }
                }
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        Ok(LoadedBlockList {
            list: Self(hashes.into()),
            bad_count,
            bad_lines,
        })
    }

    /// Whether the list has the name or one above it. The name is on the wire, in lower case.
    #[must_use]
    pub fn blocks(&self, lower_name: &[u8]) -> bool {
        self_and_parents(lower_name).any(|name| self.0.binary_search(&hash(name)).is_ok())
    }

    /// How many names it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of memory that it takes.
    #[cfg(test)]
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Reads a line with its end; false = it was too long, and is read to its end without being stored.
fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut is_whole = true;
    loop {
        let part = from.fill_buf()?;
        let end = part.iter().position(|b| *b == b'\n').map(|at| at + 1);
        let length = end.unwrap_or(part.len());
        if line.len() + length <= MAX_LINE_BYTES {
            line.extend_from_slice(&part[..length]);
        } else {
            is_whole = false;
            // It is not empty, for the end of the file is.
            line.resize(1, b'#');
        }
        from.consume(length);
        if end.is_some() || length == 0 {
            return Ok(is_whole);
        }
    }
}

fn hash_of_line(line: &[u8]) -> Result<Option<u64>, BadLine> {
    let line = std::str::from_utf8(line).map_err(|_| BadLine::NotText)?;
    let text = line.split('#').next().unwrap_or_default();
    let mut parts = text.trim_start_matches('\u{feff}').split_whitespace();
    let Some(first) = parts.next() else {
        return Ok(None);
    };
    let is_address = first.parse::<std::net::IpAddr>().is_ok();
    let host = if is_address {
        parts.next().ok_or(HostNameError::NotAName)?
    } else {
        first
    };
    if parts.next().is_some() {
        return Err(HostNameError::NotAName.into());
    }
    let host = host.strip_prefix("*.").unwrap_or(host);
    Ok(Some(hash(&wire_name_of(host)?)))
}

/// A name that is not on a list of 200,000 is taken for one of it once in some 10^14 questions.
fn hash(wire_name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(wire_name);
    hasher.finish()
}
