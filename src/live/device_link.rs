//! Messages to and from devices, between the MQTT link and the nouns that speak through it.
//!
//! A noun posts a message; the link publishes it when it can. What horns say
//! (`d/<device>/speaker/…`) comes back here. Both bounded: a full outbox is told to the poster, old
//! words of horns fall out first. While the link is down nothing is taken: an order that waited
//! would be carried out long after it was meant.

use tokio::sync::{Mutex, MutexGuard, broadcast, mpsc, watch};

/// A message to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Kept by the broker for a device that comes later.
    pub retain: bool,
    /// Kept for a device that is away, in its session (QoS 1). What is said again until it is
    /// answered must not be: its copies, and what it took the place of, would all be carried
    /// out when the device returns.
    pub queued: bool,
}

/// A message from a horn cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeakerMessage {
    /// Device.
    pub device: String,
    /// What stands behind `d/<device>/speaker/`.
    pub subtopic: String,
    /// Payload.
    pub payload: Vec<u8>,
}

/// The exchange.
pub struct DeviceLink {
    post: mpsc::Sender<OutgoingMessage>,
    outbox: Mutex<mpsc::Receiver<OutgoingMessage>>,
    speaker_messages: broadcast::Sender<SpeakerMessage>,
    online_since: watch::Sender<Option<u64>>,
    access: watch::Sender<u64>,
}

impl Default for DeviceLink {
    fn default() -> Self {
        let (post, inbox) = mpsc::channel(512);
        Self {
            post,
            outbox: Mutex::new(inbox),
            speaker_messages: broadcast::channel(512).0,
            online_since: watch::Sender::new(None),
            access: watch::Sender::new(0),
        }
    }
}

impl DeviceLink {
    /// Posts a message; false = the link is down or its outbox is full, nothing was posted.
    #[must_use]
    pub fn post(&self, message: OutgoingMessage) -> bool {
        self.online_since().is_some() && self.post.try_send(message).is_ok()
    }

    /// The outbox, for the link as long as it holds it; the lock goes with the link, however it
    /// ends.
    pub async fn outbox(&self) -> MutexGuard<'_, mpsc::Receiver<OutgoingMessage>> {
        self.outbox.lock().await
    }

    /// The link is up since this monotonic ms, or down.
    pub fn set_online(&self, since: Option<u64>) {
        self.online_since.send_replace(since);
    }

    /// Since when the link is up, monotonic ms; none = it is down.
    #[must_use]
    pub fn online_since(&self) -> Option<u64> {
        *self.online_since.borrow()
    }

    /// The accounts as they stood at entry `seq` are in force at the broker, open connections
    /// included.
    pub fn set_access(&self, seq: u64) {
        self.access.send_replace(seq);
    }

    /// Waits until accounts of entry `seq` are in force; false = not within `most`.
    pub async fn wait_for_access(&self, seq: u64, most: std::time::Duration) -> bool {
        let mut access = self.access.subscribe();
        tokio::time::timeout(most, access.wait_for(|known| *known >= seq))
            .await
            .is_ok_and(|known| known.is_ok())
    }

    /// A horn cluster said something.
    pub fn publish_speaker_message(&self, heard: SpeakerMessage) {
        let _ = self.speaker_messages.send(heard);
    }

    /// What horn clusters say from now on.
    #[must_use]
    pub fn speaker_messages(&self) -> broadcast::Receiver<SpeakerMessage> {
        self.speaker_messages.subscribe()
    }
}
