//! HTTPS with the publicly valid certificate that the technician installs, now or later: the file
//! is checked every few seconds, and a new one is served without dropping a connection.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Interval;

use crate::http::serve;
use crate::keys::authority::CertificateFiles;
use crate::keys::tls::{self, ReloadableCertificate};
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};

/// How often it is checked whether the technician installed another certificate.
const CERTIFICATE_POLL_INTERVAL: Duration = Duration::from_secs(3);

/// Serves pages over HTTPS as a service.
pub fn start(
    part: HealthPart,
    listener: TcpListener,
    certificate: &CertificateFiles,
    pages: axum::Router,
    supervisor: &Supervisor,
) {
    let service = PublicTls {
        part: part.clone(),
        listener: Arc::new(listener),
        certificate: certificate.clone(),
        pages,
        supervisor: supervisor.clone(),
    };
    supervisor.proving_service(part, service, PublicTls::run);
}

#[derive(Clone)]
struct PublicTls {
    part: HealthPart,
    listener: Arc<TcpListener>,
    certificate: CertificateFiles,
    pages: axum::Router,
    supervisor: Supervisor,
}

impl PublicTls {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let health = self.supervisor.health();
        let mut look = tokio::time::interval(CERTIFICATE_POLL_INTERVAL);
        while self.stamp().is_none() {
            health.set_amber(&self.part, HealthReason::CertificateNotInstalled);
            tokio::select! {
                _ = look.tick() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
        let served = ReloadableCertificate::load(&self.certificate)?;
        health.set_green(&self.part);
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
