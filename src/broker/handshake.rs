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

use super::acl::{GATEWAY_ACCOUNT, Identity};
use super::client::{self, ConnectionParams};
use super::edge::{ConnectionPermit, HalfOpenPermit, with_deadline};
use super::session::{ConnectRequest, ConnectionInfo};
use super::shared::SharedBroker;
use super::stream;
use crate::protocol::broker::QUARANTINE_REASON;
use crate::protocol::mqtt::Version;
use crate::protocol::mqtt::connect::{self, Connect, ConnectError};
use crate::protocol::mqtt::encode::{self, ConnAck};
use crate::protocol::mqtt::frame;
use crate::protocol::mqtt::topic::is_within_bounds;
use crate::supervisor::meter::Meter;

/// Largest CONNECT, bytes: strangers get no more.
const CONNECT_BYTES_MAX: usize = 128 * 1024;
/// Longest keep alive of a device without an account, seconds.
const UNPROVISIONED_KEEP_ALIVE_MAX_S: u16 = 60;
/// Longest wait of one who comes in more often than it may speak.
const CONNECT_THROTTLE_MAX: Duration = Duration::from_secs(2);
/// How long a refusal may take to be written.
const REJECT_WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// How a door lets people in.
#[derive(Debug, Clone)]
pub enum AuthMethod {
    /// Name and password of the access table.
    Password,
    /// A verified client certificate with this name.
    Certificate(String),
    /// The house's own socket: the reserved name and this secret.
    GatewaySocket(Arc<str>),
}

/// Why a connection ended, for facts and logs.
#[derive(Debug)]
pub struct ConnectionEnd {
    /// Who it was, as far as it said.
    pub client: String,
    /// What the device did wrong; none = nothing.
    pub error: Option<String>,
}

impl ConnectionEnd {
    /// Somebody who did not get as far as a name; the reason is remembered under the address.
    pub fn unidentified(broker: &SharedBroker, address: &str, trouble: &str) -> Self {
        broker.record_refusal("", address, trouble);
        Self {
            client: String::new(),
            error: Some(trouble.to_owned()),
        }
    }
}

/// Refuses; for as long as its place is not needed.
async fn reject<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    half_open: Option<&HalfOpenPermit>,
    version: Version,
    (code, why): (u8, &str),
    largest: usize,
) {
    let mut out = BytesMut::new();
    encode::connack_error(&mut out, version, code, why, largest);
    let said = with_deadline(half_open, Instant::now() + REJECT_WRITE_TIMEOUT, async {
        io.write_all(&out).await?;
        io.flush().await
    });
    if said.await.is_ok() {
        let _ = with_deadline(
            half_open,
            Instant::now() + REJECT_WRITE_TIMEOUT,
            stream::close(io, REJECT_WRITE_TIMEOUT),
        )
        .await;
    }
}

/// One whose transport is ready.
pub struct AcceptedTransport {
    pub auth_method: AuthMethod,
    /// By when it must have said who it is.
    pub deadline: Instant,
    pub peer: ConnectionInfo,
    /// Its place among the strangers, until it is known who it is; none = the house.
    pub half_open: Option<HalfOpenPermit>,
    /// What its socket moves.
    pub meter: Arc<Meter>,
}

/// Serves one connection whose transport is ready.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    broker: Arc<SharedBroker>,
    transport: AcceptedTransport,
) -> ConnectionEnd {
    // Coming in takes more room than being there; that room is given back.
    match Box::pin(complete_handshake(io, broker.clone(), transport)).await {
        Ok((io, input, agreed, _place)) => client::serve(io, input, broker, agreed).await,
        Err(ended) => ended,
    }
}

/// From the first byte to a session and a place, or to the end. With it comes what was read behind
/// CONNECT.
async fn complete_handshake<S: AsyncRead + AsyncWrite + Unpin>(
    mut io: S,
    broker: Arc<SharedBroker>,
    transport: AcceptedTransport,
) -> Result<(S, BytesMut, ConnectionParams, Option<ConnectionPermit>), ConnectionEnd> {
    let AcceptedTransport {
        auth_method,
        deadline,
        peer,
        mut half_open,
        meter,
    } = transport;
    let mut input = BytesMut::new();
    let address = peer.address.clone();
    let first = match with_deadline(
        half_open.as_ref(),
        deadline,
        first_packet(&mut io, &mut input),
    )
    .await
    {
        Err(why) | Ok(Err(why)) => return Err(ConnectionEnd::unidentified(&broker, &address, why)),
        Ok(Ok(first)) => first,
    };
    // The byte behind the protocol's name, for an answer in its own tongue.
    let v5 = first.get(6) == Some(&5);
    let connect = match connect::read(first.clone()) {
        Ok(connect) => connect,
        Err(ConnectError::UnsupportedVersion) => {
            let ended = ConnectionEnd::unidentified(
                &broker,
                &address,
                "it speaks an MQTT version that is not served",
            );
            reject(
                &mut io,
                half_open.as_ref(),
                Version::V311,
                (0x84, ""),
                usize::MAX,
            )
            .await;
            return Err(ended);
        }
        Err(ConnectError::InvalidWill(v) | ConnectError::Violation(v)) => {
            let ended = ConnectionEnd::unidentified(&broker, &address, v.what);
            if v5 {
                reject(
                    &mut io,
                    half_open.as_ref(),
                    Version::V5,
                    (v.code, v.what),
                    connect::peer_packet_limit(first),
                )
                .await;
            }
            return Err(ended);
        }
    };
    let claimed_name: String = connect
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
    let opened = match authenticate(&connect, &auth_method, &broker) {
        Err(refusal) => Err(refusal),
        // Its name is one that anybody may invent: until it is in, it keeps its place among those
        // who said nothing.
        Ok(who @ Identity::Unprovisioned(_)) => match with_deadline(
            half_open.as_ref(),
            Instant::now() + CONNECT_THROTTLE_MAX + REJECT_WRITE_TIMEOUT,
            establish_session(connect, who, &broker, peer, meter),
        )
        .await
        {
            Ok(opened) => opened.map(|agreed| (agreed, None)),
            Err(why) => Err((0x97, why)),
        },
        Ok(who) => match half_open.take().map(HalfOpenPermit::admit).transpose() {
            Ok(place) => establish_session(connect, who, &broker, peer, meter)
                .await
                .map(|agreed| (agreed, place)),
            Err(refusal) => Err(refusal),
        },
    };
    match opened {
        Ok((agreed, place)) => Ok((io, input, agreed, place)),
        Err((code, why)) => {
            broker.lock().counters.rejected_connects += 1;
            // Names that nobody has are remembered under their address: they must not push out what
            // others asked about.
            broker.record_refusal(
                if broker.has_account(&claimed_name) {
                    &claimed_name
                } else {
                    ""
                },
                &address,
                why,
            );
            reject(&mut io, half_open.as_ref(), version, (code, why), largest).await;
            Err(ConnectionEnd {
                client: claimed_name,
                error: Some(why.to_owned()),
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
        match frame::split_packet(input, CONNECT_BYTES_MAX) {
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

fn authenticate(
    connect: &Connect,
    auth_method: &AuthMethod,
    broker: &SharedBroker,
) -> Result<Identity, (u8, &'static str)> {
    if connect.properties.wants_authentication {
        return Err((0x8c, "enhanced authentication is not offered"));
    }
    let bad_credentials = (0x86, "wrong user name or password");
    if connect.client_id.len() > broker.limits.client_id_bytes
        || connect.client_id.chars().any(char::is_control)
    {
        return Err((
            0x85,
            "the client id is longer than allowed or holds control characters",
        ));
    }
    if connect.client_id.is_empty() && !connect.clean_start && connect.version != Version::V5 {
        return Err((0x85, "a session that is kept needs a client id"));
    }
    if connect.client_id.is_empty() && connect.version == Version::V31 {
        return Err((0x85, "MQTT 3.1 needs a client id"));
    }
    match auth_method {
        AuthMethod::GatewaySocket(secret) => {
            let good = connect.username.as_deref() == Some(GATEWAY_ACCOUNT)
                && connect.password.as_deref() == Some(secret.as_bytes());
            if good {
                Ok(Identity::Gateway)
            } else {
                Err(bad_credentials)
            }
        }
        AuthMethod::Certificate(name) => broker
            .by_certificate(name)
            .ok_or((0x87, "the certificate's name has no account")),
        AuthMethod::Password => match (&connect.username, &connect.password) {
            (Some(name), Some(password)) => broker
                .login(name, password)
                .or_else(|| broker.unprovisioned(name))
                .ok_or(bad_credentials),
            (Some(name), None) => broker
                .unprovisioned(name)
                .ok_or((0x86, "a user name and a password are needed")),
            (None, _) => broker
                .unprovisioned(&connect.client_id)
                .ok_or((0x86, "a user name and a password are needed")),
        },
    }
}

async fn establish_session(
    connect: Connect,
    identity: Identity,
    broker: &Arc<SharedBroker>,
    peer: ConnectionInfo,
    meter: Arc<Meter>,
) -> Result<ConnectionParams, (u8, &'static str)> {
    let limits = &broker.limits;
    let is_unprovisioned = matches!(identity, Identity::Unprovisioned(_));
    let credential = {
        let core = broker.lock();
        // A stranger's will is dropped: it need not fit.
        if let Some(will) = connect.will.as_ref().filter(|_| !is_unprovisioned) {
            if !is_within_bounds(&will.topic, limits.topic_bytes, limits.topic_levels) {
                return Err((0x90, "the will's topic is longer or deeper than allowed"));
            }
            if will.payload.len() + will.topic.len() > limits.packet {
                return Err((0x95, "the packet is larger than allowed"));
            }
            if core.persistence.over_hard_limit(identity.quota_owner()) {
                return Err((
                    0x97,
                    "the card has so much of this account to write that it must wait",
                ));
            }
            if !core.access.may_publish(&identity, &will.topic) {
                return Err((0x87, "its will is about a topic that it may not publish to"));
            }
        }
        core.access.credential(&identity).unwrap_or_default()
    };
    let v5 = connect.version == Version::V5;
    let requested_expiry_s = match (v5, connect.clean_start) {
        (false, true) => 0,
        (false, false) => u32::MAX,
        (true, _) => connect.properties.session_expiry.unwrap_or(0),
    };
    let session_expiry_s = if is_unprovisioned {
        0
    } else {
        requested_expiry_s.min(limits.session_s)
    };
    let keep_alive = match (limits.keep_alive_s, connect.keep_alive) {
        (_, wished) if is_unprovisioned => {
            if wished == 0 {
                UNPROVISIONED_KEEP_ALIVE_MAX_S
            } else {
                wished.min(UNPROVISIONED_KEEP_ALIVE_MAX_S)
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
    let mut welcome = ConnAck {
        session_present: false,
        assigned_client_id: assigned,
        maximum_packet_size: u32::try_from(limits.packet).unwrap_or(u32::MAX),
        server_keep_alive: (v5 && keep_alive != connect.keep_alive).then_some(keep_alive),
        session_expiry: (v5 && session_expiry_s != requested_expiry_s).then_some(session_expiry_s),
        receive_maximum: limits.receive_maximum,
        topic_alias_maximum: limits.aliases,
    };
    let largest = connect
        .properties
        .maximum_packet_size
        .map_or(usize::MAX, |n| n as usize);
    // Nothing has begun yet: who cannot be greeted does not take its own session over.
    let mut connack_bytes = BytesMut::new();
    encode::connack(&mut connack_bytes, connect.version, &welcome);
    if connack_bytes.len() > largest {
        return Err((0x95, "it takes no packet as large as the answer to CONNECT"));
    }
    let version = match connect.version {
        Version::V31 => "3.1",
        Version::V311 => "3.1.1",
        Version::V5 => "5",
    };
    let address = peer.address.clone();
    // Coming in is said like any message: who comes again and again waits for its turn.
    if identity != Identity::Gateway {
        let now = Instant::now();
        let rate = broker.rates.get_or_create(
            &identity,
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
            tokio::time::sleep(pause.min(CONNECT_THROTTLE_MAX)).await;
        }
    }
    let request = ConnectRequest {
        identity: identity.clone(),
        client_id,
        clean_start: connect.clean_start || is_unprovisioned,
        expiry_interval: Duration::from_secs(u64::from(session_expiry_s)),
        receive_maximum: window,
        credential,
        will: connect.will.filter(|_| !is_unprovisioned),
        peer: ConnectionInfo { version, ..peer },
    };
    let attached = broker.connect(request).await?;
    if is_unprovisioned {
        broker.record_refusal(identity.name(), &address, QUARANTINE_REASON);
    }
    // In 3.1 the bit is reserved.
    welcome.session_present = attached.session_present && connect.version != Version::V31;
    Ok(ConnectionParams {
        session: attached,
        identity,
        version: connect.version,
        connack: welcome,
        keep_alive,
        granted_expiry: session_expiry_s,
        max_packet_bytes: largest,
        meter,
        address,
        topic_alias_maximum: connect
            .properties
            .topic_alias_maximum
            .unwrap_or(0)
            .min(limits.aliases),
    })
}
