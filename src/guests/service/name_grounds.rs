//! The grounds of the forwarder's policy: the way to the internet, and the block list. They are
//! followed whether or not the network helper answers.
//!
//! Invariant: names for the staff depend on nothing that guests alone need, neither on the network
//! helper nor on the key of the guests' ids.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::GuestService;
use super::unused_list::UnusedList;
use crate::config::network::UplinkInterface;
use crate::domain::guest::WifiRules;
use crate::domain::guest::admission::{InternetUplink, UplinkUse, uplink_use};
use crate::guests::dns::block_list::BlockList;
use crate::guests::dns::probe;
use crate::guests::names::{NameInput, policy};
use crate::guests::way_out::WayOut;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;

/// The grounds.
#[derive(Default)]
pub(super) struct NameGrounds {
    way_out: WayOut,
    /// The probe of the way to the internet that runs.
    probing: Option<BoxFuture<'static, bool>>,
    pub(super) block_list: Option<Arc<BlockList>>,
    /// The block list's file, when it could not be used.
    pub(super) unused_list: Option<UnusedList>,
    /// Questions that the block list left unanswered, as far as they are counted for a day.
    blocked_seen: u64,
}

impl NameGrounds {
    pub(super) const fn uplink(&self) -> InternetUplink {
        self.way_out.uplink()
    }

    /// The uplink by which packets leave.
    pub(super) const fn current(&self) -> Option<&UplinkInterface> {
        self.way_out.current()
    }

    /// Looks at the kernel's interfaces and routes; true = the way to the internet is another one.
    pub(super) fn look(&mut self, service: &GuestService) -> bool {
        let mut segments = service.plan.segments();
        let missing = segments.find(|s| !service.files.has(&s.interface));
        let reason = missing.map(|segment| HealthReason::InterfaceMissing {
            interface: segment.interface.to_string(),
        });
        let health = &service.health;
        health.set_red_or_green(&HealthPart::Segments, reason);
        let current = service.files.current(&service.network.uplinks);
        self.way_out.set_current(current, service.clock.mono_ms())
    }

    /// Begins a probe of the way to the internet when one is due.
    pub(super) fn begin_probe(&mut self, service: &GuestService) {
        if self.probing.is_none() && self.way_out.probe_is_due(service.clock.mono_ms()) {
            let (resolvers, randomness) = (service.resolvers(), service.randomness);
            self.probing = Some(Box::pin(async move {
                probe::answers(&resolvers, randomness).await
            }));
        }
    }

    /// The outcome of the probe that runs; while there is none it does not come. A probe goes on
    /// when this is cancelled.
    pub(super) async fn probed(&mut self) -> bool {
        match self.probing.as_mut() {
            Some(probe) => {
                let answered = probe.await;
                self.probing = None;
                answered
            }
            None => std::future::pending().await,
        }
    }

    /// Notes the outcome of a probe; true = the way to the internet is up or down since.
    pub(super) fn note_probe(&mut self, answered: bool, service: &GuestService) -> bool {
        self.way_out.probed(answered, service.clock.mono_ms())
    }

    /// The questions that the block list left unanswered since this was asked last.
    pub(super) fn newly_blocked(&mut self, service: &GuestService) -> u64 {
        let blocked = service.asked_names.get().map_or(0, |n| n.blocked);
        let seen = std::mem::replace(&mut self.blocked_seen, blocked);
        blocked.saturating_sub(seen)
    }

    /// Says in health how the way to the internet is, and what guests may use of it after so many
    /// bytes on metered uplinks today.
    pub(super) fn report_uplink(
        &self,
        service: &GuestService,
        rules: &WifiRules,
        metered_used: u64,
    ) {
        let uplink = self.uplink();
        let reason = match (uplink, uplink_use(rules, uplink, metered_used)) {
            (InternetUplink::Free, _) => None,
            (InternetUplink::Metered, UplinkUse::Open) if rules.is_on => {
                Some(HealthReason::InternetMeteredOpen {
                    mb: rules.metered_mb.into(),
                })
            }
            (InternetUplink::Metered, _) => Some(HealthReason::InternetMetered),
            (InternetUplink::Down, _) => Some(HealthReason::InternetDown),
        };
        let health = &service.health;
        health.set_amber_or_green(&HealthPart::Internet, reason);
    }

    /// Gives the forwarder of names its policy.
    pub(super) fn publish_policy(
        &self,
        service: &GuestService,
        rules: &WifiRules,
        is_open_to_guests: bool,
        garden_epoch: u64,
    ) {
        let input = NameInput {
            plan: &service.plan,
            names: &service.names,
            rules,
            uplink: self.uplink(),
            is_open_to_guests,
            resolvers: service.resolvers(),
            garden_epoch,
            block_list: self.block_list.clone(),
        };
        service.policy.send_replace(Arc::new(policy(input)));
    }
}
