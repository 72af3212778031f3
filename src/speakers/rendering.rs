//! The sound of an announcement: synthesized in the background, stored in a file by its hash.

use std::sync::Arc;

use super::sound_cache::SoundCache;
use crate::domain::speaker::Announcement;
use crate::ports::speech::SpeechPort;
use crate::store::files::PeopleFiles;

pub(super) struct RenderedSound {
    pub(super) hash: String,
    pub(super) ms: u64,
}

/// The sound of an announcement, as far as it is.
pub(super) enum Rendering {
    /// It is being synthesized.
    Pending,
    /// It is there, or cannot be made.
    Done(Option<RenderedSound>),
}

/// The sound of an announcement; none = it cannot be made. It may take seconds: no other
/// announcement waits for it.
pub(super) async fn render_sound(
    files: PeopleFiles,
    speech: Arc<SpeechPort>,
    sounds: SoundCache,
    announcement: Arc<Announcement>,
) -> Option<RenderedSound> {
    let text = files.text(&announcement.text).ok()?;
    match speech.speak(&text).await {
        Ok(spoken) => {
            let (hash, wav, of) = (
                spoken.hash.clone(),
                spoken.wav,
                announcement.text.id.clone(),
            );
            let forgetting = sounds.clone();
            let stored = tokio::task::spawn_blocking(move || sounds.put(&hash, &wav, &of)).await;
            if !matches!(stored, Ok(Ok(()))) {
                tracing::error!("writing sound file failed");
                return None;
            }
            // The text was erased while it was synthesized.
            if files.text(&announcement.text).is_err() {
                let _ = forgetting.remove_of(&announcement.text.id);
                return None;
            }
            Some(RenderedSound {
                hash: spoken.hash,
                ms: spoken.ms,
            })
        }
        Err(why) => {
            tracing::error!(why, "speech synthesis of announcement failed");
            None
        }
    }
}
