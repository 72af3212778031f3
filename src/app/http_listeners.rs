//! The HTTP listeners: each is a service of its own, so that a failure of one does not end the
//! others.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::broker::BrokerService;
use super::sockets::{bind_some, control_socket};
use crate::cameras::stills::StillService;
use crate::config::Config;
use crate::config::layout::Layout;
use crate::http::hosts::AllowedHosts;
use crate::http::serve;
use crate::keys::authority::CertificateFiles;
use crate::keys::tls::{self, ReloadableCertificate};
use crate::speakers::sound_cache::SoundCache;
use crate::supervisor::health::{HealthPart, HealthStatus};
use crate::supervisor::{Stop, Supervisor};
use crate::web::kit::app::App;

/// The sockets of the HTTP listeners, bound and not served yet.
pub struct HttpSockets {
    portal: Option<std::net::TcpListener>,
    dashboard: Option<std::net::TcpListener>,
    dashboard_tls: Option<std::net::TcpListener>,
    control: std::os::unix::net::UnixListener,
}

impl HttpSockets {
    /// Binds the sockets that the configuration names, and the control socket.
    ///
    /// # Errors
    /// A sentence with the address or the path that cannot be bound.
    pub async fn bind(config: &Config, layout: &Layout) -> anyhow::Result<Self> {
        Ok(Self {
            portal: bind_some(config.listeners.portal).await?,
            dashboard: bind_some(config.listeners.dashboard).await?,
            dashboard_tls: bind_some(config.listeners.dashboard_tls).await?,
            control: control_socket(&layout.control)?,
        })
    }
}

/// Starts every HTTP listener: portal, dashboard (plain and TLS), control socket. `also` = further
/// names of this machine.
///
/// # Errors
/// When a listener cannot be shared.
pub fn start(
    app: &App,
    broker: &BrokerService,
    stills: &StillService,
    layout: &Layout,
    sounds: &SoundCache,
    sockets: HttpSockets,
    also: &[String],
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let hosts = AllowedHosts::new(
        app.names.iter().chain(also).cloned(),
        Some(CertificateFiles::named(&layout.data.join("keys"), "public").certificate),
    );
    let pages = crate::web::dashboard::router(app.clone(), hosts);
    if let Some(listener) = sockets.portal {
        serve_http(
            supervisor,
            HealthPart::Portal,
            listener,
            None,
            crate::web::portal::router(app.clone(), sound_file_lookup(sounds)),
        )?;
    }
    if let Some(listener) = sockets.dashboard {
        serve_http(
            supervisor,
            HealthPart::Dashboard,
            listener,
            None,
            pages.clone(),
        )?;
    }
    if let Some(listener) = sockets.dashboard_tls {
        let (h, data, listener) = (supervisor.clone(), layout.data.clone(), Arc::new(listener));
        supervisor.service(HealthPart::DashboardTls, move |stop| {
            let (supervisor, data, pages, listener) =
                (h.clone(), data.clone(), pages.clone(), listener.clone());
            async move { serve_https(&supervisor, &data, &listener, pages, stop).await }
        });
    }
    let broker = broker.clone();
    let stills = stills.clone();
    let pids = move || {
        vec![
            ("gateway".to_owned(), std::process::id()),
            ("broker".to_owned(), broker.pid()),
            ("media".to_owned(), stills.pid()),
        ]
    };
    let app = crate::web::control::router(app.clone(), pids);
    let (h, listener) = (supervisor.clone(), Arc::new(sockets.control));
    supervisor.service(HealthPart::Control, move |stop| {
        let (supervisor, app, listener) = (h.clone(), app.clone(), listener.clone());
        async move { serve::serve_unix(listener.try_clone()?, app, supervisor, stop).await }
    });
    Ok(())
}

/// Gives the file of a sound by its hash, for the portal, where speaker clusters fetch it.
fn sound_file_lookup(
    sounds: &SoundCache,
) -> impl Fn(String) -> Option<PathBuf> + Clone + Send + Sync + 'static {
    let sounds = sounds.clone();
    move |hash| sounds.file(&hash)
}

fn serve_http(
    supervisor: &Supervisor,
    part: HealthPart,
    listener: std::net::TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    app: axum::Router,
) -> anyhow::Result<()> {
    let (h, listener) = (supervisor.clone(), Arc::new(listener));
    supervisor.service(part, move |stop| {
        let (supervisor, app, listener, tls) =
            (h.clone(), app.clone(), listener.clone(), tls.clone());
        async move { serve::serve_tcp(listener.try_clone()?, tls, app, supervisor, stop).await }
    });
    Ok(())
}

/// HTTPS with the publicly valid certificate that the technician installs, now or later: the file
/// is checked every few seconds, and a new one is served without dropping a connection.
async fn serve_https(
    supervisor: &Supervisor,
    data: &Path,
    listener: &std::net::TcpListener,
    pages: axum::Router,
    stop: Stop,
) -> anyhow::Result<()> {
    let files = CertificateFiles::named(&data.join("keys"), "public");
    let stamp = || {
        std::fs::metadata(&files.certificate)
            .and_then(|m| m.modified())
            .ok()
    };
    let mut look = tokio::time::interval(Duration::from_secs(3));
    while stamp().is_none() {
        supervisor.health().set(
            &HealthPart::DashboardTls,
            HealthStatus::Amber,
            "no certificate is installed for HTTPS; “conglang cert install” takes one",
        );
        tokio::select! {
            _ = look.tick() => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
    let served = ReloadableCertificate::load(&files)?;
    supervisor
        .health()
        .set(&HealthPart::DashboardTls, HealthStatus::Green, "");
    let config = tls::server_config(served.clone(), None, supervisor.clock().clone())?;
    let renew = async {
        let mut known = stamp();
        loop {
            look.tick().await;
            if stamp() != known {
                known = stamp();
                match served.reload(&files) {
                    Ok(()) => tracing::info!("TLS certificate reloaded"),
                    Err(cause) => {
                        tracing::error!(%cause, "new TLS certificate rejected; keeping the old one");
                    }
                }
            }
        }
    };
    tokio::select! {
        ended = serve::serve_tcp(listener.try_clone()?, Some(config.into()), pages, supervisor.clone(), stop) => ended,
        () = renew => Ok(()),
    }
}
