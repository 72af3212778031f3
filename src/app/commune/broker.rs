//! The commune's broker: TLS with client certificates only, one account for each village; and the
//! renewal of its own certificate.

use std::net::SocketAddr;
use std::time::Duration;

use super::keys::CommuneKeys;
use crate::app::services::broker_certificate::ServedCertificate;
use crate::app::services::broker_worker::{BrokerOptions, BrokerService};
use crate::app::sockets::bind;
use crate::config::layout::Layout;
use crate::config::{CommuneServerConfig, CommuneVillage};
use crate::domain::account::Account;
use crate::domain::id::{DeviceId, VillageId};
use crate::keys::holders::HolderStore;
use crate::protocol::broker::{ListenerKind, default_durability_rules};
use crate::supervisor::health::HealthPart;
use crate::supervisor::{Stop, Supervisor};

/// How often the certificate is looked at.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

/// Starts the broker.
///
/// # Errors
/// The address is not configured or cannot be bound, or a village's id is none.
pub(super) async fn start(
    config: &CommuneServerConfig,
    certificate: &ServedCertificate,
    holders: &HolderStore,
    layout: &Layout,
    supervisor: &Supervisor,
) -> anyhow::Result<BrokerService> {
    let address: SocketAddr = config
        .mqtt
        .ok_or_else(|| anyhow::anyhow!("[office] mqtt is missing in the configuration"))?;
    let listeners = vec![(ListenerKind::Tls, bind(address).await?)];
    let mut accounts = Vec::new();
    for CommuneVillage { id, .. } in &config.villages {
        accounts.push(Account::of_village(
            DeviceId::new(id)?,
            &VillageId::new(id)?,
            String::new(),
        ));
    }
    let options = BrokerOptions {
        listeners,
        certificate: Some(certificate.files.clone()),
        accounts,
        client_ca: Some(certificate.authority.join("ca.pem")),
        holders: Some(holders.clone()),
        certificate_only: true,
        durability_rules: default_durability_rules(),
        floor_ms: supervisor.clock().floor_ms(),
        ..BrokerOptions::default()
    };
    BrokerService::start(options, layout, supervisor)
}

/// Starts the service that renews the broker's certificate while there is a key to sign it with.
pub(super) fn start_renewal(
    certificate: ServedCertificate,
    keys: &CommuneKeys,
    broker: &BrokerService,
    supervisor: &Supervisor,
) {
    let signed = keys.authority.is_some().then_some(certificate);
    supervisor.service(
        HealthPart::CertificateRenewal,
        (signed, broker.clone(), supervisor.clone()),
        |(signed, broker, supervisor), stop| renew(signed, broker, supervisor, stop),
    );
}

async fn renew(
    signed: Option<ServedCertificate>,
    broker: BrokerService,
    supervisor: Supervisor,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(RENEWAL_INTERVAL);
    loop {
        tokio::select! {
            _ = tick.tick() => if let Some(certificate) = &signed {
                certificate.renew(&broker, &supervisor).await?;
            },
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
}
