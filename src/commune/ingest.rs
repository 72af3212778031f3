//! Applying what villages send: batches, gaps, unreadable batches.
//!
//! Invariant: records and `applied` are one transaction, committed `Immediate`; an ACK is sent only
//! after it. The daily quota of a village bounds all of it ([`super::quota`]).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use redb::{ReadableTable as _, WriteTransaction};

use super::engine::{Disposition, judge_batch, judge_gap};
use super::quota::{self, DailyQuota, RECORD_COST};
use super::read_model::ReadModelWriter;
use super::recent_index::RecentIndexWriter;
use super::store::CommuneStore;
use super::tables::{
    APPLIED, CONTACTS, GAPS, QUARANTINE, RECORDS, Remover, VillageContact, io_error, stream_key,
    with_number,
};
use super::{boot_history, bulletins, erasure};
use crate::domain::event::{Entry, Event};
use crate::domain::notice;
use crate::journal::codec;
use crate::protocol::commune::{Batch, MAX_NUMBER, MAX_TEXT_BYTES, Stream};
use crate::time::WallMs;

/// Stores records and updates what is derived from them; false = the village's quota of today is
/// used up.
fn append_records(
    write: &WriteTransaction,
    folder: &Path,
    village: &str,
    key: &[u8],
    records: &[(u64, Vec<u8>)],
    batch: &Batch,
    today: DailyQuota,
) -> io::Result<bool> {
    let now_ms = today.now_ms;
    // A record that cannot be parsed may be of a newer version: it is stored as it came.
    let entries: Vec<Option<Entry>> = records
        .iter()
        .map(|(_, bytes)| codec::decode_entry(bytes).ok())
        .collect();
    // Only texts that these records name, and none longer than people can write.
    let named: BTreeSet<&str> = entries
        .iter()
        .flatten()
        .filter_map(|e| e.event.blob().map(|b| b.id.as_str()))
        .collect();
    erasure::apply_erasures(write, folder, village, &entries)?;
    let mut texts: Vec<(&str, &[u8])> = Vec::new();
    for (id, text) in batch
        .texts
        .iter()
        .filter(|(id, text)| named.contains(id.as_str()) && text.len() <= MAX_TEXT_BYTES)
    {
        if !erasure::is_erased(write, village, id)? {
            texts.push((id, text.as_bytes()));
        }
    }
    let mut account = quota::load(write, village)?;
    let size = records
        .iter()
        .map(|(_, b)| b.len() as u64 + RECORD_COST)
        .sum::<u64>()
        + texts
            .iter()
            .map(|(_, t)| quota::text_cost(t.len() as u64))
            .sum::<u64>();
    // The console shows that the quota is used up.
    if !account.try_consume(size, today) {
        return Ok(false);
    }
    let mut table = write.open_table(RECORDS).map_err(io_error)?;
    let mut seen = write.open_table(CONTACTS).map_err(io_error)?;
    let mut state: VillageContact = seen
        .get(village.as_bytes())
        .map_err(io_error)?
        .and_then(|v| serde_json::from_slice(v.value()).ok())
        .unwrap_or_default();
    let generation = boot_history::generation(write, village)?;
    let mut newest = RecentIndexWriter::new(write, village, &batch.stream.epoch, generation)?;
    let mut teller = ReadModelWriter::new(write, village, generation, now_ms)?;
    for ((n, bytes), entry) in records.iter().zip(&entries) {
        let name = with_number(key.to_vec(), *n);
        table
            .insert(name.as_slice(), bytes.as_slice())
            .map_err(io_error)?;
        state.records += 1;
        if let Some(entry) = entry {
            // A village's clock may be years ahead: a time later than now counts as now.
            state.newest_at = state.newest_at.max(entry.wall_ms.min(now_ms));
            state.newest_seq = state.newest_seq.max(entry.seq.min(MAX_NUMBER));
            newest.insert(entry.seq, &name)?;
            teller.apply(&mut account, entry)?;
            match &entry.event {
                Event::Notice(notice::Event::TakenDown { id }) => {
                    let (at, by) = (entry.wall_ms.min(now_ms), Remover::of(&entry.actor));
                    bulletins::record_taken_down(write, village, id.as_str(), (at, by), now_ms)?;
                }
                Event::Notice(notice::Event::Restored { id }) => {
                    bulletins::record_restored(write, village, id.as_str(), now_ms)?;
                }
                _ => {}
            }
        }
    }
    state.last_message_at = now_ms;
    seen.insert(village.as_bytes(), serde_json::to_vec(&state)?.as_slice())
        .map_err(io_error)?;
    erasure::write_texts(folder, village, &texts)?;
    quota::save(write, village, &account)?;
    Ok(true)
}

/// Applies a batch in a transaction: how far the stream is then applied, whether the batch began
/// behind a hole, whether there is anything to commit.
fn apply_batch(
    write: &WriteTransaction,
    folder: &Path,
    village: &str,
    batch: &Batch,
    today: DailyQuota,
) -> io::Result<(u64, bool, bool)> {
    let key = stream_key(village, &batch.stream);
    let mut marks = write.open_table(APPLIED).map_err(io_error)?;
    let before = marks
        .get(key.as_slice())
        .map_err(io_error)?
        .map_or(0, |v| v.value());
    let applied = match judge_batch(batch, before) {
        Disposition::Ignore { hole } => return Ok((before, hole, false)),
        Disposition::Quarantine { why, applied } => {
            // Without the texts: they are no part of what cannot be read.
            let bytes = serde_json::to_vec(&Batch {
                texts: BTreeMap::new(),
                ..batch.clone()
            })?;
            let mut account = quota::load(write, village)?;
            if !account.try_consume(bytes.len() as u64, today) {
                return Ok((before, false, false));
            }
            let is_stored = account.try_quarantine(bytes.len() as u64);
            if is_stored {
                tracing::error!(village, why, "unreadable batch quarantined");
                let mut aside = write.open_table(QUARANTINE).map_err(io_error)?;
                aside
                    .insert(
                        with_number(key.clone(), batch.first).as_slice(),
                        bytes.as_slice(),
                    )
                    .map_err(io_error)?;
            }
            quota::save(write, village, &account)?;
            applied
        }
        Disposition::Append { records, applied } => {
            if !append_records(write, folder, village, &key, &records, batch, today)? {
                return Ok((before, false, false));
            }
            applied
        }
    };
    marks.insert(key.as_slice(), applied).map_err(io_error)?;
    Ok((applied, false, true))
}

impl CommuneStore {
    /// Applies a batch; gives how far the stream is then applied, durably, and whether the batch
    /// began behind a hole. A batch beyond the village's daily quota is not applied: the watermark
    /// stays.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was applied then.
    pub fn apply(&self, village: &str, batch: &Batch, now_ms: WallMs) -> io::Result<(u64, bool)> {
        let taken = self.apply_round(std::iter::once((village, batch)), now_ms)?;
        taken
            .into_iter()
            .next()
            .ok_or_else(|| io::Error::other("no batch was applied"))
    }

    /// Applies one batch of each of some villages, all in one transaction: on a disk that syncs
    /// slowly, no village waits for one sync after the other.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was applied then.
    pub fn apply_round<'a>(
        &self,
        batches: impl Iterator<Item = (&'a str, &'a Batch)>,
        now_ms: WallMs,
    ) -> io::Result<Vec<(u64, bool)>> {
        let today = self.daily_quota(now_ms);
        let write = self.db.begin_write().map_err(io_error)?;
        let taken = batches
            .map(|(village, batch)| apply_batch(&write, &self.folder, village, batch, today))
            .collect::<io::Result<Vec<_>>>()?;
        if taken.iter().any(|(.., is_new)| *is_new) {
            write.commit().map_err(io_error)?;
        }
        Ok(taken
            .into_iter()
            .map(|(applied, hole, _)| (applied, hole))
            .collect())
    }

    /// Applies a gap; gives how far the stream is then applied. Gaps that follow each other are one
    /// row.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn apply_gap(
        &self,
        village: &str,
        stream: &Stream,
        from: u64,
        to: u64,
        now_ms: WallMs,
    ) -> io::Result<u64> {
        let key = stream_key(village, stream);
        let write = self.db.begin_write().map_err(io_error)?;
        let applied = {
            let mut marks = write.open_table(APPLIED).map_err(io_error)?;
            let before = marks
                .get(key.as_slice())
                .map_err(io_error)?
                .map_or(0, |v| v.value());
            let Some(applied) = judge_gap(from, to, before) else {
                return Ok(before);
            };
            let mut account = quota::load(&write, village)?;
            if !account.try_consume(RECORD_COST, self.daily_quota(now_ms)) {
                return Ok(before);
            }
            quota::save(&write, village, &account)?;
            let mut gaps = write.open_table(GAPS).map_err(io_error)?;
            let last = gaps
                .range(
                    with_number(key.clone(), 0).as_slice()
                        ..=with_number(key.clone(), before).as_slice(),
                )
                .map_err(io_error)?
                .next_back()
                .transpose()
                .map_err(io_error)?;
            let joins = last
                .filter(|(_, to)| to.value() == before)
                .map(|(k, _)| k.value().to_vec());
            let at = joins.unwrap_or_else(|| with_number(key.clone(), before + 1));
            gaps.insert(at.as_slice(), to).map_err(io_error)?;
            marks.insert(key.as_slice(), applied).map_err(io_error)?;
            applied
        };
        write.commit().map_err(io_error)?;
        Ok(applied)
    }
}
