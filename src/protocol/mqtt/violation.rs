//! The packets that a client may not send, and the reason code with which it is disconnected.

use serde::{Deserialize, Serialize};

use super::reason_code::ReasonCode;
use crate::protocol::reason_table::reason_table;

reason_table! {
    /// A packet that the standard forbids.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Violation {
        /// The packet ends before its content does.
        PacketTooShort = "violation-packet-too-short", "the packet is too short";
        /// A variable byte integer goes on after its fourth byte.
        LengthTooLong = "violation-length-too-long", "a length has more than four bytes";
        /// The packet is larger than the server takes.
        PacketTooLarge = "violation-packet-too-large", "the packet is larger than allowed";
        /// A text that may not be one [MQTT-1.5.4-1, -2].
        TextInvalid = "violation-text-invalid", "a text is not UTF-8 or holds NUL";
        /// The reserved flag of CONNECT.
        ConnectFlagReserved =
            "violation-connect-flag-reserved", "a reserved flag of CONNECT is set";
        /// Flags of a will that is not there, or QoS 3.
        WillFlagsInvalid = "violation-will-flags-invalid", "the will flags contradict each other";
        /// Before 5.0 a password needs a user name.
        PasswordWithoutUserName =
            "violation-password-without-user-name", "a password without a user name";
        /// The will's topic is empty or has a wildcard.
        WillTopicInvalid = "violation-will-topic-invalid", "the will's topic is not a topic";
        /// The will's payload is not what its format indicator declares.
        WillPayloadNotText =
            "violation-will-payload-not-text", "the will says that it is text, and is not UTF-8";
        /// Bytes behind the content of CONNECT.
        ConnectTooLong = "violation-connect-too-long", "CONNECT is longer than its content";
        /// A packet identifier is never 0.
        PacketIdZero = "violation-packet-id-zero", "packet id 0";
        /// The fixed flags of a packet [2.1.3].
        PacketFlagsInvalid = "violation-packet-flags-invalid", "the flags of a packet are wrong";
        /// CONNECT on a connection that has had one.
        SecondConnect = "violation-second-connect", "a second CONNECT";
        /// AUTH without an authentication method.
        AuthenticationNotAgreed =
            "violation-authentication-not-agreed", "enhanced authentication was not agreed";
        /// A kind of packet that clients do not send.
        ServerPacket = "violation-server-packet", "a packet that only a server may send";
        /// Bytes behind the content of a packet.
        PacketTooLong = "violation-packet-too-long", "a packet is longer than its content";
        /// The QoS bits of PUBLISH.
        QosInvalid = "violation-qos-invalid", "QoS 3, or DUP with QoS 0";
        /// PUBLISH with neither a topic nor a topic alias.
        TopicMissing = "violation-topic-missing", "a publish without a topic";
        /// The topic name is empty or has a wildcard.
        TopicNameInvalid = "violation-topic-name-invalid", "not a topic that can be published to";
        /// An empty topic filter.
        FilterEmpty = "violation-filter-empty", "a filter without a character";
        /// Retain handling 3.
        RetainHandlingInvalid = "violation-retain-handling-invalid", "retain handling is 0, 1 or 2";
        /// QoS 3 or reserved bits in the subscription options.
        SubscriptionOptionsInvalid =
            "violation-subscription-options-invalid", "subscription options are wrong";
        /// No-local in a shared subscription [MQTT5-3.8.3-4].
        NoLocalOnShared = "violation-no-local-on-shared", "no-local with a shared subscription";
        /// SUBSCRIBE without a topic filter.
        SubscribeEmpty = "violation-subscribe-empty", "a SUBSCRIBE without filters";
        /// UNSUBSCRIBE without a topic filter.
        UnsubscribeEmpty = "violation-unsubscribe-empty", "an UNSUBSCRIBE without filters";
        /// A property of another packet.
        PropertyNotAllowed = "violation-property-not-allowed", "a property that may not stand here";
        /// A property that may stand once.
        PropertyRepeated = "violation-property-repeated", "a property stands twice";
        /// A property that is 0 or 1.
        PropertyFlagInvalid = "violation-property-flag-invalid", "a flag is 0 or 1";
        /// An identifier that names no property.
        PropertyUnknown = "violation-property-unknown", "an unknown property";
        /// The response topic is empty or has a wildcard.
        ResponseTopicInvalid =
            "violation-response-topic-invalid", "the response topic holds a wildcard or is empty";
        /// A subscription identifier is never 0.
        SubscriptionIdentifierZero =
            "violation-subscription-identifier-zero", "subscription identifier 0";
        /// A receive maximum is never 0.
        ReceiveMaximumZero = "violation-receive-maximum-zero", "receive maximum 0";
        /// A topic alias is never 0.
        TopicAliasZero = "violation-topic-alias-zero", "topic alias 0";
        /// A maximum packet size is never 0.
        MaximumPacketSizeZero = "violation-maximum-packet-size-zero", "maximum packet size 0";
        /// Authentication data without an authentication method.
        AuthenticationDataAlone =
            "violation-authentication-data-alone", "authentication data without a method";
    }
}

impl Violation {
    /// The reason code of DISCONNECT or CONNACK.
    #[must_use]
    pub const fn code(self) -> ReasonCode {
        match self {
            Self::PacketTooShort
            | Self::LengthTooLong
            | Self::TextInvalid
            | Self::ConnectFlagReserved
            | Self::WillFlagsInvalid
            | Self::PasswordWithoutUserName
            | Self::ConnectTooLong
            | Self::PacketFlagsInvalid
            | Self::PacketTooLong
            | Self::QosInvalid
            | Self::FilterEmpty
            | Self::SubscriptionOptionsInvalid
            | Self::PropertyUnknown => ReasonCode::MALFORMED_PACKET,
            Self::PacketIdZero
            | Self::SecondConnect
            | Self::AuthenticationNotAgreed
            | Self::ServerPacket
            | Self::TopicMissing
            | Self::RetainHandlingInvalid
            | Self::NoLocalOnShared
            | Self::SubscribeEmpty
            | Self::UnsubscribeEmpty
            | Self::PropertyNotAllowed
            | Self::PropertyRepeated
            | Self::PropertyFlagInvalid
            | Self::ResponseTopicInvalid
            | Self::SubscriptionIdentifierZero
            | Self::ReceiveMaximumZero
            | Self::MaximumPacketSizeZero
            | Self::AuthenticationDataAlone => ReasonCode::PROTOCOL_ERROR,
            Self::PacketTooLarge => ReasonCode::PACKET_TOO_LARGE,
            Self::WillTopicInvalid | Self::TopicNameInvalid => ReasonCode::TOPIC_NAME_INVALID,
            Self::WillPayloadNotText => ReasonCode::PAYLOAD_FORMAT_INVALID,
            Self::TopicAliasZero => ReasonCode::TOPIC_ALIAS_INVALID,
        }
    }
}

impl std::error::Error for Violation {}
