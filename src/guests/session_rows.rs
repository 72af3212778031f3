//! Rows of sessions that ended: a file for each day, deleted when the village's rules say so.
//!
//! A row has times, bytes and the id of the device, and nothing about what it did. Invariants: a
//! file is removed by the day in its name, so that deleting needs no reading; a torn last line
//! costs that line. Nothing is removed while the clock is not believed.

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

fn file_of(folder: &Path, day: i64) -> PathBuf {
    folder.join(format!("sessions-{day}.jsonl"))
}

fn day_of(name: &str) -> Option<i64> {
    let day = name.strip_prefix("sessions-")?.strip_suffix(".jsonl")?;
    day.parse().ok()
}

/// Adds rows to the file of the day on which they ended.
///
/// # Errors
/// When the file system refuses.
pub fn append(folder: &Path, rows: &[SessionRow]) -> io::Result<()> {
    for row in rows {
        let path = file_of(folder, day_number(row.until));
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

/// Removes the files of days that are older than `keep_days`; 0 = all of them.
///
/// # Errors
/// When the folder cannot be read or a file cannot be removed.
pub fn remove_older(folder: &Path, keep_days: u16, now: WallMs) -> io::Result<()> {
    let first = day_number(now) - i64::from(keep_days);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let day = name.to_str().and_then(day_of);
        if day.is_some_and(|day| day < first || keep_days == 0) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::day_start;

    #[test]
    fn rows_go_when_their_days_are_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = |day: i64| SessionRow {
            device: GuestId::new("00").expect("an id"),
            since: day_start(day),
            until: day_start(day) + 1_000,
            bytes: 7,
        };
        append(folder.path(), &[row(100), row(130), row(131)]).expect("written");
        std::fs::write(folder.path().join("use.json"), "{}").expect("written");
        let days = || {
            let names = std::fs::read_dir(folder.path()).expect("a folder");
            let mut days: Vec<i64> = names
                .filter_map(|e| day_of(e.expect("an entry").file_name().to_str()?))
                .collect();
            days.sort_unstable();
            days
        };
        let now = day_start(131);
        remove_older(folder.path(), 365, now).expect("removed");
        assert_eq!(days(), [100, 130, 131]);
        remove_older(folder.path(), 30, now).expect("removed");
        assert_eq!(days(), [130, 131]);
        remove_older(folder.path(), 0, now).expect("removed");
        assert_eq!(days(), [0i64; 0]);
        assert!(folder.path().join("use.json").exists());
    }
}
