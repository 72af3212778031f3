//! The use of today by each device, by all of them together, and in the hours of the last week.
//!
//! Invariants: a device that used up its day stays used up, whatever it does to its session, and
//! also across a restart; a day ends only when the clock may be believed. The file can be lost:
//! then the day begins anew for everybody, and nothing else happens. Bounded: devices that make up
//! a new hardware address each time push out those that used least.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::calendar::{ZONE_MS, day_number};
use crate::domain::id::GuestId;
use crate::live::guests::{GuestRow, HourOfUse};
use crate::log::disk::write_atomic;
use crate::time::WallMs;

/// Most devices of a day that are told apart.
const MAX_DEVICES: usize = 4_000;
/// Hours that are kept for the picture of the week.
const WEEK_HOURS: i64 = 7 * 24;
/// An hour, ms.
const HOUR_MS: i64 = 3_600_000;
/// Largest file that is read, bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A session that was open when the file was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSession {
    /// The device.
    pub id: GuestId,
    /// When it began.
    pub since: WallMs,
    /// When its time is over; 0 in files of before.
    #[serde(default)]
    pub ends: WallMs,
    /// Bytes that the kernel had counted for it.
    pub counted: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hour {
    bytes: u64,
    devices: u16,
}

/// The use of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UseOfDay {
    /// The day, counted from 1970 in the village's zone.
    day: i64,
    /// Bytes by device.
    devices: BTreeMap<GuestId, u64>,
    /// Bytes of all.
    #[serde(rename = "house")]
    all: u64,
    /// Bytes on a metered way to the internet.
    metered: u64,
    /// Questions that the block list left unanswered.
    blocked: u64,
    /// The week, by the hour since 1970 in the village's zone.
    hours: BTreeMap<i64, Hour>,
    /// Sessions that were open when this was written.
    pub open: Vec<SavedSession>,
}

impl UseOfDay {
    /// Reads the file; one that is missing or cannot be read is an empty day.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        Self::read(path).unwrap_or_else(|cause| {
            if cause.kind() != io::ErrorKind::NotFound {
                tracing::warn!(
                    path = %path.display(),
                    %cause,
                    "use of the guest network unreadable; starting at zero"
                );
            }
            Self::default()
        })
    }

    fn read(path: &Path) -> io::Result<Self> {
        if std::fs::metadata(path)?.len() > MAX_FILE_BYTES {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the file system refuses; the file before is then as it was.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        write_atomic(path, &serde_json::to_vec(self)?)
    }

    /// Begins another day when it is one. Call it only with a time that may be believed.
    pub fn turn(&mut self, now: WallMs) {
        let day = day_number(now);
        if day != self.day {
            self.day = day;
            self.devices.clear();
            self.all = 0;
            self.metered = 0;
            self.blocked = 0;
        }
        let oldest = hour_of(now) - WEEK_HOURS;
        self.hours.retain(|hour, _| *hour > oldest);
    }

    /// Adds what a device used.
    pub fn add(&mut self, device: &GuestId, bytes: u64, is_metered: bool, now: WallMs) {
        if bytes == 0 {
            return;
        }
        let used = self.device(device);
        *used = used.saturating_add(bytes);
        self.all = self.all.saturating_add(bytes);
        if is_metered {
            self.metered = self.metered.saturating_add(bytes);
        }
        let hour = self.hours.entry(hour_of(now)).or_default();
        hour.bytes = hour.bytes.saturating_add(bytes);
    }

    /// A device is let in: it was in today from now on, whatever it uses.
    pub fn note_in(&mut self, device: &GuestId) {
        self.device(device);
    }

    /// Whether a device was in today, as far as is known.
    #[must_use]
    pub fn was_in(&self, device: &GuestId) -> bool {
        self.devices.contains_key(device)
    }

    /// The use of a device; one that is new pushes out the one that used least when there is no
    /// room.
    fn device(&mut self, device: &GuestId) -> &mut u64 {
        if !self.devices.contains_key(device) && self.devices.len() >= MAX_DEVICES {
            let least = self.devices.iter().min_by_key(|(_, used)| **used);
            if let Some(least) = least.map(|(id, _)| id.clone()) {
                self.devices.remove(&least);
            }
        }
        self.devices.entry(device.clone()).or_default()
    }

    /// Adds questions for names that the block list left unanswered.
    pub const fn add_blocked(&mut self, questions: u64) {
        self.blocked = self.blocked.saturating_add(questions);
    }

    /// Questions of today that the block list left unanswered.
    #[must_use]
    pub const fn blocked(&self) -> u64 {
        self.blocked
    }

    /// Notes how many devices are in.
    pub fn note_devices(&mut self, count: usize, now: WallMs) {
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        if count > 0 {
            let hour = self.hours.entry(hour_of(now)).or_default();
            hour.devices = hour.devices.max(count);
        }
    }

    /// Bytes that a device used today.
    #[must_use]
    pub fn of(&self, device: &GuestId) -> u64 {
        self.devices.get(device).copied().unwrap_or(0)
    }

    /// Bytes that all devices used today.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.all
    }

    /// Bytes of them that went over metered uplinks.
    #[must_use]
    pub const fn metered(&self) -> u64 {
        self.metered
    }

    /// The devices that used something today.
    pub fn devices(&self) -> impl Iterator<Item = (&GuestId, u64)> {
        let used = self.devices.iter().filter(|(_, used)| **used > 0);
        used.map(|(id, used)| (id, *used))
    }

    /// The day, counted from 1970 in the village's zone.
    #[must_use]
    pub const fn day(&self) -> i64 {
        self.day
    }

    /// The devices that used something today and are not among these, those that used most first.
    #[must_use]
    pub fn others(&self, shown: &BTreeSet<GuestId>) -> Vec<GuestRow> {
        let row = |(id, used_today): (&GuestId, u64)| GuestRow {
            id: id.clone(),
            since: None,
            seconds_left: 0,
            used_today,
            is_random: false,
        };
        let others = self.devices().filter(|(id, _)| !shown.contains(*id));
        let mut rows: Vec<GuestRow> = others.map(row).collect();
        rows.sort_by(|a, b| (b.used_today, &a.id).cmp(&(a.used_today, &b.id)));
        rows
    }

    /// The devices as the file knows them: first those whose session was open and may still run.
    #[must_use]
    pub fn rows(&self, now: WallMs) -> Vec<GuestRow> {
        let seconds_left = |s: &SavedSession| u32::try_from(s.ends.since(now) / 1_000).ok();
        let row = |s: &SavedSession| {
            let seconds_left = seconds_left(s).filter(|left| *left > 0)?;
            Some(GuestRow {
                id: s.id.clone(),
                since: Some(s.since),
                seconds_left,
                used_today: self.of(&s.id),
                is_random: false,
            })
        };
        let mut rows: Vec<GuestRow> = self.open.iter().filter_map(row).collect();
        rows.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        let shown = rows.iter().map(|row| row.id.clone()).collect();
        rows.extend(self.others(&shown));
        rows
    }

    /// The hours of the last seven days with use, oldest first.
    #[must_use]
    pub fn week(&self) -> Vec<HourOfUse> {
        let row = |(hour, of): (&i64, &Hour)| HourOfUse {
            hour: *hour,
            bytes: of.bytes,
            devices: of.devices,
        };
        self.hours.iter().map(row).collect()
    }
}

/// Hours since 1970 in the village's zone.
const fn hour_of(now: WallMs) -> i64 {
    now.ms().saturating_add(ZONE_MS).div_euclid(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::day_start;

    fn id(number: usize) -> GuestId {
        GuestId::new(&format!("{number:032x}")).expect("an id")
    }

    #[test]
    fn a_day_ends_at_midnight_of_the_village_and_the_week_stays() {
        let mut use_of_day = UseOfDay::default();
        let evening = day_start(20_000) + 23 * HOUR_MS;
        use_of_day.turn(evening);
        use_of_day.add(&id(1), 70, false, evening);
        use_of_day.add(&id(1), 30, true, evening);
        use_of_day.note_devices(3, evening);
        assert_eq!((use_of_day.of(&id(1)), use_of_day.all()), (100, 100));
        assert_eq!(use_of_day.metered(), 30);
        use_of_day.turn(evening + HOUR_MS - 1);
        assert_eq!(use_of_day.all(), 100);
        use_of_day.turn(evening + HOUR_MS);
        assert_eq!((use_of_day.of(&id(1)), use_of_day.all()), (0, 0));
        let week = use_of_day.week();
        assert_eq!((week.len(), week[0].bytes, week[0].devices), (1, 100, 3));
        use_of_day.turn(evening + WEEK_HOURS * HOUR_MS);
        assert_eq!(use_of_day.week(), []);
    }

    #[test]
    fn many_made_up_devices_push_out_those_that_used_least() {
        let mut use_of_day = UseOfDay::default();
        let now = day_start(20_000);
        use_of_day.turn(now);
        use_of_day.add(&id(0), 1_000_000, false, now);
        for number in 1..=MAX_DEVICES + 10 {
            use_of_day.add(&id(number), 5, false, now);
        }
        assert_eq!(use_of_day.devices().count(), MAX_DEVICES);
        assert_eq!(use_of_day.of(&id(0)), 1_000_000);
    }

    #[test]
    fn the_file_comes_back_and_a_damaged_one_is_an_empty_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("use.json");
        assert_eq!(UseOfDay::load(&path), UseOfDay::default());
        let mut use_of_day = UseOfDay::default();
        let now = day_start(20_000);
        use_of_day.turn(now);
        use_of_day.add(&id(1), 70, true, now);
        use_of_day.add_blocked(3);
        use_of_day.open = vec![SavedSession {
            id: id(1),
            since: now,
            ends: now + 60_000,
            counted: 70,
        }];
        use_of_day.save(&path).expect("written");
        assert_eq!(UseOfDay::load(&path), use_of_day);
        assert_eq!(use_of_day.blocked(), 3);
        use_of_day.turn(day_start(20_001));
        assert_eq!(use_of_day.blocked(), 0, "of another day");
        std::fs::write(&path, b"{\"day\": 20000, \"house\": 7}").expect("written");
        assert_eq!(UseOfDay::load(&path).all(), 7, "a file of before");
        std::fs::write(&path, b"{\"day\": 1").expect("written");
        assert_eq!(UseOfDay::load(&path), UseOfDay::default());
    }
}
