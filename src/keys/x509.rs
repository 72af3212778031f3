//! Reads names, dates and the key of a certificate, without judging it.
//!
//! Deliberately absent: whether it may be trusted. `clocked_verifier` and `tls` judge that.

use std::io;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::GeneralName;

use super::holders::CertificateProof;

/// The certificates of a PEM file, in its order; at least one.
pub(super) fn chain(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    if chain.is_empty() {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file holds no certificate",
        ))
    } else {
        Ok(chain)
    }
}

/// The one common name of a peer's certificate.
#[must_use]
pub fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let mut names = parsed.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    names.next().is_none().then_some(name)
}

/// The DNS names that the first certificate of a PEM file is for.
#[must_use]
pub fn names(pem: &[u8]) -> Vec<String> {
    let Some(first) = chain(pem).ok().and_then(|c| c.into_iter().next()) else {
        return Vec::new();
    };
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(&first) else {
        return Vec::new();
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let dns = |name: &GeneralName<'_>| {
        if let GeneralName::DNSName(name) = name {
            Some((*name).to_owned())
        } else {
            None
        }
    };
    names.value.general_names.iter().filter_map(dns).collect()
}

/// First and last second of the first certificate of a PEM file, since 1970.
#[must_use]
pub fn validity(pem: &[u8]) -> Option<(i64, i64)> {
    validity_of(chain(pem).ok()?.first()?)
}

/// Whether the first certificate of a PEM file names itself as its issuer, or cannot be read.
pub(super) fn is_self_signed(pem: &[u8]) -> bool {
    let first = chain(pem).ok().and_then(|c| c.into_iter().next());
    first.is_none_or(|first| {
        x509_parser::parse_x509_certificate(&first)
            .map_or(true, |(_, parsed)| parsed.subject() == parsed.issuer())
    })
}

/// First and last second of a certificate.
pub(super) fn validity_of(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some((
        parsed.validity().not_before.timestamp(),
        parsed.validity().not_after.timestamp(),
    ))
}

/// The common name in a PEM file's first certificate.
pub(super) fn common_name_of(pem: &[u8]) -> Option<String> {
    common_name(chain(pem).ok()?.first()?)
}

/// True when the first certificate of a PEM file is over this public key.
pub(super) fn holds_key(pem: &[u8], public: &[u8]) -> bool {
    chain(pem).is_ok_and(|c| {
        c.first()
            .and_then(|c| {
                x509_parser::parse_x509_certificate(c)
                    .ok()
                    .map(|(_, p)| p.public_key().raw == public)
            })
            .unwrap_or(false)
    })
}

/// SHA-256 of a certificate's public key, hexadecimal: identifies the holder, whatever the name is
/// and however often the certificate is renewed.
#[must_use]
pub fn key_hash(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(super::secret::sha256(parsed.public_key().raw))
}

/// The proof that a certificate gives beside its name.
#[must_use]
pub fn certificate_proof(certificate: &CertificateDer<'_>) -> Option<CertificateProof> {
    Some(CertificateProof {
        key: key_hash(certificate)?,
        until_s: validity_of(certificate)?.1,
    })
}

/// [`key_hash`] of the first certificate of a PEM file.
#[must_use]
pub fn key_hash_of(pem: &[u8]) -> Option<String> {
    key_hash(chain(pem).ok()?.first()?)
}
