//! Opening the commune's store: every table exists before anything reads, and a new store gets a
//! new incarnation.

use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::{Builder, ReadableTable as _};

use super::bulletins::DOWN;
use super::change_count::ChangeCount;
use super::store::CommuneStore;
use super::tables::{APPLIED, CONTACTS, GAPS, META, QUARANTINE, RECORDS, TEXTS, io_error};
use super::village_statuses::VillageStatuses;
use super::{
    boot_history, erasure, history, officers, quota, read_model, recent_index, sent_bulletins,
};

const CACHE_BYTES: usize = 32 * 1024 * 1024;

impl CommuneStore {
    /// Opens or creates the store; a new one gets a new incarnation.
    ///
    /// # Errors
    /// When the file cannot be used or is damaged.
    pub fn open(path: &Path) -> io::Result<Self> {
        let db = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create(path)
            .map_err(io_error)?;
        let write = db.begin_write().map_err(io_error)?;
        let (incarnation, is_new) = {
            for table in [RECORDS, TEXTS, QUARANTINE, DOWN, CONTACTS] {
                write.open_table(table).map_err(io_error)?;
            }
            read_model::create_tables(&write)?;
            quota::create_tables(&write)?;
            erasure::create_tables(&write)?;
            boot_history::create_tables(&write)?;
            recent_index::create_tables(&write)?;
            sent_bulletins::create_tables(&write)?;
            officers::create_tables(&write)?;
            history::create_tables(&write)?;
            write.open_table(APPLIED).map_err(io_error)?;
            write.open_table(GAPS).map_err(io_error)?;
            let mut meta = write.open_table(META).map_err(io_error)?;
            let known = meta
                .get(b"incarnation".as_slice())
                .map_err(io_error)?
                .map(|v| String::from_utf8_lossy(v.value()).into_owned());
            match known {
                Some(known) => (known, false),
                None => {
                    let fresh = crate::keys::secret::token()?;
                    meta.insert(b"incarnation".as_slice(), fresh.as_bytes())
                        .map_err(io_error)?;
                    (fresh, true)
                }
            }
        };
        write.commit().map_err(io_error)?;
        Ok(Self {
            db: Arc::new(db),
            incarnation,
            is_new,
            path: path.into(),
            folder: path.with_extension("texts").into(),
            overwrite_throttle: Arc::default(),
            statuses: VillageStatuses::default(),
            changes: ChangeCount::default(),
        })
    }
}
