//! Messages to and from devices, between the MQTT link and the nouns that speak through it.
//!
//! A noun posts a message; the link publishes it when it can. What horns say (`d/<device>/speaker/…`) comes
//! back here. Both bounded: a full outbox is told to the poster, old words of horns fall out first.

use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::sync::{broadcast, mpsc};

/// A message to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Kept by the broker for a device that comes later.
    pub retain: bool,
}

/// A message from a horn cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Device.
    pub device: String,
    /// What stands behind `d/<device>/speaker/`.
    pub about: String,
    /// Payload.
    pub payload: Vec<u8>,
}

/// The exchange.
pub struct South {
    post: mpsc::Sender<Outgoing>,
    inbox: Mutex<Option<mpsc::Receiver<Outgoing>>>,
    horns: broadcast::Sender<Heard>,
}

impl Default for South {
    fn default() -> Self {
        let (post, inbox) = mpsc::channel(512);
        Self { post, inbox: Mutex::new(Some(inbox)), horns: broadcast::channel(512).0 }
    }
}

impl South {
    /// Posts a message; false = the outbox is full, nothing was posted.
    #[must_use]
    pub fn post(&self, message: Outgoing) -> bool {
        self.post.try_send(message).is_ok()
    }

    /// The link takes the outbox; none = another link has it.
    pub fn take_outbox(&self) -> Option<mpsc::Receiver<Outgoing>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The link gives the outbox back when it ends.
    pub fn return_outbox(&self, outbox: mpsc::Receiver<Outgoing>) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = Some(outbox);
    }

    /// A horn cluster said something.
    pub fn heard(&self, heard: Heard) {
        let _ = self.horns.send(heard);
    }

    /// What horn clusters say from now on.
    #[must_use]
    pub fn horns(&self) -> broadcast::Receiver<Heard> {
        self.horns.subscribe()
    }
}
