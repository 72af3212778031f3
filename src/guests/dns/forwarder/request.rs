//! A question with everything that decides about it, and the replies that need nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hickory_proto::op::ResponseCode;

use super::super::answers::{self, CAPTIVE_TTL_S, LOCAL_TTL_S};
use super::super::local_names::LocalName;
use super::super::policy::{AskingSegment, DeviceKey, DnsPolicy};
use super::super::question::{Question, Transport};
use super::super::stored_answer::{Age, StoredAnswer};
use crate::protocol::netd::{NetworkSegment, SubnetAddress};

/// A question, who asks it, and what the forwarder goes by at that moment.
pub(super) struct Request {
    pub policy: Arc<DnsPolicy>,
    pub segment: AskingSegment,
    pub device: DeviceKey,
    pub is_captive: bool,
    pub is_garden: bool,
    pub question: Question,
    pub transport: Transport,
}

impl Request {
    pub fn code(&self, code: ResponseCode) -> Vec<u8> {
        answers::without_records(&self.question, code)
    }

    pub fn no_such_record(&self) -> Vec<u8> {
        self.code(ResponseCode::NoError)
    }

    /// Whether it may be a part of a tunnel.
    pub const fn is_suspect(&self) -> bool {
        self.is_captive && !self.is_garden
    }

    /// The budget that pays: devices whose hardware address is not known share one, for addresses
    /// cost nothing and a fresh one would be a fresh budget.
    pub const fn purse(&self) -> DeviceKey {
        match self.device {
            DeviceKey::Mac(_) => self.device,
            DeviceKey::Address(_) => DeviceKey::Address(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        }
    }

    pub const fn cap_s(&self) -> u32 {
        if self.is_captive {
            CAPTIVE_TTL_S
        } else {
            u32::MAX
        }
    }

    pub fn reply(&self, answer: &StoredAnswer, age: Age) -> Vec<u8> {
        answer.reply(&self.question, self.transport, age, self.cap_s())
    }

    /// Staff need no opening: they are no guests.
    pub fn is_opened_first(&self, answer: &StoredAnswer) -> bool {
        self.is_garden && self.segment == AskingSegment::Guest && !answer.addresses().is_empty()
    }

    /// The reply to a name that nobody needs to be asked for.
    pub fn local(&self, local: LocalName) -> Vec<u8> {
        let question = &self.question;
        let addresses = match local {
            LocalName::Gateway => {
                let segment = self.policy.segment(self.segment);
                let networks = segment.into_iter().flat_map(NetworkSegment::networks);
                networks.map(SubnetAddress::address).collect()
            }
            LocalName::Loopback => vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ],
            LocalName::Absent => return self.code(ResponseCode::NXDomain),
            LocalName::Empty => Vec::new(),
        };
        answers::with_addresses(question, &addresses, LOCAL_TTL_S)
    }
}
