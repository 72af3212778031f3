//! The keys of a village at its start. All are inspected before the journal records a boot, so that
//! a power cut in a first boot leaves no history without keys.

use std::path::Path;

use crate::keys::authority::{Authority, HOUSE_CA_NAME};
use crate::keys::ring::{self, KeyRing};
use crate::keys::secret;
use crate::speakers::sequence::SequenceCounter;
use crate::store::files::PeopleFiles;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::{Health, HealthPart};
use crate::supervisor::health_reason::HealthReason;

/// Renames an authority's certificate that does not belong to the authority's key; it is issued
/// again for the key.
///
/// # Errors
/// When the file system refuses.
pub fn quarantine_mismatched_certificate(folder: &Path) -> std::io::Result<()> {
    let certificate = folder.join("ca.pem");
    if certificate.exists() && !Authority::is_pair(folder) {
        tracing::error!(
            certificate = %certificate.display(),
            "CA certificate does not match its key; reissuing"
        );
        std::fs::rename(&certificate, folder.join("ca.pem.before"))?;
    }
    Ok(())
}

/// The keys. A lost key is none, and only the parts that need it do not work.
pub struct Secrets {
    people: Option<Vec<u8>>,
    /// Is mixed into the hashes of PINs.
    pub pepper: Option<Vec<u8>>,
    /// Signs the CSRF tokens of forms.
    pub forms: Option<Vec<u8>>,
    /// The key that signs orders to speaker clusters.
    pub voice: Option<Vec<u8>>,
    /// The hash of the token that programs present; empty = no program is let in.
    pub api_token_hash: String,
    /// Makes the ids of guests' devices.
    pub guests: Option<Vec<u8>>,
    /// There is a key to sign the broker's certificate with.
    pub has_authority: bool,
    problem: Option<HealthReason>,
}

impl Secrets {
    /// Inspects the keys in a data folder, and makes those that never existed.
    ///
    /// # Errors
    /// When a new key cannot be written.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        let mut ring = KeyRing::inspect(data);
        let people = ring.bytes(ring::PEOPLE)?;
        let pepper = ring.bytes(ring::PEPPER)?;
        let forms = ring.bytes(ring::FORMS)?;
        let guests = ring.bytes(ring::GUESTS)?;
        let voice = ring.load_or_create(ring::VOICE, |path| {
            // The reservation is there before the key: one that is missing beside a key was lost,
            // also when this start is killed between the two.
            SequenceCounter::create(&path.with_file_name("voice.last"))?;
            secret::write_file(path, &secret::random::<32>()?)
        })?;
        let token = ring.load_or_create(ring::API_TOKEN, |path| {
            secret::write_file(path, secret::token()?.as_bytes())
        })?;
        let authority = ring.load_or_create(ring::HOUSE_CA, |path| {
            let folder = path.parent().unwrap_or(path);
            Authority::load_or_make(folder, HOUSE_CA_NAME, Clock::system(0).trusted_s()).map(drop)
        })?;
        if authority.is_some() {
            quarantine_mismatched_certificate(&data.join("keys/house-ca"))?;
        }
        Ok(Self {
            people,
            pepper,
            forms,
            voice,
            guests,
            api_token_hash: token.map_or_else(String::new, |t| secret::sha256(t.trim_ascii())),
            has_authority: authority.is_some(),
            problem: ring.health_reason(),
        })
    }

    /// People's files with their key, or locked without it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn files(&self, folder: &Path) -> std::io::Result<PeopleFiles> {
        match &self.people {
            Some(key) => PeopleFiles::open(folder, key.clone()),
            None => PeopleFiles::locked(folder),
        }
    }

    /// Reports lost keys in health.
    pub fn report(&self, health: &Health) {
        health.set_red_or_green(&HealthPart::Keys, self.problem.clone());
    }
}
