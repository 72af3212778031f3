//! Makes texts into files of sound for phones: the voice of the loudspeakers, once for each text.
//!
//! Invariants: one text at a time, and it has its own turn: no announcement waits for it. A text is
//! read to a bounded length, in pieces, so that none has more memory than a piece. A text that was
//! erased while it was read is not stored. All that is written within an hour is bounded, for all
//! and for one address (`SoundHour`); beyond it a phone hears what lies ready and nothing else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::sound_hour::SoundHour;
use super::speech::synthesize;
use crate::config::SpeechConfig;
use crate::ports::listening::{ListeningPort, ListeningRequest};
use crate::store::files::PeopleFiles;
use crate::store::spoken_texts::SpokenTexts;
use crate::supervisor::{Stop, helper};

/// Most characters of a text that are read: some fifteen minutes.
pub const MAX_SPOKEN_CHARS: usize = 10_000;
/// Most characters of a piece.
const PIECE_CHARS: usize = 1_000;
/// How long a piece may take to be encoded.
const ENCODING_TIMEOUT: Duration = Duration::from_secs(30);
/// How long listing the machine's encoders may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of the MP3 of a piece.
const MAX_PIECE_BYTES: usize = 4 << 20;

/// The service.
#[derive(Clone)]
pub struct ListeningService {
    /// Our own program.
    pub program: String,
    /// The file with the list of GStreamer's encoders.
    pub registry: PathBuf,
    /// The voice.
    pub speech: SpeechConfig,
    /// Its requests.
    pub port: Arc<ListeningPort>,
    /// The cache of sounds.
    pub spoken: SpokenTexts,
    /// Which texts are erased.
    pub files: PeopleFiles,
}

impl ListeningService {
    /// Answers requests until `stop`.
    ///
    /// # Errors
    /// Never by itself; the type fits a service.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut inbox = self.port.inbox().await;
        let mut hour = SoundHour::default();
        loop {
            let request = tokio::select! {
                request = inbox.recv() => request,
                () = stop.soft.cancelled() => None,
            };
            let Some((request, reply)) = request else {
                return Ok(());
            };
            // The phone that asked has gone.
            if reply.is_closed() {
                continue;
            }
            let _ = reply.send(self.answer(&request, &mut hour).await);
        }
    }

    async fn answer(&self, request: &ListeningRequest, hour: &mut SoundHour) -> Option<PathBuf> {
        if let Some(file) = self.spoken.file(&request.name) {
            return Some(file);
        }
        if !hour.has_room(request.asker, Instant::now()) {
            return None;
        }
        let sound = match self.speak(&request.text).await {
            Ok(sound) => sound,
            Err(why) => {
                tracing::warn!(why, "text not read aloud");
                return None;
            }
        };
        hour.wrote(request.asker, sound.len(), Instant::now());
        let (spoken, name) = (self.spoken.clone(), request.name.clone());
        let stored = tokio::task::spawn_blocking(move || spoken.put(&name, &sound)).await;
        let file = match stored.map_err(std::io::Error::other).flatten() {
            Ok(file) => file,
            Err(cause) => {
                tracing::warn!(%cause, "sound of a text not stored");
                return None;
            }
        };
        if let Some(of) = &request.of
            && self.files.text(of).is_err()
        {
            let _ = self.spoken.remove_of(&of.id);
            return None;
        }
        Some(file)
    }

    /// The text as an MP3.
    async fn speak(&self, text: &str) -> Result<Vec<u8>, String> {
        let registry = self.registry.display().to_string();
        if !self.registry.exists() {
            let _ = helper::run(
                &self.program,
                &["worker", "plugins"],
                &[("GST_REGISTRY", &registry)],
                b"",
                PROBE_TIMEOUT,
                4096,
            )
            .await;
        }
        let environment = [
            ("GST_REGISTRY", registry.as_str()),
            ("GST_REGISTRY_UPDATE", "no"),
            ("GST_REGISTRY_FORK", "no"),
        ];
        let mut sound = Vec::new();
        for piece in pieces(text) {
            let spoken = synthesize(&self.speech, &piece).await?;
            let mp3 = helper::run(
                &self.program,
                &["worker", "mp3"],
                &environment,
                &spoken.wav,
                ENCODING_TIMEOUT,
                MAX_PIECE_BYTES,
            );
            sound.extend(mp3.await.map_err(|cause| cause.to_string())?);
        }
        Ok(sound)
    }
}

/// The text in pieces that end where a sentence, a line or at least a word does.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut chars = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let more = word.chars().count();
        let is_end = piece.trim_end().ends_with(['.', '!', '?', ':', ';']) || piece.ends_with('\n');
        if chars + more > PIECE_CHARS || (is_end && chars > PIECE_CHARS / 2) {
            pieces.push(std::mem::take(&mut piece));
            chars = 0;
        }
        chars += more;
        piece.push_str(word);
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.chars().any(char::is_alphanumeric));
    let mut left = MAX_SPOKEN_CHARS;
    pieces.retain(|piece| {
        let chars = piece.chars().count().min(PIECE_CHARS);
        let fits = chars <= left;
        left = if fits { left - chars } else { 0 };
        fits
    });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_in_pieces_up_to_its_bound() {
        let sentence = "Mời bà con họp thôn tối thứ bảy. ";
        let read = pieces(&sentence.repeat(600));
        assert!(
            read.iter()
                .all(|piece| piece.chars().count() <= PIECE_CHARS)
        );
        let whole: usize = read.iter().map(|piece| piece.chars().count()).sum();
        assert!(
            whole <= MAX_SPOKEN_CHARS && whole > MAX_SPOKEN_CHARS - PIECE_CHARS,
            "{whole}"
        );
        assert!(
            read.iter().all(|piece| piece.trim_end().ends_with('.')),
            "{read:?}"
        );
        assert_eq!(pieces("Họp thôn"), ["Họp thôn"]);
        assert!(pieces(" \n… ").is_empty());
        assert!(pieces("").is_empty());
    }
}
