//! Decisions about the free wifi, and what its events change.

use std::sync::Arc;

use super::{Command, Event, MAX_DECIDED};
use crate::domain::actor::Actor;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, emit_if, unknown};
use crate::domain::state::VillageState;
use crate::domain::things::{put, remove};

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::SetRules { .. }
        | Command::Decide { .. }
        | Command::Forget { .. }
        | Command::Cut { .. } => {
            is_one_of(state, actor, &[Principal::Chief, Principal::LocalAdmin])
        }
    }
}

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::SetRules { rules } => {
            Ok(emit_if(state.wifi.rules != *rules, || Event::RulesSet {
                rules: rules.clone(),
            }))
        }
        Command::Decide { device } => {
            let before = state.wifi.decided.get(&device.id);
            if before.is_none() && state.wifi.decided.len() >= MAX_DECIDED {
                return Err(Rejection::TooMany {
                    most: MAX_DECIDED as u64,
                });
            }
            Ok(emit_if(before.map(|b| &**b) != Some(device), || {
                Event::Decided {
                    device: device.clone(),
                }
            }))
        }
        Command::Forget { device } => match state.wifi.decided.get(device) {
            Some(known) => Ok(vec![Event::Forgotten {
                device: device.clone(),
                name: known.name.clone(),
            }]),
            None => Err(unknown("guest", device)),
        },
        // Whether the device is in is known where sessions are.
        Command::Cut { device } => Ok(vec![Event::Cut {
            device: device.clone(),
        }]),
    }
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event) {
    let wifi = Arc::make_mut(&mut state.wifi);
    match event {
        Event::RulesSet { rules } => wifi.rules = rules.clone(),
        Event::Decided { device } => put(&mut wifi.decided, device.id.clone(), device.clone()),
        Event::Forgotten { device, .. } => remove(&mut wifi.decided, device),
        Event::Cut { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Entry, Lane};
    use crate::domain::guest::{DecidedDevice, OpenHours, Standing, WifiRules};
    use crate::domain::id::GuestId;

    fn id(n: u16) -> GuestId {
        GuestId::new(&format!("{n:032x}")).expect("id")
    }

    fn decision(n: u16, standing: Standing) -> Command {
        Command::Decide {
            device: DecidedDevice {
                id: id(n),
                name: "Điện thoại cô Lan".to_owned(),
                standing,
            },
        }
    }

    fn carry_out(state: &mut VillageState, command: &Command) -> Result<Vec<Lane>, Rejection> {
        let events = decide(state, command)?;
        let lanes = events.iter().map(|e| e.properties().lane).collect();
        for event in events {
            let seq = state.seq + 1;
            state.apply(&Entry::sample(seq, event.into()));
        }
        Ok(lanes)
    }

    #[test]
    fn what_is_decided_about_a_device_stays_in_the_village() {
        let mut state = VillageState::default();
        let state = &mut state;
        let local = Ok(vec![Lane::Local]);
        let blocked = decision(1, Standing::Blocked);
        assert_eq!(carry_out(state, &blocked), local);
        assert_eq!(carry_out(state, &blocked), Ok(vec![]), "it is so already");
        assert_eq!(carry_out(state, &decision(1, Standing::AlwaysIn)), local);
        let standing = state.wifi.decided.get(&id(1)).map(|d| d.standing);
        assert_eq!(standing, Some(Standing::AlwaysIn));
        assert_eq!(carry_out(state, &Command::Cut { device: id(2) }), local);
        let forget = Command::Forget { device: id(1) };
        assert_eq!(carry_out(state, &forget), local);
        assert!(state.wifi.decided.is_empty());
        let gone = Err(unknown("guest", id(1)));
        assert_eq!(carry_out(state, &forget), gone);
    }

    #[test]
    fn rules_change_once_and_the_commune_may_know_them() {
        let mut state = VillageState::default();
        let hours = Some(OpenHours {
            from: 360,
            until: 0,
        });
        let rules = WifiRules {
            hours,
            ..WifiRules::default()
        };
        let set = Command::SetRules { rules };
        assert_eq!(carry_out(&mut state, &set), Ok(vec![Lane::State]));
        assert_eq!(carry_out(&mut state, &set), Ok(vec![]));
        assert_eq!(state.wifi.rules.hours, hours);
    }

    #[test]
    fn a_decision_more_than_there_may_be_is_refused() {
        let mut state = VillageState::default();
        for n in 0..500 {
            let decided = carry_out(&mut state, &decision(n, Standing::Blocked));
            assert_eq!(decided, Ok(vec![Lane::Local]));
        }
        let refused = Err(Rejection::TooMany { most: 500 });
        let one_more = decision(500, Standing::Blocked);
        assert_eq!(carry_out(&mut state, &one_more), refused);
        let another = decision(0, Standing::AlwaysIn);
        assert_eq!(carry_out(&mut state, &another), Ok(vec![Lane::Local]));
    }
}
