//! The counters of each village beside its records: bytes stored today, names, alarms
//! and unreadable batches. The counters are updated with each message, so that no message costs
//! more because much is stored already.
//!
//! Invariant: whatever a village sends, the store grows by [`DAY_BYTES`] a day at most. A text
//! counts as the disk blocks and the inode of its file. While the disk is running out of bytes or
//! of inodes, the bound is [`LOW_SPACE_DAY_BYTES`], which an honest village does not notice.
//! Records beyond the bound are not stored, and the village's own protocol sends them again. So a
//! village that fills the disk is stopped before the others are.

use std::io;

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::tables::{ALARMS, NAMES, QUARANTINE, io_error, village_rows};
use crate::domain::calendar::DAY_MS;
use crate::store::disk_space::{is_low, is_low_on_inodes};
use crate::time::WallMs;

const ACCOUNTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("accounts");
/// Bytes that one village may add in a day. A busy village sends 5 MB a day; one that was
/// disconnected for a month sends 150 MB.
pub(super) const DAY_BYTES: u64 = 512 * 1024 * 1024;
/// The same while the disk has little space.
pub(super) const LOW_SPACE_DAY_BYTES: u64 = 8 * 1024 * 1024;
/// Free bytes below which nothing is stored any more: a store that cannot commit answers nobody.
pub(super) const RESERVED_BYTES: u64 = 64 * 1024 * 1024;
/// The same in inodes; on a small file system, one in [`RESERVED_DIVISOR`] of all.
const RESERVED_INODES: u64 = 1_000;
const RESERVED_DIVISOR: u64 = 40;
/// Cost of a record beside its bytes: two keys and their space in the tables.
pub(super) const RECORD_COST: u64 = 256;
/// A file takes whole blocks of the disk, and one inode: ext4 makes one for each 16 KiB.
const BLOCK_BYTES: u64 = 4 * 1024;
const FILE_COST: u64 = 16 * 1024;
/// Unreadable batches of one village that are stored for inspection: their number and their bytes.
/// Further ones are only counted.
pub(super) const MAX_QUARANTINED_BATCHES: u64 = 100;
pub(super) const MAX_QUARANTINED_BYTES: u64 = 4 * 1024 * 1024;

/// Cost of a text as the file that holds it.
pub(super) const fn text_cost(len: u64) -> u64 {
    (if len < BLOCK_BYTES {
        BLOCK_BYTES
    } else {
        len.next_multiple_of(BLOCK_BYTES)
    }) + FILE_COST
}

/// The current time, and how much each village may add today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyQuota {
    /// Now.
    pub now_ms: WallMs,
    /// Bytes that one village may add today.
    pub max_bytes: u64,
}

impl DailyQuota {
    /// The quota when this much of all is free on the store's disk, in bytes and in inodes.
    #[must_use]
    pub const fn from_free_space(
        now_ms: WallMs,
        (free, total): (u64, u64),
        (files_free, files): (u64, u64),
    ) -> Self {
        let reserve = if files / RESERVED_DIVISOR < RESERVED_INODES {
            files / RESERVED_DIVISOR
        } else {
            RESERVED_INODES
        };
        let max_bytes = if free < RESERVED_BYTES || files_free < reserve {
            0
        } else if is_low(free, total) || is_low_on_inodes(files_free, files) {
            LOW_SPACE_DAY_BYTES
        } else {
            DAY_BYTES
        };
        Self { now_ms, max_bytes }
    }

    /// Why the quota is lower than on other days, as a message key; none = it is not.
    #[must_use]
    pub const fn reason_key(&self) -> Option<&'static str> {
        match self.max_bytes {
            0 => Some("commune-no-room"),
            DAY_BYTES.. => None,
            _ => Some("commune-little-room"),
        }
    }
}

/// The counters of one village.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageQuota {
    /// The day of `bytes`.
    day: i64,
    /// Bytes stored that day.
    bytes: u64,
    /// Names that are stored.
    pub names: u64,
    /// Sensors whose alarm is stored.
    pub alarms: u64,
    /// Unreadable batches that are stored; their bytes follow.
    #[serde(rename = "aside")]
    pub quarantined: u64,
    #[serde(rename = "aside_bytes")]
    quarantined_bytes: u64,
    /// All unreadable batches that ever came.
    #[serde(default)]
    pub unreadable: u64,
}

impl VillageQuota {
    /// True when the village may add so many bytes today; they are counted then.
    pub(super) fn try_consume(&mut self, bytes: u64, today: DailyQuota) -> bool {
        let day = today.now_ms.ms().div_euclid(DAY_MS);
        if self.day != day {
            (self.day, self.bytes) = (day, 0);
        }
        if self.bytes.saturating_add(bytes) > today.max_bytes {
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// True when there is room to store an unreadable batch; it is counted either way.
    pub(super) fn try_quarantine(&mut self, bytes: u64) -> bool {
        self.unreadable += 1;
        let fits = self.quarantined < MAX_QUARANTINED_BATCHES
            && self.quarantined_bytes.saturating_add(bytes) <= MAX_QUARANTINED_BYTES;
        if fits {
            self.quarantined += 1;
            self.quarantined_bytes += bytes;
        }
        fits
    }

    /// True when the village has used up its quota of today.
    #[must_use]
    pub fn is_exhausted(&self, today: DailyQuota) -> bool {
        self.day == today.now_ms.ms().div_euclid(DAY_MS)
            && self.bytes > today.max_bytes - today.max_bytes / 100
    }
}

/// Creates the table.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(ACCOUNTS).map_err(io_error).map(drop)
}

/// Counts a village's names and alarms: done once, then the numbers are among its counters.
pub(super) fn count(write: &WriteTransaction, village: &str) -> io::Result<(u64, u64)> {
    let (from, to) = village_rows(village);
    let names = write
        .open_table(NAMES)
        .map_err(io_error)?
        .range(from.as_slice()..to.as_slice())
        .map_err(io_error)?
        .count();
    let alarms = write
        .open_table(ALARMS)
        .map_err(io_error)?
        .range(from.as_slice()..to.as_slice())
        .map_err(io_error)?
        .count();
    Ok((names as u64, alarms as u64))
}

/// A village's counters; a village without any is counted once.
pub(super) fn load(write: &WriteTransaction, village: &str) -> io::Result<VillageQuota> {
    let table = write.open_table(ACCOUNTS).map_err(io_error)?;
    if let Some(known) = table
        .get(village.as_bytes())
        .map_err(io_error)?
        .and_then(|v| serde_json::from_slice(v.value()).ok())
    {
        return Ok(known);
    }
    let (names, alarms) = count(write, village)?;
    let (mut aside, mut aside_bytes) = (0, 0);
    let (from, to) = village_rows(village);
    for row in write
        .open_table(QUARANTINE)
        .map_err(io_error)?
        .range(from.as_slice()..to.as_slice())
        .map_err(io_error)?
    {
        let (_, value) = row.map_err(io_error)?;
        aside += 1;
        aside_bytes += value.value().len() as u64;
    }
    Ok(VillageQuota {
        names,
        alarms,
        quarantined: aside,
        quarantined_bytes: aside_bytes,
        unreadable: aside,
        ..VillageQuota::default()
    })
}

/// Stores a village's counters.
pub(super) fn save(
    write: &WriteTransaction,
    village: &str,
    account: &VillageQuota,
) -> io::Result<()> {
    let mut table = write.open_table(ACCOUNTS).map_err(io_error)?;
    table
        .insert(village.as_bytes(), serde_json::to_vec(account)?.as_slice())
        .map_err(io_error)?;
    Ok(())
}

/// A village's counters, for a page; all zero = it never sent anything.
pub(super) fn read(db: &redb::Database, village: &str) -> io::Result<VillageQuota> {
    use redb::ReadableDatabase as _;
    let read = db.begin_read().map_err(io_error)?;
    let table = read.open_table(ACCOUNTS).map_err(io_error)?;
    table
        .get(village.as_bytes())
        .map_err(io_error)?
        .map_or_else(
            || Ok(VillageQuota::default()),
            |v| Ok(serde_json::from_slice(v.value()).unwrap_or_default()),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(now_ms: WallMs) -> DailyQuota {
        DailyQuota {
            now_ms,
            max_bytes: DAY_BYTES,
        }
    }

    #[test]
    fn a_day_has_its_measure_and_so_has_what_is_set_aside() {
        let mut account = VillageQuota::default();
        assert!(account.try_consume(DAY_BYTES, day(WallMs::new(5))));
        assert!(
            !account.try_consume(1, day(WallMs::new(DAY_MS - 1)))
                && account.is_exhausted(day(WallMs::new(DAY_MS - 1)))
        );
        assert!(
            account.try_consume(1, day(WallMs::new(DAY_MS)))
                && !account.is_exhausted(day(WallMs::new(DAY_MS))),
            "the next day is another"
        );
        assert!(
            account.try_consume(1, day(WallMs::new(0))),
            "and so is one before, when the clock was put right"
        );
        assert!(!account.try_consume(u64::MAX, day(WallMs::new(0))));
        let kept = (0..1_000)
            .filter(|_| account.try_quarantine(250 * 1024))
            .count();
        assert_eq!((kept, account.unreadable), (16, 1_000));
        let mut account = VillageQuota::default();
        assert_eq!(
            (0..1_000).filter(|_| account.try_quarantine(10)).count() as u64,
            MAX_QUARANTINED_BATCHES
        );
    }

    #[test]
    fn words_cost_what_their_files_take_however_short_they_are() {
        assert_eq!(
            [0, 1, 4_096, 4_097].map(text_cost),
            [
                BLOCK_BYTES + FILE_COST,
                BLOCK_BYTES + FILE_COST,
                BLOCK_BYTES + FILE_COST,
                2 * BLOCK_BYTES + FILE_COST
            ]
        );
        let mut account = VillageQuota::default();
        let files = (0..1_000_000)
            .take_while(|n| account.try_consume(text_cost(n % 2), day(WallMs::new(0))))
            .count();
        assert!((20_000..30_000).contains(&files), "{files} files in a day");
        let mut account = VillageQuota::default();
        let files = (0..1_000_000)
            .take_while(|n| {
                account.try_consume(
                    text_cost(n % 2),
                    DailyQuota {
                        max_bytes: LOW_SPACE_DAY_BYTES,
                        ..day(WallMs::new(0))
                    },
                )
            })
            .count();
        assert!((300..500).contains(&files), "{files} where little is left");
    }

    #[test]
    fn a_disk_that_runs_full_stops_who_fills_it_before_the_others() {
        let gib = 1024 * 1024 * 1024;
        let files = 500_000;
        let with = |free, files_free| {
            DailyQuota::from_free_space(WallMs::default(), (free, 200 * gib), (files_free, files))
        };
        let (plenty, little, none) = (
            with(100 * gib, files / 2),
            with(gib / 8, files / 2),
            with(RESERVED_BYTES - 1, files / 2),
        );
        let three = [(DAY_BYTES, false), (LOW_SPACE_DAY_BYTES, true), (0, true)];
        assert_eq!(
            [plenty, little, none].map(|t| (t.max_bytes, t.reason_key().is_some())),
            three
        );
        // The same of inodes, with plenty of free bytes.
        assert_eq!(
            [files / 2, 4_999, 999]
                .map(|n| with(100 * gib, n))
                .map(|t| (t.max_bytes, t.reason_key().is_some())),
            three
        );
        assert_eq!(
            DailyQuota::from_free_space(WallMs::default(), (100 * gib, 200 * gib), (0, 0)),
            plenty,
            "a file system that makes files as they are needed"
        );
        let (mut loud, mut calm) = (VillageQuota::default(), VillageQuota::default());
        assert!(
            loud.try_consume(100 * 1024 * 1024, plenty) && calm.try_consume(1024 * 1024, plenty)
        );
        assert!(!loud.try_consume(1, little) && calm.try_consume(1024 * 1024, little));
        assert!(
            !calm.try_consume(1, none),
            "what cannot be stored is not acknowledged"
        );
    }
}
