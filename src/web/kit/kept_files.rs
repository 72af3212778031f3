//! Files of notices on their way into the store.
//!
//! Invariants: a PDF that only a password opens is not kept, because nobody in the village could
//! read it; one that is merely protected against changes opens for everybody, and is kept. Whether
//! it opens, a confined process of its own finds out, one at a time, and only for a file that says
//! that it is encrypted. When that process has no answer, the file is kept: its reader will say
//! what is wrong.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::domain::notice::Attachment;
use crate::protocol::paper::{PaperFrame, PaperProblem};
use crate::store::attachments::{FileProblem, IncomingFile};
use crate::supervisor::helper;

/// Our own program.
const PROGRAM: &str = "/proc/self/exe";
/// How long opening a file may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Most bytes of the answer: two frames without a body.
const MAX_ANSWER_BYTES: usize = 64;
/// Files that are opened at once.
static OPENING: Semaphore = Semaphore::const_new(1);

/// Keeps a file off the async threads. A decoder that panics found a damaged picture.
///
/// # Errors
/// Why it is not kept; then nothing of it stays.
pub async fn keep(file: IncomingFile) -> Result<Attachment, FileProblem> {
    let looked = tokio::task::spawn_blocking(move || file.locked_pdf().map(|pdf| (file, pdf)));
    let (file, locked) = looked.await.unwrap_or(Err(FileProblem::Storage))?;
    if let Some(content) = locked
        && needs_password(&content).await
    {
        return Err(FileProblem::Locked);
    }
    tokio::task::spawn_blocking(move || file.keep())
        .await
        .unwrap_or(Err(FileProblem::DamagedPicture))
}

async fn needs_password(content: &[u8]) -> bool {
    let _one = OPENING.acquire().await;
    let args = ["worker", "paper-opens"];
    let told = helper::run(PROGRAM, &args, &[], content, DEADLINE, MAX_ANSWER_BYTES).await;
    match told {
        Ok(told) => told.starts_with(&PaperFrame::Problem(PaperProblem::Encrypted).encode()),
        Err(cause) => {
            tracing::info!(%cause, "locked paper not looked at");
            false
        }
    }
}
