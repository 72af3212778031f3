//! What is known of a camera's stills: the newest, when one was tried, and whether keyframes can be
//! decoded at all.
//!
//! A still is the proof that what is kept can be seen. Three things are told apart: it was decoded,
//! it cannot be decoded, and nobody could look; the last is neither of the others.

use std::sync::atomic::Ordering;

use super::{LiveCamera, Still};

/// Somebody who looked so lately looks still, ms.
const VIEWED_RECENTLY_MS: i64 = 10_000;
/// So many keyframes in turn that cannot be decoded, or not in time, are told.
const MAX_STILL_FAILURES: u32 = 3;

impl LiveCamera {
    /// A still was made.
    pub fn set_still(&self, still: Still) {
        self.still_tried_at.store(still.at_ms, Ordering::Relaxed);
        self.still_failures.store(0, Ordering::Relaxed);
        self.still_timeouts.store(0, Ordering::Relaxed);
        self.update_faults(|f| (f.undecodable, f.unchecked) = (None, None));
        self.still.send_replace(Some(still));
    }

    /// Of the frame of that time a still is being made, wall ms.
    pub fn set_still_tried(&self, at_ms: i64) {
        self.still_tried_at.store(at_ms, Ordering::Relaxed);
    }

    /// That keyframe could not be decoded. One may be torn; several in turn mean that nobody can
    /// see what is kept.
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

    /// Decoding that keyframe took too long. It says nothing of the picture; several in turn mean
    /// that nobody looks.
    pub fn set_still_timed_out(&self, why: &str) {
        if self.still_timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_STILL_FAILURES {
            self.set_unverifiable(why);
        }
    }

    /// Nobody can look whether keyframes can be decoded, and why.
    pub fn set_unverifiable(&self, why: &str) {
        self.update_faults(|f| f.unchecked = Some(why.to_owned()));
    }

    /// The last keyframe could not be decoded, and it is not yet known whether others can be.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        (1..MAX_STILL_FAILURES).contains(&self.still_failures.load(Ordering::Relaxed))
    }

    /// Of which frame a still was last made or tried, wall ms; 0 = none.
    #[must_use]
    pub fn tried_at(&self) -> i64 {
        self.still_tried_at.load(Ordering::Relaxed)
    }

    /// Whether somebody looked at the still lately.
    #[must_use]
    pub fn is_wanted(&self, now_ms: i64) -> bool {
        (0..VIEWED_RECENTLY_MS)
            .contains(&now_ms.saturating_sub(self.last_viewed.load(Ordering::Relaxed)))
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
                at_ms: 1,
                jpeg: Bytes::new(),
            });
        };
        // One that is late is no news, several are, and say nothing against the picture.
        picture.set_still_timed_out("slow");
        picture.set_still_timed_out("slow");
        assert_eq!(told(), (None, None));
        picture.set_still_timed_out("slow");
        assert_eq!(told(), (None, Some("slow".to_owned())));
        well();
        assert_eq!(told(), (None, None));
        // A machine without the decoder is told at once.
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
