//! The commune's store (redb) and what is read from it: how far each stream is applied, records as
//! they came, texts, counters.
//!
//! Its tables are in `tables`; it is opened in `open` and written in `ingest`. Data beside the
//! records has a file each. A file that adds methods to the store depends on this one; this one
//! depends on the others.

use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase as _};

use super::change_count::ChangeCount;
use super::erasure;
use super::quota::{self, DailyQuota, VillageQuota};
use super::read_model::{self, ActiveAlarm};
use super::tables::{APPLIED, CONTACTS, RECORDS, TEXTS, io_error, stream_key, village_rows};
pub use super::tables::{BulletinOutcome, Remover, UndeliveredBulletin, VillageContact};
use super::village_statuses::VillageStatuses;
use crate::protocol::commune::Stream;
use crate::store::disk_space;
use crate::time::{MonoMs, WallMs};

/// The store; clones are the same.
#[derive(Clone)]
pub struct CommuneStore {
    pub(super) db: Arc<Database>,
    pub(super) incarnation: String,
    /// It did not exist before this process opened it.
    pub(super) is_new: bool,
    pub(super) path: Arc<Path>,
    /// Texts, a folder for each village.
    pub(super) folder: Arc<Path>,
    pub(super) overwrite_throttle: Arc<erasure::OverwriteThrottle>,
    /// The last status of each village, in memory.
    pub(super) statuses: VillageStatuses,
    /// Rises with whatever the console shows.
    pub(super) changes: ChangeCount,
}

impl CommuneStore {
    /// Identifies this database.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        &self.incarnation
    }

    /// It did not exist before this process opened it.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// How much each village may add today: less while the disk is running full.
    #[must_use]
    pub fn daily_quota(&self, now_ms: WallMs) -> DailyQuota {
        DailyQuota::from_free_space(
            now_ms,
            self.free_and_total(disk_space::free_and_total),
            self.free_and_total(disk_space::inodes),
        )
    }

    fn free_and_total(&self, left: fn(&Path) -> io::Result<(u64, u64)>) -> (u64, u64) {
        self.path
            .parent()
            .and_then(|folder| left(folder).ok())
            .unwrap_or((u64::MAX, u64::MAX))
    }

    /// How far a stream is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied(&self, village: &str, stream: &Stream) -> io::Result<u64> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(APPLIED).map_err(io_error)?;
        Ok(table
            .get(stream_key(village, stream).as_slice())
            .map_err(io_error)?
            .map_or(0, |v| v.value()))
    }

    /// How far each of these streams is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied_of(
        &self,
        village: &str,
        streams: impl Iterator<Item = Stream>,
    ) -> io::Result<Vec<(Stream, u64)>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(APPLIED).map_err(io_error)?;
        streams
            .map(|s| {
                Ok((
                    table
                        .get(stream_key(village, &s).as_slice())
                        .map_err(io_error)?
                        .map_or(0, |v| v.value()),
                    s,
                ))
            })
            .map(|r: io::Result<(u64, Stream)>| r.map(|(n, s)| (s, n)))
            .collect()
    }

    /// The counters of a village.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn account(&self, village: &str) -> io::Result<VillageQuota> {
        quota::read(&self.db, village)
    }

    /// The last contact with a village.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn contact(&self, village: &str) -> io::Result<VillageContact> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(CONTACTS).map_err(io_error)?;
        Ok(table
            .get(village.as_bytes())
            .map_err(io_error)?
            .and_then(|v| serde_json::from_slice(v.value()).ok())
            .unwrap_or_default())
    }

    /// Every record of a village, in the order of its streams and numbers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn records(&self, village: &str) -> io::Result<Vec<(String, u8, u64, Vec<u8>)>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(RECORDS).map_err(io_error)?;
        let (from, to) = village_rows(village);
        let mut out = Vec::new();
        for row in table
            .range(from.as_slice()..to.as_slice())
            .map_err(io_error)?
        {
            let (k, v) = row.map_err(io_error)?;
            let rest = &k.value()[from.len()..];
            let mut n = [0; 8];
            if rest.len() != 32 + 1 + 1 + 1 + 8 {
                continue;
            }
            n.copy_from_slice(&rest[35..]);
            out.push((
                String::from_utf8_lossy(&rest[..32]).into_owned(),
                rest[33],
                u64::from_be_bytes(n),
                v.value().to_vec(),
            ));
        }
        Ok(out)
    }

    /// The text that a record names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn text(&self, village: &str, blob: &str) -> io::Result<Option<String>> {
        if let Some(words) = erasure::read_text(&self.folder, village, blob)? {
            return Ok(Some(words));
        }
        // Older versions stored texts in this table.
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(TEXTS).map_err(io_error)?;
        Ok(table
            .get(
                [village.as_bytes(), b"\0", blob.as_bytes()]
                    .concat()
                    .as_slice(),
            )
            .map_err(io_error)?
            .map(|v| String::from_utf8_lossy(v.value()).into_owned()))
    }

    /// True when a village erased this text.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_erased(&self, village: &str, blob: &str) -> io::Result<bool> {
        erasure::read_is_erased(&self.db, village, blob)
    }

    /// Overwrites erased data that is still in free pages of the file; true = a pass was due.
    /// Blocks for long.
    ///
    /// # Errors
    /// When there is too little space, or the store cannot be written; it is tried again after an
    /// hour.
    pub fn overwrite_free_pages(&self, now: MonoMs) -> io::Result<bool> {
        self.overwrite_free_pages_with(now, &|| self.free_and_total(disk_space::free_and_total).0)
    }

    /// As [`CommuneStore::overwrite_free_pages`]; `free` gives the free bytes of the disk.
    pub(super) fn overwrite_free_pages_with(
        &self,
        now: MonoMs,
        free: &dyn Fn() -> u64,
    ) -> io::Result<bool> {
        self.overwrite_throttle.try_run(now, || {
            erasure::overwrite_free_pages(&self.db, &self.path, free)
        })
    }

    /// The name of a thing in its village; its id when it has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn name_of(&self, village: &str, id: &str) -> io::Result<String> {
        read_model::name_of(&self.db, village, id)
    }

    /// The active alarms of a village, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn alarms(&self, village: &str) -> io::Result<Vec<ActiveAlarm>> {
        read_model::alarms(&self.db, village)
    }
}
