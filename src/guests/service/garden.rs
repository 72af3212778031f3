//! The walled garden's way from the forwarder of names to the kernel, with or without the key of
//! the guests' ids: a name of the garden needs no session and no id.
//!
//! Invariant: no session is touched here. Deliberately absent: a plan for a helper that has none;
//! it has that of its own configuration.

use std::time::Duration;

use tokio::sync::mpsc;

use super::GuestService;
use crate::guests::dns::garden::OpenAddresses;
use crate::guests::dns::rebinding::MAX_RECORDS;
use crate::guests::helper::{HelperLink, LinkError};
use crate::protocol::netd::{MAX_GARDEN_ADDRESSES, NetdRequest};

/// Requests for open addresses that are carried out as one.
const MAX_TOGETHER: usize = 64;
/// How long a helper may take while nobody is let in: pages wait for the same task.
const ALONE_TIMEOUT: Duration = Duration::from_secs(2);

/// This request, and those that wait behind it. The helper takes a bounded number at once; the rest
/// comes with the next round.
pub(super) fn together(
    first: OpenAddresses,
    waiting: &mut mpsc::Receiver<OpenAddresses>,
) -> Vec<OpenAddresses> {
    let mut count = first.addresses.len();
    let mut together = vec![first];
    while together.len() < MAX_TOGETHER
        && count + MAX_RECORDS <= MAX_GARDEN_ADDRESSES
        && let Ok(next) = waiting.try_recv()
    {
        count += next.addresses.len();
        together.push(next);
    }
    together
}

/// Opens addresses in the kernel, and tells those who asked.
pub(super) async fn open(
    link: &mut HelperLink,
    together: Vec<OpenAddresses>,
) -> Result<(), LinkError> {
    let addresses = together.iter().flat_map(|o| o.addresses.clone()).collect();
    let opened = link.change(&NetdRequest::Garden { addresses }).await;
    let is_open = matches!(opened, Ok(Ok(())));
    for open in together {
        let _ = open.done.send(is_open);
    }
    if let Err(refusal) = opened? {
        tracing::warn!(detail = refusal.detail, "garden addresses not opened");
    }
    Ok(())
}

impl GuestService {
    /// Opens addresses of the garden while nobody new can be let in; each time over a connection of
    /// its own, because one that is silent is ended by the helper.
    pub(super) async fn open_garden_alone(
        &self,
        first: OpenAddresses,
        waiting: &mut mpsc::Receiver<OpenAddresses>,
    ) {
        let together = together(first, waiting);
        let ask = async {
            let mut link = HelperLink::connect(&self.network.helper).await?;
            open(&mut link, together).await
        };
        // A request that is dropped is answered with “not open”.
        match tokio::time::timeout(ALONE_TIMEOUT, ask).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::debug!(%cause, "garden not opened without the guests' key"),
            Err(_) => tracing::debug!("garden not opened: the network helper is silent"),
        }
    }

    /// Closes the garden as it was, because the village has another one.
    pub(super) async fn close_garden_alone(&self) {
        let ask = async {
            let mut link = HelperLink::connect(&self.network.helper).await?;
            link.change(&NetdRequest::CloseGarden).await
        };
        // Addresses that stay open end by their own time, within minutes.
        let _ = tokio::time::timeout(ALONE_TIMEOUT, ask).await;
    }
}
