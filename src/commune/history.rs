//! The commune's own history: who did what at the console and at the terminal, what the
//! configuration brought, and what villages did with bulletins; in the commune's store.
//!
//! Invariants: an entry about a change of the store is in the transaction of the change, on disk
//! before it is answered. Sign-ins and wrong PINs keep nobody out: where the disk refuses them they
//! are logged, and wrong PINs are collected first (`sign_in_log`). Entries are added and never
//! changed; beyond [`MAX_ENTRIES`] the oldest go. No entry has a PIN, a key, a token or a text of a
//! bulletin: it names the bulletin by its number. Deliberately absent: words (`history_text`).

use std::collections::BTreeSet;
use std::io;

use redb::{
    ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
    WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::store::CommuneStore;
use super::tables::{Remover, io_error, with_number};
use crate::domain::calendar::day_number;
use crate::time::WallMs;

/// Number (big endian) → entry.
const HISTORY: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("history");
/// A key by which entries are chosen, and the number of an entry → nothing.
const HISTORY_INDEX: TableDefinition<'_, &[u8], ()> = TableDefinition::new("history_index");
/// Most entries that are stored; beyond it, the oldest go. An office makes some dozens a day, and
/// guesses of PINs without end make
/// [`MAX_REPORTS_PER_HOUR`](crate::http::session::wrong_pin_log::MAX_REPORTS_PER_HOUR) an hour:
/// this is more than five years of that, and at most about 400 MB.
pub const MAX_ENTRIES: u64 = 1_000_000;
/// Most entries that are read for one page.
const MAX_READ: usize = 2_000;

/// The author of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Author {
    /// An officer at the console.
    Officer {
        /// Id; empty = signed in with the PIN of the office.
        id: String,
        /// The name as it was then; empty = signed in with the PIN of the office.
        name: String,
    },
    /// The technician, at the terminal or in the configuration.
    Technician,
    /// A village, over its link.
    Village {
        /// Id.
        id: String,
    },
    /// The commune's server itself.
    Server,
}

impl Author {
    /// The key by which history is chosen; no id of an officer begins like the others.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Officer { id, .. } => officer_key(id),
            Self::Technician => "@technician".to_owned(),
            Self::Village { .. } => "@village".to_owned(),
            Self::Server => "@server".to_owned(),
        }
    }
}

/// The key by which an officer's history is chosen.
#[must_use]
pub fn officer_key(id: &str) -> String {
    if id.is_empty() {
        "@office".to_owned()
    } else {
        id.to_owned()
    }
}

/// An act or an effect that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CommuneEvent {
    /// The author signed in.
    SignedIn {
        /// The address of the browser.
        address: String,
    },
    /// The author signed out.
    SignedOut,
    /// The author signed out all other browsers.
    OthersSignedOut {
        /// How many there were.
        count: u64,
    },
    /// Wrong PINs were tried for an officer.
    WrongPinsTried {
        /// Id of the officer; empty = the PIN of the office.
        officer: String,
        /// The name as it was then.
        name: String,
        /// How many.
        count: u64,
        /// An address had to wait for them.
        is_locked: bool,
    },
    /// A bulletin was sent.
    BulletinSent {
        /// Its number.
        number: u64,
        /// The villages.
        villages: Vec<String>,
    },
    /// The author, a village, published a bulletin.
    BulletinPublished {
        /// Its number.
        number: u64,
    },
    /// The author, a village, refused a bulletin.
    BulletinRefused {
        /// Its number.
        number: u64,
        /// Message key of the reason.
        why: String,
    },
    /// The author, a village, took a bulletin down.
    BulletinTakenDown {
        /// Its number.
        number: u64,
        /// The person or program that did it there.
        by: Remover,
    },
    /// The author, a village, put a bulletin up again.
    BulletinRestored {
        /// Its number.
        number: u64,
    },
    /// An officer was added.
    OfficerAdded {
        /// Id.
        id: String,
        /// Name.
        name: String,
    },
    /// An officer got another name.
    OfficerRenamed {
        /// Id.
        id: String,
        /// The name of before.
        before: String,
        /// The name.
        name: String,
    },
    /// An officer got a new PIN.
    OfficerPinChanged {
        /// Id.
        id: String,
        /// Name.
        name: String,
    },
    /// An officer was removed.
    OfficerRemoved {
        /// Id.
        id: String,
        /// Name.
        name: String,
    },
    /// The configuration names a village anew.
    VillageAdded {
        /// Id.
        id: String,
        /// Name.
        name: String,
    },
    /// The configuration names a village otherwise.
    VillageRenamed {
        /// Id.
        id: String,
        /// The name of before.
        before: String,
        /// The name.
        name: String,
    },
    /// The configuration names a village no more.
    VillageRemoved {
        /// Id.
        id: String,
        /// Name.
        name: String,
    },
    /// A village may connect with a key that it did not have before.
    VillageKeyAdmitted {
        /// Id of the village.
        id: String,
    },
    /// A village may not connect with a key any more.
    VillageKeyRevoked {
        /// Id of the village.
        id: String,
    },
    /// A key of the commune was made, or is another one since.
    KeyMade {
        /// Its file in the folder of keys.
        file: String,
    },
    /// A key of the commune is missing, damaged, or not the one of this history.
    KeyLost {
        /// Its file in the folder of keys.
        file: String,
    },
    /// A newer version of the program wrote it.
    #[serde(other)]
    Unknown,
}

impl CommuneEvent {
    /// The officer whom it concerns, besides its author.
    fn officer(&self) -> Option<&str> {
        match self {
            Self::WrongPinsTried { officer, .. } => Some(officer),
            Self::OfficerAdded { id, .. }
            | Self::OfficerRenamed { id, .. }
            | Self::OfficerPinChanged { id, .. }
            | Self::OfficerRemoved { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The villages that it concerns, besides its author.
    fn villages(&self) -> Vec<&str> {
        match self {
            Self::BulletinSent { villages, .. } => villages.iter().map(String::as_str).collect(),
            Self::VillageAdded { id, .. }
            | Self::VillageRenamed { id, .. }
            | Self::VillageRemoved { id, .. }
            | Self::VillageKeyAdmitted { id }
            | Self::VillageKeyRevoked { id } => vec![id],
            _ => Vec::new(),
        }
    }
}

/// An entry of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommuneEntry {
    /// Its number, from 1.
    pub number: u64,
    /// When the commune recorded it.
    pub at: WallMs,
    /// Its author.
    pub author: Author,
    /// The act or effect.
    pub event: CommuneEvent,
}

impl CommuneEntry {
    fn persons(&self) -> BTreeSet<String> {
        let officer = self.event.officer().map(officer_key);
        [self.author.key()].into_iter().chain(officer).collect()
    }

    fn villages(&self) -> BTreeSet<&str> {
        let mut villages: BTreeSet<&str> = self.event.villages().into_iter().collect();
        if let Author::Village { id } = &self.author {
            villages.insert(id);
        }
        villages
    }

    /// The keys under which it is found.
    fn index_keys(&self) -> Vec<Vec<u8>> {
        let mut prefixes = vec![day_prefix(day_number(self.at))];
        prefixes.extend(self.persons().iter().map(|key| person_prefix(key)));
        prefixes.extend(self.villages().iter().map(|id| village_prefix(id)));
        let key = |prefix| with_number(prefix, self.number);
        prefixes.into_iter().map(key).collect()
    }
}

fn day_prefix(day: i64) -> Vec<u8> {
    format!("day {day}\0").into_bytes()
}

fn person_prefix(key: &str) -> Vec<u8> {
    format!("person {key}\0").into_bytes()
}

fn village_prefix(id: &str) -> Vec<u8> {
    format!("village {id}\0").into_bytes()
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommuneHistoryQuery {
    /// Only those of this day, by its number.
    pub day: Option<i64>,
    /// Only those that this person caused, or that concern this officer; a key of [`Author::key`].
    pub person: Option<String>,
    /// Only those that this village caused, or that concern it.
    pub village: Option<String>,
}

impl CommuneHistoryQuery {
    fn takes(&self, entry: &CommuneEntry) -> bool {
        let is_day = |day: i64| day_number(entry.at) == day;
        self.day.is_none_or(is_day)
            && self
                .person
                .as_ref()
                .is_none_or(|key| entry.persons().contains(key))
            && self
                .village
                .as_deref()
                .is_none_or(|id| entry.villages().contains(id))
    }

    /// The key by which entries are found; none = all are read.
    fn prefix(&self) -> Option<Vec<u8>> {
        let day = self.day.map(day_prefix);
        let village = || self.village.as_deref().map(village_prefix);
        let person = || self.person.as_deref().map(person_prefix);
        day.or_else(village).or_else(person)
    }
}

/// A page of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryPage {
    /// The entries, newest first.
    pub entries: Vec<CommuneEntry>,
    /// The next page is before this entry; none = there is nothing more.
    pub next: Option<u64>,
}

/// Creates the tables.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(HISTORY).map_err(io_error)?;
    write.open_table(HISTORY_INDEX).map_err(io_error).map(drop)
}

/// The number at the end of a key.
fn number_of(key: &[u8]) -> u64 {
    key.last_chunk::<8>()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Adds an entry in the transaction of what it tells.
///
/// # Errors
/// When the store cannot be written.
pub(super) fn append(
    write: &WriteTransaction,
    at: WallMs,
    author: &Author,
    event: &CommuneEvent,
) -> io::Result<()> {
    append_within(write, at, author, event, MAX_ENTRIES)
}

fn append_within(
    write: &WriteTransaction,
    at: WallMs,
    author: &Author,
    event: &CommuneEvent,
    most: u64,
) -> io::Result<()> {
    let mut table = write.open_table(HISTORY).map_err(io_error)?;
    let mut index = write.open_table(HISTORY_INDEX).map_err(io_error)?;
    let last = table.last().map_err(io_error)?;
    let number = last.map_or(0, |(key, _)| number_of(key.value())) + 1;
    let entry = CommuneEntry {
        number,
        at,
        author: author.clone(),
        event: event.clone(),
    };
    let row = serde_json::to_vec(&entry)?;
    table
        .insert(number.to_be_bytes().as_slice(), row.as_slice())
        .map_err(io_error)?;
    for key in entry.index_keys() {
        index.insert(key.as_slice(), ()).map_err(io_error)?;
    }
    while table.len().map_err(io_error)? > most {
        let Some((_, oldest)) = table.pop_first().map_err(io_error)? else {
            break;
        };
        let oldest: Option<CommuneEntry> = serde_json::from_slice(oldest.value()).ok();
        for key in oldest.iter().flat_map(CommuneEntry::index_keys) {
            index.remove(key.as_slice()).map_err(io_error)?;
        }
    }
    Ok(())
}

impl CommuneStore {
    /// Records what happened; it is on disk when this returns. Blocks on the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn record(&self, at: WallMs, events: &[(Author, CommuneEvent)]) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let write = self.db.begin_write().map_err(io_error)?;
        for (author, event) in events {
            append(&write, at, author, event)?;
        }
        write.commit().map_err(io_error)?;
        self.changes.rise();
        Ok(())
    }

    /// The entries that are asked for before the entry `before`, newest first: at most
    /// `limit`. The cost of one page is bounded, so it may have fewer although there are more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn history(
        &self,
        query: &CommuneHistoryQuery,
        before: u64,
        limit: usize,
    ) -> io::Result<EntryPage> {
        let read = self.db.begin_read().map_err(io_error)?;
        let table = read.open_table(HISTORY).map_err(io_error)?;
        let index = read.open_table(HISTORY_INDEX).map_err(io_error)?;
        let mut page = EntryPage::default();
        let mut looked = 0;
        // True = there is room for more.
        let mut look = |number: u64, row: &[u8]| {
            if page.entries.len() >= limit || looked >= MAX_READ {
                return false;
            }
            looked += 1;
            // A row that cannot be read is of a newer version in a shape that is not known here.
            let entry: Option<CommuneEntry> = serde_json::from_slice(row).ok();
            page.entries
                .extend(entry.filter(|entry| query.takes(entry)));
            page.next = Some(number);
            true
        };
        let is_whole = match query.prefix() {
            None => {
                let rows = table.range::<&[u8]>(..before.to_be_bytes().as_slice());
                let mut rows = rows.map_err(io_error)?.rev();
                loop {
                    let Some(row) = rows.next() else { break true };
                    let (key, value) = row.map_err(io_error)?;
                    if !look(number_of(key.value()), value.value()) {
                        break false;
                    }
                }
            }
            Some(prefix) => {
                let (from, to) = (
                    with_number(prefix.clone(), 0),
                    with_number(prefix.clone(), before),
                );
                let rows = index.range(from.as_slice()..to.as_slice());
                let mut rows = rows.map_err(io_error)?.rev();
                loop {
                    let Some(row) = rows.next() else { break true };
                    let number = number_of(row.map_err(io_error)?.0.value());
                    let value = table.get(number.to_be_bytes().as_slice());
                    let Some(value) = value.map_err(io_error)? else {
                        continue;
                    };
                    if !look(number, value.value()) {
                        break false;
                    }
                }
            }
        };
        if is_whole {
            page.next = None;
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests;
