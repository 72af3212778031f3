//! The answers to a client: queued in the order of what they answer, said when they are so.
//!
//! Invariants: an answer is never before what it promises (`Receipt`), and never before an earlier
//! answer; what a card did not take is refused where the protocol has words for it, else the
//! client is left unanswered for a while and then cut.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::client::{Answer, Client, Stop, UNKEPT, What};
use super::ledger::Receipt;
use crate::protocol::mqtt::{Version, say};

/// Answers that may wait for the card; beyond them the client is not read. 3.1.1 has no receive
/// maximum.
const ANSWERS_MAX: usize = 1_024;
/// A 3.1.1 client, which cannot be told that the card fails, goes on unanswered for so long before
/// it is cut: until then it still hears its orders.
const UNANSWERED: Duration = Duration::from_secs(30);

impl<S> Client<S> {
    /// True while too many answers wait for the card.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= ANSWERS_MAX
    }

    pub(super) fn say(&mut self, what: What, receipt: Option<Arc<Receipt>>) {
        if self.answers.is_empty() && receipt.is_none() {
            // A failure of an answer without a receipt is already in its code.
            let _ = self.put(what, true);
        } else {
            self.answers.push_back(Answer { receipt, what });
        }
    }

    /// True while a SUBACK waits for the card.
    pub(super) fn owes_suback(&self) -> bool {
        self.answers
            .iter()
            .any(|a| matches!(a.what, What::Codes { .. }))
    }

    /// Says the answers whose promise is kept.
    pub(super) fn answer(&mut self) -> Result<(), Stop> {
        while let Some(front) = self.answers.front() {
            let safe = match front.receipt.as_ref().map(|r| r.outcome()) {
                Some(None) => break,
                Some(Some(safe)) => safe,
                None => true,
            };
            if let Some(answer) = self.answers.pop_front() {
                self.put(answer.what, safe)?;
            }
        }
        Ok(())
    }

    /// The card does not take what a 3.1.1 client said: it says it again when it comes again.
    fn leave_unanswered(&mut self) {
        if self.cut_at.is_none() {
            self.cut_at = Some(Instant::now() + UNANSWERED);
            self.guard
                .refused(self.with.who.remembered(), &self.with.address, UNKEPT);
        }
    }

    fn put(&mut self, what: What, safe: bool) -> Result<(), Stop> {
        let version = self.with.version;
        match what {
            What::Ack {
                kind,
                id,
                mut reason,
            } => {
                if !safe && kind != 7 {
                    if version != Version::V5 {
                        self.leave_unanswered();
                        return Ok(());
                    }
                    if kind == 5 {
                        self.unreleased.remove(&id);
                        self.guard.lock().unhold(self.with.attached.slot, id);
                    }
                    reason = 0x97;
                }
                // A 3.1.1 client knows no reasons.
                say::ack(&mut self.output, version, kind, id, reason);
            }
            // UNSUBACK of 3.1.1 has no codes to say it with.
            What::Codes { kind: 11, .. } if !safe && version != Version::V5 => {
                self.leave_unanswered();
                return Ok(());
            }
            What::Codes {
                kind,
                id,
                mut codes,
            } => {
                if !safe {
                    codes
                        .iter_mut()
                        .filter(|c| **c < 0x80)
                        .for_each(|c| *c = 0x80);
                }
                if version != Version::V5 {
                    codes.iter_mut().filter(|c| **c > 2).for_each(|c| *c = 0x80);
                }
                say::suback(&mut self.output, version, kind, id, &codes);
            }
        }
        self.traffic.packets_out += 1;
        Ok(())
    }
}
