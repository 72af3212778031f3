//! `conglang run`: the gateway, from its configuration to the last drain. [`run`] lists the phases;
//! each phase is a function below it.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::bootstrap;
use super::broker::{BrokerOptions, BrokerService};
use super::device_link::start_device_link;
use super::erasure::Erasure;
use super::http_listeners::{self, HttpSockets};
use super::maintenance::{Maintenance, ServedCertificate};
use super::secrets::Secrets;
use super::sockets::broker_listeners;
use super::speech::start_speech;
use super::storage_failure;
use super::uplink::start_uplink;
use crate::config::Config;
use crate::config::layout::Layout;
use crate::http::session::SignIns;
use crate::journal::index::Index;
use crate::journal::{Journal, JournalStorage, Report, boot};
use crate::keys::authority::Authority;
use crate::keys::holders::HolderStore;
use crate::keys::secret;
use crate::live::Live;
use crate::log::disk::DirDisk;
use crate::protocol::broker::ListenerKind;
use crate::speakers::sound_cache::SoundCache;
use crate::store::disk_space::Ballast;
use crate::store::files::PeopleFiles;
use crate::store::samples::Samples;
use crate::store::segments::Ring;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::{Health, HealthPart, HealthStatus};
use crate::supervisor::{Supervisor, systemd};
use crate::web::kit::app::App;

/// How long the gateway may take to drain.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long `READY=1` waits for the broker.
const BROKER_READY_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the gateway until a signal, or, when its journal failed, until storage can be written
/// again; gives the exit code.
///
/// # Errors
/// Why it could not start.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let stop_signal = systemd::StopSignal::listen()?;
    crate::supervisor::fds::raise_limit();
    let layout = make_folders(&config)?;
    let _lock = lock(&layout.data).await?;
    release_ballast(&layout.data);
    let clock = Clock::system(0);
    let keys = layout.data.join("keys");
    let secrets = Secrets::open(&layout.data)?;

    // All sockets are bound before anything is served, and before the journal records a boot: a
    // start that fails because a port is in use must not write history.
    let (listeners, certificate) = broker_listeners(&config, &keys, &secrets, &clock).await?;
    let sockets = HttpSockets::bind(&config, &layout).await?;

    let supervisor = Supervisor::new(clock);
    let stores = open_stores(&config, &layout, &secrets, &supervisor)?;
    let (journal, live) = (stores.journal.clone(), Live::default());
    // With full storage the configuration of the last start stays in force; it is declared when
    // storage can be written again.
    if journal.failed().borrow().is_none() {
        bootstrap::apply_config(&journal, &config).await?;
    }

    let (broker, commands) = prepare_broker(
        &config,
        &layout,
        listeners,
        certificate.as_ref(),
        &journal,
        supervisor.clock(),
    )?;
    start_broker(&broker, commands, &supervisor, &journal, &live);
    super::broker_admin::start(&broker, &supervisor, &live);
    start_device_link(&broker, &supervisor, &journal, &live, &stores.samples);
    let (ring, stills) = super::cameras::start(&config, &layout.data, &journal, &live, &supervisor);
    let app = make_app(&config, &layout, &secrets, stores, live, ring, &supervisor);
    let sounds = SoundCache::open(&layout.data.join("sounds"))?;
    start_erasure(&app, &sounds, &layout.data);
    let voice = (secrets.voice.clone(), secrets.is_voice_new);
    start_speech(&config, &app, &keys, voice, &sounds)?;
    start_uplink(&config, &keys, &journal, &app.files, &app.live, &supervisor);
    let renewable = certificate.filter(|_| secrets.has_authority);
    start_maintenance(&config, &app, &layout, renewable, &broker);
    http_listeners::start(
        &app,
        &broker,
        &stills,
        &layout,
        &sounds,
        sockets,
        &config.broker.names,
        &supervisor,
    )?;

    report_ready(&broker, &app).await;
    let code =
        storage_failure::run_until_shutdown(stop_signal, &supervisor, &journal, &layout.data).await;
    Ok(close(&app, code).await)
}

/// Makes the folders of the gateway.
fn make_folders(config: &Config) -> anyhow::Result<Layout> {
    let layout = Layout::of(config);
    layout.make().map_err(|e| {
        anyhow::anyhow!(
            "cannot make {} or {}: {e}",
            layout.data.display(),
            layout.run.display()
        )
    })?;
    Ok(layout)
}

/// Releases the space that was reserved for the journal, if the disk is full.
fn release_ballast(data: &Path) {
    match Ballast::of(data).release() {
        Ok(true) => tracing::warn!("disk full; ballast released for the journal"),
        Ok(false) => {}
        Err(cause) => tracing::error!(%cause, "releasing ballast failed"),
    }
}

/// The journal and the files beside it.
struct Stores {
    journal: Journal,
    files: PeopleFiles,
    samples: Samples,
    sessions: SignIns,
}

/// Opens the journal and the files beside it, and reports their losses.
fn open_stores(
    config: &Config,
    layout: &Layout,
    secrets: &Secrets,
    supervisor: &Supervisor,
) -> anyhow::Result<Stores> {
    let epoch = secret::random::<16>()?;
    let place = JournalStorage {
        folder: boot::folder(&layout.data),
        disk: Box::new(DirDisk::open(&layout.data.join("log"))?),
        village: config.village.as_ref().map(|v| v.id.clone()),
    };
    let (journal, report) = Journal::open(place, epoch, supervisor.clock().clone())?;
    report_history(&journal, &report, supervisor.health());
    let files = secrets.files(&layout.data.join("people"))?;
    secrets.report(supervisor.health());
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
    let sessions = SignIns::open(
        &layout.data.join("keys"),
        secrets.pepper.clone(),
        secrets.forms.clone(),
        files.clone(),
        supervisor.clock().clone(),
    )?;
    Ok(Stores {
        journal,
        files,
        samples,
        sessions,
    })
}

/// Reports damage of the journal, found in this start or recorded earlier.
fn report_history(journal: &Journal, report: &Report, health: &Health) {
    let mut damage = report.summary();
    if !damage.is_empty() {
        tracing::warn!(damage, "journal recovered with damage");
    } else if !journal.state().damage.is_empty() {
        damage = "part of the history could not be read".into();
    }
    health.set(
        &HealthPart::Journal,
        if damage.is_empty() {
            HealthStatus::Green
        } else {
            HealthStatus::Amber
        },
        &damage,
    );
    if report.is_loss() {
        health.set(&HealthPart::History, HealthStatus::Amber, &damage);
    }
}

/// Prepares the broker with the accounts of the village.
fn prepare_broker(
    config: &Config,
    layout: &Layout,
    listeners: Vec<(ListenerKind, TcpListener)>,
    certificate: Option<&ServedCertificate>,
    journal: &Journal,
    clock: &Clock,
) -> anyhow::Result<(BrokerService, mpsc::Receiver<String>)> {
    let had_devices = journal.state().boot > 1 && !journal.state().accounts.is_empty();
    let accounts = journal
        .state()
        .accounts
        .values()
        .map(|a| (**a).clone())
        .collect();
    // Without a certificate of the authority no client's certificate can be verified: clients use
    // their passwords.
    let client_ca = certificate
        .filter(|_| config.broker.client_certificates)
        .map(|(_, _, ca)| ca.join("ca.pem"))
        .filter(|ca| Authority::is_certificate(ca));
    let holders = client_ca
        .is_some()
        .then(|| HolderStore::of(&layout.data.join("keys")));
    let options = BrokerOptions {
        client_ca,
        holders,
        certificate_only: false,
        quarantine: config.broker.quarantine,
        durability_rules: config.broker.rules.clone(),
        limits: config.broker.limits.clone(),
        floor_ms: clock.floor_ms(),
        served_before: had_devices,
    };
    Ok(BrokerService::new(
        listeners,
        &layout.data.join("broker"),
        &layout.run,
        secret::token()?,
        certificate.map(|c| &c.0),
        options,
        accounts,
    ))
}

/// The parts that all pages work with.
fn make_app(
    config: &Config,
    layout: &Layout,
    secrets: &Secrets,
    stores: Stores,
    live: Live,
    ring: Ring,
    supervisor: &Supervisor,
) -> App {
    App {
        index: Index::new(&layout.data.join("index.redb")),
        viewer_slots: crate::supervisor::admission::AdmissionControl::new(
            crate::web::dashboard::live_video::MAX_VIEWERS,
        ),
        sse_slots: crate::supervisor::admission::AdmissionControl::new(
            crate::web::dashboard::live_updates::MAX_FOLLOWERS,
        ),
        taken_down_titles: Arc::default(),
        configured: Arc::new(config.accounts.iter().map(|a| a.name.clone()).collect()),
        technician: Arc::new(
            config
                .listeners
                .technician_phone
                .clone()
                .unwrap_or_default(),
        ),
        keep_days: config.recording.keep_days,
        ring,
        journal: stores.journal,
        live,
        samples: stores.samples,
        files: stores.files,
        sessions: stores.sessions,
        supervisor: supervisor.clone(),
        names: Arc::new(config.listeners.names.clone()),
        api_token: Arc::new(secrets.api_token_hash.clone()),
    }
}

/// Starts the erasure. Before any page is served, blobs that a backup restored are erased again.
fn start_erasure(app: &App, sounds: &SoundCache, data: &Path) {
    let erasure = Erasure {
        journal: app.journal.clone(),
        files: app.files.clone(),
        sounds: sounds.clone(),
        supervisor: app.supervisor.clone(),
        backfill_marker: data.join("people/erased-looked"),
    };
    let _ = erasure.pending(&app.journal.state());
    app.supervisor
        .service(HealthPart::Erasure, move |stop| erasure.clone().run(stop));
}

/// Starts periodic work and the scrub of packed history.
fn start_maintenance(
    config: &Config,
    app: &App,
    layout: &Layout,
    certificate: Option<ServedCertificate>,
    broker: &BrokerService,
) {
    let maintenance = Maintenance {
        journal: app.journal.clone(),
        index: app.index.clone(),
        samples: app.samples.clone(),
        files: app.files.clone(),
        has_commune: config.uplink.server.is_some(),
        supervisor: app.supervisor.clone(),
        data: layout.data.clone(),
        certificate,
        broker: broker.clone(),
    };
    app.supervisor
        .service(HealthPart::Maintenance, move |stop| {
            let maintenance = maintenance.clone();
            async move { maintenance.run(stop).await }
        });
    let (journal, supervisor) = (app.journal.clone(), app.supervisor.clone());
    app.supervisor.service(HealthPart::Scrub, move |stop| {
        super::maintenance::scrub_history(journal.clone(), supervisor.clone(), stop)
    });
}

/// Waits for the broker, but not for long, and reports to systemd that the gateway serves.
async fn report_ready(broker: &BrokerService, app: &App) {
    if !broker.ready_within(BROKER_READY_TIMEOUT).await {
        app.supervisor.health().set(
            &HealthPart::Broker,
            HealthStatus::Red,
            "it does not serve yet",
        );
    }
    systemd::notify_ready();
    tracing::info!(
        boot = app.journal.state().boot,
        seq = app.journal.state().seq,
        "gateway ready"
    );
}

/// Drains the services and closes the journal; gives the exit code, `code` if the journal is whole
/// on disk.
async fn close(app: &App, code: u8) -> u8 {
    systemd::notify_stopping();
    let drained = app.supervisor.drain(DRAIN_TIMEOUT).await;
    app.index.close();
    let durable = app.journal.shutdown().await.is_ok();
    tracing::info!(drained, durable, "gateway stopped");
    if durable {
        code
    } else {
        storage_failure::EXIT_IO_ERROR
    }
}

/// One gateway per data folder; an earlier process may still be ending.
async fn lock(data: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::File::create(data.join("lock"))?;
    for _ in 0..50 {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(other) => return Err(other.into()),
        }
    }
    anyhow::bail!("another conglang runs with the data in {}", data.display())
}

/// Starts the broker's worker, and the service that keeps its access table as the journal has it.
fn start_broker(
    broker: &BrokerService,
    commands: mpsc::Receiver<String>,
    supervisor: &Supervisor,
    journal: &Journal,
    live: &Live,
) {
    let (worker, owner) = (broker.clone(), supervisor.clone());
    let stop = supervisor.stop().clone();
    supervisor.spawn(async move {
        let _ = worker.run(commands, owner, stop).await;
    });
    let (broker, journal, live) = (broker.clone(), journal.clone(), live.clone());
    supervisor.service(HealthPart::Access, move |stop| {
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
                        () = broker.wait_access_applied(n) => {}
                        () = stop.soft.cancelled() => return Ok(()),
                    }
                }
                live.device_link.set_access(state.seq);
            }
        }
    });
}
