//! How far the persistence log had come, stored beside it: so that an empty folder can be told
//! apart from a first start, an old copy from the newest state, another village's log from ours.
//!
//! The watermark is two files of one block, written in place one after the other, so that a power
//! cut spoils at most one of them. One is beside the broker's folder (which may be copied or lost
//! as a whole), one is in the log's folder. The watermark follows the log at some distance
//! (`WATERMARK_INTERVAL_GROUPS`): a group up to it did exist; at a planned end it is exact.
//! Content: CRC32C u32, length u32, JSON, zeros. A third file, with the keys, holds only the id of
//! this gateway's log, and is written once.
//!
//! Invariant: one file of another village never makes our log look foreign, nor do both watermark
//! files. Four witnesses name a log: the three files and the segments. The log that most of them
//! name is ours. At two against two the file with the keys decides, because it travels with neither
//! the broker's folder nor the watermark beside it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::keys::secret;
use crate::log::frame::BLOCK_BYTES;
use crate::protocol::broker::DataLoss;

/// Groups after which the watermark is written anew.
pub const WATERMARK_INTERVAL_GROUPS: u64 = 64;

/// The contents of the watermark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watermark {
    /// The log's id, hexadecimal.
    #[serde(rename = "ledger")]
    pub log_id: String,
    /// The group that the log had reached.
    #[serde(rename = "number")]
    pub group_number: u64,
    /// Number of retained messages then.
    pub retained: u64,
    /// Number of persistent sessions then.
    pub sessions: u64,
    /// The last data loss that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<DataLoss>,
}

/// The files of a log's watermark.
#[derive(Debug)]
pub struct WatermarkFiles {
    /// Beside the broker's folder, and in the log's.
    paths: [PathBuf; 2],
    /// With the keys.
    identity_path: PathBuf,
}

impl WatermarkFiles {
    /// The files for the log in that folder.
    pub fn for_folder(folder: &Path) -> Self {
        let broker = folder.parent().unwrap_or(folder);
        let name = broker.file_name().unwrap_or_default();
        Self {
            paths: [broker.with_extension("mark"), folder.join("mark")],
            identity_path: broker
                .with_file_name("keys")
                .join(name)
                .with_extension("ledger"),
        }
    }

    /// Which log is ours, and its watermark with the highest group; `None` when no witness names a
    /// log. `stored` is the log to which most groups in the segments belong.
    pub fn resolve(&self, stored: Option<&str>) -> (Option<String>, Option<Watermark>) {
        let [beside, inside] = self.paths.each_ref().map(|path| read(path));
        // An older version did not write this file. Then the file beside the broker's folder stands
        // for it, because the other one goes wherever the folder goes.
        let name = read(&self.identity_path)
            .or_else(|| beside.clone())
            .map(|m| m.log_id);
        let marked = [&beside, &inside].map(|m| m.as_ref().map(|m| m.log_id.clone()));
        // In the order of their weight, which decides between logs with equally many votes.
        let witnesses: Vec<String> = [name]
            .into_iter()
            .chain(marked)
            .chain([stored.map(str::to_owned)])
            .flatten()
            .collect();
        let votes = |of: &String| witnesses.iter().filter(|w| *w == of).count();
        let Some(ours) = witnesses.iter().rev().max_by_key(|w| votes(w)).cloned() else {
            return (None, None);
        };
        if votes(&ours) < witnesses.len() {
            tracing::warn!(
                ours,
                ?witnesses,
                "broker persistence: watermark files disagree; rewriting foreign ones"
            );
        }
        let mark = [beside, inside]
            .into_iter()
            .flatten()
            .filter(|m| m.log_id == ours)
            .max_by_key(|m| m.group_number);
        (Some(ours), mark)
    }

    /// True when at least one of the files exists, readable or not.
    pub fn any_exists(&self) -> bool {
        self.paths
            .iter()
            .chain([&self.identity_path])
            .any(|path| path.exists())
    }

    /// Writes both watermark files, and the file with the keys if it does not name this log yet.
    pub fn write(&self, mark: &Watermark) -> io::Result<()> {
        self.paths.iter().try_for_each(|path| write(path, mark))?;
        if read(&self.identity_path).is_none_or(|known| known.log_id != mark.log_id) {
            if let Some(keys) = self.identity_path.parent() {
                secret::make_folder(keys)?;
            }
            write(
                &self.identity_path,
                &Watermark {
                    log_id: mark.log_id.clone(),
                    ..Watermark::default()
                },
            )?;
        }
        Ok(())
    }
}

fn write(path: &Path, mark: &Watermark) -> io::Result<()> {
    let json = serde_json::to_vec(mark)?;
    let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
    let mut bytes = [
        &crc32c::crc32c(&json).to_le_bytes()[..],
        &len.to_le_bytes(),
        &json,
    ]
    .concat();
    bytes.resize(BLOCK_BYTES, 0);
    let is_new = !path.exists();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_data()?;
    if let Some(folder) = path.parent().filter(|_| is_new) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn read(path: &Path) -> Option<Watermark> {
    let bytes = std::fs::read(path).ok()?;
    let (sum, rest) = bytes.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let json = rest.get(..usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    let is_whole = crc32c::crc32c(json) == u32::from_le_bytes(*sum);
    is_whole
        .then(|| serde_json::from_slice(json).ok())?
        .filter(|mark: &Watermark| !mark.log_id.is_empty())
}
