//! Ports: bounded channels over which one part of the gateway asks another for something and may
//! get an answer. Pages ask the broker's worker and the speech synthesis; services post messages to
//! devices.
//!
//! A port has two ends. Any number of callers ask, and one service at a time serves. A full port
//! refuses, and nobody waits longer than its deadline. Values that are only looked at are in
//! `live`.

pub mod broker;
pub mod devices;
pub mod guests;
pub mod listening;
pub mod speech;

use std::sync::Arc;

use crate::live::Live;

/// All ports; clones share them.
#[derive(Clone)]
pub struct Ports {
    /// Queries to the broker.
    pub broker: Arc<broker::BrokerPort>,
    /// Messages to and from devices.
    pub devices: Arc<devices::DevicePort>,
    /// The guests' devices.
    pub guests: Arc<guests::GuestPort>,
    /// Texts as sound, for phones.
    pub listening: Arc<listening::ListeningPort>,
    /// Sentences to be read aloud.
    pub speech: Arc<speech::SpeechPort>,
}

impl Ports {
    /// The ports of a gateway with these current values.
    #[must_use]
    pub fn new(live: &Live) -> Self {
        Self {
            broker: Arc::default(),
            devices: Arc::new(devices::DevicePort::new(live.device_link.clone())),
            guests: Arc::default(),
            listening: Arc::default(),
            speech: Arc::default(),
        }
    }
}
