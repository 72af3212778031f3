//! Messages to and from devices, between the MQTT link and the services that publish through it.
//!
//! A service posts a message, and the link publishes it when it can. Messages of speaker clusters
//! (`d/<device>/speaker/…`) are distributed from here. Both are bounded: a full outbox is reported
//! to the caller of `post`, and the oldest speaker messages are dropped first. While the link is
//! down no message is accepted: an order that waited would be carried out long after it was meant.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, broadcast, mpsc};

use crate::live::device_link::DeviceLinkStatus;

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

/// The port of the MQTT link.
pub struct DevicePort {
    link: Arc<DeviceLinkStatus>,
    post: mpsc::Sender<OutgoingMessage>,
    outbox: Mutex<mpsc::Receiver<OutgoingMessage>>,
    speaker_messages: broadcast::Sender<SpeakerMessage>,
}

impl DevicePort {
    /// The port of a link with this state.
    #[must_use]
    pub fn new(link: Arc<DeviceLinkStatus>) -> Self {
        let (post, outbox) = mpsc::channel(512);
        Self {
            link,
            post,
            outbox: Mutex::new(outbox),
            speaker_messages: broadcast::channel(512).0,
        }
    }

    /// The state of the link.
    #[must_use]
    pub fn link(&self) -> &DeviceLinkStatus {
        &self.link
    }

    /// Posts a message; false = the link is down or its outbox is full, nothing was posted.
    #[must_use]
    pub fn post(&self, message: OutgoingMessage) -> bool {
        self.link.online_since().is_some() && self.post.try_send(message).is_ok()
    }

    /// The outbox, for the link as long as it runs; the lock is released with the link, however it
    /// ends.
    pub async fn outbox(&self) -> MutexGuard<'_, mpsc::Receiver<OutgoingMessage>> {
        self.outbox.lock().await
    }

    /// Distributes a message of a speaker cluster.
    pub fn publish_speaker_message(&self, message: SpeakerMessage) {
        let _ = self.speaker_messages.send(message);
    }

    /// The messages of speaker clusters from now on.
    #[must_use]
    pub fn speaker_messages(&self) -> broadcast::Receiver<SpeakerMessage> {
        self.speaker_messages.subscribe()
    }
}
