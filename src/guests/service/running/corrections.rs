//! The sessions after rules, clock or uplink changed: each is brought to what holds now.

use super::Running;
use crate::guests::service::Trouble;
use crate::guests::table::{KernelStep, Moment};
use crate::protocol::netd::{MacAddress, NetdRequest};

impl Running<'_> {
    /// Brings every session to what the rules say now; true = there was something to change.
    pub(super) async fn correct(&mut self) -> Result<bool, Trouble> {
        let now = self.now();
        let steps = self.table.corrections(&self.setting());
        if steps.len() > 1 && self.correct_at_once(&steps, now).await? {
            return Ok(true);
        }
        for step in &steps {
            match step {
                KernelStep::Admit(session) => {
                    if let Some(id) = self.table.id_of(session.mac) {
                        self.admit(session, &id, now).await?;
                    }
                }
                KernelStep::Cut(mac) => self.end(*mac, now).await?,
            }
        }
        Ok(!steps.is_empty())
    }

    /// The same in one transaction, so that a change of the rules keeps nobody's page waiting while
    /// the wifi is full; false = the kernel took none of it.
    async fn correct_at_once(
        &mut self,
        steps: &[KernelStep],
        now: Moment,
    ) -> Result<bool, Trouble> {
        let (mut cut, mut admit) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                KernelStep::Admit(session) => admit.push(*session),
                KernelStep::Cut(mac) => cut.extend(self.table.slot_of(*mac)),
            }
        }
        if let Err(refusal) = self
            .link
            .change(&NetdRequest::Change { cut, admit })
            .await?
        {
            let (reason, detail) = (refusal.reason, refusal.detail);
            tracing::warn!(?reason, detail, "changes refused together; trying each");
            return Ok(false);
        }
        for step in steps {
            match step {
                KernelStep::Admit(session) => {
                    if let Some(id) = self.table.id_of(session.mac) {
                        self.table.entered(session, &id, now);
                    }
                }
                KernelStep::Cut(mac) => self.rows.extend(self.table.ended(*mac, now)),
            }
        }
        self.note_who_is_in();
        Ok(true)
    }

    /// Ends a session in the kernel, and keeps its row.
    pub(super) async fn end(&mut self, mac: MacAddress, now: Moment) -> Result<(), Trouble> {
        let Some(slot) = self.table.slot_of(mac) else {
            return Ok(());
        };
        self.change(&NetdRequest::Cut { slot }).await?;
        let row = self.table.ended(mac, now);
        self.rows.extend(row);
        self.note_who_is_in();
        Ok(())
    }
}
