//! The messages between the gateway and a speaker cluster.
//!
//! Orders go to `c/<cluster>/order` as an envelope: the exact bytes of the order and an Ed25519
//! signature over `conglang order` NUL cluster NUL those bytes. A receiver refuses an order that is
//! not signed by the pinned key, is for another cluster, or has expired. An order that is not newer
//! than the last one it took is answered again and never obeyed. The cluster publishes its status
//! on `d/<cluster>/speaker/status`.

use serde::{Deserialize, Serialize};

use super::reason_table::reason_table;
use crate::time::WallMs;

/// A signed order on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOrder {
    /// The order as JSON text; the signature is over exactly these bytes.
    pub order: String,
    /// base64 of the signature.
    pub signature: String,
}

/// An order to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Rises with every order of the gateway; the same number means the same order.
    pub seq: u64,
    /// Wall ms after which the order means nothing.
    pub expires_at: WallMs,
    /// The action of an order.
    pub act: SpeakerAction,
}

/// The action of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum SpeakerAction {
    /// Fetch the audio and store it.
    Prepare {
        /// Announcement.
        announcement: String,
        /// URL of the audio.
        url: String,
        /// SHA-256 of the WAV.
        hash: String,
    },
    /// Play the prepared audio.
    Play {
        /// Announcement.
        announcement: String,
        /// SHA-256 of the WAV.
        hash: String,
    },
    /// Be silent, at once.
    Stop,
}

/// A status message of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStatus {
    /// Announcement that it is about; empty = about all.
    #[serde(default)]
    pub announcement: String,
    /// Its state.
    pub state: ReceiverState,
    /// Milliseconds of audio that left the amplifier.
    #[serde(default)]
    pub ms: u64,
    /// Why it failed: the sentence of a [`FailureReason`], or words of its own.
    #[serde(default)]
    pub why: String,
}

/// A cluster's progress with an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverState {
    /// The audio is stored and has the ordered hash.
    Prepared,
    /// It plays.
    Playing,
    /// All of it was played.
    Played,
    /// It is silent because it was ordered to stop.
    Stopped,
    /// It failed.
    Failed,
}

reason_table! {
    /// The reasons of a failed playback that have a sentence of their own in the reader's language.
    /// A receiver may report any other words; those are shown as its own.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum FailureReason {
        /// The gateway could make no sound of the sentence.
        NotRendered = "failed-not-rendered", "the sentence could not be read aloud";
        /// The gateway has lost the key that signs its orders.
        KeyLost = "failed-key-lost", "the key that signs orders is lost";
        /// The receiver could not fetch the sound.
        NotFetched = "failed-not-fetched", "the sound could not be fetched";
        /// The receiver does not have the sound that it is to play.
        NotStored = "failed-not-stored", "the sound is not here";
    }
}

impl FailureReason {
    /// The reason that a receiver reported; none = words of its own.
    #[must_use]
    pub fn read(why: &str) -> Option<Self> {
        [
            Self::NotRendered,
            Self::KeyLost,
            Self::NotFetched,
            Self::NotStored,
        ]
        .into_iter()
        .find(|reason| reason.sentence() == why)
    }
}

/// The bytes that are signed.
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

/// The decision of a receiver about a valid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is new: obey.
    Accept(Order),
    /// It is not newer than the last one taken: do not obey. If it is about the same announcement,
    /// publish again how that ended, because the gateway may not have received it.
    Duplicate(Order),
}

impl SpeakerAction {
    /// The announcement that it is about; empty = about all.
    #[must_use]
    pub fn announcement(&self) -> &str {
        match self {
            Self::Prepare { announcement, .. } | Self::Play { announcement, .. } => announcement,
            Self::Stop => "",
        }
    }
}

/// Checks an envelope as a receiver does. `last` is the seq of the newest order it took, `now_ms`
/// its clock (0 = unknown).
///
/// # Errors
/// The reason why the order is refused.
pub fn verify_order(
    envelope: &[u8],
    cluster: &str,
    verify: impl Fn(&[u8], &str) -> bool,
    last: u64,
    now_ms: WallMs,
) -> Result<Verdict, &'static str> {
    let envelope: SignedOrder = serde_json::from_slice(envelope).map_err(|_| "not an order")?;
    if !verify(&signed_bytes(cluster, &envelope.order), &envelope.signature) {
        return Err("not signed by this village");
    }
    let order: Order = serde_json::from_str(&envelope.order)
        .map_err(|_| "an order that this receiver does not know")?;
    if now_ms > WallMs::default() && order.expires_at < now_ms {
        return Err("the order has expired");
    }
    Ok(if order.seq <= last {
        Verdict::Duplicate(order)
    } else {
        Verdict::Accept(order)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_signed_order_for_this_cluster_is_obeyed() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let key = crate::keys::signing::CommandSigner::load_or_make(&folder.join("voice.key"))
            .expect("key");
        let pinned = crate::keys::signing::PinnedPublicKey::parse(&key.public()).expect("pinned");
        let verify = |bytes: &[u8], signature: &str| pinned.verify(bytes, signature);
        let order = serde_json::to_string(&Order {
            seq: 5,
            expires_at: WallMs::new(1000),
            act: SpeakerAction::Stop,
        })
        .expect("json");
        let signature = key.sign(&signed_bytes("loa-01", &order));
        let good = serde_json::to_vec(&SignedOrder {
            order: order.clone(),
            signature: signature.clone(),
        })
        .expect("json");
        assert!(matches!(
            verify_order(&good, "loa-01", verify, 4, WallMs::new(900)),
            Ok(Verdict::Accept(_))
        ));
        assert_eq!(
            verify_order(&good, "loa-02", verify, 4, WallMs::new(900)),
            Err("not signed by this village"),
            "for another cluster"
        );
        assert!(
            matches!(
                verify_order(&good, "loa-01", verify, 5, WallMs::new(900)),
                Ok(Verdict::Duplicate(_))
            ),
            "replayed: answered, not obeyed"
        );
        assert_eq!(
            verify_order(&good, "loa-01", verify, 4, WallMs::new(1001)),
            Err("the order has expired")
        );
        let forged = serde_json::to_vec(&SignedOrder {
            order: order.replace('5', "9"),
            signature,
        })
        .expect("json");
        assert_eq!(
            verify_order(&forged, "loa-01", verify, 4, WallMs::new(900)),
            Err("not signed by this village")
        );
        assert_eq!(
            verify_order(b"{}", "loa-01", verify, 4, WallMs::new(900)),
            Err("not an order")
        );
    }
}
