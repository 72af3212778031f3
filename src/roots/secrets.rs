//! The keys of a village at its start: all are looked at before the journal notes a boot, so that a
//! cut in a first boot leaves no history without them.

use std::path::Path;

use crate::keys::authority::{Authority, HOUSE};
use crate::keys::ring::{self, Ring};
use crate::keys::secret;
use crate::store::files::Files;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::{Health, Light};

/// An authority's certificate that is over another key than its own is set aside: it is made again
/// over the key.
///
/// # Errors
/// Whatever the file system says.
pub fn keep_pair(folder: &Path) -> std::io::Result<()> {
    let certificate = folder.join("ca.pem");
    if certificate.exists() && !Authority::is_pair(folder) {
        tracing::error!(certificate = %certificate.display(), "this certificate is not the authority's; it is set aside and made again over the key");
        std::fs::rename(&certificate, folder.join("ca.pem.before"))?;
    }
    Ok(())
}

/// The keys; what is lost is none, and only what needs it stops.
pub struct Secrets {
    people: Option<Vec<u8>>,
    /// Stands behind the hashes of PINs.
    pub pepper: Option<Vec<u8>>,
    /// Seals forms.
    pub forms: Option<Vec<u8>>,
    /// The village's voice.
    pub voice: Option<Vec<u8>>,
    /// The voice was made in this start.
    pub is_voice_new: bool,
    /// The hash of what programs show; empty = none is let in.
    pub token: String,
    /// There is a key to sign the broker's certificate with.
    pub has_authority: bool,
    told: String,
}

impl Secrets {
    /// Looks at the keys in a data folder, and makes those that there never were.
    ///
    /// # Errors
    /// When a new key cannot be written.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        let mut ring = Ring::look(data);
        let people = ring.bytes(ring::PEOPLE)?;
        let pepper = ring.bytes(ring::PEPPER)?;
        let forms = ring.bytes(ring::FORMS)?;
        let is_voice_new = !ring.path(ring::VOICE).exists();
        let voice = ring.bytes(ring::VOICE)?;
        let token = ring.get(ring::TOKEN, |path| {
            secret::write_file(path, secret::token()?.as_bytes())
        })?;
        let authority = ring.get(ring::HOUSE, |path| {
            let folder = path.parent().unwrap_or(path);
            Authority::load_or_make(folder, HOUSE, Clock::system(0).certain_s()).map(drop)
        })?;
        if authority.is_some() {
            keep_pair(&data.join("keys/house-ca"))?;
        }
        Ok(Self {
            people,
            pepper,
            forms,
            voice,
            is_voice_new,
            token: token.map_or_else(String::new, |t| secret::sha256(t.trim_ascii())),
            has_authority: authority.is_some(),
            told: ring.told(),
        })
    }

    /// People's files with their key, or locked without it.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn files(&self, folder: &Path) -> std::io::Result<Files> {
        match &self.people {
            Some(key) => Files::open(folder, key.clone()),
            None => Files::locked(folder),
        }
    }

    /// Says in the house's health what is lost.
    pub fn tell(&self, health: &Health) {
        health.set(
            "keys",
            if self.told.is_empty() {
                Light::Green
            } else {
                Light::Red
            },
            &self.told,
        );
    }
}
