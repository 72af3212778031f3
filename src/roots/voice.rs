//! The village's voice as services: sentences as sound, and playback on the clusters.

use std::path::Path;

use super::ending::or_rest;
use crate::config::Config;
use crate::keys::secret;
use crate::keys::signing::Signing;
use crate::speakers::numbers::Numbers;
use crate::speakers::playback::Playback;
use crate::speakers::sounds::Sounds;
use crate::speakers::voice::serve_voice;
use crate::supervisor::health::Light;
use crate::web::app::App;

/// The village's voice (its key, and whether it was made in this start): sentences as sound, and
/// playback on the clusters.
pub(super) fn start_voice(
    config: &Config,
    app: &App,
    keys: &Path,
    (key, is_first): (Option<Vec<u8>>, bool),
    sounds: &Sounds,
) -> anyhow::Result<()> {
    let (speech, live) = (config.speech.clone(), app.live.clone());
    app.house.service("speech", move |stop| {
        serve_voice(speech.clone(), live.clone(), stop)
    });
    let last = keys.join("voice.last");
    if let Some(key) = &key {
        let (path, public) = (keys.join("voice.pub"), Signing::of(key)?.public());
        if std::fs::read(&path).ok().as_deref() != Some(public.as_bytes())
            && let Err(cause) = secret::write_file(&path, public.as_bytes())
        {
            tracing::error!(%cause, path = %path.display(), "the public half of the village's voice could not be written");
        }
    }
    // Clusters fetch from the portal's door unless the configuration names another address.
    let portal = config.doors.portal.map(|a| {
        if a.ip().is_unspecified() {
            format!("http://127.0.0.1:{}", a.port())
        } else {
            format!("http://{a}")
        }
    });
    let url = config.speech.url.clone().or(portal).unwrap_or_default();
    let (app, sounds) = (app.clone(), sounds.clone());
    app.house.clone().service("playback", move |stop| {
        let (app, sounds, url, last, key) = (
            app.clone(),
            sounds.clone(),
            url.clone(),
            last.clone(),
            key.clone(),
        );
        async move {
            let key = key.as_deref().map(Signing::of).transpose()?;
            let numbers = Numbers::open(&last, is_first, app.house.clock().clone());
            if let Some(why) = &numbers.lost {
                tracing::error!("{why}");
                app.house.health().set("voice", Light::Amber, why);
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
                clock: app.house.clock().clone(),
            };
            or_rest(&journal, &stop, playback.run(stop.clone())).await
        }
    });
    Ok(())
}
