//! The one seam to rumqttd: its Router, as a library, fans out QoS 0 wildcard subscriptions.
//!
//! What it needs to be safe (docs/decisions/0003-broker.md): every topic and filter goes in under `t/`, so no
//! topic begins with a non-ASCII character and none with `$`; links are named by recycled slot numbers;
//! nothing retained, no wills, no sessions, QoS 0 only; an `Unschedule` is answered; a link is ended with
//! DISCONNECT. Links are bounded; beyond the bound the guard's own matcher delivers. A dead router thread is
//! seen as an error here and ends the worker: the parent starts it again.

use std::sync::{Mutex, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::protocol::{Disconnect, DisconnectReasonCode, Packet, Publish};
use rumqttd::{Notification, Router, RouterConfig};

use super::session::Message;

/// Most wildcard listeners that get a link; a link costs some 50 kB.
const LINKS: usize = 64;
/// Most distinct filters ever: the router never forgets one.
const FILTERS: usize = 256;

type Connect = Box<dyn Fn(&str) -> Result<(LinkTx, LinkRx), String> + Send + Sync>;

/// The router.
pub struct Fanout {
    connect: Connect,
    publisher: Mutex<Option<LinkTx>>,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    free: Vec<usize>,
    used: usize,
    filters: std::collections::BTreeSet<String>,
}

/// One listener's link.
pub struct Link {
    pub tx: LinkTx,
    pub rx: LinkRx,
    slot: usize,
}

impl Fanout {
    pub fn new() -> Self {
        let config = RouterConfig {
            max_connections: LINKS + 2,
            max_outgoing_packet_count: 100,
            max_segment_size: 32 * 1024,
            max_segment_count: 2,
            custom_segment: None,
            initialized_filters: None,
            shared_subscriptions_strategy: rumqttd::Strategy::default(),
        };
        let router = Router::new(0, config).spawn();
        let connect = Box::new(move |id: &str| LinkBuilder::new(id, router.clone()).clean_session(true).build().map(|(tx, rx, _)| (tx, rx)).map_err(|e| e.to_string().chars().take(200).collect()));
        Self { connect, publisher: Mutex::new(None), slots: Mutex::default() }
    }

    /// A link for one more wildcard listener; none = the guard's own matcher is to deliver.
    pub fn link(&self, filter: &str) -> Option<Link> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            if !slots.filters.contains(filter) && slots.filters.len() >= FILTERS {
                return None;
            }
            let slot = match slots.free.pop() {
                Some(slot) => slot,
                None if slots.used < LINKS => {
                    slots.used += 1;
                    slots.used
                }
                None => return None,
            };
            slots.filters.insert(filter.to_owned());
            slot
        };
        match (self.connect)(&format!("l{slot}")).and_then(|(tx, rx)| listen(tx, rx, filter)) {
            Ok((tx, rx)) => Some(Link { tx, rx, slot }),
            Err(why) => {
                tracing::error!(why, "the router gave no link");
                self.slots.lock().unwrap_or_else(PoisonError::into_inner).free.push(slot);
                None
            }
        }
    }

    /// Ends a link; its slot may be used again.
    pub fn end(&self, link: &mut Link) {
        use futures_util::FutureExt as _;
        let bye = Packet::Disconnect(Disconnect { reason_code: DisconnectReasonCode::NormalDisconnection }, None);
        let _ = link.tx.send(bye).now_or_never();
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).free.push(link.slot);
    }

    /// True while somebody listens through the router.
    pub fn is_used(&self) -> bool {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.used > slots.free.len()
    }

    /// Gives a message to the router. False = the router is dead.
    pub fn publish(&self, message: &Message) -> bool {
        use futures_util::FutureExt as _;
        let mut publisher = self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        if publisher.is_none() {
            match (self.connect)("p") {
                // The publisher's own notifications are never read: it subscribes to nothing.
                Ok((tx, _)) => *publisher = Some(tx),
                Err(why) => {
                    tracing::error!(why, "the router is gone");
                    return false;
                }
            }
        }
        let Some(tx) = publisher.as_mut() else { return false };
        // Envelope: the properties ride in front of the payload, which the router does not look at.
        let mut payload = BytesMut::with_capacity(message.payload.len() + message.forward.len() + 4);
        payload.put_u32(u32::try_from(message.forward.len()).unwrap_or(0));
        payload.extend_from_slice(&message.forward);
        payload.extend_from_slice(&message.payload);
        let publish = Publish::new(Bytes::from(format!("t/{}", message.topic)), payload.freeze(), false);
        !matches!(tx.send(Packet::Publish(publish, None)).now_or_never(), Some(Err(_)))
    }
}

/// Subscribes and waits for the router's word: what is published after this is heard.
fn listen(mut tx: LinkTx, mut rx: LinkRx, filter: &str) -> Result<(LinkTx, LinkRx), String> {
    tx.subscribe(format!("t/{filter}")).map_err(|e| e.to_string().chars().take(200).collect::<String>())?;
    for _ in 0..100 {
        match rx.recv() {
            Ok(Some(Notification::DeviceAck(_))) => return Ok((tx, rx)),
            Ok(_) => {}
            Err(error) => return Err(error.to_string().chars().take(200).collect()),
        }
    }
    Err("the router did not answer a subscription".into())
}

/// The next message on a link, without the envelope; none = the link or the router ended.
pub async fn next(rx: &mut LinkRx) -> Option<(String, Bytes, Bytes)> {
    loop {
        match rx.next().await {
            Ok(Some(Notification::Forward(forward))) => {
                let topic = String::from_utf8(forward.publish.topic.slice(2..).to_vec()).ok()?;
                let mut payload = forward.publish.payload;
                let head = payload.split_to(4.min(payload.len()));
                let len = u32::from_be_bytes(head.as_ref().try_into().ok()?) as usize;
                let properties = payload.split_to(len.min(payload.len()));
                return Some((topic, properties, payload));
            }
            Ok(Some(Notification::Unschedule)) => rx.wake().await.ok()?,
            Ok(Some(Notification::Disconnect(..))) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
