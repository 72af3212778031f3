//! What the commune remembers of a village's boots, and whether what it hears now can be the same
//! box going on.
//!
//! Invariants: a boot is heard under one name (its epoch) from one box, boots follow each other,
//! and what was acknowledged is still there when the village says how far it is. What breaks this
//! is a card that was set back, copied, or two boxes with one name: it is told on the console and
//! to the village for some days. What the commune has it keeps, whatever comes. Peers that say less
//! than this know nothing of it: what is missing is unknown, never wrong.

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

const PAST: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("past");
/// Boots of one village that are remembered, and epochs whose missing end was told.
const MAX_BOOTS: usize = 64;
/// So long a trouble is told, ms.
const DIVERGENCE_SHOWN_MS: i64 = 7 * 86_400_000;
/// A village keeps its history for thirty days at least, ms.
const RECENTLY_SEEN_MS: i64 = 25 * 86_400_000;
/// Streams, the newest, of which the village is told what the commune has last.
const MAX_HEADS: usize = 12;

/// A village's boots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct BootHistory {
    /// Number and epoch, in the order in which they first spoke.
    boots: Vec<(u64, String)>,
    /// Which spoke last.
    last: String,
    /// How much of an epoch's end was missing when it was told.
    shorter: BTreeMap<String, u64>,
    trouble: Option<DivergenceReport>,
    /// How often it was set back, so that its numbers began again from an earlier one.
    generation: u64,
}

/// What a greeting says: epoch and boot that speak, and of which epochs fewer records are there
/// than were acknowledged.
pub struct HelloSummary<'a> {
    /// The epoch that speaks.
    pub epoch: &'a str,
    /// Its boot.
    pub boot: u64,
    /// How many records of an epoch are missing there.
    pub missing: BTreeMap<String, u64>,
    /// Epochs that it names: those before it, too.
    pub names: BTreeSet<&'a str>,
}

impl<'a> HelloSummary<'a> {
    /// Compares what a village has with how far the commune is.
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
    /// Takes a greeting in; true = something is not as it can be. `is_lately` = its village was
    /// heard so lately that it cannot have let go what it said then.
    fn apply_hello(&mut self, greeting: &HelloSummary<'_>, is_lately: bool, now_ms: i64) -> bool {
        let HelloSummary {
            epoch,
            boot,
            missing,
            names,
        } = greeting;
        let mut found = None;
        let highest = self.boots.iter().map(|(boot, _)| *boot).max();
        if self.boots.iter().any(|(_, known)| known == epoch) {
            // A box that began anew never speaks under an older name again.
            if self.last != *epoch {
                found = Some((Divergence::Twin, 0));
            }
        } else {
            // Who goes on has the epoch in which it spoke last; who does not was set back, or is
            // another.
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
            .filter(|(epoch, n)| self.shorter.get(*epoch).is_none_or(|told| *told < **n))
            .map(|(_, n)| *n)
            .sum();
        if fresh > 0 {
            self.shorter.extend(missing.clone());
            while self.shorter.len() > MAX_BOOTS {
                self.shorter.pop_first();
            }
            // That boots went back says more.
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

    fn recent_divergence(&self, now_ms: i64) -> Option<DivergenceReport> {
        self.trouble
            .clone()
            .filter(|t| now_ms.saturating_sub(t.at) < DIVERGENCE_SHOWN_MS)
    }
}

/// Makes the table.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(PAST).map_err(io_error).map(drop)
}

/// In which generation of its history a village is: numbers rise within one.
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
        // Before it was kept, only the last boot was.
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

    /// A village said hello. What says nothing new costs no write.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn hello(&self, village: &str, greeting: &HelloSummary<'_>, now_ms: i64) -> io::Result<()> {
        let seen = self.contact(village)?;
        let before = self.load_boot_history(village, &seen)?;
        let mut past = before.clone();
        if past.apply_hello(
            greeting,
            now_ms.saturating_sub(seen.last_message_at) < RECENTLY_SEEN_MS,
            now_ms,
        ) {
            tracing::error!(village, trouble = ?past.trouble, "village history diverged; stored records kept");
        }
        let HelloSummary { epoch, boot, .. } = greeting;
        if past == before
            && seen.epoch == *epoch
            && seen.boot == *boot
            && (seen.last_message_at
                ..seen
                    .last_message_at
                    .saturating_add(MIN_HELLO_WRITE_INTERVAL_MS))
                .contains(&now_ms)
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

    /// A village found another record in the place of one that the commune has.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn record_conflict(&self, village: &str, stream: &Stream, now_ms: i64) -> io::Result<()> {
        let mut past = self.load_boot_history(village, &self.contact(village)?)?;
        let known = past
            .boots
            .iter()
            .find(|(_, e)| *e == stream.epoch)
            .map(|(boot, _)| *boot);
        // Said again at each connection: told once.
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
            "village epoch conflicts with stored records; stored records kept"
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

    /// What is wrong between a village's history and what is here; none = nothing, or it is long
    /// past.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn divergence(&self, village: &str, now_ms: i64) -> io::Result<Option<DivergenceReport>> {
        Ok(self
            .load_boot_history(village, &self.contact(village)?)?
            .recent_divergence(now_ms))
    }

    /// What a village is told beside how far each stream is: what stands last of the newest, and
    /// what is wrong.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn copy_summary(
        &self,
        village: &str,
        applied: &[(Stream, u64)],
        now_ms: i64,
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
mod tests {
    use super::*;

    fn say(
        past: &mut BootHistory,
        (epoch, boot): (&str, u64),
        names: &[&'static str],
        missing: &[(&str, u64)],
    ) -> Option<Divergence> {
        let missing = missing.iter().map(|(e, n)| ((*e).to_owned(), *n)).collect();
        past.apply_hello(
            &HelloSummary {
                epoch,
                boot,
                missing,
                names: names.iter().copied().collect(),
            },
            true,
            5,
        )
        .then(|| past.trouble.as_ref().expect("told").how)
    }

    #[test]
    fn what_cannot_be_the_same_box_going_on_is_noticed_and_nothing_else() {
        let mut past = BootHistory::default();
        for (boot, epoch) in [(3, "c"), (3, "c"), (4, "d"), (4, "d"), (7, "g")] {
            assert_eq!(
                say(&mut past, (epoch, boot), &["c", "d", "g"], &[]),
                None,
                "boots follow each other, some never connected"
            );
        }
        // A card set back: a boot that was before, under another name; it goes on, and is told
        // once.
        assert_eq!(
            say(&mut past, ("x", 6), &["c", "d", "x"], &[("d", 4)]),
            Some(Divergence::Older)
        );
        assert_eq!(
            past.trouble.as_ref().map(|t| (t.highest, t.missing)),
            Some((7, 4))
        );
        assert_eq!(
            (
                say(&mut past, ("x", 6), &["c", "d", "x"], &[("d", 4)]),
                past.generation
            ),
            (None, 1),
            "its numbers began again once"
        );
        assert_eq!(
            say(&mut past, ("y", 7), &["d", "x", "y"], &[("d", 4)]),
            None,
            "once"
        );
        // The card that it was copied from is put in again: a higher boot that knows nothing of the
        // last.
        assert_eq!(
            say(&mut past, ("h", 8), &["d", "g", "h"], &[]),
            Some(Divergence::Older)
        );
        // Both live at once.
        assert_eq!(
            say(&mut past, ("y", 7), &["x", "y"], &[]),
            Some(Divergence::Twin)
        );
        assert_eq!(
            say(&mut past, ("h", 8), &["g", "h"], &[]),
            Some(Divergence::Twin)
        );
        // An epoch lost its end.
        assert_eq!(
            say(&mut past, ("z", 9), &["h", "z"], &[("h", 2)]),
            Some(Divergence::Shorter)
        );
        assert_eq!(
            say(&mut past, ("z", 9), &["h", "z"], &[("h", 3)]),
            Some(Divergence::Shorter),
            "and more of it"
        );
        // A new card begins from one.
        assert_eq!(
            say(&mut past, ("1", 1), &["1"], &[]),
            Some(Divergence::Older)
        );
        assert!(
            past.recent_divergence(5 + DIVERGENCE_SHOWN_MS).is_none()
                && past.recent_divergence(4 + DIVERGENCE_SHOWN_MS).is_some()
        );
        for n in 0..1_000 {
            say(
                &mut past,
                (&format!("e{n}"), 10 + n),
                &[],
                &[(&format!("m{n}"), 1)],
            );
        }
        let mut away = past.clone();
        let late = HelloSummary {
            epoch: "late",
            boot: 5_000,
            missing: BTreeMap::new(),
            names: BTreeSet::new(),
        };
        assert!(
            !away.apply_hello(&late, false, 5) && past.apply_hello(&late, true, 5),
            "who was away for a month may have let go what it said before"
        );
        assert!(past.boots.len() <= MAX_BOOTS && past.shorter.len() <= MAX_BOOTS);
    }

    #[test]
    fn the_village_is_told_what_stands_last_and_its_word_that_it_differs_is_kept() {
        let path = std::env::temp_dir().join(format!(
            "conglang-past-{}.redb",
            getrandom::u64().expect("random")
        ));
        let store = CommuneStore::open(&path).expect("store");
        let stream = Stream {
            epoch: format!("{:032x}", 5),
            lane: crate::domain::event::Lane::Log,
        };
        let record = br#"{"lane":"log","lane_seq":1,"seq":9}"#;
        let batch = crate::protocol::commune::pack(
            stream.clone(),
            1,
            &[record.as_slice()],
            BTreeMap::new(),
        )
        .expect("packed");
        assert_eq!(store.apply("v", &batch, 0).expect("taken"), (1, false));
        let known = store
            .copy_summary("v", &[(stream.clone(), 1)], 0)
            .expect("read");
        assert_eq!(
            (known.heads, known.trouble),
            (vec![(stream.clone(), 1, secret::sha256(record))], None)
        );
        // Fewer than were acknowledged, in its greeting.
        let offered = [(stream.clone(), 1, 0)];
        let greeting = HelloSummary::new(&stream.epoch, 5, &offered, &[(stream.clone(), 1)]);
        store.hello("v", &greeting, 100).expect("heard");
        let told = |now| {
            store
                .divergence("v", now)
                .expect("read")
                .map(|t| (t.how, t.missing))
        };
        assert_eq!(
            (told(200), told(100 + DIVERGENCE_SHOWN_MS)),
            (Some((Divergence::Shorter, 1)), None)
        );
        store
            .record_conflict(
                "v",
                &Stream {
                    epoch: format!("{:032x}", 6),
                    ..stream.clone()
                },
                300,
            )
            .expect("of an epoch that nobody knows");
        assert_eq!(told(300), Some((Divergence::Shorter, 1)));
        store.record_conflict("v", &stream, 300).expect("kept");
        store
            .record_conflict("v", &stream, 900)
            .expect("said again");
        assert_eq!(
            store
                .divergence("v", 901)
                .expect("read")
                .map(|t| (t.how, t.at)),
            Some((Divergence::Differs, 300))
        );
        // A village that was known before boots were remembered.
        store
            .hello("w", &HelloSummary::new("a", 5, &[], &[]), 0)
            .expect("heard");
        assert_eq!(store.divergence("w", 0).expect("read"), None);
        std::fs::remove_file(path).expect("clean");
    }
}
