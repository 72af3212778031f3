//! WHAT IS NOW: latest values, camera pictures, messages to and from devices, the commune link.
//! Bounded, in memory; filled by the nouns, read by the doors. After a restart it is empty and that
//! is right.

pub mod broker;
pub mod faults;
pub mod latest;
pub mod pictures;
pub mod south;
pub mod turned_down;
pub mod uplink;
pub mod voice;

use std::sync::Arc;

/// Everything that is only now; clones are the same.
#[derive(Clone, Default)]
pub struct Live {
    /// Latest value per entity.
    pub latest: latest::Latest,
    /// What cameras show.
    pub pictures: pictures::Pictures,
    /// What the broker counts and answers.
    pub broker: broker::Broker,
    /// Messages to and from devices.
    pub south: Arc<south::South>,
    /// Announcements that could not be used.
    pub turned_down: Arc<turned_down::Announcements>,
    /// Sentences to be read aloud.
    pub voice: Arc<voice::Voice>,
    /// How the link to the commune is.
    pub uplink: uplink::Uplink,
}
