//! A certificate authority for machines: devices and villages. Never on a phone.
//!
//! The commune has one for its villages, each house one for its devices. ECDSA P-256; the CA lives ten
//! years, leaves 90 days. Serial numbers are random: a renewed key must not repeat one.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SerialNumber,
};

/// Days a leaf is valid.
pub const LEAF_DAYS: u64 = 90;
/// A leaf is renewed when fewer days are left.
pub const RENEW_DAYS: i64 = 30;
const CA_DAYS: u64 = 3652;
const DAY: u64 = 86_400;

/// An authority whose key is in memory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate chain and its key, PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Certificate.
    pub certificate: String,
    /// PKCS #8 key.
    pub key: String,
}

fn params(name: &str, sans: &[String], now_s: u64, days: u64) -> io::Result<CertificateParams> {
    let mut p = CertificateParams::new(sans.to_vec()).map_err(io::Error::other)?;
    p.distinguished_name = DistinguishedName::new();
    p.distinguished_name.push(DnType::CommonName, name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    p.not_before = epoch + Duration::from_secs(now_s.saturating_sub(DAY));
    p.not_after = epoch + Duration::from_secs(now_s + days * DAY);
    let mut serial = super::secret::random::<16>()?;
    serial[0] = serial[0] & 0x7f | 0x40;
    p.serial_number = Some(SerialNumber::from(serial.to_vec()));
    Ok(p)
}

impl Authority {
    /// Loads `<folder>/ca.pem` and `ca.key`, or makes a new authority named `name`.
    ///
    /// # Errors
    /// Whatever the file system says, or when the files are not a CA.
    pub fn load_or_make(folder: &Path, name: &str, now_s: u64) -> io::Result<Self> {
        let (cert_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
        if !cert_path.exists() {
            let mut p = params(name, &[], now_s, CA_DAYS)?;
            p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
            let certificate = p.self_signed(&key).map_err(io::Error::other)?;
            super::secret::write_file(&key_path, key.serialize_pem().as_bytes())?;
            super::secret::write_file(&cert_path, certificate.pem().as_bytes())?;
        }
        let certificate = std::fs::read_to_string(&cert_path)?;
        let key = KeyPair::from_pem(&std::fs::read_to_string(&key_path)?).map_err(io::Error::other)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(io::Error::other)?;
        Ok(Self { issuer, certificate })
    }

    /// The CA's certificate, PEM: what others trust.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    fn leaf(&self, key: &impl PublicKeyData, name: &str, sans: &[String], usage: ExtendedKeyUsagePurpose, now_s: u64) -> io::Result<String> {
        let mut p = params(name, sans, now_s, LEAF_DAYS)?;
        p.is_ca = IsCa::ExplicitNoCa;
        p.use_authority_key_identifier_extension = true;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.extended_key_usages = vec![usage];
        Ok(p.signed_by(key, &self.issuer).map_err(io::Error::other)?.pem())
    }

    /// A server's certificate for these names and addresses.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn server(&self, name: &str, sans: &[String], now_s: u64) -> io::Result<Identity> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = self.leaf(&key, name, sans, ExtendedKeyUsagePurpose::ServerAuth, now_s)?;
        Ok(Identity { certificate, key: key.serialize_pem() })
    }

    /// A client's certificate; its common name is who it is.
    ///
    /// # Errors
    /// When the name cannot stand in a certificate.
    pub fn client(&self, name: &str, now_s: u64) -> io::Result<Identity> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = self.leaf(&key, name, &[], ExtendedKeyUsagePurpose::ClientAuth, now_s)?;
        Ok(Identity { certificate, key: key.serialize_pem() })
    }

    /// Signs a request for `name`: only its public key is taken, never what it asks for.
    ///
    /// # Errors
    /// When the request is not one, or does not prove its key.
    pub fn sign_request(&self, request: &str, name: &str, now_s: u64) -> io::Result<String> {
        let csr = CertificateSigningRequestParams::from_pem(request).map_err(io::Error::other)?;
        self.leaf(&csr.public_key, name, &[], ExtendedKeyUsagePurpose::ClientAuth, now_s)
    }
}

/// A new key, and a request for a certificate with it: both PEM.
///
/// # Errors
/// When the name cannot stand in a request.
pub fn request(name: &str) -> io::Result<(String, String)> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let mut p = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
    p.distinguished_name = DistinguishedName::new();
    p.distinguished_name.push(DnType::CommonName, name);
    let request = p.serialize_request(&key).map_err(io::Error::other)?.pem().map_err(io::Error::other)?;
    Ok((request, key.serialize_pem()))
}

/// Where a served certificate lies.
#[derive(Debug, Clone)]
pub struct Files {
    /// Chain, PEM.
    pub certificate: PathBuf,
    /// Key, PEM.
    pub key: PathBuf,
}

impl Files {
    /// Both in `<folder>/<name>.pem`: one file, so that a power cut cannot part them.
    #[must_use]
    pub fn named(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.pem"));
        Self { certificate: path.clone(), key: path }
    }

    /// Writes both.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, identity: &Identity) -> io::Result<()> {
        if self.key == self.certificate {
            return super::secret::write_file(&self.key, [identity.key.as_str(), &identity.certificate].concat().as_bytes());
        }
        super::secret::write_file(&self.key, identity.key.as_bytes())?;
        super::secret::write_file(&self.certificate, identity.certificate.as_bytes())
    }

    /// Days until the certificate ends; none = there is no sound one.
    #[must_use]
    pub fn days_left(&self, now_s: u64) -> Option<i64> {
        let pem = std::fs::read(&self.certificate).ok()?;
        super::tls::not_after(&pem).map(|end| (end - i64::try_from(now_s).unwrap_or(i64::MAX)).div_euclid(86_400))
    }
}
