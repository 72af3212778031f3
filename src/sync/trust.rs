//! Takes over from the commune the village's next certificate, and the time while the gateway's own
//! clock has no date.
//!
//! Neither is taken blindly: a certificate replaces the one in use only when it can be used, and a
//! clock that is years ahead cannot make every certificate old.

use super::uplink::Uplink;
use crate::keys::authority::{CertificateFiles, IssuedCertificate};
use crate::keys::tls;
use crate::supervisor::clock::Trust;
use crate::time::WallMs;

/// Two clocks that differ by less than this agree, ms.
const MAX_CLOCK_SKEW_MS: u64 = 120_000;

/// Longest life of a renewed certificate, days.
const MAX_VALIDITY_DAYS: i64 = 92;

impl Uplink {
    /// The certificate to show, and its remaining days: the one that lasts longest. A certificate
    /// that lasts longer than [`MAX_VALIDITY_DAYS`] was dated by a wrong clock, so it comes last of
    /// those that can be used.
    pub(super) fn best_certificate(&self) -> (&CertificateFiles, i64) {
        let days = |f: &CertificateFiles| {
            f.remaining_days(&self.clock)
                .map_or(i64::MIN, |d| if d > MAX_VALIDITY_DAYS { 0 } else { d })
        };
        let (given, renewed) = (days(&self.identity), days(&self.renewed));
        if renewed > given {
            (&self.renewed, renewed)
        } else {
            (&self.identity, given)
        }
    }

    /// The certificate to show in this connection. After a refused one the other is tried, if there
    /// is one.
    pub(super) fn next_certificate(&self, refused: u32) -> &CertificateFiles {
        let best = self.best_certificate().0;
        let other = if std::ptr::eq(best, &raw const self.identity) {
            &self.renewed
        } else {
            &self.identity
        };
        if refused % 2 == 1 && other.remaining_days(&self.clock).is_some() {
            other
        } else {
            best
        }
    }

    /// Uses the commune's time, if the commune trusts its own clock (`sure`). If it agrees with
    /// this clock, this clock counts as synced. A gateway without a date raises its floor to it,
    /// but never beyond the end of its own certificate: a commune whose clock is years ahead must
    /// not make every certificate old.
    pub(super) fn apply_commune_time(&self, now_ms: WallMs, sure: bool) {
        if !sure {
            return;
        }
        if self.clock.wall_ms().distance(now_ms) < MAX_CLOCK_SKEW_MS {
            self.clock.set_synced();
        } else if self.clock.trust() == Trust::None {
            let ends = self.clock.trusted_ms()
                + self.best_certificate().1.max(0).saturating_mul(86_400_000);
            self.clock.raise_floor(now_ms.min(ends));
        }
    }

    /// Installs a renewed certificate if it is valid and matches our key; the next connection uses
    /// it.
    pub(super) fn install_certificate(&self, certificate: &str, key: String) {
        let identity = IssuedCertificate {
            certificate: certificate.to_owned(),
            key,
        };
        // It is checked beside the one in use, which stays until the new one is known to be good.
        let next = CertificateFiles::named(
            self.renewed
                .certificate
                .parent()
                .unwrap_or(std::path::Path::new(".")),
            "commune-next",
        );
        // Signed by our commune, for us, and not for longer than certificates of its CA last.
        let judged = tls::check_client(
            &self.ca,
            certificate.as_bytes(),
            self.village.as_str(),
            &self.clock,
        )
        .and_then(|()| next.write(&identity))
        .and_then(|()| {
            if next
                .remaining_days(&self.clock)
                .is_some_and(|d| d <= MAX_VALIDITY_DAYS || self.clock.trust() == Trust::None)
            {
                Ok(())
            } else {
                Err(std::io::Error::other("it lasts too long"))
            }
        });
        let taken = judged
            .and_then(|()| tls::client_config(&self.ca, Some(&next), self.clock.clone()))
            .and_then(|_| std::fs::rename(&next.certificate, &self.renewed.certificate));
        match taken {
            Ok(()) => tracing::info!(
                days = self.best_certificate().1,
                "village certificate renewed by commune"
            ),
            Err(cause) => {
                tracing::error!(%cause, "renewed certificate rejected; keeping the old one");
                let _ = std::fs::remove_file(&next.certificate);
            }
        }
    }
}
