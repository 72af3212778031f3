//! Decisions about the directory, and what their events change.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Command, DirectoryMap, Event, HouseLabel, MAX_HOUSES};
use crate::domain::actor::Actor;
use crate::domain::event::{self, Entry};
use crate::domain::history;
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, unknown};
use crate::domain::state::VillageState;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    match command {
        Command::Replace {
            withdraw_others: false,
            ..
        } => {
            let givers = [
                Principal::Chief,
                Principal::Technician,
                Principal::LocalAdmin,
            ];
            is_one_of(state, actor, &givers)
        }
        Command::Replace { .. } | Command::Label { .. } | Command::Withdraw { .. } => {
            is_one_of(state, actor, &[Principal::Chief, Principal::LocalAdmin])
        }
    }
}

/// Turns a command into events; that a text is erased is an event of history among them.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(state: &VillageState, command: &Command) -> Result<Vec<event::Event>, Rejection> {
    let directory = &state.directory;
    Ok(match command {
        Command::Replace {
            file,
            roads,
            houses,
            following,
            withdraw_others,
        } => {
            if directory.is_in_force(file) {
                return Ok(Vec::new());
            }
            let replaced = Event::Replaced {
                file: file.clone(),
                roads: *roads,
                houses: *houses,
            };
            let mut events = vec![replaced.into()];
            let following: BTreeSet<_> = following.iter().collect();
            let labels = directory.labels.values();
            for label in labels.filter(|label| !following.contains(&label.house)) {
                if !withdraw_others {
                    // It was recorded after the map was looked at: whoever gives the map is to
                    // look again.
                    return Err(Rejection::Exists {
                        id: label.house.to_string(),
                    });
                }
                events.extend(withdrawn(label));
            }
            events
        }
        Command::Label { label } => {
            let before = directory.labels.get(&label.house);
            if before.is_none() && directory.labels.len() >= MAX_HOUSES {
                return Err(Rejection::TooMany {
                    most: MAX_HOUSES as u64,
                });
            }
            let labelled = Event::Labelled {
                label: label.clone(),
            };
            let erased = before.filter(|before| before.text.id != label.text.id);
            std::iter::once(labelled.into())
                .chain(erased.map(|before| erase(&before.text)))
                .collect()
        }
        Command::Withdraw { house } => {
            let label = directory.labels.get(house);
            let label = label.ok_or_else(|| unknown("label", house))?;
            withdrawn(label).into()
        }
    })
}

/// A label that a house has no more, and its text that goes with it.
fn withdrawn(label: &HouseLabel) -> [event::Event; 2] {
    let withdrawn = Event::LabelWithdrawn {
        house: label.house.clone(),
    };
    [withdrawn.into(), erase(&label.text)]
}

/// Nobody agrees to this text any more: its files are removed.
fn erase(text: &crate::domain::blob::BlobRef) -> event::Event {
    history::Event::Erased {
        blob: text.id.clone(),
    }
    .into()
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    let directory = Arc::make_mut(&mut state.directory);
    match event {
        Event::Replaced {
            file,
            roads,
            houses,
        } => {
            directory.before = directory.map.replace(DirectoryMap {
                file: file.clone(),
                roads: *roads,
                houses: *houses,
                at: entry.wall_ms,
                order: entry.seq,
            });
        }
        Event::Labelled { label } => {
            directory.labels.insert(label.house.clone(), label.clone());
        }
        Event::LabelWithdrawn { house } => {
            directory.labels.remove(house);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::directory::ConsentForm;
    use crate::domain::id::{BlobId, HouseId};
    use crate::domain::tests::blob;

    fn label(house: &str, text: &str) -> HouseLabel {
        HouseLabel {
            house: HouseId::new(house).expect("id"),
            text: crate::domain::blob::BlobRef {
                id: BlobId::new(text).expect("id"),
                ..blob()
            },
            form: ConsentForm::Signed,
            given: 20_000,
        }
    }

    fn carry_out(state: &mut VillageState, command: &Command) -> Result<usize, Rejection> {
        let events = decide(state, command)?;
        let n = events.len();
        for event in events {
            let seq = state.seq + 1;
            state.apply(&Entry::sample(seq, event));
        }
        Ok(n)
    }

    #[test]
    fn a_label_that_is_changed_or_withdrawn_leaves_no_text() {
        let mut state = VillageState::default();
        let give = |text: &str| Command::Label {
            label: label("tc-7", text),
        };
        assert_eq!(carry_out(&mut state, &give("first")), Ok(1));
        assert!(state.erased.is_empty());
        assert_eq!(carry_out(&mut state, &give("second")), Ok(2));
        let house = HouseId::new("tc-7").expect("id");
        let withdraw = Command::Withdraw {
            house: house.clone(),
        };
        assert_eq!(carry_out(&mut state, &withdraw), Ok(2));
        let erased: Vec<_> = state.erased.iter().map(BlobId::as_str).collect();
        assert_eq!(erased, ["first", "second"]);
        assert!(state.directory.labels.is_empty());
        assert_eq!(
            carry_out(&mut state, &withdraw),
            Err(unknown("label", &house))
        );
    }

    #[test]
    fn the_same_map_again_changes_nothing() {
        let mut state = VillageState::default();
        let replace = Command::Replace {
            file: blob(),
            roads: 1,
            houses: 2,
            following: Vec::new(),
            withdraw_others: false,
        };
        assert_eq!(carry_out(&mut state, &replace), Ok(1));
        assert_eq!(carry_out(&mut state, &replace), Ok(0));
        assert_eq!(state.directory.map.as_ref().map(|m| m.houses), Some(2));
        assert_eq!(state.directory.before, None);
    }

    #[test]
    fn the_map_before_stays_with_its_file_and_can_be_put_in_force_again() {
        let mut state = VillageState::default();
        let replace = |mac: &str, houses| Command::Replace {
            file: crate::domain::blob::BlobRef {
                id: BlobId::new(mac).expect("id"),
                mac: mac.to_owned(),
                ..blob()
            },
            roads: 1,
            houses,
            following: Vec::new(),
            withdraw_others: false,
        };
        let houses = |state: &VillageState| {
            let of = |map: &Option<DirectoryMap>| map.as_ref().map(|map| map.houses);
            (of(&state.directory.map), of(&state.directory.before))
        };
        let kept = |state: &VillageState| {
            let ids = state.blobs().map(|(_, blob)| blob.id.to_string());
            ids.collect::<Vec<_>>()
        };
        carry_out(&mut state, &replace("aa", 10)).expect("taken");
        carry_out(&mut state, &replace("bb", 20)).expect("taken");
        assert_eq!(houses(&state), (Some(20), Some(10)));
        assert_eq!(kept(&state), ["bb", "aa"]);
        carry_out(&mut state, &replace("aa", 10)).expect("put in force again");
        assert_eq!(houses(&state), (Some(10), Some(20)));
        carry_out(&mut state, &replace("cc", 30)).expect("taken");
        assert_eq!(kept(&state), ["cc", "aa"], "one before is kept, no more");
    }

    #[test]
    fn another_map_takes_no_label_along_that_nobody_held_against_it() {
        let mut state = VillageState::default();
        for (house, text) in [("tc-7", "aa"), ("gl-7", "bb")] {
            let label = label(house, text);
            carry_out(&mut state, &Command::Label { label }).expect("recorded");
        }
        let replace = |following: &[&str], withdraw_others| Command::Replace {
            file: blob(),
            roads: 1,
            houses: 2,
            following: following
                .iter()
                .map(|id| HouseId::new(id).expect("id"))
                .collect(),
            withdraw_others,
        };
        let unseen = carry_out(&mut state, &replace(&["gl-7"], false));
        assert_eq!(
            unseen,
            Err(Rejection::Exists {
                id: "tc-7".to_owned()
            })
        );
        assert_eq!(
            (state.directory.map.is_none(), state.directory.labels.len()),
            (true, 2)
        );
        // The map, the label that is withdrawn, and its text that is erased.
        assert_eq!(carry_out(&mut state, &replace(&["gl-7"], true)), Ok(3));
        let left: Vec<_> = state
            .directory
            .labels
            .keys()
            .map(ToString::to_string)
            .collect();
        assert_eq!(left, ["gl-7"]);
        assert!(state.erased.contains(&BlobId::new("aa").expect("id")));
    }
}
