//! What villages told of their things, kept beside their records in the same transaction: what each is called, and which
//! alarms are in force. Bounded by what a village has; longer names are cut.

use std::io;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::store::error;
use crate::domain::event::{Entry, Event};

/// Village and id of a thing → what people call it.
const NAMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("names");
/// Village and sensor → the alarm in force.
const ALARMS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("alarms");
/// Most characters of a name.
const NAME_MOST: usize = 200;
/// Most names of one village.
const NAMES_MOST: usize = 20_000;

/// An alarm in force in a village.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    /// Sensor.
    pub sensor: String,
    /// The value that passed the mark.
    pub value: f64,
    /// When, wall ms of the village.
    pub at: i64,
}

fn key(village: &str, id: &str) -> Vec<u8> {
    [village.as_bytes(), b"\0", id.as_bytes()].concat()
}

/// Makes the tables.
pub(super) fn begin(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(NAMES).map_err(error)?;
    write.open_table(ALARMS).map_err(error)?;
    Ok(())
}

/// Notes what an entry tells.
pub(super) fn note(write: &WriteTransaction, village: &str, entry: &Entry) -> io::Result<()> {
    let names = entry.event.naming();
    if !names.is_empty() {
        let mut table = write.open_table(NAMES).map_err(error)?;
        let known = table.range(key(village, "").as_slice()..[village.as_bytes(), b"\x01"].concat().as_slice()).map_err(error)?.count();
        for (id, called) in names.into_iter().take(NAMES_MOST.saturating_sub(known)) {
            let called: String = called.chars().filter(|c| !c.is_control()).take(NAME_MOST).collect();
            table.insert(key(village, id).as_slice(), called.as_bytes()).map_err(error)?;
        }
    }
    match &entry.event {
        Event::SensorAlarmRaised { sensor, value, .. } => {
            let alarm = InForce { sensor: sensor.to_string(), value: *value, at: entry.wall_ms };
            write.open_table(ALARMS).map_err(error)?.insert(key(village, sensor.as_str()).as_slice(), serde_json::to_vec(&alarm)?.as_slice()).map_err(error)?;
        }
        Event::SensorAlarmLowered { sensor, level: 0, .. } => {
            write.open_table(ALARMS).map_err(error)?.remove(key(village, sensor.as_str()).as_slice()).map_err(error)?;
        }
        _ => {}
    }
    Ok(())
}

/// What a village calls a thing: by its id, or by the device that it belongs to; else the id.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn called(db: &Database, village: &str, id: &str) -> io::Result<String> {
    let read = db.begin_read().map_err(error)?;
    let table = read.open_table(NAMES).map_err(error)?;
    for known in [id, id.split('.').next().unwrap_or(id)] {
        if let Some(name) = table.get(key(village, known).as_slice()).map_err(error)? {
            return Ok(String::from_utf8_lossy(name.value()).into_owned());
        }
    }
    Ok(id.to_owned())
}

/// The alarms in force in a village, the newest first.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn alarms(db: &Database, village: &str) -> io::Result<Vec<InForce>> {
    let read = db.begin_read().map_err(error)?;
    let table = read.open_table(ALARMS).map_err(error)?;
    let mut out = Vec::new();
    for row in table.range(key(village, "").as_slice()..[village.as_bytes(), b"\x01"].concat().as_slice()).map_err(error)? {
        let (_, value) = row.map_err(error)?;
        out.extend(serde_json::from_slice::<InForce>(value.value()).ok());
    }
    out.sort_by_key(|a| std::cmp::Reverse(a.at));
    Ok(out)
}
