//! How far the ledger was, kept beside it: so that an empty folder is told apart from a first
//! start, an old copy from the newest, another's from ours.
//!
//! Two files of one block, written in place one after the other (a cut spoils one of them at most):
//! one beside the broker's folder (which may be copied or lost as a whole), one in the ledger's.
//! The mark follows the ledger at some distance (`EVERY`): what it says was there, was there; at a
//! planned end it says exactly how far. Content: CRC32C u32, length u32, JSON, zeros. A third file,
//! with the keys, says only which ledger is this house's, and is written once.
//!
//! Invariant: one file of another village never makes a stranger of our ledger, nor two of them:
//! which ledger is ours is what most of four witnesses say (the three files and the segments); two
//! against two, what the file with the keys says, because it goes with neither the broker's folder
//! nor its mark.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::keys::secret;
use crate::log::frame::BLOCK_BYTES;
use crate::protocol::broker::DataLoss;

/// Groups after which the mark is written anew.
pub const WATERMARK_INTERVAL_GROUPS: u64 = 64;

/// What the mark says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watermark {
    /// The ledger, hexadecimal.
    #[serde(rename = "ledger")]
    pub log_id: String,
    /// The group that it had reached.
    #[serde(rename = "number")]
    pub group_number: u64,
    /// Retained messages then.
    pub retained: u64,
    /// Kept sessions then.
    pub sessions: u64,
    /// The last loss that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<DataLoss>,
}

/// The files of a ledger's mark.
#[derive(Debug)]
pub struct WatermarkFiles {
    /// Beside the broker's folder, and in the ledger's.
    paths: [PathBuf; 2],
    /// With the keys.
    identity_path: PathBuf,
}

impl WatermarkFiles {
    /// Of the ledger in that folder.
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

    /// Which ledger is ours, and the mark of it that says most; none = nothing says it. `stored` =
    /// the ledger of which most stands in the segments.
    pub fn resolve(&self, stored: Option<&str>) -> (Option<String>, Option<Watermark>) {
        let [beside, inside] = self.paths.each_ref().map(|path| read(path));
        // An older version wrote none: then the mark beside the folder stands for it, because the
        // other goes wherever the folder goes.
        let name = read(&self.identity_path)
            .or_else(|| beside.clone())
            .map(|m| m.log_id);
        let marked = [&beside, &inside].map(|m| m.as_ref().map(|m| m.log_id.clone()));
        // In the order of their weight where as many speak for one as for another.
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

    /// True when at least one of the files is there, readable or not.
    pub fn any_exists(&self) -> bool {
        self.paths
            .iter()
            .chain([&self.identity_path])
            .any(|path| path.exists())
    }

    /// Writes both, and which ledger it is where that is not known.
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
