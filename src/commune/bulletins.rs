//! The bulletins that were queued for villages and the outcome of each, in the commune's store.
//! Sending one to many villages is in `sent_bulletins`.

use std::io;

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use super::history::{self, Author, CommuneEvent};
use super::store::CommuneStore;
use super::tables::{
    BulletinOutcome, Remover, UndeliveredBulletin, io_error, json_row, village_rows, with_number,
};
use crate::time::WallMs;

pub(super) const DOWN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("down");

/// Most entries of history about one bulletin in one village: a village that takes it down and puts
/// it up again without end fills nothing. Its receipt goes on following.
const MAX_HISTORY_ENTRIES: u32 = 20;

/// The village took a notice down, at `at` by its clock; when it was a bulletin, its row says so
/// from then on.
///
/// # Errors
/// When the store cannot be written.
pub(super) fn record_taken_down(
    write: &WriteTransaction,
    village: &str,
    notice: &str,
    (at, by): (WallMs, Remover),
    now: WallMs,
) -> io::Result<()> {
    record(write, village, notice, Some((at, by)), now)
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
    now: WallMs,
) -> io::Result<()> {
    record(write, village, notice, None, now)
}

fn record(
    write: &WriteTransaction,
    village: &str,
    notice: &str,
    taken_down: Option<(WallMs, Remover)>,
    now: WallMs,
) -> io::Result<()> {
    let Some(seq) = notice
        .strip_prefix("xa-")
        .and_then(|rest| rest.rsplit('-').next())
        .and_then(|seq| seq.parse::<u64>().ok())
    else {
        return Ok(());
    };
    let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
    let known = write
        .open_table(DOWN)
        .map_err(io_error)?
        .get(key.as_slice())
        .map_err(io_error)?
        .map(|v| serde_json::from_slice::<UndeliveredBulletin>(v.value()))
        .transpose()?;
    let Some(mut bulletin) = known.filter(|b| b.id == notice) else {
        return Ok(());
    };
    let number = bulletin.number;
    let event = match taken_down {
        Some((_, by)) => CommuneEvent::BulletinTakenDown { number, by },
        None => CommuneEvent::BulletinRestored { number },
    };
    (bulletin.taken_down_at, bulletin.taken_down_by) = taken_down.unzip();
    store_change(write, village, bulletin, &event, now)
}

/// Stores the row of a bulletin in a village, with what history tells of the change.
fn store_change(
    write: &WriteTransaction,
    village: &str,
    mut bulletin: UndeliveredBulletin,
    event: &CommuneEvent,
    now: WallMs,
) -> io::Result<()> {
    if bulletin.history_entries < MAX_HISTORY_ENTRIES {
        bulletin.history_entries += 1;
        let author = Author::Village {
            id: village.to_owned(),
        };
        history::append(write, now, &author, event)?;
    }
    let key = with_number([village.as_bytes(), b"\0"].concat(), bulletin.seq);
    let mut down = write.open_table(DOWN).map_err(io_error)?;
    down.insert(key.as_slice(), serde_json::to_vec(&bulletin)?.as_slice())
        .map(drop)
        .map_err(io_error)
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
        let number = waiting.number;
        let event = match &outcome {
            BulletinOutcome::Refused(why) => CommuneEvent::BulletinRefused {
                number,
                why: why.clone(),
            },
            BulletinOutcome::Waiting | BulletinOutcome::Done => {
                CommuneEvent::BulletinPublished { number }
            }
        };
        (waiting.outcome, waiting.answered_at) = (outcome, Some(now));
        let write = self.db.begin_write().map_err(io_error)?;
        store_change(&write, village, waiting, &event, now)?;
        write.commit().map_err(io_error)
    }
}
