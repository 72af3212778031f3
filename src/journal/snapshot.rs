//! Snapshots: the state and everything else that a boot needs, so that the log stays short.
//!
//! Versions 2 to 5 have the shape of version 1. They stand for a history with entries of versions 3
//! to 6 of the codec, so that an older program calls the folder newer even when no entry is left in
//! the log. So the version rises with that of the codec.
//!
//! A file `<seq>.snap` (16 hexadecimal digits): magic `CLSN`, version u16, zero u16, CRC32C u32 of
//! the payload, payload = zstd of JSON. The two newest are stored, and the newest once more as
//! `spare/state`, in another folder under another name. A damaged snapshot is replaced by another
//! one plus packed history. Only when history was trimmed is a snapshot more than a shortcut:
//! nothing else then knows the village as it was before, so trimming asks [`count_covering`] first.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chain::Heads;
use super::codec::{self, Outcome};
use crate::domain::id::CommandId;
use crate::domain::state::VillageState;
use crate::keys::secret;
use crate::log::disk::write_atomic;
use crate::log::frame::Epoch;
use crate::log::recover::Floor;

/// The version that is written.
pub(super) const VERSION: u16 = 8;
const _: () = assert!(
    VERSION as u32 + 1 == codec::VERSION,
    "the version of snapshots rises with that of entries"
);
/// Largest snapshot that is read, uncompressed.
const MAX_RAW_BYTES: usize = 256 * 1024 * 1024;
/// Snapshots that are stored, without the spare.
const SNAPSHOTS_KEPT: usize = 2;

/// The content of a snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The village after entry `state.seq`.
    pub state: Arc<VillageState>,
    /// The outcomes of commands that have an id.
    pub outcomes: Arc<BTreeMap<CommandId, Outcome>>,
    /// The cursors of the feeds.
    pub cursors: BTreeMap<String, u64>,
    /// Chain heads after `state.seq`.
    pub heads: Heads,
    /// The place in the log from which on it is needed.
    pub floor: Floor,
    /// The epochs that still have entries here, oldest first.
    pub epochs: Vec<EpochSpan>,
    /// The oldest entry that history still had; 0 = not known (written by an older program).
    pub first: u64,
}

impl Snapshot {
    /// The last entry that must have existed, because a cursor, an outcome or a boot names it.
    #[must_use]
    pub fn last_proven_seq(&self) -> u64 {
        let cursors = self.cursors.values().copied();
        let outcomes = self
            .outcomes
            .values()
            .filter_map(|o| o.result.as_ref().ok().map(|r| r.1));
        cursors
            .chain(outcomes)
            .chain(self.epochs.last().map(|e| e.last))
            .max()
            .unwrap_or(0)
            .max(self.state.seq)
    }
}

/// One boot's run of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochSpan {
    /// Its epoch, which names the boot.
    pub epoch: Epoch,
    /// The number of the boot.
    pub boot: u64,
    /// First entry.
    pub first: u64,
    /// Last entry known.
    pub last: u64,
    /// Last `lane_seq` of each lane.
    pub lanes: [u64; 4],
    /// Chain heads with which it began.
    pub start: Heads,
}

#[derive(Serialize, Deserialize)]
struct SnapshotBody {
    v: u32,
    state: Arc<VillageState>,
    outcomes: Vec<Outcome>,
    cursors: BTreeMap<String, u64>,
    heads: Vec<String>,
    floor: (u64, String, u64),
    epochs: Vec<EpochSpanBody>,
    #[serde(default)]
    first: u64,
}

#[derive(Serialize, Deserialize)]
struct EpochSpanBody {
    epoch: String,
    boot: u64,
    first: u64,
    last: u64,
    lanes: [u64; 4],
    start: Vec<String>,
}

fn encode_heads(heads: &Heads) -> Vec<String> {
    heads.0.iter().map(|h| secret::hex(h)).collect()
}

fn decode_heads(texts: &[String]) -> Option<Heads> {
    let mut out = Heads::default();
    for (head, text) in out.0.iter_mut().zip(texts) {
        let (a, b) = text.split_at_checked(32)?;
        head[..16].copy_from_slice(&codec::epoch_from(a)?);
        head[16..].copy_from_slice(&codec::epoch_from(b)?);
    }
    Some(out)
}

/// The spare copy of the newest snapshot.
fn spare_path(folder: &Path) -> PathBuf {
    folder.join("spare").join("state")
}

/// Writes a snapshot, durable with its name, and once more as the spare; then removes all but the
/// two newest.
///
/// # Errors
/// An error of the file system.
pub fn write(folder: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let body = SnapshotBody {
        v: u32::from(VERSION),
        state: snapshot.state.clone(),
        outcomes: snapshot.outcomes.values().cloned().collect(),
        cursors: snapshot.cursors.clone(),
        heads: encode_heads(&snapshot.heads),
        floor: (
            snapshot.floor.segment,
            codec::epoch_text(&snapshot.floor.epoch),
            snapshot.floor.group,
        ),
        epochs: snapshot
            .epochs
            .iter()
            .map(|e| EpochSpanBody {
                epoch: codec::epoch_text(&e.epoch),
                boot: e.boot,
                first: e.first,
                last: e.last,
                lanes: e.lanes,
                start: encode_heads(&e.start),
            })
            .collect(),
        first: snapshot.first,
    };
    let payload = zstd::bulk::compress(&serde_json::to_vec(&body)?, 1)?;
    let mut out = Vec::with_capacity(payload.len() + 12);
    out.extend_from_slice(b"CLSN");
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
    out.extend_from_slice(&payload);
    write_atomic(
        &folder.join(format!("{:016x}.snap", snapshot.state.seq)),
        &out,
    )?;
    if !folder.join("spare").is_dir() {
        std::fs::create_dir_all(folder.join("spare"))?;
        std::fs::File::open(folder)?.sync_all()?;
    }
    write_atomic(&spare_path(folder), &out)?;
    let names = names(folder)?;
    for old in names.iter().rev().skip(SNAPSHOTS_KEPT) {
        // The new snapshot is durable; removing an old one that fails is tried again next time.
        let _ = std::fs::remove_file(folder.join(old));
    }
    Ok(())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && Path::new(&name).extension().is_some_and(|e| e == "snap")
        {
            out.push(name);
        }
    }
    out.sort_unstable();
    Ok(out)
}

/// Why no snapshot could be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The folder could not be read.
    #[error("cannot read the snapshots")]
    Io(#[from] io::Error),
    /// Written by a newer program.
    #[error("the snapshot was written by a newer version of this program ({0})")]
    Newer(u32),
}

/// One file that should hold a snapshot.
#[derive(Debug)]
pub struct SnapshotFile {
    /// The file.
    pub path: PathBuf,
    /// True = it is the spare.
    pub is_spare: bool,
    /// Its content; none = it is damaged or cannot be read.
    pub snapshot: Option<Snapshot>,
    /// The medium could not read it: it may be readable later.
    pub is_io_error: bool,
}

/// Every copy in `folder`, newest name first, the spare last.
///
/// # Errors
/// [`SnapshotError`] when the folder cannot be read or a copy was written by a newer program.
pub fn list(folder: &Path) -> Result<Vec<SnapshotFile>, SnapshotError> {
    let mut paths: Vec<PathBuf> = names(folder)?
        .iter()
        .rev()
        .map(|name| folder.join(name))
        .collect();
    paths.push(spare_path(folder));
    let mut out = Vec::new();
    for path in paths {
        let is_spare = path == spare_path(folder);
        let copy = match std::fs::read(&path) {
            Ok(bytes) => SnapshotFile {
                snapshot: read(&bytes).map_err(SnapshotError::Newer)?,
                path,
                is_spare,
                is_io_error: false,
            },
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            // In this boot a copy that cannot be read is as good as damaged.
            Err(_) => SnapshotFile {
                snapshot: None,
                path,
                is_spare,
                is_io_error: true,
            },
        };
        out.push(copy);
    }
    Ok(out)
}

/// How many whole copies hold the village as it was after entry `seq` or later. Reads them all.
#[must_use]
pub fn count_covering(folder: &Path, seq: u64) -> usize {
    list(folder).map_or(0, |all| {
        all.iter()
            .filter(|c| c.snapshot.as_ref().is_some_and(|s| s.state.seq >= seq))
            .count()
    })
}

fn read(bytes: &[u8]) -> Result<Option<Snapshot>, u32> {
    if bytes.len() < 12 || &bytes[..4] != b"CLSN" {
        return Ok(None);
    }
    if crc32c::crc32c(&bytes[12..]).to_le_bytes() != bytes[8..12] {
        return Ok(None);
    }
    // No checksum covers this version. The version inside the payload is under the checksum, and is
    // believed when it can be read.
    let version = u16::from_le_bytes([bytes[4], bytes[5]]);
    let unread = if version > VERSION {
        Err(u32::from(version))
    } else {
        Ok(None)
    };
    let Ok(raw) = zstd::bulk::decompress(&bytes[12..], MAX_RAW_BYTES) else {
        return unread;
    };
    match serde_json::from_slice::<SnapshotBody>(&raw) {
        Ok(body) if body.v > u32::from(VERSION) => Err(body.v),
        Ok(body) => Ok(from_body(body)),
        Err(_) => unread,
    }
}

fn from_body(body: SnapshotBody) -> Option<Snapshot> {
    let epochs: Option<Vec<EpochSpan>> = body
        .epochs
        .into_iter()
        .map(|e| {
            Some(EpochSpan {
                epoch: codec::epoch_from(&e.epoch)?,
                boot: e.boot,
                first: e.first,
                last: e.last,
                lanes: e.lanes,
                start: decode_heads(&e.start)?,
            })
        })
        .collect();
    Some(Snapshot {
        state: body.state,
        outcomes: Arc::new(
            body.outcomes
                .into_iter()
                .map(|o| (o.id.clone(), o))
                .collect(),
        ),
        cursors: body.cursors,
        heads: decode_heads(&body.heads)?,
        floor: Floor {
            segment: body.floor.0,
            epoch: codec::epoch_from(&body.floor.1)?,
            group: body.floor.2,
            ..Floor::default()
        },
        epochs: epochs?,
        first: body.first,
    })
}
