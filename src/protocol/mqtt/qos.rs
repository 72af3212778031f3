//! The quality of service of a message or a subscription [4.3].

use super::packet_type::PacketType;

/// How often a message is delivered, and how that is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: without acknowledgement.
    AtMostOnce = 0,
    /// QoS 1: until PUBACK.
    AtLeastOnce = 1,
    /// QoS 2: PUBREC, PUBREL and PUBCOMP.
    ExactlyOnce = 2,
}

impl QoS {
    /// The QoS that two bits of a packet name; none = 3, which no packet may have.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The QoS of bits that were stored; what no program writes counts as 2.
    #[must_use]
    pub const fn from_stored(bits: u8) -> Self {
        match Self::from_bits(bits) {
            Some(qos) => qos,
            None => Self::ExactlyOnce,
        }
    }

    /// The number 0, 1 or 2.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// True when the recipient acknowledges the message, so that the message has a packet
    /// identifier.
    #[must_use]
    pub const fn is_acknowledged(self) -> bool {
        !matches!(self, Self::AtMostOnce)
    }

    /// The packet that acknowledges a PUBLISH; none = QoS 0.
    #[must_use]
    pub const fn acknowledgement(self) -> Option<PacketType> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce => Some(PacketType::PubAck),
            Self::ExactlyOnce => Some(PacketType::PubRec),
        }
    }
}
