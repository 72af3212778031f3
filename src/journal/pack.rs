//! Packed history: immutable files of compressed blocks.
//!
//! A file `<first seq>.pack` (16 hexadecimal digits) begins with magic `CLHP`, version u16, zero u16, CRC32C
//! u32 of the heads, and 256 bytes: the chain heads before its first entry and after its last. Then blocks: magic `CLHB`,
//! version u16, count u16, first seq u64, last seq u64, epoch 16 B, compressed length u32, raw length u32,
//! CRC32C u32 (block header without this field, and payload), payload = zstd of (u32 length, bytes) each.
//! A block holds at most 100 entries of one epoch.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Stored;
use super::chain::Heads;
use super::codec;
use crate::log::disk::write_whole;
use crate::log::frame::Epoch;

/// Entries of a block.
pub const BLOCK_ENTRIES: usize = 100;
const HEAD: usize = 268;
const BLOCK_HEAD: usize = 52;
const RAW_MAX: usize = 64 * 1024 * 1024;

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

/// Where a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Byte of its header.
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

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Writes entries as one pack file, durable with its name.
///
/// # Errors
/// Whatever the file system says; no file is left under its name then.
pub fn write(folder: &Path, heads: &Heads, end: &Heads, entries: &[Arc<Stored>]) -> io::Result<Pack> {
    let Some(first) = entries.first().map(|e| e.entry.seq) else { return Err(broken("nothing to pack")) };
    let mut out = Vec::new();
    out.extend_from_slice(b"CLHP");
    out.extend_from_slice(&1u16.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    let both = [heads.stamp(), end.stamp()].concat();
    out.extend_from_slice(&crc32c::crc32c(&both).to_le_bytes());
    out.extend_from_slice(&both);
    let mut rest = entries;
    while let Some(start) = rest.first() {
        let n = rest.iter().take(BLOCK_ENTRIES).take_while(|e| e.epoch == start.epoch).count();
        let (block, after) = rest.split_at(n);
        let mut raw = Vec::new();
        for e in block {
            raw.extend_from_slice(&u32::try_from(e.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            raw.extend_from_slice(&e.bytes);
        }
        let payload = zstd::bulk::compress(&raw, 3)?;
        let mut head = Vec::with_capacity(BLOCK_HEAD);
        head.extend_from_slice(b"CLHB");
        head.extend_from_slice(&1u16.to_le_bytes());
        head.extend_from_slice(&u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes());
        head.extend_from_slice(&start.entry.seq.to_le_bytes());
        head.extend_from_slice(&block.last().map_or(0, |e| e.entry.seq).to_le_bytes());
        head.extend_from_slice(&start.epoch);
        head.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(&u32::try_from(raw.len()).unwrap_or(u32::MAX).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head), &payload);
        head.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(&payload);
        rest = after;
    }
    let path = folder.join(format!("{first:016x}.pack"));
    write_whole(&path, &out)?;
    open(&path)
}

/// Reads a pack's head and the places of its blocks; payloads are checked when they are read.
///
/// # Errors
/// When the file cannot be read or its head is damaged.
pub fn open(path: &Path) -> io::Result<Pack> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = [0; HEAD];
    file.read_exact(&mut head)?;
    if &head[..4] == b"CLHP" && u16::from_le_bytes([head[4], head[5]]) > 1 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the pack was written by a newer version of this program"));
    }
    if &head[..4] != b"CLHP" || crc32c::crc32c(&head[12..]).to_le_bytes() != head[8..12] {
        return Err(broken("the head of the pack is damaged"));
    }
    let (mut stamp, mut end) = ([0; 128], [0; 128]);
    stamp.copy_from_slice(&head[12..140]);
    end.copy_from_slice(&head[140..]);
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = HEAD as u64;
    while at < size {
        let mut b = [0; BLOCK_HEAD];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut b)?;
        let u32_at = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        let u64_at = |i: usize| u64::from(u32_at(i)) | u64::from(u32_at(i + 4)) << 32;
        let block = Block { at, first: u64_at(8), last: u64_at(16), epoch: copy16(&b[24..40]), compressed: u32_at(40), raw: u32_at(44), crc: u32_at(48) };
        let next = at + BLOCK_HEAD as u64 + u64::from(block.compressed);
        let follows = blocks.last().is_none_or(|p| p.last < block.first);
        if &b[..4] != b"CLHB" || next > size || block.first > block.last || !follows {
            return Err(broken("a block of the pack is damaged"));
        }
        blocks.push(block);
        at = next;
    }
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Err(broken("the pack is empty")) };
    Ok(Pack { path: path.to_owned(), first: first.first, last: last.last, heads: Heads::from_stamp(&stamp), end: Heads::from_stamp(&end), blocks })
}

fn copy16(bytes: &[u8]) -> Epoch {
    let mut out = [0; 16];
    out.copy_from_slice(bytes);
    out
}

/// Reads one block.
///
/// # Errors
/// When the file cannot be read, or what it holds is not what was written.
pub fn read(pack: &Path, block: &Block) -> io::Result<Vec<Arc<Stored>>> {
    let mut file = File::open(pack)?;
    let mut head = [0; BLOCK_HEAD];
    file.seek(SeekFrom::Start(block.at))?;
    file.read_exact(&mut head)?;
    let mut payload = vec![0; block.compressed as usize];
    file.read_exact(&mut payload)?;
    if crc32c::crc32c_append(crc32c::crc32c(&head[..48]), &payload) != block.crc {
        return Err(broken("a block of the pack is damaged"));
    }
    let raw = zstd::bulk::decompress(&payload, (block.raw as usize).min(RAW_MAX))?;
    let mut out = Vec::with_capacity(BLOCK_ENTRIES);
    let mut rest = raw.as_slice();
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_le_bytes(*len) as usize;
        let Some((bytes, after)) = after.split_at_checked(len) else { return Err(broken("a block of the pack is damaged")) };
        let codec::Record::Entry(entry) = codec::decode(bytes).map_err(io::Error::other)? else {
            return Err(broken("a block of the pack holds something else"));
        };
        out.push(Arc::new(Stored { epoch: block.epoch, bytes: bytes.into(), entry: *entry }));
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
            Err(cause) if matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => damaged.push(path),
            Err(cause) if cause.kind() == io::ErrorKind::Unsupported => return Err(cause),
            // A passing error must not cost a good file: it is left and only missing in this boot.
            Err(cause) => tracing::error!(%cause, path = %path.display(), "packed history could not be read"),
        }
    }
    packs.sort_by_key(|p| p.first);
    Ok((packs, damaged))
}
