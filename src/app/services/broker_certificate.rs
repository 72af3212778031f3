//! The certificate of a broker's TLS listeners, issued by the authority beside it and renewed in
//! time.

use std::io;
use std::path::{Path, PathBuf};

use super::broker_worker::BrokerService;
use crate::keys::authority::{CertificateFiles, HOUSE_CA_NAME};
use crate::supervisor::Supervisor;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::HealthPart;

/// The common name of a broker's certificate.
const BROKER_COMMON_NAME: &str = "cong-lang";

/// A broker's certificate.
#[derive(Debug, Clone)]
pub struct ServedCertificate {
    /// Certificate and key.
    pub files: CertificateFiles,
    /// The folder of the authority that signs it.
    pub authority: PathBuf,
    names: Vec<String>,
}

impl ServedCertificate {
    /// The certificate in the folder of keys, for these names and for this machine itself, signed
    /// by the authority in `authority`.
    #[must_use]
    pub fn of(keys: &Path, names: &[String], authority: &str) -> Self {
        let mut names = names.to_vec();
        names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        Self {
            files: CertificateFiles::named(keys, "mqtt"),
            authority: keys.join(authority),
            names,
        }
    }

    /// Issues it when it is due: missing, unusable, or ending soon. True = it was issued.
    ///
    /// # Errors
    /// When the authority cannot be loaded or a file cannot be written.
    pub fn issue_if_due(&self, clock: &Clock) -> io::Result<bool> {
        let due = self.files.is_due(&self.authority, clock);
        if due {
            self.files.issue_server(
                &self.authority,
                HOUSE_CA_NAME,
                BROKER_COMMON_NAME,
                &self.names,
                clock,
            )?;
        }
        Ok(due)
    }

    /// Issues it when it is due, without dropping a connection; also as soon as a wrong clock has
    /// been corrected.
    ///
    /// # Errors
    /// As [`ServedCertificate::issue_if_due`].
    pub async fn renew(
        &self,
        broker: &BrokerService,
        supervisor: &Supervisor,
    ) -> anyhow::Result<()> {
        if self.issue_if_due(supervisor.clock())? {
            broker.reload_certificate().await;
            tracing::info!("broker certificate renewed");
        }
        supervisor.health().set_green(&HealthPart::Certificate);
        Ok(())
    }
}
