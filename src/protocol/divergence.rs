//! The messages by which village and commune find out whether their two copies of a history are the
//! same.

use serde::{Deserialize, Serialize};

use super::stream::{MAX_NUMBER, Stream};
use crate::supervisor::health_reason::HealthReason;
use crate::time::WallMs;

/// Most streams of which the last record is reported.
const MAX_HEADS: usize = 64;

/// How the two copies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// The village has fewer records than were acknowledged.
    Shorter,
    /// A boot connected that is not newer than one that connected before: the storage was set back
    /// or replaced.
    Older,
    /// Two boxes connect under one village's name.
    Twin,
    /// The same number names different records in the two copies.
    Differs,
}

/// A difference between the two copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DivergenceReport {
    /// How they differ.
    pub how: Divergence,
    /// When it was noticed, wall ms of the side that noticed.
    pub at: WallMs,
    /// The epoch in which it was noticed.
    pub epoch: String,
    /// Its boot.
    pub boot: u64,
    /// The highest boot that connected before; 0 = not known.
    pub highest: u64,
    /// Records that are missing in the village; 0 = not known.
    pub missing: u64,
}

impl From<&DivergenceReport> for HealthReason {
    fn from(report: &DivergenceReport) -> Self {
        let found = report.at;
        match report.how {
            Divergence::Shorter => Self::HistoryShorter {
                n: report.missing,
                found,
            },
            Divergence::Older => Self::HistoryOlder {
                boot: report.boot,
                highest: report.highest,
                found,
            },
            Divergence::Twin => Self::HistoryTwin { found },
            Divergence::Differs => Self::HistoryDiffers { found },
        }
    }
}

/// The commune's description of its copy, sent beside how far each stream is applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommuneCopy {
    /// For each of the newest streams, the number of its last record and that record's SHA-256.
    pub heads: Vec<(Stream, u64, String)>,
    /// The seq of the newest record.
    pub newest_seq: u64,
    /// The difference that was found; none = no difference.
    pub trouble: Option<DivergenceReport>,
}

impl CommuneCopy {
    /// True when it is within the bounds of the protocol.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let heads = self.heads.len() <= MAX_HEADS
            && self
                .heads
                .iter()
                .all(|(stream, n, hash)| stream.is_valid() && *n <= MAX_NUMBER && hash.len() == 64);
        heads
            && self.newest_seq <= MAX_NUMBER
            && self.trouble.as_ref().is_none_or(|t| {
                t.epoch.len() == 32
                    && t.boot <= MAX_NUMBER
                    && t.highest <= MAX_NUMBER
                    && t.missing <= MAX_NUMBER
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::commune::{DownlinkMessage, UplinkMessage};
    use super::*;

    #[test]
    fn peers_of_before_are_understood_and_understand() {
        let old = r#"{"say":"resume","incarnation":"x","applied":[],"now_ms":1}"#;
        let Ok(DownlinkMessage::Resume { known, .. }) = serde_json::from_str(old) else {
            panic!("an older commune is understood")
        };
        assert_eq!(known, None, "what it does not say is unknown");
        assert!(
            serde_json::from_str::<UplinkMessage>(
                r#"{"say":"hello","epoch":"x","boot":1,"streams":[]}"#
            )
            .is_ok()
        );
        let trouble = DivergenceReport {
            how: Divergence::Twin,
            at: WallMs::new(1),
            epoch: "0".repeat(32),
            boot: 1,
            highest: 2,
            missing: 0,
        };
        let known = CommuneCopy {
            trouble: Some(trouble.clone()),
            ..CommuneCopy::default()
        };
        assert!(known.is_valid());
        for bad in [
            CommuneCopy {
                newest_seq: u64::MAX,
                ..CommuneCopy::default()
            },
            CommuneCopy {
                trouble: Some(DivergenceReport {
                    epoch: "x".repeat(1_000),
                    ..trouble
                }),
                ..CommuneCopy::default()
            },
        ] {
            assert!(!bad.is_valid());
        }
    }
}
