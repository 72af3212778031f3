//! rustls configurations: one provider, certificates that are replaced while serving, a clock with
//! a floor.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::authority::CertificateFiles;
use super::clocked_verifier::{self, ClockedVerifier};
use super::x509::{chain, common_name, validity_of};
use crate::supervisor::clock::Clock;

/// The TLS provider, ring.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[derive(Debug)]
struct ClockTimeProvider(Clock);

impl TimeProvider for ClockTimeProvider {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(
            u64::try_from(self.0.trusted_ms().ms()).unwrap_or(0),
        )))
    }
}

/// A served certificate that can be replaced while connections are open.
#[derive(Debug)]
pub struct ReloadableCertificate(RwLock<Arc<CertifiedKey>>);

impl ReloadableCertificate {
    /// Loads chain and key.
    ///
    /// # Errors
    /// When the files are missing, damaged or do not belong together.
    pub fn load(files: &CertificateFiles) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self(RwLock::new(Arc::new(load(files)?)))))
    }

    /// Reads the files again; on an error the old certificate stays.
    ///
    /// # Errors
    /// As [`ReloadableCertificate::load`].
    pub fn reload(&self, files: &CertificateFiles) -> io::Result<()> {
        let fresh = Arc::new(load(files)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl ResolvesServerCert for ReloadableCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(
            self.0
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        )
    }
}

fn load(files: &CertificateFiles) -> io::Result<CertifiedKey> {
    let chain = chain(&std::fs::read(&files.certificate)?)?;
    let key =
        PrivateKeyDer::from_pem_slice(&std::fs::read(&files.key)?).map_err(io::Error::other)?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(io::Error::other)
}

fn root_store(ca: &Path) -> io::Result<Arc<RootCertStore>> {
    let mut store = RootCertStore::empty();
    for certificate in chain(&std::fs::read(ca)?)? {
        store.add(certificate).map_err(io::Error::other)?;
    }
    Ok(Arc::new(store))
}

/// A server's configuration. With a client CA, clients may present a certificate that it signed, or
/// (true) must.
///
/// # Errors
/// When the CA file cannot be used.
pub fn server_config(
    served: Arc<ReloadableCertificate>,
    client_ca: Option<(&Path, bool)>,
    clock: Clock,
) -> io::Result<Arc<ServerConfig>> {
    let verifier = match client_ca {
        None => WebPkiClientVerifier::no_client_auth(),
        Some((ca, must)) => {
            let builder = WebPkiClientVerifier::builder_with_provider(root_store(ca)?, provider());
            let strict = if must {
                builder
            } else {
                builder.allow_unauthenticated()
            }
            .build()
            .map_err(io::Error::other)?;
            Arc::new(ClockedVerifier::new(strict, clock.clone()))
        }
    };
    let mut config =
        ServerConfig::builder_with_details(provider(), Arc::new(ClockTimeProvider(clock)))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(served);
    if client_ca.is_some() {
        // A resumed session would admit an old client certificate unchecked.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// A client's configuration: trusts only `ca`, presents `identity` if given.
///
/// # Errors
/// When a file cannot be used.
pub fn client_config(
    ca: &Path,
    identity: Option<&CertificateFiles>,
    clock: Clock,
) -> io::Result<Arc<ClientConfig>> {
    let builder =
        ClientConfig::builder_with_details(provider(), Arc::new(ClockTimeProvider(clock.clone())))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
    let strict = WebPkiServerVerifier::builder_with_provider(root_store(ca)?, provider())
        .build()
        .map_err(io::Error::other)?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ClockedVerifier::new(strict, clock)));
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let key = PrivateKeyDer::from_pem_slice(&std::fs::read(&files.key)?)
                .map_err(io::Error::other)?;
            builder
                .with_client_auth_cert(chain(&std::fs::read(&files.certificate)?)?, key)
                .map_err(io::Error::other)?
        }
    };
    Ok(Arc::new(config))
}

/// Checks a client's certificate as its server will: signed by `ca`, for clients, named `name`,
/// valid now.
///
/// # Errors
/// The reason why the server would refuse it.
pub fn check_client(ca: &Path, pem: &[u8], name: &str, clock: &Clock) -> io::Result<()> {
    let chain = chain(pem)?;
    let (first, rest) = chain
        .split_first()
        .ok_or_else(|| io::Error::other("no certificate"))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(root_store(ca)?, provider())
        .build()
        .map_err(io::Error::other)?;
    verifier
        .verify_client_cert(
            first,
            rest,
            clocked_verifier::verification_time(first, clock),
        )
        .map_err(io::Error::other)?;
    if common_name(first).as_deref() == Some(name) {
        Ok(())
    } else {
        Err(io::Error::other("the certificate has another name"))
    }
}

/// True when `ca` signed the first certificate of a PEM file, whatever the time.
pub(super) fn is_signed_by(ca: &Path, pem: &[u8]) -> bool {
    let judge = || -> io::Result<()> {
        let chain = chain(pem)?;
        let first = chain.first().ok_or(io::ErrorKind::InvalidData)?;
        let (from, _) = validity_of(first).ok_or(io::ErrorKind::InvalidData)?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(from).unwrap_or(0)));
        let parsed =
            rustls::server::ParsedCertificate::try_from(first).map_err(io::Error::other)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &*root_store(ca)?,
            &[],
            at,
            provider().signature_verification_algorithms.all,
        )
        .map_err(io::Error::other)
    };
    judge().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::authority::Authority;

    #[test]
    fn a_house_makes_renews_and_serves_its_certificates() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let ca = Authority::load_or_make(folder, "Bến Thóc", 1_800_000_000).expect("made");
        let again = Authority::load_or_make(folder, "Bến Thóc", 1_800_000_000).expect("loaded");
        assert_eq!(ca.certificate(), again.certificate());
        let files = CertificateFiles::named(folder, "mqtt");
        files
            .write(
                &ca.issue_server(
                    "gate",
                    &["localhost".into(), "127.0.0.1".into()],
                    1_800_000_000,
                )
                .expect("leaf"),
            )
            .expect("written");
        assert_eq!(files.days_left(1_800_000_000), Some(90));
        let served = ReloadableCertificate::load(&files).expect("served");
        files
            .write(
                &again
                    .issue_server("gate", &["localhost".into()], 1_800_000_000 + 80 * 86_400)
                    .expect("leaf"),
            )
            .expect("written");
        served.reload(&files).expect("renewed while serving");
        std::fs::write(&files.certificate, "garbage").expect("write");
        assert!(served.reload(&files).is_err(), "and the old one stays");
        let village = CertificateFiles::named(folder, "village");
        village
            .write(&ca.issue_client("ben-thoc", 1_800_000_000).expect("leaf"))
            .expect("written");
        client_config(&folder.join("ca.pem"), Some(&village), Clock::manual(0))
            .expect("a client's configuration");
        let der = chain(&std::fs::read(&village.certificate).expect("read")).expect("chain");
        assert_eq!(common_name(&der[0]).as_deref(), Some("ben-thoc"));
    }
}
