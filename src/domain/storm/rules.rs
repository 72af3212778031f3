//! Decisions about the storm plan, and what its events change.

use std::sync::Arc;

use super::{Command, Event, StormPlan};
use crate::domain::actor::Actor;
use crate::domain::event::{self, Entry};
use crate::domain::history;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::state::VillageState;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    let Command::SetPlan { .. } = command;
    is_one_of(state, actor, &[Principal::Chief, Principal::LocalAdmin])
}

/// Turns a command into events; that the text before is erased is an event of history among them:
/// it named people and their telephones. The same plan written again changes nothing.
#[must_use]
pub fn decide(state: &VillageState, command: &Command) -> Vec<event::Event> {
    let Command::SetPlan { text } = command;
    let before = state.storm_plan.as_deref().map(|plan| &plan.text);
    if before.is_some_and(|known| known.has_content_of(text)) {
        return Vec::new();
    }
    let set = Event::PlanSet { text: text.clone() };
    let erased = before.filter(|before| before.id != text.id);
    let erased = erased.map(|before| history::Event::Erased {
        blob: before.id.clone(),
    });
    let all = std::iter::once(set.into());
    all.chain(erased.map(Into::into)).collect()
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    let Event::PlanSet { text } = event;
    state.storm_plan = Some(Arc::new(StormPlan {
        text: text.clone(),
        at: entry.wall_ms,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::blob::BlobRef;
    use crate::domain::id::BlobId;
    use crate::domain::tests::blob;

    #[test]
    fn a_plan_that_is_written_anew_leaves_no_text_of_the_one_before() {
        let mut state = VillageState::default();
        let mut write = |id: &str, mac: &str| {
            let text = BlobRef {
                id: BlobId::new(id).expect("id"),
                mac: mac.repeat(32),
                ..blob()
            };
            let events = decide(&state, &Command::SetPlan { text });
            let n = events.len();
            for event in events {
                let seq = state.seq + 1;
                state.apply(&Entry::sample(seq, event));
            }
            let erased: Vec<_> = state.erased.iter().map(ToString::to_string).collect();
            (n, erased.join(" "))
        };
        assert_eq!(write("first", "01"), (1, String::new()));
        assert_eq!(write("again", "01"), (0, String::new()), "the same words");
        assert_eq!(write("second", "02"), (2, "first".to_owned()));
        assert_eq!(write("third", "03"), (2, "first second".to_owned()));
    }
}
