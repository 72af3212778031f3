//! The broker's process: takes settings and listeners, serves clients, obeys the parent's commands
//! and reports events.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

use super::core::acl::AccessControl;
use super::net::edge::{Edge, bind_gateway_socket};
use super::persistence::restore::RecoveredState;
use super::persistence::store::PersistenceFiles;
use super::persistence::writer;
use super::shared::SharedBroker;
use crate::keys::authority::CertificateFiles;
use crate::keys::tls::{self, ReloadableCertificate};
use crate::protocol::broker::{
    Counters, DataLoss, ListenerKind, Settings, WorkerCommand, WorkerEvent,
};
use crate::supervisor::child::{EventWriter, WorkerStdio};
use crate::supervisor::clock::Clock;
use crate::supervisor::folder_lock;

/// Runs until the parent closes stdin, or until a part that must not fail has failed.
///
/// # Errors
/// When settings cannot be read, a listener is missing, or the gateway's own socket failed.
#[expect(
    clippy::disallowed_methods,
    reason = "the worker's tasks live as long as the process"
)]
pub async fn run(stdio: WorkerStdio) -> anyhow::Result<()> {
    crate::supervisor::fds::raise_limit();
    let (fds, mut commands, events) = stdio.begin()?;
    let line = commands
        .next()
        .await
        .ok_or_else(|| anyhow::anyhow!("no settings received"))?;
    let settings: Settings = serde_json::from_str(&line)?;
    let folder = PathBuf::from(&settings.folder);
    std::fs::create_dir_all(&folder)?;
    let _lock = lock_folder(&folder).await?;
    let (log_path, clock) = (log_folder(&folder)?, Clock::system(settings.floor_ms.ms()));
    let (store, recovered, loss) = open_storage(&log_path, settings.served_before, &clock);
    let broker = Arc::new(SharedBroker::new(
        &settings,
        clock.clone(),
        recovered,
        tokio::time::Instant::now(),
    ));
    broker.lock().counters.loss = loss.map(Box::new);
    if store.is_none() {
        broker.lock().persistence.mark_unknown();
    }
    let certificate = settings
        .certificate
        .as_ref()
        .map(|(c, k)| CertificateFiles {
            certificate: c.into(),
            key: k.into(),
        });
    let served = certificate
        .as_ref()
        .map(ReloadableCertificate::load)
        .transpose()?;
    let acceptor = match &served {
        Some(served) => Some(tls_acceptor(&settings, served.clone(), clock)?),
        None => None,
    };
    // No client is accepted before the access table has come.
    let Some(WorkerCommand::SetAccess { n, accounts }) = commands
        .next()
        .await
        .and_then(|l| serde_json::from_str(&l).ok())
    else {
        anyhow::bail!("first command must be the access table");
    };
    broker.set_access(AccessControl::new(accounts, settings.quarantine));
    let edge = Edge::new(broker.clone(), events.clone(), acceptor);
    serve_listeners(&edge, &settings.listeners, fds)?;
    let listener = bind_gateway_socket(Path::new(&settings.gateway_socket))?;
    let (gateway_edge, secret) = (edge.clone(), settings.gateway_password.clone());
    let mut gateway_socket =
        tokio::spawn(async move { gateway_edge.serve_gateway(listener, &secret).await });
    let writer = std::thread::Builder::new().name("ledger".into()).spawn({
        let guard = broker.clone();
        move || writer::run_writer(&guard, store, &log_path)
    })?;
    tokio::spawn(writer::run_group_commit(broker.clone()));
    let began = tokio::time::Instant::now();
    send_event(&events, &WorkerEvent::Ready).await;
    send_event(&events, &WorkerEvent::AccessApplied { n }).await;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut ticks = 0u32;
    loop {
        tokio::select! {
            line = commands.next() => {
                let Some(line) = line else { break };
                match serde_json::from_str(&line) {
                    Ok(command) => {
                        let reloadable = served.as_ref().zip(certificate.as_ref());
                        obey(command, &broker, settings.quarantine, reloadable, &events).await;
                    }
                    Err(cause) => tracing::warn!(%cause, "unknown command to the broker worker"),
                }
            }
            _ = tick.tick() => {
                // Without the writer nothing durable is ever acknowledged again.
                anyhow::ensure!(
                    !writer.is_finished() || broker.restart_requested.is_cancelled(),
                    "persistence thread ended"
                );
                ticks += 1;
                let counters = tick_state(&broker, ticks, began);
                if ticks.is_multiple_of(2) {
                    send_event(&events, &WorkerEvent::Counters(counters)).await;
                }
            }
            () = broker.restart_requested.cancelled() => anyhow::bail!(
                "storage is usable again; restarting to load persisted state"
            ),
            ended = &mut gateway_socket => anyhow::bail!(
                "gateway socket listener ended: {ended:?}"
            ),
        }
    }
    shut_down(&broker, &writer).await;
    Ok(())
}

/// Carries out a command of the parent. `certificate` is the one that is served, with its files.
async fn obey(
    command: WorkerCommand,
    broker: &Arc<SharedBroker>,
    quarantine: bool,
    certificate: Option<(&Arc<ReloadableCertificate>, &CertificateFiles)>,
    events: &EventWriter,
) {
    match command {
        WorkerCommand::SetAccess { n, accounts } => {
            broker.set_access(AccessControl::new(accounts, quarantine));
            send_event(events, &WorkerEvent::AccessApplied { n }).await;
        }
        WorkerCommand::SetCertificateHolders { holders } => broker.set_holders(holders),
        WorkerCommand::ReloadCertificate => {
            if let Some((served, files)) = certificate
                && let Err(cause) = served.reload(files)
            {
                tracing::warn!(%cause, "certificate reload failed; keeping the old one");
            }
        }
        WorkerCommand::Query { n, query } => {
            let reply = super::admin::handle_query(broker, &query);
            send_event(events, &WorkerEvent::Reply { n, reply }).await;
        }
    }
}

/// Opens the persistence log and reads it back; also returns what was lost of it. None = storage
/// cannot be read or written. Such a failure must not leave the lamps dark: the broker then serves
/// from memory, and restarts when storage can be used again.
fn open_storage(
    log_path: &Path,
    served_before: bool,
    clock: &Clock,
) -> (Option<PersistenceFiles>, RecoveredState, Option<DataLoss>) {
    match crate::keys::secret::random()
        .and_then(|epoch| PersistenceFiles::open(log_path, epoch, served_before))
    {
        Ok((mut store, mut found)) => {
            let now_s = clock.wall_ms().seconds();
            let loss = store.report_loss(&found, now_s);
            store.record_serving_started(&mut found);
            (Some(store), found, loss)
        }
        Err(cause) => {
            tracing::error!(
                %cause,
                "broker persistence unavailable; keeping messages in memory only"
            );
            (None, RecoveredState::default(), None)
        }
    }
}

fn tls_acceptor(
    settings: &Settings,
    served: Arc<ReloadableCertificate>,
    clock: Clock,
) -> io::Result<TlsAcceptor> {
    let client_ca = settings
        .client_ca
        .as_deref()
        .map(|ca| (Path::new(ca), settings.certificate_only));
    Ok(tls::server_config(served, client_ca, clock)?.into())
}

/// Moves the state on by one tick and returns the counters.
fn tick_state(broker: &SharedBroker, ticks: u32, began: tokio::time::Instant) -> Counters {
    let mut core = broker.lock();
    core.tick(tokio::time::Instant::now());
    core.counters.uptime_s = began.elapsed().as_secs();
    let counted = core.current_counters();
    if ticks % super::sys::PUBLISH_INTERVAL_S == 1 {
        core.publish_sys_topics(&counted, tokio::time::Instant::now());
    }
    counted
}

/// The planned shutdown: clients are disconnected, then the writer writes what is pending.
async fn shut_down(broker: &SharedBroker, writer: &std::thread::JoinHandle<()>) {
    // 5.0 clients get a DISCONNECT; a client with a will has ten seconds to reconnect to the
    // restarted broker (`WILL_GRACE`).
    broker.begin_shutdown();
    for _ in 0..20 {
        if broker.lock().counters.connected == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The writer's last round. A parent that is alive ends this process after two seconds. If the
    // parent is dead, the next worker waits five seconds for the folder's lock.
    let wakeup = broker.lock().persistence.wakeup.clone();
    wakeup.finish();
    for _ in 0..80 {
        if writer.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn serve_listeners(
    edge: &Arc<Edge>,
    kinds: &[ListenerKind],
    fds: Vec<OwnedFd>,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        fds.len() == kinds.len(),
        "the settings name {} listeners, but {} were passed",
        kinds.len(),
        fds.len()
    );
    for (kind, fd) in kinds.iter().zip(fds) {
        serve_listener(edge, *kind, fd)?;
    }
    Ok(())
}

fn serve_listener(edge: &Arc<Edge>, kind: ListenerKind, fd: OwnedFd) -> io::Result<()> {
    let listener = std::net::TcpListener::from(fd);
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    spawn_listener(edge.clone(), kind, listener);
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a listener lives as long as the process"
)]
fn spawn_listener(edge: Arc<Edge>, kind: ListenerKind, listener: tokio::net::TcpListener) {
    tokio::spawn(edge.serve_tcp(kind, listener));
}

async fn send_event(events: &EventWriter, event: &WorkerEvent) {
    if let Ok(line) = serde_json::to_string(event) {
        events.send(line).await;
    }
}

/// The folder of the persistence log. The folder of an earlier version, which held retained
/// messages only, is renamed to it.
fn log_folder(folder: &Path) -> io::Result<PathBuf> {
    let (old, new) = (folder.join("retained"), folder.join("ledger"));
    if old.is_dir() && !new.exists() {
        std::fs::rename(&old, &new)?;
    }
    Ok(new)
}

/// Only one process may write to the folder: an old worker may still be ending.
async fn lock_folder(folder: &Path) -> anyhow::Result<std::fs::File> {
    let path = folder.join("lock");
    // On storage that takes no writes, the lock file of an earlier run will do.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .or_else(|cause| std::fs::File::open(&path).map_err(|_| cause))?;
    anyhow::ensure!(
        folder_lock::acquire(&file).await?,
        "broker folder {} is locked by another process",
        folder.display()
    );
    Ok(file)
}
