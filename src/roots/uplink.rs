//! The way to the commune as a service; none where the configuration names no commune.

use std::path::Path;

use crate::config::Config;
use crate::journal::Journal;
use crate::keys::authority::Files as CertFiles;
use crate::live::Live;
use crate::store::files::Files;
use crate::supervisor::Supervisor;
use crate::sync::uplink::Uplink;
use crate::sync::waiting::Receipts;

pub(super) fn start_uplink(
    config: &Config,
    keys: &Path,
    journal: &Journal,
    files: &Files,
    live: &Live,
    house: &Supervisor,
) {
    let (Some(village), Some(server), Some(ca), Some(certificate), Some(key)) = (
        &config.village,
        &config.commune.server,
        &config.commune.ca,
        &config.commune.certificate,
        &config.commune.key,
    ) else {
        return;
    };
    let identity = CertFiles {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let uplink = Uplink {
        village: village.id.clone(),
        server: server.clone(),
        ca: ca.clone(),
        identity,
        renewed: CertFiles::named(keys, "commune"),
        journal: journal.clone(),
        files: files.clone(),
        live: live.clone(),
        clock: house.clock().clone(),
        receipts: Receipts::default(),
    };
    let now = house.clock().wall_ms();
    live.uplink.change(|l| {
        l.configured = true;
        l.since = now;
    });
    house.service("uplink", move |stop| uplink.clone().keep(stop));
}
