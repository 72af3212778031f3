//! How one of our own certificates stands, and whether another is to be made: one judgement for the
//! start, for renewals, for `cert show` and for `doctor`.
//!
//! Invariants: what a peer would refuse counts as none, whatever its days (not valid yet, beyond
//! its CA's end, of another CA, without its key); so does one that lasts longer than any that is
//! made, because it was dated by a wrong clock. Nothing is made over a good one while the time is
//! not known.

use std::io;
use std::path::Path;

use super::authority::{Authority, Files, LEAF_DAYS, RENEW_DAYS};
use super::tls;
use crate::supervisor::clock::{Clock, Trust};

/// A clock that nobody vouches for and nobody disproved for so long, ms, is believed about an end.
const SETTLED_MS: u64 = 3_600_000;

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be used; days that are left.
    Good(i64),
    /// It ends soon, or ended; days that are left.
    Ends(i64),
    /// There is none that can be used.
    None(Unfit),
}

/// Why a certificate counts as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// No file.
    Gone,
    /// Not a certificate with its key.
    Damaged,
    /// Another authority signed it.
    Foreign,
    /// It begins later.
    NotYet,
    /// It ends later than its authority, or later than any that is made now.
    TooLong,
}

impl Standing {
    /// Days that are left; none = there is no certificate that can be used.
    #[must_use]
    pub const fn days(self) -> Option<i64> {
        match self {
            Self::Good(days) | Self::Ends(days) => Some(days),
            Self::None(_) => None,
        }
    }
}

impl Files {
    /// Days until it ends, for one that another authority made; none = there is no sound one, or it
    /// is not valid yet as far as the time is known.
    #[must_use]
    pub fn left(&self, clock: &Clock) -> Option<i64> {
        let now = clock.certain_s();
        let (from, _) = self.validity()?;
        // Without a time nothing can be said of its beginning.
        let at = if clock.trust() == Trust::None {
            now.max(u64::try_from(from).unwrap_or(0))
        } else {
            now
        };
        self.days_left(at)
    }

    /// How a certificate stands that the authority in `folder` made.
    #[must_use]
    pub fn standing(&self, folder: &Path, clock: &Clock) -> Standing {
        let Ok(pem) = std::fs::read(&self.certificate) else {
            return Standing::None(Unfit::Gone);
        };
        let Some((from, until)) = self.validity().filter(|_| tls::Served::load(self).is_ok())
        else {
            return Standing::None(Unfit::Damaged);
        };
        let ca = folder.join("ca.pem");
        let Some(end) = std::fs::read(&ca)
            .ok()
            .and_then(|pem| tls::validity(&pem))
            .map(|v| v.1)
        else {
            return Standing::None(Unfit::Foreign);
        };
        if !tls::is_signed_by(&ca, &pem) {
            return Standing::None(Unfit::Foreign);
        }
        let now = i64::try_from(clock.certain_s()).unwrap_or(i64::MAX);
        let days = until.saturating_sub(now).div_euclid(86_400);
        if until > end {
            return Standing::None(Unfit::TooLong);
        }
        if clock.trust() == Trust::None {
            return if days < 0 {
                Standing::Ends(days)
            } else {
                Standing::Good(days)
            };
        }
        if from > now {
            Standing::None(Unfit::NotYet)
        } else if days > i64::try_from(LEAF_DAYS).unwrap_or(0) + 2 {
            Standing::None(Unfit::TooLong)
        } else if days > RENEW_DAYS {
            Standing::Good(days)
        } else {
            Standing::Ends(days)
        }
    }

    /// True when a new certificate is to be made in its place now.
    #[must_use]
    pub fn is_due(&self, folder: &Path, clock: &Clock) -> bool {
        match self.standing(folder, clock) {
            Standing::None(_) => true,
            Standing::Good(_) => false,
            Standing::Ends(_) => is_settled(clock),
        }
    }

    /// Makes a server's certificate in its place.
    ///
    /// # Errors
    /// When the authority's key is gone or damaged, or a file cannot be written.
    pub fn make(
        &self,
        folder: &Path,
        authority: &str,
        name: &str,
        names: &[String],
        clock: &Clock,
    ) -> io::Result<()> {
        let now = clock.certain_s();
        let authority = Authority::load_or_make(folder, authority, now)?;
        self.write(&authority.server_at(
            name,
            names,
            (clock.trust() != Trust::None).then_some(now),
        )?)
    }
}

/// True when the clock may be believed about an end: somebody vouches for it, or it ran for an hour
/// and nobody set it right.
#[must_use]
pub fn is_settled(clock: &Clock) -> bool {
    match clock.trust() {
        Trust::Synced => true,
        Trust::Restored => clock.mono_ms() >= SETTLED_MS,
        Trust::None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    const NOW: u64 = 1_800_000_000;

    fn at(s: u64) -> Clock {
        Clock::manual(i64::try_from(s * 1000).expect("ms"))
    }

    #[test]
    fn what_a_peer_would_refuse_counts_as_none_and_a_good_one_stays_without_a_time() {
        let folder = std::env::temp_dir().join(format!(
            "conglang-standing-{}",
            getrandom::u64().expect("random")
        ));
        let ca = folder.join("ca");
        let names = ["localhost".to_owned()];
        let files = Files::named(&folder, "mqtt");
        assert_eq!(files.standing(&ca, &at(NOW)), Standing::None(Unfit::Gone));
        files
            .make(&ca, "Bến Thóc", "gate", &names, &at(NOW))
            .expect("made");
        assert_eq!(files.standing(&ca, &at(NOW)), Standing::Good(90));
        assert_eq!(files.standing(&ca, &at(NOW + 61 * DAY)), Standing::Ends(29));
        assert!(files.is_due(&ca, &at(NOW + 61 * DAY)), "a known time");
        let unknown = Clock::unknown(0);
        assert!(
            !files.is_due(&ca, &unknown),
            "nothing is made over a good one while the time is not known"
        );
        // Made by a clock at 2100: it works now too, and is made again because it would last 73
        // years.
        let far = NOW + 27_000 * DAY;
        files
            .make(&ca, "Bến Thóc", "gate", &names, &at(far))
            .expect("made");
        assert_eq!(files.days_left(NOW), Some(27_090));
        assert_eq!(
            files.standing(&ca, &at(NOW)),
            Standing::None(Unfit::TooLong)
        );
        assert_eq!(
            files.standing(&ca, &at(far)),
            Standing::Good(90),
            "its CA lasts as long"
        );
        // Without a time it lasts until the CA's end, so that no device is out; with one it is made
        // again.
        files
            .make(&ca, "Bến Thóc", "gate", &names, &unknown)
            .expect("made");
        assert!(!files.is_due(&ca, &unknown) && files.is_due(&ca, &at(NOW)));
        // Of another house, and without its key.
        Files::make(
            &files,
            &folder.join("other"),
            "Gò Mít",
            "gate",
            &names,
            &at(NOW),
        )
        .expect("made");
        assert_eq!(
            files.standing(&ca, &at(NOW)),
            Standing::None(Unfit::Foreign)
        );
        files
            .make(&ca, "Bến Thóc", "gate", &names, &at(NOW))
            .expect("made");
        let pem = std::fs::read_to_string(&files.certificate).expect("read");
        std::fs::write(
            &files.certificate,
            &pem[pem.find("-----BEGIN CERT").expect("certificate")..],
        )
        .expect("written");
        assert_eq!(
            files.standing(&ca, &at(NOW)),
            Standing::None(Unfit::Damaged)
        );
        std::fs::remove_dir_all(folder).expect("clean");
    }

    #[test]
    fn a_ca_is_made_again_over_its_key_and_never_over_a_lost_one() {
        let folder =
            std::env::temp_dir().join(format!("conglang-ca-{}", getrandom::u64().expect("random")));
        let first = Authority::load_or_make(&folder, "Bến Thóc", NOW)
            .expect("made")
            .certificate()
            .to_owned();
        let pinned = folder.join("pinned.pem");
        std::fs::write(&pinned, &first).expect("written");
        assert_eq!(
            Authority::load_or_make(&folder, "Bến Thóc", NOW + 9_000 * DAY)
                .expect("loaded")
                .certificate(),
            first,
            "it lasts"
        );
        for harm in ["gone", "bit", "end"] {
            match harm {
                "gone" => std::fs::remove_file(folder.join("ca.pem")).expect("removed"),
                "bit" => std::fs::write(folder.join("ca.pem"), &first[..200]).expect("written"),
                _ => {}
            }
            let later = NOW + if harm == "end" { 11_000 * DAY } else { 0 };
            let again = Authority::load_or_make(&folder, "Bến Thóc", later).expect("made again");
            let leaf = again.client("den-01", later).expect("leaf");
            tls::check_client(&pinned, leaf.certificate.as_bytes(), "den-01", &at(later))
                .expect("whoever pinned the first one trusts it");
        }
        std::fs::write(folder.join("ca.key"), "").expect("truncated");
        assert!(Authority::load_or_make(&folder, "Bến Thóc", NOW).is_err());
        std::fs::remove_file(folder.join("ca.key")).expect("removed");
        assert!(
            Authority::load_or_make(&folder, "Bến Thóc", NOW).is_err(),
            "a key is never made over a certificate"
        );
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
