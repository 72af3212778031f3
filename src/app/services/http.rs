//! The HTTP listeners: each is a service of its own, so that a failure of one does not end the
//! others.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Interval;

use super::broker_worker::BrokerService;
use crate::app::handles::Handles;
use crate::app::sockets::HttpSockets;
use crate::cameras::stills::StillService;
use crate::config::HttpListeners;
use crate::config::layout::Layout;
use crate::domain::account::Account;
use crate::http::hosts::AllowedHosts;
use crate::http::serve;
use crate::keys::authority::CertificateFiles;
use crate::keys::tls::{self, ReloadableCertificate};
use crate::speakers::sound_cache::SoundCache;
use crate::store::segments::Ring;
use crate::supervisor::admission::AdmissionControl;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::standstill::Standstill;
use crate::supervisor::{Stop, Supervisor};
use crate::web::dashboard::live_updates::MAX_FOLLOWERS;
use crate::web::dashboard::live_video::MAX_VIEWERS;
use crate::web::kit::app::App;
use crate::web::kit::taps::TapClock;

/// How often it is checked whether the technician installed another certificate for HTTPS.
const CERTIFICATE_POLL_INTERVAL: Duration = Duration::from_secs(3);

/// Starts every HTTP listener: portal, dashboard (plain and TLS), control socket.
pub fn start(
    sockets: HttpSockets,
    listeners: &HttpListeners,
    pages: &PagesInput<'_>,
    layout: &Layout,
    handles: &Handles,
) {
    let app = app(listeners, pages, handles);
    let supervisor = &handles.supervisor;
    let certificate = CertificateFiles::named(&layout.keys(), "public");
    let hosts = AllowedHosts::new(
        app.names.iter().chain(pages.other_names).cloned(),
        Some(certificate.certificate.clone()),
    );
    let dashboard = crate::web::dashboard::router(app.clone(), hosts);
    if let Some(listener) = sockets.portal {
        let sounds = pages.sounds.clone();
        let portal = crate::web::portal::router(app.clone(), move |hash| sounds.file(&hash));
        serve_plain(supervisor, HealthPart::Portal, listener, portal);
    }
    if let Some(listener) = sockets.dashboard {
        serve_plain(
            supervisor,
            HealthPart::Dashboard,
            listener,
            dashboard.clone(),
        );
    }
    if let Some(listener) = sockets.dashboard_tls {
        let service = DashboardTls {
            listener: Arc::new(listener),
            certificate,
            pages: dashboard,
            supervisor: supervisor.clone(),
        };
        supervisor.service(HealthPart::DashboardTls, service, DashboardTls::run);
    }
    let (broker, stills) = (pages.broker.clone(), pages.stills.clone());
    let pids = move || {
        vec![
            ("gateway".to_owned(), std::process::id()),
            ("broker".to_owned(), broker.pid()),
            ("media".to_owned(), stills.pid()),
        ]
    };
    let control = crate::web::control::router(app, pids);
    supervisor.service(
        HealthPart::Control,
        (Arc::new(sockets.control), control, supervisor.clone()),
        |(listener, control, supervisor), stop| async move {
            serve::serve_unix(listener.try_clone()?, control, supervisor, stop).await
        },
    );
}

/// The parts of other nouns that pages show, besides the journal and the current values.
pub struct PagesInput<'a> {
    /// The broker's worker, whose process the control socket shows.
    pub broker: &'a BrokerService,
    /// The media worker, likewise.
    pub stills: &'a StillService,
    /// Recordings.
    pub ring: &'a Ring,
    /// Days for which recordings stay.
    pub keep_days: u32,
    /// Sounds, which speaker clusters fetch from the portal.
    pub sounds: &'a SoundCache,
    /// The accounts in the configuration.
    pub accounts: &'a [Account],
    /// Further names of this machine.
    pub other_names: &'a [String],
    /// SHA-256 of the token that programs present; empty = none.
    pub api_token: &'a str,
}

/// The parts that all pages work with.
fn app(listeners: &HttpListeners, pages: &PagesInput<'_>, handles: &Handles) -> App {
    let technician = listeners.technician_phone.clone().unwrap_or_default();
    let (supervisor, clock) = (&handles.supervisor, handles.clock());
    let standstill = Standstill::new(clock.clone());
    supervisor.spawn(standstill.clone().run(supervisor.stop().clone()));
    let [a, b, c, d, ..] = handles.journal.epoch();
    let run = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    App {
        journal: handles.journal.clone(),
        index: handles.index.clone(),
        live: handles.live.clone(),
        ports: handles.ports.clone(),
        samples: handles.samples.clone(),
        files: handles.files.clone(),
        sessions: handles.sign_ins.clone(),
        taps: TapClock::new(&run, clock.clone(), standstill),
        supervisor: supervisor.clone(),
        viewer_slots: AdmissionControl::new(MAX_VIEWERS),
        sse_slots: AdmissionControl::new(MAX_FOLLOWERS),
        taken_down_titles: Arc::default(),
        ring: pages.ring.clone(),
        keep_days: pages.keep_days,
        configured: Arc::new(pages.accounts.iter().map(|a| a.name.clone()).collect()),
        technician: Arc::new(technician),
        names: Arc::new(listeners.names.clone()),
        api_token: Arc::new(pages.api_token.to_owned()),
    }
}

fn serve_plain(
    supervisor: &Supervisor,
    part: HealthPart,
    listener: TcpListener,
    pages: axum::Router,
) {
    supervisor.service(
        part,
        (Arc::new(listener), pages, supervisor.clone()),
        |(listener, pages, supervisor), stop| async move {
            serve::serve_tcp(listener.try_clone()?, None, pages, supervisor, stop).await
        },
    );
}

/// HTTPS with the publicly valid certificate that the technician installs, now or later: the file
/// is checked every few seconds, and a new one is served without dropping a connection.
#[derive(Clone)]
struct DashboardTls {
    listener: Arc<TcpListener>,
    certificate: CertificateFiles,
    pages: axum::Router,
    supervisor: Supervisor,
}

impl DashboardTls {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let health = self.supervisor.health();
        let mut look = tokio::time::interval(CERTIFICATE_POLL_INTERVAL);
        while self.stamp().is_none() {
            health.set_amber(
                &HealthPart::DashboardTls,
                HealthReason::CertificateNotInstalled,
            );
            tokio::select! {
                _ = look.tick() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
        let served = ReloadableCertificate::load(&self.certificate)?;
        health.set_green(&HealthPart::DashboardTls);
        let config = tls::server_config(served.clone(), None, self.supervisor.clock().clone())?;
        tokio::select! {
            ended = serve::serve_tcp(
                self.listener.try_clone()?,
                Some(config.into()),
                self.pages.clone(),
                self.supervisor.clone(),
                stop,
            ) => ended,
            () = self.reload_for_ever(&served, look) => Ok(()),
        }
    }

    async fn reload_for_ever(&self, served: &ReloadableCertificate, mut look: Interval) {
        let mut known = self.stamp();
        loop {
            look.tick().await;
            if self.stamp() != known {
                known = self.stamp();
                match served.reload(&self.certificate) {
                    Ok(()) => tracing::info!("TLS certificate reloaded"),
                    Err(cause) => {
                        tracing::error!(
                            %cause,
                            "new TLS certificate rejected; keeping the old one"
                        );
                    }
                }
            }
        }
    }

    /// When the certificate was installed; none = there is none.
    fn stamp(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.certificate.certificate)
            .and_then(|m| m.modified())
            .ok()
    }
}
