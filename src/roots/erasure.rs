//! What the history says is erased is erased: at the start, as soon as an entry says so, and again
//! when it came back.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::id::BlobId;
use crate::domain::state::State;
use crate::journal::Journal;
use crate::speakers::sounds::Sounds;
use crate::store::files::Files;
use crate::supervisor::health::Light;
use crate::supervisor::{Stop, Supervisor};

/// A card that refuses is asked again this often.
const AGAIN: Duration = Duration::from_secs(10);

/// What erasing works with.
#[derive(Clone)]
pub struct Erasure {
    /// The journal.
    pub journal: Journal,
    /// People's files.
    pub files: Files,
    /// What was read aloud of them.
    pub sounds: Sounds,
    /// The house.
    pub house: Supervisor,
    /// Says that entries of before were looked at: their ids do not stand in the state.
    pub looked: PathBuf,
}

impl Erasure {
    /// Erases what the state names; gives what could not be erased. Blocks.
    #[must_use]
    pub fn carry_out(&self, ids: impl Iterator<Item = BlobId>) -> BTreeSet<BlobId> {
        let mut left = BTreeSet::new();
        let mut why = String::new();
        for id in ids {
            match self
                .files
                .erase(&id)
                .and_then(|was_there| self.sounds.forget(&id).map(|sounds| was_there || sounds))
            {
                Ok(true) => tracing::info!(%id, "people's words were erased, as an entry says"),
                Ok(false) => {}
                Err(cause) => {
                    tracing::error!(%id, %cause, "people's words that are to be erased could not be");
                    why = cause.to_string();
                    left.insert(id);
                }
            }
        }
        let light = if left.is_empty() {
            Light::Green
        } else {
            Light::Red
        };
        let told = if left.is_empty() {
            String::new()
        } else {
            format!(
                "chưa xóa được {} nội dung đã yêu cầu xóa: {why}; máy thử lại mỗi 10 giây",
                left.len()
            )
        };
        self.house.health().set("erasure", light, &told);
        left
    }

    /// Everything that the state names.
    #[must_use]
    pub fn all(&self, state: &State) -> BTreeSet<BlobId> {
        self.carry_out(state.erased.iter().cloned())
    }

    /// Works until `stop`.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut watch = self.journal.watch();
        let mut known = watch.borrow_and_update().erased.clone();
        let mut left = self
            .work(
                known
                    .iter()
                    .cloned()
                    .chain(self.of_before().await)
                    .collect(),
            )
            .await;
        loop {
            tokio::select! {
                changed = watch.changed() => changed?,
                () = tokio::time::sleep(AGAIN), if !left.is_empty() => {}
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
            move || this.carry_out(ids.into_iter())
        })
        .await
        .unwrap_or(ids)
    }

    /// What versions that erased nothing said was erased; looked for once.
    async fn of_before(&self) -> Vec<BlobId> {
        let mut found = Vec::new();
        if self.looked.exists() {
            return found;
        }
        let mut at = u64::MAX;
        loop {
            let entries = self.journal.before(at, 500).await;
            let Some(last) = entries.last() else { break };
            at = last.entry.seq;
            found.extend(entries.iter().filter_map(|e| {
                if let Event::Erased { blob } = &e.entry.event {
                    Some(blob.clone())
                } else {
                    None
                }
            }));
        }
        if self.carry_out(found.iter().cloned()).is_empty()
            && let Err(cause) = crate::keys::secret::write_file(&self.looked, b"")
        {
            tracing::warn!(%cause, "it could not be noted that older entries were looked at");
        }
        found
    }
}
