//! The bulletins that were queued for villages and the outcome of each, in the commune's store.

use std::io;

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use super::store::CommuneStore;
use super::tables::{BulletinOutcome, META, UndeliveredBulletin, io_error, with_number};
use crate::protocol::commune::Bulletin;

pub(super) const DOWN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("down");

/// The village took a notice down; when it was a bulletin, its row says so from then on.
///
/// # Errors
/// When the store cannot be written.
pub(super) fn record_taken_down(
    write: &WriteTransaction,
    village: &str,
    notice: &str,
    at: i64,
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
    bulletin.taken_down_at = Some(at);
    down.insert(key.as_slice(), serde_json::to_vec(&bulletin)?.as_slice())
        .map_err(io_error)?;
    Ok(())
}

impl CommuneStore {
    /// Queues a bulletin for all of these villages or for none. `once` is the token of the form: a
    /// bulletin that was queued under it before is not queued again. Gives the number of villages
    /// that it was queued for now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn queue_bulletin(
        &self,
        villages: &[String],
        bulletin: &Bulletin,
        expires_at: i64,
        once: &str,
    ) -> io::Result<usize> {
        let write = self.db.begin_write().map_err(io_error)?;
        {
            let mut meta = write.open_table(META).map_err(io_error)?;
            let name = [b"sent ".as_slice(), once.as_bytes()].concat();
            if meta.get(name.as_slice()).map_err(io_error)?.is_some() {
                return Ok(0);
            }
            meta.insert(name.as_slice(), expires_at.to_be_bytes().as_slice())
                .map_err(io_error)?;
        }
        for village in villages {
            let mut down = write.open_table(DOWN).map_err(io_error)?;
            let (from, to) = (
                [village.as_bytes(), b"\0"].concat(),
                [village.as_bytes(), b"\x01"].concat(),
            );
            let last = down
                .range(from.as_slice()..to.as_slice())
                .map_err(io_error)?
                .next_back()
                .transpose()
                .map_err(io_error)?
                .and_then(|(k, _)| k.value().last_chunk::<8>().map(|b| u64::from_be_bytes(*b)))
                .unwrap_or(0);
            let seq = last + 1;
            let waiting = UndeliveredBulletin {
                seq,
                id: format!(
                    "xa-{}-{seq}",
                    &self.incarnation[..16.min(self.incarnation.len())]
                ),
                expires_at,
                bulletin: bulletin.clone(),
                outcome: BulletinOutcome::Waiting,
                taken_down_at: None,
            };
            down.insert(
                with_number(from, seq).as_slice(),
                serde_json::to_vec(&waiting)?.as_slice(),
            )
            .map_err(io_error)?;
        }
        write.commit().map_err(io_error)?;
        Ok(villages.len())
    }

    /// Every bulletin queued for a village, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn queued(&self, village: &str) -> io::Result<Vec<UndeliveredBulletin>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(DOWN).map_err(io_error)?;
        let (from, to) = (
            [village.as_bytes(), b"\0"].concat(),
            [village.as_bytes(), b"\x01"].concat(),
        );
        table
            .range(from.as_slice()..to.as_slice())
            .map_err(io_error)?
            .map(|row| {
                row.map_err(io_error)
                    .and_then(|(_, v)| Ok(serde_json::from_slice(v.value())?))
            })
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
        let (from, to) = (
            [village.as_bytes(), b"\0"].concat(),
            [village.as_bytes(), b"\x01"].concat(),
        );
        table
            .range(from.as_slice()..to.as_slice())
            .map_err(io_error)?
            .rev()
            .take(limit)
            .map(|row| {
                row.map_err(io_error)
                    .and_then(|(_, v)| Ok(serde_json::from_slice(v.value())?))
            })
            .collect()
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
    ) -> io::Result<()> {
        let key = with_number([village.as_bytes(), b"\0"].concat(), seq);
        let known = {
            let read = self.db.begin_read().map_err(io_error)?;
            let down = read.open_table(DOWN).map_err(io_error)?;
            down.get(key.as_slice())
                .map_err(io_error)?
                .map(|v| serde_json::from_slice::<UndeliveredBulletin>(v.value()))
                .transpose()?
        };
        let Some(mut waiting) = known else {
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
        waiting.outcome = outcome;
        let write = self.db.begin_write().map_err(io_error)?;
        {
            let mut down = write.open_table(DOWN).map_err(io_error)?;
            down.insert(key.as_slice(), serde_json::to_vec(&waiting)?.as_slice())
                .map_err(io_error)?;
        }
        write.commit().map_err(io_error)
    }
}
