//! Taking in what villages send: batches, gaps, what is unreadable.
//!
//! Invariant: records and `applied` are one transaction, committed `Immediate`; an ACK is sent only
//! after it. What a village may add in a day bounds all of it ([`super::account`]).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use redb::{ReadableTable as _, WriteTransaction};

use super::account::{self, RECORD_COST, Today};
use super::db::{APPLIED, ASIDE, GAPS, RECORDS, SEEN, Seen, error, stream_key, with_number};
use super::engine::{Take, gap, take};
use super::newest::Noting;
use super::store::Store;
use super::told::Teller;
use super::{erased, past};
use crate::domain::event::Entry;
use crate::protocol::commune::{Batch, NUMBER_MOST, Stream, TEXT_MOST};

/// Stores records and what they tell; false = the village told all it may today.
fn append(
    write: &WriteTransaction,
    folder: &Path,
    village: &str,
    key: &[u8],
    records: &[(u64, Vec<u8>)],
    batch: &Batch,
    today: Today,
) -> io::Result<bool> {
    let now_ms = today.now_ms;
    // Of a newer version may be what cannot be read here: it is kept as it came.
    let entries: Vec<Option<Entry>> = records
        .iter()
        .map(|(_, bytes)| serde_json::from_slice(bytes).ok())
        .collect();
    // Only words that these records name, and no more than people write.
    let named: BTreeSet<&str> = entries
        .iter()
        .flatten()
        .filter_map(|e| e.event.blob().map(|b| b.id.as_str()))
        .collect();
    erased::take(write, folder, village, &entries)?;
    let mut texts: Vec<(&str, &[u8])> = Vec::new();
    for (id, text) in batch
        .texts
        .iter()
        .filter(|(id, text)| named.contains(id.as_str()) && text.len() <= TEXT_MOST)
    {
        if !erased::is_erased(write, village, id)? {
            texts.push((id, text.as_bytes()));
        }
    }
    let mut account = account::load(write, village)?;
    let size = records
        .iter()
        .map(|(_, b)| b.len() as u64 + RECORD_COST)
        .sum::<u64>()
        + texts
            .iter()
            .map(|(_, t)| account::text_cost(t.len() as u64))
            .sum::<u64>();
    // The console tells it.
    if !account.takes(size, today) {
        return Ok(false);
    }
    let mut table = write.open_table(RECORDS).map_err(error)?;
    let mut seen = write.open_table(SEEN).map_err(error)?;
    let mut state: Seen = seen
        .get(village.as_bytes())
        .map_err(error)?
        .and_then(|v| serde_json::from_slice(v.value()).ok())
        .unwrap_or_default();
    let generation = past::generation(write, village)?;
    let mut newest = Noting::new(write, village, &batch.stream.epoch, generation)?;
    let mut teller = Teller::new(write, village, generation, now_ms)?;
    for ((n, bytes), entry) in records.iter().zip(&entries) {
        let name = with_number(key.to_vec(), *n);
        table
            .insert(name.as_slice(), bytes.as_slice())
            .map_err(error)?;
        state.records += 1;
        if let Some(entry) = entry {
            // A village's clock may be years ahead: what it says of later than now is of now.
            state.newest_at = state.newest_at.max(entry.wall_ms.min(now_ms));
            state.newest_seq = state.newest_seq.max(entry.seq.min(NUMBER_MOST));
            newest.note(entry.seq, &name)?;
            teller.note(&mut account, entry)?;
        }
    }
    state.heard_at = now_ms;
    seen.insert(village.as_bytes(), serde_json::to_vec(&state)?.as_slice())
        .map_err(error)?;
    erased::keep(folder, village, &texts)?;
    account::keep(write, village, &account)?;
    Ok(true)
}

/// Takes a batch in, in a transaction: how far the stream is then, whether the batch began behind a
/// hole, whether anything is to be committed.
fn take_in(
    write: &WriteTransaction,
    folder: &Path,
    village: &str,
    batch: &Batch,
    today: Today,
) -> io::Result<(u64, bool, bool)> {
    let key = stream_key(village, &batch.stream);
    let mut marks = write.open_table(APPLIED).map_err(error)?;
    let before = marks
        .get(key.as_slice())
        .map_err(error)?
        .map_or(0, |v| v.value());
    let applied = match take(batch, before) {
        Take::Nothing { hole } => return Ok((before, hole, false)),
        Take::Quarantine { why, applied } => {
            // Without people's words: those are no part of what cannot be read.
            let bytes = serde_json::to_vec(&Batch {
                texts: BTreeMap::new(),
                ..batch.clone()
            })?;
            let mut account = account::load(write, village)?;
            if !account.takes(bytes.len() as u64, today) {
                return Ok((before, false, false));
            }
            let kept = account.keeps_aside(bytes.len() as u64);
            if kept {
                tracing::error!(
                    village,
                    why,
                    "a batch cannot be read; it is counted and kept aside"
                );
                let mut aside = write.open_table(ASIDE).map_err(error)?;
                aside
                    .insert(
                        with_number(key.clone(), batch.first).as_slice(),
                        bytes.as_slice(),
                    )
                    .map_err(error)?;
            }
            account::keep(write, village, &account)?;
            applied
        }
        Take::Append { records, applied } => {
            if !append(write, folder, village, &key, &records, batch, today)? {
                return Ok((before, false, false));
            }
            applied
        }
    };
    marks.insert(key.as_slice(), applied).map_err(error)?;
    Ok((applied, false, true))
}

impl Store {
    /// Takes a batch in; gives how far the stream is then, durably, and whether the batch began
    /// behind a hole. What is more than the village may tell in a day is not taken: the mark
    /// stays.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was applied then.
    pub fn take(&self, village: &str, batch: &Batch, now_ms: i64) -> io::Result<(u64, bool)> {
        let taken = self.take_round(std::iter::once((village, batch)), now_ms)?;
        taken
            .into_iter()
            .next()
            .ok_or_else(|| io::Error::other("nothing was taken"))
    }

    /// Takes a batch of each of some villages in, all in one transaction: a disk that syncs slowly
    /// makes nobody wait for the others one after the other.
    ///
    /// # Errors
    /// When the store cannot be written; nothing was applied then.
    pub fn take_round<'a>(
        &self,
        batches: impl Iterator<Item = (&'a str, &'a Batch)>,
        now_ms: i64,
    ) -> io::Result<Vec<(u64, bool)>> {
        let today = self.today(now_ms);
        let write = self.db.begin_write().map_err(error)?;
        let taken = batches
            .map(|(village, batch)| take_in(&write, &self.folder, village, batch, today))
            .collect::<io::Result<Vec<_>>>()?;
        if taken.iter().any(|(.., is_new)| *is_new) {
            write.commit().map_err(error)?;
        }
        Ok(taken
            .into_iter()
            .map(|(applied, hole, _)| (applied, hole))
            .collect())
    }

    /// Takes a gap in; gives how far the stream is then. Gaps that follow each other are one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn take_gap(
        &self,
        village: &str,
        stream: &Stream,
        from: u64,
        to: u64,
        now_ms: i64,
    ) -> io::Result<u64> {
        let key = stream_key(village, stream);
        let write = self.db.begin_write().map_err(error)?;
        let applied = {
            let mut marks = write.open_table(APPLIED).map_err(error)?;
            let before = marks
                .get(key.as_slice())
                .map_err(error)?
                .map_or(0, |v| v.value());
            let Some(applied) = gap(from, to, before) else {
                return Ok(before);
            };
            let mut account = account::load(&write, village)?;
            if !account.takes(RECORD_COST, self.today(now_ms)) {
                return Ok(before);
            }
            account::keep(&write, village, &account)?;
            let mut gaps = write.open_table(GAPS).map_err(error)?;
            let last = gaps
                .range(
                    with_number(key.clone(), 0).as_slice()
                        ..=with_number(key.clone(), before).as_slice(),
                )
                .map_err(error)?
                .next_back()
                .transpose()
                .map_err(error)?;
            let joins = last
                .filter(|(_, to)| to.value() == before)
                .map(|(k, _)| k.value().to_vec());
            let at = joins.unwrap_or_else(|| with_number(key.clone(), before + 1));
            gaps.insert(at.as_slice(), to).map_err(error)?;
            marks.insert(key.as_slice(), applied).map_err(error)?;
            applied
        };
        write.commit().map_err(error)?;
        Ok(applied)
    }
}
