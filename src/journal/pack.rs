//! Packs: immutable files of compressed blocks of older entries.
//!
//! A file `<first seq>.pack` (16 hexadecimal digits) begins with magic `CLHP`, version u16, zero
//! u16, CRC32C u32 of the heads, and 256 bytes: the chain heads before its first entry and after
//! its last. Then blocks: magic `CLHB`, version u16, count u16, first seq u64, last seq u64, epoch
//! 16 B, compressed length u32, raw length u32, CRC32C u32 (block header without this field, and
//! payload), payload = zstd of (u32 length, bytes) each. A block holds at most 100 entries of one
//! epoch.
//!
//! Invariants: a number of a block header is believed only when the neighbouring blocks or the
//! checksum of its own block confirm it, so corruption costs only the block that it hits; a pack
//! ends with a block that is whole.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoredEntry;
use super::chain::Heads;
use super::codec;
use crate::domain::event::Event;
use crate::domain::history;
use crate::log::disk::write_atomic;
use crate::log::frame::Epoch;

/// Entries of a block.
pub const BLOCK_ENTRIES: usize = 100;
const HEADER_BYTES: usize = 268;
const BLOCK_HEADER_BYTES: usize = 52;
/// Bytes of one read of headers.
const READ_BYTES: usize = 32 * 1024;
const MAX_RAW_BYTES: usize = 64 * 1024 * 1024;
const MAGIC: &[u8] = b"CLHB";

/// One pack file.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its file.
    pub path: PathBuf,
    /// First entry.
    pub first: u64,
    /// Last entry.
    pub last: u64,
    /// Chain heads before its first entry.
    pub heads: Heads,
    /// Chain heads after its last entry.
    pub end: Heads,
    /// Its blocks.
    pub blocks: Vec<Block>,
}

/// Where a block is, and which entries it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Offset of its header in the file, bytes.
    pub at: u64,
    /// First entry.
    pub first: u64,
    /// Last entry.
    pub last: u64,
    /// Its epoch.
    pub epoch: Epoch,
    compressed: u32,
    raw: u32,
    crc: u32,
}

fn invalid_data(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Writes entries as one pack file, durable with its name.
///
/// # Errors
/// An error of the file system; then no file is left under the pack's name.
pub fn write(
    folder: &Path,
    heads: &Heads,
    end: &Heads,
    entries: &[Arc<StoredEntry>],
) -> io::Result<Pack> {
    let Some(first) = entries.first().map(|e| e.entry.seq) else {
        return Err(invalid_data("nothing to pack"));
    };
    let mut out = Vec::new();
    out.extend_from_slice(b"CLHP");
    out.extend_from_slice(&1u16.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    let both = [heads.stamp(), end.stamp()].concat();
    out.extend_from_slice(&crc32c::crc32c(&both).to_le_bytes());
    out.extend_from_slice(&both);
    let mut rest = entries;
    while let Some(start) = rest.first() {
        let n = rest
            .iter()
            .take(BLOCK_ENTRIES)
            .take_while(|e| e.epoch == start.epoch)
            .count();
        let (block, after) = rest.split_at(n);
        let mut raw = Vec::new();
        for e in block {
            raw.extend_from_slice(
                &u32::try_from(e.bytes.len())
                    .unwrap_or(u32::MAX)
                    .to_le_bytes(),
            );
            raw.extend_from_slice(&e.bytes);
        }
        let payload = zstd::bulk::compress(&raw, 3)?;
        let mut head = Vec::with_capacity(BLOCK_HEADER_BYTES);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&1u16.to_le_bytes());
        head.extend_from_slice(&u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes());
        head.extend_from_slice(&start.entry.seq.to_le_bytes());
        head.extend_from_slice(&block.last().map_or(0, |e| e.entry.seq).to_le_bytes());
        head.extend_from_slice(&start.epoch);
        head.extend_from_slice(
            &u32::try_from(payload.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        head.extend_from_slice(&u32::try_from(raw.len()).unwrap_or(u32::MAX).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head), &payload);
        head.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(&payload);
        rest = after;
    }
    let path = folder.join(format!("{first:016x}.pack"));
    write_atomic(&path, &out)?;
    open(&path)
}

/// Reads a pack's head and the places of its blocks. Where a block header contradicts its
/// neighbours, or the last block is not whole, the file is searched for whole blocks. Blocks that
/// are lost between others are then given as one block that cannot be read. Blocks that are lost at
/// the end are left out, as if the pack had ended before them.
///
/// # Errors
/// When the file cannot be read, its head is damaged or nothing in it is whole; `Unsupported` when
/// a newer program wrote it.
pub fn open(path: &Path) -> io::Result<Pack> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = [0; HEADER_BYTES];
    file.read_exact(&mut head)?;
    let named = path
        .file_stem()
        .and_then(|n| u64::from_str_radix(n.to_str()?, 16).ok())
        .unwrap_or(0);
    // No checksum covers the version in the head. The version of a block is under the block's
    // checksum.
    let is_newer = head.starts_with(b"CLHP") && u16::from_le_bytes([head[4], head[5]]) > 1;
    if !head.starts_with(b"CLHP") || crc32c::crc32c(&head[12..]).to_le_bytes() != head[8..12] {
        let is_ours = !is_newer
            || recover_blocks(&std::fs::read(path)?, named)
                .is_ok_and(|(blocks, _)| !blocks.is_empty());
        return Err(if is_ours {
            invalid_data("the head of the pack is damaged")
        } else {
            unsupported_version()
        });
    }
    let (mut before, mut after) = ([0; 128], [0; 128]);
    before.copy_from_slice(&head[12..140]);
    after.copy_from_slice(&head[140..]);
    let (heads, mut end) = (Heads::from_stamp(&before), Heads::from_stamp(&after));
    let quick = if is_newer {
        None
    } else {
        read_block_index(&file, size, named)?
    };
    // A medium that cannot read the last block now may read it later. The block counts as whole
    // then, because its numbers are those that its place requires.
    let is_whole = |block: &Block| {
        payload(path, block).map_or_else(
            |cause| {
                !matches!(
                    cause.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                )
            },
            |_| true,
        )
    };
    let blocks = match quick {
        Some(blocks) if blocks.last().is_some_and(is_whole) => blocks,
        _ => {
            let bytes = std::fs::read(path)?;
            let (blocks, is_short) = recover_blocks(&bytes, named).map_err(|cause| {
                if is_newer {
                    unsupported_version()
                } else {
                    cause
                }
            })?;
            if is_short {
                tracing::error!(
                    path = %path.display(),
                    through = blocks.last().map_or(0, |b| b.last),
                    "history pack truncated or damaged at its end; valid part used"
                );
                end = heads_after(path, heads, &blocks).unwrap_or(end);
            }
            blocks
        }
    };
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
        return Err(if is_newer {
            unsupported_version()
        } else {
            invalid_data("the pack is empty")
        });
    };
    Ok(Pack {
        path: path.to_owned(),
        first: first.first,
        last: last.last,
        heads,
        end,
        blocks,
    })
}

fn unsupported_version() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the pack was written by a newer version of this program",
    )
}

fn version_of(head: &[u8; BLOCK_HEADER_BYTES]) -> u16 {
    u16::from_le_bytes([head[4], head[5]])
}

impl Block {
    /// The block that the header at byte `at` describes, and whether the header can be right.
    fn of(head: &[u8; BLOCK_HEADER_BYTES], at: u64) -> (Self, bool) {
        let u32_at =
            |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
        let u64_at = |i: usize| u64::from(u32_at(i)) | u64::from(u32_at(i + 4)) << 32;
        let block = Self {
            at,
            first: u64_at(8),
            last: u64_at(16),
            epoch: copy16(&head[24..40]),
            compressed: u32_at(40),
            raw: u32_at(44),
            crc: u32_at(48),
        };
        let count = u64::from(u16::from_le_bytes([head[6], head[7]]));
        let counts = (1..=BLOCK_ENTRIES as u64).contains(&count)
            && block.last.checked_sub(block.first) == Some(count - 1);
        (
            block,
            head.starts_with(MAGIC) && version_of(head) == 1 && counts,
        )
    }

    /// The byte at which the next block begins.
    fn next(&self) -> u64 {
        self.at + BLOCK_HEADER_BYTES as u64 + u64::from(self.compressed)
    }
}

/// The blocks, when each begins with the entry after the block before; none = one does not, or its
/// header cannot be right.
fn read_block_index(file: &File, size: u64, named: u64) -> io::Result<Option<Vec<Block>>> {
    // Blocks are often smaller than what the kernel reads ahead: one read serves many headers.
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    file.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = HEADER_BYTES as u64;
    while at < size {
        if size - at < BLOCK_HEADER_BYTES as u64 {
            return Ok(None);
        }
        let mut head = [0; BLOCK_HEADER_BYTES];
        file.read_exact(&mut head)?;
        let (block, is_sound) = Block::of(&head, at);
        let expected = blocks.last().map_or(named, |b| b.last + 1);
        if !is_sound || block.first != expected || block.next() > size {
            return Ok(None);
        }
        file.seek_relative(i64::from(block.compressed))?;
        at = block.next();
        blocks.push(block);
    }
    Ok(Some(blocks))
}

/// The blocks of a file that is partly damaged, and whether something at its end was left out.
/// `named` is the first entry according to the file's name.
fn recover_blocks(bytes: &[u8], named: u64) -> io::Result<(Vec<Block>, bool)> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut at, mut lost, mut whole) = (HEADER_BYTES, None, 0);
    while let Some(head) = bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<BLOCK_HEADER_BYTES>())
    {
        let (block, is_sound) = Block::of(head, at as u64);
        let next = usize::try_from(block.next()).unwrap_or(usize::MAX);
        let is_whole = head.starts_with(MAGIC)
            && bytes
                .get(at + BLOCK_HEADER_BYTES..next)
                .is_some_and(|payload| {
                    crc32c::crc32c_append(crc32c::crc32c(&head[..48]), payload) == block.crc
                });
        if is_whole && version_of(head) > 1 {
            return Err(unsupported_version());
        }
        let follows =
            blocks.last().map_or(0, |b| b.last) < block.first && block.first <= block.last;
        let expected = blocks.last().map_or(named, |b| b.last + 1);
        let leads_on = is_sound
            && lost.is_none()
            && block.first == expected
            && bytes
                .get(next..)
                .is_some_and(|rest| rest.starts_with(MAGIC));
        if follows && (is_whole || leads_on) {
            if let Some(begins) = lost.take()
                && block.first != expected
            {
                if !(1..block.first).contains(&expected) {
                    return Err(invalid_data("the first block of the pack is damaged"));
                }
                // Reading this block fails, because its checksum is wrong. Only its numbers matter,
                // and the neighbouring blocks bound them.
                let compressed = u32::try_from(at.saturating_sub(begins + BLOCK_HEADER_BYTES))
                    .unwrap_or(u32::MAX);
                blocks.push(Block {
                    at: begins as u64,
                    first: expected,
                    last: block.first - 1,
                    compressed,
                    ..block
                });
            }
            blocks.push(block);
            if is_whole {
                whole = blocks.len();
            }
            at = next;
        } else {
            lost.get_or_insert(at);
            let Some(found) = bytes
                .get(at + 1..)
                .and_then(|rest| rest.windows(MAGIC.len()).position(|w| w == MAGIC))
            else {
                break;
            };
            at += 1 + found;
        }
    }
    let is_short = lost.is_some() || at < bytes.len() || whole < blocks.len();
    blocks.truncate(whole);
    Ok((blocks, is_short))
}

/// The heads after the last of `blocks`; none = a block cannot be read.
fn heads_after(path: &Path, mut heads: Heads, blocks: &[Block]) -> Option<Heads> {
    for block in blocks {
        for e in read(path, block).ok()? {
            if matches!(e.entry.event, Event::History(history::Event::Booted { .. })) {
                heads = heads.start_epoch(&e.epoch);
            }
            heads.append(e.entry.lane, &e.bytes);
        }
    }
    Some(heads)
}

fn copy16(bytes: &[u8]) -> Epoch {
    let mut out = [0; 16];
    out.copy_from_slice(bytes);
    out
}

/// The compressed payload of a block, when its checksum is right.
fn payload(pack: &Path, block: &Block) -> io::Result<Vec<u8>> {
    let mut file = File::open(pack)?;
    let mut head = [0; BLOCK_HEADER_BYTES];
    file.seek(SeekFrom::Start(block.at))?;
    file.read_exact(&mut head)?;
    let mut payload = vec![0; block.compressed as usize];
    file.read_exact(&mut payload)?;
    // The checksum is read from the file: `block.crc` of a lost block is its neighbour's.
    if crc32c::crc32c_append(crc32c::crc32c(&head[..48]), &payload).to_le_bytes() != head[48..] {
        return Err(invalid_data("a block of the pack is damaged"));
    }
    Ok(payload)
}

/// Reads one block.
///
/// # Errors
/// When the file cannot be read, or the block is damaged.
pub fn read(pack: &Path, block: &Block) -> io::Result<Vec<Arc<StoredEntry>>> {
    let payload = payload(pack, block)?;
    let raw = zstd::bulk::decompress(&payload, (block.raw as usize).min(MAX_RAW_BYTES))?;
    let mut out = Vec::with_capacity(BLOCK_ENTRIES);
    let mut rest = raw.as_slice();
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_le_bytes(*len) as usize;
        let Some((bytes, after)) = after.split_at_checked(len) else {
            return Err(invalid_data("a block of the pack is damaged"));
        };
        let codec::JournalRecord::Entry(entry) = codec::decode(bytes).map_err(io::Error::other)?
        else {
            return Err(invalid_data("a block of the pack holds something else"));
        };
        if !(block.first..=block.last).contains(&entry.seq) {
            return Err(invalid_data(
                "a block of the pack is not the one that its header says",
            ));
        }
        out.push(Arc::new(StoredEntry {
            epoch: block.epoch,
            bytes: bytes.into(),
            entry: *entry,
        }));
        rest = after;
    }
    Ok(out)
}

/// The packs of a folder, oldest first, and the files that are damaged. Nothing is changed.
///
/// # Errors
/// When the folder cannot be read, or a pack was written by a newer program (`Unsupported`).
pub fn list(folder: &Path) -> io::Result<(Vec<Pack>, Vec<PathBuf>)> {
    let mut packs = Vec::new();
    let mut damaged = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "pack") {
            continue;
        }
        match open(&path) {
            Ok(pack) => packs.push(pack),
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                damaged.push(path);
            }
            Err(cause) if cause.kind() == io::ErrorKind::Unsupported => return Err(cause),
            // A transient error must not cost a good file: the file is left as it is and is only
            // missing in this boot.
            Err(cause) => {
                tracing::error!(%cause, path = %path.display(), "reading history pack failed");
            }
        }
    }
    packs.sort_by_key(|p| p.first);
    Ok((packs, damaged))
}
