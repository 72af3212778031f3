//! The keys that may connect under each name: a name alone lets nobody in, the key that was given
//! to it does.
//!
//! Invariants: the first key that connects under a name becomes its key (for certificates older
//! than this record). A renewed key is admitted beside it and, once it has connected, alone; a key
//! whose certificate was made by hand is alone at once. A key that the name held before, or under
//! an account that ended, is revoked. An unknown key whose certificate ends later than that of the
//! trusted key is newer than this record (a copy from before its renewal): it is admitted and
//! replaces the trusted key. Every change reads the file, changes it and writes it under one lock,
//! because the running process and a command may both do so.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Revoked keys of one name that are stored.
const MAX_REVOKED_KEYS: usize = 64;

/// The proof that a certificate gives beside its name: its key, and when it ends (seconds since
/// 1970). Empty = no certificate was presented.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateProof {
    /// SHA-256 of its public key.
    pub key: String,
    /// Its end.
    pub until_s: i64,
}

/// The keys of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Hash of the secret that opened the name's account when its key was recorded.
    #[serde(default)]
    #[serde(rename = "grant")]
    pub credential_hash: String,
    /// SHA-256 of the public keys that are admitted, oldest first: one, or two until a renewed one
    /// has connected.
    #[serde(default)]
    #[serde(rename = "held")]
    pub trusted_keys: Vec<String>,
    /// When the certificate of the last key ends, seconds since 1970; 0 = it has not connected
    /// yet.
    #[serde(default)]
    #[serde(rename = "until")]
    pub until_s: i64,
    /// Keys that this name held before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "barred")]
    pub revoked_keys: Vec<String>,
}

impl Holder {
    /// True when a client that proves this is admitted.
    #[must_use]
    pub fn admits(&self, proof: &CertificateProof) -> bool {
        let is_barred = || self.revoked_keys.contains(&proof.key);
        self.trusted_keys.contains(&proof.key)
            || if self.trusted_keys.is_empty() {
                !is_barred()
            } else {
                self.is_superseded_by(proof) && !is_barred()
            }
    }

    /// True when the certificate is newer than this record.
    fn is_superseded_by(&self, proof: &CertificateProof) -> bool {
        self.until_s > 0 && proof.until_s > self.until_s
    }

    /// Admits this key alone from now on; 0 = its end becomes known when it connects.
    fn trust_only(&mut self, key: &str, until_s: i64) {
        self.revoked_keys.extend(
            std::mem::take(&mut self.trusted_keys)
                .into_iter()
                .filter(|k| k != key),
        );
        self.revoked_keys.retain(|k| k != key);
        let over = self.revoked_keys.len().saturating_sub(MAX_REVOKED_KEYS);
        self.revoked_keys.drain(..over);
        (self.trusted_keys, self.until_s) = (vec![key.to_owned()], until_s);
    }

    /// The account ended or was opened anew: the keys that it trusted are revoked.
    fn revoke(&mut self, grant: &str) {
        self.revoked_keys.append(&mut self.trusted_keys);
        let over = self.revoked_keys.len().saturating_sub(MAX_REVOKED_KEYS);
        self.revoked_keys.drain(..over);
        self.until_s = 0;
        grant.clone_into(&mut self.credential_hash);
    }
}

/// All holders by name.
pub type HolderTable = BTreeMap<String, Holder>;

/// The file of holders; clones are the same.
#[derive(Debug, Clone)]
pub struct HolderStore(PathBuf);

impl HolderStore {
    /// The file in the folder of keys.
    #[must_use]
    pub fn of(keys: &Path) -> Self {
        Self(keys.join("holders.json"))
    }

    /// When the file was last written, and its length: to notice that another process did; none =
    /// there is no file.
    #[must_use]
    pub fn modified(&self) -> Option<(std::time::SystemTime, u64)> {
        let about = std::fs::metadata(&self.0).ok()?;
        Some((about.modified().ok()?, about.len()))
    }

    /// The keys of all names.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is damaged.
    pub fn read(&self) -> io::Result<HolderTable> {
        match std::fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|cause| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{} is damaged: {cause}", self.0.display()),
                )
            }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(HolderTable::new()),
            Err(cause) => Err(cause),
        }
    }

    /// Renames a damaged file: the next key that connects under a name becomes its key, as before
    /// there was a record. Gives the reason, if there was one.
    #[must_use]
    pub fn quarantine_damaged(&self) -> Option<String> {
        let cause = self
            .read()
            .err()
            .filter(|cause| cause.kind() == io::ErrorKind::InvalidData)?;
        let _ = std::fs::rename(&self.0, self.0.with_extension("damaged"));
        Some(cause.to_string())
    }

    fn update(&self, what: impl FnOnce(&mut HolderTable)) -> io::Result<bool> {
        let folder = self
            .0
            .parent()
            .ok_or_else(|| io::Error::other("no folder"))?;
        std::fs::create_dir_all(folder)?;
        let turn = std::fs::File::open(folder)?;
        rustix::fs::flock(&turn, rustix::fs::FlockOperation::LockExclusive)?;
        let before = self.read()?;
        let mut after = before.clone();
        what(&mut after);
        if after == before {
            return Ok(false);
        }
        super::secret::write_file(&self.0, &serde_json::to_vec_pretty(&after)?)?;
        Ok(true)
    }

    /// Records a connection under `name`, whose account `grant` opened, with this proof. True = the
    /// record changed.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn record_connection(
        &self,
        name: &str,
        grant: &str,
        proof: &CertificateProof,
    ) -> io::Result<bool> {
        self.update(|table| {
            let holder = table.entry(name.to_owned()).or_default();
            if !holder.admits(proof) {
                return;
            }
            let is_first = holder.trusted_keys.is_empty();
            if is_first {
                grant.clone_into(&mut holder.credential_hash);
            }
            // The renewed key has connected, or one that this record is too old to know: the key
            // before it is over.
            if is_first
                || holder
                    .trusted_keys
                    .last()
                    .is_some_and(|newest| *newest == proof.key)
                || !holder.trusted_keys.contains(&proof.key)
            {
                holder.trust_only(&proof.key, proof.until_s);
            } else if holder.until_s == 0 && holder.trusted_keys.len() == 1 {
                holder.until_s = proof.until_s;
            }
        })
    }

    /// Revokes the keys of accounts that ended or were opened anew since their keys were recorded.
    /// True = the record changed.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn sync_grants(&self, grants: &BTreeMap<String, String>) -> io::Result<bool> {
        if self.modified().is_none() {
            return Ok(false);
        }
        self.update(|table| {
            for (name, holder) in table.iter_mut() {
                let grant = grants.get(name).map_or("", String::as_str);
                if holder.credential_hash != grant {
                    holder.revoke(grant);
                }
            }
        })
    }

    /// Admits the key of a certificate that was signed over the link, beside the one in use.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn trust_renewed(&self, name: &str, key: &str) -> io::Result<bool> {
        self.update(|table| {
            let holder = table.entry(name.to_owned()).or_default();
            // A key that was signed before and never connected was lost on its way.
            let lost = holder
                .trusted_keys
                .split_off(holder.trusted_keys.len().min(1));
            holder.revoked_keys.extend(lost);
            if holder.trusted_keys.first().is_none_or(|k| k != key) {
                holder.trusted_keys.push(key.to_owned());
            }
        })
    }

    /// Admits this key alone: its certificate was made by hand.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn replace_key(&self, name: &str, key: &str) -> io::Result<bool> {
        self.update(|table| {
            table.entry(name.to_owned()).or_default().trust_only(key, 0);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_key_of_a_name_is_let_in_and_none_of_an_earlier_account() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let holders = HolderStore::of(folder);
        let of = |key: &str| CertificateProof {
            key: key.to_owned(),
            until_s: 1_000,
        };
        let admits = |name: &str, key: &str| {
            holders
                .read()
                .expect("read")
                .get(name)
                .is_none_or(|h| h.admits(&of(key)))
        };
        assert!(admits("ben-thoc", "k1"), "nothing is known of it yet");
        assert!(
            holders
                .record_connection("ben-thoc", "", &of("k1"))
                .expect("written")
                && !holders
                    .record_connection("ben-thoc", "", &of("k1"))
                    .expect("the same")
        );
        assert!(
            !admits("ben-thoc", "k2")
                && !holders
                    .record_connection("ben-thoc", "", &of("k2"))
                    .expect("asked")
        );
        // A renewed key that was lost, and one that connected.
        holders.trust_renewed("ben-thoc", "lost").expect("written");
        holders.trust_renewed("ben-thoc", "k2").expect("written");
        assert!(
            admits("ben-thoc", "k1") && admits("ben-thoc", "k2") && !admits("ben-thoc", "lost")
        );
        holders
            .record_connection("ben-thoc", "", &of("k1"))
            .expect("the old one may come until then");
        assert!(
            admits("ben-thoc", "k1")
                && holders
                    .record_connection("ben-thoc", "", &of("k2"))
                    .expect("written")
                && !admits("ben-thoc", "k1")
        );
        holders.replace_key("ben-thoc", "k3").expect("written");
        assert!(admits("ben-thoc", "k3") && !admits("ben-thoc", "k2"));
        // A device that was removed and added again.
        let grants = |secret: Option<&str>| {
            secret
                .map(|s| ("den-01".to_owned(), s.to_owned()))
                .into_iter()
                .chain([("ben-thoc".to_owned(), String::new())])
                .collect()
        };
        holders
            .record_connection("den-01", "s1", &of("d1"))
            .expect("written");
        assert!(!holders.sync_grants(&grants(Some("s1"))).expect("the same"));
        assert!(
            holders.sync_grants(&grants(None)).expect("written")
                && holders.sync_grants(&grants(Some("s2"))).expect("written")
        );
        assert!(!admits("den-01", "d1") && admits("den-01", "d2"));
        holders
            .record_connection("den-01", "s2", &of("d1"))
            .expect("asked");
        assert!(
            !admits("den-01", "d1"),
            "seeing it again does not let it in"
        );
        std::fs::write(folder.join("holders.json"), [0; 40]).expect("written");
        assert!(
            holders.read().is_err() && holders.replace_key("x", "y").is_err(),
            "nothing is written over what cannot be read"
        );
        assert!(
            holders.quarantine_damaged().is_some()
                && holders.quarantine_damaged().is_none()
                && folder.join("holders.damaged").exists()
        );
    }

    #[test]
    fn a_copy_of_before_a_renewal_shuts_nobody_out() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let holders = HolderStore::of(folder);
        let of = |key: &str, until_s: i64| CertificateProof {
            key: key.to_owned(),
            until_s,
        };
        let admits = |proof: &CertificateProof| {
            holders
                .read()
                .expect("read")
                .get("ben-thoc")
                .is_none_or(|h| h.admits(proof))
        };
        holders
            .record_connection("ben-thoc", "", &of("k1", 1_000))
            .expect("written");
        let copy = std::fs::read(folder.join("holders.json")).expect("read");
        holders.trust_renewed("ben-thoc", "k2").expect("written");
        holders
            .record_connection("ben-thoc", "", &of("k2", 2_000))
            .expect("written");
        assert!(!admits(&of("k1", 1_000)));
        std::fs::write(folder.join("holders.json"), copy).expect("brought back");
        assert!(
            admits(&of("k1", 1_000)) && admits(&of("k2", 2_000)),
            "the renewed one is newer than this copy"
        );
        assert!(
            !admits(&of("stray", 1_000)) && !admits(&of("stray", 999)),
            "what is not newer is nobody's"
        );
        assert!(
            holders
                .record_connection("ben-thoc", "", &of("k2", 2_000))
                .expect("written")
                && !admits(&of("k1", 1_000)),
            "and it is alone from then on"
        );
        // A key that was held before is never admitted again, whatever dates a wrong clock gave it.
        holders.replace_key("ben-thoc", "k3").expect("written");
        assert!(
            !admits(&of("k2", 9_000)) && !admits(&of("k9", 9_000)),
            "one made by hand is alone"
        );
        holders
            .record_connection("ben-thoc", "", &of("k3", 3_000))
            .expect("written");
        assert!(!admits(&of("k2", 9_000)) && !admits(&of("k1", 9_000)) && admits(&of("k3", 3_000)));
    }
}
