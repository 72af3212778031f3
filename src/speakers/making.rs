//! The sound of an announcement: read aloud beside everything else, kept in a file by its hash.

use std::sync::Arc;

use super::sounds::Sounds;
use crate::domain::speaker::Announcement;
use crate::live::Live;
use crate::store::files::Files;

pub(super) struct Sound {
    pub(super) hash: String,
    pub(super) ms: u64,
}

/// The sound of an announcement.
pub(super) enum Making {
    /// It is being read aloud.
    Wait,
    /// It is there, or cannot be made.
    Done(Option<Sound>),
}

/// The sound of an announcement; none = it cannot be made. It may take seconds: nobody else waits
/// for it.
pub(super) async fn sound(
    files: Files,
    live: Live,
    sounds: Sounds,
    said: Arc<Announcement>,
) -> Option<Sound> {
    let text = files.text(&said.text).ok()?;
    match live.voice.speak(&text).await {
        Ok(spoken) => {
            let (hash, wav, of) = (spoken.hash.clone(), spoken.wav, said.text.id.clone());
            let forgetting = sounds.clone();
            let kept = tokio::task::spawn_blocking(move || sounds.put(&hash, &wav, &of)).await;
            if !matches!(kept, Ok(Ok(()))) {
                tracing::error!("a sound could not be written");
                return None;
            }
            // They were erased while they were read.
            if files.text(&said.text).is_err() {
                let _ = forgetting.forget(&said.text.id);
                return None;
            }
            Some(Sound {
                hash: spoken.hash,
                ms: spoken.ms,
            })
        }
        Err(why) => {
            tracing::error!(why, "an announcement could not be read aloud");
            None
        }
    }
}
