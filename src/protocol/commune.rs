//! What village and commune say to each other over MQTT: the proof is here, MQTT is only the truck.
//!
//! Identity of a record is `(village, epoch, lane, lane_seq)`. Topics: the village publishes on
//! `up/<village>/…`, hears `down/<village>/…`. JSON, records compressed.

use std::collections::BTreeMap;
use std::io;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::event::Lane;

/// Largest batch of records, uncompressed bytes.
pub const BATCH_RAW: usize = 64 * 1024;
/// Records of one batch.
pub const BATCH_RECORDS: usize = 100;
/// Largest uncompressed batch that a receiver takes.
pub const RAW_MAX: usize = 4 * 1024 * 1024;

/// One lane of one epoch, as the village has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stream {
    /// Epoch, 32 hexadecimal digits.
    pub epoch: String,
    /// Lane.
    pub lane: Lane,
}

/// Village → commune.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Up {
    /// What there is to send.
    Hello {
        /// The boot that speaks; a second speaker with another one is a cloned card.
        epoch: String,
        /// Which boot.
        boot: u64,
        /// Streams with first kept and last number, in the order in which they are sent.
        streams: Vec<(Stream, u64, u64)>,
    },
    /// Records.
    Batch(Batch),
    /// Records that are no longer there.
    Gap {
        /// Stream.
        stream: Stream,
        /// First missing.
        from: u64,
        /// Last missing.
        to: u64,
        /// Why.
        reason: String,
    },
    /// The village's certificate ends soon: a request (PKCS #10, PEM) for a new one, for the same name.
    Renew {
        /// Only its public key is taken.
        request: String,
    },
    /// What became of a command of the commune.
    Outcome {
        /// Its number in the downlink.
        seq: u64,
        /// Done, or why not.
        refused: Option<String>,
    },
}

/// Records of one stream, dense from `first`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Stream.
    pub stream: Stream,
    /// Number of the first record.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// SHA-256 of the uncompressed records.
    pub sha256: String,
    /// base64 of zstd of lines: each a stored entry, byte for byte.
    pub records: String,
    /// People's words that the records name: blob id → text.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
}

/// Commune → village.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Down {
    /// From where to send: the commune's own record is the only truth.
    Resume {
        /// Made when the commune's database was created or restored.
        incarnation: String,
        /// Streams and how far each is applied.
        applied: Vec<(Stream, u64)>,
        /// The commune's wall time, ms: a village without a clock takes its floor from it.
        now_ms: i64,
    },
    /// How far a stream is applied, durably.
    Ack {
        /// Which database says so.
        incarnation: String,
        /// Stream.
        stream: Stream,
        /// Everything up to here is in the store.
        applied: u64,
        /// The batch began behind a hole: send again from here. (A batch that came twice is no hole.)
        hole: bool,
    },
    /// The village's next certificate, PEM.
    Certificate {
        /// For the key of the request.
        certificate: String,
    },
    /// A command for the village; sent again until its outcome comes.
    Command {
        /// Dense number per village.
        seq: u64,
        /// Its name: carried out once.
        id: String,
        /// Wall ms after which it means nothing.
        expires_at: i64,
        /// The bulletin.
        bulletin: Bulletin,
    },
}

/// A bulletin that becomes a notice in the village.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulletin {
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Urgent: stands first.
    pub urgent: bool,
    /// Last moment it is shown, wall ms.
    pub until: Option<i64>,
}

/// Makes a batch of stored entries.
///
/// # Errors
/// When compression fails (out of memory).
pub fn pack(stream: Stream, first: u64, records: &[&[u8]], texts: BTreeMap<String, String>) -> io::Result<Batch> {
    let raw = records.join(&b'\n');
    let sha256 = crate::keys::secret::hex(&Sha256::digest(&raw));
    Ok(Batch { stream, first, count: records.len() as u64, sha256, records: Base64::encode_string(&zstd::bulk::compress(&raw, 3)?), texts })
}

/// The records of a batch, checked.
///
/// # Errors
/// A sentence when the batch is not what it says.
pub fn unpack(batch: &Batch) -> Result<Vec<Vec<u8>>, String> {
    let packed = Base64::decode_vec(&batch.records).map_err(|e| format!("the records are not base64: {e}"))?;
    let raw = zstd::bulk::decompress(&packed, RAW_MAX).map_err(|e| format!("the records cannot be unpacked: {e}"))?;
    if crate::keys::secret::hex(&Sha256::digest(&raw)) != batch.sha256 {
        return Err("the records are not what was packed".into());
    }
    let records: Vec<Vec<u8>> = raw.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    if records.len() as u64 != batch.count {
        return Err(format!("{} records, {} were promised", records.len(), batch.count));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_what_was_packed_or_nothing() {
        let stream = Stream { epoch: "00".repeat(16), lane: Lane::Log };
        let batch = pack(stream, 5, &[b"{\"a\":1}", b"{\"b\":2}"], BTreeMap::new()).expect("packed");
        assert_eq!(unpack(&batch).expect("whole"), [b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()]);
        for bad in [Batch { count: 3, ..batch.clone() }, Batch { sha256: "00".into(), ..batch.clone() }, Batch { records: "!".into(), ..batch.clone() }, Batch { records: String::new(), ..batch }] {
            assert!(unpack(&bad).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = serde_json::from_slice::<Up>(&bytes);
            let _ = serde_json::from_slice::<Down>(&bytes);
        }
    }
}
