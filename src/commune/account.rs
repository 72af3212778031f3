//! What the commune keeps for one village beside its records: how much it told today, how many names, alarms and unreadable
//! batches there are. Counted as it grows, so that no message costs more because there is much already.
//!
//! Invariant: whatever a village sends, the store grows by [`DAY_BYTES`] a day at most, and where the disk is running full by
//! [`SPARSE_BYTES`], which an honest village does not notice; what is over is not taken and comes again by the village's own
//! protocol. So one that fills the disk is stopped before the others are.

use std::io;

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::store::{ASIDE, error};
use super::told;
use crate::store::space::is_little;

const ACCOUNTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("accounts");
const DAY_MS: i64 = 86_400_000;
/// What one village may add in a day, bytes: a busy one tells 5 MB, one that was away for a month 150 MB.
pub(super) const DAY_BYTES: u64 = 512 * 1024 * 1024;
/// The same where little room is left on the disk.
pub(super) const SPARSE_BYTES: u64 = 8 * 1024 * 1024;
/// Below this nothing is taken any more, bytes: a store that cannot commit answers nobody.
const RESERVE: u64 = 64 * 1024 * 1024;
/// What a record costs beside its bytes: its two keys and their places in the tables.
pub(super) const RECORD_COST: u64 = 256;
/// Unreadable batches of one village that are kept for a look: how many, and their bytes. More are only counted.
pub(super) const ASIDE_MOST: u64 = 100;
pub(super) const ASIDE_BYTES: u64 = 4 * 1024 * 1024;

/// The day it is, and how much each village may add in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Today {
    /// Now, wall ms.
    pub now_ms: i64,
    /// Bytes.
    pub most: u64,
}

impl Today {
    /// With so much free of all on the store's disk, bytes.
    #[must_use]
    pub const fn with(now_ms: i64, free: u64, total: u64) -> Self {
        let most = if free < RESERVE {
            0
        } else if is_little(free, total) {
            SPARSE_BYTES
        } else {
            DAY_BYTES
        };
        Self { now_ms, most }
    }

    /// Why less is taken than on other days, as the key of a sentence; none = it is not.
    #[must_use]
    pub const fn why(&self) -> Option<&'static str> {
        match self.most {
            0 => Some("commune-no-room"),
            DAY_BYTES.. => None,
            _ => Some("commune-little-room"),
        }
    }
}

/// One village's account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Which day `bytes` are of.
    day: i64,
    /// Told that day.
    bytes: u64,
    /// Names of things that are kept.
    pub names: u64,
    /// Sensors whose alarm is kept.
    pub alarms: u64,
    /// Unreadable batches that are kept, and their bytes.
    pub aside: u64,
    aside_bytes: u64,
    /// All unreadable batches there ever were.
    #[serde(default)]
    pub unreadable: u64,
}

impl Account {
    /// True when the village may tell so much more today; it is counted then.
    pub(super) fn takes(&mut self, bytes: u64, today: Today) -> bool {
        let day = today.now_ms.div_euclid(DAY_MS);
        if self.day != day {
            (self.day, self.bytes) = (day, 0);
        }
        if self.bytes.saturating_add(bytes) > today.most {
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// True when there is room to keep an unreadable batch; it is counted either way.
    pub(super) fn keeps_aside(&mut self, bytes: u64) -> bool {
        self.unreadable += 1;
        let fits = self.aside < ASIDE_MOST && self.aside_bytes.saturating_add(bytes) <= ASIDE_BYTES;
        if fits {
            self.aside += 1;
            self.aside_bytes += bytes;
        }
        fits
    }

    /// True when the village told all it may today.
    #[must_use]
    pub fn is_full(&self, today: Today) -> bool {
        self.day == today.now_ms.div_euclid(DAY_MS) && self.bytes > today.most - today.most / 100
    }
}

/// Makes the table.
pub(super) fn begin(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(ACCOUNTS).map_err(error).map(drop)
}

/// A village's account; one that never had any is counted once.
pub(super) fn load(write: &WriteTransaction, village: &str) -> io::Result<Account> {
    let table = write.open_table(ACCOUNTS).map_err(error)?;
    if let Some(known) = table.get(village.as_bytes()).map_err(error)?.and_then(|v| serde_json::from_slice(v.value()).ok()) {
        return Ok(known);
    }
    let (names, alarms) = told::count(write, village)?;
    let (mut aside, mut aside_bytes) = (0, 0);
    let (from, to) = ([village.as_bytes(), b"\0"].concat(), [village.as_bytes(), b"\x01"].concat());
    for row in write.open_table(ASIDE).map_err(error)?.range(from.as_slice()..to.as_slice()).map_err(error)? {
        let (_, value) = row.map_err(error)?;
        aside += 1;
        aside_bytes += value.value().len() as u64;
    }
    Ok(Account { names, alarms, aside, aside_bytes, unreadable: aside, ..Account::default() })
}

/// Keeps a village's account.
pub(super) fn keep(write: &WriteTransaction, village: &str, account: &Account) -> io::Result<()> {
    let mut table = write.open_table(ACCOUNTS).map_err(error)?;
    table.insert(village.as_bytes(), serde_json::to_vec(account)?.as_slice()).map_err(error)?;
    Ok(())
}

/// A village's account, for a page; none = it never told anything.
pub(super) fn read(db: &redb::Database, village: &str) -> io::Result<Account> {
    use redb::ReadableDatabase as _;
    let read = db.begin_read().map_err(error)?;
    let table = read.open_table(ACCOUNTS).map_err(error)?;
    table.get(village.as_bytes()).map_err(error)?.map_or_else(|| Ok(Account::default()), |v| Ok(serde_json::from_slice(v.value()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(now_ms: i64) -> Today {
        Today { now_ms, most: DAY_BYTES }
    }

    #[test]
    fn a_day_has_its_measure_and_so_has_what_is_set_aside() {
        let mut account = Account::default();
        assert!(account.takes(DAY_BYTES, day(5)));
        assert!(!account.takes(1, day(DAY_MS - 1)) && account.is_full(day(DAY_MS - 1)));
        assert!(account.takes(1, day(DAY_MS)) && !account.is_full(day(DAY_MS)), "the next day is another");
        assert!(account.takes(1, day(0)), "and so is one before, when the clock was put right");
        assert!(!account.takes(u64::MAX, day(0)));
        let kept = (0..1_000).filter(|_| account.keeps_aside(250 * 1024)).count();
        assert_eq!((kept, account.unreadable), (16, 1_000));
        let mut account = Account::default();
        assert_eq!((0..1_000).filter(|_| account.keeps_aside(10)).count() as u64, ASIDE_MOST);
    }

    #[test]
    fn a_disk_that_runs_full_stops_who_fills_it_before_the_others() {
        let gib = 1024 * 1024 * 1024;
        let (plenty, little, none) = (Today::with(0, 100 * gib, 200 * gib), Today::with(0, gib / 8, 200 * gib), Today::with(0, RESERVE - 1, 200 * gib));
        assert_eq!([plenty, little, none].map(|t| (t.most, t.why().is_some())), [(DAY_BYTES, false), (SPARSE_BYTES, true), (0, true)]);
        let (mut loud, mut calm) = (Account::default(), Account::default());
        assert!(loud.takes(100 * 1024 * 1024, plenty) && calm.takes(1024 * 1024, plenty));
        assert!(!loud.takes(1, little) && calm.takes(1024 * 1024, little));
        assert!(!calm.takes(1, none), "what cannot be stored is not acknowledged");
    }
}
