//! A connected client: one task that reads, acknowledges and sends until the connection ends.
//!
//! Invariants: no packet is read while the client must pause (backpressure). Keep alive is judged
//! by what the client sent, never by what was sent to it. Acknowledgements go out in the order of
//! the packets they answer, each when its promise holds. A client that does not take its messages
//! is disconnected. A normal DISCONNECT drops the will; every other end publishes it.
//!
//! `inbound` handles the client's packets, `pending_acks` acknowledges them, `outbound` sends what
//! is queued for the client.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep};

use super::connection::{ConnectionEnd, ConnectionParams};
use super::stream;
use crate::broker::core::acl::Identity;
use crate::broker::persistence::DurabilityTicket;
use crate::broker::rate_limit::AccountRate;
use crate::broker::shared::SharedBroker;
use crate::protocol::broker::{RefusalReason, Traffic};
use crate::protocol::mqtt::encode;
use crate::protocol::mqtt::{PacketId, PacketType, ReasonCode, Violation};

/// How long a last packet may take to be written.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Bytes collected before a write.
pub(super) const WRITE_BATCH_BYTES: usize = 64 * 1024;
/// How long a client whose time is over may still be read: its packets of a standstill of this
/// process are in the kernel, and timers are served before sockets.
const UNREAD_GRACE: Duration = Duration::from_millis(200);
/// A day, which stands for no deadline.
const NO_DEADLINE: Duration = Duration::from_secs(86_400);

/// An acknowledgement that may have to wait for storage.
pub(super) struct PendingAck {
    pub(super) ticket: Option<Arc<DurabilityTicket>>,
    pub(super) packet: AckPacket,
}

/// The content of an acknowledgement.
pub(super) enum AckPacket {
    /// PUBACK, PUBREC or PUBCOMP.
    Ack {
        packet_type: PacketType,
        id: PacketId,
        reason: ReasonCode,
    },
    /// SUBACK or UNSUBACK.
    Codes {
        packet_type: PacketType,
        id: PacketId,
        codes: Vec<ReasonCode>,
    },
}

pub(super) struct Client<S> {
    pub io: S,
    pub broker: Arc<SharedBroker>,
    pub params: ConnectionParams,
    pub input: BytesMut,
    pub output: BytesMut,
    pub last_packet_at: Instant,
    pub read_after: Instant,
    /// When the client is disconnected because storage does not take its messages.
    pub disconnect_at: Option<Instant>,
    /// None = the gateway's own client, which has no rate limit.
    pub rate: Option<Arc<Mutex<AccountRate>>>,
    /// Acknowledgements that wait for storage, and those behind them in order.
    pub pending_acks: VecDeque<PendingAck>,
    /// QoS 2 messages of this connection that are not released.
    pub unreleased: BTreeSet<PacketId>,
    pub aliases_in: BTreeMap<u16, Box<str>>,
    pub aliases_out: BTreeMap<Box<str>, u16>,
    pub denied_publishes: u64,
    /// PINGREQs that are not answered yet. Messages that the client's earlier packets caused are
    /// sent before PINGRESP.
    pub pending_pingresps: usize,
    /// A recipient can hardly follow: other tasks run before this client is read again.
    pub backpressure: bool,
    /// A QoS 1 or 2 message of the client was accepted: its recipients' tasks run before it is
    /// acknowledged.
    pub published: bool,
    /// Traffic that is not yet in the broker's sum.
    pub traffic: Traffic,
}

/// Why no further packet is handled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadPause {
    /// There is no complete packet.
    NoPacket,
    /// The client is over its rate limit.
    RateLimited,
    /// Too many acknowledgements wait for storage.
    AcksPending,
    /// A recipient can hardly follow.
    Backpressure,
}

pub(super) enum DisconnectReason {
    Normal,
    NormalWithWill,
    PeerClosed,
    /// The client does not take its messages: nothing more can be sent to it.
    WriteTimeout,
    Error(RefusalReason),
}

impl From<Violation> for DisconnectReason {
    fn from(v: Violation) -> Self {
        Self::Error(v.into())
    }
}

/// Serves a client until its connection ends. `input` holds the bytes that came behind CONNECT.
///
/// It is no `async fn`, because the arguments of one stay in memory beside what is made of them.
pub fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    input: BytesMut,
    broker: Arc<SharedBroker>,
    params: ConnectionParams,
) -> impl Future<Output = ConnectionEnd> {
    let now = Instant::now();
    let limits = &broker.limits;
    let rate = (params.identity != Identity::Gateway).then(|| {
        broker.rates.get_or_create(
            &params.identity,
            limits.messages_per_second,
            limits.bytes_per_second,
            now,
        )
    });
    let mut client = Client {
        io,
        broker,
        params,
        input,
        output: BytesMut::new(),
        last_packet_at: now,
        read_after: now,
        disconnect_at: None,
        rate,
        pending_acks: VecDeque::new(),
        unreleased: BTreeSet::new(),
        aliases_in: BTreeMap::new(),
        aliases_out: BTreeMap::new(),
        denied_publishes: 0,
        pending_pingresps: 0,
        backpressure: false,
        published: false,
        traffic: Traffic::default(),
    };
    encode::connack(
        &mut client.output,
        client.params.version,
        &client.params.connack,
    );
    async move {
        let stop = client.run().await;
        // Boxed: an end is short, and needs more memory than a client that is idle.
        Box::pin(client.close(stop)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn run(&mut self) -> DisconnectReason {
        let keep_alive_timeout = (self.params.keep_alive > 0)
            .then(|| Duration::from_millis(u64::from(self.params.keep_alive) * 1500));
        let wake = self.params.session.wake.clone();
        let timer = tokio::time::sleep_until(
            self.last_packet_at + keep_alive_timeout.unwrap_or(NO_DEADLINE),
        );
        tokio::pin!(timer);
        // The last packet after which the client was read once more.
        let mut overdue_since = None;
        loop {
            if let Some(reason) = self.params.session.signal.reason() {
                return DisconnectReason::Error(reason);
            }
            if self.disconnect_at.is_some_and(|at| at <= Instant::now()) {
                return DisconnectReason::Error(RefusalReason::StorageUnavailable);
            }
            // The input may hold complete packets that a pause held back and whose time has come.
            let paused = match self.process_packets() {
                Ok(paused) => paused,
                Err(stop) => return stop,
            };
            if std::mem::take(&mut self.published) {
                // The recipients' tasks run first: they have the message before its publisher is
                // answered.
                stream::yield_to_woken().await;
            }
            let more = match self.flush().await {
                Ok(more) => more,
                Err(stop) => return stop,
            };
            // Under backpressure the client lets other tasks run before it goes on. If its pending
            // acknowledgements were written meanwhile, it goes on too.
            if more
                || paused == ReadPause::Backpressure
                || paused == ReadPause::AcksPending && !self.has_too_many_pending_acks()
            {
                // The client's packets are read even while there is much to send.
                if paused == ReadPause::NoPacket && self.input.len() < WRITE_BATCH_BYTES {
                    match stream::read(&mut self.io, &mut self.input).now_or_never() {
                        Some(Ok(n)) if n > 0 => self.charge_bytes(n),
                        Some(_) => return self.drain_input().await,
                        None => {}
                    }
                }
                tokio::task::yield_now().await;
                continue;
            }
            free_if_empty(&mut self.input);
            free_if_empty(&mut self.output);
            let rate_limited = paused == ReadPause::RateLimited;
            if rate_limited {
                wait_until(timer.as_mut(), self.read_after);
            }
            if let Some(at) = self.disconnect_at
                && at < timer.deadline()
            {
                wait_until(timer.as_mut(), at);
            }
            let read = tokio::select! {
                biased;
                read = stream::read(&mut self.io, &mut self.input),
                    if paused == ReadPause::NoPacket => read,
                () = wake.notified() => continue,
                () = timer.as_mut() => {
                    let now = Instant::now();
                    if paused != ReadPause::NoPacket {
                        // The broker did not read, so this silence is not the client's.
                        self.last_packet_at = now;
                    }
                    let last = self.last_packet_at;
                    let keep_alive_deadline =
                        keep_alive_timeout.map_or(now + NO_DEADLINE, |p| last + p);
                    if keep_alive_deadline > now {
                        wait_until(timer.as_mut(), keep_alive_deadline);
                    } else if overdue_since.replace(last) == Some(last) {
                        return DisconnectReason::Error(RefusalReason::KeepAliveTimeout);
                    } else {
                        wait_until(timer.as_mut(), now + UNREAD_GRACE);
                    }
                    continue;
                }
            };
            match read {
                Ok(n) if n > 0 => self.charge_bytes(n),
                // Packets that came before the end still count, a normal DISCONNECT above all.
                _ => return self.drain_input().await,
            }
        }
    }

    /// The peer sends no more: handles the packets that are left, at the client's permitted rate.
    async fn drain_input(&mut self) -> DisconnectReason {
        loop {
            if let Some(reason) = self.params.session.signal.reason() {
                return DisconnectReason::Error(reason);
            }
            match self.process_packets() {
                Err(stop) => return stop,
                // A new connection may be waiting to take this session over, so the sleep is short.
                Ok(ReadPause::RateLimited) => {
                    tokio::time::sleep_until(self.read_after.min(Instant::now() + CLOSE_TIMEOUT))
                        .await;
                }
                Ok(ReadPause::Backpressure) => tokio::task::yield_now().await,
                // The peer is not there to read acknowledgements, so none is waited for.
                Ok(ReadPause::AcksPending) => self.pending_acks.clear(),
                Ok(ReadPause::NoPacket) => return DisconnectReason::PeerClosed,
            }
        }
    }

    async fn close(&mut self, stop: DisconnectReason) -> ConnectionEnd {
        let (is_normal, error) = match stop {
            DisconnectReason::Normal => (true, None),
            DisconnectReason::NormalWithWill | DisconnectReason::PeerClosed => (false, None),
            DisconnectReason::WriteTimeout => (false, Some(RefusalReason::WriteTimeout)),
            DisconnectReason::Error(reason) => {
                encode::disconnect(
                    &mut self.output,
                    self.params.version,
                    reason.code(),
                    reason.reason_string(),
                    self.params.max_packet_bytes,
                );
                (false, Some(reason))
            }
        };
        // Acknowledgements that were ready before the end are still sent.
        if !self.output.is_empty() {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
                self.io.write_all(&self.output).await?;
                self.io.flush().await
            })
            .await;
        }
        {
            let mut core = self.broker.lock();
            core.counters.disconnected_with_error += u64::from(error.is_some());
            core.disconnect(&self.params.session, is_normal, Instant::now());
        }
        if let Some(reason) = error.clone() {
            self.broker.record_refusal(
                self.params.identity.audit_key(),
                &self.params.address,
                reason,
            );
        }
        stream::close(&mut self.io, CLOSE_TIMEOUT).await;
        ConnectionEnd {
            client: self.params.identity.name().to_owned(),
            error,
        }
    }
}

/// Frees the memory of an empty buffer. Its capacity would not tell how much that is: of a buffer
/// that was read from, it is only the part behind the last byte.
pub(super) fn free_if_empty(buffer: &mut BytesMut) {
    if buffer.is_empty() {
        *buffer = BytesMut::new();
    }
}

fn wait_until(timer: std::pin::Pin<&mut Sleep>, at: Instant) {
    if timer.deadline() != at || timer.is_elapsed() {
        timer.reset(at);
    }
}
