//! The commune's store (redb) and what is read from it: how far each stream is applied, records as
//! they came, texts, accounts.
//!
//! Its tables are in `db`. It is opened in `open` and written in `take`; what is kept beside the
//! records has a file each, above this one where it is asked of the store.

use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase as _};

use super::account::{self, Account, Today};
use super::db::{APPLIED, RECORDS, SEEN, TEXTS, error, stream_key};
pub use super::db::{Outcome, Seen, Waiting};
use super::erased;
use super::told::{self, InForce};
use crate::protocol::commune::Stream;
use crate::store::space;

/// The store; clones are the same.
#[derive(Clone)]
pub struct Store {
    pub(super) db: Arc<Database>,
    pub(super) incarnation: String,
    pub(super) path: Arc<Path>,
    /// People's words, a folder of each village.
    pub(super) folder: Arc<Path>,
    pub(super) scrubbing: Arc<erased::Scrubbing>,
}

impl Store {
    /// Which database this is.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        &self.incarnation
    }

    /// How much each village may add today: less where the disk is running full.
    #[must_use]
    pub fn today(&self, now_ms: i64) -> Today {
        Today::with(now_ms, self.room(space::of), self.room(space::files_of))
    }

    fn room(&self, left: fn(&Path) -> io::Result<(u64, u64)>) -> (u64, u64) {
        self.path
            .parent()
            .and_then(|folder| left(folder).ok())
            .unwrap_or((u64::MAX, u64::MAX))
    }

    /// How far a stream is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied(&self, village: &str, stream: &Stream) -> io::Result<u64> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(APPLIED).map_err(error)?;
        Ok(table
            .get(stream_key(village, stream).as_slice())
            .map_err(error)?
            .map_or(0, |v| v.value()))
    }

    /// How far each of these streams is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied_of(
        &self,
        village: &str,
        streams: impl Iterator<Item = Stream>,
    ) -> io::Result<Vec<(Stream, u64)>> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(APPLIED).map_err(error)?;
        streams
            .map(|s| {
                Ok((
                    table
                        .get(stream_key(village, &s).as_slice())
                        .map_err(error)?
                        .map_or(0, |v| v.value()),
                    s,
                ))
            })
            .map(|r: io::Result<(u64, Stream)>| r.map(|(n, s)| (s, n)))
            .collect()
    }

    /// What is counted of a village.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn account(&self, village: &str) -> io::Result<Account> {
        account::read(&self.db, village)
    }

    /// When a village was last heard.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn seen(&self, village: &str) -> io::Result<Seen> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(SEEN).map_err(error)?;
        Ok(table
            .get(village.as_bytes())
            .map_err(error)?
            .and_then(|v| serde_json::from_slice(v.value()).ok())
            .unwrap_or_default())
    }

    /// Every record of a village, in the order of its streams and numbers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn records(&self, village: &str) -> io::Result<Vec<(String, u8, u64, Vec<u8>)>> {
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(RECORDS).map_err(error)?;
        let (from, to) = (
            [village.as_bytes(), b"\0"].concat(),
            [village.as_bytes(), b"\x01"].concat(),
        );
        let mut out = Vec::new();
        for row in table.range(from.as_slice()..to.as_slice()).map_err(error)? {
            let (k, v) = row.map_err(error)?;
            let rest = &k.value()[from.len()..];
            let mut n = [0; 8];
            if rest.len() != 32 + 1 + 1 + 1 + 8 {
                continue;
            }
            n.copy_from_slice(&rest[35..]);
            out.push((
                String::from_utf8_lossy(&rest[..32]).into_owned(),
                rest[33],
                u64::from_be_bytes(n),
                v.value().to_vec(),
            ));
        }
        Ok(out)
    }

    /// People's words that a record names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn text(&self, village: &str, blob: &str) -> io::Result<Option<String>> {
        if let Some(words) = erased::words(&self.folder, village, blob)? {
            return Ok(Some(words));
        }
        // An older version kept them here.
        let read = self.db.begin_read().map_err(error)?;
        let table = read.open_table(TEXTS).map_err(error)?;
        Ok(table
            .get(
                [village.as_bytes(), b"\0", blob.as_bytes()]
                    .concat()
                    .as_slice(),
            )
            .map_err(error)?
            .map(|v| String::from_utf8_lossy(v.value()).into_owned()))
    }

    /// True when a village erased these words.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_erased(&self, village: &str, blob: &str) -> io::Result<bool> {
        erased::says_erased(&self.db, village, blob)
    }

    /// Writes over what was erased and still stands in free pages of the file; true = there was
    /// something. Blocks for long.
    ///
    /// # Errors
    /// When there is too little room, or the store cannot be written; it is tried again after an
    /// hour.
    pub fn scrub(&self, now_mono_ms: u64) -> io::Result<bool> {
        self.scrub_with(now_mono_ms, &|| self.room(space::of).0)
    }

    /// As [`Store::scrub`], on a disk that has so many bytes left.
    pub(super) fn scrub_with(&self, now_mono_ms: u64, free: &dyn Fn() -> u64) -> io::Result<bool> {
        self.scrubbing
            .turn(now_mono_ms, || erased::scrub(&self.db, &self.path, free))
    }

    /// What a village calls a thing; its id when it never said.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn called(&self, village: &str, id: &str) -> io::Result<String> {
        told::called(&self.db, village, id)
    }

    /// The alarms in force in a village, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn alarms(&self, village: &str) -> io::Result<Vec<InForce>> {
        told::alarms(&self.db, village)
    }
}
