//! The guest service while nobody new can be let in: the network helper does not answer, or the key
//! of the guests' ids is lost.
//!
//! Names go on, for the staff above all; the kernel goes on by itself with the sessions that run.
//! Deliberately absent: a key for the meantime. Under it a blocked device would be an unknown one.

use std::sync::Arc;

use tokio::time::{Interval, MissedTickBehavior};

use super::name_grounds::NameGrounds;
use super::{GuestService, TICK_INTERVAL};
use crate::domain::calendar::day_number;
use crate::domain::guest::Wifi;
use crate::domain::guest::admission::{UplinkUse, uplink_use};
use crate::guests::helper::HelperLink;
use crate::guests::identity::GuestKey;
use crate::live::guests::GuestsNow;
use crate::ports::guests::{GuestRequest, GuestVisitor};
use crate::supervisor::Stop;
use crate::supervisor::clock::Trust;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;

impl GuestService {
    /// Keeps names going and answers that nobody new is let in, until the network helper is
    /// reached; `again` says when it is tried. None = the service is to stop.
    pub(super) async fn until_helper(
        &self,
        grounds: &mut NameGrounds,
        again: &mut Interval,
        stop: &Stop,
    ) -> Option<(HelperLink, &GuestKey)> {
        let mut inbox = self.port.inbox().await;
        let mut garden = self.garden.lock().await;
        let mut noted = self.noted.lock().await;
        let mut village = self.journal.watch();
        let mut tick = tokio::time::interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if self.key.is_none() {
            self.say_out_of_order(HealthReason::GuestKeyLost);
        }
        let mut wifi = self.journal.state().wifi.clone();
        grounds.look(self);
        self.follow_names(grounds, &wifi).await;
        loop {
            grounds.begin_probe(self);
            let has_changed = tokio::select! {
                _ = again.tick(), if self.key.is_some() => {
                    match (HelperLink::connect(&self.network.helper).await, &self.key) {
                        (Ok(link), Some(key)) => return Some((link, key)),
                        (Err(error), _) => self.say_lost(error.into()),
                        (Ok(_), None) => {}
                    }
                    false
                }
                request = inbox.recv() => {
                    answer_out_of_order(request?);
                    false
                }
                open = garden.recv() => {
                    let _ = open?.done.send(false);
                    false
                }
                address = noted.recv() => {
                    address?;
                    false
                }
                changed = village.changed() => {
                    changed.ok()?;
                    let now = self.journal.state().wifi.clone();
                    !Arc::ptr_eq(&now, &std::mem::replace(&mut wifi, now.clone()))
                }
                _ = tick.tick() => grounds.look(self),
                answered = grounds.probed() => grounds.note_probe(answered, self),
                () = stop.soft.cancelled() => return None,
            };
            if has_changed {
                self.follow_names(grounds, &wifi).await;
            }
        }
    }

    /// Gives the forwarder of names what holds now. How much guests have used of a line that is
    /// paid by the byte is what was known last; the kernel keeps closed what was.
    async fn follow_names(&self, grounds: &mut NameGrounds, wifi: &Wifi) {
        grounds.follow_block_list(self, &wifi.rules).await;
        let metered_used = self.live.get().metered_today;
        grounds.report_uplink(self, &wifi.rules, metered_used);
        let may_use = uplink_use(&wifi.rules, grounds.uplink(), metered_used);
        let is_open = may_use == UplinkUse::Open;
        let garden_epoch = self.policy.borrow().garden_epoch;
        grounds.publish_policy(self, &wifi.rules, is_open, garden_epoch);
    }

    /// Tells pages and health why nobody new is let in; who is in stays as it was known last.
    pub(super) fn say_out_of_order(&self, reason: HealthReason) {
        self.health.set_red(&HealthPart::Guests, reason);
        let today = (self.clock.trust() != Trust::None).then(|| day_number(self.clock.wall_ms()));
        self.live.replace(GuestsNow {
            is_key_lost: self.key.is_none(),
            ..self.live.get().last_known(today)
        });
    }
}

/// Without an answer to a cut the page says that the helper is silent.
fn answer_out_of_order(request: GuestRequest) {
    match request {
        GuestRequest::Look(_, reply) | GuestRequest::Enter(_, reply) => {
            let _ = reply.send(GuestVisitor::OutOfOrder);
        }
        GuestRequest::Cut(..) => {}
    }
}
