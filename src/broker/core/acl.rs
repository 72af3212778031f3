//! Access control: which identity may publish and subscribe to which topics.
//!
//! The parent sends the accounts as a whole, and the certificate holders as a whole. Every packet
//! is judged by the table in force at that moment, also on connections that were open before it
//! came.
//!
//! Invariant: a table never changes. `BrokerState::set_access` puts another one in its place, and
//! ends what the new one does not permit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::account::Account;
use crate::domain::id::DeviceId;
use crate::domain::topics::DiscoveryTopic;
use crate::keys::holders::{CertificateProof, HolderTable};
use crate::keys::secret;
use crate::protocol::mqtt::topic::{covers, matches};

pub use crate::protocol::broker::GATEWAY_ACCOUNT;

/// The identity of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// The gateway itself, on its own socket.
    Gateway,
    /// An account of the table.
    Account(String),
    /// An unprovisioned device, under the name that it gave: it may publish its discovery messages
    /// and nothing else.
    Unprovisioned(String),
}

impl Identity {
    /// The name under which storage quotas and rates are counted. All unprovisioned devices share
    /// one.
    pub fn quota_owner(&self) -> &str {
        match self {
            Self::Unprovisioned(_) => "@strangers",
            other => other.name(),
        }
    }

    /// The name under which a refusal is recorded; empty = it is recorded under the address. An
    /// unprovisioned device invents its name, so it must not choose the record.
    pub fn audit_key(&self) -> &str {
        match self {
            Self::Unprovisioned(_) => "",
            other => other.name(),
        }
    }

    /// The name for logs and events.
    pub fn name(&self) -> &str {
        match self {
            Self::Gateway => GATEWAY_ACCOUNT,
            Self::Account(name) | Self::Unprovisioned(name) => name,
        }
    }
}

/// An account of the table.
#[derive(Debug)]
struct KnownAccount {
    account: Account,
    /// The hash of its secret, as all its sessions share it.
    credential: Arc<str>,
}

/// The access table.
#[derive(Debug, Clone, Default)]
pub struct AccessControl {
    accounts: Arc<BTreeMap<String, KnownAccount>>,
    /// Unprovisioned devices may publish discovery messages.
    quarantine: bool,
    /// The certificates that each account admits.
    holders: Arc<HolderTable>,
}

impl AccessControl {
    pub fn new(accounts: Vec<Account>, quarantine: bool) -> Self {
        Self {
            accounts: Arc::new(
                accounts
                    .into_iter()
                    .map(|account| {
                        let credential = account.secret_sha256.as_str().into();
                        (
                            account.name.to_string(),
                            KnownAccount {
                                account,
                                credential,
                            },
                        )
                    })
                    .collect(),
            ),
            quarantine,
            holders: Arc::default(),
        }
    }

    /// The same table with other certificate holders.
    pub fn with_holders(self, holders: Arc<HolderTable>) -> Self {
        Self { holders, ..self }
    }

    /// The same table with the certificate holders of another.
    pub fn with_holders_of(self, other: &Self) -> Self {
        self.with_holders(other.holders.clone())
    }

    /// The unprovisioned device of that name, if quarantine is on. The name must be valid for a
    /// device and must not be an account's.
    pub fn unprovisioned(&self, name: &str) -> Option<Identity> {
        (self.quarantine && DeviceId::new(name).is_ok() && !self.accounts.contains_key(name))
            .then(|| Identity::Unprovisioned(name.to_owned()))
    }

    /// The account that this password opens. The comparison always covers the whole hash. One
    /// SHA-256 is enough, because the secret is 128 random bits.
    pub fn login(&self, name: &str, password: &[u8]) -> Option<Identity> {
        let account = self.accounts.get(name)?;
        secret::constant_time_eq(&secret::sha256(password), &account.credential)
            .then(|| Identity::Account(name.to_owned()))
    }

    /// True when this identity may use a connection with this certificate. A connection without a
    /// certificate was authenticated in another way, so it is admitted here.
    pub fn admits_certificate(&self, who: &Identity, proof: &CertificateProof) -> bool {
        match who {
            Identity::Account(name) if !proof.key.is_empty() => {
                self.holders.get(name).is_none_or(|h| h.admits(proof))
            }
            _ => true,
        }
    }

    /// The account that a verified client certificate names. [`AccessControl::admits_certificate`]
    /// decides which certificates of that name are admitted.
    pub fn by_certificate(&self, name: &str) -> Option<Identity> {
        self.accounts
            .contains_key(name)
            .then(|| Identity::Account(name.to_owned()))
    }

    /// The credential that opens this identity now. A session that was opened with another one
    /// ends.
    pub fn credential(&self, who: &Identity) -> Option<Arc<str>> {
        match who {
            Identity::Gateway => Some(Arc::default()),
            Identity::Account(name) => self.accounts.get(name).map(|a| a.credential.clone()),
            Identity::Unprovisioned(name) => self.unprovisioned(name).map(|_| Arc::default()),
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
                .is_some_and(|a| a.account.publish.iter().any(|f| matches(f, topic))),
            Identity::Unprovisioned(name) => {
                DiscoveryTopic::parse(topic).is_some_and(|t| *t.node == **name)
            }
        }
    }

    pub fn may_subscribe(&self, who: &Identity, filter: &str) -> bool {
        match who {
            Identity::Gateway => true,
            Identity::Account(name) => self
                .accounts
                .get(name)
                .is_some_and(|a| a.account.subscribe.iter().any(|f| covers(f, filter))),
            Identity::Unprovisioned(_) => false,
        }
    }
}
