//! Hardware address of a device: what a network knows it by before it has an address.
//!
//! Invariant: it holds nothing but six bytes, so that its text may stand in a script of `nft` or
//! `dnsmasq` as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The error for a text that is no hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hardware address is six pairs of hexadecimal digits with colons between them")]
pub struct BadMacAddress;

/// Hardware address of a device on Ethernet or wifi.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// From its six bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// Its six bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// Whether the device made it up (the bit “locally administered” of IEEE 802): phones do so for
    /// each network, and some make a new one each time.
    #[must_use]
    pub const fn is_random(self) -> bool {
        self.0[0] & 0b10 != 0
    }

    /// Whether one device can have it: neither a group address nor all zeros.
    #[must_use]
    pub fn is_of_one_device(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }
}

impl FromStr for MacAddress {
    type Err = BadMacAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().ok_or(BadMacAddress)?;
            if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BadMacAddress);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BadMacAddress)?;
        }
        if pairs.next().is_some() {
            return Err(BadMacAddress);
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for MacAddress {
    type Error = BadMacAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(to, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

/// A text of a program with the second half of every hardware address in it put out: the address of
/// a visitor's phone is for no log.
#[must_use]
pub fn masked(text: &str) -> String {
    const LENGTH: usize = "02:00:00:00:00:00".len();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(found) = rest.get(..LENGTH)
            && found.parse::<MacAddress>().is_ok()
        {
            out.push_str(found.get(..9).unwrap_or_default());
            out.push('…');
            rest = rest.get(LENGTH..).unwrap_or_default();
        } else {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_text_and_nothing_else_is_one() {
        let mac: MacAddress = "3C:52:82:0a:0B:0c".parse().expect("an address");
        assert_eq!(mac.to_string(), "3c:52:82:0a:0b:0c");
        let json = serde_json::to_string(&mac).expect("JSON");
        assert_eq!(json, "\"3c:52:82:0a:0b:0c\"");
        assert_eq!(
            serde_json::from_str::<MacAddress>(&json).expect("reads back"),
            mac
        );
        for bad in [
            "",
            "3c:52:82:0a:0b",
            "3c:52:82:0a:0b:0c:0d",
            "3c:52:82:0a:0b:+c",
            "3c:52:82:0a:0b:0c\n",
            "3c:52:82:0a:0b:0c,10.8.0.1",
            "3c-52-82-0a-0b-0c",
            "3c52820a0b0c",
            "3c:52:82:0a:0b:0\u{1d7d8}",
        ] {
            assert_eq!(bad.parse::<MacAddress>(), Err(BadMacAddress), "{bad:?}");
        }
    }

    #[test]
    fn a_group_and_nothing_at_all_are_no_device() {
        let is_of_one = |text: &str| {
            let mac: MacAddress = text.parse().expect("an address");
            (mac.is_of_one_device(), mac.is_random())
        };
        assert_eq!(is_of_one("3c:52:82:0a:0b:0c"), (true, false));
        assert_eq!(is_of_one("3e:52:82:0a:0b:0c"), (true, true));
        assert_eq!(is_of_one("01:00:5e:00:00:01"), (false, false));
        assert_eq!(is_of_one("ff:ff:ff:ff:ff:ff"), (false, true));
        assert_eq!(is_of_one("00:00:00:00:00:00"), (false, false));
    }

    #[test]
    fn a_log_has_no_whole_address() {
        let line = "DHCPNAK(guest0) 192.168.1.23 02:00:5e:10:00:01 wrong network, 1:2 đ";
        let wanted = "DHCPNAK(guest0) 192.168.1.23 02:00:5e:… wrong network, 1:2 đ";
        assert_eq!(masked(line), wanted);
        assert_eq!(masked("02:00:5e:10:00:0"), "02:00:5e:10:00:0");
    }
}
