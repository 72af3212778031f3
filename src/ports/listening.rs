//! Requests for a text as a file of sound, for a phone: the pages send them, the service of
//! `speakers` answers.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use crate::domain::blob::BlobRef;

/// Requests that may wait; a further one is refused at once.
const MAX_WAITING: usize = 8;
/// How long a request waits: a long text takes most of it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// A text that is to be heard.
#[derive(Debug, Clone)]
pub struct ListeningRequest {
    /// Names the sound: whatever has the same name says the same.
    pub name: String,
    /// The text.
    pub text: String,
    /// The blob that it comes from; none = it comes from no blob. An erased one is not heard.
    pub of: Option<BlobRef>,
    /// The address that asks, as its turns are counted.
    pub asker: IpAddr,
}

/// Where the answer goes; none = there is no sound.
type ListeningReply = oneshot::Sender<Option<PathBuf>>;

/// The port.
pub struct ListeningPort {
    ask: mpsc::Sender<(ListeningRequest, ListeningReply)>,
    inbox: Mutex<mpsc::Receiver<(ListeningRequest, ListeningReply)>>,
}

impl Default for ListeningPort {
    fn default() -> Self {
        let (ask, inbox) = mpsc::channel(MAX_WAITING);
        Self {
            ask,
            inbox: Mutex::new(inbox),
        }
    }
}

impl ListeningPort {
    /// The file of a text as sound; none = there is none now.
    pub async fn hear(&self, request: ListeningRequest) -> Option<PathBuf> {
        let (reply, answer) = oneshot::channel();
        self.ask.try_send((request, reply)).ok()?;
        tokio::time::timeout(REQUEST_TIMEOUT, answer)
            .await
            .ok()?
            .ok()?
    }

    /// The requests, for the service as long as it holds them.
    pub async fn inbox(
        &self,
    ) -> MutexGuard<'_, mpsc::Receiver<(ListeningRequest, ListeningReply)>> {
        self.inbox.lock().await
    }
}
