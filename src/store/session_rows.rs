//! Rows of the free wifi's sessions that ended: a file for each day, deleted when the village's
//! rules say so.
//!
//! A row has times, bytes and the id of the device, and nothing about what it did. Invariants: a
//! file is removed by the day in its name, so that deleting needs no reading; a torn last line
//! costs that line. Nothing is removed by its age while the clock is not believed.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::calendar::day_number;
use crate::domain::id::GuestId;
use crate::time::WallMs;

/// Largest file of a day, bytes: some 8,000 rows. Further rows of the day are not written.
const MAX_DAY_BYTES: u64 = 1 << 20;

/// A session that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// The device.
    pub device: GuestId,
    /// When it began.
    pub since: WallMs,
    /// When it ended.
    pub until: WallMs,
    /// Bytes of both directions.
    pub bytes: u64,
}

/// The rows of a village; clones are of the same folder.
#[derive(Debug, Clone)]
pub struct SessionRows {
    folder: PathBuf,
}

fn day_of(name: &str) -> Option<i64> {
    let day = name.strip_prefix("sessions-")?.strip_suffix(".jsonl")?;
    day.parse().ok()
}

impl SessionRows {
    /// The rows in a folder, which need not be there.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Their folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn file_of(&self, day: i64) -> PathBuf {
        self.folder.join(format!("sessions-{day}.jsonl"))
    }

    /// Adds rows to the file of the day on which they ended.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn append(&self, rows: &[SessionRow]) -> io::Result<()> {
        for row in rows {
            let path = self.file_of(day_number(row.until));
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)?;
            if file.metadata()?.len() < MAX_DAY_BYTES {
                let mut line = serde_json::to_vec(row)?;
                line.push(b'\n');
                file.write_all(&line)?;
            }
        }
        Ok(())
    }

    /// The rows of sessions that ended on a day, by their beginning. A line that is no row is left
    /// out.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn of_day(&self, day: i64) -> io::Result<Vec<SessionRow>> {
        let text = match std::fs::read(self.file_of(day)) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(cause),
        };
        let lines = text.split(|byte| *byte == b'\n');
        let mut rows: Vec<SessionRow> = lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        rows.sort_by_key(|row| row.since);
        Ok(rows)
    }

    /// The days that have a file, oldest first.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn days(&self) -> io::Result<Vec<i64>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(cause),
        };
        let mut days = Vec::new();
        for entry in entries {
            days.extend(entry?.file_name().to_str().and_then(day_of));
        }
        days.sort_unstable();
        Ok(days)
    }

    /// Removes the days that are older than `keep_days`, all of them for 0; gives how many. Without
    /// a date no other is removed.
    ///
    /// # Errors
    /// When the folder cannot be read or a file cannot be removed.
    pub fn remove_older(&self, keep_days: u16, now: Option<WallMs>) -> io::Result<usize> {
        let first = now.map(|now| day_number(now) - i64::from(keep_days));
        self.remove(|day| keep_days == 0 || first.is_some_and(|first| day < first))
    }

    /// Removes the days that are still to come; gives how many. Their rows were written under a
    /// wrong clock, so nobody knows when they are old. `now` must be certain.
    ///
    /// # Errors
    /// As [`SessionRows::remove_older`].
    pub fn remove_misdated(&self, now: WallMs) -> io::Result<usize> {
        let last = day_number(now) + 1;
        self.remove(|day| day > last)
    }

    fn remove(&self, is_over: impl Fn(i64) -> bool) -> io::Result<usize> {
        let over: Vec<i64> = self.days()?.into_iter().filter(|d| is_over(*d)).collect();
        for day in &over {
            std::fs::remove_file(self.file_of(*day))?;
        }
        Ok(over.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::day_start;

    fn row(day: i64, minute: i64) -> SessionRow {
        SessionRow {
            device: GuestId::new("00").expect("an id"),
            since: day_start(day) + minute * 60_000,
            until: day_start(day) + (minute + 5) * 60_000,
            bytes: 7,
        }
    }

    #[test]
    fn rows_go_when_their_days_are_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = SessionRows::new(folder.path().to_owned());
        let all = [row(100, 0), row(130, 0), row(131, 0), row(133, 0)];
        rows.append(&all).expect("written");
        std::fs::write(folder.path().join("use.json"), "{}").expect("written");
        let days = || rows.days().expect("read");
        let now = day_start(131);
        let removed = rows.remove_older(365, Some(now));
        assert_eq!((removed.ok(), days()), (Some(0), vec![100, 130, 131, 133]));
        rows.remove_older(30, None).expect("removed");
        assert_eq!(days(), [100, 130, 131, 133], "nobody knows the date");
        let removed = rows.remove_older(30, Some(now));
        assert_eq!((removed.ok(), days()), (Some(1), vec![130, 131, 133]));
        let removed = rows.remove_misdated(now);
        assert_eq!((removed.ok(), days()), (Some(1), vec![130, 131]));
        rows.remove_older(0, None).expect("removed");
        assert_eq!(days(), [0i64; 0]);
        assert!(folder.path().join("use.json").exists());
    }

    #[test]
    fn a_day_is_read_by_its_beginnings_and_a_torn_line_costs_one_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = SessionRows::new(folder.path().join("not-there"));
        assert_eq!(rows.of_day(100).ok(), Some(Vec::new()));
        assert_eq!(rows.days().ok(), Some(Vec::new()));
        assert_eq!(rows.remove_older(0, None).ok(), Some(0));
        let rows = SessionRows::new(folder.path().to_owned());
        rows.append(&[row(100, 9), row(100, 2)]).expect("written");
        let path = folder.path().join("sessions-100.jsonl");
        let mut text = std::fs::read(&path).expect("read");
        text.extend_from_slice(b"{\"device\":\"00\",\"since\":1");
        std::fs::write(&path, text).expect("written");
        let read = rows.of_day(100).expect("read");
        assert_eq!(read, [row(100, 2), row(100, 9)]);
    }
}
