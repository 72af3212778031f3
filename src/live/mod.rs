//! The live state that is not history: latest values, camera streams, what the broker reports, the
//! status of the links. Values only; who wants something done asks through `ports`. Bounded and in
//! memory only. Services (`devices`, `cameras`, `sync`, `app`) fill it; the pages and listeners
//! read it. After a restart it is empty, and that is right.

pub mod broker;
pub mod dead_links;
pub mod device_link;
pub mod directory;
pub mod faults;
pub mod guests;
pub mod latest;
pub mod names;
pub mod pictures;
pub mod rejected_discovery;
pub mod uplink;

use std::sync::Arc;

/// All live state; clones share it.
#[derive(Clone, Default)]
pub struct Live {
    /// Latest value per entity.
    pub latest: latest::Latest,
    /// Streams and stills of the cameras.
    pub pictures: pictures::LiveCameras,
    /// The broker's counters and its last refusals.
    pub broker: Arc<broker::BrokerStatus>,
    /// Status of the link to the gateway's own broker.
    pub device_link: Arc<device_link::DeviceLinkStatus>,
    /// Discovery messages that could not be used.
    pub rejected_discovery: Arc<rejected_discovery::RejectedDiscoveries>,
    /// Links that lead out of the village and do not open.
    pub dead_links: dead_links::DeadLinks,
    /// The free wifi.
    pub guests: guests::GuestsStatus,
    /// The forwarder of names.
    pub names: names::NamesStatus,
    /// Status of the link to the commune.
    pub uplink: uplink::UplinkStatus,
    /// The village's map.
    pub directory: directory::DirectoryStatus,
}
