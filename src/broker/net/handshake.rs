//! From an open transport to a client with a session: CONNECT, authentication, the agreed
//! parameters.
//!
//! Invariants: a client that does not complete CONNECT in time is disconnected. A refusal carries
//! its reason code, and its sentence where the protocol version has one; while it is written, the
//! client keeps its half-open permit only as long as no other client needs it. The permit is given
//! back once the client is authenticated; an unprovisioned device keeps it until it has a session.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::client;
use super::connection::{ConnectionEnd, ConnectionParams};
use super::permits::{ConnectionPermit, HalfOpenPermit, with_deadline};
use super::stream;
use crate::broker::core::acl::{GATEWAY_ACCOUNT, Identity};
use crate::broker::core::session::{ConnectRequest, ConnectionInfo};
use crate::broker::core::state::BrokerState;
use crate::broker::shared::SharedBroker;
use crate::protocol::broker::{Limits, RefusalReason};
use crate::protocol::mqtt::connect::{self, Connect, ConnectError, Will};
use crate::protocol::mqtt::encode::{self, ConnAck};
use crate::protocol::mqtt::frame;
use crate::protocol::mqtt::topic::is_within_bounds;
use crate::protocol::mqtt::{PacketType, Version, Violation};
use crate::supervisor::meter::Meter;

/// Largest CONNECT of any client, bytes; nobody is authenticated before it.
const CONNECT_BYTES_MAX: usize = 128 * 1024;
/// Longest keep alive of an unprovisioned device, seconds.
const UNPROVISIONED_KEEP_ALIVE_MAX_S: u16 = 60;
/// Longest wait of a client that connects more often than its rate permits.
const CONNECT_THROTTLE_MAX: Duration = Duration::from_secs(2);
/// How long a refusal may take to be written.
const REJECT_WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// How a client of a listener is authenticated.
#[derive(Debug, Clone)]
pub enum AuthMethod {
    /// Name and password of the access table.
    Password,
    /// A verified client certificate with this name.
    Certificate(String),
    /// The gateway's own socket: the reserved user name and this secret.
    GatewaySocket(Arc<str>),
}

/// Sends a refusal, unless its permit is needed for another client meanwhile.
async fn reject<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    half_open: Option<&HalfOpenPermit>,
    version: Version,
    reason: &RefusalReason,
    largest: usize,
) {
    let mut out = BytesMut::new();
    encode::connack_error(
        &mut out,
        version,
        reason.code(),
        reason.reason_string(),
        largest,
    );
    let written = with_deadline(half_open, Instant::now() + REJECT_WRITE_TIMEOUT, async {
        io.write_all(&out).await?;
        io.flush().await
    });
    if written.await.is_ok() {
        let _ = with_deadline(
            half_open,
            Instant::now() + REJECT_WRITE_TIMEOUT,
            stream::close(io, REJECT_WRITE_TIMEOUT),
        )
        .await;
    }
}

/// A connection whose transport handshake is done.
pub struct AcceptedTransport {
    pub auth_method: AuthMethod,
    /// When CONNECT must be complete.
    pub deadline: Instant,
    pub peer: ConnectionInfo,
    /// The permit until the client is authenticated; none = the gateway's own client.
    pub half_open: Option<HalfOpenPermit>,
    /// Counts the bytes that the socket moves.
    pub meter: Arc<Meter>,
}

/// Serves one connection whose transport is ready.
pub fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    broker: Arc<SharedBroker>,
    transport: AcceptedTransport,
) -> impl Future<Output = ConnectionEnd> {
    // The handshake needs more memory than the connected client; boxed, it is freed at its end.
    let handshake = Box::pin(complete_handshake(io, broker.clone(), transport));
    async move {
        let (io, input, agreed, _permit) = match handshake.await {
            Ok(accepted) => accepted,
            Err(ended) => return ended,
        };
        client::serve(io, input, broker, agreed).await
    }
}

/// From the first byte to a session and a connection permit, or to the end. The result also holds
/// the bytes that came behind CONNECT.
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
    let connect = parse_connect(&mut io, half_open.as_ref(), &broker, &address, first).await?;
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
        // Anybody may invent an unprovisioned device's name: until it has a session, it keeps its
        // half-open permit.
        Ok(who @ Identity::Unprovisioned(_)) => match with_deadline(
            half_open.as_ref(),
            Instant::now() + CONNECT_THROTTLE_MAX + REJECT_WRITE_TIMEOUT,
            establish_session(connect, who, &broker, peer, meter),
        )
        .await
        {
            Ok(opened) => opened.map(|agreed| (agreed, None)),
            Err(reason) => Err(reason),
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
        Err(reason) => {
            broker.lock().counters.rejected_connects += 1;
            // A name without an account is recorded under the address: invented names must not push
            // out the refusals of real accounts.
            broker.record_refusal(
                if broker.has_account(&claimed_name) {
                    &claimed_name
                } else {
                    ""
                },
                &address,
                reason.clone(),
            );
            reject(&mut io, half_open.as_ref(), version, &reason, largest).await;
            Err(ConnectionEnd {
                client: claimed_name,
                error: Some(reason),
            })
        }
    }
}

/// Reads CONNECT; one that cannot be served is refused, and the connection ends.
async fn parse_connect<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    half_open: Option<&HalfOpenPermit>,
    broker: &SharedBroker,
    address: &str,
    body: bytes::Bytes,
) -> Result<Connect, ConnectionEnd> {
    // The byte behind the protocol's name is its level: a refusal must be in the client's own
    // version.
    let v5 = body.get(6) == Some(&5);
    match connect::read(body.clone()) {
        Ok(connect) => Ok(connect),
        Err(ConnectError::UnsupportedVersion) => {
            let reason = RefusalReason::VersionUnsupported;
            let ended = ConnectionEnd::unidentified(broker, address, reason.clone());
            reject(io, half_open, Version::V311, &reason, usize::MAX).await;
            Err(ended)
        }
        Err(ConnectError::InvalidWill(v) | ConnectError::Violation(v)) => {
            let reason = RefusalReason::from(v);
            let ended = ConnectionEnd::unidentified(broker, address, reason.clone());
            if v5 {
                reject(
                    io,
                    half_open,
                    Version::V5,
                    &reason,
                    connect::peer_packet_limit(body),
                )
                .await;
            }
            Err(ended)
        }
    }
}

async fn first_packet<S: AsyncRead + Unpin>(
    io: &mut S,
    input: &mut BytesMut,
) -> Result<bytes::Bytes, RefusalReason> {
    loop {
        if input
            .first()
            .is_some_and(|b| *b != PacketType::Connect.first_byte())
        {
            return Err(RefusalReason::NotMqtt);
        }
        match frame::split_packet(input, CONNECT_BYTES_MAX) {
            Ok(Some(frame)) => return Ok(frame.body),
            Ok(None) => {}
            Err(v) => return Err(v.into()),
        }
        match stream::read(io, input).await {
            Ok(n) if n > 0 => {}
            _ => return Err(RefusalReason::LeftBeforeConnect),
        }
    }
}

fn authenticate(
    connect: &Connect,
    auth_method: &AuthMethod,
    broker: &SharedBroker,
) -> Result<Identity, RefusalReason> {
    if connect.properties.wants_authentication {
        return Err(RefusalReason::AuthenticationMethodUnknown);
    }
    let bad_credentials = RefusalReason::BadCredentials;
    if connect.client_id.len() > broker.limits.client_id_bytes
        || connect.client_id.chars().any(char::is_control)
    {
        return Err(RefusalReason::ClientIdInvalid);
    }
    if connect.client_id.is_empty() && !connect.clean_start && connect.version != Version::V5 {
        return Err(RefusalReason::ClientIdMissing);
    }
    if connect.client_id.is_empty() && connect.version == Version::V31 {
        return Err(RefusalReason::ClientIdMissingV31);
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
            .ok_or(RefusalReason::CertificateNameUnknown),
        AuthMethod::Password => match (&connect.username, &connect.password) {
            (Some(name), Some(password)) => broker
                .login(name, password)
                .or_else(|| broker.unprovisioned(name))
                .ok_or(bad_credentials),
            (Some(name), None) => broker
                .unprovisioned(name)
                .ok_or(RefusalReason::CredentialsMissing),
            (None, _) => broker
                .unprovisioned(&connect.client_id)
                .ok_or(RefusalReason::CredentialsMissing),
        },
    }
}

/// Refuses a will that the account may not leave.
fn check_will(
    core: &BrokerState,
    limits: &Limits,
    identity: &Identity,
    will: &Will,
) -> Result<(), RefusalReason> {
    if !is_within_bounds(&will.topic, limits.topic_bytes, limits.topic_levels) {
        return Err(RefusalReason::WillTopicTooLong);
    }
    if will.payload.len() + will.topic.len() > limits.packet {
        return Err(RefusalReason::from(Violation::PacketTooLarge));
    }
    if core.persistence.over_hard_limit(identity.quota_owner()) {
        return Err(RefusalReason::WriteQuotaExceeded);
    }
    if !core.access().may_publish(identity, &will.topic) {
        return Err(RefusalReason::WillNotAuthorized);
    }
    Ok(())
}

/// The keep alive that the client must observe, seconds; 0 = none. Only 5.0 has a way to tell the
/// client another one than it asked for; an unprovisioned device is held to its bound nevertheless.
fn agreed_keep_alive(limits: &Limits, connect: &Connect, is_unprovisioned: bool) -> u16 {
    let v5 = connect.version == Version::V5;
    match (limits.keep_alive_s, connect.keep_alive) {
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
    }
}

/// Charges CONNECT and its will like a message, and waits as long as the account's rate demands: a
/// client that connects again and again waits for its turn.
async fn wait_for_rate(broker: &SharedBroker, identity: &Identity, will: Option<&Will>) {
    let limits = &broker.limits;
    let now = Instant::now();
    let rate = broker.rates.get_or_create(
        identity,
        limits.messages_per_second,
        limits.bytes_per_second,
        now,
    );
    let pause = {
        let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        let will = will.map_or(0, |w| w.payload.len() + w.topic.len());
        rate.messages
            .take(1.0, now)
            .max(rate.bytes.take(will as f64, now))
    };
    // Even a sleep of zero lasts a millisecond.
    if !pause.is_zero() {
        tokio::time::sleep(pause.min(CONNECT_THROTTLE_MAX)).await;
    }
}

/// Agrees on the parameters with an authenticated client and gives it its session.
async fn establish_session(
    connect: Connect,
    identity: Identity,
    broker: &Arc<SharedBroker>,
    peer: ConnectionInfo,
    meter: Arc<Meter>,
) -> Result<ConnectionParams, RefusalReason> {
    let limits = &broker.limits;
    let is_unprovisioned = matches!(identity, Identity::Unprovisioned(_));
    let credential = {
        let core = broker.lock();
        // The will of an unprovisioned device is dropped, so it is not checked.
        if let Some(will) = connect.will.as_ref().filter(|_| !is_unprovisioned) {
            check_will(&core, limits, &identity, will)?;
        }
        core.access().credential(&identity).unwrap_or_default()
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
    let keep_alive = agreed_keep_alive(limits, &connect, is_unprovisioned);
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
    // Nothing has changed yet: a client that cannot take CONNACK must not take over its own
    // session.
    let mut connack_bytes = BytesMut::new();
    encode::connack(&mut connack_bytes, connect.version, &welcome);
    if connack_bytes.len() > largest {
        return Err(RefusalReason::ConnackTooLarge);
    }
    let version = match connect.version {
        Version::V31 => "3.1",
        Version::V311 => "3.1.1",
        Version::V5 => "5",
    };
    let address = peer.address.clone();
    if identity != Identity::Gateway {
        wait_for_rate(broker, &identity, connect.will.as_ref()).await;
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
        broker.record_refusal(identity.name(), &address, RefusalReason::Quarantined);
    }
    // In 3.1 this bit is reserved.
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
