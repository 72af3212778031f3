//! What the house and a horn cluster say to each other.
//!
//! Orders go to `c/<cluster>/order` as an envelope: the exact bytes of the order and an Ed25519
//! signature over `conglang order` NUL cluster NUL those bytes. A receiver refuses what is not
//! signed by the pinned key, what is for another cluster, and what has expired; what is not newer
//! than the last order it took is answered again and never obeyed.
//! Words of the cluster come on `d/<cluster>/speaker/status`.

use serde::{Deserialize, Serialize};

/// A signed order on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The order as JSON text: what is signed, byte for byte.
    pub order: String,
    /// base64 of the signature.
    pub signature: String,
}

/// An order to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Rises with every order of the house; the same again is the same order.
    pub seq: u64,
    /// Wall ms after which the order means nothing.
    pub expires_at: i64,
    /// What to do.
    pub act: Act,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// Fetch the sound and keep it.
    Prepare {
        /// Announcement.
        announcement: String,
        /// Where it is.
        url: String,
        /// SHA-256 of the WAV.
        hash: String,
    },
    /// Play what was prepared.
    Play {
        /// Announcement.
        announcement: String,
        /// SHA-256 of the WAV.
        hash: String,
    },
    /// Be silent, at once.
    Stop,
}

/// A word of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Announcement it is about; empty = about all.
    #[serde(default)]
    pub announcement: String,
    /// How it is.
    pub state: State,
    /// Milliseconds of sound that left the amplifier.
    #[serde(default)]
    pub ms: u64,
    /// Why it could not, in words.
    #[serde(default)]
    pub why: String,
}

/// How a cluster is with an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The sound is here and is what was meant.
    Prepared,
    /// It plays.
    Playing,
    /// All of it was played.
    Played,
    /// It is silent because it was told to be.
    Stopped,
    /// It could not.
    Failed,
}

/// What is signed.
#[must_use]
pub fn signed_bytes(cluster: &str, order: &str) -> Vec<u8> {
    [
        b"conglang order\0".as_slice(),
        cluster.as_bytes(),
        b"\0",
        order.as_bytes(),
    ]
    .concat()
}

/// What a receiver does with a sound order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It is new: obey.
    Obey(Order),
    /// It is not newer than the last one taken: never obey, but say again how that ended when it is
    /// about the same announcement; the house may not have heard it.
    Known(Order),
}

impl Act {
    /// The announcement it is about; empty = about all.
    #[must_use]
    pub fn announcement(&self) -> &str {
        match self {
            Self::Prepare { announcement, .. } | Self::Play { announcement, .. } => announcement,
            Self::Stop => "",
        }
    }
}

/// Judges an envelope as a receiver does. `last` is the newest order it took, `now_ms` its clock (0
/// = unknown).
///
/// # Errors
/// Why the order is refused.
pub fn judge(
    envelope: &[u8],
    cluster: &str,
    verify: impl Fn(&[u8], &str) -> bool,
    last: u64,
    now_ms: i64,
) -> Result<Judged, &'static str> {
    let envelope: Envelope = serde_json::from_slice(envelope).map_err(|_| "not an order")?;
    if !verify(&signed_bytes(cluster, &envelope.order), &envelope.signature) {
        return Err("not signed by this village");
    }
    let order: Order = serde_json::from_str(&envelope.order)
        .map_err(|_| "an order that this receiver does not know")?;
    if now_ms > 0 && order.expires_at < now_ms {
        return Err("the order has expired");
    }
    Ok(if order.seq <= last {
        Judged::Known(order)
    } else {
        Judged::Obey(order)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_signed_order_for_this_cluster_is_obeyed() {
        let folder = std::env::temp_dir().join(format!(
            "conglang-voice-{}",
            getrandom::u64().expect("random")
        ));
        let key =
            crate::keys::signing::Signing::load_or_make(&folder.join("voice.key")).expect("key");
        let pinned = crate::keys::signing::Pinned::parse(&key.public()).expect("pinned");
        let verify = |bytes: &[u8], signature: &str| pinned.verify(bytes, signature);
        let order = serde_json::to_string(&Order {
            seq: 5,
            expires_at: 1000,
            act: Act::Stop,
        })
        .expect("json");
        let signature = key.sign(&signed_bytes("loa-01", &order));
        let good = serde_json::to_vec(&Envelope {
            order: order.clone(),
            signature: signature.clone(),
        })
        .expect("json");
        assert!(matches!(
            judge(&good, "loa-01", verify, 4, 900),
            Ok(Judged::Obey(_))
        ));
        assert_eq!(
            judge(&good, "loa-02", verify, 4, 900),
            Err("not signed by this village"),
            "for another cluster"
        );
        assert!(
            matches!(judge(&good, "loa-01", verify, 5, 900), Ok(Judged::Known(_))),
            "replayed: answered, not obeyed"
        );
        assert_eq!(
            judge(&good, "loa-01", verify, 4, 1001),
            Err("the order has expired")
        );
        let forged = serde_json::to_vec(&Envelope {
            order: order.replace('5', "9"),
            signature,
        })
        .expect("json");
        assert_eq!(
            judge(&forged, "loa-01", verify, 4, 900),
            Err("not signed by this village")
        );
        assert_eq!(judge(b"{}", "loa-01", verify, 4, 900), Err("not an order"));
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
