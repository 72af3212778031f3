//! Speech synthesis on request: for pages where the village chief previews an announcement, and for
//! playback.

use std::sync::Arc;

use crate::config::SpeechConfig;
use crate::ports::speech::{SpeechAudio, SpeechPort};
use crate::supervisor::Stop;

/// Answers requests for sentences as sound until `stop`; the last few sounds stay in memory.
///
/// # Errors
/// Never by itself; the type fits a service.
pub async fn serve_voice(
    config: SpeechConfig,
    port: Arc<SpeechPort>,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut inbox = port.inbox().await;
    let mut cache: Vec<(String, SpeechAudio)> = Vec::new();
    loop {
        let request = tokio::select! {
            request = inbox.recv() => request,
            () = stop.soft.cancelled() => None,
        };
        let Some((text, reply)) = request else { break };
        let known = cache
            .iter()
            .find(|(t, _)| *t == text)
            .map(|(_, s)| s.clone());
        let answer = match known {
            Some(spoken) => Ok(spoken),
            None => super::speech::synthesize(&config, &text).await,
        };
        if let Ok(spoken) = &answer {
            cache.retain(|(t, _)| *t != text);
            cache.push((text, spoken.clone()));
            if cache.len() > 4 {
                cache.remove(0);
            }
        }
        let _ = reply.send(answer);
    }
    Ok(())
}
