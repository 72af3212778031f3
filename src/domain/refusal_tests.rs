//! Commands that are valid and are rejected because of their actor, a limit or the time.

use super::account::{self, Account};
use super::actor::Actor;
use super::blob::BlobRef;
use super::command::Command;
use super::decide::{Now, Rejection, decide};
use super::device::{self, Availability, Device};
use super::event::{Entry, Event};
use super::id::{AnnouncementId, BlobId, NoticeId, UserId};
use super::notice::{self, NoticeDetails, NoticeKind};
use super::speaker::{self, AnnouncementClass, Speaker};
use super::state::VillageState;
use super::tests::{blob, device_id};
use super::user::{self, Role, User};
use crate::time::WallMs;

/// A clock that shows the beginning of 1970.
const AT_FIRST: Now = Now::at(WallMs::new(0));

#[test]
fn a_technician_cannot_speak_and_a_device_cannot_act_for_another() {
    let mut state = VillageState::default();
    let tech = UserId::new("vi").expect("id");
    let put = |state: &mut VillageState, event: Event| {
        let seq = state.seq + 1;
        state.apply(&Entry::sample(seq, event));
    };
    put(
        &mut state,
        Event::User(user::Event::Put {
            user: User {
                id: tech.clone(),
                role: Role::Technician,
                record: blob(),
                generation: 0,
            },
        }),
    );
    for id in [device_id(0), device_id(1)] {
        put(
            &mut state,
            Event::Speaker(speaker::Event::Declared {
                speaker: Speaker {
                    id: id.clone(),
                    name: "x".into(),
                    horns: 1,
                },
            }),
        );
        put(
            &mut state,
            Event::Device(device::Event::Declared {
                device: Device {
                    id,
                    name: "x".into(),
                    place: None,
                    model: String::new(),
                    availability: Availability::Unknown,
                },
            }),
        );
    }
    let speak = Command::Speaker(speaker::Command::QueueAnnouncement {
        id: AnnouncementId::new("a").expect("id"),
        text: blob(),
        class: AnnouncementClass::Normal,
        zone: vec![device_id(0)],
        expires_in_ms: 1,
        unreachable: None,
    });
    assert!(decide(&state, &Actor::User { id: tech }, &speak, AT_FIRST).is_err());
    assert!(
        decide(
            &state,
            &Actor::Device { id: device_id(0) },
            &Command::Device(device::Command::ReportPresence {
                device: device_id(1),
                here: true
            }),
            AT_FIRST
        )
        .is_err()
    );
    assert!(
        decide(
            &state,
            &Actor::Device { id: device_id(0) },
            &speak,
            AT_FIRST
        )
        .is_err()
    );
    assert!(
        decide(
            &state,
            &Actor::Commune,
            &Command::Speaker(speaker::Command::StopEverything {}),
            AT_FIRST
        )
        .is_err()
    );
}

fn put(state: &mut VillageState, actor: Actor, event: Event) {
    let seq = state.seq + 1;
    state.apply(&Entry {
        wall_ms: WallMs::new(1000),
        actor,
        ..Entry::sample(seq, event)
    });
}

fn may(state: &VillageState, actor: &Actor, command: &Command) -> Result<Vec<Event>, Rejection> {
    decide(state, actor, command, Now::at(WallMs::new(1000)))
}

fn technician() -> Actor {
    Actor::User {
        id: UserId::new("vi").expect("id"),
    }
}

/// A village with the technician and the speaker cluster `d1`.
fn village() -> VillageState {
    let mut state = VillageState::default();
    put(
        &mut state,
        Actor::System,
        Event::User(user::Event::Put {
            user: User {
                id: UserId::new("vi").expect("id"),
                role: Role::Technician,
                record: blob(),
                generation: 0,
            },
        }),
    );
    put(
        &mut state,
        Actor::System,
        Event::Speaker(speaker::Event::Declared {
            speaker: Speaker {
                id: device_id(1),
                name: "x".into(),
                horns: 1,
            },
        }),
    );
    state
}

#[test]
fn a_technician_gives_devices_their_own_topics_and_no_cluster_another_secret() {
    let (state, tech) = (village(), technician());
    let own = Account::of_device(device_id(0), "00".repeat(32));
    assert!(
        may(
            &state,
            &tech,
            &Command::Account(account::Command::Grant {
                account: own.clone()
            })
        )
        .is_ok()
    );
    assert!(
        may(
            &state,
            &tech,
            &Command::Account(account::Command::Grant {
                account: Account {
                    publish: vec!["#".into()],
                    ..own.clone()
                }
            })
        )
        .is_err()
    );
    assert!(
        may(
            &state,
            &tech,
            &Command::Account(account::Command::Grant {
                account: Account {
                    subscribe: vec!["c/#".into()],
                    ..own
                }
            })
        )
        .is_err()
    );
    assert!(
        may(
            &state,
            &tech,
            &Command::Account(account::Command::Grant {
                account: Account::of_device(device_id(1), "00".repeat(32))
            })
        )
        .is_err()
    );
}

#[test]
fn the_configuration_does_not_grant_a_revoked_account_again_but_a_person_can() {
    let (mut state, tech) = (village(), technician());
    let own = Account::of_device(device_id(0), "00".repeat(32));
    put(
        &mut state,
        Actor::System,
        Event::Account(account::Event::Granted {
            account: own.clone(),
        }),
    );
    put(
        &mut state,
        tech,
        Event::Account(account::Event::Revoked {
            account: device_id(0),
        }),
    );
    assert_eq!(
        may(
            &state,
            &Actor::System,
            &Command::Account(account::Command::Grant {
                account: own.clone()
            })
        ),
        Ok(vec![])
    );
    assert!(
        may(
            &state,
            &Actor::LocalAdmin,
            &Command::Account(account::Command::Grant { account: own })
        )
        .is_ok_and(|e| e.len() == 1)
    );
}

#[test]
fn a_new_name_made_from_an_older_record_does_not_bring_an_old_pin_back() {
    let state = village();
    let rename = |generation| {
        Command::User(user::Command::Rename {
            user: UserId::new("vi").expect("id"),
            record: BlobRef {
                id: BlobId::new("other").expect("id"),
                ..blob()
            },
            generation,
        })
    };
    assert!(may(&state, &Actor::LocalAdmin, &rename(0)).is_ok_and(|e| e.len() == 1));
    assert_eq!(
        may(&state, &Actor::LocalAdmin, &rename(7)),
        Err(Rejection::Expired)
    );
}

#[test]
fn the_commune_takes_down_its_own_notices_and_expired_ones_take_no_room() {
    let (mut state, tech) = (village(), technician());
    let notice = |id: &str, until| {
        Command::Notice(notice::Command::Publish {
            id: NoticeId::new(id).expect("id"),
            text: blob(),
            details: NoticeDetails::of(NoticeKind::Notice).until(until),
        })
    };
    assert!(
        may(
            &state,
            &Actor::Commune,
            &notice("old", Some(WallMs::new(999)))
        )
        .is_err()
    );
    put(
        &mut state,
        tech,
        Event::Notice(notice::Event::Published {
            id: NoticeId::new("ours").expect("id"),
            text: blob(),
            details: NoticeDetails::of(NoticeKind::Notice),
        }),
    );
    assert!(
        may(
            &state,
            &Actor::Commune,
            &Command::Notice(notice::Command::TakeDown {
                id: NoticeId::new("ours").expect("id")
            })
        )
        .is_err()
    );
    for n in 0..600 {
        put(
            &mut state,
            Actor::Commune,
            Event::Notice(notice::Event::Published {
                id: NoticeId::new(&format!("n{n}")).expect("id"),
                text: blob(),
                details: NoticeDetails::of(NoticeKind::Notice)
                    .until(Some(WallMs::new(if n < 500 { 999 } else { 5_000 }))),
            }),
        );
    }
    assert!(
        may(&state, &Actor::Commune, &notice("one-more", None)).is_err(),
        "a hundred of the commune's are up"
    );
    assert!(
        may(&state, &Actor::LocalAdmin, &notice("the-village", None)).is_ok(),
        "and leave room for the village's"
    );
    assert!(
        may(
            &state,
            &Actor::Commune,
            &Command::Notice(notice::Command::TakeDown {
                id: NoticeId::new("n599").expect("id")
            })
        )
        .is_ok()
    );
}
