//! The broker's process: takes settings and listeners, serves, obeys orders, says facts.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::acl::AccessControl;
use super::edge::{Edge, bind_gateway_socket};
use super::persistence::restore::RecoveredState;
use super::persistence::store::PersistenceFiles;
use super::persistence::writer;
use super::shared::SharedBroker;
use crate::keys::authority::CertificateFiles;
use crate::keys::tls::{self, ReloadableCertificate};
use crate::protocol::broker::{ListenerKind, Settings, WorkerCommand, WorkerEvent};
use crate::supervisor::child::{EventWriter, WorkerStdio};
use crate::supervisor::clock::Clock;

/// Runs until the parent closes stdin, or until something that must not fail failed.
///
/// # Errors
/// When settings cannot be read, a listener is missing, or the house's own socket failed.
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
    let (ledger, clock) = (log_folder(&folder)?, Clock::system(settings.floor_ms));
    // A card that cannot be read or written must not keep lamps dark: the broker serves from
    // memory, and begins anew when the card is there again.
    let (mut loss, served_before) = (None, settings.served_before);
    let (store, recovered) = match crate::keys::secret::random()
        .and_then(|epoch| PersistenceFiles::open(&ledger, epoch, served_before))
    {
        Ok((mut store, mut found)) => {
            loss = store.report_loss(&found, u64::try_from(clock.wall_ms() / 1000).unwrap_or(0));
            store.record_serving_started(&mut found);
            (Some(store), found)
        }
        Err(cause) => {
            tracing::error!(%cause, "broker persistence unavailable; keeping messages in memory only");
            (None, RecoveredState::default())
        }
    };
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
        Some(served) => Some(
            tls::server_config(
                served.clone(),
                settings
                    .client_ca
                    .as_deref()
                    .map(|ca| (Path::new(ca), settings.certificate_only)),
                clock,
            )?
            .into(),
        ),
        None => None,
    };
    // Nobody comes in before the access table is here.
    let Some(WorkerCommand::SetAccess { n, accounts }) = commands
        .next()
        .await
        .and_then(|l| serde_json::from_str(&l).ok())
    else {
        anyhow::bail!("first command must be the access table");
    };
    broker.set_access(AccessControl::new(accounts, settings.quarantine));
    let edge = Edge::new(broker.clone(), events.clone(), acceptor);
    anyhow::ensure!(
        fds.len() == settings.listeners.len(),
        "{} doors but {} listeners",
        settings.listeners.len(),
        fds.len()
    );
    for (door, fd) in settings.listeners.iter().zip(fds) {
        serve_listener(&edge, *door, fd)?;
    }
    let listener = bind_gateway_socket(Path::new(&settings.gateway_socket))?;
    let (house, secret) = (edge.clone(), settings.gateway_password.clone());
    let mut gateway_socket =
        tokio::spawn(async move { house.serve_gateway(listener, &secret).await });
    let wakeup = broker.lock().persistence.wakeup.clone();
    let writer = std::thread::Builder::new().name("ledger".into()).spawn({
        let guard = broker.clone();
        move || writer::run_writer(&guard, store, &ledger)
    })?;
    let began = tokio::time::Instant::now();
    send_event(&events, &WorkerEvent::Ready).await;
    send_event(&events, &WorkerEvent::AccessApplied { n }).await;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut ticks = 0u32;
    loop {
        tokio::select! {
            order = commands.next() => match order.as_deref().map(serde_json::from_str::<WorkerCommand>) {
                None => break,
                Some(Ok(WorkerCommand::SetAccess { n, accounts })) => {
                    broker.set_access(AccessControl::new(accounts, settings.quarantine));
                    send_event(&events, &WorkerEvent::AccessApplied { n }).await;
                }
                Some(Ok(WorkerCommand::SetCertificateHolders { holders })) => broker.set_holders(holders),
                Some(Ok(WorkerCommand::ReloadCertificate)) => if let (Some(served), Some(files)) = (&served, &certificate)
                    && let Err(cause) = served.reload(files) {
                    tracing::warn!(%cause, "certificate reload failed; keeping the old one");
                },
                Some(Ok(WorkerCommand::Query { n, query })) => {
                    let reply = super::admin::handle_query(&broker, &query);
                    send_event(&events, &WorkerEvent::Reply { n, reply }).await;
                }
                Some(Err(cause)) => tracing::warn!(%cause, "unknown command to the broker worker"),
            },
            _ = tick.tick() => {
                // Without it nothing durable is ever acknowledged again.
                anyhow::ensure!(!writer.is_finished() || broker.restart_requested.is_cancelled(), "persistence thread ended");
                ticks += 1;
                let counters = {
                    let mut core = broker.lock();
                    core.tick(tokio::time::Instant::now());
                    core.counters.uptime_s = began.elapsed().as_secs();
                    let counted = core.current_counters();
                    if ticks % super::sys::PUBLISH_INTERVAL_S == 1 {
                        core.publish_sys_topics(&counted, tokio::time::Instant::now());
                    }
                    counted
                };
                if ticks.is_multiple_of(2) {
                    send_event(&events, &WorkerEvent::Counters(counters)).await;
                }
            }
            () = broker.restart_requested.cancelled() => anyhow::bail!("storage is usable again; restarting to load persisted state"),
            ended = &mut gateway_socket => anyhow::bail!("gateway socket listener ended: {ended:?}"),
        }
    }
    // 5.0 clients are told; whoever had a will has ten seconds in the broker's next life.
    broker.begin_shutdown();
    for _ in 0..20 {
        if broker.lock().counters.connected == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The writer's last round. A parent that lives ends us after two seconds; when it is dead the
    // next worker waits for our lock so long.
    wakeup.finish();
    for _ in 0..80 {
        if writer.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn serve_listener(edge: &Arc<Edge>, door: ListenerKind, fd: OwnedFd) -> io::Result<()> {
    let listener = std::net::TcpListener::from(fd);
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    spawn_listener(edge.clone(), door, listener);
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a door lives as long as the process"
)]
fn spawn_listener(edge: Arc<Edge>, door: ListenerKind, listener: tokio::net::TcpListener) {
    tokio::spawn(edge.serve_tcp(door, listener));
}

async fn send_event(facts: &EventWriter, fact: &WorkerEvent) {
    if let Ok(line) = serde_json::to_string(fact) {
        facts.send(line).await;
    }
}

/// The ledger's folder; what an earlier version kept (retained messages only) is taken over.
fn log_folder(folder: &Path) -> io::Result<PathBuf> {
    let (old, new) = (folder.join("retained"), folder.join("ledger"));
    if old.is_dir() && !new.exists() {
        std::fs::rename(&old, &new)?;
    }
    Ok(new)
}

/// One writer per folder: an old worker may still be leaving.
async fn lock_folder(folder: &Path) -> anyhow::Result<std::fs::File> {
    let path = folder.join("lock");
    // On a card that takes nothing the file of before will do.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .or_else(|cause| std::fs::File::open(&path).map_err(|_| cause))?;
    for _ in 0..50 {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(other) => return Err(other.into()),
        }
    }
    anyhow::bail!(
        "broker folder {} is locked by another process",
        folder.display()
    )
}
