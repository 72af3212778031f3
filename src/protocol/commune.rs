//! The messages between village and commune over MQTT. The messages themselves prove that nothing
//! is lost or changed; MQTT is only the transport.
//!
//! Identity of a record is `(village, epoch, lane, lane_seq)`. Topics: the village publishes on
//! `up/<village>/…` and is subscribed to `down/<village>/…`. JSON, records compressed.
//!
//! Both sides have the same bounds: each accepts exactly what the other may send. A message beyond
//! them is refused on receipt ([`UplinkMessage::validation_error`],
//! [`DownlinkMessage::validation_error`]), before anything is unpacked, stored or acted on.

use std::collections::BTreeMap;
use std::io;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::divergence::CommuneCopy;
pub use super::stream::{MAX_NUMBER, Stream};
use super::village_status::StatusSummary;
use crate::domain::event::Lane;
use crate::domain::notice::Risk;
use crate::time::WallMs;

/// Largest batch of records, uncompressed bytes.
pub const MAX_BATCH_BYTES: usize = 64 * 1024;
/// Records of one batch.
pub const MAX_BATCH_RECORDS: usize = 100;
/// Largest uncompressed batch that a receiver accepts: a batch ends with the record that exceeds
/// [`MAX_BATCH_BYTES`], and a record of the journal has at most 64 KiB.
pub const MAX_UNPACKED_BYTES: usize = 256 * 1024;
/// Most streams that HELLO names and RESUME answers: about 100 bytes each, well below the largest
/// message.
pub const MAX_HELLO_STREAMS: usize = 1_500;
/// Longest text of one record, bytes.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Largest gap that is accepted, records.
pub const MAX_GAP_RECORDS: u64 = 10_000_000;
/// Longest request for a certificate, certificate, reason or name of a database, bytes.
const MAX_PEM_BYTES: usize = 16 * 1024;
const MAX_REASON_BYTES: usize = 200;
const MAX_INCARNATION_BYTES: usize = 64;
/// The level of risk from which on a bulletin stands first without being called urgent.
const FIRST_LEVEL: u8 = 3;

/// Village → commune.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum UplinkMessage {
    /// HELLO: the streams that there are to send.
    Hello {
        /// The epoch of the boot that connects; a second client with another one means cloned
        /// storage.
        epoch: String,
        /// Number of the boot.
        boot: u64,
        /// Streams with the first number that is still there and the last number, in the order in
        /// which they are sent.
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
    /// The village's certificate ends soon: a request (PKCS #10, PEM) for a new one, for the same
    /// name.
    Renew {
        /// The request; only its public key is used.
        request: String,
    },
    /// The commune has another record under this number. Sent only to a commune that described its
    /// copy (`known` in RESUME).
    Differs {
        /// Stream.
        stream: Stream,
        /// Number of the record.
        number: u64,
    },
    /// The status of the village, from which its own home page words its sentence. Sent only to a
    /// commune that asked for it (`status` in RESUME), whenever it changes.
    Status {
        /// The status.
        summary: Box<StatusSummary>,
    },
    /// The outcome of a command of the commune.
    Outcome {
        /// Its number in the downlink.
        seq: u64,
        /// Why the command was refused; none = it was carried out.
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
    /// base64 of zstd of lines; each line is a stored entry, byte for byte.
    pub records: String,
    /// Texts of people that the records name: blob id → text.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
}

/// The fields that every record has, in every version.
#[derive(Deserialize)]
struct RecordHeader {
    lane: Lane,
    lane_seq: u64,
}

/// Commune → village.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum DownlinkMessage {
    /// The answer to HELLO: how far each stream is applied. The commune's own count alone decides
    /// from where the village sends.
    Resume {
        /// Name of the commune's database, made when it was created or restored.
        incarnation: String,
        /// Streams and how far each is applied.
        applied: Vec<(Stream, u64)>,
        /// The commune's wall time, ms: a village without a clock takes its floor from it.
        now_ms: WallMs,
        /// The commune trusts its own clock. (Older communes do not send the field.)
        #[serde(default = "yes")]
        sure: bool,
        /// Its description of its copy, to be compared with the village's. (Older communes do not
        /// send the field.)
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<Box<CommuneCopy>>,
        /// It takes STATUS messages. (Older communes do not send the field.)
        #[serde(default)]
        status: bool,
    },
    /// How far a stream is applied, durably.
    Ack {
        /// The database that acknowledges.
        incarnation: String,
        /// Stream.
        stream: Stream,
        /// Everything up to this number is in the commune's database.
        applied: u64,
        /// The batch began behind a hole: resend from behind `applied`. (A duplicate batch is no
        /// hole.)
        hole: bool,
    },
    /// The village's next certificate, PEM.
    Certificate {
        /// The certificate, for the key of the request.
        certificate: String,
    },
    /// A command for the village; resent until its outcome arrives.
    Command {
        /// Dense number per village.
        seq: u64,
        /// Its id; a command with the same id is carried out once.
        id: String,
        /// Wall ms after which the command expires.
        expires_at: WallMs,
        /// The bulletin.
        bulletin: Bulletin,
    },
}

const fn yes() -> bool {
    true
}

/// A bulletin that becomes a notice in the village.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulletin {
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Urgent: shown first.
    pub urgent: bool,
    /// Last moment it is shown.
    pub until: Option<WallMs>,
    /// The risk that it warns of. (Older communes do not send the field, older villages pass it
    /// over.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// The authority that gave it, with the number of its paper; empty = it is not said. (As
    /// above.)
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

impl Bulletin {
    /// It stands first on every page: it says so, or its risk is high.
    #[must_use]
    pub fn is_first(&self) -> bool {
        let is_high = |risk: Risk| risk.level.number() >= FIRST_LEVEL;
        self.urgent || self.risk.is_some_and(is_high)
    }
}

impl UplinkMessage {
    /// Why the message is beyond the bounds of the protocol, in words; none = it is within them.
    #[must_use]
    pub fn validation_error(&self) -> Option<&'static str> {
        match self {
            Self::Hello {
                epoch,
                boot,
                streams,
            } => {
                if !(Stream {
                    epoch: epoch.clone(),
                    lane: Lane::Log,
                })
                .is_valid()
                    || *boot > MAX_NUMBER
                {
                    return Some("its epoch or boot is none");
                }
                if streams.len() > MAX_HELLO_STREAMS {
                    return Some("more streams than a greeting names");
                }
                let is_sound = |(stream, first, last): &(Stream, u64, u64)| {
                    stream.is_valid() && first <= last && *last <= MAX_NUMBER
                };
                (!streams.iter().all(is_sound)).then_some("a stream that cannot be")
            }
            Self::Batch(batch) => batch.validation_error(),
            Self::Gap {
                stream,
                from,
                to,
                reason,
            } => {
                if !stream.is_valid()
                    || *from == 0
                    || from > to
                    || *to > MAX_NUMBER
                    || to - from > MAX_GAP_RECORDS
                {
                    return Some("a gap that cannot be");
                }
                (reason.len() > MAX_REASON_BYTES).then_some("a reason that is too long")
            }
            Self::Differs { stream, number } => {
                (!stream.is_valid() || *number > MAX_NUMBER).then_some("a record that cannot be")
            }
            Self::Renew { request } => {
                (request.len() > MAX_PEM_BYTES).then_some("a request that is too long")
            }
            Self::Status { summary } => {
                (!summary.is_bounded()).then_some("a status that is too long")
            }
            Self::Outcome { refused, .. } => refused
                .as_ref()
                .is_some_and(|why| why.len() > MAX_REASON_BYTES)
                .then_some("a reason that is too long"),
        }
    }
}

impl Batch {
    fn validation_error(&self) -> Option<&'static str> {
        if !self.stream.is_valid() || self.first == 0 || self.first > MAX_NUMBER {
            return Some("a stream that cannot be");
        }
        if self.count == 0 || self.count > MAX_BATCH_RECORDS as u64 {
            return Some("a batch of more records than there may be");
        }
        if self.texts.len() > MAX_BATCH_RECORDS
            || self.texts.values().any(|t| t.len() > MAX_TEXT_BYTES)
        {
            return Some("more words than there may be");
        }
        None
    }
}

impl DownlinkMessage {
    /// Why the message is beyond the bounds of the protocol, in words; none = it is within them.
    #[must_use]
    pub fn validation_error(&self) -> Option<&'static str> {
        match self {
            Self::Resume {
                known: Some(known), ..
            } if !known.is_valid() => Some("an answer that cannot be"),
            Self::Resume {
                incarnation,
                applied,
                ..
            } => (incarnation.len() > MAX_INCARNATION_BYTES
                || applied.len() > MAX_HELLO_STREAMS
                || !applied
                    .iter()
                    .all(|(s, n)| s.is_valid() && *n <= MAX_NUMBER))
            .then_some("an answer that cannot be"),
            Self::Ack {
                incarnation,
                stream,
                applied,
                ..
            } => (incarnation.len() > MAX_INCARNATION_BYTES
                || !stream.is_valid()
                || *applied > MAX_NUMBER)
                .then_some("a receipt that cannot be"),
            Self::Certificate { certificate } => {
                (certificate.len() > MAX_PEM_BYTES).then_some("a certificate that is too long")
            }
            // `sync::downlink` checks the command: it is carried out, or refused with a reason.
            Self::Command { .. } => None,
        }
    }
}

/// Makes a batch of stored entries.
///
/// # Errors
/// When compression fails (out of memory).
pub fn pack(
    stream: Stream,
    first: u64,
    records: &[&[u8]],
    texts: BTreeMap<String, String>,
) -> io::Result<Batch> {
    let raw = records.join(&b'\n');
    let sha256 = crate::keys::secret::hex(&Sha256::digest(&raw));
    Ok(Batch {
        stream,
        first,
        count: records.len() as u64,
        sha256,
        records: Base64::encode_string(&zstd::bulk::compress(&raw, 3)?),
        texts,
    })
}

/// The records of a batch, checked.
///
/// # Errors
/// A sentence when the batch is not within the bounds, or its records are not the promised ones.
pub fn unpack(batch: &Batch) -> Result<Vec<Vec<u8>>, String> {
    if let Some(why) = batch.validation_error() {
        return Err(why.to_owned());
    }
    let packed = Base64::decode_vec(&batch.records)
        .map_err(|e| format!("the records are not base64: {e}"))?;
    let raw = zstd::bulk::decompress(&packed, MAX_UNPACKED_BYTES)
        .map_err(|e| format!("the records cannot be unpacked: {e}"))?;
    if crate::keys::secret::hex(&Sha256::digest(&raw)) != batch.sha256 {
        return Err("the records are not what was packed".into());
    }
    // At most one record more than allowed is split off, however many there are.
    let records: Vec<Vec<u8>> = raw
        .split(|b| *b == b'\n')
        .take(MAX_BATCH_RECORDS + 1)
        .map(<[u8]>::to_vec)
        .collect();
    if records.len() as u64 != batch.count {
        return Err(format!(
            "not the {} records that were promised",
            batch.count
        ));
    }
    // Each record contains its own lane and number; its other fields may be of a newer version than
    // this program.
    for (record, n) in records.iter().zip(batch.first..) {
        match serde_json::from_slice::<RecordHeader>(record) {
            Ok(head) if head.lane == batch.stream.lane && head.lane_seq == n => {}
            Ok(_) => return Err(format!("the record in the place of {n} is another one")),
            Err(cause) => return Err(format!("record {n} is no entry: {cause}")),
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
