//! Keeping the broker's worker: listeners, settings, the access table, its facts. (The canary is
//! the link's: `devices::link`.)
//!
//! Both roots start it from `protocol::broker::Settings`; the listeners are bound here and outlive
//! the worker.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::device::Account;
use crate::keys::authority::Files;
use crate::keys::holders::{Holders, Proof};
use crate::protocol::broker::{
    Answer, Counters, Door, Fact, Limits, Order, Question, Rule, Settings,
};
use crate::protocol::way::Way;
use crate::supervisor::health::Light;
use crate::supervisor::worker::{self, Fact as Life, Spec, Start};
use crate::supervisor::{Stop, Supervisor, listening};

/// How long the worker may take to answer a question.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether a command changed which certificate is whose.
const LOOK: Duration = Duration::from_secs(2);
/// Most memory of the broker's worker, bytes of PSS.
const MEMORY_MAX: u64 = 256 << 20;

/// On what terms the broker serves.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// CA of client certificates, PEM file.
    pub client_ca: Option<PathBuf>,
    /// Where it is kept which certificate is whose; none = no client brings one.
    pub holders: Option<Holders>,
    /// Every TLS client must bring one; else it may show a password instead.
    pub certificate_only: bool,
    /// Devices without an account may announce themselves.
    pub quarantine: bool,
    /// How safely messages are kept, by topic.
    pub rules: Vec<Rule>,
    /// The latest time that is known to be over, wall ms.
    pub floor_ms: i64,
    /// A broker served here before: a folder without anything is a loss, not a beginning.
    pub served_before: bool,
    /// Bounds.
    pub limits: Limits,
}

/// The broker as its root knows it; clones are the same.
#[derive(Clone)]
pub struct Broker {
    doors: Arc<Vec<(Door, TcpListener)>>,
    settings: Settings,
    accounts: Arc<Mutex<(u64, Vec<Account>)>>,
    orders: mpsc::Sender<String>,
    ready: watch::Sender<bool>,
    applied: watch::Sender<u64>,
    pid: watch::Sender<u32>,
    counters: watch::Sender<Counters>,
    asked: Arc<Mutex<(u64, BTreeMap<u64, oneshot::Sender<Answer>>)>>,
    holders: Option<Holders>,
}

/// Binds, trying again for five seconds: an old process may still be leaving.
///
/// # Errors
/// A sentence with the address when it stays taken.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let mut last = None;
    for _ in 0..50 {
        match TcpListener::bind(address) {
            Ok(listener) => {
                if let Err(cause) = listening::prepare(&listener) {
                    tracing::warn!(%address, %cause, "a listener could not be prepared; it serves all the same");
                }
                return Ok(listener);
            }
            Err(cause) => last = Some(cause),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let cause = last.map_or_else(String::new, |c| c.to_string());
    anyhow::bail!(
        "cannot listen on {address}: {cause}. Another program may use this port; “ss -ltnp” shows which"
    )
}

impl Broker {
    /// Prepares the broker; [`Broker::keep`] starts it.
    #[must_use]
    pub fn new(
        doors: Vec<(Door, TcpListener)>,
        folder: &Path,
        run: &Path,
        secret: String,
        certificate: Option<&Files>,
        terms: Terms,
        accounts: Vec<Account>,
    ) -> (Self, mpsc::Receiver<String>) {
        let (orders, inbox) = mpsc::channel(64);
        let settings = Settings {
            doors: doors.iter().map(|(door, _)| *door).collect(),
            house_socket: run.join("mqtt.sock").display().to_string(),
            house_secret: secret,
            folder: folder.display().to_string(),
            certificate: certificate.map(|f| {
                (
                    f.certificate.display().to_string(),
                    f.key.display().to_string(),
                )
            }),
            client_ca: terms.client_ca.map(|p| p.display().to_string()),
            certificate_only: terms.certificate_only,
            quarantine: terms.quarantine,
            rules: terms.rules,
            floor_ms: terms.floor_ms,
            served_before: terms.served_before,
            limits: terms.limits,
        };
        let broker = Self {
            doors: Arc::new(doors),
            settings,
            accounts: Arc::new(Mutex::new((1, accounts))),
            orders,
            ready: watch::Sender::new(false),
            applied: watch::Sender::new(0),
            pid: watch::Sender::new(0),
            counters: watch::Sender::new(Counters::default()),
            asked: Arc::default(),
            holders: terms.holders,
        };
        if let Some(why) = broker.holders.as_ref().and_then(Holders::mend) {
            tracing::error!(
                why,
                "which certificate is whose is not known any more; the next of each name is taken as its holder"
            );
        }
        broker.look_at_grants();
        (broker, inbox)
    }

    /// The way for the house's own clients.
    #[must_use]
    pub fn way(&self) -> Way {
        let s = &self.settings;
        Way {
            socket: PathBuf::from(&s.house_socket),
            secret: s.house_secret.clone(),
            packet: s.limits.packet,
        }
    }

    /// Its process; 0 = none.
    #[must_use]
    pub fn pid(&self) -> u32 {
        *self.pid.borrow()
    }

    /// Its counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.borrow().clone()
    }

    /// Asks the worker; none = it does not answer.
    pub async fn ask(&self, ask: Question) -> Option<Answer> {
        let (tell, told) = oneshot::channel();
        let n = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.0 += 1;
            let n = asked.0;
            // Who asked and left is forgotten.
            asked.1.retain(|_, tell| !tell.is_closed());
            asked.1.insert(n, tell);
            n
        };
        let line = serde_json::to_string(&Order::Ask { n, ask }).ok()?;
        self.orders.send(line).await.ok()?;
        tokio::time::timeout(ANSWER_MAX, told).await.ok()?.ok()
    }

    /// Waits until the doors are served; false = not within `most`.
    pub async fn ready(&self, most: Duration) -> bool {
        let mut ready = self.ready.subscribe();
        tokio::time::timeout(most, ready.wait_for(|r| *r))
            .await
            .is_ok()
    }

    /// Waits until the doors are served, for as long as it takes.
    pub async fn until_ready(&self) {
        let _ = self.ready.subscribe().wait_for(|r| *r).await;
    }

    /// Puts a new access table in force; gives its number.
    pub async fn set_accounts(&self, accounts: Vec<Account>) -> u64 {
        let line = {
            let mut guard = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            guard.0 += 1;
            guard.1 = accounts;
            serde_json::to_string(&Order::Access {
                n: guard.0,
                accounts: guard.1.clone(),
            })
            .map(|line| (guard.0, line))
        };
        if self.look_at_grants() {
            self.tell_holders().await;
        }
        match line {
            Ok((n, line)) => {
                let _ = self.orders.send(line).await;
                n
            }
            Err(cause) => {
                tracing::error!(%cause, "the access table could not be written");
                0
            }
        }
    }

    /// What a certificate opened of an account that ended or was opened anew, it opens no more;
    /// true = something changed.
    fn look_at_grants(&self) -> bool {
        let Some(holders) = &self.holders else {
            return false;
        };
        let grants = self
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .iter()
            .map(|a| (a.name.to_string(), a.secret_sha256.clone()))
            .collect();
        holders.granted(&grants).unwrap_or_else(|cause| {
            tracing::error!(%cause, "which certificate is whose could not be written");
            false
        })
    }

    /// The order that says which certificate is whose; none = nobody brings one, or it cannot be
    /// read: then what was said last stays in force.
    fn holders_order(&self) -> Option<String> {
        let holders = self
            .holders
            .as_ref()?
            .read()
            .inspect_err(
                |cause| tracing::error!(%cause, "which certificate is whose could not be read"),
            )
            .ok()?;
        serde_json::to_string(&Order::Holders { holders }).ok()
    }

    async fn tell_holders(&self) {
        if let Some(line) = self.holders_order() {
            let _ = self.orders.send(line).await;
        }
    }

    /// A verified certificate of this name came to a door.
    async fn came(&self, name: &str, proof: &Proof) {
        let grant = self
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .iter()
            .find(|a| a.name.as_str() == name)
            .map(|a| a.secret_sha256.clone());
        let (Some(holders), Some(grant)) = (&self.holders, grant) else {
            return;
        };
        match holders.seen(name, &grant, proof) {
            Ok(true) => self.tell_holders().await,
            Ok(false) => {}
            Err(cause) => {
                tracing::error!(%cause, name, "whose certificate came could not be written");
            }
        }
    }

    /// Waits until the worker has the table of that number in force, on open connections too.
    pub async fn until_applied(&self, n: u64) {
        let _ = self
            .applied
            .subscribe()
            .wait_for(|applied| *applied >= n)
            .await;
    }

    /// Makes the worker read its certificate again.
    pub async fn renew_certificate(&self) {
        if let Ok(line) = serde_json::to_string(&Order::Certificate) {
            let _ = self.orders.send(line).await;
        }
    }

    /// Ends the worker: its canary did not come back. The supervisor starts it again.
    pub fn kill(&self) {
        worker::kill(self.pid());
    }

    fn start(&self) -> std::io::Result<Start> {
        let fds = self
            .doors
            .iter()
            .map(|(_, l)| l.try_clone().map(Into::into))
            .collect::<std::io::Result<Vec<_>>>()?;
        let guard = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let first = Order::Access {
            n: guard.0,
            accounts: guard.1.clone(),
        };
        let orders = std::iter::once(serde_json::to_string(&first)?)
            .chain(self.holders_order())
            .collect();
        Ok(Start {
            fds,
            settings: serde_json::to_string(&self.settings)?,
            orders,
        })
    }

    /// Keeps the worker until `stop`.
    ///
    /// # Errors
    /// Never by itself; the type fits a service.
    pub async fn keep(
        self,
        inbox: mpsc::Receiver<String>,
        house: Supervisor,
        stop: Stop,
    ) -> anyhow::Result<()> {
        let (say, facts) = mpsc::channel(256);
        let spec = Spec {
            name: "broker",
            program: "/proc/self/exe".into(),
            args: vec!["worker".into(), "broker".into()],
            env: Vec::new(),
            memory_max: MEMORY_MAX,
            silence_max: Duration::from_secs(10),
        };
        let this = self.clone();
        let listen = self.clone().hear(facts, house.clone());
        tokio::select! {
            ended = worker::keep(&spec, move || this.start(), inbox, say, stop, house.health().clone(), self.pid.clone()) => ended,
            () = listen => Ok(()),
        }
    }

    async fn hear(self, mut facts: mpsc::Receiver<Life>, house: Supervisor) {
        let mut look = tokio::time::interval(LOOK);
        let stamp = || self.holders.as_ref().and_then(Holders::stamp);
        let mut known = stamp();
        loop {
            let fact = tokio::select! {
                fact = facts.recv() => fact,
                _ = look.tick() => {
                    // A command wrote that a new certificate was made.
                    if stamp() != known {
                        known = stamp();
                        self.tell_holders().await;
                    }
                    continue;
                }
            };
            let Some(fact) = fact else { break };
            match fact {
                Life::Started(_) => {}
                Life::Ended(_) => {
                    self.ready.send_replace(false);
                }
                Life::Line(line) => match serde_json::from_str(&line) {
                    Ok(Fact::Ready) => {
                        self.ready.send_replace(true);
                        // A slow start was told as red; it serves now.
                        house.health().set("broker", Light::Green, "");
                    }
                    Ok(Fact::Applied { n }) => drop(self.applied.send_replace(n)),
                    Ok(Fact::Trouble { who, why, untold }) => {
                        tracing::warn!(who, why, untold, "a device was refused or cut");
                    }
                    Ok(Fact::Counters(counters)) => drop(self.counters.send_replace(counters)),
                    Ok(Fact::Answer { n, answer }) => {
                        if let Some(tell) = self
                            .asked
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .1
                            .remove(&n)
                        {
                            let _ = tell.send(answer);
                        }
                    }
                    Ok(Fact::Holder { name, key, until }) => {
                        self.came(&name, &Proof { key, until }).await;
                    }
                    Ok(Fact::Beat) => {}
                    Err(_) => tracing::warn!(line, "the broker said something unknown"),
                },
            }
        }
        std::future::pending::<()>().await;
    }
}
