//! The storm plan as pages read it and as it is written, and whether there is a storm.
//!
//! Invariants: one plan is written at a time, from the look at the one before until the order is
//! decided, whichever door it comes by. The risk is that of a notice which is shown now, by the
//! time that is known; one that is over or was taken down warns of nothing any more, whatever level
//! it had.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::app::App;
use crate::domain::notice::{Notice, NoticeDetails};
use crate::domain::speaker::{Announcement, AnnouncementClass};
use crate::domain::storm::{Command, StormPlanRows};
use crate::http::page_error::PageError;

/// The level of risk from which on the storm page stands first on the portal.
const STORMY_LEVEL: u8 = 3;
/// Most bulletins on the storm page.
pub const MOST_BULLETINS: usize = 4;

/// Held from the look at the plan in force until the order for another is decided.
static WRITING: Mutex<()> = Mutex::const_new(());

/// A plan that is written down and not yet ordered; no other is written while it lives.
#[derive(Debug)]
pub struct PreparedPlan {
    /// The order that puts it in force.
    pub command: Command,
    _writing: MutexGuard<'static, ()>,
}

/// Why a plan is not written.
#[derive(Debug)]
pub enum PlanRefusal {
    /// Another hand wrote another one meanwhile: the text that is in force now.
    Changed(String),
    /// Storage does not take it.
    NotWritten(PageError),
}

/// The level of risk that a notice warns of; 0 = of none.
fn risk_level(details: &NoticeDetails) -> u8 {
    details.risk.map_or(0, |risk| risk.level.number())
}

/// The rank of a notice that warns: its level; without one an urgent notice is as high as the
/// lowest level that stands first.
fn warning_rank(details: &NoticeDetails) -> u8 {
    match details.risk {
        None if details.urgent => STORMY_LEVEL,
        _ => risk_level(details),
    }
}

/// Warnings in their order: the highest first, then the newest; and however many there are of a
/// level, the newest urgent one is among the first [`MOST_BULLETINS`].
fn in_order_of_risk(mut all: Vec<Arc<Notice>>) -> Vec<Arc<Notice>> {
    all.sort_by_key(|n| std::cmp::Reverse((warning_rank(&n.details), n.order)));
    let urgent = all.iter().enumerate().filter(|(_, n)| n.details.urgent);
    let newest = urgent.max_by_key(|(_, n)| n.order).map(|(place, _)| place);
    if let Some(place) = newest.filter(|place| *place >= MOST_BULLETINS) {
        let urgent = all.remove(place);
        all.insert(MOST_BULLETINS - 1, urgent);
    }
    all
}

impl App {
    /// The rows of the plan that is in force; empty = there is none, or its file cannot be read.
    #[must_use]
    pub fn storm_plan(&self) -> StormPlanRows {
        let state = self.journal.state();
        let text = state.storm_plan.as_ref();
        let text = text.and_then(|plan| self.files.get(&plan.text).ok());
        text.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Names the text of the plan that is in force; empty = there is none.
    #[must_use]
    pub fn storm_plan_in_force(&self) -> String {
        let state = self.journal.state();
        let plan = state.storm_plan.as_ref();
        plan.map_or_else(String::new, |plan| plan.text.id.to_string())
    }

    /// Writes a plan down; `seen` names the plan at which its writer looked, none = at none: the
    /// whole plan is theirs.
    ///
    /// # Errors
    /// Why nothing is written.
    pub async fn prepare_storm_plan(
        &self,
        rows: &StormPlanRows,
        seen: Option<&str>,
    ) -> Result<PreparedPlan, PlanRefusal> {
        let writing = WRITING.lock().await;
        let now = self.storm_plan_in_force();
        if seen.is_some_and(|seen| seen != now) && *rows != self.storm_plan() {
            return Err(PlanRefusal::Changed(now));
        }
        let text = serde_json::to_vec(rows);
        let text = text.map_err(|_| PlanRefusal::NotWritten(PageError::Unavailable))?;
        let text = self.keep_text(text).await;
        let text = text.map_err(PlanRefusal::NotWritten)?;
        Ok(PreparedPlan {
            command: Command::SetPlan { text },
            _writing: writing,
        })
    }

    /// Whether a warning of such a risk is in force, or an emergency is on air.
    #[must_use]
    pub fn is_stormy(&self) -> bool {
        let state = self.journal.state();
        let now = self.supervisor.clock().trusted_ms();
        let is_high = |n: &Arc<Notice>| risk_level(&n.details) >= STORMY_LEVEL;
        let is_emergency = |a: &Arc<Announcement>| a.class == AnnouncementClass::Emergency;
        state
            .notices
            .values()
            .any(|n| !n.details.is_over(now) && is_high(n))
            || state.on_air().iter().any(is_emergency)
    }

    /// The notices that warn now, because they are urgent or have a level of risk: the highest risk
    /// first, then the newest, of which the storm page shows the first [`MOST_BULLETINS`].
    #[must_use]
    pub fn bulletins(&self) -> Vec<Arc<Notice>> {
        let now = self.supervisor.clock().trusted_ms();
        let mut all = self.journal.state().notices_at(now);
        all.retain(|n| n.details.urgent || risk_level(&n.details) > 0);
        in_order_of_risk(all)
    }
}
