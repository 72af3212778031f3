//! Announcements as services: speech synthesis, and playback on speaker clusters.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::storage_failure::parking_service;
use crate::app::handles::Handles;
use crate::app::secrets::Secrets;
use crate::config::SpeechConfig;
use crate::keys::secret;
use crate::keys::signing::CommandSigner;
use crate::speakers::listening::ListeningService;
use crate::speakers::playback::Playback;
use crate::speakers::sequence::SequenceCounter;
use crate::speakers::sound_cache::SoundCache;
use crate::speakers::speech_service::serve_voice;
use crate::supervisor::Stop;
use crate::supervisor::health::HealthPart;

/// Starts speech synthesis and playback. `portal` is the address of the visitors' listener, `data`
/// the data folder.
///
/// # Errors
/// The signing key is not one.
pub fn start(
    config: &SpeechConfig,
    portal: Option<SocketAddr>,
    secrets: &Secrets,
    data: &Path,
    sounds: &SoundCache,
    handles: &Handles,
) -> anyhow::Result<()> {
    handles.supervisor.service(
        HealthPart::Speech,
        (config.clone(), handles.ports.speech.clone()),
        |(config, port), stop| serve_voice(config, port, stop),
    );
    let listening = ListeningService {
        program: "/proc/self/exe".to_owned(),
        registry: data.join("gstreamer/registry.bin"),
        speech: config.clone(),
        port: handles.ports.listening.clone(),
        spoken: handles.spoken.clone(),
        files: handles.files.clone(),
    };
    let supervisor = &handles.supervisor;
    supervisor.service(HealthPart::Listening, listening, ListeningService::run);
    if let Some(key) = &secrets.voice {
        publish_key(
            &data.join("keys/voice.pub"),
            &CommandSigner::from_bytes(key)?,
        );
    }
    let playback = PlaybackService {
        key: secrets.voice.clone(),
        last_number: data.join("keys/voice.last"),
        url: sounds_url(config, portal),
        sounds: sounds.clone(),
        handles: handles.clone(),
    };
    parking_service(
        handles,
        HealthPart::Playback,
        playback,
        PlaybackService::run,
    );
    Ok(())
}

/// Writes the public half of the signing key, which receivers pin.
fn publish_key(path: &Path, signer: &CommandSigner) {
    let public = signer.public();
    if std::fs::read(path).ok().as_deref() != Some(public.as_bytes())
        && let Err(cause) = secret::write_file(path, public.as_bytes())
    {
        tracing::error!(%cause, path = %path.display(), "writing speech public key failed");
    }
}

/// Where clusters fetch sounds: from the portal's listener unless the configuration names another
/// address.
fn sounds_url(config: &SpeechConfig, portal: Option<SocketAddr>) -> String {
    let of_portal = portal.map(|a| {
        if a.ip().is_unspecified() {
            format!("http://127.0.0.1:{}", a.port())
        } else {
            format!("http://{a}")
        }
    });
    config.url.clone().or(of_portal).unwrap_or_default()
}

/// Playback, and what each of its runs begins with.
#[derive(Clone)]
struct PlaybackService {
    /// The signing key; none = it is lost, and no order is signed.
    key: Option<Vec<u8>>,
    /// The file with the last sequence number.
    last_number: PathBuf,
    url: String,
    sounds: SoundCache,
    handles: Handles,
}

impl PlaybackService {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let Handles {
            supervisor,
            journal,
            ports,
            files,
            ..
        } = self.handles;
        let key = self
            .key
            .as_deref()
            .map(CommandSigner::from_bytes)
            .transpose()?;
        let clock = supervisor.clock().clone();
        let numbers = SequenceCounter::open(&self.last_number, clock.clone());
        if let Some(reason) = &numbers.error {
            tracing::error!(
                %reason,
                "sequence numbers not readable: orders numbered from the time on"
            );
            supervisor
                .health()
                .set_amber(&HealthPart::Voice, reason.clone());
        }
        let playback = Playback {
            journal,
            ports,
            files,
            sounds: self.sounds,
            key,
            numbers,
            url: self.url,
            clock,
        };
        playback.run(stop).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_fetch_sounds_where_the_configuration_says_or_from_the_portal() {
        let of = |url: Option<&str>, portal: Option<&str>| {
            let config = SpeechConfig {
                url: url.map(ToOwned::to_owned),
                ..SpeechConfig::default()
            };
            sounds_url(&config, portal.map(|a| a.parse().expect("address")))
        };
        let named = Some("http://192.168.20.1:80");
        assert_eq!(of(named, Some("0.0.0.0:8080")), "http://192.168.20.1:80");
        assert_eq!(of(None, Some("0.0.0.0:8080")), "http://127.0.0.1:8080");
        assert_eq!(of(None, Some("10.0.0.1:80")), "http://10.0.0.1:80");
        assert_eq!(of(None, None), "");
    }
}
