//! The name under which phones accept this machine over HTTPS: one that the village's wifi resolves
//! and that the installed certificate is for, while both the certificate and the clock are good.
//!
//! Deliberately absent: whether a phone trusts the authority. No list of authorities lies here; a
//! certificate that signs itself is refused, and the technician installs what an authority gave.

use super::authority::CertificateFiles;
use super::{tls, x509};
use crate::supervisor::clock::{Clock, Trust};

impl CertificateFiles {
    /// The first of these names that phones accept over HTTPS now; none = none of them.
    #[must_use]
    pub fn name_for_phones(&self, names: &[String], clock: &Clock) -> Option<String> {
        // A phone judges with its own clock; with a date that is not known nothing can be promised.
        if clock.trust() == Trust::None {
            return None;
        }
        let pem = std::fs::read(&self.certificate).ok()?;
        let now = i64::try_from(clock.trusted_s()).ok()?;
        let (from, until) = x509::validity(&pem)?;
        let is_good = (from..until).contains(&now)
            && !x509::is_self_signed(&pem)
            && tls::ReloadableCertificate::load(self).is_ok();
        let certified = x509::names(&pem);
        let is_certified = |name: &&String| certified.iter().any(|c| covers(c, name));
        names.iter().filter(|_| is_good).find(is_certified).cloned()
    }
}

/// Whether a name of a certificate, which may begin with `*.`, is for this host.
fn covers(certified: &str, host: &str) -> bool {
    match certified.strip_prefix("*.") {
        Some(domain) => host
            .split_once('.')
            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
        None => certified.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn phones_are_told_a_name_only_while_they_would_accept_it() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let clock = |s: u64| Clock::manual(i64::try_from(s * 1_000).expect("ms"));
        let files = CertificateFiles::named(folder, "public");
        let names = ["nhavanhoa.lan", "h7.example"].map(str::to_owned);
        let told = |clock: &Clock| files.name_for_phones(&names, clock);
        assert_eq!(told(&clock(NOW)), None, "none is installed");
        let certified = ["h7.example".to_owned()];
        files
            .issue_server(
                &folder.join("ca"),
                "Authority",
                "h7",
                &certified,
                &clock(NOW),
            )
            .expect("made");
        assert_eq!(told(&clock(NOW)).as_deref(), Some("h7.example"));
        assert_eq!(told(&Clock::unknown(0)), None, "no date");
        assert_eq!(told(&clock(NOW + 200 * 86_400)), None, "it ended");
        let others = ["benthoc.example".to_owned()];
        assert_eq!(files.name_for_phones(&others, &clock(NOW)), None);
        std::fs::copy(folder.join("ca/ca.pem"), &files.certificate).expect("copied");
        assert_eq!(told(&clock(NOW)), None, "an authority is no server");
        assert!(covers("*.example", "h7.example") && !covers("*.example", "a.h7.example"));
    }
}
