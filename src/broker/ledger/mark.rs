//! How far the ledger was, kept beside it: so that an empty folder is told apart from a first start, an old copy from the
//! newest, another's from ours.
//!
//! Two files of one block, written in place one after the other (a cut spoils one of them at most): one beside the broker's
//! folder (which may be copied or lost as a whole), one in the ledger's. The mark follows the ledger at some distance (`EVERY`): what it says was there, was there; at a planned
//! end it says exactly how far. Content: CRC32C u32, length u32, JSON, zeros.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::log::frame::BLOCK;
use crate::protocol::broker::Loss;

/// Groups after which the mark is written anew.
pub const EVERY: u64 = 64;

/// What the mark says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// The ledger, hexadecimal.
    pub ledger: String,
    /// The group that it had reached.
    pub number: u64,
    /// Retained messages then.
    pub retained: u64,
    /// Kept sessions then.
    pub sessions: u64,
    /// The last loss that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
}

/// The files of a ledger's mark.
#[derive(Debug)]
pub struct Marks([PathBuf; 2]);

impl Marks {
    /// Of the ledger in that folder.
    pub fn of(folder: &Path) -> Self {
        Self([folder.parent().unwrap_or(folder).with_extension("mark"), folder.join("mark")])
    }

    /// The mark that says most; none = there is none that can be read. The one beside the broker's folder decides which ledger it is:
    /// the other goes wherever the folder goes.
    pub fn read(&self) -> Option<Mark> {
        let [beside, inside] = self.0.each_ref().map(|path| read(path));
        match (beside, inside) {
            (Some(beside), Some(inside)) if beside.ledger == inside.ledger && inside.number > beside.number => Some(inside),
            (beside, inside) => beside.or(inside),
        }
    }

    /// True when at least one of the files is there, readable or not.
    pub fn exist(&self) -> bool {
        self.0.iter().any(|path| path.exists())
    }

    /// Writes both.
    pub fn write(&self, mark: &Mark) -> io::Result<()> {
        let json = serde_json::to_vec(mark)?;
        let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
        let mut bytes = [&crc32c::crc32c(&json).to_le_bytes()[..], &len.to_le_bytes(), &json].concat();
        bytes.resize(BLOCK, 0);
        for path in &self.0 {
            let is_new = !path.exists();
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_data()?;
            if let Some(folder) = path.parent().filter(|_| is_new) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Option<Mark> {
    let bytes = std::fs::read(path).ok()?;
    let (sum, rest) = bytes.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let json = rest.get(..usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    (crc32c::crc32c(json) == u32::from_le_bytes(*sum)).then(|| serde_json::from_slice(json).ok())?
}
