//! `conglang run`: the gateway, from configuration to the last drain, in phases that read as a
//! story.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::broker::{Broker, Terms, bind};
use super::doors;
use super::ending::{self, or_rest};
use super::erasure::Erasure;
use super::housekeeping::{Housekeeping, serve_certificate};
use super::secrets::Secrets;
use super::seed;
use crate::config::Config;
use crate::config::layout::Layout;
use crate::devices::{desired, ingest::Ingest, link, presence};
use crate::doors::session::Sessions;
use crate::journal::index::Index;
use crate::journal::{Journal, Place, boot};
use crate::keys::authority::{Authority, Files as CertFiles};
use crate::keys::holders::Holders;
use crate::keys::secret;
use crate::keys::signing::Signing;
use crate::live::Live;
use crate::log::disk::Folder;
use crate::protocol::broker::Door;
use crate::speakers::numbers::Numbers;
use crate::speakers::playback::{Playback, serve_voice};
use crate::speakers::sounds::Sounds;
use crate::store::files::Files;
use crate::store::samples::Samples;
use crate::store::space::Ballast;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::Light;
use crate::supervisor::{Supervisor, systemd};
use crate::sync::uplink::Uplink;
use crate::sync::waiting::Receipts;
use crate::web::app::App;

/// How long the house may take to close.
const DRAIN: Duration = Duration::from_secs(10);
/// How long `READY=1` waits for the broker.
const BROKER_WAIT: Duration = Duration::from_secs(3);

/// Pause before the link to our own broker is made again.
const RELINK: Duration = Duration::from_millis(500);

/// Runs the gateway until a signal, or, when its journal failed, until the card can be written
/// again; gives the exit code.
///
/// # Errors
/// What kept it from starting.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let wish = systemd::StopSignal::listen()?;
    crate::supervisor::fds::raise_limit();
    let layout = Layout::of(&config);
    layout.make().map_err(|e| {
        anyhow::anyhow!(
            "cannot make {} or {}: {e}",
            layout.data.display(),
            layout.run.display()
        )
    })?;
    let _lock = lock(&layout.data).await?;

    // On a full disk the room that was held for the journal comes first.
    match Ballast::of(&layout.data).give_back() {
        Ok(true) => tracing::warn!("the disk is full; the ballast was given back for the journal"),
        Ok(false) => {}
        Err(cause) => tracing::error!(%cause, "the ballast could not be given back"),
    }
    let clock = Clock::system(0);
    let keys = layout.data.join("keys");
    let secrets = Secrets::open(&layout.data)?;

    // Sockets, all before anything is served, and before the journal notes a boot: a port that is
    // taken overnight must not write history.
    let (doors, certificate) = broker_doors(&config, &keys, &secrets, &clock).await?;
    let portal = bind_some(config.doors.portal).await?;
    let dashboard = bind_some(config.doors.dashboard).await?;
    let dashboard_tls = bind_some(config.doors.dashboard_tls).await?;
    let control = control_socket(&layout.control)?;

    // Journal and stores.
    let house = Supervisor::new(clock.clone());
    let epoch = secret::random::<16>()?;
    let place = Place {
        folder: boot::folder(&layout.data),
        disk: Box::new(Folder::open(&layout.data.join("log"))?),
        village: config.village.as_ref().map(|v| v.id.clone()),
    };
    let (journal, report) = Journal::open(place, epoch, clock.clone())?;
    let mut told = report.words();
    if !told.is_empty() {
        tracing::warn!(
            told,
            "the journal was not as it should be; the village runs on"
        );
    } else if !journal.state().damage.is_empty() {
        told = "part of the history could not be read".into();
    }
    house.health().set(
        "journal",
        if told.is_empty() {
            Light::Green
        } else {
            Light::Amber
        },
        &told,
    );
    if report.is_loss() {
        house.health().set("history", Light::Amber, &told);
    }
    let files = secrets.files(&layout.data.join("people"))?;
    secrets.tell(house.health());
    let samples = Samples::open(
        &layout.data.join("samples"),
        epoch,
        &journal
            .history()
            .epochs()
            .iter()
            .map(|e| e.epoch)
            .collect::<Vec<_>>(),
    )?;
    let sessions = Sessions::open(
        &keys,
        secrets.pepper.clone(),
        secrets.forms.clone(),
        files.clone(),
        clock.clone(),
    )?;
    let live = Live::default();
    // A card without room keeps the configuration of the last start in force; it is declared when
    // it takes again.
    if journal.failed().borrow().is_none() {
        seed::declare(&journal, &config).await?;
    }

    // Broker.
    let had_devices = journal.state().boot > 1 && !journal.state().accounts.is_empty();
    let accounts = journal
        .state()
        .accounts
        .values()
        .map(|a| (**a).clone())
        .collect();
    // Without a certificate of the authority no client's can be judged: they use their passwords.
    let client_ca = certificate
        .as_ref()
        .filter(|_| config.broker.client_certificates)
        .map(|(_, _, ca)| ca.join("ca.pem"))
        .filter(|ca| Authority::is_certificate(ca));
    let holders = client_ca.is_some().then(|| Holders::of(&keys));
    let (quarantine, rules, limits) = (
        config.broker.quarantine,
        config.broker.rules.clone(),
        config.broker.limits.clone(),
    );
    let terms = Terms {
        client_ca,
        holders,
        certificate_only: false,
        quarantine,
        rules,
        limits,
        floor_ms: clock.floor_ms(),
        served_before: had_devices,
    };
    let (broker, orders) = Broker::new(
        doors,
        &layout.data.join("broker"),
        &layout.run,
        secret::token()?,
        certificate.as_ref().map(|c| &c.0),
        terms,
        accounts,
    );
    start_broker(&broker, orders, &house, &journal, &live);
    super::desk::start(&broker, &house, &live);

    // Services.
    start_south(&broker, &house, &journal, &live, &samples);
    let (ring, stills) = super::cameras::start(&config, &layout.data, &journal, &live, &house);
    let index = Index::new(&layout.data.join("index.redb"));
    let app = App {
        index: index.clone(),
        seats: crate::supervisor::lobby::Lobby::new(crate::web::watch::VIEWERS),
        followers: crate::supervisor::lobby::Lobby::new(crate::web::live::FOLLOWERS),
        titles: Arc::default(),
        configured: Arc::new(config.accounts.iter().map(|a| a.name.clone()).collect()),
        technician: Arc::new(config.doors.technician_phone.clone().unwrap_or_default()),
        keep_days: config.recording.keep_days,
        ring,
        journal: journal.clone(),
        live: live.clone(),
        samples: samples.clone(),
        files,
        sessions,
        house: house.clone(),
        names: Arc::new(config.doors.names.clone()),
        api_token: Arc::new(secrets.token.clone()),
    };
    let sounds = Sounds::open(&layout.data.join("sounds"))?;
    // Before anybody can look: what came back from a backup goes again.
    let erasure = Erasure {
        journal: journal.clone(),
        files: app.files.clone(),
        sounds: sounds.clone(),
        house: house.clone(),
        looked: layout.data.join("people/erased-looked"),
    };
    let _ = erasure.all(&journal.state());
    house.service("erasure", move |stop| erasure.clone().run(stop));
    start_voice(
        &config,
        &app,
        &keys,
        (secrets.voice.clone(), secrets.is_voice_new),
        &sounds,
    )?;
    start_uplink(&config, &keys, &journal, &app.files, &live, &house);
    let chores = Housekeeping {
        journal: journal.clone(),
        index: index.clone(),
        samples,
        files: app.files.clone(),
        has_commune: config.commune.server.is_some(),
        house: house.clone(),
        data: layout.data.clone(),
        certificate: certificate.filter(|_| secrets.has_authority),
        broker: broker.clone(),
    };
    house.service("housekeeping", move |stop| {
        let chores = chores.clone();
        async move { chores.run(stop).await }
    });
    let (walked, walker) = (journal.clone(), house.clone());
    house.service("walk", move |stop| {
        super::housekeeping::walk(walked.clone(), walker.clone(), stop)
    });
    doors::start(
        &app,
        &broker,
        &stills,
        &layout,
        &sounds,
        portal,
        dashboard,
        dashboard_tls,
        control,
        &config.broker.names,
        &house,
    )?;

    if !broker.ready(BROKER_WAIT).await {
        house
            .health()
            .set("broker", Light::Red, "it does not serve yet");
    }
    systemd::ready();
    tracing::info!(
        boot = journal.state().boot,
        seq = journal.state().seq,
        "the gate is open"
    );
    let code = ending::until(wish, &house, &journal, &layout.data).await;

    systemd::stopping();
    let polite = house.drain(DRAIN).await;
    index.close();
    let kept = journal.shutdown().await.is_ok();
    tracing::info!(polite, kept, "the gate is closed");
    Ok(if kept { code } else { ending::FAILED })
}

/// One gateway per data folder; an old one may still be leaving.
async fn lock(data: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::File::create(data.join("lock"))?;
    for _ in 0..50 {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                tokio::time::sleep(Duration::from_millis(100)).await
            }
            Err(other) => return Err(other.into()),
        }
    }
    anyhow::bail!("another conglang runs with the data in {}", data.display())
}

async fn bind_some(
    address: Option<std::net::SocketAddr>,
) -> anyhow::Result<Option<std::net::TcpListener>> {
    match address {
        Some(address) => Ok(Some(bind(address).await?)),
        None => Ok(None),
    }
}

fn control_socket(path: &Path) -> anyhow::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let listener = std::os::unix::net::UnixListener::bind(path)
        .map_err(|e| anyhow::anyhow!("cannot make the control socket {}: {e}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

type BrokerCertificate = (CertFiles, Vec<String>, PathBuf);

async fn broker_doors(
    config: &Config,
    keys: &Path,
    secrets: &Secrets,
    clock: &Clock,
) -> anyhow::Result<(
    Vec<(Door, std::net::TcpListener)>,
    Option<BrokerCertificate>,
)> {
    let mut doors = Vec::new();
    for (door, address) in [
        (Door::Plain, config.broker.plain),
        (Door::Tls, config.broker.tls),
        (Door::WebSocket, config.broker.websocket),
        (Door::WebSocketTls, config.broker.websocket_tls),
    ] {
        if let Some(address) = address {
            doors.push((door, bind(address).await?));
        }
    }
    if config.broker.tls.is_none() {
        return Ok((doors, None));
    }
    let mut names = config.broker.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let folder = keys.join("house-ca");
    let files = CertFiles::named(keys, "mqtt");
    let certificate = (files, names, folder);
    let made = if secrets.has_authority {
        serve_certificate(&certificate, clock).map(drop)
    } else {
        Ok(())
    };
    if let Err(cause) = &made {
        tracing::error!(%cause, "the broker's certificate could not be made; the one there is serves on, and it is tried again each minute");
    }
    if (made.is_err() || !secrets.has_authority)
        && crate::keys::tls::Served::load(&certificate.0).is_err()
    {
        // Nobody can sign one: TLS doors refuse, the others serve.
        return Ok((doors, None));
    }
    Ok((doors, Some(certificate)))
}

fn start_broker(
    broker: &Broker,
    orders: mpsc::Receiver<String>,
    house: &Supervisor,
    journal: &Journal,
    live: &Live,
) {
    let (kept, for_keep) = (broker.clone(), house.clone());
    let stop = house.stop().clone();
    house.spawn(async move {
        let _ = kept.keep(orders, for_keep, stop).await;
    });
    let (broker, journal, live) = (broker.clone(), journal.clone(), live.clone());
    house.service("access", move |stop| {
        let (broker, journal, live) = (broker.clone(), journal.clone(), live.clone());
        async move {
            let mut watch = journal.watch();
            let mut known = journal.state().accounts.clone();
            loop {
                tokio::select! {
                    changed = watch.changed() => changed?,
                    () = stop.soft.cancelled() => return Ok(()),
                }
                let state = watch.borrow_and_update().clone();
                if !Arc::ptr_eq(&state.accounts, &known) {
                    let n = broker
                        .set_accounts(state.accounts.values().map(|a| (**a).clone()).collect())
                        .await;
                    known = state.accounts.clone();
                    tokio::select! {
                        () = broker.until_applied(n) => {}
                        () = stop.soft.cancelled() => return Ok(()),
                    }
                }
                live.south.set_access(state.seq);
            }
        }
    });
}

/// The south door: link, ingest, desired, presence, canary.
fn start_south(
    broker: &Broker,
    house: &Supervisor,
    journal: &Journal,
    live: &Live,
    samples: &Samples,
) {
    let (pulse, alive) = watch::channel(link::Pulse::default());
    let ingest = Ingest {
        journal: journal.clone(),
        live: live.clone(),
        samples: samples.clone(),
        clock: house.clock().clone(),
    };
    let (to_link, for_link) = (broker.clone(), live.clone());
    house.service("south", move |stop| {
        let (broker, live, ingest, pulse) = (
            to_link.clone(),
            for_link.clone(),
            ingest.clone(),
            pulse.clone(),
        );
        async move {
            let (way, clock) = (broker.way(), ingest.clock.clone());
            let (say, mut heard) = mpsc::channel(256);
            let linking = async {
                loop {
                    broker.until_ready().await;
                    if let Err(cause) = link::run(&way, &live, &clock, &say, &pulse, &stop).await {
                        tracing::warn!(%cause, "the link to the broker ended and is made again");
                    }
                    // The broker is ours and near: it is called again at once, not ever more
                    // seldom.
                    tokio::select! {
                        () = tokio::time::sleep(RELINK) => {}
                        () = stop.soft.cancelled() => return Ok(()),
                    }
                }
            };
            let working = async {
                tokio::select! {
                    ended = linking => ended,
                    ended = ingest.run(&mut heard, stop.clone()) => ended,
                }
            };
            or_rest(&ingest.journal, &stop, Box::pin(working)).await
        }
    });
    let (j, l, c) = (journal.clone(), live.clone(), house.clock().clone());
    house.service("desired", move |stop| {
        let j = j.clone();
        let run = desired::run(j.clone(), l.clone(), c.clone(), stop.clone());
        async move { or_rest(&j, &stop, run).await }
    });
    let (j, l, c) = (journal.clone(), live.clone(), house.clock().clone());
    house.service("presence", move |stop| {
        let j = j.clone();
        let run = presence::run(j.clone(), l.clone(), c.clone(), stop.clone());
        async move { or_rest(&j, &stop, run).await }
    });
    let (watched, broker, failed) = (alive.clone(), broker.clone(), journal.failed());
    house.service("canary", move |stop| {
        let (alive, broker, failed) = (watched.clone(), broker.clone(), failed.clone());
        async move {
            broker.until_ready().await;
            tokio::select! {
                () = link::canary_lost(alive) => {
                    // The link rests with a journal that failed: its silence says nothing about the broker.
                    if failed.borrow().is_some() {
                        stop.soft.cancelled().await;
                        return Ok(());
                    }
                    tracing::error!("the broker's canary did not come back; the broker is started again");
                    broker.kill();
                    anyhow::bail!("the canary did not come back")
                }
                () = stop.soft.cancelled() => Ok(()),
            }
        }
    });
}

/// The village's voice (its key, and whether it was made in this start): sentences as sound, and
/// playback on the clusters.
fn start_voice(
    config: &Config,
    app: &App,
    keys: &Path,
    (key, is_first): (Option<Vec<u8>>, bool),
    sounds: &Sounds,
) -> anyhow::Result<()> {
    let (speech, live) = (config.speech.clone(), app.live.clone());
    app.house.service("speech", move |stop| {
        serve_voice(speech.clone(), live.clone(), stop)
    });
    let last = keys.join("voice.last");
    if let Some(key) = &key {
        let (path, public) = (keys.join("voice.pub"), Signing::of(key)?.public());
        if std::fs::read(&path).ok().as_deref() != Some(public.as_bytes())
            && let Err(cause) = secret::write_file(&path, public.as_bytes())
        {
            tracing::error!(%cause, path = %path.display(), "the public half of the village's voice could not be written");
        }
    }
    // Clusters fetch from the portal's door unless the configuration names another address.
    let portal = config.doors.portal.map(|a| {
        if a.ip().is_unspecified() {
            format!("http://127.0.0.1:{}", a.port())
        } else {
            format!("http://{a}")
        }
    });
    let url = config.speech.url.clone().or(portal).unwrap_or_default();
    let (app, sounds) = (app.clone(), sounds.clone());
    app.house.clone().service("playback", move |stop| {
        let (app, sounds, url, last, key) = (
            app.clone(),
            sounds.clone(),
            url.clone(),
            last.clone(),
            key.clone(),
        );
        async move {
            let key = key.as_deref().map(Signing::of).transpose()?;
            let numbers = Numbers::open(&last, is_first, app.house.clock().clone());
            if let Some(why) = &numbers.lost {
                tracing::error!("{why}");
                app.house.health().set("voice", Light::Amber, why);
            }
            let journal = app.journal.clone();
            let playback = Playback {
                journal: app.journal,
                live: app.live,
                files: app.files,
                sounds,
                key,
                numbers,
                url,
                clock: app.house.clock().clone(),
            };
            or_rest(&journal, &stop, playback.run(stop.clone())).await
        }
    });
    Ok(())
}

fn start_uplink(
    config: &Config,
    keys: &Path,
    journal: &Journal,
    files: &Files,
    live: &Live,
    house: &Supervisor,
) {
    let (Some(village), Some(server), Some(ca), Some(certificate), Some(key)) = (
        &config.village,
        &config.commune.server,
        &config.commune.ca,
        &config.commune.certificate,
        &config.commune.key,
    ) else {
        return;
    };
    let identity = CertFiles {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let uplink = Uplink {
        village: village.id.clone(),
        server: server.clone(),
        ca: ca.clone(),
        identity,
        renewed: CertFiles::named(keys, "commune"),
        journal: journal.clone(),
        files: files.clone(),
        live: live.clone(),
        clock: house.clock().clone(),
        receipts: Receipts::default(),
    };
    let now = house.clock().wall_ms();
    live.uplink.change(|l| {
        l.configured = true;
        l.since = now;
    });
    house.service("uplink", move |stop| uplink.clone().keep(stop));
}
