//! One client's connection, from CONNECT to its end, in one task.
//!
//! Invariants: nothing is read while the client must pause (back pressure); keep alive is judged by what the
//! client sent, never by what was sent to it; a client that does not take its messages is cut; a polite
//! DISCONNECT drops the will, everything else publishes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::access::{HOUSE, Identity};
use super::guard::{Attached, Guard, Published};
use super::limits::Rate;
use super::session::Message;
use crate::protocol::mqtt::connect::{self, Connect, Refusal, Will};
use crate::protocol::mqtt::frame;
use crate::protocol::mqtt::packet::{self, Packet, Publish};
use crate::protocol::mqtt::say::{self, Delivery, Welcome};
use crate::protocol::mqtt::{Version, Violation};

/// Largest CONNECT, bytes: strangers get no more.
const CONNECT_MAX: usize = 16 * 1024;
/// How long a write may take.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// A client that must pause longer than this floods; it is cut.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Bytes collected before a write.
const BATCH: usize = 64 * 1024;

/// How a door lets people in.
#[derive(Debug, Clone)]
pub enum Entrance {
    /// Name and password of the access table.
    Password,
    /// A verified client certificate with this name.
    Certificate(String),
    /// The house's own socket: the reserved name and this secret.
    House(Arc<str>),
}

/// Why a connection ended, for facts and logs.
#[derive(Debug)]
pub struct Ended {
    /// Who it was, as far as it said.
    pub who: String,
    /// What the device did wrong; none = nothing.
    pub trouble: Option<String>,
}

struct Client<'a, S> {
    io: S,
    guard: &'a Arc<Guard>,
    who: Identity,
    version: Version,
    attached: Attached,
    input: BytesMut,
    output: BytesMut,
    heard_at: Instant,
    read_after: Instant,
    rate: Arc<Mutex<Rate>>,
    received_qos2: std::collections::BTreeSet<u16>,
    largest: usize,
    forbidden: u64,
}

enum Stop {
    Polite,
    PoliteWithWill,
    Gone,
    /// It does not take its messages: nothing more can be said to it.
    Stuck,
    Cut(u8, &'static str),
}

impl From<Violation> for Stop {
    fn from(v: Violation) -> Self {
        Self::Cut(v.code, v.what)
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

/// Serves one connection whose transport is ready. `until` bounds the wait for CONNECT; `stranger` is given
/// back once it is known who it is.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut io: S, entrance: Entrance, guard: Arc<Guard>, until: Instant, stranger: impl Send) -> Ended {
    let mut input = BytesMut::new();
    let nobody = |trouble: &str| Ended { who: String::new(), trouble: Some(trouble.to_owned()) };
    let first = match tokio::time::timeout_at(until, first_packet(&mut io, &mut input)).await {
        Err(_) => return nobody("it did not say who it is in time"),
        Ok(Err(trouble)) => return nobody(trouble),
        Ok(Ok(first)) => first,
    };
    let connect = match connect::read(first) {
        Ok(connect) => connect,
        Err(Refusal::Level) => {
            let mut out = BytesMut::new();
            say::refuse(&mut out, Version::V311, 0x84, "");
            let _ = tokio::time::timeout(WRITE_MAX, io.write_all(&out)).await;
            return nobody("it speaks an MQTT version that is not served");
        }
        Err(Refusal::Violation(v)) => return nobody(v.what),
    };
    let claimed: String = connect.username.as_deref().unwrap_or(&connect.client_id).chars().take(64).collect();
    let who = match identify(&connect, &entrance, &guard) {
        Ok(who) => who,
        Err((code, why)) => {
            guard.refused();
            let mut out = BytesMut::new();
            say::refuse(&mut out, connect.version, code, why);
            let _ = tokio::time::timeout(WRITE_MAX, io.write_all(&out)).await;
            let _ = tokio::time::timeout(Duration::from_secs(1), io.shutdown()).await;
            return Ended { who: claimed, trouble: Some(why.to_owned()) };
        }
    };
    let credential = guard.credential(&who);
    drop(stranger);
    let name = who.name().to_owned();
    let assigned = connect.client_id.is_empty().then(|| format!("auto-{:016x}", crate::supervisor::backoff::jitter()));
    let client_id = assigned.clone().unwrap_or_else(|| connect.client_id.clone());
    let asked = match connect.version {
        Version::V311 if connect.clean => 0,
        Version::V311 => u32::MAX,
        Version::V5 => connect.properties.session_expiry.unwrap_or(0),
    };
    let window = usize::from(connect.properties.receive_maximum.unwrap_or(32)).min(32);
    let attached = match guard.attach(&who, &client_id, connect.clean, Duration::from_secs(u64::from(asked)), window, &credential).await {
        Ok(attached) => attached,
        Err(why) => {
            let mut out = BytesMut::new();
            say::refuse(&mut out, connect.version, 0x97, why);
            let _ = tokio::time::timeout(WRITE_MAX, io.write_all(&out)).await;
            return Ended { who: name, trouble: Some(why.to_owned()) };
        }
    };
    let mut output = BytesMut::new();
    let welcome = Welcome {
        session_present: attached.present,
        assigned_id: assigned,
        maximum_packet_size: u32::try_from(guard.limits.packet).unwrap_or(u32::MAX),
        server_keep_alive: None,
        session_expiry: None,
        receive_maximum: 64,
    };
    say::welcome(&mut output, connect.version, &welcome);
    let now = Instant::now();
    let free = who == Identity::House;
    let rate = |n: u32| if free { u32::MAX } else { n };
    let mut client = Client {
        io,
        guard: &guard,
        version: connect.version,
        attached,
        input,
        output,
        heard_at: now,
        read_after: now,
        rate: guard.rates.of(&who, rate(guard.limits.messages_per_second), rate(guard.limits.bytes_per_second), now),
        received_qos2: std::collections::BTreeSet::new(),
        largest: connect.properties.maximum_packet_size.map_or(usize::MAX, |n| n as usize),
        forbidden: 0,
        who,
    };
    let stop = client.run(connect.keep_alive).await;
    client.end(stop, connect.will).await
}

async fn first_packet<S: AsyncRead + Unpin>(io: &mut S, input: &mut BytesMut) -> Result<bytes::Bytes, &'static str> {
    loop {
        if input.first().is_some_and(|b| *b != 0x10) {
            return Err("it does not speak MQTT");
        }
        match frame::take(input, CONNECT_MAX) {
            Ok(Some(frame)) => return Ok(frame.body),
            Ok(None) => {}
            Err(v) => return Err(v.what),
        }
        match io.read_buf(input).await {
            Ok(n) if n > 0 => {}
            _ => return Err("it left before it said who it is"),
        }
    }
}

fn identify(connect: &Connect, entrance: &Entrance, guard: &Guard) -> Result<Identity, (u8, &'static str)> {
    if connect.properties.wants_authentication {
        return Err((0x8c, "enhanced authentication is not offered"));
    }
    let wrong = (0x86, "wrong user name or password");
    let sound = connect.client_id.len() <= 128 && !connect.client_id.chars().any(char::is_control);
    if !sound || connect.client_id.is_empty() && !connect.clean && connect.version == Version::V311 {
        return Err((0x85, "the client id cannot be used"));
    }
    match entrance {
        Entrance::House(secret) => {
            let good = connect.username.as_deref() == Some(HOUSE) && connect.password.as_deref() == Some(secret.as_bytes());
            if good { Ok(Identity::House) } else { Err(wrong) }
        }
        Entrance::Certificate(name) => guard.by_certificate(name).ok_or((0x87, "the certificate's name has no account")),
        Entrance::Password => {
            let (Some(name), Some(password)) = (&connect.username, &connect.password) else { return Err((0x86, "a user name and a password are needed")) };
            guard.login(name, password).ok_or(wrong)
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<'_, S> {
    async fn run(&mut self, keep_alive: u16) -> Stop {
        let resent = self.guard.queue(&self.attached, |q| q.again()).unwrap_or_default();
        for (id, item) in resent {
            self.deliver(id, &item, true);
        }
        let patience = (keep_alive > 0).then(|| Duration::from_millis(u64::from(keep_alive) * 1500));
        let wake = self.attached.wake.clone();
        let cut = self.attached.cut.clone();
        loop {
            // What was held back may be whole packets whose time has come.
            if let Err(stop) = self.frames() {
                return stop;
            }
            let more = match self.flush().await {
                Ok(more) => more,
                Err(stop) => return stop,
            };
            let now = Instant::now();
            let held = self.read_after > now;
            if held {
                // While we do not read, its silence is our doing.
                self.heard_at = self.heard_at.max(self.read_after);
            }
            let silent_at = patience.map_or_else(|| now + Duration::from_secs(86_400), |p| self.heard_at + p);
            self.input.reserve(4096);
            tokio::select! {
                biased;
                () = cut.cancelled() => return Stop::Cut(0x8e, "the session was taken over or the account changed"),
                read = self.io.read_buf(&mut self.input), if !held => match read {
                    Ok(n) if n > 0 => {
                        let pause = self.rate().bytes.take(n as f64, Instant::now());
                        self.read_after = self.read_after.max(Instant::now() + pause);
                    }
                    // What came before the end still counts, a polite goodbye above all.
                    _ => return self.rest().await,
                },
                () = std::future::ready(()), if more => {}
                () = tokio::time::sleep_until(self.read_after), if held => {}
                () = wake.notified() => {}
                () = tokio::time::sleep_until(silent_at), if !held => return Stop::Cut(0x8d, "it was silent longer than its keep alive"),
            }
        }
    }

    /// The peer sends no more: handles what is left, at the pace it may have.
    async fn rest(&mut self) -> Stop {
        loop {
            let before = self.input.len();
            if let Err(stop) = self.frames() {
                return stop;
            }
            if self.read_after > Instant::now() {
                tokio::time::sleep_until(self.read_after).await;
            } else if self.input.len() == before {
                return Stop::Gone;
            }
        }
    }

    /// Handles the whole packets in the input.
    fn frames(&mut self) -> Result<(), Stop> {
        while Instant::now() >= self.read_after {
            let Some(frame) = frame::take(&mut self.input, self.guard.limits.packet)? else { break };
            let packet = packet::read(self.version, frame)?;
            self.heard_at = Instant::now();
            if !matches!(packet, Packet::Publish(_)) {
                let cost = if let Packet::Subscribe(s) = &packet { s.asks.len() } else { 1 };
                let pause = self.rate().messages.take(cost as f64, self.heard_at);
                self.read_after = self.read_after.max(self.heard_at + pause);
            }
            self.handle(packet)?;
        }
        Ok(())
    }

    fn handle(&mut self, packet: Packet) -> Result<(), Stop> {
        match packet {
            Packet::Publish(publish) => self.publish(publish)?,
            Packet::PubAck(id) => drop(self.guard.queue(&self.attached, |q| q.acknowledge(id))),
            Packet::PubRel(id) => {
                let known = self.received_qos2.remove(&id);
                say::ack(&mut self.output, self.version, 7, id, if known { 0 } else { 0x92 });
            }
            // QoS 2 is never delivered, so these answer nothing of ours.
            Packet::PubRec(_) | Packet::PubComp(_) => {}
            Packet::Subscribe(subscribe) => {
                let codes = self.guard.subscribe(&self.who, &self.attached, &subscribe.asks, subscribe.identifier);
                let codes: Vec<u8> = if self.version == Version::V311 { codes.into_iter().map(|c| if c > 2 { 0x80 } else { c }).collect() } else { codes };
                say::suback(&mut self.output, self.version, 9, subscribe.id, &codes);
            }
            Packet::Unsubscribe { id, filters } => {
                let codes = self.guard.unsubscribe(&self.attached, &filters);
                say::suback(&mut self.output, self.version, 11, id, &codes);
            }
            Packet::Ping => say::pong(&mut self.output),
            Packet::Disconnect { reason, session_expiry } => {
                if let Some(seconds) = session_expiry {
                    self.guard.keep_for(&self.attached, seconds);
                }
                return Err(if reason == 0 { Stop::Polite } else { Stop::PoliteWithWill });
            }
        }
        Ok(())
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&mut self, p: Publish) -> Result<(), Stop> {
        let now = Instant::now();
        let pause = self.rate().messages.take(1.0, now);
        if pause > PAUSE_MAX {
            return Err(Stop::Cut(0x96, "it says more than it may"));
        }
        self.read_after = self.read_after.max(now + pause);
        if p.qos == 2 && self.version == Version::V5 {
            return Err(Stop::Cut(0x9b, "QoS 2 was not offered"));
        }
        if p.qos == 2 && self.received_qos2.contains(&p.id) {
            say::ack(&mut self.output, self.version, 5, p.id, 0);
            return Ok(());
        }
        let expires = p.properties.message_expiry.map(|s| now + Duration::from_secs(u64::from(s)));
        let message = Message { topic: p.topic.as_str().into(), payload: bytes::Bytes::copy_from_slice(&p.payload), qos: p.qos.min(1), retain: p.retain, forward: p.properties.forward, expires };
        let outcome = self.guard.publish(&self.who, Some(self.attached.slot), message);
        let reason = match outcome {
            Published::Taken => 0,
            Published::Unheard => 0x10,
            Published::Forbidden => 0x87,
            Published::NotKept => 0x97,
        };
        if outcome == Published::Forbidden {
            self.forbidden += 1;
            if self.forbidden == 1 {
                tracing::warn!(who = self.who.name(), topic = p.topic, "a publish outside of its permission was dropped; further ones are only counted");
            }
        }
        match p.qos {
            1 => say::ack(&mut self.output, self.version, 4, p.id, reason),
            2 => {
                if self.received_qos2.len() >= 64 {
                    return Err(Stop::Cut(0x93, "it leaves too many messages unreleased"));
                }
                self.received_qos2.insert(p.id);
                say::ack(&mut self.output, self.version, 5, p.id, 0);
            }
            _ => {}
        }
        Ok(())
    }

    fn deliver(&mut self, id: u16, item: &super::session::Queued, dup: bool) {
        let m = &item.message;
        let expiry = m.expires.map(|e| u32::try_from(e.saturating_duration_since(Instant::now()).as_secs()).unwrap_or(u32::MAX));
        let before = self.output.len();
        let delivery =
            Delivery { topic: &m.topic, payload: &m.payload, qos: item.qos, id, dup: dup && item.qos > 0, retain: item.retain, forward: &m.forward, expiry, subscription_id: item.identifier };
        say::publish(&mut self.output, self.version, &delivery);
        if self.output.len() - before > self.largest {
            // Larger than the client takes: as if it had been delivered [MQTT-3.1.2-25].
            self.output.truncate(before);
            self.guard.queue(&self.attached, |q| q.acknowledge(id));
        }
    }

    /// Writes one batch of answers and of what is queued. True = there is more.
    async fn flush(&mut self) -> Result<bool, Stop> {
        let mut more = true;
        while self.output.len() < BATCH {
            let Some((id, item)) = self.guard.queue(&self.attached, |q| q.next(Instant::now())).flatten() else {
                more = false;
                break;
            };
            self.deliver(id, &item, false);
        }
        let cut = self.attached.cut.clone();
        while !self.output.is_empty() {
            // The deadline is for progress: a slow link is not a dead one.
            tokio::select! {
                done = tokio::time::timeout(WRITE_MAX, self.io.write_buf(&mut self.output)) => match done {
                    Ok(Ok(n)) if n > 0 => {}
                    Ok(_) => return Err(Stop::Gone),
                    Err(_) => {
                        self.output.clear();
                        return Err(Stop::Stuck);
                    }
                },
                () = cut.cancelled() => {
                    self.output.clear();
                    return Err(Stop::Gone);
                }
            }
        }
        match tokio::time::timeout(WRITE_MAX, self.io.flush()).await {
            Ok(Ok(())) => Ok(more),
            Ok(Err(_)) => Err(Stop::Gone),
            Err(_) => Err(Stop::Stuck),
        }
    }

    async fn end(mut self, stop: Stop, will: Option<Will>) -> Ended {
        let (will, trouble) = match stop {
            Stop::Polite => (None, None),
            Stop::PoliteWithWill | Stop::Gone => (will, None),
            Stop::Stuck => (will, Some("it does not take its messages".to_owned())),
            Stop::Cut(code, why) => {
                say::disconnect(&mut self.output, self.version, code, why);
                let _ = tokio::time::timeout(Duration::from_millis(500), self.io.write_all(&self.output)).await;
                (will, Some(why.to_owned()))
            }
        };
        self.guard.detach(&self.attached, &self.who, will);
        let _ = tokio::time::timeout(Duration::from_millis(500), self.io.shutdown()).await;
        Ended { who: self.who.name().to_owned(), trouble }
    }
}
