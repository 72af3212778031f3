//! Bulletins on their way down and what became of them, in the commune's store.

use std::io;

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::store::CommuneStore;
use super::tables::{BulletinOutcome, META, UndeliveredBulletin, io_error, with_number};
use crate::protocol::commune::Bulletin;

pub(super) const DOWN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("down");

impl CommuneStore {
    /// Queues a bulletin for villages, for all of them or for none. `once` is the form's own name:
    /// what was sent under it before is not sent again. Gives how many villages it was queued
    /// for now.
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

    /// Everything queued for a village, oldest first.
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

    /// The bulletins that were queued last for a village, the newest first: what is decided and
    /// shown often does not cost more with every year.
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

    /// Notes what became of a command; only of one that there is, and only what is new.
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
        // A key of a sentence and nothing else: a village's words are not this page's.
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
