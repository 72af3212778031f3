//! Sees which papers of published notices have not been read, and has them read: one at a time, the
//! newest notice first.
//!
//! Invariants: nothing waits in memory. The papers to be read are those that the village shows and
//! the cache lacks, so after a power cut, or without the cache, the same code does the same. A
//! paper that cannot be read has a record that says so, and is not tried again; one whose record
//! cannot be stored is tried again at the next look.

use std::collections::BTreeSet;
use std::time::Duration;

use super::reading::PaperReader;
use crate::domain::notice::{Attachment, AttachmentKind, Notice};
use crate::domain::state::VillageState;
use crate::journal::Journal;
use crate::supervisor::{Stop, recogniser};

/// The longest wait between two looks: a file of the cache may be lost.
const LOOK_INTERVAL: Duration = Duration::from_secs(600);

/// The service.
#[derive(Clone)]
pub struct PaperService {
    /// The village.
    pub journal: Journal,
    /// The reader, which starts the processes.
    pub reader: PaperReader,
}

impl PaperService {
    /// Works until `stop`.
    ///
    /// # Errors
    /// When the journal has ended.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut village = self.journal.watch();
        let mut settled = BTreeSet::new();
        loop {
            let mut papers = papers_of(&village.borrow_and_update().clone());
            papers.retain(|paper| !settled.contains(&paper.sha256));
            match self.next(papers, &mut settled).await {
                Some(paper) => {
                    let read = tokio::select! {
                        read = self.reader.read(&paper) => read,
                        () = stop.soft.cancelled() => return Ok(()),
                    };
                    if let Err(cause) = read {
                        tracing::warn!(paper = %paper.sha256, %cause, "paper not read");
                    }
                    settled.insert(paper.sha256);
                }
                None => tokio::select! {
                    changed = village.changed() => changed?,
                    () = tokio::time::sleep(LOOK_INTERVAL) => settled.clear(),
                    () = stop.soft.cancelled() => return Ok(()),
                },
            }
        }
    }

    /// The first paper that is to be read; those before it are settled.
    async fn next(
        &self,
        papers: Vec<Attachment>,
        settled: &mut BTreeSet<String>,
    ) -> Option<Attachment> {
        if papers.is_empty() {
            return None;
        }
        let reader = self.reader.clone();
        let look = move || {
            let has_recogniser = recogniser::letters().is_some();
            let is_to_be_read = |paper: &Attachment| {
                !reader.pages.is_whole(paper, has_recogniser)
                    && reader.attachments.path(paper).exists()
            };
            let first = papers.iter().position(is_to_be_read);
            (papers, first)
        };
        let (papers, first) = tokio::task::spawn_blocking(look).await.ok()?;
        let before = papers.iter().take(first.unwrap_or(papers.len()));
        settled.extend(before.map(|paper| paper.sha256.clone()));
        papers.into_iter().nth(first?)
    }
}

/// The papers that visitors may read, those of the newest notices first.
fn papers_of(state: &VillageState) -> Vec<Attachment> {
    let ended = state.ended.values().filter(|ended| ended.is_expired);
    let up = state.notices.values().map(|notice| &**notice);
    let mut notices: Vec<&Notice> = up.chain(ended.map(|ended| &ended.notice)).collect();
    notices.sort_by_key(|notice| std::cmp::Reverse(notice.order));
    let papers = notices.into_iter().flat_map(|n| &n.details.attachments);
    papers
        .filter(|file| file.kind != AttachmentKind::Picture)
        .cloned()
        .collect()
}
