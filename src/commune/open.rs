//! Opening the commune's store: every table is there before anything reads, and a new store gets a
//! new incarnation.

use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::{Builder, ReadableTable as _};

use super::bulletins::DOWN;
use super::db::{APPLIED, ASIDE, GAPS, META, RECORDS, SEEN, TEXTS, error};
use super::store::Store;
use super::{account, erased, newest, past, told};

const CACHE: usize = 32 * 1024 * 1024;

impl Store {
    /// Opens or makes the store; a new one gets a new incarnation.
    ///
    /// # Errors
    /// When the file cannot be used or is damaged.
    pub fn open(path: &Path) -> io::Result<Self> {
        let db = Builder::new()
            .set_cache_size(CACHE)
            .set_check_integrity_on_open(true)
            .create(path)
            .map_err(error)?;
        let write = db.begin_write().map_err(error)?;
        let incarnation = {
            for table in [RECORDS, TEXTS, ASIDE, DOWN, SEEN] {
                write.open_table(table).map_err(error)?;
            }
            told::begin(&write)?;
            account::begin(&write)?;
            erased::begin(&write)?;
            past::begin(&write)?;
            newest::begin(&write)?;
            write.open_table(APPLIED).map_err(error)?;
            write.open_table(GAPS).map_err(error)?;
            let mut meta = write.open_table(META).map_err(error)?;
            let known = meta
                .get(b"incarnation".as_slice())
                .map_err(error)?
                .map(|v| String::from_utf8_lossy(v.value()).into_owned());
            match known {
                Some(known) => known,
                None => {
                    let fresh = crate::keys::secret::token()?;
                    meta.insert(b"incarnation".as_slice(), fresh.as_bytes())
                        .map_err(error)?;
                    fresh
                }
            }
        };
        write.commit().map_err(error)?;
        Ok(Self {
            db: Arc::new(db),
            incarnation,
            path: path.into(),
            folder: path.with_extension("texts").into(),
            scrubbing: Arc::default(),
        })
    }
}
