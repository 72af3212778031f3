//! What village and commune tell each other about whether their two copies of a history are one.

use serde::{Deserialize, Serialize};

use super::stream::{NUMBER_MOST, Stream};

/// Streams of which the last record is told.
const HEADS_MOST: usize = 64;

/// How two copies parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parting {
    /// The village has fewer records than were acknowledged.
    Shorter,
    /// A boot speaks that is not newer than one that was heard: a card was set back, or another one
    /// put in.
    Older,
    /// Two boxes speak under one name.
    Twin,
    /// A number is another record there than here.
    Differs,
}

/// What is wrong between the two copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// How they parted.
    pub how: Parting,
    /// When it was noticed, wall ms of who noticed.
    pub at: i64,
    /// The epoch in which it was noticed.
    pub epoch: String,
    /// Its boot.
    pub boot: u64,
    /// The highest boot heard before; 0 = not known.
    pub highest: u64,
    /// Records that are missing in the village; 0 = not known.
    pub missing: u64,
}

/// What the commune tells beside how far each stream is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// Of the newest streams: the number of the last record, and its SHA-256.
    pub heads: Vec<(Stream, u64, String)>,
    /// Number, in its house, of the newest record.
    pub newest_seq: u64,
    /// What is wrong; none = nothing.
    pub trouble: Option<Trouble>,
}

impl Known {
    /// True when it is within the bounds of the protocol.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let heads = self.heads.len() <= HEADS_MOST
            && self.heads.iter().all(|(stream, n, hash)| {
                stream.is_sound() && *n <= NUMBER_MOST && hash.len() == 64
            });
        heads
            && self.newest_seq <= NUMBER_MOST
            && self.trouble.as_ref().is_none_or(|t| {
                t.epoch.len() == 32
                    && t.boot <= NUMBER_MOST
                    && t.highest <= NUMBER_MOST
                    && t.missing <= NUMBER_MOST
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::commune::{Down, Up};
    use super::*;

    #[test]
    fn peers_of_before_are_understood_and_understand() {
        let old = r#"{"say":"resume","incarnation":"x","applied":[],"now_ms":1}"#;
        let Ok(Down::Resume { known, .. }) = serde_json::from_str(old) else {
            panic!("an older commune is understood")
        };
        assert_eq!(known, None, "what it does not say is unknown");
        assert!(
            serde_json::from_str::<Up>(r#"{"say":"hello","epoch":"x","boot":1,"streams":[]}"#)
                .is_ok()
        );
        let trouble = Trouble {
            how: Parting::Twin,
            at: 1,
            epoch: "0".repeat(32),
            boot: 1,
            highest: 2,
            missing: 0,
        };
        let known = Known {
            trouble: Some(trouble.clone()),
            ..Known::default()
        };
        assert!(known.is_sound());
        for bad in [
            Known {
                newest_seq: u64::MAX,
                ..Known::default()
            },
            Known {
                trouble: Some(Trouble {
                    epoch: "x".repeat(1_000),
                    ..trouble
                }),
                ..Known::default()
            },
        ] {
            assert!(!bad.is_sound());
        }
    }
}
