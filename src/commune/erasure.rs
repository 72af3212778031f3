//! Texts that villages erased: the commune deletes them too, and does not store them when they come
//! again.
//!
//! Invariants: each text is a file of its own, because a database frees pages without clearing
//! them, while an unlinked file is gone. The file is durable before the record that names it. The
//! file is removed before the transaction with the `Erased` entry is acknowledged: after a crash in
//! between, the entry comes again and finds nothing more to do. Texts that an older version stored
//! in the database are removed there, and its free pages are overwritten
//! ([`overwrite_free_pages`]), as far as that can be done.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction,
};

use super::quota::RESERVED_BYTES;
use super::tables::{META, QUARANTINE, TEXTS, io_error, village_rows};
use crate::domain::event::{Entry, Event};
use crate::domain::history;
use crate::domain::id::BlobId;
use crate::keys::secret;
use crate::protocol::commune::Batch;
use crate::time::{AtomicMonoMs, MonoMs};

/// Village and id of each erased text.
const ERASED: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("erased");
/// Fills the free pages for a moment.
const FILLER: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("fill");
/// Key in [`META`]: how many passes over the free pages are still due.
const OVERWRITE_DUE: &[u8] = b"scrub";
/// A value that fills one page of redb.
const FILLER_BYTES: usize = 4_000;
/// Pages that one round fills.
const PAGES_PER_ROUND: u64 = 256;
/// Rounds after the file began to grow: the pages that were freed last become free only then.
const EXTRA_ROUNDS: usize = 4;
/// Bytes beside the reserve that must be free before each round: for the round itself, and for what
/// others write meanwhile.
const FREE_SPACE_MARGIN: u64 = 16 * 1024 * 1024;
/// How long overwriting is not tried again after it failed, ms.
const RETRY_AFTER_MS: u64 = 3_600_000;
/// How often the free pages are overwritten: a reader that was open while they were freed holds
/// them back for a moment.
const OVERWRITE_PASSES: u8 = 3;

fn key(village: &str, blob: &str) -> Vec<u8> {
    [village.as_bytes(), b"\0", blob.as_bytes()].concat()
}

/// The file of a village's text; both ids are checked by the caller.
fn file(folder: &Path, village: &str, blob: &str) -> PathBuf {
    folder.join(village).join(blob)
}

/// Stores a village's texts, durably; id and content of each.
pub(super) fn write_texts(folder: &Path, village: &str, texts: &[(&str, &[u8])]) -> io::Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    let place = folder.join(village);
    let is_new = !place.is_dir();
    secret::write_files(&place, texts)?;
    if is_new {
        std::fs::File::open(folder)?.sync_all()?;
        std::fs::File::open(folder.parent().unwrap_or(folder))?.sync_all()?;
    }
    Ok(())
}

/// A village's text; none = there is no such file.
pub(super) fn read_text(folder: &Path, village: &str, blob: &str) -> io::Result<Option<String>> {
    if BlobId::new(blob).is_err() {
        return Ok(None);
    }
    match std::fs::read(file(folder, village, blob)) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Creates the table, and frees the pages that a crash left filled.
pub(super) fn create_tables(write: &WriteTransaction) -> io::Result<()> {
    write.delete_table(FILLER).map_err(io_error)?;
    write.open_table(ERASED).map_err(io_error).map(drop)
}

/// Deletes the texts that these entries report as erased.
pub(super) fn apply_erasures(
    write: &WriteTransaction,
    folder: &Path,
    village: &str,
    entries: &[Option<Entry>],
) -> io::Result<()> {
    let gone: BTreeSet<&str> = entries
        .iter()
        .flatten()
        .filter_map(|e| {
            if let Event::History(history::Event::Erased { blob }) = &e.event {
                Some(blob.as_str())
            } else {
                None
            }
        })
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let (mut is_old, mut is_gone) = (false, false);
    let (mut erased, mut texts) = (
        write.open_table(ERASED).map_err(io_error)?,
        write.open_table(TEXTS).map_err(io_error)?,
    );
    for blob in &gone {
        erased
            .insert(key(village, blob).as_slice(), [].as_slice())
            .map_err(io_error)?;
        is_old |= texts
            .remove(key(village, blob).as_slice())
            .map_err(io_error)?
            .is_some();
        // A crash while the file was written leaves it under its temporary name.
        for name in [
            file(folder, village, blob),
            folder.join(village).join(format!(".{blob}")),
        ] {
            match std::fs::remove_file(name) {
                Ok(()) => is_gone = true,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(cause),
            }
        }
    }
    if is_gone {
        std::fs::File::open(folder.join(village))?.sync_all()?;
    }
    // Older versions quarantined an unreadable batch with its texts.
    let mut aside = write.open_table(QUARANTINE).map_err(io_error)?;
    let (from, to) = village_rows(village);
    let mut cleaned = Vec::new();
    for row in aside
        .range(from.as_slice()..to.as_slice())
        .map_err(io_error)?
    {
        let (name, value) = row.map_err(io_error)?;
        let Ok(mut batch) = serde_json::from_slice::<Batch>(value.value()) else {
            continue;
        };
        let before = batch.texts.len();
        batch.texts.retain(|id, _| !gone.contains(id.as_str()));
        if batch.texts.len() < before {
            cleaned.push((name.value().to_vec(), serde_json::to_vec(&batch)?));
        }
    }
    is_old |= !cleaned.is_empty();
    for (name, value) in cleaned {
        aside
            .insert(name.as_slice(), value.as_slice())
            .map_err(io_error)?;
    }
    if is_old {
        write
            .open_table(META)
            .map_err(io_error)?
            .insert(OVERWRITE_DUE, [OVERWRITE_PASSES].as_slice())
            .map_err(io_error)?;
    }
    Ok(())
}

/// True when this text of a village is erased.
pub(super) fn is_erased(write: &WriteTransaction, village: &str, blob: &str) -> io::Result<bool> {
    Ok(write
        .open_table(ERASED)
        .map_err(io_error)?
        .get(key(village, blob).as_slice())
        .map_err(io_error)?
        .is_some())
}

/// The same, for a page.
pub(super) fn read_is_erased(db: &Database, village: &str, blob: &str) -> io::Result<bool> {
    let read = db.begin_read().map_err(io_error)?;
    let table = read.open_table(ERASED).map_err(io_error)?;
    Ok(table
        .get(key(village, blob).as_slice())
        .map_err(io_error)?
        .is_some())
}

/// Overwrites the free pages when a pass is due after an erasure; true = it did. `free` gives the
/// free bytes of the disk: a store that runs out of space commits nothing more, so filling stops
/// long before. The pages are free again at the end, also after an error. Blocks for as long as it
/// takes to fill the free pages of the file; others write in between.
pub(super) fn overwrite_free_pages(
    db: &Database,
    path: &Path,
    free: &dyn Fn() -> u64,
) -> io::Result<bool> {
    let times = db
        .begin_read()
        .map_err(io_error)?
        .open_table(META)
        .map_err(io_error)?
        .get(OVERWRITE_DUE)
        .map_err(io_error)?
        .map_or(0, |v| v.value().first().copied().unwrap_or(0));
    if times == 0 {
        return Ok(false);
    }
    let filled = fill_free_pages(db, path, free);
    let emptied = release_filler(db, filled.is_ok().then_some(times));
    filled.and(emptied).map(|()| true)
}

/// Fills free pages until the file grows.
fn fill_free_pages(db: &Database, path: &Path, free: &dyn Fn() -> u64) -> io::Result<()> {
    let file = std::fs::metadata(path)?;
    // Pages of the file that were never written take space on the disk only when they are filled.
    let unwritten = file.len().saturating_sub(file.blocks() * 512);
    let (mut least, mut after, mut n) = (file.len(), 0, 0);
    let most = file.len() / FILLER_BYTES as u64 + (EXTRA_ROUNDS as u64 + 1) * PAGES_PER_ROUND;
    let mut needs = RESERVED_BYTES + unwritten + FREE_SPACE_MARGIN;
    while after < EXTRA_ROUNDS && n < most {
        if free() < needs {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "not enough disk space to overwrite the free pages",
            ));
        }
        needs = RESERVED_BYTES + FREE_SPACE_MARGIN;
        let write = db.begin_write().map_err(io_error)?;
        {
            let mut fill = write.open_table(FILLER).map_err(io_error)?;
            for _ in 0..PAGES_PER_ROUND {
                fill.insert(n, [0; FILLER_BYTES].as_slice())
                    .map_err(io_error)?;
                n += 1;
            }
        }
        write.commit().map_err(io_error)?;
        // The file grows when it has no free page left; it shrinks when others free the pages at
        // its end.
        let size = std::fs::metadata(path)?.len();
        after += usize::from(size > least);
        least = least.min(size);
    }
    Ok(())
}

/// Frees the filled pages. `times` is given after a complete pass: the number of passes that were
/// due before it, of which one is done now.
fn release_filler(db: &Database, times: Option<u8>) -> io::Result<()> {
    let write = db.begin_write().map_err(io_error)?;
    write.delete_table(FILLER).map_err(io_error)?;
    {
        // An erasure meanwhile may have set the number again: then it stays.
        let mut meta = write.open_table(META).map_err(io_error)?;
        let now = meta
            .get(OVERWRITE_DUE)
            .map_err(io_error)?
            .map_or(0, |v| v.value().first().copied().unwrap_or(0));
        if let Some(times) = times.filter(|times| *times == now) {
            meta.insert(OVERWRITE_DUE, [times - 1].as_slice())
                .map_err(io_error)?;
        }
    }
    write.commit().map_err(io_error)
}

/// The moment before which overwriting is not tried again, because it failed.
#[derive(Debug, Default)]
pub(super) struct OverwriteThrottle(AtomicMonoMs);

impl OverwriteThrottle {
    /// Runs `scrub`, but not within an hour of monotonic time after it failed.
    pub(super) fn try_run(
        &self,
        now: MonoMs,
        scrub: impl FnOnce() -> io::Result<bool>,
    ) -> io::Result<bool> {
        if now < self.0.load() {
            return Ok(false);
        }
        scrub().inspect_err(|_| self.0.store(now + RETRY_AFTER_MS))
    }
}
