//! Why the broker refused, rejected or disconnected a client, and the record of it that technicians
//! and programs read.
//!
//! Invariant: a reason is a value everywhere; its sentence is made where somebody reads it. The
//! words in `reason` (JSON) are stable, because programs compare them.

use serde::{Deserialize, Serialize};

use super::ListenerKind;
use crate::protocol::discovery::DiscoveryError;
use crate::protocol::mqtt::{ReasonCode, Violation};
use crate::protocol::reason_table::reason_table;

reason_table! {
    /// A reason. Details come from the network: who makes the value has made them clean, short
    /// lines (`domain::text::line`).
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "reason", rename_all = "snake_case")]
    pub enum RefusalReason {
        /// The user name or the password is wrong.
        BadCredentials = "refusal-bad-credentials", "wrong user name or password";
        /// It sent no user name or no password.
        CredentialsMissing = "refusal-credentials-missing", "a user name and a password are needed";
        /// A device without an account connected, and may only announce itself.
        Quarantined = "refusal-quarantined",
            "it has no account: it is in quarantine and may only announce itself";
        /// No more devices without an account may be connected.
        QuarantineFull = "refusal-quarantine-full",
            "too many devices without an account are here at once";
        /// No account has the certificate's name.
        CertificateNameUnknown = "refusal-certificate-name-unknown",
            "the certificate's name has no account";
        /// Another certificate of the same name replaced this one.
        CertificateReplaced = "refusal-certificate-replaced",
            "its certificate is not the newest of this name";
        /// It asked for enhanced authentication [4.12].
        AuthenticationMethodUnknown = "refusal-authentication-method-unknown",
            "enhanced authentication is not offered";
        /// The client identifier is too long or has control characters.
        ClientIdInvalid = "refusal-client-id-invalid",
            "the client id is longer than allowed or holds control characters";
        /// A persistent session without a client identifier.
        ClientIdMissing = "refusal-client-id-missing", "a persistent session needs a client id";
        /// MQTT 3.1 without a client identifier.
        ClientIdMissingV31 = "refusal-client-id-missing-v31", "MQTT 3.1 needs a client id";
        /// The account may not publish to the will's topic.
        WillNotAuthorized = "refusal-will-not-authorized",
            "its will is about a topic that it may not publish to";
        /// The will's topic is out of bounds.
        WillTopicTooLong = "refusal-will-topic-too-long",
            "the will's topic is longer or deeper than allowed";
        /// The account has as many sessions as it may have.
        AccountConnectionsExceeded = "refusal-account-connections-exceeded",
            "this account has too many connections";
        /// The account was changed or revoked.
        AccountChanged = "refusal-account-changed", "account changed; disconnecting";
        /// A technician ended the connection.
        AdministrativeAction = "refusal-administrative-action", "a technician ended it";
        /// A newer connection has the session.
        SessionTakenOver = "refusal-session-taken-over",
            "another connection took its session over";
        /// The session ended while its connection was opened.
        SessionGone = "refusal-session-gone", "the session is gone";
        /// The broker ends; the connection was open.
        ShuttingDown = "refusal-shutting-down", "the broker ends";
        /// The broker ends; the client was connecting.
        ConnectDuringShutdown = "refusal-connect-during-shutdown", "the broker ends";
        /// Storage takes no writes.
        StorageUnavailable = "refusal-storage-unavailable", "storage unavailable";
        /// The account is over its storage quota.
        WriteQuotaExceeded = "refusal-write-quota-exceeded",
            "storage has so much of this account to write that it must wait";
        /// A bound of retained messages or of queues was reached.
        CapacityExceeded = "refusal-capacity-exceeded",
            "a bound of retained messages or of a queue was reached";
        /// It sent nothing within its keep alive.
        KeepAliveTimeout = "refusal-keep-alive-timeout",
            "it was silent longer than its keep alive";
        /// It takes nothing of what is sent to it.
        WriteTimeout = "refusal-write-timeout", "it does not take its messages";
        /// It did not complete CONNECT in time.
        HandshakeTimedOut = "refusal-handshake-timed-out", "it did not say who it is in time";
        /// Its half-open permit was needed for another.
        PermitReclaimed = "refusal-permit-reclaimed",
            "it had not said who it is when its place was needed";
        /// The connection ended before CONNECT.
        LeftBeforeConnect = "refusal-left-before-connect", "it left before it said who it is";
        /// Its first packet is not CONNECT.
        NotMqtt = "refusal-not-mqtt", "it does not speak MQTT";
        /// The protocol version is not served.
        VersionUnsupported = "refusal-version-unsupported",
            "it speaks an MQTT version that is not served";
        /// CONNACK is larger than the client takes.
        ConnackTooLarge = "refusal-connack-too-large",
            "it takes no packet as large as the answer to CONNECT";
        /// An acknowledgement is larger than the client takes.
        AcknowledgementTooLarge = "refusal-acknowledgement-too-large",
            "it takes no packet as large as the answer to what it asked";
        /// One packet asks for more than its rate can ever allow.
        RateExceeded = "refusal-rate-exceeded", "it says more than it may";
        /// More messages than its receive maximum are unfinished.
        ReceiveMaximumExceeded = "refusal-receive-maximum-exceeded",
            "it leaves more messages unfinished than agreed";
        /// Too many QoS 2 messages of the session are not released.
        UnreleasedExceeded = "refusal-unreleased-exceeded",
            "it leaves too many messages unreleased";
        /// The topic alias is larger than CONNACK allowed.
        TopicAliasTooLarge = "refusal-topic-alias-too-large",
            "a topic alias beyond the agreed number";
        /// The topic alias was never given a topic.
        TopicAliasUnknown = "refusal-topic-alias-unknown",
            "a topic alias that stands for nothing";
        /// The topic is out of bounds.
        TopicTooLong = "refusal-topic-too-long", "a topic longer or deeper than allowed";
        /// The payload is not what its format indicator declares.
        PayloadNotText = "refusal-payload-not-text",
            "a payload says that it is text, and is not UTF-8";
        /// DISCONNECT asks for a persistent session, CONNECT did not.
        SessionExpiryRaised = "refusal-session-expiry-raised",
            "a session that was not to be persistent cannot become so now";
        /// Too many half-open connections of one address.
        HalfOpenExceeded = "refusal-half-open-exceeded",
            "too many connections of this address have not said who they are";
        /// Too many connections of one address.
        AddressConnectionsExceeded = "refusal-address-connections-exceeded",
            "too many connections of this address";
        /// Too many connections in all.
        ConnectionsExceeded = "refusal-connections-exceeded",
            "the broker has no place for more connections";
        /// The account may not publish to the topic.
        PublishNotAuthorized {
            /// Topic.
            topic: String,
        } = "refusal-publish-not-authorized", "it published outside of its permission";
        /// The topic, or the discovery message of a device without an account, is out of bounds.
        PublishTooLarge {
            /// Topic.
            topic: String,
        } = "refusal-publish-too-large",
            "a topic or a discovery message longer or deeper than allowed";
        /// The account may not subscribe to the filter.
        SubscribeNotAuthorized {
            /// Topic filter.
            filter: String,
        } = "refusal-subscribe-not-authorized", "it subscribed outside of its permission";
        /// The session has as many filters as it may have, or its account is over its quota.
        SubscriptionsExceeded {
            /// Topic filter.
            filter: String,
        } = "refusal-subscriptions-exceeded",
            "it has more filters than allowed, or too much of it waits for storage";
        /// The topic filter is invalid or out of bounds.
        FilterInvalid {
            /// Topic filter.
            filter: String,
        } = "refusal-filter-invalid", "its filter is not one, or longer or deeper than allowed";
        /// The TLS or WebSocket handshake failed.
        HandshakeFailed {
            /// The kind of listener.
            listener: ListenerKind,
            /// The cause, as the library words it.
            cause: String,
        } = "refusal-handshake-failed", "the handshake failed";
        /// A packet that the standard forbids.
        Violation {
            /// The rule that it broke.
            violation: Violation,
        } = "refusal-violation", "against the MQTT standard";
        /// The gateway cannot use a discovery message.
        DiscoveryUnusable {
            /// Its topic.
            topic: String,
            /// Why.
            error: Box<DiscoveryError>,
        } = "refusal-discovery-unusable", "its discovery message is not used";
        /// Further discovery messages cannot be used.
        MoreDiscoveryUnusable {
            /// How many.
            number: usize,
        } = "refusal-more-discovery-unusable", "more of its discovery messages are not used";
    }
}

impl RefusalReason {
    /// The reason code in CONNACK, DISCONNECT or an acknowledgement.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::BadCredentials | Self::CredentialsMissing => {
                ReasonCode::BAD_USER_NAME_OR_PASSWORD
            }
            Self::Quarantined
            | Self::CertificateNameUnknown
            | Self::CertificateReplaced
            | Self::WillNotAuthorized
            | Self::AccountChanged
            | Self::PublishNotAuthorized { .. }
            | Self::SubscribeNotAuthorized { .. } => ReasonCode::NOT_AUTHORIZED,
            Self::QuarantineFull
            | Self::AccountConnectionsExceeded
            | Self::StorageUnavailable
            | Self::WriteQuotaExceeded
            | Self::CapacityExceeded
            | Self::HandshakeTimedOut
            | Self::PermitReclaimed
            | Self::HalfOpenExceeded
            | Self::AddressConnectionsExceeded
            | Self::ConnectionsExceeded
            | Self::SubscriptionsExceeded { .. } => ReasonCode::QUOTA_EXCEEDED,
            Self::AuthenticationMethodUnknown => ReasonCode::BAD_AUTHENTICATION_METHOD,
            Self::ClientIdInvalid | Self::ClientIdMissing | Self::ClientIdMissingV31 => {
                ReasonCode::CLIENT_IDENTIFIER_NOT_VALID
            }
            Self::WillTopicTooLong | Self::TopicTooLong | Self::PublishTooLarge { .. } => {
                ReasonCode::TOPIC_NAME_INVALID
            }
            Self::AdministrativeAction => ReasonCode::ADMINISTRATIVE_ACTION,
            Self::SessionTakenOver => ReasonCode::SESSION_TAKEN_OVER,
            Self::SessionGone
            | Self::WriteTimeout
            | Self::LeftBeforeConnect
            | Self::HandshakeFailed { .. } => ReasonCode::UNSPECIFIED_ERROR,
            Self::ShuttingDown => ReasonCode::SERVER_SHUTTING_DOWN,
            Self::ConnectDuringShutdown => ReasonCode::SERVER_UNAVAILABLE,
            Self::KeepAliveTimeout => ReasonCode::KEEP_ALIVE_TIMEOUT,
            Self::NotMqtt => ReasonCode::MALFORMED_PACKET,
            Self::VersionUnsupported => ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
            Self::ConnackTooLarge | Self::AcknowledgementTooLarge => ReasonCode::PACKET_TOO_LARGE,
            Self::RateExceeded => ReasonCode::MESSAGE_RATE_TOO_HIGH,
            Self::ReceiveMaximumExceeded | Self::UnreleasedExceeded => {
                ReasonCode::RECEIVE_MAXIMUM_EXCEEDED
            }
            Self::TopicAliasTooLarge => ReasonCode::TOPIC_ALIAS_INVALID,
            Self::TopicAliasUnknown | Self::SessionExpiryRaised => ReasonCode::PROTOCOL_ERROR,
            Self::PayloadNotText => ReasonCode::PAYLOAD_FORMAT_INVALID,
            Self::FilterInvalid { .. } => ReasonCode::TOPIC_FILTER_INVALID,
            Self::Violation { violation } => violation.code(),
            Self::DiscoveryUnusable { .. } | Self::MoreDiscoveryUnusable { .. } => {
                ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR
            }
        }
    }

    /// The Reason String [3.2.2.3.9] for the client: what it did, without the details that it
    /// knows.
    #[must_use]
    pub const fn reason_string(&self) -> &'static str {
        match self {
            Self::Violation { violation } => violation.sentence(),
            other => other.sentence(),
        }
    }

    /// True for discovery messages that the gateway cannot use.
    #[must_use]
    pub const fn is_about_discovery(&self) -> bool {
        matches!(
            self,
            Self::DiscoveryUnusable { .. } | Self::MoreDiscoveryUnusable { .. }
        )
    }
}

impl From<Violation> for RefusalReason {
    fn from(violation: Violation) -> Self {
        Self::Violation { violation }
    }
}

/// A connection, packet or message that was refused, dropped or cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RefusalRow", into = "RefusalRow")]
pub struct Refusal {
    /// Seconds since 1970 by the box's clock.
    pub at_s: i64,
    /// Account or client id, as far as known.
    pub client: String,
    /// Address; empty = unknown.
    pub address: String,
    /// Why.
    pub reason: RefusalReason,
    /// How often in a row.
    pub count: u64,
}

/// A refusal as programs read it: the reason as a stable word with its details, and as a sentence.
#[derive(Serialize, Deserialize)]
struct RefusalRow {
    at: i64,
    who: String,
    address: String,
    #[serde(default)]
    why: String,
    times: u64,
    #[serde(flatten)]
    reason: RefusalReason,
}

impl From<Refusal> for RefusalRow {
    fn from(refusal: Refusal) -> Self {
        Self {
            at: refusal.at_s,
            who: refusal.client,
            address: refusal.address,
            why: refusal.reason.to_string(),
            times: refusal.count,
            reason: refusal.reason,
        }
    }
}

impl From<RefusalRow> for Refusal {
    fn from(row: RefusalRow) -> Self {
        Self {
            at_s: row.at,
            client: row.who,
            address: row.address,
            reason: row.reason,
            count: row.times,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_stable_word_with_details_and_a_sentence() {
        let refusal = |reason| Refusal {
            at_s: 5,
            client: "den-02".into(),
            address: "10.0.0.2".into(),
            reason,
            count: 2,
        };
        let topic = refusal(RefusalReason::PublishNotAuthorized {
            topic: "d/den-01/x".into(),
        });
        let unusable = refusal(RefusalReason::DiscoveryUnusable {
            topic: "homeassistant/x".into(),
            error: Box::new(DiscoveryError::PayloadTooLong {
                field: "payload_on".into(),
            }),
        });
        let violation = refusal(Violation::PacketIdZero.into());
        for (refusal, json) in [
            (
                topic,
                serde_json::json!({ "at": 5, "who": "den-02", "address": "10.0.0.2", "times": 2,
                    "reason": "publish_not_authorized", "topic": "d/den-01/x",
                    "why": "it published outside of its permission: d/den-01/x" }),
            ),
            (
                unusable,
                serde_json::json!({ "at": 5, "who": "den-02", "address": "10.0.0.2", "times": 2,
                    "reason": "discovery_unusable", "topic": "homeassistant/x",
                    "error": { "error": "payload_too_long", "field": "payload_on" },
                    "why": "its discovery message is not used: homeassistant/x, a payload is too \
                        long: payload_on" }),
            ),
            (
                violation,
                serde_json::json!({ "at": 5, "who": "den-02", "address": "10.0.0.2", "times": 2,
                    "reason": "violation", "violation": "packet_id_zero",
                    "why": "against the MQTT standard: packet id 0" }),
            ),
        ] {
            assert_eq!(serde_json::to_value(&refusal).expect("json"), json);
            assert_eq!(
                serde_json::from_value::<Refusal>(json).expect("read"),
                refusal
            );
        }
    }

    #[test]
    fn a_client_gets_the_code_and_the_sentence_of_its_reason() {
        for (reason, code, sentence) in [
            (
                RefusalReason::BadCredentials,
                0x86,
                "wrong user name or password",
            ),
            (Violation::SecondConnect.into(), 0x82, "a second CONNECT"),
            (
                RefusalReason::FilterInvalid {
                    filter: "#a".into(),
                },
                0x8f,
                "its filter is not one, or longer or deeper than allowed",
            ),
        ] {
            assert_eq!(
                (reason.code().get(), reason.reason_string()),
                (code, sentence)
            );
        }
    }
}
