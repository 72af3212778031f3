//! The read model of villages' things, stored beside their records in the same transaction: the
//! name of each thing, and the state of each alarm. Bounded per village; longer names are
//! truncated.

use std::io;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::quota::VillageQuota;
use super::tables::{ALARMS, NAMES, io_error, village_rows};
use crate::domain::calendar::DAY_MS;
use crate::domain::event::{Entry, Event};
use crate::domain::text;
use crate::domain::{history, sensor};
use crate::time::WallMs;

/// A village whose history began anew counts its entries from 1 again: an alarm that is a day older
/// is older, whatever its number.
const ANEW_AFTER_MS: i64 = DAY_MS;
/// Names of one village that are stored.
const MAX_NAMES: u64 = 20_000;

/// Sensors of one village whose alarms are stored.
const MAX_ALARMS: u64 = 500;

/// The last reported state of a sensor's alarm. Lowered alarms are stored too: lanes overtake each
/// other, and a lowering that comes late must not end a newer alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActiveAlarm {
    /// How often the village had been set back; each time its entry numbers began again from an
    /// earlier one.
    #[serde(default)]
    pub generation: u64,
    /// Number of the entry in its village's history.
    pub seq: u64,
    /// The threshold that is crossed; 0 = none.
    pub level: u8,
    /// Sensor.
    pub sensor: String,
    /// The value that crossed the threshold.
    pub value: f64,
    /// Time of the entry by the village's clock; at most the time at which it came.
    pub at: WallMs,
}

fn key(village: &str, id: &str) -> Vec<u8> {
    [village.as_bytes(), b"\0", id.as_bytes()].concat()
}

/// Creates the tables.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(NAMES).map_err(io_error)?;
    write.open_table(ALARMS).map_err(io_error)?;
    Ok(())
}

/// Applies the entries of one batch to the read model.
pub(super) struct ReadModelWriter<'a> {
    village: &'a str,
    generation: u64,
    now_ms: WallMs,
    names: Table<'a, &'static [u8], &'static [u8]>,
    alarms: Table<'a, &'static [u8], &'static [u8]>,
    /// Histories that began in this batch.
    histories_begun: usize,
}

impl<'a> ReadModelWriter<'a> {
    /// Opens the tables.
    pub(super) fn new(
        write: &'a WriteTransaction,
        village: &'a str,
        generation: u64,
        now_ms: WallMs,
    ) -> io::Result<Self> {
        Ok(Self {
            village,
            generation,
            now_ms,
            names: write.open_table(NAMES).map_err(io_error)?,
            alarms: write.open_table(ALARMS).map_err(io_error)?,
            histories_begun: 0,
        })
    }

    /// Applies an entry; the rows that it adds are counted among the village's counters.
    pub(super) fn apply(&mut self, account: &mut VillageQuota, entry: &Entry) -> io::Result<()> {
        for (id, called) in entry.event.names() {
            let key = key(self.village, id);
            if self.names.get(key.as_slice()).map_err(io_error)?.is_none() {
                if account.names >= MAX_NAMES {
                    continue;
                }
                account.names += 1;
            }
            let called = text::line(called, text::MAX_NAME_CHARS);
            self.names
                .insert(key.as_slice(), called.as_bytes())
                .map_err(io_error)?;
        }
        // A village's clock may be years ahead: a time later than now counts as now.
        let at = entry.wall_ms.min(self.now_ms);
        let (sensor, level, value) = match &entry.event {
            Event::Sensor(
                sensor::Event::AlarmRaised {
                    sensor,
                    level,
                    value,
                }
                | sensor::Event::AlarmLowered {
                    sensor,
                    level,
                    value,
                },
            ) => (sensor.as_str(), *level, *value),
            // A first boot means other storage and another history: alarms that were reported
            // before it are over. One batch holds no second first boot of an honest village;
            // further ones are ignored.
            Event::History(history::Event::Booted { boot: 1, .. }) if self.histories_begun == 0 => {
                self.histories_begun += 1;
                let (from, to) = village_rows(self.village);
                let before = |_: &[u8], v: &[u8]| {
                    serde_json::from_slice::<ActiveAlarm>(v).is_ok_and(|known| known.at >= at)
                };
                self.alarms
                    .retain_in(from.as_slice()..to.as_slice(), before)
                    .map_err(io_error)?;
                account.alarms = self
                    .alarms
                    .range(from.as_slice()..to.as_slice())
                    .map_err(io_error)?
                    .count() as u64;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let key = key(self.village, sensor);
        let known = self
            .alarms
            .get(key.as_slice())
            .map_err(io_error)?
            .and_then(|v| serde_json::from_slice::<ActiveAlarm>(v.value()).ok());
        match &known {
            Some(known)
                if (known.generation, known.seq) < (self.generation, entry.seq)
                    || known.at + ANEW_AFTER_MS < at => {}
            None if account.alarms < MAX_ALARMS => account.alarms += 1,
            _ => return Ok(()),
        }
        let alarm = ActiveAlarm {
            sensor: sensor.to_owned(),
            value,
            at,
            generation: self.generation,
            seq: entry.seq,
            level,
        };
        self.alarms
            .insert(key.as_slice(), serde_json::to_vec(&alarm)?.as_slice())
            .map_err(io_error)?;
        Ok(())
    }
}

/// The name of a thing in its village: its own, or that of the device that it belongs to; else its
/// id.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn name_of(db: &Database, village: &str, id: &str) -> io::Result<String> {
    let read = db.begin_read().map_err(io_error)?;
    let table = read.open_table(NAMES).map_err(io_error)?;
    for known in [id, id.split('.').next().unwrap_or(id)] {
        if let Some(name) = table
            .get(key(village, known).as_slice())
            .map_err(io_error)?
        {
            return Ok(String::from_utf8_lossy(name.value()).into_owned());
        }
    }
    Ok(id.to_owned())
}

/// The active alarms of a village, the newest first.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn alarms(db: &Database, village: &str) -> io::Result<Vec<ActiveAlarm>> {
    let read = db.begin_read().map_err(io_error)?;
    let table = read.open_table(ALARMS).map_err(io_error)?;
    let mut out = Vec::new();
    let (from, to) = village_rows(village);
    for row in table
        .range(from.as_slice()..to.as_slice())
        .map_err(io_error)?
    {
        let (_, value) = row.map_err(io_error)?;
        out.extend(
            serde_json::from_slice::<ActiveAlarm>(value.value())
                .ok()
                .filter(|a| a.level > 0),
        );
    }
    out.sort_by_key(|a| std::cmp::Reverse(a.at));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::quota::count;
    use super::*;
    use crate::domain::camera::{self, Camera};
    use crate::domain::device::Availability;
    use crate::domain::id::{CameraId, EntityId};

    const NOW: WallMs = WallMs::new(10_000);

    fn entry(seq: u64, wall_ms: WallMs, event: Event) -> Entry {
        Entry {
            wall_ms,
            ..Entry::sample(seq, event)
        }
    }

    #[test]
    fn a_fall_that_comes_late_ends_no_newer_alarm() {
        let temporary = tempfile::tempdir().expect("folder");
        let path = temporary.path().join("store.redb");
        let db = Database::create(&path).expect("store");
        let sensor = EntityId::new("cb-01.level").expect("id");
        let up = |seq| {
            let (sensor, level, value) = (sensor.clone(), 1, 200.0);
            let rose = sensor::Event::AlarmRaised {
                sensor,
                level,
                value,
            };
            entry(seq, WallMs::new(1_000), Event::Sensor(rose))
        };
        let down = |seq| {
            let (sensor, level, value) = (sensor.clone(), 0, 100.0);
            let fell = sensor::Event::AlarmLowered {
                sensor,
                level,
                value,
            };
            entry(seq, WallMs::new(1_000), Event::Sensor(fell))
        };
        let tell_in = |generation: u64, entries: &[Entry]| {
            let write = db.begin_write().expect("write");
            create_tables(&write).expect("tables");
            let mut account = VillageQuota::default();
            (account.names, account.alarms) = count(&write, "ben-thoc").expect("counted");
            let mut teller =
                ReadModelWriter::new(&write, "ben-thoc", generation, NOW).expect("tables");
            for entry in entries {
                teller.apply(&mut account, entry).expect("noted");
            }
            drop(teller);
            assert_eq!(
                (account.names, account.alarms),
                count(&write, "ben-thoc").expect("counted")
            );
            write.commit().expect("committed");
            alarms(&db, "ben-thoc").expect("read").len()
        };
        let tell = |entries: &[Entry]| tell_in(0, entries);
        // The alarm lane overtakes the lanes of other entries.
        assert_eq!(
            tell(&[up(14), up(16), down(15)]),
            1,
            "it rose again after that fall"
        );
        assert_eq!(tell(&[down(17)]), 0);
        assert_eq!(tell(&[up(12)]), 0, "an old one comes late");
        assert_eq!(tell(&[up(18)]), 1);
        // Other storage: its history counts from 1 again, and the alarms before it are over.
        assert_eq!(
            tell(&[entry(
                1,
                WallMs::new(2_000),
                Event::History(history::Event::Booted {
                    boot: 1,
                    previous: String::new()
                })
            )]),
            0
        );
        assert_eq!(tell(&[up(5)]), 1);
        assert_eq!(
            name_of(&db, "ben-thoc", "cb-01.level").expect("read"),
            "cb-01.level"
        );
        let camera = Camera {
            id: CameraId::new("c").expect("id"),
            name: format!("Ngã\u{202e} ba{}", "x".repeat(500)),
            signal: Availability::Unknown,
            looks: Vec::new(),
        };
        tell(&[entry(
            20,
            WallMs::new(3_000),
            Event::Camera(camera::Event::Declared { camera }),
        )]);
        let name = name_of(&db, "ben-thoc", "c").expect("read");
        assert!(
            name.starts_with("Ngã ba") && text::is_line(&name, text::MAX_NAME_CHARS),
            "{name}"
        );
        // Storage that was set back gives numbers out again: its entries are newer than those
        // before.
        assert_eq!(tell(&[up(30)]), 1);
        assert_eq!(
            tell_in(1, &[down(22)]),
            0,
            "it is over, whatever numbers there were"
        );
        assert_eq!(tell_in(1, &[up(24), down(23)]), 1);
        assert_eq!(
            tell_in(0, &[down(40)]),
            1,
            "and what was said before it comes late"
        );
    }
}
