//! The one seam to rumqttd: its Router, as a library, fans out QoS 0 wildcard subscriptions.
//!
//! What makes it safe (docs/decisions/0003-broker.md): the guard's matcher finds which linked filters a topic
//! matches, and the message goes in once per such filter under the exact topic `f/<n>`, the real topic in an
//! envelope. So the router sees few, short, ASCII topics, always with a listener; it never meets what a
//! device invented. Links are named by recycled slots; QoS 0, no retained, no wills, no sessions; an
//! `Unschedule` is answered; a link is ended with DISCONNECT. A number per filter in the envelope makes what
//! the router overwrote countable. Links are bounded; beyond the bound the guard delivers itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures_util::FutureExt as _;
use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::protocol::{Disconnect, DisconnectReasonCode, Packet, Publish};
use rumqttd::{Notification, Router, RouterConfig};

use super::session::Message;

/// Most wildcard listeners that get a link; a link costs some 50 kB.
const LINKS: usize = 64;
/// Most filters at once; their topics `f/<n>` are used again.
const FILTERS: usize = 64;
/// How long the router may take to answer a subscription.
const ANSWER_MAX: Duration = Duration::from_secs(2);

type Connect = Box<dyn Fn(&str) -> Result<(LinkTx, LinkRx), String> + Send + Sync>;

/// The router.
pub struct Fanout {
    connect: Connect,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    publisher: Option<LinkTx>,
    free: Vec<usize>,
    used: usize,
    /// Filter → its number, its listeners, messages so far.
    filters: BTreeMap<String, (usize, usize, u64)>,
}

/// One listener's link.
pub struct Link {
    tx: LinkTx,
    rx: LinkRx,
    slot: usize,
    filter: String,
    next: Option<u64>,
}

fn short(error: impl std::fmt::Display) -> String {
    error.to_string().chars().take(200).collect()
}

impl Fanout {
    pub fn new() -> Self {
        let config = RouterConfig {
            max_connections: LINKS + 2,
            max_outgoing_packet_count: 100,
            max_segment_size: 256 * 1024,
            max_segment_count: 2,
            custom_segment: None,
            initialized_filters: None,
            shared_subscriptions_strategy: rumqttd::Strategy::default(),
        };
        let router = Router::new(0, config).spawn();
        let connect = Box::new(move |id: &str| LinkBuilder::new(id, router.clone()).clean_session(true).build().map(|(tx, rx, _)| (tx, rx)).map_err(short));
        Self { connect, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link for one more listener of `filter`, and whether the filter is new to the router (then the guard
    /// adds it to its matcher as `number`). None = the guard delivers itself. Blocks for one router turn.
    pub fn link(&self, filter: &str) -> Option<(Link, usize)> {
        let mut inner = self.lock();
        if !inner.filters.contains_key(filter) && inner.filters.len() >= FILTERS {
            return None;
        }
        let slot = match inner.free.pop() {
            Some(slot) => slot,
            None if inner.used < LINKS => {
                inner.used += 1;
                inner.used
            }
            None => return None,
        };
        let number = match inner.filters.get(filter) {
            Some((number, ..)) => *number,
            None => (0..FILTERS).find(|n| !inner.filters.values().any(|(m, ..)| m == n)).unwrap_or(0),
        };
        match (self.connect)(&format!("l{slot}")).and_then(|(tx, rx)| listen(tx, rx, number)) {
            Ok((tx, rx)) => {
                inner.filters.entry(filter.to_owned()).or_insert((number, 0, 0)).1 += 1;
                Some((Link { tx, rx, slot, filter: filter.to_owned(), next: None }, number))
            }
            Err(why) => {
                tracing::error!(why, "the router gave no link");
                inner.free.push(slot);
                None
            }
        }
    }

    /// Ends a link; its slot may be used again. Gives the filter when nobody listens to it any more.
    pub fn end(&self, mut link: Link) -> Option<String> {
        let bye = Packet::Disconnect(Disconnect { reason_code: DisconnectReasonCode::NormalDisconnection }, None);
        let _ = link.tx.send(bye).now_or_never();
        let mut inner = self.lock();
        inner.free.push(link.slot);
        let listeners = inner.filters.get_mut(&link.filter)?;
        listeners.1 -= 1;
        if listeners.1 > 0 {
            return None;
        }
        inner.filters.remove(&link.filter);
        Some(link.filter)
    }

    /// Gives a message to the listeners of filter `number`. False = the router is dead.
    pub fn publish(&self, number: usize, message: &Message) -> bool {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some((_, _, count)) = inner.filters.values_mut().find(|(n, ..)| *n == number) else { return true };
        *count += 1;
        if inner.publisher.is_none() {
            match (self.connect)("p") {
                Ok((tx, _)) => inner.publisher = Some(tx),
                Err(why) => {
                    tracing::error!(why, "the router is gone");
                    return false;
                }
            }
        }
        let Some(tx) = inner.publisher.as_mut() else { return false };
        let mut envelope = BytesMut::with_capacity(message.payload.len() + message.forward.len() + message.topic.len() + 16);
        envelope.put_u64(*count);
        envelope.put_u32(u32::try_from(message.topic.len()).unwrap_or(0));
        envelope.extend_from_slice(message.topic.as_bytes());
        envelope.put_u32(u32::try_from(message.forward.len()).unwrap_or(0));
        envelope.extend_from_slice(&message.forward);
        envelope.extend_from_slice(&message.payload);
        let publish = Publish::new(Bytes::from(format!("f/{number}")), envelope.freeze(), false);
        !matches!(tx.send(Packet::Publish(publish, None)).now_or_never(), Some(Err(_)))
    }
}

/// Subscribes and waits for the router's word: what is published after this is heard.
fn listen(mut tx: LinkTx, mut rx: LinkRx, number: usize) -> Result<(LinkTx, LinkRx), String> {
    tx.subscribe(format!("f/{number}")).map_err(short)?;
    #[expect(clippy::disallowed_methods, reason = "a deadline of the crate's own blocking call")]
    let until = Instant::now() + ANSWER_MAX;
    for _ in 0..100 {
        match rx.recv_deadline(until) {
            Ok(Some(Notification::DeviceAck(_))) => return Ok((tx, rx)),
            Ok(_) => {}
            Err(error) => return Err(short(error)),
        }
    }
    Err("the router did not answer a subscription".into())
}

/// A message from a link.
pub struct Routed {
    pub topic: String,
    pub forward: Bytes,
    pub payload: Bytes,
    /// Messages before this one that the router overwrote.
    pub lost: u64,
}

impl Link {
    /// The next message; none = the link or the router ended.
    pub async fn next(&mut self) -> Option<Routed> {
        loop {
            match self.rx.next().await {
                Ok(Some(Notification::Forward(forward))) => {
                    let mut rest = forward.publish.payload;
                    let number = take(&mut rest, 8)?.get_u64();
                    let len = take(&mut rest, 4)?.get_u32() as usize;
                    let topic = String::from_utf8(take(&mut rest, len)?.to_vec()).ok()?;
                    let len = take(&mut rest, 4)?.get_u32() as usize;
                    let forward = take(&mut rest, len)?;
                    let lost = self.next.map_or(0, |expected| number.saturating_sub(expected));
                    self.next = Some(number + 1);
                    return Some(Routed { topic, forward, payload: rest, lost });
                }
                Ok(Some(Notification::Unschedule)) => self.rx.wake().await.ok()?,
                Ok(Some(Notification::Disconnect(..))) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

fn take(bytes: &mut Bytes, len: usize) -> Option<Bytes> {
    (bytes.len() >= len).then(|| bytes.split_to(len))
}
