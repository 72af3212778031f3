//! The live state that is not history: latest values, camera streams, messages to and from devices,
//! the status of the commune link. Bounded and in memory only. Services (`devices`, `cameras`,
//! `speakers`, `sync`, `app`) fill it; the pages and listeners read it. After a restart it is
//! empty, and that is right.

pub mod broker;
pub mod device_link;
pub mod faults;
pub mod latest;
pub mod pictures;
pub mod rejected_discovery;
pub mod speech;
pub mod uplink;

use std::sync::Arc;

/// All live state; clones share it.
#[derive(Clone, Default)]
pub struct Live {
    /// Latest value per entity.
    pub latest: latest::Latest,
    /// Streams and stills of the cameras.
    pub pictures: pictures::LiveCameras,
    /// The broker's counters and its answers to queries.
    pub broker: broker::SharedBrokerClient,
    /// Messages to and from devices.
    pub device_link: Arc<device_link::DeviceLink>,
    /// Discovery messages that could not be used.
    pub rejected_discovery: Arc<rejected_discovery::RejectedDiscoveries>,
    /// Sentences to be read aloud.
    pub speech: Arc<speech::SpeechClient>,
    /// Status of the link to the commune.
    pub uplink: uplink::UplinkStatus,
}
