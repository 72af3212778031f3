//! The guest service while nobody new can be let in: the network helper does not answer, or the key
//! of the guests' ids is lost.
//!
//! Names go on, for the staff above all; the kernel goes on by itself with the sessions that run.
//! Without the key the walled garden goes on, too: it needs no id. The use of a day that is over is
//! not told as that of today. Deliberately absent: a key for the meantime. Under it a blocked
//! device would be an unknown one.

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
        let mut garden_epoch = self.policy.borrow().garden_epoch;
        self.follow_names(grounds, &wifi, garden_epoch).await;
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
                    match &self.key {
                        Some(_) => drop(open?.done.send(false)),
                        None => self.open_garden_alone(open?, &mut garden).await,
                    }
                    false
                }
                address = noted.recv() => {
                    address?;
                    false
                }
                changed = village.changed() => {
                    changed.ok()?;
                    let now = self.journal.state().wifi.clone();
                    let before = std::mem::replace(&mut wifi, now.clone());
                    if self.key.is_none() && wifi.rules.has_other_garden(&before.rules) {
                        self.close_garden_alone().await;
                        garden_epoch += 1;
                    }
                    !Arc::ptr_eq(&now, &before)
                }
                _ = tick.tick() => {
                    self.follow_day();
                    let has_read = grounds.follow_block_list(self, &wifi.rules).await;
                    grounds.look(self) || has_read
                }
                answered = grounds.probed() => grounds.note_probe(answered, self),
                () = stop.soft.cancelled() => return None,
            };
            if has_changed {
                self.follow_names(grounds, &wifi, garden_epoch).await;
            }
        }
    }

    /// Gives the forwarder of names what holds now. How much guests have used of a line that is
    /// paid by the byte is what was known last; the kernel keeps closed what was.
    async fn follow_names(&self, grounds: &mut NameGrounds, wifi: &Wifi, garden_epoch: u64) {
        grounds.follow_block_list(self, &wifi.rules).await;
        let metered_used = self.live.get().metered_today;
        grounds.report_uplink(self, &wifi.rules, metered_used);
        let may_use = uplink_use(&wifi.rules, grounds.uplink(), metered_used);
        let is_open = may_use == UplinkUse::Open;
        grounds.publish_policy(self, &wifi.rules, is_open, garden_epoch);
    }

    /// Tells pages and health why nobody new is let in; who is in stays as it was known last.
    pub(super) fn say_out_of_order(&self, reason: HealthReason) {
        self.health.set_red(&HealthPart::Guests, reason);
        self.live.replace(GuestsNow {
            is_key_lost: self.key.is_none(),
            ..self.live.get().last_known(self.today())
        });
    }

    /// The day, when the clock may be believed.
    fn today(&self) -> Option<i64> {
        (self.clock.trust() != Trust::None).then(|| day_number(self.clock.wall_ms()))
    }

    /// Begins another day on the pages at midnight.
    fn follow_day(&self) {
        let today = self.today();
        if today.is_some_and(|today| today != self.live.day()) {
            self.live.replace(self.live.get().last_known(today));
        }
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
