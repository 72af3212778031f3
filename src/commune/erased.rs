//! What villages erased: their words go here too, now and whenever they come again.
//!
//! Invariants: the words and the note that they are erased go in one transaction, the one of the entry that says so; what a
//! transaction let go still stands in free pages of the file, so those are written over afterwards ([`scrub`]), which a
//! death in between does not forget.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use super::store::{ASIDE, META, TEXTS, error};
use crate::domain::event::{Entry, Event};
use crate::protocol::commune::Batch;

/// Village and file of people's words that are erased.
const ERASED: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("erased");
/// Fills free pages for a moment.
const FILL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("fill");
/// Free pages are still to be written over.
const DUE: &[u8] = b"scrub";
/// Fills one page of redb.
const PAGE: usize = 4_000;
/// Pages of one round.
const ROUND: u64 = 256;
/// Rounds after the file grew: what was let go last is free only then.
const AFTER: usize = 3;

fn key(village: &str, blob: &str) -> Vec<u8> {
    [village.as_bytes(), b"\0", blob.as_bytes()].concat()
}

/// Makes the table.
pub(super) fn begin(write: &WriteTransaction) -> io::Result<()> {
    write.open_table(ERASED).map_err(error).map(drop)
}

/// Lets go what these entries say is erased.
pub(super) fn take(write: &WriteTransaction, village: &str, entries: &[Option<Entry>]) -> io::Result<()> {
    let gone: BTreeSet<&str> = entries.iter().flatten().filter_map(|e| if let Event::Erased { blob } = &e.event { Some(blob.as_str()) } else { None }).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let (mut erased, mut texts) = (write.open_table(ERASED).map_err(error)?, write.open_table(TEXTS).map_err(error)?);
    for blob in &gone {
        erased.insert(key(village, blob).as_slice(), [].as_slice()).map_err(error)?;
        texts.remove(key(village, blob).as_slice()).map_err(error)?;
    }
    // A batch that could not be read was kept as it came, words and all.
    let mut aside = write.open_table(ASIDE).map_err(error)?;
    let (from, to) = ([village.as_bytes(), b"\0"].concat(), [village.as_bytes(), b"\x01"].concat());
    let mut cleaned = Vec::new();
    for row in aside.range(from.as_slice()..to.as_slice()).map_err(error)? {
        let (name, value) = row.map_err(error)?;
        let Ok(mut batch) = serde_json::from_slice::<Batch>(value.value()) else { continue };
        let before = batch.texts.len();
        batch.texts.retain(|id, _| !gone.contains(id.as_str()));
        if batch.texts.len() < before {
            cleaned.push((name.value().to_vec(), serde_json::to_vec(&batch)?));
        }
    }
    for (name, value) in cleaned {
        aside.insert(name.as_slice(), value.as_slice()).map_err(error)?;
    }
    write.open_table(META).map_err(error)?.insert(DUE, [1].as_slice()).map_err(error)?;
    Ok(())
}

/// True when these words of a village are erased.
pub(super) fn is_erased(write: &WriteTransaction, village: &str, blob: &str) -> io::Result<bool> {
    Ok(write.open_table(ERASED).map_err(error)?.get(key(village, blob).as_slice()).map_err(error)?.is_some())
}

/// The same, for a page.
pub(super) fn says_erased(db: &Database, village: &str, blob: &str) -> io::Result<bool> {
    let read = db.begin_read().map_err(error)?;
    let table = read.open_table(ERASED).map_err(error)?;
    Ok(table.get(key(village, blob).as_slice()).map_err(error)?.is_some())
}

/// Writes over what stands in free pages, when something was erased since the last time; true = it did. Blocks, for as long
/// as it takes to fill the free pages of the file; others write in between.
pub(super) fn scrub(db: &Database, path: &Path) -> io::Result<bool> {
    let due = db.begin_read().map_err(error)?.open_table(META).map_err(error)?.get(DUE).map_err(error)?.is_some();
    if !due {
        return Ok(false);
    }
    let size = || std::fs::metadata(path).map(|m| m.len());
    let (before, mut after, mut n) = (size()?, 0, 0);
    while after < AFTER {
        let write = db.begin_write().map_err(error)?;
        {
            let mut fill = write.open_table(FILL).map_err(error)?;
            for _ in 0..ROUND {
                fill.insert(n, [0; PAGE].as_slice()).map_err(error)?;
                n += 1;
            }
        }
        write.commit().map_err(error)?;
        // A file grows when no page of it is free any more.
        after += usize::from(size()? > before);
    }
    let write = db.begin_write().map_err(error)?;
    write.delete_table(FILL).map_err(error)?;
    write.open_table(META).map_err(error)?.remove(DUE).map_err(error)?;
    write.commit().map_err(error)?;
    Ok(true)
}
