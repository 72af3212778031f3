//! Ids of things, as values that cannot be malformed.
//!
//! Invariant: an id is 1–64 bytes of ASCII letters, digits, `_`, `-` or `.`, and does not begin
//! with `.`; it is safe as a file name, an MQTT topic level, a URL segment and an HTML id. Ids are
//! cheap to clone. Deliberately absent: names that people read; those are free text in the noun
//! itself.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The error for a text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not an id: use 1–64 of a–z, A–Z, 0–9, _ - .")]
pub struct BadId(pub String);

/// True when `text` may stand as an id (see the module's invariant).
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Makes an id of `text`.
            ///
            /// # Errors
            /// [`BadId`] when the text breaks the module's invariant.
            pub fn new(text: &str) -> Result<Self, BadId> {
                if is_id(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(BadId(text.chars().take(80).collect()))
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.0) }
        }
        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> { Self::new(&text) }
        }
        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> { Self::new(text) }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self { id.0.to_string() }
        }
    )*};
}

ids! {
    /// A village at its commune, for example `ben-thoc`.
    VillageId;
    /// A road or an alley.
    PlaceId;
    /// A house: a number on a road.
    HouseId;
    /// A place on the village's map, or a code that hangs somewhere.
    SiteId;
    /// A device, one box on the network: a lamp controller, a gauge, a speaker cluster.
    DeviceId;
    /// An entity, one thing that a device does; written `device.object`.
    EntityId;
    /// A light group.
    GroupId;
    /// A camera.
    CameraId;
    /// A notice; random.
    NoticeId;
    /// An announcement; random.
    AnnouncementId;
    /// A user.
    UserId;
    /// A program's token; this is its name, not its secret.
    TokenId;
    /// Identifies one command for ever: sending the command twice carries it out once.
    CommandId;
    /// An administrative procedure: its code at the national portal.
    ProcedureId;
    /// A device of the free wifi: a keyed hash of its hardware address.
    GuestId;
    /// A blob; random.
    BlobId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_safe_everywhere() {
        for good in ["den-01", "a", "cam_1.light", &"x".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", ".x", "a/b", "đèn", "a b", "a+", "#", &"x".repeat(65)] {
            assert!(DeviceId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_id_does_not_decode() {
        assert!(serde_json::from_str::<DeviceId>("\"../x\"").is_err());
        assert!(serde_json::from_str::<DeviceId>("\"den-01\"").is_ok());
    }
}
