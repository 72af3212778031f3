//! Passing time and a restart, on the state machine and on the model.

use std::time::Duration;

use super::world::{Model, new_state, pick, table};
use crate::broker::persistence::restore::{RecoveredState, WILL_GRACE};
use crate::log::sim::TestRng;

impl Model {
    pub(super) fn advance_time(&mut self, dice: &mut TestRng) {
        let by = Duration::from_secs([1, 3, 30][pick(dice, 3)]);
        self.now += by;
        let due: Vec<usize> = self
            .scheduled_wills
            .iter()
            .filter(|(_, (at, ..))| *at <= self.now)
            .map(|(c, _)| *c)
            .collect();
        // The state machine publishes wills in the order of session numbers, which the model does
        // not know. So only one may be due at a time.
        if due.len() > 1 {
            self.now -= by;
            return;
        }
        let over: Vec<usize> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.left_at.is_some_and(|t| t + s.expiry <= self.now))
            .map(|(c, _)| *c)
            .collect();
        if over.len() + due.len() > 1 {
            self.now -= by;
            return;
        }
        self.clock.advance(by);
        self.state.tick(self.now);
        for client in due {
            if let Some((_, word, _)) = self.scheduled_wills.remove(&client) {
                self.publish_in_model(None, &word);
            }
        }
        for client in over {
            self.end_session(client);
        }
    }

    /// The broker crashes after its disk has everything, and starts again.
    pub(super) fn restart(&mut self) {
        self.write();
        let online: Vec<usize> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.online.is_some())
            .map(|(c, _)| *c)
            .collect();
        // Two wills at one moment would be published in an order that the model does not know.
        if online
            .iter()
            .filter(|c| self.sessions[c].will.is_some())
            .count()
            + self.scheduled_wills.len()
            > 1
        {
            return;
        }
        if self.records.len() > 200 {
            self.records = self
                .state
                .snapshot(self.now)
                .records()
                .chain([crate::broker::persistence::record::PersistedChange::SnapshotEnd.encode()])
                .collect();
        }
        for client in online {
            let Some(seat) = self.sessions.get_mut(&client) else {
                continue;
            };
            seat.online = None;
            seat.left_at = Some(self.now);
            if let Some((word, _)) = seat.will.take() {
                self.scheduled_wills
                    .insert(client, (self.now + WILL_GRACE, word, true));
            }
        }
        for (at, ..) in self.scheduled_wills.values_mut() {
            *at = (*at).max(self.now + WILL_GRACE);
        }
        self.sessions.retain(|_, s| !s.expiry.is_zero());
        self.retained.retain(|topic, _| !topic.starts_with("m/"));
        for seat in self.sessions.values_mut() {
            seat.retained.clear();
            seat.resend.clear();
            // Released messages stay released; inflight ones are queued again, in their order.
            let (released, unsure): (Vec<_>, Vec<_>) = std::mem::take(&mut seat.inflight)
                .into_iter()
                .filter(|f| f.3)
                .partition(|f| f.1.is_none());
            seat.inflight = released;
            seat.waiting.retain(|(_, kept)| *kept);
            for (_, word, ..) in unsure.into_iter().rev() {
                seat.waiting.extend(word.map(|w| (w, true)));
                seat.waiting.rotate_right(1);
            }
        }
        self.state = new_state(&self.clock);
        RecoveredState::from_records(self.records.iter().map(Vec::as_slice))
            .restore_into(&mut self.state, self.now);
        self.state.set_access(table(), self.now);
    }
}
