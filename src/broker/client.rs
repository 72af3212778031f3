//! A connected client: one task that reads, answers and sends until the end.
//!
//! Invariants: nothing is read while the client must pause (back pressure); keep alive is judged by
//! what the client sent, never by what was sent to it; answers go out in the order of what they
//! answer, each when what it promises is so; a client that does not take its messages is cut; a
//! polite DISCONNECT drops the will, everything else says it. `inbound` handles what the client
//! says, `replies` answers it, `outbound` says what is for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep};

use super::access::Identity;
use super::connection::Ended;
use super::guard::Guard;
use super::ledger::Receipt;
use super::limits::Rate;
use super::session::Attached;
use super::stream;
use crate::protocol::broker::Traffic;
use crate::protocol::mqtt::say::{self, Welcome};
use crate::protocol::mqtt::{Version, Violation};
use crate::supervisor::meter::Meter;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);
/// Bytes collected before a write.
pub(super) const BATCH: usize = 64 * 1024;
/// An empty buffer larger than this is given back.
const IDLE: usize = 16 * 1024;
/// A day: no deadline.
const LATER: Duration = Duration::from_secs(86_400);

/// Why a client is cut whose messages the card does not take.
pub(super) const UNKEPT: &str = "the card does not take what must be kept";

/// An answer that may have to wait.
pub(super) struct Answer {
    pub(super) receipt: Option<Arc<Receipt>>,
    pub(super) what: What,
}

/// What is answered.
pub(super) enum What {
    /// PUBACK (4), PUBREC (5) or PUBCOMP (7).
    Ack { kind: u8, id: u16, reason: u8 },
    /// SUBACK (9) or UNSUBACK (11).
    Codes { kind: u8, id: u16, codes: Vec<u8> },
}

/// What CONNECT and CONNACK agreed.
pub struct Agreed {
    pub attached: Attached,
    pub who: Identity,
    pub version: Version,
    pub welcome: Welcome,
    /// Seconds; 0 = none.
    pub keep_alive: u16,
    /// Session expiry that was granted, seconds.
    pub granted_expiry: u32,
    /// Largest packet that the client takes, bytes.
    pub largest: usize,
    /// Topic aliases that the client takes.
    pub aliases: u16,
    /// Where it comes from.
    pub address: String,
    /// What its socket moves.
    pub meter: Arc<Meter>,
}

pub(super) struct Client<S> {
    pub io: S,
    pub guard: Arc<Guard>,
    pub with: Agreed,
    pub owner: Arc<str>,
    pub input: BytesMut,
    pub output: BytesMut,
    pub heard_at: Instant,
    pub read_after: Instant,
    /// When it is cut because the card does not take what it said.
    pub cut_at: Option<Instant>,
    /// None = the house itself, which has no rate.
    pub rate: Option<Arc<Mutex<Rate>>>,
    /// Answers that wait for the card, and those behind them.
    pub answers: VecDeque<Answer>,
    /// QoS 2 messages of this connection that are not released.
    pub unreleased: BTreeSet<u16>,
    pub aliases_in: BTreeMap<u16, Box<str>>,
    pub aliases_out: BTreeMap<Box<str>, u16>,
    pub forbidden: u64,
    /// PINGREQs that are not answered yet: what its own words brought it goes before.
    pub pongs: usize,
    /// Somebody who hears it can hardly follow: others go first.
    pub pressed: bool,
    /// It said something that somebody is to hear.
    pub spoke: bool,
    /// What is not yet in the broker's sum.
    pub traffic: Traffic,
}

/// Why no further packet is handled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// There is no whole one.
    Dry,
    /// It said more than it may.
    Held,
    /// Too many answers wait for the card.
    Full,
    /// Somebody who hears it can hardly follow.
    Pressed,
}

pub(super) enum Stop {
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

/// Serves a client to its end. `input` holds what came behind CONNECT.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    input: BytesMut,
    guard: Arc<Guard>,
    with: Agreed,
) -> Ended {
    let now = Instant::now();
    let limits = &guard.limits;
    let rate = (with.who != Identity::House).then(|| {
        guard.rates.of(
            &with.who,
            limits.messages_per_second,
            limits.bytes_per_second,
            now,
        )
    });
    let mut client = Client {
        io,
        owner: with.who.owner().into(),
        guard,
        with,
        input,
        output: BytesMut::new(),
        heard_at: now,
        read_after: now,
        cut_at: None,
        rate,
        answers: VecDeque::new(),
        unreleased: BTreeSet::new(),
        aliases_in: BTreeMap::new(),
        aliases_out: BTreeMap::new(),
        forbidden: 0,
        pongs: 0,
        pressed: false,
        spoke: false,
        traffic: Traffic::default(),
    };
    say::welcome(
        &mut client.output,
        client.with.version,
        &client.with.welcome,
    );
    let stop = client.run().await;
    client.end(stop).await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn run(&mut self) -> Stop {
        let patience = (self.with.keep_alive > 0)
            .then(|| Duration::from_millis(u64::from(self.with.keep_alive) * 1500));
        let wake = self.with.attached.wake.clone();
        let timer = tokio::time::sleep_until(self.heard_at + patience.unwrap_or(LATER));
        tokio::pin!(timer);
        loop {
            if let Some((code, why)) = self.with.attached.cut.why() {
                return Stop::Cut(code, why);
            }
            if self.cut_at.is_some_and(|at| at <= Instant::now()) {
                return Stop::Cut(0x97, UNKEPT);
            }
            // What was held back may be whole packets whose time has come.
            let paused = match self.frames() {
                Ok(paused) => paused,
                Err(stop) => return stop,
            };
            if std::mem::take(&mut self.spoke) {
                // Who was to hear it hears it before its publisher is answered.
                stream::after_others().await;
            }
            let more = match self.flush().await {
                Ok(more) => more,
                Err(stop) => return stop,
            };
            // Who is pressed lets others go first; whose answers went out meanwhile goes on.
            if more || paused == Pause::Pressed || paused == Pause::Full && !self.is_full() {
                // While there is much to send, what it says is heard all the same.
                if paused == Pause::Dry && self.input.len() < BATCH {
                    match stream::read(&mut self.io, &mut self.input).now_or_never() {
                        Some(Ok(n)) if n > 0 => self.pay_bytes(n),
                        Some(_) => return self.rest().await,
                        None => {}
                    }
                }
                tokio::task::yield_now().await;
                continue;
            }
            self.rest_buffers();
            let held = paused == Pause::Held;
            if held {
                wait_until(timer.as_mut(), self.read_after);
            }
            if let Some(at) = self.cut_at
                && at < timer.deadline()
            {
                wait_until(timer.as_mut(), at);
            }
            let read = tokio::select! {
                biased;
                read = stream::read(&mut self.io, &mut self.input), if paused == Pause::Dry => read,
                () = wake.notified() => continue,
                () = timer.as_mut() => {
                    let now = Instant::now();
                    if paused != Pause::Dry {
                        // While we do not read, its silence is our doing.
                        self.heard_at = now;
                    }
                    let silent_at = patience.map_or(now + LATER, |p| self.heard_at + p);
                    if silent_at <= now {
                        return Stop::Cut(0x8d, "it was silent longer than its keep alive");
                    }
                    wait_until(timer.as_mut(), silent_at);
                    continue;
                }
            };
            match read {
                Ok(n) if n > 0 => self.pay_bytes(n),
                // What came before the end still counts, a polite goodbye above all.
                _ => return self.rest().await,
            }
        }
    }

    /// The peer sends no more: handles what is left, at the pace it may have.
    async fn rest(&mut self) -> Stop {
        loop {
            if let Some((code, why)) = self.with.attached.cut.why() {
                return Stop::Cut(code, why);
            }
            match self.frames() {
                Err(stop) => return stop,
                // Somebody may wait for its place meanwhile.
                Ok(Pause::Held) => {
                    tokio::time::sleep_until(self.read_after.min(Instant::now() + GOODBYE)).await;
                }
                Ok(Pause::Pressed) => tokio::task::yield_now().await,
                // Nobody will read the answers.
                Ok(Pause::Full) => self.answers.clear(),
                Ok(Pause::Dry) => return Stop::Gone,
            }
        }
    }

    fn rest_buffers(&mut self) {
        if self.input.is_empty() && self.input.capacity() > IDLE {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() && self.output.capacity() > IDLE {
            self.output = BytesMut::new();
        }
    }

    async fn end(mut self, stop: Stop) -> Ended {
        let (polite, trouble) = match stop {
            Stop::Polite => (true, None),
            Stop::PoliteWithWill | Stop::Gone => (false, None),
            Stop::Stuck => (false, Some("it does not take its messages")),
            Stop::Cut(code, why) => {
                say::disconnect(
                    &mut self.output,
                    self.with.version,
                    code,
                    why,
                    self.with.largest,
                );
                (false, Some(why))
            }
        };
        // What was answered before the end is still said.
        if !self.output.is_empty() {
            let _ = tokio::time::timeout(GOODBYE, async {
                self.io.write_all(&self.output).await?;
                self.io.flush().await
            })
            .await;
        }
        {
            let mut core = self.guard.lock();
            core.counters.cut += u64::from(trouble.is_some());
            core.detach(&self.with.attached, polite, Instant::now());
        }
        if let Some(why) = trouble {
            self.guard
                .refused(self.with.who.remembered(), &self.with.address, why);
        }
        stream::close(&mut self.io, GOODBYE).await;
        Ended {
            who: self.with.who.name().to_owned(),
            trouble: trouble.map(str::to_owned),
        }
    }
}

fn wait_until(timer: std::pin::Pin<&mut Sleep>, at: Instant) {
    if timer.deadline() != at || timer.is_elapsed() {
        timer.reset(at);
    }
}
