//! Announcements as services: speech synthesis, and playback on speaker clusters.

use std::path::Path;

use super::storage_failure::park_on_storage_failure;
use crate::config::Config;
use crate::keys::secret;
use crate::keys::signing::CommandSigner;
use crate::speakers::playback::Playback;
use crate::speakers::sequence::SequenceCounter;
use crate::speakers::sound_cache::SoundCache;
use crate::speakers::speech_service::serve_voice;
use crate::supervisor::health::{HealthPart, HealthStatus};
use crate::web::kit::app::App;

/// Starts speech synthesis and playback. `key` is the signing key, `is_first` whether it was made
/// in this start.
pub(super) fn start_speech(
    config: &Config,
    app: &App,
    keys: &Path,
    (key, is_first): (Option<Vec<u8>>, bool),
    sounds: &SoundCache,
) -> anyhow::Result<()> {
    let (speech, live) = (config.speech.clone(), app.live.clone());
    app.supervisor.service(HealthPart::Speech, move |stop| {
        serve_voice(speech.clone(), live.clone(), stop)
    });
    let last = keys.join("voice.last");
    if let Some(key) = &key {
        let (path, public) = (
            keys.join("voice.pub"),
            CommandSigner::from_bytes(key)?.public(),
        );
        if std::fs::read(&path).ok().as_deref() != Some(public.as_bytes())
            && let Err(cause) = secret::write_file(&path, public.as_bytes())
        {
            tracing::error!(%cause, path = %path.display(), "writing speech public key failed");
        }
    }
    // Clusters fetch sounds from the portal's listener unless the configuration names another
    // address.
    let portal = config.listeners.portal.map(|a| {
        if a.ip().is_unspecified() {
            format!("http://127.0.0.1:{}", a.port())
        } else {
            format!("http://{a}")
        }
    });
    let url = config.speech.url.clone().or(portal).unwrap_or_default();
    let (app, sounds) = (app.clone(), sounds.clone());
    app.supervisor
        .clone()
        .service(HealthPart::Playback, move |stop| {
            let (app, sounds, url, last, key) = (
                app.clone(),
                sounds.clone(),
                url.clone(),
                last.clone(),
                key.clone(),
            );
            async move {
                let key = key.as_deref().map(CommandSigner::from_bytes).transpose()?;
                let numbers =
                    SequenceCounter::open(&last, is_first, app.supervisor.clock().clone());
                if let Some(why) = &numbers.error {
                    tracing::error!("{why}");
                    app.supervisor
                        .health()
                        .set(&HealthPart::Voice, HealthStatus::Amber, why);
                }
                let journal = app.journal.clone();
                let playback = Playback {
                    journal: app.journal,
                    live: app.live,
                    files: app.files,
                    sounds,
                    key,
                    numbers,
                    url,
                    clock: app.supervisor.clock().clone(),
                };
                park_on_storage_failure(&journal, &stop, playback.run(stop.clone())).await
            }
        });
    Ok(())
}
