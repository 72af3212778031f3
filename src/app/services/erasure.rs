//! Erases the blobs that the history names as erased, with what was made of them and what came
//! with them (sounds, the files of a notice): at the start, as soon as an entry names one, and
//! again when a backup restored one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::handles::Handles;
use crate::domain::event::Event;
use crate::domain::history;
use crate::domain::id::BlobId;
use crate::domain::state::VillageState;
use crate::journal::Journal;
use crate::speakers::sound_cache::SoundCache;
use crate::store::attachments::Attachments;
use crate::store::files::PeopleFiles;
use crate::store::paper_pages::PaperPages;
use crate::store::spoken_texts::SpokenTexts;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};

/// How often erasing is tried again after storage refused it.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Erases what is pending, for example blobs that a backup restored, before any page is served;
/// then starts the service.
pub fn start(sounds: &SoundCache, data: &Path, handles: &Handles) {
    let erasure = Erasure {
        journal: handles.journal.clone(),
        files: handles.files.clone(),
        sounds: sounds.clone(),
        attachments: handles.attachments.clone(),
        spoken: handles.spoken.clone(),
        papers: handles.papers.clone(),
        supervisor: handles.supervisor.clone(),
        backfill_marker: data.join("people/erased-looked"),
    };
    let _ = erasure.pending(&handles.journal.state());
    handles
        .supervisor
        .service(HealthPart::Erasure, erasure, Erasure::run);
}

/// The parts that erasing works with.
#[derive(Clone)]
struct Erasure {
    journal: Journal,
    files: PeopleFiles,
    /// Sounds that were spoken from people's texts.
    sounds: SoundCache,
    /// Pictures and papers of notices.
    attachments: Attachments,
    /// Likewise, for phones.
    spoken: SpokenTexts,
    /// Text and pictures of these papers.
    papers: PaperPages,
    /// For health.
    supervisor: Supervisor,
    /// Exists once older entries were searched: ids that they erased are not in the state.
    backfill_marker: PathBuf,
}

impl Erasure {
    /// Erases the blobs of these ids; gives those that could not be erased. Blocks.
    fn erase(&self, ids: impl Iterator<Item = BlobId>) -> BTreeSet<BlobId> {
        let ids: BTreeSet<BlobId> = ids.collect();
        let mut left = BTreeSet::new();
        let mut refused = None;
        for id in &ids {
            match self
                .files
                .erase(id)
                .and_then(|was_there| self.sounds.remove_of(id).map(|sounds| was_there || sounds))
                .and_then(|was_there| self.spoken.remove_of(id).map(|spoken| was_there || spoken))
            {
                Ok(true) => tracing::info!(%id, "personal data erased"),
                Ok(false) => {}
                Err(cause) => {
                    tracing::error!(%id, %cause, "erasing personal data failed");
                    refused = Some(cause);
                    left.insert(id.clone());
                }
            }
        }
        // Files are named by what is in them: all of these texts are tried again with them.
        if let Err(cause) = self.erase_files() {
            tracing::error!(%cause, "erasing files of notices failed");
            refused = Some(cause);
            left = ids;
        }
        let reason = refused.map(|cause| HealthReason::TextsNotErased {
            n: left.len() as u64,
            cause: cause.into(),
        });
        self.supervisor
            .health()
            .set_red_or_green(&HealthPart::Erasure, reason);
        left
    }

    /// Removes the pictures and papers of notices whose text is erased, but for those that another
    /// notice has too.
    fn erase_files(&self) -> io::Result<()> {
        let state = self.journal.state();
        let erased: BTreeSet<String> = state
            .erased_attachments()
            .map(|file| file.sha256.clone())
            .collect();
        if erased.is_empty() {
            return Ok(());
        }
        let used: BTreeSet<String> = state.attachments().map(|f| f.sha256.clone()).collect();
        let n = self.attachments.remove_unused(&erased, &used)?;
        // Text, pictures and speech that were made of them go with them.
        let n = n + self.papers.sweep(&used)? + self.spoken.sweep(&used)?;
        if n > 0 {
            tracing::info!(n, "files of erased notices removed");
        }
        Ok(())
    }

    /// Erases everything that the state names as erased; gives what is left.
    fn pending(&self, state: &VillageState) -> BTreeSet<BlobId> {
        self.erase(state.erased.iter().cloned())
    }

    /// Works until `stop`, or until the journal closed.
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut watch = self.journal.watch();
        let mut known = watch.borrow_and_update().erased.clone();
        let mut left = self
            .work(known.iter().cloned().chain(self.backfill().await).collect())
            .await;
        loop {
            tokio::select! {
                changed = watch.changed() => changed?,
                () = tokio::time::sleep(RETRY_INTERVAL), if !left.is_empty() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let state = watch.borrow_and_update().clone();
            let fresh: BTreeSet<BlobId> = state.erased.difference(&known).cloned().collect();
            if !fresh.is_empty() || !left.is_empty() {
                left = self.work(fresh.union(&left).cloned().collect()).await;
                known = state.erased.clone();
            }
        }
    }

    async fn work(&self, ids: BTreeSet<BlobId>) -> BTreeSet<BlobId> {
        let this = self.clone();
        tokio::task::spawn_blocking({
            let ids = ids.clone();
            move || this.erase(ids.into_iter())
        })
        .await
        .unwrap_or(ids)
    }

    /// Ids that entries of earlier versions named as erased, when the program erased nothing;
    /// searched once.
    async fn backfill(&self) -> Vec<BlobId> {
        let mut found = Vec::new();
        if self.backfill_marker.exists() {
            return found;
        }
        let mut at = u64::MAX;
        loop {
            let entries = self.journal.before(at, 500).await;
            let Some(last) = entries.last() else { break };
            at = last.entry.seq;
            found.extend(entries.iter().filter_map(|e| {
                if let Event::History(history::Event::Erased { blob }) = &e.entry.event {
                    Some(blob.clone())
                } else {
                    None
                }
            }));
        }
        if self.erase(found.iter().cloned()).is_empty()
            && let Err(cause) = crate::keys::secret::write_file(&self.backfill_marker, b"")
        {
            tracing::warn!(%cause, "writing erasure backfill marker failed");
        }
        found
    }
}
