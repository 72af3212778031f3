//! The link to the commune as a service; none where the configuration names no commune.

use std::path::Path;

use crate::app::handles::Handles;
use crate::config::UplinkConfig;
use crate::domain::id::VillageId;
use crate::keys::authority::CertificateFiles;
use crate::supervisor::health::HealthPart;
use crate::sync::backlog::Receipts;
use crate::sync::uplink::Uplink;

/// Starts the link. `village` is the id in the configuration, `keys` the folder of keys.
pub fn start(config: &UplinkConfig, village: Option<&VillageId>, keys: &Path, handles: &Handles) {
    let (Some(village), Some(server), Some(ca), Some(certificate), Some(key)) = (
        village,
        &config.server,
        &config.ca,
        &config.certificate,
        &config.key,
    ) else {
        return;
    };
    let uplink = Uplink {
        village: village.clone(),
        server: server.clone(),
        ca: ca.clone(),
        identity: CertificateFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        },
        renewed: CertificateFiles::named(keys, "commune"),
        journal: handles.journal.clone(),
        files: handles.files.clone(),
        live: handles.live.clone(),
        clock: handles.clock().clone(),
        receipts: Receipts::default(),
        health: handles.supervisor.health().clone(),
    };
    let now = handles.clock().wall_ms();
    handles.live.uplink.update(|l| {
        l.configured = true;
        l.since = now;
    });
    handles
        .supervisor
        .service(HealthPart::Uplink, uplink, Uplink::run_until_stopped);
}
