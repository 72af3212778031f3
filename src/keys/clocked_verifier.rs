//! The time by which a peer's certificate is judged.
//!
//! Invariant: where a time source confirmed the clock, certificates are judged by it, strictly.
//! Otherwise (a dead clock at 1970, one decades ahead, and as well a mistyped year that could be
//! true) the time is only known not to be before the floor. Then a certificate is refused for its
//! dates only when no time from the floor on fits, because a wrong clock must lock nobody out. The
//! newest key of each name is recorded besides ([`super::holders`]). Signature, issuer, name and
//! use are judged as ever.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::x509::validity_of;
use crate::supervisor::clock::{Clock, Trust};

/// The time by which a certificate is judged.
pub fn verification_time(certificate: &CertificateDer<'_>, clock: &Clock) -> UnixTime {
    let is_known = clock.trust() == Trust::Synced;
    let now = i64::try_from(if is_known {
        clock.trusted_s()
    } else {
        clock.floor_s()
    })
    .unwrap_or(i64::MAX);
    let at = match validity_of(certificate) {
        // Dates that fit a time from the floor on are judged at such a time. A certificate that
        // ended before the floor, or whose dates contradict each other, is refused beyond doubt.
        Some((from, until)) if !is_known && from <= until && now <= until => now.max(from),
        _ => now,
    };
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)))
}

/// A verifier that judges certificates at [`verification_time`].
#[derive(Debug)]
pub struct ClockedVerifier<V: ?Sized> {
    clock: Clock,
    inner: Arc<V>,
}

impl<V: ?Sized> ClockedVerifier<V> {
    /// Wraps a strict verifier.
    pub const fn new(inner: Arc<V>, clock: Clock) -> Self {
        Self { clock, inner }
    }
}

impl ServerCertVerifier for ClockedVerifier<WebPkiServerVerifier> {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(
            first,
            rest,
            name,
            ocsp,
            verification_time(first, &self.clock),
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl ClientCertVerifier for ClockedVerifier<dyn ClientCertVerifier> {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        first: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.inner
            .verify_client_cert(first, rest, verification_time(first, &self.clock))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::authority::Authority;
    use crate::keys::tls;

    #[test]
    fn dates_are_judged_strictly_by_a_known_time_and_only_by_the_floor_without_one() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let now = 1_800_000_000;
        let authority = Authority::load_or_make(folder, "Bến Thóc", now).expect("made");
        let ca = folder.join("ca.pem");
        let leaf = |at: u64| {
            authority
                .issue_client("ben-thoc", at)
                .expect("leaf")
                .certificate
        };
        let verdict = |pem: &str, clock: &Clock| {
            tls::check_client(&ca, pem.as_bytes(), "ben-thoc", clock).is_ok()
        };
        let known = Clock::manual(i64::try_from(now * 1000).expect("ms"));
        assert!(verdict(&leaf(now), &known));
        assert!(
            !verdict(&leaf(now - 91 * 86_400), &known),
            "it ended yesterday, and the time is known"
        );
        let lost = Clock::unknown(i64::try_from(now * 1000).expect("ms"));
        assert!(verdict(&leaf(now), &lost));
        assert!(
            !verdict(&leaf(now - 91 * 86_400), &lost),
            "it ended before the time that is known to be over"
        );
        assert!(!verdict("garbage", &lost));
    }
}
