//! The doors for people: each a service of its own, so that one that fails does not take the others
//! along.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::broker::Broker;
use crate::cameras::stills::Stills;
use crate::config::layout::Layout;
use crate::doors::hosts::Hosts;
use crate::doors::serve;
use crate::keys::authority::Files as CertFiles;
use crate::keys::tls::{self, Served};
use crate::speakers::sounds::Sounds;
use crate::supervisor::health::Light;
use crate::supervisor::{Stop, Supervisor};
use crate::web::app::App;

/// Opens every door for people: portal, dashboard (plain and TLS), control socket. `also` = further
/// names of this box.
///
/// # Errors
/// When a listener cannot be shared.
#[expect(clippy::too_many_arguments, reason = "one argument per door")]
pub fn start(
    app: &App,
    broker: &Broker,
    stills: &Stills,
    layout: &Layout,
    sounds: &Sounds,
    portal: Option<std::net::TcpListener>,
    dashboard: Option<std::net::TcpListener>,
    dashboard_tls: Option<std::net::TcpListener>,
    control: std::os::unix::net::UnixListener,
    also: &[String],
    house: &Supervisor,
) -> anyhow::Result<()> {
    let hosts = Hosts::new(
        app.names.iter().chain(also).cloned(),
        Some(CertFiles::named(&layout.data.join("keys"), "public").certificate),
    );
    let pages = crate::web::dashboard::router(app.clone(), hosts);
    if let Some(listener) = portal {
        door(
            house,
            "portal",
            listener,
            None,
            crate::web::portal::router(app.clone(), sound_of(sounds)),
        )?;
    }
    if let Some(listener) = dashboard {
        door(house, "dashboard", listener, None, pages.clone())?;
    }
    if let Some(listener) = dashboard_tls {
        let (h, data, listener) = (house.clone(), layout.data.clone(), Arc::new(listener));
        house.service("dashboard_tls", move |stop| {
            let (house, data, pages, listener) =
                (h.clone(), data.clone(), pages.clone(), listener.clone());
            async move { https(&house, &data, &listener, pages, stop).await }
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
    let (h, listener) = (house.clone(), Arc::new(control));
    house.service("control", move |stop| {
        let (house, app, listener) = (h.clone(), app.clone(), listener.clone());
        async move { serve::unix(listener.try_clone()?, app, house, stop).await }
    });
    Ok(())
}

/// Gives the file of a sound by its hash, for the door where clusters fetch it.
fn sound_of(sounds: &Sounds) -> impl Fn(String) -> Option<PathBuf> + Clone + Send + Sync + 'static {
    let sounds = sounds.clone();
    move |hash| sounds.file(&hash)
}

fn door(
    house: &Supervisor,
    name: &'static str,
    listener: std::net::TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    app: axum::Router,
) -> anyhow::Result<()> {
    let (h, listener) = (house.clone(), Arc::new(listener));
    house.service(name, move |stop| {
        let (house, app, listener, tls) = (h.clone(), app.clone(), listener.clone(), tls.clone());
        async move { serve::tcp(listener.try_clone()?, tls, app, house, stop).await }
    });
    Ok(())
}

/// HTTPS with the publicly valid certificate that the technician installs, now or later: the file
/// is looked at every few seconds, and a new one is served without dropping a connection.
async fn https(
    house: &Supervisor,
    data: &Path,
    listener: &std::net::TcpListener,
    pages: axum::Router,
    stop: Stop,
) -> anyhow::Result<()> {
    let files = CertFiles::named(&data.join("keys"), "public");
    let stamp = || {
        std::fs::metadata(&files.certificate)
            .and_then(|m| m.modified())
            .ok()
    };
    let mut look = tokio::time::interval(Duration::from_secs(3));
    while stamp().is_none() {
        house.health().set(
            "dashboard_tls",
            Light::Amber,
            "no certificate is installed for HTTPS; “conglang cert install” takes one",
        );
        tokio::select! {
            _ = look.tick() => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
    let served = Served::load(&files)?;
    house.health().set("dashboard_tls", Light::Green, "");
    let config = tls::server(served.clone(), None, house.clock().clone())?;
    let renew = async {
        let mut known = stamp();
        loop {
            look.tick().await;
            if stamp() != known {
                known = stamp();
                match served.reload(&files) {
                    Ok(()) => tracing::info!("a new certificate is served"),
                    Err(cause) => {
                        tracing::error!(%cause, "the new certificate cannot be used; the old one stays");
                    }
                }
            }
        }
    };
    tokio::select! {
        ended = serve::tcp(listener.try_clone()?, Some(config.into()), pages, house.clone(), stop) => ended,
        () = renew => Ok(()),
    }
}
