//! The stills of a camera: the newest, when one was last tried, and whether keyframes can be
//! decoded at all.
//!
//! A still is the proof that recordings can be decoded. Three results are distinguished: a keyframe
//! was decoded, it cannot be decoded, and it could not be checked. The last says nothing about the
//! other two.

use std::sync::atomic::Ordering;

use super::{LiveCamera, Still};
use crate::time::WallMs;

/// A still that was requested this recently is still wanted, ms.
const VIEWED_RECENTLY_MS: i64 = 10_000;
/// This many keyframes in a row that cannot be decoded, or not in time, are reported as a fault.
const MAX_STILL_FAILURES: u32 = 3;

impl LiveCamera {
    /// Takes a new still.
    pub fn set_still(&self, still: Still) {
        self.still_tried_at.store(still.at_ms);
        self.still_failures.store(0, Ordering::Relaxed);
        self.still_timeouts.store(0, Ordering::Relaxed);
        self.update_faults(|f| (f.undecodable, f.unchecked) = (None, None));
        self.still.send_replace(Some(still));
    }

    /// Records that a still of the keyframe of this time is being made.
    pub fn set_still_tried(&self, at_ms: WallMs) {
        self.still_tried_at.store(at_ms);
    }

    /// Records that a keyframe could not be decoded. One keyframe may be damaged; several in a row
    /// mean that recordings cannot be decoded.
    pub fn set_still_failed(&self, why: &str) {
        self.still_timeouts.store(0, Ordering::Relaxed);
        let is_told = self.still_failures.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_STILL_FAILURES;
        self.update_faults(|f| {
            f.unchecked = None;
            if is_told {
                f.undecodable = Some(why.to_owned());
            }
        });
    }

    /// Records that decoding a keyframe took too long. This says nothing about the keyframe;
    /// several in a row mean that nothing is checked.
    pub fn set_still_timed_out(&self, why: &str) {
        if self.still_timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_STILL_FAILURES {
            self.set_unverifiable(why);
        }
    }

    /// Records why it cannot be checked whether keyframes can be decoded.
    pub fn set_unverifiable(&self, why: &str) {
        self.update_faults(|f| f.unchecked = Some(why.to_owned()));
    }

    /// True when the last keyframes could not be decoded, but too few to report it: it is not known
    /// yet whether others can be.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        (1..MAX_STILL_FAILURES).contains(&self.still_failures.load(Ordering::Relaxed))
    }

    /// Time of the keyframe of which a still was last made or tried; 0 = none.
    #[must_use]
    pub fn tried_at(&self) -> WallMs {
        self.still_tried_at.load()
    }

    /// True when the still was requested recently.
    #[must_use]
    pub fn is_wanted(&self, now_ms: WallMs) -> bool {
        (0..VIEWED_RECENTLY_MS).contains(&now_ms.since(self.last_viewed.load()))
    }

    /// The newest still.
    #[must_use]
    pub fn still(&self) -> Option<Still> {
        self.still.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn cannot_be_decoded_and_could_not_be_looked_at_are_two_things() {
        let picture = LiveCamera::default();
        let told = || (picture.faults().undecodable, picture.faults().unchecked);
        let well = || {
            picture.set_still(Still {
                at_ms: WallMs::new(1),
                jpeg: Bytes::new(),
                tile: Bytes::new(),
            });
        };
        // One timeout is not reported. Several are, but they do not mean that the stream is broken.
        picture.set_still_timed_out("slow");
        picture.set_still_timed_out("slow");
        assert_eq!(told(), (None, None));
        picture.set_still_timed_out("slow");
        assert_eq!(told(), (None, Some("slow".to_owned())));
        well();
        assert_eq!(told(), (None, None));
        // A machine without the decoder is reported at once.
        picture.set_unverifiable("no decoder");
        assert_eq!(told(), (None, Some("no decoder".to_owned())));
        assert!(!picture.is_unverified());
        for _ in 0..MAX_STILL_FAILURES {
            picture.set_still_failed("broken");
        }
        assert_eq!(
            told(),
            (Some("broken".to_owned()), None),
            "it was looked at"
        );
        picture.set_still_timed_out("slow");
        assert_eq!(
            told().0,
            Some("broken".to_owned()),
            "a late one is no good one"
        );
        well();
        assert_eq!(told(), (None, None));
    }
}
