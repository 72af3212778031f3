//! What the village takes from the commune on trust: its next certificate, and the time when it has none of its own.
//!
//! Neither is taken blindly: a certificate replaces the one in use only when it can be used, and a clock that is years
//! ahead cannot make every certificate old.

use super::uplink::Uplink;
use crate::keys::authority::{Files as CertFiles, Identity};
use crate::keys::tls;
use crate::supervisor::clock::Trust;

/// Clocks nearer than this agree, ms.
const AGREE_MS: u64 = 120_000;

/// Longest life of a renewed certificate, days.
const LIFE_DAYS: i64 = 92;

impl Uplink {
    /// The certificate that lasts longest, and its days.
    pub(super) fn best(&self) -> (&CertFiles, i64) {
        let now_s = u64::try_from(self.clock.certain_ms() / 1000).unwrap_or(0);
        let days = |f: &CertFiles| f.days_left(now_s).unwrap_or(i64::MIN);
        let (given, renewed) = (days(&self.identity), days(&self.renewed));
        if renewed > given { (&self.renewed, renewed) } else { (&self.identity, given) }
    }

    /// The commune's clock: two that agree are agreed. A village without a date takes its floor from it, but never one
    /// beyond the life of its own certificate: a commune that is years ahead must not make every certificate old.
    pub(super) fn take_time(&self, now_ms: i64) {
        if self.clock.wall_ms().abs_diff(now_ms) < AGREE_MS {
            self.clock.set_synced();
        } else if self.clock.trust() == Trust::None {
            let ends = self.clock.certain_ms().saturating_add(self.best().1.max(0).saturating_mul(86_400_000));
            self.clock.raise_floor(now_ms.min(ends));
        }
    }

    /// A renewed certificate is taken when it is one, for our key; the next connection uses it.
    pub(super) fn take_certificate(&self, certificate: &str, key: String) {
        let identity = Identity { certificate: certificate.to_owned(), key };
        // Judged beside the one in use, which stays until the new one is known to be good.
        let next = CertFiles::named(self.renewed.certificate.parent().unwrap_or(std::path::Path::new(".")), "commune-next");
        // Signed by our commune, for us, and not for longer than certificates of its CA last.
        let now_s = u64::try_from(self.clock.certain_ms() / 1000).unwrap_or(0);
        let judged = tls::check_client(&self.ca, certificate.as_bytes(), self.village.as_str(), &self.clock)
            .and_then(|()| next.write(&identity))
            .and_then(|()| if next.days_left(now_s).is_some_and(|d| d <= LIFE_DAYS) { Ok(()) } else { Err(std::io::Error::other("it lasts too long")) });
        let taken = judged.and_then(|()| tls::client(&self.ca, Some(&next), self.clock.clone())).and_then(|_| std::fs::rename(&next.certificate, &self.renewed.certificate));
        match taken {
            Ok(()) => tracing::info!(days = self.best().1, "the commune renewed the village's certificate"),
            Err(cause) => {
                tracing::error!(%cause, "the renewed certificate cannot be used; the old one stays");
                let _ = std::fs::remove_file(&next.certificate);
            }
        }
    }
}
