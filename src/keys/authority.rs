//! A certificate authority for machines: devices and villages. Its certificate never goes on a
//! phone.
//!
//! The commune has one for its villages, each gateway one for its devices. ECDSA P-256. Serial
//! numbers are random: a certificate that is made again must not repeat one.
//!
//! Dates are such that a clock which was wrong for a while does no lasting harm. Every certificate
//! is valid from the beginning of its CA, a CA from before any box that runs this program, and no
//! certificate outlasts its CA. A leaf lasts 90 days, a CA thirty years. A CA's certificate is made
//! again over the same key before it ends, so that peers which pinned it go on. The status of a
//! certificate is judged in `certificate_status.rs`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
};

use super::lifetime::{LEAF_DAYS, RemainingLifetime};

const CA_DAYS: u64 = 10_957;
const DAY: u64 = 86_400;
/// Common name of a gateway's authority.
pub const HOUSE_CA_NAME: &str = "Cổng Làng, nhà văn hóa";
/// The latest time in a certificate, seconds: certificates have four digits for the year.
const MAX_UNIX_S: u64 = 200_000_000_000;
/// The beginning of a CA's validity at the latest, seconds.
const CA_NOT_BEFORE_S: u64 = (crate::supervisor::clock::BUILD_FLOOR_MS / 1000) as u64;

/// An authority whose key is in memory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    /// Its certificate's first and last second.
    validity: (i64, i64),
}

/// A certificate chain and its key, PEM.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// Certificate.
    pub certificate: String,
    /// PKCS #8 key.
    pub key: String,
}

fn params(name: &str, sans: &[String], from_s: u64, until_s: u64) -> io::Result<CertificateParams> {
    let mut p = CertificateParams::new(sans.to_vec()).map_err(io::Error::other)?;
    p.distinguished_name = DistinguishedName::new();
    p.distinguished_name.push(DnType::CommonName, name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    p.not_before = epoch + Duration::from_secs(from_s.min(MAX_UNIX_S));
    p.not_after = epoch + Duration::from_secs(until_s.min(MAX_UNIX_S));
    let mut serial = super::secret::random::<16>()?;
    serial[0] = serial[0] & 0x7f | 0x40;
    p.serial_number = Some(SerialNumber::from(serial.to_vec()));
    Ok(p)
}

/// A CA's certificate over its key: valid for thirty years from `now_s`, and for all of `validity`.
fn ca_certificate(
    key: &KeyPair,
    name: &str,
    now_s: u64,
    validity: Option<(i64, i64)>,
) -> io::Result<String> {
    let second = |s: i64| u64::try_from(s).unwrap_or(0);
    let from = CA_NOT_BEFORE_S
        .min(now_s.saturating_sub(DAY))
        .min(validity.map_or(u64::MAX, |v| second(v.0)));
    let until = now_s
        .min(MAX_UNIX_S)
        .saturating_add(CA_DAYS * DAY)
        .max(validity.map_or(0, |v| second(v.1)));
    let mut p = params(name, &[], from, until)?;
    p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(p.self_signed(key).map_err(io::Error::other)?.pem())
}

impl Authority {
    /// Loads `<folder>/ca.pem` and `ca.key`, or makes a new authority named `name` where neither
    /// exists. A certificate that is missing, damaged, not valid at `now_s` or due is made
    /// again over the key: peers that pinned the old one still trust what it signs.
    ///
    /// # Errors
    /// When a file cannot be read or written, or when the key is missing or damaged: a key is never
    /// made for an existing certificate.
    pub fn load_or_make(folder: &Path, name: &str, now_s: u64) -> io::Result<Self> {
        let (cert_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
        if !cert_path.exists() && !key_path.exists() {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
            super::secret::write_file(&key_path, key.serialize_pem().as_bytes())?;
        }
        let key = std::fs::read_to_string(&key_path)
            .and_then(|pem| KeyPair::from_pem(&pem).map_err(io::Error::other));
        let key = key.map_err(|cause| {
            io::Error::new(
                cause.kind(),
                format!(
                    "the key of the authority {} cannot be used: {cause}",
                    key_path.display()
                ),
            )
        })?;
        let found = std::fs::read(&cert_path)
            .ok()
            .filter(|pem| super::x509::validity(pem).is_some());
        if found
            .as_ref()
            .is_some_and(|pem| !super::x509::holds_key(pem, &key.subject_public_key_info()))
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} and {} do not belong together",
                    cert_path.display(),
                    key_path.display()
                ),
            ));
        }
        let validity = found.as_deref().and_then(super::x509::validity);
        let now = i64::try_from(now_s).unwrap_or(i64::MAX);
        let stands = validity.is_some_and(|(from, until)| {
            from <= now && !RemainingLifetime::new(from, until, now).is_due()
        });
        if !stands {
            // The name is part of what peers pinned.
            let known = found.as_deref().and_then(super::x509::common_name_of);
            super::secret::write_file(
                &cert_path,
                ca_certificate(&key, known.as_deref().unwrap_or(name), now_s, validity)?.as_bytes(),
            )?;
        }
        let certificate = std::fs::read_to_string(&cert_path)?;
        let validity = super::x509::validity(certificate.as_bytes()).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is no certificate", cert_path.display()),
            )
        })?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(io::Error::other)?;
        Ok(Self {
            issuer,
            certificate,
            validity,
        })
    }

    /// True when the file holds a certificate.
    #[must_use]
    pub fn is_certificate(path: &Path) -> bool {
        std::fs::read(path).is_ok_and(|pem| super::x509::validity(&pem).is_some())
    }

    /// True when certificate and key in `folder` belong together.
    #[must_use]
    pub fn is_pair(folder: &Path) -> bool {
        let key = std::fs::read_to_string(folder.join("ca.key"))
            .ok()
            .and_then(|pem| KeyPair::from_pem(&pem).ok());
        key.zip(std::fs::read(folder.join("ca.pem")).ok())
            .is_some_and(|(key, pem)| super::x509::holds_key(&pem, &key.subject_public_key_info()))
    }

    /// The CA's certificate, PEM: what peers trust.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Issues a leaf: valid from the CA's beginning, for [`LEAF_DAYS`] from now, never beyond the
    /// CA's end. Without a known time it is valid until that end; it is made again when the time is
    /// known.
    fn issue_leaf(
        &self,
        key: &impl PublicKeyData,
        name: &str,
        sans: &[String],
        usage: ExtendedKeyUsagePurpose,
        now_s: Option<u64>,
    ) -> io::Result<String> {
        let (from, end) = (
            u64::try_from(self.validity.0).unwrap_or(0),
            u64::try_from(self.validity.1).unwrap_or(0),
        );
        let mut p = params(
            name,
            sans,
            from,
            now_s.map_or(end, |now| {
                now.min(MAX_UNIX_S).saturating_add(LEAF_DAYS * DAY).min(end)
            }),
        )?;
        p.is_ca = IsCa::ExplicitNoCa;
        p.use_authority_key_identifier_extension = true;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.extended_key_usages = vec![usage];
        Ok(p.signed_by(key, &self.issuer)
            .map_err(io::Error::other)?
            .pem())
    }

    /// A server's certificate for these names and addresses.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn issue_server(
        &self,
        name: &str,
        sans: &[String],
        now_s: u64,
    ) -> io::Result<IssuedCertificate> {
        self.issue_server_at(name, sans, Some(now_s))
    }

    /// As [`Authority::issue_server`]; none = the time is not known.
    ///
    /// # Errors
    /// As [`Authority::issue_server`].
    pub fn issue_server_at(
        &self,
        name: &str,
        sans: &[String],
        now_s: Option<u64>,
    ) -> io::Result<IssuedCertificate> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate =
            self.issue_leaf(&key, name, sans, ExtendedKeyUsagePurpose::ServerAuth, now_s)?;
        Ok(IssuedCertificate {
            certificate,
            key: key.serialize_pem(),
        })
    }

    /// A client's certificate; its common name identifies the client.
    ///
    /// # Errors
    /// When the name cannot stand in a certificate.
    pub fn issue_client(&self, name: &str, now_s: u64) -> io::Result<IssuedCertificate> {
        self.issue_client_at(name, Some(now_s))
    }

    /// As [`Authority::issue_client`]; none = the time is not known.
    ///
    /// # Errors
    /// As [`Authority::issue_client`].
    pub fn issue_client_at(&self, name: &str, now_s: Option<u64>) -> io::Result<IssuedCertificate> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate =
            self.issue_leaf(&key, name, &[], ExtendedKeyUsagePurpose::ClientAuth, now_s)?;
        Ok(IssuedCertificate {
            certificate,
            key: key.serialize_pem(),
        })
    }

    /// Signs a request for `name`: only its public key is used, never the name or rights that it
    /// asks for.
    ///
    /// # Errors
    /// When it is no request, or does not prove that its sender has the key.
    pub fn sign_request(&self, request: &str, name: &str, now_s: u64) -> io::Result<String> {
        let csr = CertificateSigningRequestParams::from_pem(request).map_err(io::Error::other)?;
        self.issue_leaf(
            &csr.public_key,
            name,
            &[],
            ExtendedKeyUsagePurpose::ClientAuth,
            Some(now_s),
        )
    }
}

/// A new key, and a request for a certificate with it: both PEM.
///
/// # Errors
/// When the name cannot stand in a request.
pub fn certificate_request(name: &str) -> io::Result<(String, String)> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
    let mut p = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
    p.distinguished_name = DistinguishedName::new();
    p.distinguished_name.push(DnType::CommonName, name);
    let request = p
        .serialize_request(&key)
        .map_err(io::Error::other)?
        .pem()
        .map_err(io::Error::other)?;
    Ok((request, key.serialize_pem()))
}

/// The files of a served certificate.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// Chain, PEM.
    pub certificate: PathBuf,
    /// Key, PEM.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Both in `<folder>/<name>.pem`: one file, so that a power cut cannot separate them.
    #[must_use]
    pub fn named(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.pem"));
        Self {
            certificate: path.clone(),
            key: path,
        }
    }

    /// Writes certificate and key.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, identity: &IssuedCertificate) -> io::Result<()> {
        if self.key == self.certificate {
            return super::secret::write_file(
                &self.key,
                [identity.key.as_str(), &identity.certificate]
                    .concat()
                    .as_bytes(),
            );
        }
        super::secret::write_file(&self.key, identity.key.as_bytes())?;
        super::secret::write_file(&self.certificate, identity.certificate.as_bytes())
    }

    /// Days until the certificate ends; none = it is missing or damaged, or not valid yet.
    #[must_use]
    pub fn days_left(&self, now_s: u64) -> Option<i64> {
        let now = i64::try_from(now_s).unwrap_or(i64::MAX);
        self.validity()
            .filter(|(from, _)| *from <= now)
            .map(|(_, end)| (end.saturating_sub(now)).div_euclid(86_400))
    }

    /// The certificate's first and last second.
    pub(super) fn validity(&self) -> Option<(i64, i64)> {
        super::x509::validity(&std::fs::read(&self.certificate).ok()?)
    }
}
