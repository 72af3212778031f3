//! The broker's worker as the gateway and the commune run it: listeners, settings, the access
//! table, the worker's events. (The canary belongs to the link: `devices::link`.)
//!
//! Both programs start the worker from `protocol::broker::Settings`. The listeners are bound here
//! and outlive the worker.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::config::layout::Layout;
use crate::domain::account::Account;
use crate::keys::authority::CertificateFiles;
use crate::keys::holders::{CertificateProof, HolderStore};
use crate::keys::secret;
use crate::protocol::broker::{
    AdminQuery, AdminReply, Counters, DurabilityRule, Limits, ListenerKind, Settings,
    WorkerCommand, WorkerEvent,
};
use crate::protocol::broker_endpoint::BrokerEndpoint;
use crate::supervisor::health::HealthPart;
use crate::supervisor::worker::{self, WorkerInit, WorkerLifecycle, WorkerSpec};
use crate::supervisor::{Stop, Supervisor};
use crate::time::WallMs;

/// How long the worker may take to answer a query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the file of certificate holders is checked: a command of the technician may have
/// changed it.
const HOLDERS_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Most memory of the broker's worker, bytes of PSS.
const WORKER_MEMORY_MAX: u64 = 256 << 20;

/// How the broker serves.
#[derive(Debug, Default)]
pub struct BrokerOptions {
    /// The bound sockets, each with what is spoken on it.
    pub listeners: Vec<(ListenerKind, TcpListener)>,
    /// Certificate and key of the TLS listeners.
    pub certificate: Option<CertificateFiles>,
    /// The accounts at the start.
    pub accounts: Vec<Account>,
    /// CA of client certificates, PEM file.
    pub client_ca: Option<PathBuf>,
    /// Where the holder of each certificate is recorded; none = no client brings a certificate.
    pub holders: Option<HolderStore>,
    /// Every TLS client must bring a certificate; otherwise it may log in with a password instead.
    pub certificate_only: bool,
    /// Devices without an account may announce themselves.
    pub quarantine: bool,
    /// The durability class of messages, by topic.
    pub durability_rules: Vec<DurabilityRule>,
    /// The latest wall time that is known to be past, ms.
    pub floor_ms: WallMs,
    /// A broker served here before: an empty folder then means that its data were lost.
    pub served_before: bool,
    /// Bounds.
    pub limits: Limits,
}

/// The broker as the gateway and the commune use it; clones are the same.
#[derive(Clone)]
pub struct BrokerService {
    listeners: Arc<Vec<(ListenerKind, TcpListener)>>,
    settings: Settings,
    accounts: Arc<Mutex<(u64, Vec<Account>)>>,
    commands: mpsc::Sender<String>,
    ready: watch::Sender<bool>,
    access_applied: watch::Sender<u64>,
    pid: watch::Sender<u32>,
    counters: watch::Sender<Counters>,
    pending_queries: Arc<Mutex<(u64, BTreeMap<u64, oneshot::Sender<AdminReply>>)>>,
    holders: Option<HolderStore>,
}

impl BrokerService {
    /// Starts the broker's worker, and starts it again whenever it ended.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn start(
        options: BrokerOptions,
        layout: &Layout,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        let (broker, commands) = Self::new(options, layout)?;
        let (worker, owner, stop) = (
            broker.clone(),
            supervisor.clone(),
            supervisor.stop().clone(),
        );
        supervisor.spawn(async move {
            let _ = worker.run(commands, owner, stop).await;
        });
        Ok(broker)
    }

    fn new(
        options: BrokerOptions,
        layout: &Layout,
    ) -> anyhow::Result<(Self, mpsc::Receiver<String>)> {
        let (commands, commands_rx) = mpsc::channel(64);
        let settings = Settings {
            listeners: options.listeners.iter().map(|(kind, _)| *kind).collect(),
            gateway_socket: layout.run.join("mqtt.sock").display().to_string(),
            gateway_password: secret::token()?,
            folder: layout.data.join("broker").display().to_string(),
            certificate: options.certificate.map(|f| {
                (
                    f.certificate.display().to_string(),
                    f.key.display().to_string(),
                )
            }),
            client_ca: options.client_ca.map(|p| p.display().to_string()),
            certificate_only: options.certificate_only,
            quarantine: options.quarantine,
            rules: options.durability_rules,
            floor_ms: options.floor_ms,
            served_before: options.served_before,
            limits: options.limits,
        };
        let broker = Self {
            listeners: Arc::new(options.listeners),
            settings,
            accounts: Arc::new(Mutex::new((1, options.accounts))),
            commands,
            ready: watch::Sender::new(false),
            access_applied: watch::Sender::new(0),
            pid: watch::Sender::new(0),
            counters: watch::Sender::new(Counters::default()),
            pending_queries: Arc::default(),
            holders: options.holders,
        };
        if let Some(why) = broker
            .holders
            .as_ref()
            .and_then(HolderStore::quarantine_damaged)
        {
            tracing::error!(
                why,
                "certificate holders lost; trusting the next certificate of each name"
            );
        }
        broker.revoke_stale_holders();
        Ok((broker, commands_rx))
    }

    /// The endpoint for the gateway's own clients.
    #[must_use]
    pub fn endpoint(&self) -> BrokerEndpoint {
        let s = &self.settings;
        BrokerEndpoint {
            socket: PathBuf::from(&s.gateway_socket),
            password: s.gateway_password.clone(),
            max_packet_bytes: s.limits.packet,
        }
    }

    /// The process id of the worker; 0 = none.
    #[must_use]
    pub fn pid(&self) -> u32 {
        *self.pid.borrow()
    }

    /// The worker's counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.borrow().clone()
    }

    /// Sends a query to the worker; none = it does not answer.
    pub async fn query(&self, ask: AdminQuery) -> Option<AdminReply> {
        let (reply_tx, reply_rx) = oneshot::channel();
        let n = {
            let mut asked = self
                .pending_queries
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            asked.0 += 1;
            let n = asked.0;
            // Callers that stopped waiting are dropped.
            asked.1.retain(|_, tell| !tell.is_closed());
            asked.1.insert(n, reply_tx);
            n
        };
        let line = serde_json::to_string(&WorkerCommand::Query { n, query: ask }).ok()?;
        self.commands.send(line).await.ok()?;
        tokio::time::timeout(QUERY_TIMEOUT, reply_rx)
            .await
            .ok()?
            .ok()
    }

    /// Waits until the worker serves the listeners; false = not within `most`.
    pub async fn ready_within(&self, most: Duration) -> bool {
        let mut ready = self.ready.subscribe();
        tokio::time::timeout(most, ready.wait_for(|r| *r))
            .await
            .is_ok()
    }

    /// Waits until the worker serves the listeners, for as long as it takes.
    pub async fn wait_ready(&self) {
        let _ = self.ready.subscribe().wait_for(|r| *r).await;
    }

    /// Puts a new access table in force; gives its number.
    pub async fn set_accounts(&self, accounts: Vec<Account>) -> u64 {
        let line = {
            let mut guard = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            guard.0 += 1;
            guard.1 = accounts;
            serde_json::to_string(&WorkerCommand::SetAccess {
                n: guard.0,
                accounts: guard.1.clone(),
            })
            .map(|line| (guard.0, line))
        };
        if self.revoke_stale_holders() {
            self.send_holders().await;
        }
        match line {
            Ok((n, line)) => {
                let _ = self.commands.send(line).await;
                n
            }
            Err(cause) => {
                tracing::error!(%cause, "cannot encode access table");
                0
            }
        }
    }

    /// Certificates that were recorded for an account that ended, or that got a new secret since,
    /// let nobody in any more; true = something changed.
    fn revoke_stale_holders(&self) -> bool {
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
        holders.sync_grants(&grants).unwrap_or_else(|cause| {
            tracing::error!(%cause, "cannot write certificate holders");
            false
        })
    }

    /// The command with the holder of each certificate. None = no client brings one, or the file
    /// cannot be read: then the last command stays in force.
    fn holders_command(&self) -> Option<String> {
        let holders = self
            .holders
            .as_ref()?
            .read()
            .inspect_err(|cause| tracing::error!(%cause, "cannot read certificate holders"))
            .ok()?;
        serde_json::to_string(&WorkerCommand::SetCertificateHolders { holders }).ok()
    }

    async fn send_holders(&self) {
        if let Some(line) = self.holders_command() {
            let _ = self.commands.send(line).await;
        }
    }

    /// A client connected with a verified certificate of this name.
    async fn certificate_seen(&self, name: &str, proof: &CertificateProof) {
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
        match holders.record_connection(name, &grant, proof) {
            Ok(true) => self.send_holders().await,
            Ok(false) => {}
            Err(cause) => {
                tracing::error!(%cause, name, "cannot write certificate holder");
            }
        }
    }

    /// Waits until the worker has applied the access table of that number, to open connections too.
    pub async fn wait_access_applied(&self, n: u64) {
        let _ = self
            .access_applied
            .subscribe()
            .wait_for(|applied| *applied >= n)
            .await;
    }

    /// Makes the worker read its certificate again.
    pub async fn reload_certificate(&self) {
        if let Ok(line) = serde_json::to_string(&WorkerCommand::ReloadCertificate) {
            let _ = self.commands.send(line).await;
        }
    }

    /// Ends the worker: its canary was lost. The supervisor starts it again.
    pub fn kill(&self) {
        worker::kill(self.pid());
    }

    fn worker_init(&self) -> std::io::Result<WorkerInit> {
        let fds = self
            .listeners
            .iter()
            .map(|(_, l)| l.try_clone().map(Into::into))
            .collect::<std::io::Result<Vec<_>>>()?;
        let guard = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let first = WorkerCommand::SetAccess {
            n: guard.0,
            accounts: guard.1.clone(),
        };
        let orders = std::iter::once(serde_json::to_string(&first)?)
            .chain(self.holders_command())
            .collect();
        Ok(WorkerInit {
            fds,
            settings: serde_json::to_string(&self.settings)?,
            orders,
        })
    }

    /// Runs the worker until `stop`.
    async fn run(
        self,
        inbox: mpsc::Receiver<String>,
        supervisor: Supervisor,
        stop: Stop,
    ) -> anyhow::Result<()> {
        let (lines_tx, lines_rx) = mpsc::channel(256);
        let spec = WorkerSpec {
            part: HealthPart::Broker,
            program: "/proc/self/exe".into(),
            args: vec!["worker".into(), "broker".into()],
            env: Vec::new(),
            max_memory_bytes: WORKER_MEMORY_MAX,
            max_silence: Duration::from_secs(10),
        };
        let this = self.clone();
        let listen = self.clone().handle_events(lines_rx, supervisor.clone());
        let process = worker::run_worker(
            &spec,
            move || this.worker_init(),
            inbox,
            lines_tx,
            stop,
            supervisor.health().clone(),
            self.pid.clone(),
        );
        tokio::select! {
            ended = process => ended,
            () = listen => Ok(()),
        }
    }

    async fn handle_events(
        self,
        mut lifecycle: mpsc::Receiver<WorkerLifecycle>,
        supervisor: Supervisor,
    ) {
        let mut poll = tokio::time::interval(HOLDERS_POLL_INTERVAL);
        let holders_stamp = || self.holders.as_ref().and_then(HolderStore::modified);
        let mut last_stamp = holders_stamp();
        loop {
            let change = tokio::select! {
                change = lifecycle.recv() => change,
                _ = poll.tick() => {
                    // A command of the technician recorded that a new certificate was made.
                    if holders_stamp() != last_stamp {
                        last_stamp = holders_stamp();
                        self.send_holders().await;
                    }
                    continue;
                }
            };
            let Some(change) = change else { break };
            match change {
                WorkerLifecycle::Started(_) => {}
                WorkerLifecycle::Exited(_) => {
                    self.ready.send_replace(false);
                }
                WorkerLifecycle::Output(line) => match serde_json::from_str(&line) {
                    Ok(WorkerEvent::Ready) => {
                        self.ready.send_replace(true);
                        // A slow start was reported as red; the broker serves now.
                        supervisor.health().set_green(&HealthPart::Broker);
                    }
                    Ok(WorkerEvent::AccessApplied { n }) => {
                        self.access_applied.send_replace(n);
                    }
                    Ok(WorkerEvent::ClientError {
                        client,
                        reason,
                        suppressed,
                    }) => {
                        tracing::warn!(
                            client,
                            %reason,
                            suppressed,
                            "mqtt client rejected or disconnected"
                        );
                    }
                    Ok(WorkerEvent::Counters(counters)) => {
                        drop(self.counters.send_replace(counters));
                    }
                    Ok(WorkerEvent::Reply { n, reply: answer }) => {
                        if let Some(tell) = self
                            .pending_queries
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .1
                            .remove(&n)
                        {
                            let _ = tell.send(answer);
                        }
                    }
                    Ok(WorkerEvent::CertificateSeen { name, key, until_s }) => {
                        self.certificate_seen(&name, &CertificateProof { key, until_s })
                            .await;
                    }
                    Ok(WorkerEvent::Heartbeat) => {}
                    Err(_) => tracing::warn!(line, "unknown event from the broker worker"),
                },
            }
        }
        std::future::pending::<()>().await;
    }
}
