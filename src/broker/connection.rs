//! From an open transport to a client with a session: CONNECT, who it is, what it may have.
//!
//! Invariants: who does not say who it is in time is gone; a refusal carries its code, and its
//! sentence where the version has one, and holds its place no longer than others need it; a place
//! among the strangers is given back once it is known who it is, and a device without an account
//! holds it until it is in.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::access::{HOUSE, Identity};
use super::client::{self, Agreed};
use super::edge::{Admitted, Stranger, within};
use super::guard::Guard;
use super::session::{Opening, Peer};
use super::stream;
use crate::protocol::broker::STRANGER;
use crate::protocol::mqtt::Version;
use crate::protocol::mqtt::connect::{self, Connect, Refusal};
use crate::protocol::mqtt::frame;
use crate::protocol::mqtt::say::{self, Welcome};
use crate::protocol::mqtt::topic::fits;
use crate::supervisor::meter::Meter;

/// Largest CONNECT, bytes: strangers get no more.
const CONNECT_MAX: usize = 128 * 1024;
/// Longest keep alive of a device without an account, seconds.
const STRANGER_ALIVE_S: u16 = 60;
/// Longest wait of one who comes in more often than it may speak.
const ENTRY_MAX: Duration = Duration::from_secs(2);
/// How long a refusal may take to be written.
const WRITE_MAX: Duration = Duration::from_secs(2);

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

impl Ended {
    /// Somebody who did not get as far as a name; the reason is remembered under the address.
    pub fn nobody(guard: &Guard, address: &str, trouble: &str) -> Self {
        guard.refused("", address, trouble);
        Self {
            who: String::new(),
            trouble: Some(trouble.to_owned()),
        }
    }
}

/// Refuses; for as long as its place is not needed.
async fn say_no<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    stranger: Option<&Stranger>,
    version: Version,
    (code, why): (u8, &str),
    largest: usize,
) {
    let mut out = BytesMut::new();
    say::refuse(&mut out, version, code, why, largest);
    let said = within(stranger, Instant::now() + WRITE_MAX, async {
        io.write_all(&out).await?;
        io.flush().await
    });
    if said.await.is_ok() {
        let _ = within(
            stranger,
            Instant::now() + WRITE_MAX,
            stream::close(io, WRITE_MAX),
        )
        .await;
    }
}

/// One whose transport is ready.
pub struct Arrival {
    pub entrance: Entrance,
    /// By when it must have said who it is.
    pub until: Instant,
    pub peer: Peer,
    /// Its place among the strangers, until it is known who it is; none = the house.
    pub stranger: Option<Stranger>,
    /// What its socket moves.
    pub meter: Arc<Meter>,
}

/// Serves one connection whose transport is ready.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    guard: Arc<Guard>,
    arrival: Arrival,
) -> Ended {
    // Coming in takes more room than being there; that room is given back.
    match Box::pin(enter(io, guard.clone(), arrival)).await {
        Ok((io, input, agreed, _place)) => client::serve(io, input, guard, agreed).await,
        Err(ended) => ended,
    }
}

/// From the first byte to a session and a place, or to the end. With it comes what was read behind
/// CONNECT.
async fn enter<S: AsyncRead + AsyncWrite + Unpin>(
    mut io: S,
    guard: Arc<Guard>,
    arrival: Arrival,
) -> Result<(S, BytesMut, Agreed, Option<Admitted>), Ended> {
    let Arrival {
        entrance,
        until,
        peer,
        mut stranger,
        meter,
    } = arrival;
    let mut input = BytesMut::new();
    let address = peer.address.clone();
    let first = match within(stranger.as_ref(), until, first_packet(&mut io, &mut input)).await {
        Err(why) | Ok(Err(why)) => return Err(Ended::nobody(&guard, &address, why)),
        Ok(Ok(first)) => first,
    };
    // The byte behind the protocol's name, for an answer in its own tongue.
    let v5 = first.get(6) == Some(&5);
    let connect = match connect::read(first.clone()) {
        Ok(connect) => connect,
        Err(Refusal::Level) => {
            let ended = Ended::nobody(
                &guard,
                &address,
                "it speaks an MQTT version that is not served",
            );
            say_no(
                &mut io,
                stranger.as_ref(),
                Version::V311,
                (0x84, ""),
                usize::MAX,
            )
            .await;
            return Err(ended);
        }
        Err(Refusal::Will(v) | Refusal::Violation(v)) => {
            let ended = Ended::nobody(&guard, &address, v.what);
            if v5 {
                say_no(
                    &mut io,
                    stranger.as_ref(),
                    Version::V5,
                    (v.code, v.what),
                    connect::largest(first),
                )
                .await;
            }
            return Err(ended);
        }
    };
    let claimed: String = connect
        .username
        .as_deref()
        .unwrap_or(&connect.client_id)
        .chars()
        .take(64)
        .collect();
    let version = connect.version;
    let largest = connect
        .properties
        .maximum_packet_size
        .map_or(usize::MAX, |n| n as usize);
    let opened = match identify(&connect, &entrance, &guard) {
        Err(refusal) => Err(refusal),
        // Its name is one that anybody may invent: until it is in, it keeps its place among those
        // who said nothing.
        Ok(who @ Identity::Stranger(_)) => match within(
            stranger.as_ref(),
            Instant::now() + ENTRY_MAX + WRITE_MAX,
            open(connect, who, &guard, peer, meter),
        )
        .await
        {
            Ok(opened) => opened.map(|agreed| (agreed, None)),
            Err(why) => Err((0x97, why)),
        },
        Ok(who) => match stranger.take().map(Stranger::admit).transpose() {
            Ok(place) => open(connect, who, &guard, peer, meter)
                .await
                .map(|agreed| (agreed, place)),
            Err(refusal) => Err(refusal),
        },
    };
    match opened {
        Ok((agreed, place)) => Ok((io, input, agreed, place)),
        Err((code, why)) => {
            guard.lock().counters.refused += 1;
            // Names that nobody has are remembered under their address: they must not push out what
            // others asked about.
            guard.refused(
                if guard.knows(&claimed) { &claimed } else { "" },
                &address,
                why,
            );
            say_no(&mut io, stranger.as_ref(), version, (code, why), largest).await;
            Err(Ended {
                who: claimed,
                trouble: Some(why.to_owned()),
            })
        }
    }
}

async fn first_packet<S: AsyncRead + Unpin>(
    io: &mut S,
    input: &mut BytesMut,
) -> Result<bytes::Bytes, &'static str> {
    loop {
        if input.first().is_some_and(|b| *b != 0x10) {
            return Err("it does not speak MQTT");
        }
        match frame::take(input, CONNECT_MAX) {
            Ok(Some(frame)) => return Ok(frame.body),
            Ok(None) => {}
            Err(v) => return Err(v.what),
        }
        match stream::read(io, input).await {
            Ok(n) if n > 0 => {}
            _ => return Err("it left before it said who it is"),
        }
    }
}

fn identify(
    connect: &Connect,
    entrance: &Entrance,
    guard: &Guard,
) -> Result<Identity, (u8, &'static str)> {
    if connect.properties.wants_authentication {
        return Err((0x8c, "enhanced authentication is not offered"));
    }
    let wrong = (0x86, "wrong user name or password");
    if connect.client_id.len() > guard.limits.client_id_bytes
        || connect.client_id.chars().any(char::is_control)
    {
        return Err((
            0x85,
            "the client id is longer than allowed or holds control characters",
        ));
    }
    if connect.client_id.is_empty() && !connect.clean && connect.version != Version::V5 {
        return Err((0x85, "a session that is kept needs a client id"));
    }
    if connect.client_id.is_empty() && connect.version == Version::V31 {
        return Err((0x85, "MQTT 3.1 needs a client id"));
    }
    match entrance {
        Entrance::House(secret) => {
            let good = connect.username.as_deref() == Some(HOUSE)
                && connect.password.as_deref() == Some(secret.as_bytes());
            if good {
                Ok(Identity::House)
            } else {
                Err(wrong)
            }
        }
        Entrance::Certificate(name) => guard
            .by_certificate(name)
            .ok_or((0x87, "the certificate's name has no account")),
        Entrance::Password => match (&connect.username, &connect.password) {
            (Some(name), Some(password)) => guard
                .login(name, password)
                .or_else(|| guard.stranger(name))
                .ok_or(wrong),
            (Some(name), None) => guard
                .stranger(name)
                .ok_or((0x86, "a user name and a password are needed")),
            (None, _) => guard
                .stranger(&connect.client_id)
                .ok_or((0x86, "a user name and a password are needed")),
        },
    }
}

async fn open(
    connect: Connect,
    who: Identity,
    guard: &Arc<Guard>,
    peer: Peer,
    meter: Arc<Meter>,
) -> Result<Agreed, (u8, &'static str)> {
    let limits = &guard.limits;
    let stranger = matches!(who, Identity::Stranger(_));
    let credential = {
        let core = guard.lock();
        // A stranger's will is dropped: it need not fit.
        if let Some(will) = connect.will.as_ref().filter(|_| !stranger) {
            if !fits(&will.topic, limits.topic_bytes, limits.topic_levels) {
                return Err((0x90, "the will's topic is longer or deeper than allowed"));
            }
            if will.payload.len() + will.topic.len() > limits.packet {
                return Err((0x95, "the packet is larger than allowed"));
            }
            if core.ledger.owes_too_much(who.owner()) {
                return Err((
                    0x97,
                    "the card has so much of this account to write that it must wait",
                ));
            }
            if !core.table.may_publish(&who, &will.topic) {
                return Err((0x87, "its will is about a topic that it may not publish to"));
            }
        }
        core.table.credential(&who).unwrap_or_default()
    };
    let v5 = connect.version == Version::V5;
    let asked = match (v5, connect.clean) {
        (false, true) => 0,
        (false, false) => u32::MAX,
        (true, _) => connect.properties.session_expiry.unwrap_or(0),
    };
    let keep_s = if stranger {
        0
    } else {
        asked.min(limits.session_s)
    };
    let keep_alive = match (limits.keep_alive_s, connect.keep_alive) {
        (_, wished) if stranger => {
            if wished == 0 {
                STRANGER_ALIVE_S
            } else {
                wished.min(STRANGER_ALIVE_S)
            }
        }
        (0, wished) => wished,
        (most, wished) if v5 && (wished == 0 || wished > most) => most,
        (_, wished) => wished,
    };
    let assigned = connect
        .client_id
        .is_empty()
        .then(|| format!("auto-{:016x}", crate::supervisor::backoff::jitter()));
    let client_id = assigned
        .clone()
        .unwrap_or_else(|| connect.client_id.clone());
    let window =
        usize::from(connect.properties.receive_maximum.unwrap_or(u16::MAX)).min(limits.inflight);
    let mut welcome = Welcome {
        session_present: false,
        assigned_id: assigned,
        maximum_packet_size: u32::try_from(limits.packet).unwrap_or(u32::MAX),
        server_keep_alive: (v5 && keep_alive != connect.keep_alive).then_some(keep_alive),
        session_expiry: (v5 && keep_s != asked).then_some(keep_s),
        receive_maximum: limits.receive_maximum,
        topic_alias_maximum: limits.aliases,
    };
    let largest = connect
        .properties
        .maximum_packet_size
        .map_or(usize::MAX, |n| n as usize);
    // Nothing has begun yet: who cannot be greeted does not take its own session over.
    let mut greeting = BytesMut::new();
    say::welcome(&mut greeting, connect.version, &welcome);
    if greeting.len() > largest {
        return Err((0x95, "it takes no packet as large as the answer to CONNECT"));
    }
    let version = match connect.version {
        Version::V31 => "3.1",
        Version::V311 => "3.1.1",
        Version::V5 => "5",
    };
    let address = peer.address.clone();
    // Coming in is said like any message: who comes again and again waits for its turn.
    if who != Identity::House {
        let now = Instant::now();
        let rate = guard.rates.of(
            &who,
            limits.messages_per_second,
            limits.bytes_per_second,
            now,
        );
        let pause = {
            let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
            let will = connect
                .will
                .as_ref()
                .map_or(0, |w| w.payload.len() + w.topic.len());
            rate.messages
                .take(1.0, now)
                .max(rate.bytes.take(will as f64, now))
        };
        // A sleep of nothing lasts a millisecond all the same.
        if !pause.is_zero() {
            tokio::time::sleep(pause.min(ENTRY_MAX)).await;
        }
    }
    let opening = Opening {
        who: who.clone(),
        client_id,
        clean: connect.clean || stranger,
        keep_for: Duration::from_secs(u64::from(keep_s)),
        window,
        credential,
        will: connect.will.filter(|_| !stranger),
        peer: Peer { version, ..peer },
    };
    let attached = guard.attach(opening).await?;
    if stranger {
        guard.refused(who.name(), &address, STRANGER);
    }
    // In 3.1 the bit is reserved.
    welcome.session_present = attached.present && connect.version != Version::V31;
    Ok(Agreed {
        attached,
        who,
        version: connect.version,
        welcome,
        keep_alive,
        granted_expiry: keep_s,
        largest,
        meter,
        address,
        aliases: connect
            .properties
            .topic_alias_maximum
            .unwrap_or(0)
            .min(limits.aliases),
    })
}
