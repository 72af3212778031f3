//! The bulletins that were queued for villages and the outcome of each, in the commune's store.
//! Sending one to many villages is in `sent_bulletins`.

use std::io;

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use super::store::CommuneStore;
use super::tables::{
    BulletinOutcome, Remover, UndeliveredBulletin, io_error, json_row, village_rows, with_number,
};
use crate::time::WallMs;

pub(super) const DOWN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("down");

/// The village took a notice down; when it was a bulletin, its row says so from then on.
///
/// # Errors
/// When the store cannot be written.
pub(super) fn record_taken_down(
    write: &WriteTransaction,
    village: &str,
    notice: &str,
    at: WallMs,
    by: Remover,
) -> io::Result<()> {
    record(write, village, notice, Some((at, by)))
}

/// The village put a notice up again that it had taken down; when it was a bulletin, its row says
/// nothing else from then on.
///
/// # Errors
/// When the store cannot be written.
pub(super) fn record_restored(
    write: &WriteTransaction,
    village: &str,
    notice: &str,
) -> io::Result<()> {
    record(write, village, notice, None)
}

fn record(
    write: &WriteTransaction,
    village: &str,
    notice: &str,
    taken_down: Option<(WallMs, Remover)>,
) -> io::Result<()> {
    let Some(seq) = notice
        .strip_prefix("xa-")
        .and_then(|rest| rest.rsplit('-').next())
        .and_then(|seq| seq.parse::<u64>().ok())
    else {
        return Ok(());
    };
    let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
    let mut down = write.open_table(DOWN).map_err(io_error)?;
    let known = down
        .get(key.as_slice())
        .map_err(io_error)?
        .map(|v| serde_json::from_slice::<UndeliveredBulletin>(v.value()))
        .transpose()?;
    let Some(mut bulletin) = known.filter(|b| b.id == notice) else {
        return Ok(());
    };
    (bulletin.taken_down_at, bulletin.taken_down_by) = taken_down.unzip();
    down.insert(key.as_slice(), serde_json::to_vec(&bulletin)?.as_slice())
        .map_err(io_error)?;
    Ok(())
}

impl CommuneStore {
    /// Every bulletin queued for a village, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn queued(&self, village: &str) -> io::Result<Vec<UndeliveredBulletin>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(DOWN).map_err(io_error)?;
        let (from, to) = village_rows(village);
        table
            .range(from.as_slice()..to.as_slice())
            .map_err(io_error)?
            .map(json_row)
            .collect()
    }

    /// The last bulletins queued for a village, the newest first: what is decided and shown often
    /// must not cost more with every year.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest(&self, village: &str, limit: usize) -> io::Result<Vec<UndeliveredBulletin>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(DOWN).map_err(io_error)?;
        let (from, to) = village_rows(village);
        table
            .range(from.as_slice()..to.as_slice())
            .map_err(io_error)?
            .rev()
            .take(limit)
            .map(json_row)
            .collect()
    }

    /// One bulletin queued for a village.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn queued_one(&self, village: &str, seq: u64) -> io::Result<Option<UndeliveredBulletin>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let down = read.open_table(DOWN).map_err(io_error)?;
        let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
        down.get(key.as_slice())
            .map_err(io_error)?
            .map(|v| Ok(serde_json::from_slice(v.value())?))
            .transpose()
    }

    /// Records the outcome of a bulletin, when the bulletin exists and the outcome is new.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn record_outcome(
        &self,
        village: &str,
        seq: u64,
        refused: Option<String>,
        now: WallMs,
    ) -> io::Result<()> {
        let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
        let Some(mut waiting) = self.queued_one(village, seq)? else {
            return Ok(());
        };
        // A message key and nothing else: the console shows no text of a village's choice.
        let sound = |why: &String| {
            why.len() <= 60 && why.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        let outcome = refused.map_or(BulletinOutcome::Done, |why| {
            BulletinOutcome::Refused(if sound(&why) {
                why
            } else {
                "refused-unsound".to_owned()
            })
        });
        if waiting.outcome == outcome {
            return Ok(());
        }
        (waiting.outcome, waiting.answered_at) = (outcome, Some(now));
        let write = self.db.begin_write().map_err(io_error)?;
        {
            let mut down = write.open_table(DOWN).map_err(io_error)?;
            down.insert(key.as_slice(), serde_json::to_vec(&waiting)?.as_slice())
                .map_err(io_error)?;
        }
        write.commit().map_err(io_error)
    }
}
