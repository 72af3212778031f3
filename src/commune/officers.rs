//! The officers who may sign in at the console: id, name with the office, PIN hash; in the
//! commune's store.
//!
//! Invariants: as long as nobody was added, the PIN of the office (`keys/console.pin`) lets in one
//! officer without a name, as it did in every folder of before; the first officer who is added ends
//! that. The last officer cannot be removed: otherwise the PIN of the office, which many know,
//! would count again. A change is in history with the change itself: the technician made it.
//! Deliberately absent: the PINs themselves, and hashing (`keys::pins`).

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::history::{self, Author, CommuneEvent};
use super::store::CommuneStore;
use super::tables::{io_error, json_row};
use crate::keys::secret;
use crate::time::WallMs;

/// Id → officer.
const OFFICERS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("officers");
/// The id of the officer without a name, who signs in with the PIN of the office.
pub const UNNAMED: &str = "";
/// Most officers.
pub const MAX_OFFICERS: usize = 50;

/// An officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Officer {
    /// Id.
    pub id: String,
    /// Name with the office, as people say it: “Chị Hoa, văn hóa xã”.
    pub name: String,
    /// argon2id hash of the PIN.
    pub pin: String,
}

/// Why the officers could not be changed; nothing was.
#[derive(Debug, thiserror::Error)]
pub enum OfficerError {
    /// The id has an officer already.
    #[error("officer {0} is known")]
    Known(String),
    /// Nobody has the id.
    #[error("no officer has this id")]
    Unknown,
    /// Nobody else could sign in.
    #[error("the last officer stays")]
    Last,
    /// There are as many as there may be.
    #[error("there are {MAX_OFFICERS} officers")]
    TooMany,
    /// The store cannot be written.
    #[error("cannot store an officer: {0}")]
    Store(#[from] io::Error),
}

/// The officers; clones are the same.
#[derive(Clone)]
pub struct Officers {
    store: CommuneStore,
    /// Hash of the PIN of the office; none = it is lost.
    office_pin: Option<Arc<str>>,
    known: Arc<RwLock<BTreeMap<String, Officer>>>,
}

/// Creates the table.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(OFFICERS).map_err(io_error).map(drop)
}

impl Officers {
    /// Reads the officers. `office_pin` is the hash of the PIN of the office; none = it is lost.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: CommuneStore, office_pin: Option<String>) -> io::Result<Self> {
        let read = store.db.begin_read().map_err(io_error)?;
        let table = read.open_table(OFFICERS).map_err(io_error)?;
        let mut known = BTreeMap::new();
        for row in table.iter().map_err(io_error)? {
            let officer: Officer = json_row(row)?;
            known.insert(officer.id.clone(), officer);
        }
        drop((table, read));
        Ok(Self {
            store,
            office_pin: office_pin.map(Arc::from),
            known: Arc::new(RwLock::new(known)),
        })
    }

    /// Somebody can sign in: there are officers, or the PIN of the office is there.
    #[must_use]
    pub fn anybody(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        self.office_pin.is_some() || !known.is_empty()
    }

    /// The officers who have a name, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Officer> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Officer> = known.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The name of an officer; none = nobody has this id, or the officer has no name.
    #[must_use]
    pub fn name_of(&self, id: &str) -> Option<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(id).map(|officer| officer.name.clone())
    }

    /// The PIN hash of who may sign in under this id; none = nobody may.
    #[must_use]
    pub fn pin_hash(&self, id: &str) -> Option<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if id == UNNAMED {
            let office = self.office_pin.as_deref().filter(|_| known.is_empty());
            return office.map(str::to_owned);
        }
        known.get(id).map(|officer| officer.pin.clone())
    }

    /// A mark of the PIN under which somebody signed in: another PIN has another mark.
    #[must_use]
    pub fn pin_mark(&self, id: &str) -> Option<String> {
        self.pin_hash(id)
            .map(|hash| secret::sha256(hash.as_bytes()))
    }

    /// Adds an officer. Blocks on the store.
    ///
    /// # Errors
    /// [`OfficerError`].
    pub fn add(&self, officer: Officer, at: WallMs) -> Result<(), OfficerError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = known.get(&officer.id) {
            return Err(OfficerError::Known(there.name.clone()));
        }
        if known.len() >= MAX_OFFICERS {
            return Err(OfficerError::TooMany);
        }
        let added = CommuneEvent::OfficerAdded {
            id: officer.id.clone(),
            name: officer.name.clone(),
        };
        self.put(&mut known, officer, at, &[added])
    }

    /// Gives an officer a new PIN, and a new name when one is given; the sign-ins of the officer
    /// end. Returns the name. Blocks on the store.
    ///
    /// # Errors
    /// [`OfficerError`].
    pub fn set_pin(
        &self,
        id: &str,
        name: Option<String>,
        pin: String,
        at: WallMs,
    ) -> Result<String, OfficerError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let there = known.get(id).ok_or(OfficerError::Unknown)?;
        let before = there.name.clone();
        let name = name.unwrap_or_else(|| before.clone());
        let mut events = Vec::new();
        if name != before {
            events.push(CommuneEvent::OfficerRenamed {
                id: id.to_owned(),
                before,
                name: name.clone(),
            });
        }
        events.push(CommuneEvent::OfficerPinChanged {
            id: id.to_owned(),
            name: name.clone(),
        });
        let officer = Officer {
            id: id.to_owned(),
            name: name.clone(),
            pin,
        };
        self.put(&mut known, officer, at, &events)?;
        Ok(name)
    }

    /// Removes an officer; the sign-ins of the officer end. Blocks on the store.
    ///
    /// # Errors
    /// [`OfficerError`].
    pub fn remove(&self, id: &str, at: WallMs) -> Result<(), OfficerError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let there = known.get(id).ok_or(OfficerError::Unknown)?;
        if known.len() == 1 {
            return Err(OfficerError::Last);
        }
        let removed = CommuneEvent::OfficerRemoved {
            id: id.to_owned(),
            name: there.name.clone(),
        };
        self.write(at, &[removed], |table| {
            table.remove(id.as_bytes()).map(drop).map_err(io_error)
        })?;
        known.remove(id);
        Ok(())
    }

    fn put(
        &self,
        known: &mut BTreeMap<String, Officer>,
        officer: Officer,
        at: WallMs,
        events: &[CommuneEvent],
    ) -> Result<(), OfficerError> {
        let row = serde_json::to_vec(&officer).map_err(io::Error::from)?;
        self.write(at, events, |table| {
            table
                .insert(officer.id.as_bytes(), row.as_slice())
                .map(drop)
                .map_err(io_error)
        })?;
        known.insert(officer.id.clone(), officer);
        Ok(())
    }

    /// Makes a change durable, with what history tells of it; what is in memory changes only after
    /// it.
    fn write(
        &self,
        at: WallMs,
        events: &[CommuneEvent],
        change: impl FnOnce(&mut redb::Table<'_, &'static [u8], &'static [u8]>) -> io::Result<()>,
    ) -> io::Result<()> {
        let write = self.store.db.begin_write().map_err(io_error)?;
        {
            let mut table = write.open_table(OFFICERS).map_err(io_error)?;
            change(&mut table)?;
        }
        for event in events {
            history::append(&write, at, &Author::Technician, event)?;
        }
        write.commit().map_err(io_error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::CommuneHistoryQuery;
    use super::super::store_tests::{rig, store_file};
    use super::*;

    fn officer(id: &str, name: &str) -> Officer {
        Officer {
            id: id.to_owned(),
            name: name.to_owned(),
            pin: format!("hash of {id}"),
        }
    }

    #[test]
    fn the_office_has_one_pin_until_there_are_officers_and_they_outlive_the_process() {
        let (store, folder) = rig();
        let path = store_file(&folder);
        let at = WallMs::new(5);
        let officers = Officers::load(store, Some("office".to_owned())).expect("loaded");
        assert_eq!(officers.pin_hash(UNNAMED).as_deref(), Some("office"));
        let before = officers.pin_mark(UNNAMED);
        officers
            .add(officer("hoa", "Chị Hoa, văn hóa xã"), at)
            .expect("added");
        assert_eq!(
            (officers.pin_hash(UNNAMED), officers.pin_mark(UNNAMED)),
            (None, None)
        );
        assert!(before.is_some() && officers.pin_hash("hoa").as_deref() == Some("hash of hoa"));
        assert!(matches!(
            officers.add(officer("hoa", "Ai khác"), at),
            Err(OfficerError::Known(name)) if name == "Chị Hoa, văn hóa xã"
        ));
        assert!(matches!(
            officers.remove("hoa", at),
            Err(OfficerError::Last)
        ));
        assert!(matches!(
            officers.remove("ai", at),
            Err(OfficerError::Unknown)
        ));
        officers
            .add(officer("binh", "Anh Bình"), at)
            .expect("added");
        let mark = officers.pin_mark("hoa");
        assert_eq!(
            officers
                .set_pin("hoa", None, "new".to_owned(), at)
                .expect("set"),
            "Chị Hoa, văn hóa xã"
        );
        assert_ne!(officers.pin_mark("hoa"), mark, "sign-ins of before end");
        officers.remove("binh", at).expect("removed");
        drop(officers);
        // Each change is in history, and nothing of a PIN.
        let store = CommuneStore::open(&path).expect("opened");
        let told = store.history(&CommuneHistoryQuery::default(), u64::MAX, 100);
        let told = told.expect("read").entries;
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told.iter().all(|e| e.author == Author::Technician));
        assert!(matches!(&told[0].event, CommuneEvent::OfficerRemoved { id, .. } if id == "binh"));
        let words = serde_json::to_string(&told).expect("json");
        assert!(!words.contains("hash of") && !words.contains("\"new\""));
        drop(store);
        // The PIN of the office may be lost by then: nobody needs it.
        let again = Officers::load(CommuneStore::open(&path).expect("opened"), None);
        let again = again.expect("loaded");
        assert!(again.anybody());
        assert_eq!(again.list().len(), 1);
        assert_eq!(again.pin_hash("hoa").as_deref(), Some("new"));
        assert_eq!(again.pin_hash("binh"), None);
        assert_eq!(again.name_of("hoa").as_deref(), Some("Chị Hoa, văn hóa xã"));
        for n in 1..MAX_OFFICERS {
            again
                .add(officer(&format!("o{n}"), "Ai"), at)
                .expect("added");
        }
        assert!(matches!(
            again.add(officer("one-more", "Ai"), at),
            Err(OfficerError::TooMany)
        ));
        drop(again);
    }
}
