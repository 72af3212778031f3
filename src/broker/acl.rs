//! Who may say and hear what. The table comes whole from the parent; open connections are judged by
//! the table in force at each packet.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::domain::device::Account;
use crate::domain::id::DeviceId;
use crate::keys::holders::{CertificateProof, HolderTable};
use crate::protocol::mqtt::topic::{covers, matches};

pub use crate::protocol::broker::GATEWAY_ACCOUNT;

/// Who a connection is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// The gateway itself, on its own socket.
    Gateway,
    /// An account of the table.
    Account(String),
    /// A device without an account, under the name that it gave: it may announce itself and nothing
    /// else.
    Unprovisioned(String),
}

impl Identity {
    /// Whose the card's budget and the rates are: strangers share one.
    pub fn quota_owner(&self) -> &str {
        match self {
            Self::Unprovisioned(_) => "@strangers",
            other => other.name(),
        }
    }

    /// The name under which a refusal is remembered; empty = by the address: what a stranger
    /// invents is no name.
    pub fn audit_key(&self) -> &str {
        match self {
            Self::Unprovisioned(_) => "",
            other => other.name(),
        }
    }

    /// For logs and facts.
    pub fn name(&self) -> &str {
        match self {
            Self::Gateway => GATEWAY_ACCOUNT,
            Self::Account(name) | Self::Unprovisioned(name) => name,
        }
    }
}

/// The access table.
#[derive(Debug, Clone, Default)]
pub struct AccessControl {
    accounts: Arc<BTreeMap<String, Account>>,
    /// Devices without an account may announce themselves.
    quarantine: bool,
    /// Which certificates open which accounts.
    pub(super) holders: Arc<HolderTable>,
}

impl AccessControl {
    pub fn new(accounts: Vec<Account>, quarantine: bool) -> Self {
        Self {
            accounts: Arc::new(
                accounts
                    .into_iter()
                    .map(|a| (a.name.to_string(), a))
                    .collect(),
            ),
            quarantine,
            holders: Arc::default(),
        }
    }

    /// The same with other holders.
    pub fn with_holders(self, holders: Arc<HolderTable>) -> Self {
        Self { holders, ..self }
    }

    /// The stranger of that name, where strangers may announce themselves: a name that a device
    /// could have, and nobody has.
    pub fn unprovisioned(&self, name: &str) -> Option<Identity> {
        (self.quarantine && DeviceId::new(name).is_ok() && !self.accounts.contains_key(name))
            .then(|| Identity::Unprovisioned(name.to_owned()))
    }

    /// The account that the password opens. Compares whole hashes: the secret is 128 random bits.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Identity> {
        let account = self.accounts.get(name)?;
        let hash = crate::journal::codec::hex(&Sha256::digest(password));
        let same = hash
            .bytes()
            .zip(account.secret_sha256.bytes())
            .fold(hash.len() ^ account.secret_sha256.len(), |d, (a, b)| {
                d | usize::from(a ^ b)
            });
        (same == 0).then(|| Identity::Account(name.to_owned()))
    }

    /// True when a connection with this certificate may be this identity's; who brought none proved
    /// itself otherwise.
    pub fn admits_certificate(&self, who: &Identity, proof: &CertificateProof) -> bool {
        match who {
            Identity::Account(name) if !proof.key.is_empty() => {
                self.holders.get(name).is_none_or(|h| h.admits(proof))
            }
            _ => true,
        }
    }

    /// The account of a verified client certificate; which of its certificates may come is for
    /// [`Table::holds`].
    pub fn by_certificate(&self, name: &str) -> Option<Identity> {
        self.accounts
            .contains_key(name)
            .then(|| Identity::Account(name.to_owned()))
    }

    /// What opens this identity now; a session that another one opened is over.
    pub fn credential(&self, who: &Identity) -> Option<String> {
        match who {
            Identity::Gateway => Some(String::new()),
            Identity::Account(name) => self.accounts.get(name).map(|a| a.secret_sha256.clone()),
            Identity::Unprovisioned(name) => self.unprovisioned(name).map(|_| String::new()),
        }
    }

    /// True while the identity may be connected at all.
    pub fn is_known(&self, who: &Identity) -> bool {
        self.credential(who).is_some()
    }

    pub fn may_publish(&self, who: &Identity, topic: &str) -> bool {
        match who {
            Identity::Gateway => true,
            Identity::Account(name) => self
                .accounts
                .get(name)
                .is_some_and(|a| a.publish.iter().any(|f| matches(f, topic))),
            Identity::Unprovisioned(name) => {
                let mut levels = topic.split('/');
                levels.next() == Some("homeassistant")
                    && levels.next().is_some()
                    && levels.next() == Some(name)
                    && levels.next_back() == Some("config")
                    && levels.count() <= 1
            }
        }
    }

    pub fn may_subscribe(&self, who: &Identity, filter: &str) -> bool {
        match who {
            Identity::Gateway => true,
            Identity::Account(name) => self
                .accounts
                .get(name)
                .is_some_and(|a| a.subscribe.iter().any(|f| covers(f, filter))),
            Identity::Unprovisioned(_) => false,
        }
    }
}
