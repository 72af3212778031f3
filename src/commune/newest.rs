//! What a village told last, for the commune's pages: an index over its records by their numbers in
//! its house.
//!
//! Invariant: nothing that was acknowledged leaves the pages because something else came. A village
//! that was set back gives numbers out again: its history goes on in another generation
//! ([`super::past`]), whose records stand before all of the ones before it, and beside them. Key:
//! village, NUL, [`MARKED`] + generation, number, epoch → key of the record. Older versions
//! wrote village, NUL, number: those rows are of before all generations.

use std::io;

use redb::{ReadableDatabase as _, Table, TableDefinition, WriteTransaction};

use super::db::{RECORDS, error};
use super::store::Store;

const NEWEST: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("newest");
/// Above all numbers that a village may give.
const MARKED: u64 = 1 << 63;
/// Of what is read for one page of a village, bytes.
const BYTES: usize = 512 * 1024;

/// Makes the table.
pub(super) fn begin(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(NEWEST).map_err(error).map(drop)
}

/// Notes records of one stream of a village.
pub(super) struct Noting<'a> {
    table: Table<'a, &'static [u8], &'static [u8]>,
    village: &'a str,
    epoch: &'a str,
    generation: u64,
}

impl<'a> Noting<'a> {
    /// Opens the table.
    pub(super) fn new(
        write: &'a WriteTransaction,
        village: &'a str,
        epoch: &'a str,
        generation: u64,
    ) -> io::Result<Self> {
        Ok(Self {
            table: write.open_table(NEWEST).map_err(error)?,
            village,
            epoch,
            generation,
        })
    }

    /// Notes the record with this number in its house.
    pub(super) fn note(&mut self, seq: u64, record: &[u8]) -> io::Result<()> {
        let generation = MARKED.saturating_add(self.generation).to_be_bytes();
        let key = [
            self.village.as_bytes(),
            b"\0",
            &generation,
            &seq.to_be_bytes(),
            self.epoch.as_bytes(),
        ]
        .concat();
        self.table.insert(key.as_slice(), record).map_err(error)?;
        Ok(())
    }
}

impl Store {
    /// Up to `limit` records of a village, the newest of its house first; fewer when they are
    /// large.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest(&self, village: &str, limit: usize) -> io::Result<Vec<Vec<u8>>> {
        let read = self.db.begin_read().map_err(error)?;
        let (newest, records) = (
            read.open_table(NEWEST).map_err(error)?,
            read.open_table(RECORDS).map_err(error)?,
        );
        let (from, to) = (
            [village.as_bytes(), b"\0"].concat(),
            [village.as_bytes(), b"\x01"].concat(),
        );
        let (mut out, mut size) = (Vec::new(), 0);
        for row in newest
            .range(from.as_slice()..to.as_slice())
            .map_err(error)?
            .rev()
            .take(limit)
        {
            let (_, key) = row.map_err(error)?;
            if let Some(record) = records.get(key.value()).map_err(error)? {
                size += record.value().len();
                if size > BYTES {
                    break;
                }
                out.push(record.value().to_vec());
            }
        }
        Ok(out)
    }
}
