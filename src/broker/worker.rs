//! The broker's process: takes settings and listeners, serves, obeys orders, says facts.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::access::Table;
use super::edge::{Edge, bind_house};
use super::guard::Guard;
use super::ledger::restore::Found;
use super::ledger::store::Store;
use super::ledger::writer;
use crate::keys::authority::Files;
use crate::keys::tls::{self, Served};
use crate::protocol::broker::{Door, Fact, Order, Settings};
use crate::supervisor::child::{Birth, Facts};
use crate::supervisor::clock::Clock;

/// Runs until the parent closes stdin, or until something that must not fail failed.
///
/// # Errors
/// When settings cannot be read, a listener is missing, or the house's own socket failed.
#[expect(
    clippy::disallowed_methods,
    reason = "the worker's tasks live as long as the process"
)]
pub async fn run(birth: Birth) -> anyhow::Result<()> {
    crate::supervisor::fds::raise_limit();
    let (fds, mut orders, facts) = birth.begin()?;
    let line = orders
        .next()
        .await
        .ok_or_else(|| anyhow::anyhow!("no settings came"))?;
    let settings: Settings = serde_json::from_str(&line)?;
    let folder = PathBuf::from(&settings.folder);
    std::fs::create_dir_all(&folder)?;
    let _lock = lock(&folder).await?;
    let (ledger, clock) = (ledger_in(&folder)?, Clock::system(settings.floor_ms));
    // A card that cannot be read or written must not keep lamps dark: the broker serves from
    // memory, and begins anew when the card is there again.
    let (mut loss, served_before) = (None, settings.served_before);
    let (store, found) = match crate::keys::secret::random()
        .and_then(|epoch| Store::open(&ledger, epoch, served_before))
    {
        Ok((mut store, mut found)) => {
            loss = store.tell_loss(&found, u64::try_from(clock.wall_ms() / 1000).unwrap_or(0));
            store.begin(&mut found);
            (Some(store), found)
        }
        Err(cause) => {
            tracing::error!(%cause, "the broker's folder cannot be used; messages are kept in memory only");
            (None, Found::default())
        }
    };
    let guard = Arc::new(Guard::new(
        &settings,
        clock.clone(),
        found,
        tokio::time::Instant::now(),
    ));
    guard.lock().counters.loss = loss.map(Box::new);
    if store.is_none() {
        guard.lock().ledger.go_blind();
    }
    let certificate = settings.certificate.as_ref().map(|(c, k)| Files {
        certificate: c.into(),
        key: k.into(),
    });
    let served = certificate.as_ref().map(Served::load).transpose()?;
    let acceptor = match &served {
        Some(served) => Some(
            tls::server(
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
    let Some(Order::Access { n, accounts }) = orders
        .next()
        .await
        .and_then(|l| serde_json::from_str(&l).ok())
    else {
        anyhow::bail!("the first order must be the access table");
    };
    guard.set_table(Table::new(accounts, settings.quarantine));
    let edge = Edge::new(guard.clone(), facts.clone(), acceptor);
    anyhow::ensure!(
        fds.len() == settings.doors.len(),
        "{} doors but {} listeners",
        settings.doors.len(),
        fds.len()
    );
    for (door, fd) in settings.doors.iter().zip(fds) {
        serve(&edge, *door, fd)?;
    }
    let listener = bind_house(Path::new(&settings.house_socket))?;
    let (house, secret) = (edge.clone(), settings.house_secret.clone());
    let mut house = tokio::spawn(async move { house.house(listener, &secret).await });
    let bell = guard.lock().ledger.bell.clone();
    let writer = std::thread::Builder::new().name("ledger".into()).spawn({
        let guard = guard.clone();
        move || writer::keep(&guard, store, &ledger)
    })?;
    let began = tokio::time::Instant::now();
    say(&facts, &Fact::Ready).await;
    say(&facts, &Fact::Applied { n }).await;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut ticks = 0u32;
    loop {
        tokio::select! {
            order = orders.next() => match order.as_deref().map(serde_json::from_str::<Order>) {
                None => break,
                Some(Ok(Order::Access { n, accounts })) => {
                    guard.set_table(Table::new(accounts, settings.quarantine));
                    say(&facts, &Fact::Applied { n }).await;
                }
                Some(Ok(Order::Holders { holders })) => guard.set_holders(holders),
                Some(Ok(Order::Certificate)) => if let (Some(served), Some(files)) = (&served, &certificate)
                    && let Err(cause) = served.reload(files) {
                    tracing::warn!(%cause, "the new certificate could not be read; the old one stays");
                },
                Some(Ok(Order::Ask { n, ask })) => {
                    let answer = super::answers::answer(&guard, &ask);
                    say(&facts, &Fact::Answer { n, answer }).await;
                }
                Some(Err(cause)) => tracing::warn!(%cause, "an order that this worker does not know"),
            },
            _ = tick.tick() => {
                // Without it nothing durable is ever acknowledged again.
                anyhow::ensure!(!writer.is_finished() || guard.anew.is_cancelled(), "the ledger's thread ended");
                ticks += 1;
                let counters = {
                    let mut core = guard.lock();
                    core.tick(tokio::time::Instant::now());
                    core.counters.uptime_s = began.elapsed().as_secs();
                    let counted = core.counted();
                    if ticks % super::sys::EVERY == 1 {
                        core.tell_sys(&counted, tokio::time::Instant::now());
                    }
                    counted
                };
                if ticks.is_multiple_of(2) {
                    say(&facts, &Fact::Counters(counters)).await;
                }
            }
            () = guard.anew.cancelled() => anyhow::bail!("the card can be used again: the broker begins anew with what stands on it"),
            ended = &mut house => anyhow::bail!("the house's own socket ended: {ended:?}"),
        }
    }
    // 5.0 clients are told; whoever had a will has ten seconds in the broker's next life.
    guard.end();
    for _ in 0..20 {
        if guard.lock().counters.connected == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The writer's last round. A parent that lives ends us after two seconds; when it is dead the
    // next worker waits for our lock so long.
    bell.end();
    for _ in 0..80 {
        if writer.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn serve(edge: &Arc<Edge>, door: Door, fd: OwnedFd) -> io::Result<()> {
    let listener = std::net::TcpListener::from(fd);
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    spawn_door(edge.clone(), door, listener);
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a door lives as long as the process"
)]
fn spawn_door(edge: Arc<Edge>, door: Door, listener: tokio::net::TcpListener) {
    tokio::spawn(edge.tcp(door, listener));
}

async fn say(facts: &Facts, fact: &Fact) {
    if let Ok(line) = serde_json::to_string(fact) {
        facts.say(line).await;
    }
}

/// The ledger's folder; what an earlier version kept (retained messages only) is taken over.
fn ledger_in(folder: &Path) -> io::Result<PathBuf> {
    let (old, new) = (folder.join("retained"), folder.join("ledger"));
    if old.is_dir() && !new.exists() {
        std::fs::rename(&old, &new)?;
    }
    Ok(new)
}

/// One writer per folder: an old worker may still be leaving.
async fn lock(folder: &Path) -> anyhow::Result<std::fs::File> {
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
    anyhow::bail!("another broker works in {}", folder.display())
}
