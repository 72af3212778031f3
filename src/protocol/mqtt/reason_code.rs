//! The reason codes of MQTT 5.0 [2.4], and the return codes of MQTT 3.1.1 that stand for them.

use std::fmt;

use super::qos::QoS;

/// Why a request is granted or refused. A client may send any byte, so the type holds every one;
/// the constants are those of the standard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReasonCode(u8);

impl ReasonCode {
    /// Success; in DISCONNECT a normal end.
    pub const SUCCESS: Self = Self(0x00);
    /// A normal end after which the will is published.
    pub const DISCONNECT_WITH_WILL: Self = Self(0x04);
    /// The message has no recipient.
    pub const NO_MATCHING_SUBSCRIBERS: Self = Self(0x10);
    /// There was no such subscription.
    pub const NO_SUBSCRIPTION_EXISTED: Self = Self(0x11);
    /// No more precise reason.
    pub const UNSPECIFIED_ERROR: Self = Self(0x80);
    /// The packet cannot be parsed.
    pub const MALFORMED_PACKET: Self = Self(0x81);
    /// The packet may not come like this.
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    /// The packet is valid, but this server cannot do it.
    pub const IMPLEMENTATION_SPECIFIC_ERROR: Self = Self(0x83);
    /// The protocol version is not served.
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(0x84);
    /// The client identifier is not accepted.
    pub const CLIENT_IDENTIFIER_NOT_VALID: Self = Self(0x85);
    /// The user name or the password is wrong.
    pub const BAD_USER_NAME_OR_PASSWORD: Self = Self(0x86);
    /// The client may not do this.
    pub const NOT_AUTHORIZED: Self = Self(0x87);
    /// The server cannot serve the client now.
    pub const SERVER_UNAVAILABLE: Self = Self(0x88);
    /// The client is banned.
    pub const BANNED: Self = Self(0x8a);
    /// The server ends.
    pub const SERVER_SHUTTING_DOWN: Self = Self(0x8b);
    /// The authentication method is not offered.
    pub const BAD_AUTHENTICATION_METHOD: Self = Self(0x8c);
    /// The client sent nothing within its keep alive.
    pub const KEEP_ALIVE_TIMEOUT: Self = Self(0x8d);
    /// Another connection has the session now.
    pub const SESSION_TAKEN_OVER: Self = Self(0x8e);
    /// The topic filter is not accepted.
    pub const TOPIC_FILTER_INVALID: Self = Self(0x8f);
    /// The topic name is not accepted.
    pub const TOPIC_NAME_INVALID: Self = Self(0x90);
    /// The packet identifier is not known.
    pub const PACKET_IDENTIFIER_NOT_FOUND: Self = Self(0x92);
    /// The client leaves more messages unfinished than was agreed.
    pub const RECEIVE_MAXIMUM_EXCEEDED: Self = Self(0x93);
    /// The topic alias is not valid.
    pub const TOPIC_ALIAS_INVALID: Self = Self(0x94);
    /// The packet is larger than allowed.
    pub const PACKET_TOO_LARGE: Self = Self(0x95);
    /// The client sends too much.
    pub const MESSAGE_RATE_TOO_HIGH: Self = Self(0x96);
    /// A quota is exceeded.
    pub const QUOTA_EXCEEDED: Self = Self(0x97);
    /// An administrator ended it.
    pub const ADMINISTRATIVE_ACTION: Self = Self(0x98);
    /// The payload is not what its format indicator declares.
    pub const PAYLOAD_FORMAT_INVALID: Self = Self(0x99);

    /// The reason code of a byte.
    #[must_use]
    pub const fn new(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The code in SUBACK that grants a subscription.
    #[must_use]
    pub const fn granted(qos: QoS) -> Self {
        Self(qos.bits())
    }

    /// True for a failure.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 >= Self::UNSPECIFIED_ERROR.0
    }

    /// The return code in CONNACK of MQTT 3.1.1 [3.2.2.3]: the nearest of its five.
    #[must_use]
    pub const fn connack_return_code(self) -> u8 {
        match self {
            Self::UNSUPPORTED_PROTOCOL_VERSION => 1,
            Self::CLIENT_IDENTIFIER_NOT_VALID => 2,
            Self::BAD_USER_NAME_OR_PASSWORD => 4,
            Self::NOT_AUTHORIZED | Self::BANNED | Self::BAD_AUTHENTICATION_METHOD => 5,
            _ => 3,
        }
    }

    /// The return code in SUBACK of MQTT 3.1.1 [3.9.3], which knows one failure only.
    #[must_use]
    pub const fn suback_return_code(self) -> Self {
        if self.0 > QoS::ExactlyOnce.bits() {
            Self::UNSPECIFIED_ERROR
        } else {
            self
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReasonCode({self})")
    }
}
