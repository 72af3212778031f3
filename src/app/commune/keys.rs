//! The keys of a commune at its start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::secrets::quarantine_mismatched_certificate;
use crate::config::layout::Layout;
use crate::keys::authority::Authority;
use crate::keys::ring::{self, KeyRing};
use crate::keys::{pins, secret};
use crate::supervisor::Supervisor;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;

/// The keys of a commune; a lost key is none, and only the parts that need it do not work.
pub struct CommuneKeys {
    ring: KeyRing,
    /// The folder of keys.
    pub folder: PathBuf,
    /// Signs certificates of villages and of the commune's own broker.
    pub authority: Option<Arc<Authority>>,
    /// Is mixed into the hash of the console's PIN, and signs its sign-ins.
    pub console: Option<Vec<u8>>,
    /// The hash of the console's PIN.
    pub pin: Option<Vec<u8>>,
}

impl CommuneKeys {
    /// Inspects the keys in the data folder, and makes those that never existed. `name` is the
    /// commune's, for its authority.
    ///
    /// # Errors
    /// When a new key cannot be written.
    pub fn open(name: &str, layout: &Layout, clock: &Clock) -> anyhow::Result<Self> {
        let mut ring = KeyRing::inspect(&layout.data);
        let folder = layout.keys();
        let ca = folder.join("ca");
        let make = |path: &Path| {
            Authority::load_or_make(path.parent().unwrap_or(path), name, clock.trusted_s())
                .map(drop)
        };
        let authority = match ring.load_or_create(ring::COMMUNE_CA, make)? {
            Some(_) => {
                quarantine_mismatched_certificate(&ca)?;
                let authority = Authority::load_or_make(&ca, name, clock.trusted_s())?;
                Some(Arc::new(authority))
            }
            None => None,
        };
        let console = ring.bytes(ring::CONSOLE)?;
        let pin = match &console {
            Some(key) => {
                ring.load_or_create(ring::CONSOLE_PIN, |path| make_pin(&folder, path, key))?
            }
            None => None,
        };
        Ok(Self {
            ring,
            folder,
            authority,
            console,
            pin,
        })
    }

    /// The lost keys; none = none is lost.
    #[must_use]
    pub fn problem(&self) -> Option<HealthReason> {
        self.ring.health_reason()
    }

    /// The files of the keys with the fingerprint of each; none = it is lost.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<(String, Option<String>)> {
        self.ring.fingerprints(&ring::COMMUNE_KEYS)
    }

    /// Reports lost keys in health.
    pub fn report(&self, supervisor: &Supervisor) {
        supervisor
            .health()
            .set_red_or_green(&HealthPart::Keys, self.problem());
    }
}

/// Makes the first PIN of the console: its hash in `path`, the PIN itself beside it for the
/// technician.
fn make_pin(folder: &Path, path: &Path, key: &[u8]) -> std::io::Result<()> {
    let pin = secret::pin()?;
    let shown = folder.join("console.first-pin");
    secret::write_file(&shown, pin.as_bytes())?;
    let hash = pins::hash(&pin, key).map_err(std::io::Error::other)?;
    secret::write_file(path, hash.as_bytes())?;
    tracing::info!(path = %shown.display(), "first PIN of the console written");
    Ok(())
}
