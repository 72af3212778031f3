//! The village's list of procedures, as pages read it, and the command that replaces it.
//!
//! Invariants: the list in memory is that of the entry that the state names; it is read from its
//! file once for each entry. A file that cannot be read is an empty list that says so. A list is
//! taken whole or not at all.

use std::sync::Arc;

use super::app::App;
use super::board_cache::ProcedureList;
use crate::domain::procedure::Command;
use crate::i18n::locale::Lang;
use crate::i18n::procedure_file_text::mistake_text;
use crate::protocol::procedure_file::{self, MistakeAt};

impl App {
    /// The list that is in force. Blocks when another one is in force than was read last.
    #[must_use]
    pub fn procedures_blocking(&self) -> Arc<ProcedureList> {
        let state = self.journal.state();
        let Some(catalogue) = &state.procedures else {
            return Arc::default();
        };
        let cache = &self.procedures.0;
        let known = cache.lock().map(|list| list.clone()).unwrap_or_default();
        if known.order == catalogue.order && !known.is_lost {
            return known;
        }
        let read = self.files.get(&catalogue.file).ok();
        let read = read.and_then(|bytes| procedure_file::read(&bytes).ok());
        let list = Arc::new(ProcedureList {
            order: catalogue.order,
            is_lost: read.is_none(),
            all: read.map(|found| found.procedures).unwrap_or_default(),
        });
        if let Ok(mut cached) = cache.lock() {
            *cached = list.clone();
        }
        list
    }

    /// The list that is in force.
    pub async fn procedures(&self) -> Arc<ProcedureList> {
        let app = self.clone();
        tokio::task::spawn_blocking(move || app.procedures_blocking())
            .await
            .unwrap_or_default()
    }
}

/// Why a file was not taken.
pub enum NotTaken {
    /// It has mistakes.
    Mistakes(Vec<MistakeAt>),
    /// Storage did not take it.
    NotStored,
}

/// The command that takes the procedures of a file, which is stored anew as it is kept; and how
/// many there are.
///
/// # Errors
/// [`NotTaken`]; nothing is changed then.
pub async fn command_of(app: &App, bytes: Vec<u8>) -> Result<(Command, u32), NotTaken> {
    let read = tokio::task::spawn_blocking(move || {
        procedure_file::read(&bytes).map(|found| {
            let kept = procedure_file::write(&found.procedures);
            (kept, found.procedures.len())
        })
    });
    let (kept, count) = read
        .await
        .map_err(|_| NotTaken::NotStored)?
        .map_err(NotTaken::Mistakes)?;
    let file = app.files.put_file(kept).await;
    let file = file.map_err(|_| NotTaken::NotStored)?;
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Ok((Command::Replace { file, count }, count))
}

/// The mistakes of a file in words.
#[must_use]
pub fn told(lang: Lang, mistakes: &[MistakeAt]) -> Vec<String> {
    mistakes.iter().map(|at| mistake_text(lang, at)).collect()
}
