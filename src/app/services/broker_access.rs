//! Keeps the broker's access table as the journal has it.

use std::sync::Arc;

use super::broker_worker::BrokerService;
use crate::app::handles::Handles;
use crate::journal::Journal;
use crate::live::Live;
use crate::supervisor::Stop;
use crate::supervisor::health::HealthPart;

/// Starts the service.
pub(super) fn start(broker: &BrokerService, handles: &Handles) {
    handles.supervisor.service(
        HealthPart::Access,
        (
            broker.clone(),
            handles.journal.clone(),
            handles.live.clone(),
        ),
        |(broker, journal, live), stop| follow_accounts(broker, journal, live, stop),
    );
}

/// Gives the broker each change of the accounts, and states when it is in force.
async fn follow_accounts(
    broker: BrokerService,
    journal: Journal,
    live: Live,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut watch = journal.watch();
    let mut known = journal.state().accounts.clone();
    loop {
        tokio::select! {
            changed = watch.changed() => changed?,
            () = stop.soft.cancelled() => return Ok(()),
        }
        let state = watch.borrow_and_update().clone();
        if !Arc::ptr_eq(&state.accounts, &known) {
            let n = broker
                .set_accounts(state.accounts.values().map(|a| (**a).clone()).collect())
                .await;
            known = state.accounts.clone();
            tokio::select! {
                () = broker.wait_access_applied(n) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
        live.device_link.set_access(state.seq);
    }
}
