//! Requests for a sentence to be read aloud: the pages send them, the speech service answers.

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

/// A sentence as audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechAudio {
    /// WAV, mono, 16 bit.
    pub wav: Vec<u8>,
    /// SHA-256 of the WAV, hexadecimal.
    pub hash: String,
    /// Milliseconds of audio.
    pub ms: u64,
}

/// A request: the sentence and where the answer goes (an error is a sentence for the technician).
pub type SpeechRequest = (String, oneshot::Sender<Result<SpeechAudio, String>>);

/// The port of the speech service.
pub struct SpeechPort {
    ask: mpsc::Sender<SpeechRequest>,
    inbox: Mutex<mpsc::Receiver<SpeechRequest>>,
}

impl Default for SpeechPort {
    fn default() -> Self {
        let (ask, inbox) = mpsc::channel(8);
        Self {
            ask,
            inbox: Mutex::new(inbox),
        }
    }
}

impl SpeechPort {
    /// Requests a sentence as audio.
    ///
    /// # Errors
    /// The reason why there is none, for the technician.
    pub async fn speak(&self, text: &str) -> Result<SpeechAudio, String> {
        let (reply, answer) = oneshot::channel();
        self.ask
            .try_send((text.to_owned(), reply))
            .map_err(|_| "too many sentences wait to be read".to_owned())?;
        // A person with a phone in hand waits for the answer.
        let answer = tokio::time::timeout(std::time::Duration::from_secs(15), answer)
            .await
            .map_err(|_| "nobody read the sentence in time".to_owned())?;
        answer.map_err(|_| "the speech service is not running".to_owned())?
    }

    /// The requests, for the speech service as long as it holds them.
    pub async fn inbox(&self) -> MutexGuard<'_, mpsc::Receiver<SpeechRequest>> {
        self.inbox.lock().await
    }
}
