//! The village's broker: its worker with the accounts of the village, its access table, and its
//! answers to the pages.

use super::broker_worker::{BrokerOptions, BrokerService};
use super::{broker_access, broker_admin};
use crate::app::handles::Handles;
use crate::app::sockets::BrokerSockets;
use crate::config::BrokerConfig;
use crate::config::layout::Layout;
use crate::domain::device::Availability;
use crate::keys::authority::Authority;
use crate::keys::holders::HolderStore;

/// Starts the broker on its bound sockets.
///
/// # Errors
/// The system gives no random numbers.
pub fn start(
    config: &BrokerConfig,
    sockets: BrokerSockets,
    layout: &Layout,
    handles: &Handles,
) -> anyhow::Result<BrokerService> {
    let state = handles.journal.state();
    // Without a certificate of the authority no client's certificate can be verified: clients use
    // their passwords.
    let client_ca = sockets
        .certificate
        .as_ref()
        .filter(|_| config.client_certificates)
        .map(|certificate| certificate.authority.join("ca.pem"))
        .filter(|ca| Authority::is_certificate(ca));
    let options = BrokerOptions {
        listeners: sockets.listeners,
        certificate: sockets.certificate.map(|certificate| certificate.files),
        accounts: state.accounts.values().map(|a| (**a).clone()).collect(),
        holders: client_ca.is_some().then(|| HolderStore::of(&layout.keys())),
        client_ca,
        certificate_only: false,
        quarantine: config.quarantine,
        durability_rules: config.rules.clone(),
        limits: config.limits.clone(),
        floor_ms: handles.clock().floor_ms(),
        // A device was heard: the broker stored something. A start that was killed before that
        // proves nothing.
        served_before: state
            .devices
            .values()
            .any(|d| d.availability != Availability::Unknown),
    };
    let broker = BrokerService::start(options, layout, &handles.supervisor)?;
    broker_access::start(&broker, handles);
    broker_admin::start(&broker, handles);
    Ok(broker)
}
