//! Changes of the configuration and of the folder of keys since they were looked at last, as
//! entries of the commune's history: villages, keys of villages, the commune's own keys.
//!
//! Invariants: the things that were seen last and the entries are one transaction. A store of an
//! older version, which has seen nothing yet, takes things as they are and makes no entries.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use redb::ReadableTable as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::history::{self, Author, CommuneEvent};
use super::store::CommuneStore;
use super::tables::{META, io_error};
use crate::config::CommuneVillage;
use crate::domain::calendar::day_number;
use crate::keys::holders::HolderTable;
use crate::keys::secret;
use crate::time::WallMs;

/// Name of each village by its id.
const SEEN_VILLAGES: &[u8] = b"seen villages";
/// Fingerprint of each key of the commune by its file; none = it was lost.
const SEEN_KEYS: &[u8] = b"seen keys";
/// The keys of each village.
const SEEN_VILLAGE_KEYS: &[u8] = b"seen village keys";
/// Most entries a day about the keys of one village: one that asks for a certificate every minute
/// fills no history.
const MAX_KEY_ENTRIES_A_DAY: u32 = 4;

/// The keys of a village as they were seen last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct SeenVillageKeys {
    /// The keys that are admitted, hashed once more.
    admitted: BTreeSet<String>,
    /// The day of its last entries, and how many that day has.
    day: i64,
    entries: u32,
}

impl CommuneStore {
    /// Records which villages the configuration names anew, otherwise, or no more. Blocks on the
    /// store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn note_villages(&self, villages: &[CommuneVillage], at: WallMs) -> io::Result<()> {
        let named = villages.iter().map(|v| (v.id.clone(), v.name.clone()));
        let now: BTreeMap<String, String> = named.collect();
        self.note(SEEN_VILLAGES, at, &now, |before| {
            let mut events = Vec::new();
            for (id, name) in &now {
                let (id, name) = (id.clone(), name.clone());
                match before.get(&id).cloned() {
                    None => events.push(CommuneEvent::VillageAdded { id, name }),
                    Some(before) if before != name => {
                        events.push(CommuneEvent::VillageRenamed { id, before, name });
                    }
                    Some(_) => {}
                }
            }
            let gone = before.iter().filter(|(id, _)| !now.contains_key(*id));
            events.extend(gone.map(|(id, name)| CommuneEvent::VillageRemoved {
                id: id.clone(),
                name: name.clone(),
            }));
            events
                .into_iter()
                .map(|event| (Author::Technician, event))
                .collect()
        })
    }

    /// Records which keys of the commune were made, replaced or lost. `keys` are their files with
    /// their fingerprints; none = it is lost. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn note_keys(&self, keys: &[(String, Option<String>)], at: WallMs) -> io::Result<()> {
        let now: BTreeMap<String, Option<String>> = keys
            .iter()
            .map(|(file, print)| (file.clone(), print.as_deref().map(hashed)))
            .collect();
        self.note(SEEN_KEYS, at, &now, |before| {
            now.iter()
                .filter(|(file, print)| before.get(*file) != Some(*print))
                .map(|(file, print)| {
                    let file = file.clone();
                    let event = match print {
                        Some(_) => CommuneEvent::KeyMade { file },
                        None => CommuneEvent::KeyLost { file },
                    };
                    (Author::Server, event)
                })
                .collect()
        })
    }

    /// Records which keys villages may connect with since, and which no more. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn note_village_keys(&self, holders: &HolderTable, at: WallMs) -> io::Result<()> {
        let today = day_number(at);
        let admitted = |keys: &[String]| keys.iter().map(|key| hashed(key)).collect();
        let now: BTreeMap<String, BTreeSet<String>> = holders
            .iter()
            .map(|(id, holder)| (id.clone(), admitted(&holder.trusted_keys)))
            .collect();
        let write = self.db.begin_write().map_err(io_error)?;
        let seen: Option<BTreeMap<String, SeenVillageKeys>> = read(&write, SEEN_VILLAGE_KEYS)?;
        let is_known = seen.is_some() || self.is_new();
        let before = seen.clone().unwrap_or_default();
        let mut after = BTreeMap::new();
        for (id, keys) in now {
            let mut village = before.get(&id).cloned().unwrap_or_default();
            if village.day != today {
                (village.day, village.entries) = (today, 0);
            }
            let is_admitted = keys.difference(&village.admitted).next().is_some();
            let is_revoked = village.admitted.difference(&keys).next().is_some();
            village.admitted = keys;
            let id_of = || id.clone();
            let events = [
                is_admitted.then(|| CommuneEvent::VillageKeyAdmitted { id: id_of() }),
                is_revoked.then(|| CommuneEvent::VillageKeyRevoked { id: id_of() }),
            ];
            for event in events.into_iter().flatten().filter(|_| is_known) {
                if village.entries < MAX_KEY_ENTRIES_A_DAY {
                    village.entries += 1;
                    history::append(&write, at, &Author::Server, &event)?;
                }
            }
            after.insert(id, village);
        }
        if seen.as_ref() == Some(&after) {
            return Ok(());
        }
        put(&write, SEEN_VILLAGE_KEYS, &after)?;
        write.commit().map_err(io_error)?;
        self.changes.rise();
        Ok(())
    }

    /// Compares what is now with what was seen last, and records the difference.
    fn note<T: Default + PartialEq + Serialize + DeserializeOwned>(
        &self,
        name: &'static [u8],
        at: WallMs,
        now: &T,
        events: impl FnOnce(&T) -> Vec<(Author, CommuneEvent)>,
    ) -> io::Result<()> {
        let write = self.db.begin_write().map_err(io_error)?;
        let seen: Option<T> = read(&write, name)?;
        if seen.as_ref() == Some(now) {
            return Ok(());
        }
        let is_known = seen.is_some() || self.is_new();
        let before = seen.unwrap_or_default();
        for (author, event) in events(&before).iter().filter(|_| is_known) {
            history::append(&write, at, author, event)?;
        }
        put(&write, name, now)?;
        write.commit().map_err(io_error)?;
        self.changes.rise();
        Ok(())
    }
}

/// A fingerprint as it is stored: not even it leaves its file.
fn hashed(print: &str) -> String {
    secret::sha256(print.as_bytes())
}

fn read<T: DeserializeOwned>(write: &redb::WriteTransaction, name: &[u8]) -> io::Result<Option<T>> {
    let meta = write.open_table(META).map_err(io_error)?;
    let row = meta.get(name).map_err(io_error)?;
    row.map(|row| Ok(serde_json::from_slice(row.value())?))
        .transpose()
}

fn put(write: &redb::WriteTransaction, name: &[u8], value: &impl Serialize) -> io::Result<()> {
    let mut meta = write.open_table(META).map_err(io_error)?;
    let row = serde_json::to_vec(value)?;
    meta.insert(name, row.as_slice())
        .map(drop)
        .map_err(io_error)
}

#[cfg(test)]
mod tests {
    use super::super::history::CommuneHistoryQuery;
    use super::super::store_tests::{rig, store_file};
    use super::*;
    use crate::keys::holders::Holder;

    fn told(store: &CommuneStore) -> Vec<CommuneEvent> {
        let page = store.history(&CommuneHistoryQuery::default(), u64::MAX, 100);
        let entries = page.expect("read").entries;
        entries.into_iter().rev().map(|e| e.event).collect()
    }

    fn villages(names: &[(&str, &str)]) -> Vec<CommuneVillage> {
        let village = |(id, name): &(&str, &str)| CommuneVillage {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            ..CommuneVillage::default()
        };
        names.iter().map(village).collect()
    }

    #[test]
    fn villages_of_the_configuration_are_told_when_they_come_change_and_go() {
        let (store, _folder) = rig();
        let at = WallMs::new(5);
        for named in [
            &[("a", "Thôn A"), ("b", "Thôn B")][..],
            &[("a", "Thôn A"), ("b", "Thôn B")],
            &[("a", "Thôn An")],
        ] {
            store.note_villages(&villages(named), at).expect("noted");
        }
        let (id, name) = ("a".to_owned(), "Thôn An".to_owned());
        let before = "Thôn A".to_owned();
        let events = told(&store);
        assert_eq!(events.len(), 4, "{events:?}");
        assert!(matches!(&events[1], CommuneEvent::VillageAdded { id, .. } if id == "b"));
        assert_eq!(events[2], CommuneEvent::VillageRenamed { id, before, name });
        assert!(matches!(&events[3], CommuneEvent::VillageRemoved { id, .. } if id == "b"));
    }

    #[test]
    fn a_store_of_an_older_version_takes_things_as_they_are() {
        let (store, folder) = rig();
        drop(store);
        let store = CommuneStore::open(&store_file(&folder)).expect("opened");
        let at = WallMs::new(5);
        let keys = [("ca/ca.key".to_owned(), Some("print".to_owned()))];
        store.note_keys(&keys, at).expect("noted");
        store
            .note_villages(&villages(&[("a", "A")]), at)
            .expect("noted");
        assert_eq!(told(&store), []);
        let lost = [("ca/ca.key".to_owned(), None)];
        store.note_keys(&lost, at).expect("noted");
        let file = || "ca/ca.key".to_owned();
        assert_eq!(told(&store), [CommuneEvent::KeyLost { file: file() }]);
        let other = [(file(), Some("another".to_owned()))];
        store.note_keys(&other, at).expect("noted");
        assert_eq!(told(&store)[1], CommuneEvent::KeyMade { file: file() });
    }

    #[test]
    fn keys_of_a_village_are_told_a_few_times_a_day_and_not_shown() {
        let (store, _folder) = rig();
        let note = |keys: &[String], at: WallMs| {
            let holder = Holder {
                trusted_keys: keys.to_vec(),
                ..Holder::default()
            };
            let holders = HolderTable::from([("a".to_owned(), holder)]);
            store.note_village_keys(&holders, at).expect("noted");
        };
        let key = |n: i32| format!("key-{n}");
        note(&[key(0)], WallMs::new(5));
        note(&[key(0), key(1)], WallMs::new(6));
        note(&[key(1)], WallMs::new(7));
        let id = || "a".to_owned();
        assert_eq!(
            told(&store),
            [
                CommuneEvent::VillageKeyAdmitted { id: id() },
                CommuneEvent::VillageKeyAdmitted { id: id() },
                CommuneEvent::VillageKeyRevoked { id: id() },
            ]
        );
        for n in 2..50 {
            note(&[key(n)], WallMs::new(8));
        }
        assert_eq!(told(&store).len(), 4);
        note(&[key(50)], WallMs::new(8 + 86_400_000));
        assert_eq!(told(&store).len(), 6, "another day");
        let words = serde_json::to_string(&told(&store)).expect("json");
        assert!(!words.contains("key-"), "{words}");
    }
}
