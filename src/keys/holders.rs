//! Who holds which certificate: a name lets nobody in by itself, the key that was given to it does.
//!
//! Invariants: the first key that is seen for a name is its key (certificates of before this record); a renewed one is let in
//! beside it and, once it came, alone; one that was made by hand is alone at once. What a name held under an account that
//! ended is barred from the next account of that name. Every change reads the file, changes it, writes it, under one lock: the
//! running house and a command may both do so.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Keys that a name held before, at most.
const BARRED: usize = 64;

/// What is known of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What its account was opened by when its key was seen (the hash of its secret).
    #[serde(default)]
    pub grant: String,
    /// SHA-256 of the public keys that are let in, oldest first: one, or two while a renewed one has not come yet.
    #[serde(default)]
    pub held: Vec<String>,
    /// Keys of earlier accounts of this name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barred: Vec<String>,
}

impl Holder {
    /// True when this key is let in.
    #[must_use]
    pub fn admits(&self, key: &str) -> bool {
        if self.held.is_empty() { !self.barred.iter().any(|k| k == key) } else { self.held.iter().any(|k| k == key) }
    }

    /// Its account ended or was opened anew: what it held opens nothing any more.
    fn end(&mut self, grant: &str) {
        self.barred.append(&mut self.held);
        let over = self.barred.len().saturating_sub(BARRED);
        self.barred.drain(..over);
        grant.clone_into(&mut self.grant);
    }
}

/// All holders by name.
pub type Table = BTreeMap<String, Holder>;

/// The file of holders; clones are the same.
#[derive(Debug, Clone)]
pub struct Holders(PathBuf);

impl Holders {
    /// The file in the folder of keys.
    #[must_use]
    pub fn of(keys: &Path) -> Self {
        Self(keys.join("holders.json"))
    }

    /// When the file was last written, to see that somebody else did; none = there is none.
    #[must_use]
    pub fn stamp(&self) -> Option<(std::time::SystemTime, u64)> {
        let about = std::fs::metadata(&self.0).ok()?;
        Some((about.modified().ok()?, about.len()))
    }

    /// What is known.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is damaged.
    pub fn read(&self) -> io::Result<Table> {
        match std::fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {cause}", self.0.display()))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Table::new()),
            Err(cause) => Err(cause),
        }
    }

    /// Sets a damaged file aside: who comes next is taken as the holder, as before there was a record. Gives why, if it was.
    #[must_use]
    pub fn mend(&self) -> Option<String> {
        let cause = self.read().err().filter(|cause| cause.kind() == io::ErrorKind::InvalidData)?;
        let _ = std::fs::rename(&self.0, self.0.with_extension("damaged"));
        Some(cause.to_string())
    }

    fn change(&self, what: impl FnOnce(&mut Table)) -> io::Result<bool> {
        let folder = self.0.parent().ok_or_else(|| io::Error::other("no folder"))?;
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

    /// A connection of `name`, whose account `grant` opened, brought this key. True = what is let in changed.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn seen(&self, name: &str, grant: &str, key: &str) -> io::Result<bool> {
        self.change(|table| {
            let holder = table.entry(name.to_owned()).or_default();
            if holder.held.is_empty() && holder.admits(key) {
                (holder.grant, holder.held) = (grant.to_owned(), vec![key.to_owned()]);
            } else if holder.held.last().is_some_and(|newest| newest == key) {
                // The renewed one came: the one before it is over.
                holder.held = vec![key.to_owned()];
            }
        })
    }

    /// Looks which accounts ended or were opened anew since their keys were seen. True = something changed.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn granted(&self, grants: &BTreeMap<String, String>) -> io::Result<bool> {
        if self.stamp().is_none() {
            return Ok(false);
        }
        self.change(|table| {
            for (name, holder) in table.iter_mut() {
                let grant = grants.get(name).map_or("", String::as_str);
                if holder.grant != grant {
                    holder.end(grant);
                }
            }
        })
    }

    /// A certificate over this key was signed over the link: it is let in beside the one in use.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn renewed(&self, name: &str, key: &str) -> io::Result<bool> {
        self.change(|table| {
            let holder = table.entry(name.to_owned()).or_default();
            // One that was signed before and never came was lost on its way.
            holder.held.truncate(1);
            if holder.held.first().is_none_or(|k| k != key) {
                holder.held.push(key.to_owned());
            }
        })
    }

    /// A certificate over this key was made by hand: it alone is let in.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn only(&self, name: &str, key: &str) -> io::Result<bool> {
        self.change(|table| {
            let holder = table.entry(name.to_owned()).or_default();
            holder.held = vec![key.to_owned()];
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_key_of_a_name_is_let_in_and_none_of_an_earlier_account() {
        let folder = std::env::temp_dir().join(format!("conglang-holders-{}", getrandom::u64().expect("random")));
        let holders = Holders::of(&folder);
        let admits = |name: &str, key: &str| holders.read().expect("read").get(name).is_none_or(|h| h.admits(key));
        assert!(admits("ben-thoc", "k1"), "nothing is known of it yet");
        assert!(holders.seen("ben-thoc", "", "k1").expect("written") && !holders.seen("ben-thoc", "", "k1").expect("the same"));
        assert!(!admits("ben-thoc", "k2") && !holders.seen("ben-thoc", "", "k2").expect("asked"));
        // A renewal that was lost, and one that came.
        holders.renewed("ben-thoc", "lost").expect("written");
        holders.renewed("ben-thoc", "k2").expect("written");
        assert!(admits("ben-thoc", "k1") && admits("ben-thoc", "k2") && !admits("ben-thoc", "lost"));
        holders.seen("ben-thoc", "", "k1").expect("the old one may come until then");
        assert!(admits("ben-thoc", "k1") && holders.seen("ben-thoc", "", "k2").expect("written") && !admits("ben-thoc", "k1"));
        holders.only("ben-thoc", "k3").expect("written");
        assert!(admits("ben-thoc", "k3") && !admits("ben-thoc", "k2"));
        // A device that was removed and added again.
        let grants = |secret: Option<&str>| secret.map(|s| ("den-01".to_owned(), s.to_owned())).into_iter().chain([("ben-thoc".to_owned(), String::new())]).collect();
        holders.seen("den-01", "s1", "d1").expect("written");
        assert!(!holders.granted(&grants(Some("s1"))).expect("the same"));
        assert!(holders.granted(&grants(None)).expect("written") && holders.granted(&grants(Some("s2"))).expect("written"));
        assert!(!admits("den-01", "d1") && admits("den-01", "d2"));
        holders.seen("den-01", "s2", "d1").expect("asked");
        assert!(!admits("den-01", "d1"), "seeing it again does not let it in");
        std::fs::write(folder.join("holders.json"), [0; 40]).expect("written");
        assert!(holders.read().is_err() && holders.only("x", "y").is_err(), "nothing is written over what cannot be read");
        assert!(holders.mend().is_some() && holders.mend().is_none() && folder.join("holders.damaged").exists());
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
