//! The DHCP option by which phones learn where they may ask how their session stands (option 114 of
//! RFC 8910): written while the portal is served with a certificate that phones accept and the date
//! is known, and taken back otherwise. A phone that was told an address that it then refuses is
//! worse off than one that was told nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dhcp::folder::{self, OPTIONS};
use crate::supervisor::health::{Health, HealthPart};
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};
use crate::web::portal::session_api::{SecureName, api_url};

/// How often the certificate and the clock are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// Keeps the option current in the folder that is shared with the DHCP role.
pub fn start(folder: &Path, name: SecureName, supervisor: &Supervisor) {
    let service = CaptiveOption {
        folder: folder.to_owned(),
        name,
        health: supervisor.health().clone(),
    };
    supervisor.proving_service(HealthPart::CaptiveOption, service, CaptiveOption::run);
}

#[derive(Clone)]
struct CaptiveOption {
    folder: PathBuf,
    name: SecureName,
    health: Health,
}

impl CaptiveOption {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut check = tokio::time::interval(CHECK_INTERVAL);
        loop {
            tokio::select! {
                _ = check.tick() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let service = self.clone();
            let written = tokio::task::spawn_blocking(move || service.write()).await?;
            let reason = written.err().map(|cause| HealthReason::OptionNotWritten {
                path: self.folder.display().to_string(),
                cause: cause.into(),
            });
            self.health
                .set_amber_or_green(&HealthPart::CaptiveOption, reason);
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let name = (self.name)();
        let url = name.as_deref().map(api_url);
        // Nothing to take back where nothing was ever written.
        if url.is_none() && !self.folder.join(OPTIONS).exists() {
            return Ok(());
        }
        if folder::write_captive_option(&self.folder, url.as_deref())? {
            let name = name.unwrap_or_default();
            tracing::info!(%name, "option for phones changed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::supervisor::clock::Clock;

    #[test]
    fn phones_are_told_where_to_ask_only_as_long_as_they_would_be_answered() {
        let temporary = tempfile::tempdir().expect("folder");
        let is_good = Arc::new(AtomicBool::new(false));
        let now = is_good.clone();
        let service = CaptiveOption {
            folder: temporary.path().to_owned(),
            name: Arc::new(move || now.load(Ordering::SeqCst).then(|| "h7.example".to_owned())),
            health: Health::new(Clock::manual(0)),
        };
        let told = || std::fs::read_to_string(temporary.path().join(OPTIONS)).ok();
        service.write().expect("written");
        assert_eq!(told(), None, "nothing was ever told");
        is_good.store(true, Ordering::SeqCst);
        service.write().expect("written");
        let line = "tag:guest,114,https://h7.example/captive-portal/api\n";
        assert_eq!(told().as_deref(), Some(line));
        is_good.store(false, Ordering::SeqCst);
        service.write().expect("written");
        assert_eq!(told().as_deref(), Some(""), "taken back");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_said_with_its_name() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let supervisor = Supervisor::new(Clock::manual(0));
        let folder = file.path().join("dhcp");
        let name: SecureName = Arc::new(|| Some("h7.example".to_owned()));
        start(&folder, name, &supervisor);
        let said = async {
            loop {
                let parts = supervisor.health().parts();
                let part = parts.get(&HealthPart::CaptiveOption);
                if let Some(HealthReason::OptionNotWritten { path, .. }) =
                    part.and_then(|part| part.reason.as_ref())
                {
                    return path.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        let said = tokio::time::timeout(Duration::from_secs(10), said).await;
        assert_eq!(said.ok(), Some(folder.display().to_string()));
        assert!(supervisor.drain(Duration::from_secs(10)).await);
    }
}
