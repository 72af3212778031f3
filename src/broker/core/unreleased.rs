//! A QoS 2 message that a client sent, between its acceptance and the end of its release.

use std::sync::Arc;

use crate::broker::persistence::DurabilityTicket;

/// How durable the record is that the client's QoS 2 message was accepted and is not released yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboundQos2State {
    /// In memory: it ends with the worker.
    Memory,
    /// On disk soon; PUBREC does not wait for it.
    Batched,
    /// On disk before PUBREC is sent. The release is on disk before PUBCOMP is sent.
    Durable,
    /// PUBREL was received; the record of it is on its way to the disk.
    Released,
    /// Restored at a start. If this packet identifier arrives without DUP, it names a new message,
    /// and the release of the earlier one was lost.
    Restored,
}

/// A QoS 2 message that was accepted from the client, and the ticket that its PUBREC (once it is
/// released, its PUBCOMP) waits for.
#[derive(Debug, Clone)]
pub struct InboundQos2 {
    pub state: InboundQos2State,
    pub ticket: Option<Arc<DurabilityTicket>>,
}
