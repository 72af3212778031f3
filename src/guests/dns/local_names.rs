//! Names that are answered without asking anybody: the village hall's own, and those that are never
//! on the internet.
//!
//! Invariant: a name of the village hall means the gateway's address on the segment that asks, with
//! or without an uplink; no resolver and no list can change that.

use std::collections::BTreeSet;

use super::host_name::{HostNameError, wire_name_of};
use super::question::{Question, RecordKind, self_and_parents};

pub use crate::domain::guest::GATEWAY_NAME;

/// Domains that are for use at home or never in use; a question for a name in them would tell the
/// resolvers what the village hall's devices are called. Sources: RFC 6761, 6762, 7686, 8375;
/// ICANN's reservation of `internal`.
const NEVER_PUBLIC: [&[u8]; 9] = [
    b"\x03lan\0",
    b"\x05local\0",
    b"\x08internal\0",
    b"\x04home\x04arpa\0",
    b"\x04test\0",
    b"\x07invalid\0",
    b"\x05onion\0",
    b"\x04home\0",
    b"\x04corp\0",
];
/// Of private addresses nobody outside knows a name [RFC 6303, 4].
const PRIVATE_REVERSE: [&[u8]; 8] = [
    b"\x0210\x07in-addr\x04arpa\0",
    b"\x03168\x03192\x07in-addr\x04arpa\0",
    b"\x03254\x03169\x07in-addr\x04arpa\0",
    b"\x03127\x07in-addr\x04arpa\0",
    b"\x010\x07in-addr\x04arpa\0",
    b"\x01d\x01f\x03ip6\x04arpa\0",
    b"\x01c\x01f\x03ip6\x04arpa\0",
    b"\x018\x01e\x01f\x03ip6\x04arpa\0",
];
const LOCALHOST: &[u8] = b"\x09localhost\0";
/// Asks which encrypted resolver stands behind this one [RFC 9462, 6.1]: none.
const RESOLVER: &[u8] = b"\x08resolver\x04arpa\0";
/// Firefox asks for it; “no such name” means that its own resolver must not be used, which knows
/// neither the village hall's names nor the portal.
const FIREFOX_CANARY: &[u8] = b"\x13use-application-dns\x03net\0";

/// The knowledge of a name without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalName {
    /// It means the gateway.
    Gateway,
    /// It means the device itself.
    Loopback,
    /// There is no such name.
    Absent,
    /// There is nothing behind the name, whatever is asked.
    Empty,
}

/// The names of the village hall.
#[derive(Debug, Clone, Default)]
pub struct LocalNames(BTreeSet<Vec<u8>>);

impl LocalNames {
    /// [`GATEWAY_NAME`] and the others, such as the one that the village hall's certificate is for.
    ///
    /// # Errors
    /// [`HostNameError`] of the first that is no name.
    pub fn new<'a>(others: impl IntoIterator<Item = &'a str>) -> Result<Self, HostNameError> {
        let all = std::iter::once(GATEWAY_NAME).chain(others);
        all.map(wire_name_of).collect::<Result<_, _>>().map(Self)
    }

    /// The knowledge of the name; none = others must be asked.
    #[must_use]
    pub fn find(&self, question: &Question) -> Option<LocalName> {
        let name = question.lower_name();
        if self.0.contains(name) {
            return Some(LocalName::Gateway);
        }
        let is_below = |list: &[&[u8]]| self_and_parents(name).any(|p| list.contains(&p));
        if is_below(&[LOCALHOST]) {
            return Some(LocalName::Loopback);
        }
        if is_below(&[RESOLVER]) {
            return Some(LocalName::Empty);
        }
        // A name of one label is a computer's of the village hall; other records of it, such as the
        // servers of `vn`, are public.
        let is_bare = self_and_parents(name).count() == 1 && question.kind() != RecordKind::Other;
        let is_absent = name == FIREFOX_CANARY
            || is_bare
            || is_below(&NEVER_PUBLIC)
            || is_below(&PRIVATE_REVERSE)
            || self_and_parents(name).any(is_reverse_of_172);
        is_absent.then_some(LocalName::Absent)
    }
}

/// Whether it is the domain of 172.16.0.0 to 172.31.255.255, for names of addresses.
fn is_reverse_of_172(name: &[u8]) -> bool {
    let Some(second) = name.strip_suffix(b"\x03172\x07in-addr\x04arpa\0") else {
        return false;
    };
    matches!(second, [2, tens, ones] if match tens {
        b'1' => (b'6'..=b'9').contains(ones),
        b'2' => ones.is_ascii_digit(),
        b'3' => matches!(ones, b'0' | b'1'),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    fn found(name: &str, record_type: RecordType) -> Option<LocalName> {
        let own = LocalNames::new(["h123.example.vn"]).expect("names");
        let name = Name::from_ascii(name).expect("a name");
        own.find(&Question::of(name, record_type))
    }

    #[test]
    fn names_of_the_house_are_found_however_they_are_written() {
        for name in ["nhavanhoa.lan.", "NhaVanHoa.LAN.", "h123.example.vn."] {
            assert_eq!(
                found(name, RecordType::A),
                Some(LocalName::Gateway),
                "{name}"
            );
            assert_eq!(found(name, RecordType::HTTPS), Some(LocalName::Gateway));
        }
        for name in [
            "x.h123.example.vn.",
            "example.vn.",
            "nhavanhoa.lan.example.vn.",
        ] {
            assert_eq!(
                found(name, RecordType::A),
                None,
                "{name} is of the internet"
            );
        }
    }

    #[test]
    fn names_that_are_never_public_ask_nobody() {
        for name in [
            "x.nhavanhoa.lan.",
            "printer.local.",
            "router.home.arpa.",
            "tivi.",
            "use-application-dns.net.",
            "1.1.168.192.in-addr.arpa.",
            "5.4.16.172.in-addr.arpa.",
            "5.4.31.172.in-addr.arpa.",
            "1.0.0.10.in-addr.arpa.",
            "0.8.e.f.ip6.arpa.",
        ] {
            assert_eq!(
                found(name, RecordType::A),
                Some(LocalName::Absent),
                "{name}"
            );
        }
        let resolver = found("_dns.resolver.arpa.", RecordType::SVCB);
        assert_eq!(resolver, Some(LocalName::Empty));
        let itself = found("a.localhost.", RecordType::A);
        assert_eq!(itself, Some(LocalName::Loopback));
    }

    #[test]
    fn names_that_look_alike_are_asked() {
        for name in [
            "lan.vn.",
            "plan.",
            "mylocal.vn.",
            "1.1.32.172.in-addr.arpa.",
            "1.1.15.172.in-addr.arpa.",
            "4.4.8.8.in-addr.arpa.",
            "a.use-application-dns.net.",
        ] {
            assert_eq!(found(name, RecordType::NS), None, "{name}");
        }
        assert_eq!(found("vn.", RecordType::NS), None);
        assert_eq!(found(".", RecordType::NS), None);
    }
}
