//! What is known of a camera's stills: the newest, when one was tried, and whether keyframes can be
//! decoded at all.
//!
//! A still is the proof that what is kept can be seen. Three things are told apart: it was decoded,
//! it cannot be decoded, and nobody could look; the last is neither of the others.

use std::sync::atomic::Ordering;

use super::{Picture, Still};

/// Somebody who looked so lately looks still, ms.
const LOOKED_MS: i64 = 10_000;
/// So many keyframes in turn that cannot be decoded, or not in time, are told.
const FAILURES: u32 = 3;

impl Picture {
    /// A still was made.
    pub fn set_still(&self, still: Still) {
        self.tried.store(still.at_ms, Ordering::Relaxed);
        self.failed.store(0, Ordering::Relaxed);
        self.late.store(0, Ordering::Relaxed);
        self.find(|f| (f.undecodable, f.unchecked) = (None, None));
        self.still.send_replace(Some(still));
    }

    /// Of the frame of that time a still is being made, wall ms.
    pub fn try_still(&self, at_ms: i64) {
        self.tried.store(at_ms, Ordering::Relaxed);
    }

    /// That keyframe could not be decoded. One may be torn; several in turn mean that nobody can
    /// see what is kept.
    pub fn no_still(&self, why: &str) {
        self.late.store(0, Ordering::Relaxed);
        let is_told = self.failed.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES;
        self.find(|f| {
            f.unchecked = None;
            if is_told {
                f.undecodable = Some(why.to_owned());
            }
        });
    }

    /// Decoding that keyframe took too long. It says nothing of the picture; several in turn mean
    /// that nobody looks.
    pub fn late_still(&self, why: &str) {
        if self.late.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
            self.cannot_check(why);
        }
    }

    /// Nobody can look whether keyframes can be decoded, and why.
    pub fn cannot_check(&self, why: &str) {
        self.find(|f| f.unchecked = Some(why.to_owned()));
    }

    /// The last keyframe could not be decoded, and it is not yet known whether others can be.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        (1..FAILURES).contains(&self.failed.load(Ordering::Relaxed))
    }

    /// Of which frame a still was last made or tried, wall ms; 0 = none.
    #[must_use]
    pub fn tried_at(&self) -> i64 {
        self.tried.load(Ordering::Relaxed)
    }

    /// Whether somebody looked at the still lately.
    #[must_use]
    pub fn is_wanted(&self, now_ms: i64) -> bool {
        (0..LOOKED_MS).contains(&now_ms.saturating_sub(self.looked.load(Ordering::Relaxed)))
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
        let picture = Picture::default();
        let told = || (picture.faults().undecodable, picture.faults().unchecked);
        let well = || {
            picture.set_still(Still {
                at_ms: 1,
                jpeg: Bytes::new(),
            });
        };
        // One that is late is no news, several are, and say nothing against the picture.
        picture.late_still("slow");
        picture.late_still("slow");
        assert_eq!(told(), (None, None));
        picture.late_still("slow");
        assert_eq!(told(), (None, Some("slow".to_owned())));
        well();
        assert_eq!(told(), (None, None));
        // A machine without the decoder is told at once.
        picture.cannot_check("no decoder");
        assert_eq!(told(), (None, Some("no decoder".to_owned())));
        assert!(!picture.is_in_doubt());
        for _ in 0..FAILURES {
            picture.no_still("broken");
        }
        assert_eq!(
            told(),
            (Some("broken".to_owned()), None),
            "it was looked at"
        );
        picture.late_still("slow");
        assert_eq!(
            told().0,
            Some("broken".to_owned()),
            "a late one is no good one"
        );
        well();
        assert_eq!(told(), (None, None));
    }
}
