//! The boots of each village as the commune knows them, and whether the gateway that connects now
//! can be the one that connected before.
//!
//! Invariants: one gateway uses an epoch, boots follow each other, and records that were
//! acknowledged are still in the village when it reports its streams. Storage that was set back or
//! copied, or two gateways with one name, break this: the divergence is shown on the console and
//! reported to the village for some days. The commune's own records stay, whatever a village sends.
//! Older peers report less and know nothing of divergences: a value that they leave out is unknown,
//! never wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::store::CommuneStore;
use super::tables::{
    CONTACTS, MIN_HELLO_WRITE_INTERVAL_MS, RECORDS, VillageContact, io_error, stream_key,
    with_number,
};
use crate::keys::secret;
use crate::protocol::commune::Stream;
use crate::protocol::divergence::{CommuneCopy, Divergence, DivergenceReport};
use crate::time::WallMs;

const PAST: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("past");
/// Boots of one village that are stored, and epochs whose missing records were reported.
const MAX_BOOTS: usize = 64;
/// How long a divergence is shown and reported, ms.
const DIVERGENCE_SHOWN_MS: i64 = 7 * 86_400_000;
/// How recent a village's last message must be, ms, for the village to still have the history that
/// it reported then. Less than the thirty days for which a village stores its history at least.
const RECENTLY_SEEN_MS: i64 = 25 * 86_400_000;
/// The newest streams whose last record the commune describes to the village: how many.
const MAX_HEADS: usize = 12;

/// The boots of one village.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct BootHistory {
    /// Number and epoch of each boot, in the order of their first hello.
    boots: Vec<(u64, String)>,
    /// Epoch of the last hello.
    last: String,
    /// Records that were missing at the end of an epoch when that was last reported.
    shorter: BTreeMap<String, u64>,
    trouble: Option<DivergenceReport>,
    /// How often the village was set back; each time its entry numbers (seq) began again from an
    /// earlier one.
    generation: u64,
}

/// A hello compared with the commune's copy: the epoch and boot that sent it, and the epochs of
/// which the village has fewer records than were acknowledged.
pub struct HelloSummary<'a> {
    /// The epoch that sent it.
    pub epoch: &'a str,
    /// The number of its boot.
    pub boot: u64,
    /// Acknowledged records that the village no longer has, by epoch.
    pub missing: BTreeMap<String, u64>,
    /// All epochs that it names, earlier ones too.
    pub names: BTreeSet<&'a str>,
}

impl<'a> HelloSummary<'a> {
    /// Compares the streams that a village reports with how far the commune has applied them.
    pub fn new(
        epoch: &'a str,
        boot: u64,
        streams: &'a [(Stream, u64, u64)],
        applied: &[(Stream, u64)],
    ) -> Self {
        let lasts: BTreeMap<&Stream, u64> = streams.iter().map(|(s, _, last)| (s, *last)).collect();
        let mut missing = BTreeMap::new();
        for (stream, applied) in applied {
            if let Some(less) = lasts
                .get(stream)
                .and_then(|last| applied.checked_sub(*last))
                .filter(|n| *n > 0)
            {
                *missing.entry(stream.epoch.clone()).or_default() += less;
            }
        }
        Self {
            epoch,
            boot,
            missing,
            names: streams.iter().map(|(s, ..)| s.epoch.as_str()).collect(),
        }
    }
}

impl BootHistory {
    /// Applies a hello; true = it contradicts the hellos before it. `is_lately`: the last message
    /// is so recent that the village cannot have released the history that it reported then.
    fn apply_hello(
        &mut self,
        greeting: &HelloSummary<'_>,
        is_lately: bool,
        now_ms: WallMs,
    ) -> bool {
        let HelloSummary {
            epoch,
            boot,
            missing,
            names,
        } = greeting;
        let mut found = None;
        let highest = self.boots.iter().map(|(boot, _)| *boot).max();
        if self.boots.iter().any(|(_, known)| known == epoch) {
            // A gateway that restarted never uses an earlier epoch again: another one is running.
            if self.last != *epoch {
                found = Some((Divergence::Twin, 0));
            }
        } else {
            // A gateway that goes on has a higher boot and still names the epoch of its last hello.
            // Otherwise it was set back, or it is another gateway.
            let before = self.boots.iter().find(|(_, known)| *known == self.last);
            if before.is_some_and(|(last, name)| {
                boot <= last || is_lately && !names.contains(name.as_str())
            }) {
                found = Some((Divergence::Older, 0));
            }
            self.boots.push((*boot, (*epoch).to_owned()));
            let over = self.boots.len().saturating_sub(MAX_BOOTS);
            self.boots.drain(..over);
        }
        self.generation += u64::from(matches!(found, Some((Divergence::Older, _))));
        (*epoch).clone_into(&mut self.last);
        let fresh: u64 = missing
            .iter()
            .filter(|(epoch, n)| self.shorter.get(*epoch).is_none_or(|known| *known < **n))
            .map(|(_, n)| *n)
            .sum();
        if fresh > 0 {
            self.shorter.extend(missing.clone());
            while self.shorter.len() > MAX_BOOTS {
                self.shorter.pop_first();
            }
            // A divergence of the boots explains more than missing records: it stays.
            found = found
                .or(Some((Divergence::Shorter, 0)))
                .map(|(how, _)| (how, fresh));
        }
        if let Some((how, missing)) = found {
            self.trouble = Some(DivergenceReport {
                how,
                at: now_ms,
                epoch: (*epoch).to_owned(),
                boot: *boot,
                highest: highest.unwrap_or(0),
                missing,
            });
        }
        found.is_some()
    }

    fn recent_divergence(&self, now_ms: WallMs) -> Option<DivergenceReport> {
        self.trouble
            .clone()
            .filter(|t| now_ms.since(t.at) < DIVERGENCE_SHOWN_MS)
    }
}

/// Creates the table.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(PAST).map_err(io_error).map(drop)
}

/// The generation of a village's history: entry numbers only rise within one.
pub(super) fn generation(write: &WriteTransaction, village: &str) -> io::Result<u64> {
    let table = write.open_table(PAST).map_err(io_error)?;
    let past = table
        .get(village.as_bytes())
        .map_err(io_error)?
        .and_then(|v| serde_json::from_slice::<BootHistory>(v.value()).ok());
    Ok(past.map_or(0, |p| p.generation))
}

impl CommuneStore {
    fn load_boot_history(&self, village: &str, seen: &VillageContact) -> io::Result<BootHistory> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(PAST).map_err(io_error)?;
        let known = table
            .get(village.as_bytes())
            .map_err(io_error)?
            .and_then(|v| serde_json::from_slice(v.value()).ok());
        // Older versions stored only the last boot: the history begins with it.
        let first = || {
            if seen.epoch.is_empty() {
                BootHistory::default()
            } else {
                BootHistory {
                    boots: vec![(seen.boot, seen.epoch.clone())],
                    last: seen.epoch.clone(),
                    ..BootHistory::default()
                }
            }
        };
        Ok(known.unwrap_or_else(first))
    }

    fn save_boot_history(
        write: &WriteTransaction,
        village: &str,
        past: &BootHistory,
    ) -> io::Result<()> {
        write
            .open_table(PAST)
            .map_err(io_error)?
            .insert(village.as_bytes(), serde_json::to_vec(past)?.as_slice())
            .map_err(io_error)?;
        Ok(())
    }

    /// Applies a village's hello. A hello without news is written only now and then
    /// (`MIN_HELLO_WRITE_INTERVAL_MS`).
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn hello(
        &self,
        village: &str,
        greeting: &HelloSummary<'_>,
        now_ms: WallMs,
    ) -> io::Result<()> {
        let seen = self.contact(village)?;
        let before = self.load_boot_history(village, &seen)?;
        let mut past = before.clone();
        if past.apply_hello(
            greeting,
            now_ms.since(seen.last_message_at) < RECENTLY_SEEN_MS,
            now_ms,
        ) {
            tracing::error!(
                village,
                divergence = ?past.trouble,
                "village history diverged; stored records stay unchanged"
            );
        }
        let HelloSummary { epoch, boot, .. } = greeting;
        if past == before
            && seen.epoch == *epoch
            && seen.boot == *boot
            && (0..MIN_HELLO_WRITE_INTERVAL_MS).contains(&now_ms.since(seen.last_message_at))
        {
            return Ok(());
        }
        let write = self.db.begin_write().map_err(io_error)?;
        {
            let mut table = write.open_table(CONTACTS).map_err(io_error)?;
            let state = VillageContact {
                last_message_at: now_ms,
                epoch: (*epoch).to_owned(),
                boot: *boot,
                ..seen
            };
            table
                .insert(village.as_bytes(), serde_json::to_vec(&state)?.as_slice())
                .map_err(io_error)?;
        }
        Self::save_boot_history(&write, village, &past)?;
        write.commit().map_err(io_error)
    }

    /// Records that a village has another record under a number that the commune has, too.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn record_conflict(
        &self,
        village: &str,
        stream: &Stream,
        now_ms: WallMs,
    ) -> io::Result<()> {
        let mut past = self.load_boot_history(village, &self.contact(village)?)?;
        let known = past
            .boots
            .iter()
            .find(|(_, e)| *e == stream.epoch)
            .map(|(boot, _)| *boot);
        // The village repeats this at each connection: it is logged and stored once.
        let Some(boot) = known.filter(|_| {
            !past
                .trouble
                .as_ref()
                .is_some_and(|t| t.how == Divergence::Differs && t.epoch == stream.epoch)
        }) else {
            return Ok(());
        };
        tracing::error!(
            village,
            ?stream,
            "village epoch conflicts with stored records; these stay as they are"
        );
        let highest = past.boots.iter().map(|(boot, _)| *boot).max().unwrap_or(0);
        past.trouble = Some(DivergenceReport {
            how: Divergence::Differs,
            at: now_ms,
            epoch: stream.epoch.clone(),
            boot,
            highest,
            missing: 0,
        });
        let write = self.db.begin_write().map_err(io_error)?;
        Self::save_boot_history(&write, village, &past)?;
        write.commit().map_err(io_error)
    }

    /// The divergence between a village's history and the commune's copy; none = there is none, or
    /// it is too old to be shown.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn divergence(
        &self,
        village: &str,
        now_ms: WallMs,
    ) -> io::Result<Option<DivergenceReport>> {
        Ok(self
            .load_boot_history(village, &self.contact(village)?)?
            .recent_divergence(now_ms))
    }

    /// The part of the answer to a hello beside how far each stream is applied: the commune's last
    /// record of the newest streams, and the divergence.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn copy_summary(
        &self,
        village: &str,
        applied: &[(Stream, u64)],
        now_ms: WallMs,
    ) -> io::Result<CommuneCopy> {
        let seen = self.contact(village)?;
        let trouble = self
            .load_boot_history(village, &seen)?
            .recent_divergence(now_ms);
        let read = self.db.begin_read().map_err(io_error)?;
        let records = read.open_table(RECORDS).map_err(io_error)?;
        let mut heads = Vec::new();
        for (stream, n) in applied.iter().rev().take(MAX_HEADS).filter(|(_, n)| *n > 0) {
            if let Some(record) = records
                .get(with_number(stream_key(village, stream), *n).as_slice())
                .map_err(io_error)?
            {
                heads.push((stream.clone(), *n, secret::sha256(record.value())));
            }
        }
        Ok(CommuneCopy {
            heads,
            newest_seq: seen.newest_seq,
            trouble,
        })
    }
}

#[cfg(test)]
mod tests;
