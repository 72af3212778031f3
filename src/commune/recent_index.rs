//! The newest records of a village, for the commune's pages: an index over its records by their
//! entry number (seq) in the village.
//!
//! Invariant: an acknowledged record does not leave the pages because another one took its number.
//! A village that was set back gives numbers out again: its history goes on in another generation
//! ([`super::boot_history`]), whose records are listed before all records of earlier generations,
//! and beside them. Key: village, NUL, [`INVERTED_SEQ`] + generation, number, epoch → key of the
//! record. Older versions wrote village, NUL, number: those rows are older than every generation.

use std::io;

use redb::{ReadableDatabase as _, Table, TableDefinition, WriteTransaction};

use super::store::CommuneStore;
use super::tables::{RECORDS, io_error, village_rows};

const NEWEST: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("newest");
/// Above every number that a village may give, so that rows with a generation sort above those of
/// older versions.
const INVERTED_SEQ: u64 = 1 << 63;
/// Bytes of records that are read for one page of a village.
const MAX_BYTES_PER_PAGE: usize = 512 * 1024;

/// Creates the table.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(NEWEST).map_err(io_error).map(drop)
}

/// Indexes the records of one stream of a village.
pub(super) struct RecentIndexWriter<'a> {
    table: Table<'a, &'static [u8], &'static [u8]>,
    village: &'a str,
    epoch: &'a str,
    generation: u64,
}

impl<'a> RecentIndexWriter<'a> {
    /// Opens the table.
    pub(super) fn new(
        write: &'a WriteTransaction,
        village: &'a str,
        epoch: &'a str,
        generation: u64,
    ) -> io::Result<Self> {
        Ok(Self {
            table: write.open_table(NEWEST).map_err(io_error)?,
            village,
            epoch,
            generation,
        })
    }

    /// Indexes the record of the entry with this number.
    pub(super) fn insert(&mut self, seq: u64, record: &[u8]) -> io::Result<()> {
        let generation = INVERTED_SEQ.saturating_add(self.generation).to_be_bytes();
        let key = [
            self.village.as_bytes(),
            b"\0",
            &generation,
            &seq.to_be_bytes(),
            self.epoch.as_bytes(),
        ]
        .concat();
        self.table
            .insert(key.as_slice(), record)
            .map_err(io_error)?;
        Ok(())
    }
}

impl CommuneStore {
    /// Up to `limit` records of a village, the newest entry first; fewer when they are large.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest(&self, village: &str, limit: usize) -> io::Result<Vec<Vec<u8>>> {
        let read = self.db.begin_read().map_err(io_error)?;
        let (newest, records) = (
            read.open_table(NEWEST).map_err(io_error)?,
            read.open_table(RECORDS).map_err(io_error)?,
        );
        let (from, to) = village_rows(village);
        let (mut out, mut size) = (Vec::new(), 0);
        for row in newest
            .range(from.as_slice()..to.as_slice())
            .map_err(io_error)?
            .rev()
            .take(limit)
        {
            let (_, key) = row.map_err(io_error)?;
            if let Some(record) = records.get(key.value()).map_err(io_error)? {
                size += record.value().len();
                if size > MAX_BYTES_PER_PAGE {
                    break;
                }
                out.push(record.value().to_vec());
            }
        }
        Ok(out)
    }
}
