//! The key ring: which keys a data folder has, and whether each is still the one that its history
//! was made with.
//!
//! Invariants: a key is made once, when nothing exists that an earlier one protects. From then on a
//! key that is missing, damaged or another one is reported and never replaced by the program
//! itself, and only what needs it stops. The fingerprint of a new key is recorded beside the folder
//! of keys, after the key: a power cut between the two is settled by the next start. A folder that
//! is older than this record, or whose record is lost, is taken as it is.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use super::key_spec::{
    API_TOKEN, COMMUNE_CA, COMMUNE_KEYS, CONSOLE, CONSOLE_PIN, FORMS, GUESTS, HOUSE_CA, KeyFormat,
    KeySpec, PEOPLE, PEPPER, VILLAGE_KEYS, VOICE,
};
use super::secret;
use crate::supervisor::health_reason::HealthReason;

/// A problem with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProblem {
    /// Its file is missing.
    Missing,
    /// Its content is no key.
    Damaged,
    /// It is a key, and not the one that this history was made with.
    Mismatch,
}

impl KeyProblem {
    /// In words for a technician.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Damaged => "is damaged",
            Self::Mismatch => "is not the one of this history",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedFingerprints {
    /// Fingerprints by name: one, or two while a key is being replaced.
    keys: BTreeMap<String, Vec<String>>,
    /// SHA-256 of `keys` as JSON: a flipped bit must not turn every key into a mismatch.
    sum: String,
}

impl RecordedFingerprints {
    fn sum(&self) -> String {
        secret::sha256(&serde_json::to_vec(&self.keys).unwrap_or_default())
    }
}

/// The keys of one data folder.
#[derive(Debug)]
pub struct KeyRing {
    data: PathBuf,
    record: Option<RecordedFingerprints>,
    has_history: bool,
    /// Problems that were found so far.
    pub problems: Vec<(KeySpec, KeyProblem)>,
}

fn fingerprint(content: &[u8]) -> String {
    secret::sha256(&[b"conglang key\n", content].concat())
}

fn is_key(form: KeyFormat, content: &[u8]) -> bool {
    match form {
        KeyFormat::Bytes => content.len() >= 32 && content.iter().any(|b| *b != 0),
        KeyFormat::Text => {
            content.trim_ascii().len() >= 16
                && content
                    .iter()
                    .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
        }
        KeyFormat::Pem => {
            std::str::from_utf8(content).is_ok_and(|pem| rcgen::KeyPair::from_pem(pem).is_ok())
        }
    }
}

impl KeyRing {
    /// Inspects a data folder. Nothing is made or written. Call it before anything else writes
    /// there.
    #[must_use]
    pub fn inspect(data: &Path) -> Self {
        let holds = |folder: &str| {
            std::fs::read_dir(data.join(folder)).is_ok_and(|mut d| d.next().is_some())
        };
        let has_history = holds("log")
            || holds("journal")
            || holds("people/a")
            || data.join("commune.redb").exists();
        let record = std::fs::read(data.join("made.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<RecordedFingerprints>(&bytes).ok())
            .filter(|r| r.sum == r.sum());
        Self {
            data: data.to_owned(),
            record,
            has_history,
            problems: Vec::new(),
        }
    }

    /// A key's file.
    #[must_use]
    pub fn path(&self, name: KeySpec) -> PathBuf {
        self.data.join("keys").join(name.file)
    }

    /// The problem of a key; none = there is none, or the key is yet to be made.
    #[must_use]
    pub fn problem(&self, name: KeySpec) -> Option<KeyProblem> {
        let known = self.record.as_ref().map(|r| r.keys.get(name.name));
        match std::fs::read(self.path(name)) {
            Ok(content) if !is_key(name.form, &content) => Some(KeyProblem::Damaged),
            Ok(content) => known
                .flatten()
                .is_some_and(|prints| !prints.contains(&fingerprint(&content)))
                .then_some(KeyProblem::Mismatch),
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Some(KeyProblem::Damaged),
            Err(_) => {
                // The record may lack a key that existed: its file was missing then, or storage
                // failed when the record was to be written.
                let was =
                    known.flatten().is_some() || self.has_history && name.evidence_file.is_none();
                (was || name
                    .evidence_file
                    .is_some_and(|proof| self.data.join("keys").join(proof).exists()))
                .then_some(KeyProblem::Missing)
            }
        }
    }

    /// A key's content: as it is, or made by `make` when there never was one; none = it is lost
    /// ([`KeyRing::problems`]).
    ///
    /// # Errors
    /// When the key cannot be read or written.
    pub fn load_or_create(
        &mut self,
        name: KeySpec,
        make: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<Option<Vec<u8>>> {
        if let Some(lack) = self.problem(name) {
            tracing::error!(
                key = name.file,
                why = lack.description(),
                "key unusable; dependent services stay off, it is not regenerated"
            );
            self.problems.push((name, lack));
            return Ok(None);
        }
        let path = self.path(name);
        if !path.exists() {
            make(&path)?;
        }
        let content = std::fs::read(&path)?;
        self.record_fingerprints(name, vec![fingerprint(&content)])?;
        Ok(Some(content))
    }

    /// [`KeyRing::load_or_create`] for 32 random bytes.
    ///
    /// # Errors
    /// As [`KeyRing::load_or_create`].
    pub fn bytes(&mut self, name: KeySpec) -> io::Result<Option<Vec<u8>>> {
        self.load_or_create(name, |path| {
            secret::write_file(path, &secret::random::<32>()?)
        })
    }

    /// Records which key this history is made with.
    ///
    /// # Errors
    /// When the record cannot be encoded. A record that cannot be written is only logged.
    fn record_fingerprints(&mut self, name: KeySpec, prints: Vec<String>) -> io::Result<()> {
        if self
            .record
            .as_ref()
            .is_some_and(|r| r.keys.get(name.name) == Some(&prints))
        {
            return Ok(());
        }
        let mut record = self.record.clone().unwrap_or_default();
        record.keys.insert(name.name.to_owned(), prints);
        record.sum = record.sum();
        // Storage that fails costs the record, not the start: the next start writes it.
        match secret::write_file(
            &self.data.join("made.json"),
            &serde_json::to_vec_pretty(&record)?,
        ) {
            Ok(()) => self.record = Some(record),
            Err(cause) => {
                tracing::error!(%cause, key = name.file, "recording key fingerprint failed");
            }
        }
        Ok(())
    }

    /// Records a key as it is now: a technician says that it is the right one.
    ///
    /// # Errors
    /// When the key is missing or damaged, or the record cannot be encoded.
    pub fn accept(&mut self, name: KeySpec) -> io::Result<()> {
        let content = std::fs::read(self.path(name))?;
        if !is_key(name.form, &content) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is damaged", self.path(name).display()),
            ));
        }
        self.record_fingerprints(name, vec![fingerprint(&content)])
    }

    /// Replaces a key: a technician asked for it and knows what it costs. The old key stays beside
    /// it as `….before`. A power cut leaves the old or the new key, and either is accepted.
    ///
    /// # Errors
    /// When a key cannot be written.
    pub fn replace(&mut self, name: KeySpec, fresh: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let old = std::fs::read(&path).ok();
        let both = old
            .iter()
            .map(|c| fingerprint(c))
            .chain([fingerprint(fresh)])
            .collect();
        if let Some(old) = &old {
            secret::write_file(&PathBuf::from(format!("{}.before", path.display())), old)?;
        }
        self.record_fingerprints(name, both)?;
        secret::write_file(&path, fresh)?;
        self.record_fingerprints(name, vec![fingerprint(fresh)])
    }

    /// The files of these keys with the fingerprint of each as it is now; none = it is lost.
    #[must_use]
    pub fn fingerprints(&self, keys: &[KeySpec]) -> Vec<(String, Option<String>)> {
        let print = |key: &KeySpec| {
            let is_lost = self.problems.iter().any(|(lost, _)| lost == key);
            let content = std::fs::read(self.path(*key)).ok().filter(|_| !is_lost);
            content.map(|content| fingerprint(&content))
        };
        keys.iter()
            .map(|key| (key.file.to_owned(), print(key)))
            .collect()
    }

    /// All problems, for the health part; none = there is none.
    #[must_use]
    pub fn health_reason(&self) -> Option<HealthReason> {
        let reasons = self.problems.iter().map(|(key, problem)| {
            let file = key.file.to_owned();
            match problem {
                KeyProblem::Missing => HealthReason::KeyMissing { file },
                KeyProblem::Damaged => HealthReason::KeyDamaged { file },
                KeyProblem::Mismatch => HealthReason::KeyMismatch { file },
            }
        });
        HealthReason::of_all(reasons.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(data: &Path) -> (Vec<Vec<u8>>, Vec<(KeySpec, KeyProblem)>) {
        let mut ring = KeyRing::inspect(data);
        let got = [PEOPLE, VOICE]
            .iter()
            .filter_map(|n| ring.bytes(*n).expect("reads"))
            .collect();
        (got, ring.problems)
    }

    #[test]
    fn keys_are_made_once_and_told_when_they_are_not_what_they_were() {
        let temporary = tempfile::tempdir().expect("folder");
        let data = temporary.path();
        let (first, lacks) = open(data);
        assert!(first.len() == 2 && lacks.is_empty());
        // A power cut before there was history, and before the second key: the key is made.
        std::fs::remove_file(data.join("made.json")).expect("removed");
        std::fs::remove_file(data.join("keys/voice.key")).expect("removed");
        let (again, lacks) = open(data);
        assert!(again[0] == first[0] && again[1] != first[1] && lacks.is_empty());
        std::fs::create_dir_all(data.join("journal")).expect("folder");
        std::fs::write(data.join("journal/1.snap"), "x").expect("history");
        let path = data.join("keys/voice.key");
        let whole = std::fs::read(&path).expect("read");
        for (harm, expected) in [
            (None, KeyProblem::Missing),
            (Some(whole[..9].to_vec()), KeyProblem::Damaged),
            (Some(vec![0; 32]), KeyProblem::Damaged),
            (Some(vec![7; 32]), KeyProblem::Mismatch),
        ] {
            match harm {
                None => std::fs::remove_file(&path).expect("removed"),
                Some(bytes) => std::fs::write(&path, bytes).expect("written"),
            }
            for _ in 0..2 {
                let (got, lacks) = open(data);
                assert_eq!(
                    (got.len(), lacks),
                    (1, vec![(VOICE, expected)]),
                    "the other key is there"
                );
            }
            std::fs::write(&path, &whole).expect("written");
            assert!(
                open(data).1.is_empty(),
                "a copy that is brought back is taken"
            );
        }
        let mut turned = whole.clone();
        turned[3] ^= 4;
        std::fs::write(&path, &turned).expect("written");
        assert_eq!(open(data).1, [(VOICE, KeyProblem::Mismatch)]);
        KeyRing::inspect(data).accept(VOICE).expect("accepted");
        assert!(open(data).1.is_empty());
        KeyRing::inspect(data)
            .replace(VOICE, &[9; 32])
            .expect("replaced");
        assert!(
            open(data).1.is_empty()
                && std::fs::read(data.join("keys/voice.key.before")).expect("kept") == turned
        );
        // The record is missing or damaged: keys are taken as they are, and a missing one is still
        // reported.
        for harm in [None, Some(&b"{}"[..]), Some(&[0; 50][..])] {
            match harm {
                None => std::fs::remove_file(data.join("made.json")).expect("removed"),
                Some(bytes) => std::fs::write(data.join("made.json"), bytes).expect("written"),
            }
            assert!(open(data).1.is_empty());
            std::fs::remove_file(data.join("made.json")).expect("it was written again");
            std::fs::remove_file(&path).expect("removed");
            assert_eq!(open(data).1, [(VOICE, KeyProblem::Missing)]);
            std::fs::write(&path, [9; 32]).expect("written");
        }
    }

    /// New content of a key of this form; another one each time.
    fn fresh(form: KeyFormat) -> Vec<u8> {
        match form {
            KeyFormat::Bytes => secret::random::<32>().expect("random").to_vec(),
            KeyFormat::Text => format!("{}\n", secret::token().expect("random")).into_bytes(),
            KeyFormat::Pem => rcgen::KeyPair::generate()
                .expect("key")
                .serialize_pem()
                .into_bytes(),
        }
    }

    #[test]
    fn every_harm_to_every_key_is_told_and_none_is_made_anew() {
        for keys in [&VILLAGE_KEYS[..], &COMMUNE_KEYS[..]] {
            let temporary = tempfile::tempdir().expect("folder");
            let data = temporary.path();
            let open = || {
                let mut ring = KeyRing::inspect(data);
                for key in keys {
                    let make = |path: &Path| {
                        std::fs::create_dir_all(path.parent().expect("folder"))?;
                        secret::write_file(path, &fresh(key.form))
                    };
                    ring.load_or_create(*key, make).expect("reads");
                    if let Some(proof) = key.evidence_file {
                        let proof = data.join("keys").join(proof);
                        let folder = proof.parent().expect("folder");
                        std::fs::create_dir_all(folder).expect("folder");
                        std::fs::write(proof, "made").expect("proof");
                    }
                }
                ring.problems
            };
            assert_eq!(open(), []);
            // Each key was replaced once: the one before is the older copy that somebody may bring
            // back.
            for key in keys {
                KeyRing::inspect(data)
                    .replace(*key, &fresh(key.form))
                    .expect("replaced");
            }
            std::fs::create_dir_all(data.join("journal")).expect("folder");
            std::fs::write(data.join("journal/1.snap"), "x").expect("history");
            for key in keys {
                let path = data.join("keys").join(key.file);
                let whole = std::fs::read(&path).expect("read");
                let older = std::fs::read(format!("{}.before", path.display())).expect("kept");
                let mut turned = whole.clone();
                turned[whole.len() / 2] ^= 1;
                let harms = [
                    ("truncated", whole[..whole.len() / 3].to_vec()),
                    ("all NUL", vec![0; whole.len()]),
                    ("one bit turned", turned),
                    ("of another village", fresh(key.form)),
                    ("older", older),
                ];
                for (how, bytes) in harms {
                    std::fs::write(&path, &bytes).expect("written");
                    let lacks = open();
                    let is_told = match lacks[..] {
                        [(name, KeyProblem::Damaged | KeyProblem::Mismatch)] => name == *key,
                        _ => false,
                    };
                    assert!(is_told, "{} {how}: {lacks:?}", key.file);
                    assert_eq!(
                        std::fs::read(&path).expect("read"),
                        bytes,
                        "{} {how} stays as it is",
                        key.file
                    );
                    std::fs::write(&path, &whole).expect("brought back");
                }
                std::fs::remove_file(&path).expect("removed");
                assert_eq!(open(), [(*key, KeyProblem::Missing)]);
                assert!(!path.exists(), "{} is not made anew", key.file);
                std::fs::write(&path, &whole).expect("brought back");
                assert_eq!(open(), [], "{} brought back is taken", key.file);
            }
        }
    }
}
