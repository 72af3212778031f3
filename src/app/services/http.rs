//! The HTTP listeners: each is a service of its own, so that a failure of one does not end the
//! others.

use std::net::TcpListener;
use std::sync::Arc;

use super::broker_worker::BrokerService;
use super::{captive_option, public_tls};
use crate::app::handles::Handles;
use crate::app::sockets::HttpSockets;
use crate::cameras::stills::StillService;
use crate::config::board::BoardConfig;
use crate::config::layout::Layout;
use crate::config::network::NetworkConfig;
use crate::config::{HttpListeners, LinksConfig};
use crate::domain::account::Account;
use crate::guests::dns::local_names::GATEWAY_NAME;
use crate::http::hosts::AllowedHosts;
use crate::http::serve;
use crate::keys::authority::CertificateFiles;
use crate::protocol::netd::{NetworkSegment, SubnetAddress};
use crate::speakers::sound_cache::SoundCache;
use crate::store::segments::Ring;
use crate::supervisor::Supervisor;
use crate::supervisor::admission::AdmissionControl;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::HealthPart;
use crate::supervisor::standstill::Standstill;
use crate::web::dashboard::live_updates::MAX_FOLLOWERS;
use crate::web::dashboard::live_video::MAX_VIEWERS;
use crate::web::kit::app::App;
use crate::web::kit::board_cache::{BoardSearch, ProcedureCache};
use crate::web::kit::links::PublicLinks;
use crate::web::kit::taps::TapClock;
use crate::web::portal::session_api::{self, SecureName};
use crate::web::portal::staff::StaffWay;
use crate::web::portal::{self, PortalSite};

/// Starts every HTTP listener: portal and dashboard (plain and TLS), control socket.
pub fn start(
    sockets: HttpSockets,
    listeners: &HttpListeners,
    pages: &PagesInput<'_>,
    layout: &Layout,
    handles: &Handles,
) {
    let mut site = portal_site(listeners, pages.network);
    let app = app(listeners, &site, pages, handles);
    let supervisor = &handles.supervisor;
    supervisor.spawn(app.clone().prepare_search());
    let certificate = CertificateFiles::named(&layout.keys(), "public");
    // The staff's devices get this name from the box, with or without an uplink.
    let local = pages
        .network
        .staff
        .as_ref()
        .map(|_| GATEWAY_NAME.to_owned());
    let hosts = AllowedHosts::new(
        app.names
            .iter()
            .chain(pages.other_names)
            .cloned()
            .chain(local),
        Some(certificate.certificate.clone()),
    );
    let dashboard = crate::web::dashboard::router(app.clone(), hosts);
    let sounds = pages.sounds.clone();
    site.staff = staff_way(listeners, pages.network, &certificate, handles.clock());
    let portal = portal::router(app.clone(), site.clone(), move |hash| sounds.file(&hash));
    let has_tls = sockets.portal_tls.is_some();
    let (files, clock) = (certificate.clone(), handles.clock().clone());
    let name: SecureName = Arc::new(move || {
        let names = has_tls.then_some(&site.names)?;
        files.name_for_phones(names, &clock)
    });
    if pages.network.guest.is_some() {
        captive_option::start(&pages.network.dhcp, name.clone(), supervisor);
    }
    if let Some(listener) = sockets.portal_tls {
        let api = session_api::router(app.clone(), name);
        let (part, pages) = (HealthPart::PortalTls, portal.clone().merge(api));
        public_tls::start(part, listener, &certificate, pages, supervisor);
    }
    if let Some(listener) = sockets.portal {
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
        let part = HealthPart::DashboardTls;
        public_tls::start(part, listener, &certificate, dashboard, supervisor);
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
    /// The networks that the box serves.
    pub network: &'a NetworkConfig,
    /// The base of public links.
    pub links: &'a LinksConfig,
    /// Official addresses, and where people get help with papers.
    pub board: &'a BoardConfig,
    /// The accounts in the configuration.
    pub accounts: &'a [Account],
    /// Further names of this machine.
    pub other_names: &'a [String],
    /// SHA-256 of the token that programs present; empty = none.
    pub api_token: &'a str,
}

/// Where visitors find the portal. The forwarder of names knows its name in the guest network.
fn portal_site(listeners: &HttpListeners, network: &NetworkConfig) -> PortalSite {
    let mut names = listeners.names.clone();
    if network.guest.is_some() {
        names.push(GATEWAY_NAME.to_owned());
    }
    let segments = [&network.guest, &network.device, &network.staff];
    let addresses = segments
        .into_iter()
        .flatten()
        .flat_map(NetworkSegment::networks)
        .map(SubnetAddress::address);
    PortalSite {
        names,
        addresses: addresses.collect(),
        staff: None,
    }
}

/// The staff's way to the dashboard: over HTTPS as soon as phones accept its certificate, otherwise
/// over HTTP where that is configured.
fn staff_way(
    listeners: &HttpListeners,
    network: &NetworkConfig,
    certificate: &CertificateFiles,
    clock: &Clock,
) -> Option<StaffWay> {
    let segment = network.staff.clone()?;
    let plain = listeners.dashboard.filter(|at| !at.ip().is_loopback());
    let plain = plain.map(|at| {
        if at.ip().is_unspecified() {
            format!("http://{GATEWAY_NAME}:{}/", at.port())
        } else {
            format!("http://{at}/")
        }
    });
    let secure_port = listeners.dashboard_tls.map(|at| at.port());
    if plain.is_none() && secure_port.is_none() {
        return None;
    }
    let (names, certificate) = (listeners.names.clone(), certificate.clone());
    let clock = clock.clone();
    let dashboard = move || {
        let secure = secure_port.and_then(|port| {
            let name = certificate.name_for_phones(&names, &clock)?;
            Some(match port {
                443 => format!("https://{name}/"),
                _ => format!("https://{name}:{port}/"),
            })
        });
        secure.or_else(|| plain.clone())
    };
    Some(StaffWay {
        segment,
        dashboard: Arc::new(dashboard),
    })
}

/// The parts that all pages work with.
fn app(
    listeners: &HttpListeners,
    site: &PortalSite,
    pages: &PagesInput<'_>,
    handles: &Handles,
) -> App {
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
        session_rows: handles.session_rows.clone(),
        files: handles.files.clone(),
        attachments: handles.attachments.clone(),
        papers: handles.papers.clone(),
        spoken: handles.spoken.clone(),
        sessions: handles.sign_ins.clone(),
        taps: TapClock::new(&run, clock.clone(), standstill),
        supervisor: supervisor.clone(),
        viewer_slots: AdmissionControl::new(MAX_VIEWERS),
        sse_slots: AdmissionControl::new(MAX_FOLLOWERS),
        taken_down_titles: Arc::default(),
        guests_before: Arc::default(),
        ring: pages.ring.clone(),
        keep_days: pages.keep_days,
        configured: Arc::new(pages.accounts.iter().map(|a| a.name.clone()).collect()),
        technician: Arc::new(technician),
        portal_port: listeners.portal.map(|portal| portal.port()),
        portal_address: Arc::new(site.typed().unwrap_or_default()),
        links: PublicLinks::new(
            pages.links.public_base.as_deref(),
            site.names.first().map_or(GATEWAY_NAME, String::as_str),
        ),
        names: Arc::new(listeners.names.clone()),
        api_token: Arc::new(pages.api_token.to_owned()),
        board: Arc::new(pages.board.clone()),
        procedures: ProcedureCache::default(),
        search: BoardSearch::default(),
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
