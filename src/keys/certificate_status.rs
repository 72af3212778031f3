//! The status of one of our own certificates, and whether another is to be made: one judgement for
//! the start, for renewals, for `cert show` and for `doctor`.
//!
//! Invariants: a certificate that a peer would refuse counts as unusable, whatever days it has left
//! (not valid yet, beyond its CA's end, signed by another CA, without its key). So does one that
//! lasts longer than any that is made, because a wrong clock dated it. A good certificate is never
//! replaced while the time is not known.

use std::io;
use std::path::Path;

use super::authority::{Authority, CertificateFiles};
use super::lifetime::{LEAF_DAYS, RemainingLifetime};
use super::{tls, x509};
use crate::supervisor::clock::{Clock, Trust};

/// How long a clock must have run, ms, that no time source confirmed and nobody corrected, to be
/// believed about the end of a certificate.
const CLOCK_TRUST_AFTER_MS: u64 = 3_600_000;

/// The status of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateStatus {
    /// It can be used; days that are left.
    Valid(i64),
    /// It ends soon, or ended; days that are left.
    ExpiringSoon(i64),
    /// There is none that can be used.
    Unusable(CertificateProblem),
}

/// Why a certificate counts as unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateProblem {
    /// No file.
    Missing,
    /// Not a certificate with its key.
    Damaged,
    /// Another authority signed it.
    WrongIssuer,
    /// Its validity begins later.
    NotYetValid,
    /// It ends later than its authority, or later than any that is made now.
    ValidityTooLong,
}

impl CertificateStatus {
    /// Days that are left; none = there is no certificate that can be used.
    #[must_use]
    pub const fn days_left(self) -> Option<i64> {
        match self {
            Self::Valid(days) | Self::ExpiringSoon(days) => Some(days),
            Self::Unusable(_) => None,
        }
    }
}

impl CertificateFiles {
    /// Days until a certificate of another authority ends; none = it is missing or damaged, or not
    /// valid yet as far as the time is known.
    #[must_use]
    pub fn remaining_days(&self, clock: &Clock) -> Option<i64> {
        let now = clock.trusted_s();
        let (from, _) = self.validity()?;
        // Without a known time nothing can be said about the beginning of its validity.
        let at = if clock.trust() == Trust::None {
            now.max(u64::try_from(from).unwrap_or(0))
        } else {
            now
        };
        self.days_left(at)
    }

    /// How much of its lifetime the certificate of another authority has left; none as in
    /// [`Self::remaining_days`].
    #[must_use]
    pub fn lifetime(&self, clock: &Clock) -> Option<RemainingLifetime> {
        let (from, until, now) = self.validity_at(clock)?;
        Some(RemainingLifetime::new(from, until, now))
    }

    /// How much of its lifetime a leaf has left that one of our authorities made, also the
    /// commune's; none as in [`Self::remaining_days`].
    #[must_use]
    pub fn lifetime_of_own_leaf(&self, clock: &Clock) -> Option<RemainingLifetime> {
        let (from, until, now) = self.validity_at(clock)?;
        Some(RemainingLifetime::of_own_leaf(from, until, now))
    }

    /// Its first and last second, and the time at which it is judged; none = it is missing or
    /// damaged, or not valid yet as far as the time is known.
    fn validity_at(&self, clock: &Clock) -> Option<(i64, i64, i64)> {
        let (from, until) = self.validity()?;
        let now = seconds(clock);
        if clock.trust() == Trust::None {
            Some((from, until, now.max(from)))
        } else {
            (from <= now).then_some((from, until, now))
        }
    }

    /// The status of a certificate that the authority in `folder` made.
    #[must_use]
    pub fn status(&self, folder: &Path, clock: &Clock) -> CertificateStatus {
        let Ok(pem) = std::fs::read(&self.certificate) else {
            return CertificateStatus::Unusable(CertificateProblem::Missing);
        };
        let Some((from, until)) = self
            .validity()
            .filter(|_| tls::ReloadableCertificate::load(self).is_ok())
        else {
            return CertificateStatus::Unusable(CertificateProblem::Damaged);
        };
        let ca = folder.join("ca.pem");
        let Some(end) = std::fs::read(&ca)
            .ok()
            .and_then(|pem| x509::validity(&pem))
            .map(|v| v.1)
        else {
            return CertificateStatus::Unusable(CertificateProblem::WrongIssuer);
        };
        if !tls::is_signed_by(&ca, &pem) {
            return CertificateStatus::Unusable(CertificateProblem::WrongIssuer);
        }
        let now = seconds(clock);
        let lifetime = RemainingLifetime::of_own_leaf(from, until, now);
        let days = lifetime.days();
        if until > end {
            return CertificateStatus::Unusable(CertificateProblem::ValidityTooLong);
        }
        if clock.trust() == Trust::None {
            return if lifetime.is_over() {
                CertificateStatus::ExpiringSoon(days)
            } else {
                CertificateStatus::Valid(days)
            };
        }
        if from > now {
            CertificateStatus::Unusable(CertificateProblem::NotYetValid)
        } else if days > i64::try_from(LEAF_DAYS).unwrap_or(0) + 2 {
            CertificateStatus::Unusable(CertificateProblem::ValidityTooLong)
        } else if lifetime.is_due() {
            CertificateStatus::ExpiringSoon(days)
        } else {
            CertificateStatus::Valid(days)
        }
    }

    /// True when another certificate is to be made in its place now.
    #[must_use]
    pub fn is_due(&self, folder: &Path, clock: &Clock) -> bool {
        match self.status(folder, clock) {
            CertificateStatus::Unusable(_) => true,
            CertificateStatus::Valid(_) => false,
            CertificateStatus::ExpiringSoon(_) => is_clock_trusted(clock),
        }
    }

    /// Makes a server's certificate in its place.
    ///
    /// # Errors
    /// When the authority's key is missing or damaged, or a file cannot be written.
    pub fn issue_server(
        &self,
        folder: &Path,
        authority: &str,
        name: &str,
        names: &[String],
        clock: &Clock,
    ) -> io::Result<()> {
        let now = clock.trusted_s();
        let authority = Authority::load_or_make(folder, authority, now)?;
        self.write(&authority.issue_server_at(
            name,
            names,
            (clock.trust() != Trust::None).then_some(now),
        )?)
    }
}

/// The last known time, seconds since 1970.
fn seconds(clock: &Clock) -> i64 {
    i64::try_from(clock.trusted_s()).unwrap_or(i64::MAX)
}

/// True when the clock may be believed about the end of a certificate: a time source confirmed it,
/// or it ran for an hour and nobody corrected it.
#[must_use]
pub fn is_clock_trusted(clock: &Clock) -> bool {
    match clock.trust() {
        Trust::Synced => true,
        Trust::Restored => clock.mono_ms().ms() >= CLOCK_TRUST_AFTER_MS,
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
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let ca = folder.join("ca");
        let names = ["localhost".to_owned()];
        let files = CertificateFiles::named(folder, "mqtt");
        assert_eq!(
            files.status(&ca, &at(NOW)),
            CertificateStatus::Unusable(CertificateProblem::Missing)
        );
        files
            .issue_server(&ca, "Bến Thóc", "gate", &names, &at(NOW))
            .expect("made");
        assert_eq!(files.status(&ca, &at(NOW)), CertificateStatus::Valid(90));
        assert_eq!(
            files.status(&ca, &at(NOW + 61 * DAY)),
            CertificateStatus::ExpiringSoon(29)
        );
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
            .issue_server(&ca, "Bến Thóc", "gate", &names, &at(far))
            .expect("made");
        assert_eq!(files.days_left(NOW), Some(27_090));
        assert_eq!(
            files.status(&ca, &at(NOW)),
            CertificateStatus::Unusable(CertificateProblem::ValidityTooLong)
        );
        assert_eq!(
            files.status(&ca, &at(far)),
            CertificateStatus::Valid(90),
            "its CA lasts as long"
        );
        // Without a known time it lasts until the CA's end, so that no device is locked out; with
        // one it is made again.
        files
            .issue_server(&ca, "Bến Thóc", "gate", &names, &unknown)
            .expect("made");
        assert!(!files.is_due(&ca, &unknown) && files.is_due(&ca, &at(NOW)));
        // A certificate of another gateway, and one without its key.
        CertificateFiles::issue_server(
            &files,
            &folder.join("other"),
            "Gò Mít",
            "gate",
            &names,
            &at(NOW),
        )
        .expect("made");
        assert_eq!(
            files.status(&ca, &at(NOW)),
            CertificateStatus::Unusable(CertificateProblem::WrongIssuer)
        );
        files
            .issue_server(&ca, "Bến Thóc", "gate", &names, &at(NOW))
            .expect("made");
        let pem = std::fs::read_to_string(&files.certificate).expect("read");
        std::fs::write(
            &files.certificate,
            &pem[pem.find("-----BEGIN CERT").expect("certificate")..],
        )
        .expect("written");
        assert_eq!(
            files.status(&ca, &at(NOW)),
            CertificateStatus::Unusable(CertificateProblem::Damaged)
        );
    }

    #[test]
    fn each_certificate_is_due_in_the_last_third_of_its_lifetime_however_long() {
        let temporary = tempfile::tempdir().expect("folder");
        let files = CertificateFiles::named(temporary.path(), "public");
        for days in [6, 45, 90, 365] {
            let date =
                |s: u64| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(s);
            let key = rcgen::KeyPair::generate().expect("key");
            let names = vec!["h7.example".to_owned()];
            let mut params = rcgen::CertificateParams::new(names).expect("names");
            let end = NOW + days * DAY;
            (params.not_before, params.not_after) = (date(NOW), date(end));
            let certificate = params.self_signed(&key).expect("signed").pem();
            std::fs::write(&files.key, key.serialize_pem() + &certificate).expect("written");
            let lifetime = |s: u64| {
                let lifetime = files.lifetime(&at(s)).expect("a lifetime");
                (lifetime.is_due(), lifetime.is_over(), lifetime.days())
            };
            let third = days * DAY / 3;
            let whole = |s: u64| i64::try_from(s / DAY).expect("days");
            assert_eq!(lifetime(NOW), (false, false, whole(days * DAY)));
            assert_eq!(lifetime(end - third), (false, false, whole(third)));
            assert_eq!(
                lifetime(end - third + 1),
                (true, false, whole(third - 1)),
                "a certificate of {days} days"
            );
            assert_eq!(lifetime(end), (true, false, 0));
            assert_eq!(lifetime(end + 1), (true, true, -1));
            assert_eq!(files.lifetime(&at(NOW - 1)), None, "it has not begun");
            let unknown = files.lifetime(&Clock::unknown(0)).expect("a lifetime");
            assert!(!unknown.is_due(), "without a date nothing is due");
        }
    }

    #[test]
    fn a_ca_is_made_again_over_its_key_and_never_over_a_lost_one() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let first = Authority::load_or_make(folder, "Bến Thóc", NOW)
            .expect("made")
            .certificate()
            .to_owned();
        let pinned = folder.join("pinned.pem");
        std::fs::write(&pinned, &first).expect("written");
        assert_eq!(
            Authority::load_or_make(folder, "Bến Thóc", NOW + 7_000 * DAY)
                .expect("loaded")
                .certificate(),
            first,
            "it lasts"
        );
        let spare = folder.join("spare");
        std::fs::create_dir(&spare).expect("folder");
        for name in ["ca.pem", "ca.key"] {
            std::fs::copy(folder.join(name), spare.join(name)).expect("copied");
        }
        let third = Authority::load_or_make(&spare, "Bến Thóc", NOW + 7_600 * DAY);
        assert_ne!(
            third.expect("made").certificate(),
            first,
            "in the last third of its lifetime"
        );
        for harm in ["gone", "bit", "end"] {
            match harm {
                "gone" => std::fs::remove_file(folder.join("ca.pem")).expect("removed"),
                "bit" => std::fs::write(folder.join("ca.pem"), &first[..200]).expect("written"),
                _ => {}
            }
            let later = NOW + if harm == "end" { 11_000 * DAY } else { 0 };
            let again = Authority::load_or_make(folder, "Bến Thóc", later).expect("made again");
            let leaf = again.issue_client("den-01", later).expect("leaf");
            tls::check_client(&pinned, leaf.certificate.as_bytes(), "den-01", &at(later))
                .expect("whoever pinned the first one trusts it");
        }
        std::fs::write(folder.join("ca.key"), "").expect("truncated");
        assert!(Authority::load_or_make(folder, "Bến Thóc", NOW).is_err());
        std::fs::remove_file(folder.join("ca.key")).expect("removed");
        assert!(
            Authority::load_or_make(folder, "Bến Thóc", NOW).is_err(),
            "a key is never made over a certificate"
        );
    }
}
