//! The service that takes entries from the villages and answers them.

use std::time::Duration;

use crate::app::services::broker_worker::BrokerService;
use crate::commune::link::{self, CertificateSigner};
use crate::commune::store::CommuneStore;
use crate::config::CommuneVillage;
use crate::supervisor::health::HealthPart;
use crate::supervisor::{Stop, Supervisor};

/// How long the broker may take until it serves.
const BROKER_READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts the service for these villages.
pub(super) fn start(
    villages: &[CommuneVillage],
    broker: &BrokerService,
    store: &CommuneStore,
    signer: CertificateSigner,
    supervisor: &Supervisor,
) {
    let link = VillageLink {
        villages: villages.iter().map(|v| v.id.clone()).collect(),
        broker: broker.clone(),
        store: store.clone(),
        signer,
        supervisor: supervisor.clone(),
    };
    supervisor.service(HealthPart::Villages, link, VillageLink::run);
}

#[derive(Clone)]
struct VillageLink {
    villages: Vec<String>,
    broker: BrokerService,
    store: CommuneStore,
    signer: CertificateSigner,
    supervisor: Supervisor,
}

impl VillageLink {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.broker.ready_within(BROKER_READY_TIMEOUT).await,
            "the broker does not serve"
        );
        let endpoint = self.broker.endpoint();
        link::run(
            endpoint.socket,
            endpoint.password,
            self.store,
            self.signer,
            self.villages,
            self.supervisor.clock().clone(),
            stop,
        )
        .await
    }
}
