//! The storm plan as pages read it.

use super::app::App;
use crate::domain::storm::StormPlanRows;

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
}
