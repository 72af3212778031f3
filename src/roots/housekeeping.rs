//! What must be done every so often: readings to disk, the index, a daily checkpoint, certificates, space.

use std::path::PathBuf;
use std::time::Duration;

use super::broker::Broker;
use crate::journal::Journal;
use crate::journal::index::Index;
use crate::keys::authority::{Authority, Files, RENEW_DAYS};
use crate::store::{samples::Samples, space};
use crate::supervisor::health::Light;
use crate::supervisor::{Stop, Supervisor};

/// What housekeeping works with.
#[derive(Clone)]
pub struct Housekeeping {
    /// The journal.
    pub journal: Journal,
    /// Its index.
    pub index: Index,
    /// Readings.
    pub samples: Samples,
    /// The house.
    pub house: Supervisor,
    /// The data folder.
    pub data: PathBuf,
    /// The broker's certificate, its names, and the folder of the house's CA; none = no TLS door.
    pub certificate: Option<Certificate>,
    /// The broker.
    pub broker: Broker,
}

impl Housekeeping {
    /// Works every minute until `stop`.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(&self, stop: Stop) -> anyhow::Result<()> {
        let mut minute = tokio::time::interval(Duration::from_secs(60));
        let mut minutes = 0u64;
        loop {
            tokio::select! {
                _ = minute.tick() => {}
                () = stop.soft.cancelled() => break,
            }
            self.flush().await;
            self.index_up_to_date().await;
            self.look_at_space();
            if minutes > 0 && minutes.is_multiple_of(24 * 60) {
                self.journal.checkpoint().await?;
            }
            if minutes.is_multiple_of(60)
                && let Some(certificate) = &self.certificate
                && let Err(cause) = renew(&self.house, &self.broker, certificate).await
            {
                tracing::error!(%cause, "a certificate could not be renewed");
                self.house.health().set("certificate", Light::Amber, &cause.to_string());
            }
            minutes += 1;
        }
        self.flush().await;
        Ok(())
    }

    async fn flush(&self) {
        let samples = self.samples.clone();
        match tokio::task::spawn_blocking(move || samples.flush()).await {
            Ok(Ok(())) => self.house.health().set("samples", Light::Green, ""),
            Ok(Err(cause)) => self.house.health().set("samples", Light::Amber, &format!("readings could not be written: {cause}")),
            Err(cause) => tracing::error!(%cause, "writing readings panicked"),
        }
    }

    async fn index_up_to_date(&self) {
        let (index, history) = (self.index.clone(), self.journal.history());
        match tokio::task::spawn_blocking(move || index.catch_up(&history)).await {
            Ok(Ok(anew)) => {
                if anew {
                    tracing::warn!("the index was built again from history");
                }
                self.house.health().set("index", Light::Green, "");
            }
            Ok(Err(cause)) => self.house.health().set("index", Light::Amber, &format!("the index cannot be used: {cause}")),
            Err(cause) => tracing::error!(%cause, "the index panicked"),
        }
    }

    fn look_at_space(&self) {
        match space::of(&self.data) {
            Ok((free, total)) if space::is_little(free, total) => self.house.health().set("space", Light::Amber, &format!("{} MB are left on {}", free >> 20, self.data.display())),
            Ok(_) => self.house.health().set("space", Light::Green, ""),
            Err(cause) => self.house.health().set("space", Light::Amber, &cause.to_string()),
        }
    }
}

/// A broker's certificate, its names, and the folder of the CA that signs it.
pub type Certificate = (Files, Vec<String>, PathBuf);

/// Renews a broker's certificate when it ends within [`RENEW_DAYS`], without dropping a connection.
///
/// # Errors
/// When the CA cannot be loaded or a file cannot be written.
pub async fn renew(house: &Supervisor, broker: &Broker, certificate: &Certificate) -> anyhow::Result<()> {
    let (files, names, folder) = certificate;
    if house.clock().trust() == crate::supervisor::clock::Trust::None {
        return Ok(());
    }
    let now_s = u64::try_from(house.clock().certain_ms() / 1000).unwrap_or(0);
    if files.days_left(now_s).is_some_and(|d| d > RENEW_DAYS) {
        return Ok(());
    }
    serve_certificate(files, names, folder, now_s)?;
    broker.renew_certificate().await;
    tracing::info!("the broker's certificate was renewed");
    house.health().set("certificate", Light::Green, "");
    Ok(())
}

/// Makes a certificate for the broker from the house's CA.
///
/// # Errors
/// When the CA cannot be loaded or a file cannot be written.
pub fn serve_certificate(files: &Files, names: &[String], folder: &std::path::Path, now_s: u64) -> std::io::Result<()> {
    let authority = Authority::load_or_make(folder, "Cổng Làng, nhà văn hóa", now_s)?;
    files.write(&authority.server("cong-lang", names, now_s)?)
}
