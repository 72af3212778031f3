//! `conglang run`: the gateway, from its configuration to the last drain. [`run`] lists phases and
//! nouns in the order in which they start.
//!
//! The order, and why:
//!
//! 1. **The data folder** is claimed before anything in it is read: one gateway at a time. Its keys
//!    are inspected before the journal records a boot, so that a power cut in a first boot leaves
//!    no history without keys.
//! 2. **All sockets** are bound before the journal is opened: a start that fails because a port is
//!    in use must not write history.
//! 3. **History** is opened, and what the configuration says becomes part of it, before a noun
//!    reads the village.
//! 4. **The nouns** start. The broker is first, because the link of the devices waits for it. The
//!    pages are last: what was erased is erased again before a page can show it, and whoever sees a
//!    page can act on it.
//! 5. **Readiness** is reported when the broker serves, or after three seconds without it.
//!
//! The drain has one order as well: all services finish their unit at once, within ten seconds;
//! then the index is closed; the journal is the last, because every service may still write it. A
//! service that fails later is restarted and ends nothing; what fails above ends the start. When a
//! gateway ends, and with which code: `app::services::storage_failure`.

use std::time::Duration;

use super::data_folder;
use super::handles::Handles;
use super::secrets::Secrets;
use super::services::broker_worker::BrokerService;
use super::services::http::PagesInput;
use super::services::{
    bootstrap, broker, cameras, devices, dhcp, directory, erasure, feeds, guests, http,
    maintenance, notices, papers, session_rows, speakers, storage_failure, uplink,
};
use super::sockets::{BrokerSockets, HttpSockets};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::protocol::netd::GuestRates;
use crate::speakers::sound_cache::SoundCache;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{fds, systemd};

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
    // 1. The process and its data folder.
    let stop_signal = systemd::StopSignal::listen()?;
    fds::raise_limit();
    let layout = Layout::of(&config);
    let _claim = data_folder::claim(&layout).await?;
    let (data, keys) = (&layout.data, layout.keys());
    let clock = Clock::system(0);
    let secrets = Secrets::open(data)?;

    // 2. Sockets.
    let mqtt = BrokerSockets::bind(&config.broker, &keys, &secrets, &clock).await?;
    let sockets = HttpSockets::bind(&config.listeners, &layout.control).await?;

    // 3. History.
    let declared = &config.declared;
    let village = declared.village.as_ref().map(|v| &v.id);
    let handles = Handles::open(village.cloned(), &layout, &secrets, clock)?;
    bootstrap::apply_config(&handles.journal, declared).await?;

    // 4. Nouns.
    let renewable = mqtt.certificate.clone().filter(|_| secrets.has_authority);
    let broker = broker::start(&config.broker, mqtt, &layout, &handles)?;
    devices::start(&broker, &handles);
    dhcp::start(&config.network, &handles);
    let (ring, stills) = cameras::start(&declared.cameras, &config.recording, data, &handles);
    let sounds = SoundCache::open(&data.join("sounds"))?;
    erasure::start(&sounds, data, &handles);
    let portal = config.listeners.portal;
    speakers::start(&config.speech, portal, &secrets, data, &sounds, &handles)?;
    uplink::start(&config.uplink, village, &keys, &handles);
    let network = &config.network;
    let plan = config.network_plan(GuestRates::default());
    let names = &config.listeners.names;
    guests::start(network, plan, names, &secrets, &handles);
    session_rows::start(&handles);
    directory::start(&handles);
    feeds::start(&config.board, &handles);
    notices::start(&handles);
    papers::start(&handles);
    let has_commune = config.uplink.server.is_some();
    maintenance::start(has_commune, renewable, &broker, data, &handles);
    let pages = PagesInput {
        broker: &broker,
        stills: &stills,
        ring: &ring,
        keep_days: config.recording.keep_days,
        sounds: &sounds,
        network: &config.network,
        links: &config.links,
        board: &config.board,
        accounts: &declared.accounts,
        other_names: &config.broker.names,
        api_token: &secrets.api_token_hash,
    };
    http::start(sockets, &config.listeners, &pages, &layout, &handles);

    // 5. Serving, until the end.
    report_ready(&broker, &handles).await;
    let code = storage_failure::run_until_shutdown(
        stop_signal,
        &handles.supervisor,
        &handles.journal,
        data,
    )
    .await;
    Ok(close(&handles, code).await)
}

/// Waits for the broker, but not for long, and reports to systemd that the gateway serves.
async fn report_ready(broker: &BrokerService, handles: &Handles) {
    if !broker.ready_within(BROKER_READY_TIMEOUT).await {
        handles
            .supervisor
            .health()
            .set_red(&HealthPart::Broker, HealthReason::BrokerNotReady);
    }
    systemd::notify_ready();
    let state = handles.journal.state();
    tracing::info!(boot = state.boot, seq = state.seq, "gateway ready");
}

/// Drains the services and closes the journal; gives the exit code, `code` if the journal is whole
/// on disk.
async fn close(handles: &Handles, code: u8) -> u8 {
    systemd::notify_stopping();
    let drained = handles.supervisor.drain(DRAIN_TIMEOUT).await;
    handles.index.close();
    let durable = handles.journal.shutdown().await.is_ok();
    tracing::info!(drained, durable, "gateway stopped");
    if durable {
        code
    } else {
        storage_failure::EXIT_IO_ERROR
    }
}
