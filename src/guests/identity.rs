//! The id of a guest's device: a keyed hash of its hardware address.
//!
//! The key stays in the village hall and is in no backup that leaves it, so a row of a session says
//! nothing to a stranger. Deliberately absent: a way back from the id to the address.

use crate::domain::id::GuestId;
use crate::keys::secret;
use crate::protocol::netd::MacAddress;

/// Hexadecimal digits of an id: 128 bits of the hash.
const ID_DIGITS: usize = 32;

/// The key of the ids.
#[derive(Clone)]
pub struct GuestKey(Vec<u8>);

impl GuestKey {
    /// A key of 32 random bytes.
    #[must_use]
    pub const fn new(key: Vec<u8>) -> Self {
        Self(key)
    }

    /// The id of a device; none never happens for a hexadecimal hash.
    #[must_use]
    pub fn id(&self, mac: MacAddress) -> Option<GuestId> {
        let mut hash = secret::mac(&self.0, &mac.bytes());
        hash.truncate(ID_DIGITS);
        GuestId::new(&hash).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_id_under_one_key() {
        let mac: MacAddress = "02:00:00:00:07:11".parse().expect("an address");
        let other: MacAddress = "02:00:00:00:07:12".parse().expect("an address");
        let key = GuestKey::new(vec![7; 32]);
        assert_eq!(key.id(mac), key.id(mac));
        assert_ne!(key.id(mac), key.id(other));
        assert_ne!(key.id(mac), GuestKey::new(vec![8; 32]).id(mac));
        assert_eq!(key.id(mac).map(|id| id.as_str().len()), Some(ID_DIGITS));
    }
}
