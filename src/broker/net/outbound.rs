//! Sending to a client: acknowledgements first, then batches of its queue, as fast as its socket
//! takes them.
//!
//! Invariants: no packet larger than the client takes is sent. A client that takes nothing for
//! [`WRITE_TIMEOUT`] is disconnected, whatever is queued for it meanwhile.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::client::{Client, DisconnectReason, WRITE_BATCH_BYTES};
use crate::broker::core::message::QueuedMessage;
use crate::broker::core::queue::Outgoing;
use crate::protocol::mqtt::encode::{self, OutgoingPublish};
use crate::protocol::mqtt::{PacketId, PacketType, ReasonCode};

/// How long a client may take nothing of what is sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Writes a part of the output; 0 = there was none left, and everything is flushed.
async fn write_some<S: AsyncWrite + Unpin>(io: &mut S, output: &mut BytesMut) -> io::Result<usize> {
    if output.is_empty() {
        return io.flush().await.map(|()| 0);
    }
    // Not `write_buf`: it prepares 64 slices for what is one.
    let written = io.write(output).await?;
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    output.advance(written);
    Ok(written)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The alias for a topic, and whether the topic must be sent with it.
    fn topic_alias(&mut self, topic: &str) -> Option<(u16, bool)> {
        if self.params.topic_alias_maximum == 0 {
            return None;
        }
        if let Some(alias) = self.aliases_out.get(topic) {
            return Some((*alias, false));
        }
        let next = u16::try_from(self.aliases_out.len() + 1)
            .ok()
            .filter(|n| *n <= self.params.topic_alias_maximum)?;
        self.aliases_out.insert(topic.into(), next);
        Some((next, true))
    }

    /// Encodes a delivery; false = it is larger than the client takes.
    fn encode_publish(
        &mut self,
        id: Option<PacketId>,
        item: &QueuedMessage,
        resent: bool,
        now: Instant,
    ) -> bool {
        let m = &item.message;
        let expiry = m.expires_at.map(|e| {
            u32::try_from(e.saturating_duration_since(now).as_secs())
                .unwrap_or(u32::MAX)
                .max(1)
        });
        let before = self.output.len();
        let alias = self.topic_alias(&m.topic);
        let delivery = OutgoingPublish {
            topic: &m.topic,
            payload: &m.payload,
            qos: item.qos,
            packet_id: id,
            dup: resent && item.qos.is_acknowledged(),
            retain: item.retain,
            forwarded_properties: &m.forwarded_properties,
            message_expiry_s: expiry,
            subscription_ids: &item.subscription_ids,
            alias,
        };
        encode::publish(&mut self.output, self.params.version, &delivery);
        if self.output.len() - before > self.params.max_packet_bytes {
            self.output.truncate(before);
            if let Some((_, true)) = alias {
                self.aliases_out.remove(&m.topic);
            }
            return false;
        }
        self.traffic.packets_out += 1;
        true
    }

    /// Encodes a batch of what is queued. True = there is more.
    fn fill_output(&mut self) -> bool {
        let broker = self.broker.clone();
        let mut core = broker.lock();
        let slot = self.params.session.slot;
        let now = Instant::now();
        core.counters.traffic.add(std::mem::take(&mut self.traffic));
        while self.output.len() < WRITE_BATCH_BYTES {
            match core.next_outgoing(slot, now) {
                None => return false,
                Some(Outgoing::PubRel(id)) => {
                    encode::ack(
                        &mut self.output,
                        self.params.version,
                        PacketType::PubRel,
                        id,
                        ReasonCode::SUCCESS,
                    );
                }
                Some(Outgoing::Publish {
                    id,
                    item,
                    dup: again,
                }) => {
                    // A message larger than the client takes counts as delivered [MQTT-3.1.2-25].
                    if !self.encode_publish(id, &item, again, now) {
                        core.counters.oversized += 1;
                        if let Some(id) = id {
                            core.reject_delivery(slot, id);
                        }
                    }
                }
            }
        }
        true
    }

    /// Writes the acknowledgements whose promise holds, and one batch of what is queued. True =
    /// there is more.
    pub(super) async fn flush(&mut self) -> Result<bool, DisconnectReason> {
        self.flush_acks()?;
        // SUBACK goes before the messages of its subscription.
        let mut more = !self.has_pending_suback() && self.fill_output();
        for _ in 0..std::mem::take(&mut self.pending_pingresps) {
            encode::pingresp(&mut self.output);
        }
        self.traffic.bytes_out += self.output.len() as u64;
        more |= self.write_out().await?;
        Ok(more)
    }

    /// Writes the output. True = the task was woken meanwhile.
    async fn write_out(&mut self) -> Result<bool, DisconnectReason> {
        // The socket nearly always takes everything at once: only waiting for it needs a timer.
        loop {
            match write_some(&mut self.io, &mut self.output).now_or_never() {
                Some(Ok(0)) => return Ok(false),
                Some(Ok(_)) => {}
                Some(Err(_)) => return Err(DisconnectReason::PeerClosed),
                None => return Box::pin(self.write_slowly()).await,
            }
        }
    }

    /// Writes the output, as long as the socket takes some of it every [`WRITE_TIMEOUT`]. A slow
    /// link is not a dead one, but a message that is queued meanwhile is no progress. The result is
    /// that of [`Client::write_out`].
    async fn write_slowly(&mut self) -> Result<bool, DisconnectReason> {
        let (wake, meter) = (self.params.session.wake.clone(), self.params.meter.clone());
        let mut woken = false;
        let write_timer = tokio::time::sleep(WRITE_TIMEOUT);
        tokio::pin!(write_timer);
        loop {
            tokio::select! {
                biased;
                done = write_some(&mut self.io, &mut self.output) => match done {
                    Ok(0) => return Ok(woken),
                    Ok(_) => {}
                    Err(_) => return Err(DisconnectReason::PeerClosed),
                },
                () = wake.notified() => {
                    woken = true;
                    if let Some(reason) = self.params.session.signal.reason() {
                        self.output.clear();
                        return Err(DisconnectReason::Error(reason));
                    }
                }
                () = write_timer.as_mut() => {
                    let progress = meter.last_write_at() + WRITE_TIMEOUT;
                    if progress <= Instant::now() {
                        self.output.clear();
                        return Err(DisconnectReason::WriteTimeout);
                    }
                    write_timer.as_mut().reset(progress);
                }
            }
        }
    }
}
