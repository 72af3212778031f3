//! WHAT IS NOW: latest values, camera pictures, messages to and from devices, the commune link.
//! Bounded, in memory; filled by the nouns, read by the doors. After a restart it is empty and that
//! is right.

pub mod broker;
pub mod device_link;
pub mod faults;
pub mod latest;
pub mod pictures;
pub mod rejected_discovery;
pub mod speech;
pub mod uplink;

use std::sync::Arc;

/// Everything that is only now; clones are the same.
#[derive(Clone, Default)]
pub struct Live {
    /// Latest value per entity.
    pub latest: latest::Latest,
    /// What cameras show.
    pub pictures: pictures::LiveCameras,
    /// What the broker counts and answers.
    pub broker: broker::SharedBrokerClient,
    /// Messages to and from devices.
    pub device_link: Arc<device_link::DeviceLink>,
    /// Announcements that could not be used.
    pub rejected_discovery: Arc<rejected_discovery::RejectedDiscoveries>,
    /// Sentences to be read aloud.
    pub speech: Arc<speech::SpeechClient>,
    /// How the link to the commune is.
    pub uplink: uplink::UplinkStatus,
}
