//! Who may say and hear what. The table comes whole from the parent; open connections are judged by the
//! table in force at each packet.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::domain::device::Account;
use crate::protocol::mqtt::topic::{covers, matches};

/// Name of the house's own clients: not a device's, devices cannot take it.
pub const HOUSE: &str = "@house";

/// Who a connection is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// The gateway itself, on its own socket.
    House,
    /// An account of the table.
    Account(String),
}

impl Identity {
    /// For logs and facts.
    pub fn name(&self) -> &str {
        match self {
            Self::House => HOUSE,
            Self::Account(name) => name,
        }
    }
}

/// The access table.
#[derive(Debug, Clone, Default)]
pub struct Table(Arc<BTreeMap<String, Account>>);

impl Table {
    pub fn new(accounts: Vec<Account>) -> Self {
        Self(Arc::new(accounts.into_iter().map(|a| (a.name.to_string(), a)).collect()))
    }

    /// The account that the password opens. Compares whole hashes: the secret is 128 random bits.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Identity> {
        let account = self.0.get(name)?;
        let hash = crate::journal::codec::hex(&Sha256::digest(password));
        let same = hash.bytes().zip(account.secret_sha256.bytes()).fold(hash.len() ^ account.secret_sha256.len(), |d, (a, b)| d | usize::from(a ^ b));
        (same == 0).then(|| Identity::Account(name.to_owned()))
    }

    /// The account of a verified client certificate.
    pub fn by_certificate(&self, name: &str) -> Option<Identity> {
        self.0.contains_key(name).then(|| Identity::Account(name.to_owned()))
    }

    /// What opens this identity now; a session that another one opened is over.
    pub fn credential(&self, who: &Identity) -> Option<String> {
        match who {
            Identity::House => Some(String::new()),
            Identity::Account(name) => self.0.get(name).map(|a| a.secret_sha256.clone()),
        }
    }

    /// True while the identity may be connected at all.
    pub fn knows(&self, who: &Identity) -> bool {
        match who {
            Identity::House => true,
            Identity::Account(name) => self.0.contains_key(name),
        }
    }

    pub fn may_publish(&self, who: &Identity, topic: &str) -> bool {
        if topic.starts_with('$') {
            return false;
        }
        match who {
            Identity::House => true,
            Identity::Account(name) => self.0.get(name).is_some_and(|a| a.publish.iter().any(|f| matches(f, topic))),
        }
    }

    pub fn may_subscribe(&self, who: &Identity, filter: &str) -> bool {
        match who {
            Identity::House => true,
            Identity::Account(name) => !filter.starts_with('$') && self.0.get(name).is_some_and(|a| a.subscribe.iter().any(|f| covers(f, filter))),
        }
    }
}
