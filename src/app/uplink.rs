//! The link to the commune as a service; none where the configuration names no commune.

use std::path::Path;

use crate::config::Config;
use crate::journal::Journal;
use crate::keys::authority::CertificateFiles;
use crate::live::Live;
use crate::store::files::PeopleFiles;
use crate::supervisor::Supervisor;
use crate::supervisor::health::HealthPart;
use crate::sync::backlog::Receipts;
use crate::sync::uplink::Uplink;

pub(super) fn start_uplink(
    config: &Config,
    keys: &Path,
    journal: &Journal,
    files: &PeopleFiles,
    live: &Live,
    supervisor: &Supervisor,
) {
    let (Some(village), Some(server), Some(ca), Some(certificate), Some(key)) = (
        &config.village,
        &config.uplink.server,
        &config.uplink.ca,
        &config.uplink.certificate,
        &config.uplink.key,
    ) else {
        return;
    };
    let identity = CertificateFiles {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let uplink = Uplink {
        village: village.id.clone(),
        server: server.clone(),
        ca: ca.clone(),
        identity,
        renewed: CertificateFiles::named(keys, "commune"),
        journal: journal.clone(),
        files: files.clone(),
        live: live.clone(),
        clock: supervisor.clock().clone(),
        receipts: Receipts::default(),
        health: supervisor.health().clone(),
    };
    let now = supervisor.clock().wall_ms();
    live.uplink.update(|l| {
        l.configured = true;
        l.since = now;
    });
    supervisor.service(HealthPart::Uplink, move |stop| {
        uplink.clone().run_until_stopped(stop)
    });
}
