//! What time does, and a restart, to the machine and to the model.

use std::time::Duration;

use super::world::{World, core, pick, table};
use crate::broker::ledger::restore::{Found, GRACE};
use crate::log::sim::Dice;

impl World {
    pub(super) fn pass(&mut self, dice: &mut Dice) {
        let by = Duration::from_secs([1, 3, 30][pick(dice, 3)]);
        self.now += by;
        let due: Vec<usize> = self
            .due
            .iter()
            .filter(|(_, (at, ..))| *at <= self.now)
            .map(|(c, _)| *c)
            .collect();
        // In the machine's order: by the number of the session, which is unknown here; so one at a
        // time only.
        if due.len() > 1 {
            self.now -= by;
            return;
        }
        let over: Vec<usize> = self
            .seats
            .iter()
            .filter(|(_, s)| s.left.is_some_and(|t| t + s.keep <= self.now))
            .map(|(c, _)| *c)
            .collect();
        if over.len() + due.len() > 1 {
            self.now -= by;
            return;
        }
        self.clock.advance(by);
        self.core.tick(self.now);
        for client in due {
            if let Some((_, word, _)) = self.due.remove(&client) {
                self.said(None, &word);
            }
        }
        for client in over {
            self.over(client);
        }
    }

    /// The broker dies after its disk has everything, and comes again.
    pub(super) fn restart(&mut self) {
        self.write();
        let online: Vec<usize> = self
            .seats
            .iter()
            .filter(|(_, s)| s.online.is_some())
            .map(|(c, _)| *c)
            .collect();
        // Two wills at one moment would be said in an order that the model does not know.
        if online
            .iter()
            .filter(|c| self.seats[c].will.is_some())
            .count()
            + self.due.len()
            > 1
        {
            return;
        }
        if self.records.len() > 200 {
            self.records = self
                .core
                .snapshot(self.now)
                .records()
                .chain([crate::broker::ledger::record::Record::End.encode()])
                .collect();
        }
        for client in online {
            let Some(seat) = self.seats.get_mut(&client) else {
                continue;
            };
            seat.online = None;
            seat.left = Some(self.now);
            if let Some((word, _)) = seat.will.take() {
                self.due.insert(client, (self.now + GRACE, word, true));
            }
        }
        for (at, ..) in self.due.values_mut() {
            *at = (*at).max(self.now + GRACE);
        }
        self.seats.retain(|_, s| !s.keep.is_zero());
        self.retained.retain(|topic, _| !topic.starts_with("m/"));
        for seat in self.seats.values_mut() {
            seat.retained.clear();
            seat.again.clear();
            // What was released stays so; what was in flight waits again, in its order.
            let (released, unsure): (Vec<_>, Vec<_>) = std::mem::take(&mut seat.flying)
                .into_iter()
                .filter(|f| f.3)
                .partition(|f| f.1.is_none());
            seat.flying = released;
            seat.waiting.retain(|(_, kept)| *kept);
            for (_, word, ..) in unsure.into_iter().rev() {
                seat.waiting.extend(word.map(|w| (w, true)));
                seat.waiting.rotate_right(1);
            }
        }
        self.core = core(&self.clock);
        Found::read(self.records.iter().map(Vec::as_slice)).restore(&mut self.core, self.now);
        self.core.set_table(table(), self.now);
    }
}
