//! Messages to and from devices, between the MQTT link and the services that publish through it.
//!
//! A service posts a message, and the link publishes it when it can. Messages of speaker clusters
//! (`d/<device>/speaker/…`) are distributed from here. Both are bounded: a full outbox is reported
//! to the caller of `post`, and the oldest speaker messages are dropped first. While the link is
//! down no message is accepted: an order that waited would be carried out long after it was meant.

use tokio::sync::{Mutex, MutexGuard, broadcast, mpsc, watch};

/// A message to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Published with RETAIN, for a device that connects later.
    pub retain: bool,
    /// Queued in the session of a disconnected device (QoS 1). A message that is resent until it
    /// is answered must not be queued: its copies, and the messages that it replaced, would
    /// all be carried out when the device reconnects.
    pub queued: bool,
}

/// A message from a speaker cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeakerMessage {
    /// Device.
    pub device: String,
    /// The rest of the topic after `d/<device>/speaker/`.
    pub subtopic: String,
    /// Payload.
    pub payload: Vec<u8>,
}

/// Exchange of messages between services and the MQTT link.
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

    /// The outbox, for the link as long as it runs; the lock is released with the link, however it
    /// ends.
    pub async fn outbox(&self) -> MutexGuard<'_, mpsc::Receiver<OutgoingMessage>> {
        self.outbox.lock().await
    }

    /// Sets since when the link is up, monotonic ms; none = it is down.
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

    /// Distributes a message of a speaker cluster.
    pub fn publish_speaker_message(&self, heard: SpeakerMessage) {
        let _ = self.speaker_messages.send(heard);
    }

    /// The messages of speaker clusters from now on.
    #[must_use]
    pub fn speaker_messages(&self) -> broadcast::Receiver<SpeakerMessage> {
        self.speaker_messages.subscribe()
    }
}
