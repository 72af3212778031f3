//! `conglang run`: the gateway, from configuration to the last drain, in phases that read as a
//! story.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::bootstrap;
use super::broker::{BrokerOptions, BrokerService};
use super::device_link::start_device_link;
use super::erasure::Erasure;
use super::http_listeners;
use super::maintenance::Maintenance;
use super::secrets::Secrets;
use super::sockets::{bind_some, broker_listeners, control_socket};
use super::speech::start_speech;
use super::storage_failure;
use super::uplink::start_uplink;
use crate::config::Config;
use crate::config::layout::Layout;
use crate::http::session::SignIns;
use crate::journal::index::Index;
use crate::journal::{Journal, JournalStorage, boot};
use crate::keys::authority::Authority;
use crate::keys::holders::HolderStore;
use crate::keys::secret;
use crate::live::Live;
use crate::log::disk::DirDisk;
use crate::speakers::sound_cache::SoundCache;
use crate::store::disk_space::Ballast;
use crate::store::samples::Samples;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::HealthStatus;
use crate::supervisor::{Supervisor, systemd};
use crate::web::app::App;

/// How long the house may take to close.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long `READY=1` waits for the broker.
const BROKER_READY_TIMEOUT: Duration = Duration::from_secs(3);

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
    match Ballast::of(&layout.data).release() {
        Ok(true) => tracing::warn!("disk full; ballast released for the journal"),
        Ok(false) => {}
        Err(cause) => tracing::error!(%cause, "releasing ballast failed"),
    }
    let clock = Clock::system(0);
    let keys = layout.data.join("keys");
    let secrets = Secrets::open(&layout.data)?;

    // Sockets, all before anything is served, and before the journal notes a boot: a port that is
    // taken overnight must not write history.
    let (doors, certificate) = broker_listeners(&config, &keys, &secrets, &clock).await?;
    let portal = bind_some(config.listeners.portal).await?;
    let dashboard = bind_some(config.listeners.dashboard).await?;
    let dashboard_tls = bind_some(config.listeners.dashboard_tls).await?;
    let control = control_socket(&layout.control)?;

    // Journal and stores.
    let supervisor = Supervisor::new(clock.clone());
    let epoch = secret::random::<16>()?;
    let place = JournalStorage {
        folder: boot::folder(&layout.data),
        disk: Box::new(DirDisk::open(&layout.data.join("log"))?),
        village: config.village.as_ref().map(|v| v.id.clone()),
    };
    let (journal, report) = Journal::open(place, epoch, clock.clone())?;
    let mut told = report.summary();
    if !told.is_empty() {
        tracing::warn!(told, "journal recovered with damage");
    } else if !journal.state().damage.is_empty() {
        told = "part of the history could not be read".into();
    }
    supervisor.health().set(
        "journal",
        if told.is_empty() {
            HealthStatus::Green
        } else {
            HealthStatus::Amber
        },
        &told,
    );
    if report.is_loss() {
        supervisor
            .health()
            .set("history", HealthStatus::Amber, &told);
    }
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
        bootstrap::apply_config(&journal, &config).await?;
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
    let holders = client_ca.is_some().then(|| HolderStore::of(&keys));
    let (quarantine, rules, limits) = (
        config.broker.quarantine,
        config.broker.rules.clone(),
        config.broker.limits.clone(),
    );
    let terms = BrokerOptions {
        client_ca,
        holders,
        certificate_only: false,
        quarantine,
        durability_rules: rules,
        limits,
        floor_ms: clock.floor_ms(),
        served_before: had_devices,
    };
    let (broker, orders) = BrokerService::new(
        doors,
        &layout.data.join("broker"),
        &layout.run,
        secret::token()?,
        certificate.as_ref().map(|c| &c.0),
        terms,
        accounts,
    );
    start_broker(&broker, orders, &supervisor, &journal, &live);
    super::broker_admin::start(&broker, &supervisor, &live);

    // Services.
    start_device_link(&broker, &supervisor, &journal, &live, &samples);
    let (ring, stills) = super::cameras::start(&config, &layout.data, &journal, &live, &supervisor);
    let index = Index::new(&layout.data.join("index.redb"));
    let app = App {
        index: index.clone(),
        viewer_slots: crate::supervisor::admission::AdmissionControl::new(
            crate::web::live_video::MAX_VIEWERS,
        ),
        sse_slots: crate::supervisor::admission::AdmissionControl::new(
            crate::web::live_updates::MAX_FOLLOWERS,
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
        journal: journal.clone(),
        live: live.clone(),
        samples: samples.clone(),
        files,
        sessions,
        supervisor: supervisor.clone(),
        names: Arc::new(config.listeners.names.clone()),
        api_token: Arc::new(secrets.api_token_hash.clone()),
    };
    let sounds = SoundCache::open(&layout.data.join("sounds"))?;
    // Before anybody can look: what came back from a backup goes again.
    let erasure = Erasure {
        journal: journal.clone(),
        files: app.files.clone(),
        sounds: sounds.clone(),
        supervisor: supervisor.clone(),
        backfill_marker: layout.data.join("people/erased-looked"),
    };
    let _ = erasure.pending(&journal.state());
    supervisor.service("erasure", move |stop| erasure.clone().run(stop));
    start_speech(
        &config,
        &app,
        &keys,
        (secrets.voice.clone(), secrets.is_voice_new),
        &sounds,
    )?;
    start_uplink(&config, &keys, &journal, &app.files, &live, &supervisor);
    let chores = Maintenance {
        journal: journal.clone(),
        index: index.clone(),
        samples,
        files: app.files.clone(),
        has_commune: config.uplink.server.is_some(),
        supervisor: supervisor.clone(),
        data: layout.data.clone(),
        certificate: certificate.filter(|_| secrets.has_authority),
        broker: broker.clone(),
    };
    supervisor.service("housekeeping", move |stop| {
        let chores = chores.clone();
        async move { chores.run(stop).await }
    });
    let (walked, walker) = (journal.clone(), supervisor.clone());
    supervisor.service("walk", move |stop| {
        super::maintenance::scrub_history(walked.clone(), walker.clone(), stop)
    });
    http_listeners::start(
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
        &supervisor,
    )?;

    if !broker.ready_within(BROKER_READY_TIMEOUT).await {
        supervisor
            .health()
            .set("broker", HealthStatus::Red, "it does not serve yet");
    }
    systemd::notify_ready();
    tracing::info!(
        boot = journal.state().boot,
        seq = journal.state().seq,
        "gateway ready"
    );
    let code = storage_failure::run_until_shutdown(wish, &supervisor, &journal, &layout.data).await;

    systemd::notify_stopping();
    let polite = supervisor.drain(DRAIN_TIMEOUT).await;
    index.close();
    let kept = journal.shutdown().await.is_ok();
    tracing::info!(polite, kept, "gateway stopped");
    Ok(if kept {
        code
    } else {
        storage_failure::EXIT_IO_ERROR
    })
}

/// One gateway per data folder; an old one may still be leaving.
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

fn start_broker(
    broker: &BrokerService,
    orders: mpsc::Receiver<String>,
    house: &Supervisor,
    journal: &Journal,
    live: &Live,
) {
    let (kept, for_keep) = (broker.clone(), house.clone());
    let stop = house.stop().clone();
    house.spawn(async move {
        let _ = kept.run(orders, for_keep, stop).await;
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
                        () = broker.wait_access_applied(n) => {}
                        () = stop.soft.cancelled() => return Ok(()),
                    }
                }
                live.device_link.set_access(state.seq);
            }
        }
    });
}
