//! The village's list of procedures, as pages read it, and the command that replaces it.
//!
//! Invariants: the list in memory is that of the entry that the state names; it is read from its
//! file once for each entry. A file that cannot be read is an empty list that says so. A list is
//! taken whole or not at all.

use std::sync::Arc;

use super::app::App;
use super::board_cache::ProcedureList;
use crate::domain::blob::BlobRef;
use crate::domain::changes::Changes;
use crate::domain::procedure::{Command, Procedure};
use crate::i18n::locale::Lang;
use crate::i18n::procedure_file_text::mistake_on_page;
use crate::protocol::procedure_file::{self, MistakeAt};

impl App {
    /// The list that is in force. Blocks when another one is in force than was read last.
    #[must_use]
    pub fn procedures_blocking(&self) -> Arc<ProcedureList> {
        if let Some(known) = self.known_procedures() {
            return known;
        }
        let state = self.journal.state();
        let Some(catalogue) = &state.procedures else {
            return Arc::default();
        };
        let now = self.supervisor.clock().mono_ms();
        let read = self.files.get(&catalogue.file).ok();
        let read = read.and_then(|bytes| procedure_file::read(&bytes).ok());
        let list = Arc::new(ProcedureList {
            order: catalogue.order,
            lost_at: read.is_none().then_some(now),
            all: read.map(|found| found.procedures).unwrap_or_default(),
        });
        if let Ok(mut cached) = self.procedures.0.lock() {
            *cached = list.clone();
        }
        list
    }

    /// The list that is in force, when it was read already.
    fn known_procedures(&self) -> Option<Arc<ProcedureList>> {
        let order = self.journal.state().procedures.as_ref().map(|p| p.order);
        let Some(order) = order else {
            return Some(Arc::default());
        };
        let known = self.procedures.0.lock().ok().map(|list| list.clone());
        let now = self.supervisor.clock().mono_ms();
        known.filter(|known| known.holds_for(order, now))
    }

    /// The list that is in force.
    pub async fn procedures(&self) -> Arc<ProcedureList> {
        // Nearly always: visitors take no thread for it.
        if let Some(known) = self.known_procedures() {
            return known;
        }
        let app = self.clone();
        tokio::task::spawn_blocking(move || app.procedures_blocking())
            .await
            .unwrap_or_default()
    }
}

/// Most procedures that are named when they are gone.
const MAX_NAMED: usize = 20;

/// A list that may be taken: the command, and what it brings.
pub struct PreparedList {
    /// Gives the village this list.
    pub command: Command,
    /// How many procedures there are.
    pub count: u32,
    /// How they differ from those of today's list.
    pub changes: Changes,
    /// Code and name of those that are not in it any more.
    pub gone: Vec<String>,
    /// The old kind of letters in which the file was written; none = it was Unicode.
    pub old_font: Option<&'static str>,
}

/// Why a file was not taken.
pub enum NotTaken {
    /// It has mistakes.
    Mistakes(Vec<MistakeAt>),
    /// Storage did not take it.
    NotStored,
}

/// Reads a file with procedures, and stores it anew as it is kept.
///
/// # Errors
/// [`NotTaken`]; nothing is changed then.
pub async fn prepare_list(app: &App, bytes: Vec<u8>) -> Result<PreparedList, NotTaken> {
    let today = app.procedures().await;
    let read = tokio::task::spawn_blocking(move || {
        let found = procedure_file::read(&bytes)?;
        let (before, after) = (&today.all, &found.procedures);
        let changes = Changes::between(before, after, |p: &Procedure| &p.code, |_| &[]);
        let is_gone = |p: &&Procedure| !after.iter().any(|next| next.code == p.code);
        let gone = before.iter().filter(is_gone).take(MAX_NAMED);
        let gone = gone.map(|p| format!("{} {}", p.code, p.name)).collect();
        Ok((procedure_file::write(after), found, changes, gone))
    });
    let (kept, found, changes, gone) = read
        .await
        .map_err(|_| NotTaken::NotStored)?
        .map_err(NotTaken::Mistakes)?;
    let file = app.files.put_file(kept).await;
    let file = file.map_err(|_| NotTaken::NotStored)?;
    let count = count(&found.procedures);
    Ok(PreparedList {
        command: Command::Replace { file, count },
        count,
        changes,
        gone,
        old_font: found.written_in.old_font(),
    })
}

/// The command that puts a list in force which was written before; none = there is no such list.
/// Blocks.
#[must_use]
pub fn kept_list(app: &App, file: BlobRef) -> Option<Command> {
    let found = procedure_file::read(&app.files.get(&file).ok()?).ok()?;
    let count = count(&found.procedures);
    Some(Command::Replace { file, count })
}

fn count(procedures: &[Procedure]) -> u32 {
    u32::try_from(procedures.len()).unwrap_or(u32::MAX)
}

/// The mistakes of a file in words.
#[must_use]
pub fn told(lang: Lang, mistakes: &[MistakeAt]) -> Vec<String> {
    mistakes
        .iter()
        .map(|at| mistake_on_page(lang, at))
        .collect()
}
