//! What is refused to whom, though the command itself is sound: for others, for more than is
//! theirs, for yesterday.

use super::actor::{Actor, Role, User};
use super::blob::BlobRef;
use super::command::Command;
use super::decide::{Now, Rejection, decide};
use super::device::{Account, Availability, Device};
use super::event::{ClockQuality, Entry, Event};
use super::id::{AnnouncementId, BlobId, NoticeId, UserId};
use super::notice::NoticeKind;
use super::speaker::{AnnouncementClass, Speaker};
use super::state::VillageState;
use super::tests::{blob, device_id};

#[test]
fn a_technician_cannot_speak_and_a_device_cannot_act_for_another() {
    let mut state = VillageState::default();
    let tech = UserId::new("vi").expect("id");
    let put = |state: &mut VillageState, event: Event| {
        let seq = state.seq + 1;
        state.apply(&Entry {
            seq,
            mono_ms: 0,
            wall_ms: 0,
            clock: ClockQuality::None,
            actor: Actor::System,
            cause: None,
            lane: event.lane(),
            lane_seq: seq,
            event,
        });
    };
    put(
        &mut state,
        Event::UserPut {
            user: User {
                id: tech.clone(),
                role: Role::Technician,
                record: blob(),
                generation: 0,
            },
        },
    );
    for id in [device_id(0), device_id(1)] {
        put(
            &mut state,
            Event::SpeakerDeclared {
                speaker: Speaker {
                    id: id.clone(),
                    name: "x".into(),
                    horns: 1,
                },
            },
        );
        put(
            &mut state,
            Event::DeviceDeclared {
                device: Device {
                    id,
                    name: "x".into(),
                    place: None,
                    model: String::new(),
                    availability: Availability::Unknown,
                },
            },
        );
    }
    let speak = Command::QueueAnnouncement {
        id: AnnouncementId::new("a").expect("id"),
        text: blob(),
        class: AnnouncementClass::Normal,
        zone: vec![device_id(0)],
        expires_in_ms: 1,
    };
    assert!(
        decide(
            &state,
            &Actor::User { id: tech },
            &speak,
            Now { wall_ms: 0 }
        )
        .is_err()
    );
    assert!(
        decide(
            &state,
            &Actor::Device { id: device_id(0) },
            &Command::ReportPresence {
                device: device_id(1),
                here: true
            },
            Now { wall_ms: 0 }
        )
        .is_err()
    );
    assert!(
        decide(
            &state,
            &Actor::Device { id: device_id(0) },
            &speak,
            Now { wall_ms: 0 }
        )
        .is_err()
    );
    assert!(
        decide(
            &state,
            &Actor::Commune,
            &Command::StopEverything,
            Now { wall_ms: 0 }
        )
        .is_err()
    );
}

#[test]
fn nobody_grants_or_takes_more_than_is_theirs() {
    let mut state = VillageState::default();
    let tech = Actor::User {
        id: UserId::new("vi").expect("id"),
    };
    let put = |state: &mut VillageState, actor: Actor, event: Event| {
        let seq = state.seq + 1;
        state.apply(&Entry {
            seq,
            mono_ms: 0,
            wall_ms: 1000,
            clock: ClockQuality::Synced,
            actor,
            cause: None,
            lane: event.lane(),
            lane_seq: seq,
            event,
        });
    };
    put(
        &mut state,
        Actor::System,
        Event::UserPut {
            user: User {
                id: UserId::new("vi").expect("id"),
                role: Role::Technician,
                record: blob(),
                generation: 0,
            },
        },
    );
    put(
        &mut state,
        Actor::System,
        Event::SpeakerDeclared {
            speaker: Speaker {
                id: device_id(1),
                name: "x".into(),
                horns: 1,
            },
        },
    );
    let may = |state: &VillageState, actor: &Actor, command: Command| {
        decide(state, actor, &command, Now { wall_ms: 1000 })
    };
    // A technician gives devices their own topics, and no cluster another secret.
    let own = Account::of_device(device_id(0), "00".repeat(32));
    assert!(
        may(
            &state,
            &tech,
            Command::GrantAccess {
                account: own.clone()
            }
        )
        .is_ok()
    );
    assert!(
        may(
            &state,
            &tech,
            Command::GrantAccess {
                account: Account {
                    publish: vec!["#".into()],
                    ..own.clone()
                }
            }
        )
        .is_err()
    );
    assert!(
        may(
            &state,
            &tech,
            Command::GrantAccess {
                account: Account {
                    subscribe: vec!["c/#".into()],
                    ..own.clone()
                }
            }
        )
        .is_err()
    );
    assert!(
        may(
            &state,
            &tech,
            Command::GrantAccess {
                account: Account::of_device(device_id(1), "00".repeat(32))
            }
        )
        .is_err()
    );
    // What was taken away does not come back with the configuration, but by somebody's hand.
    put(
        &mut state,
        Actor::System,
        Event::AccessGranted {
            account: own.clone(),
        },
    );
    put(
        &mut state,
        tech.clone(),
        Event::AccessRevoked {
            account: device_id(0),
        },
    );
    assert_eq!(
        may(
            &state,
            &Actor::System,
            Command::GrantAccess {
                account: own.clone()
            }
        ),
        Ok(vec![])
    );
    assert!(
        may(
            &state,
            &Actor::LocalAdmin,
            Command::GrantAccess { account: own }
        )
        .is_ok_and(|e| e.len() == 1)
    );
    // A name that was typed before another PIN was given does not bring the old PIN back.
    let rename = |generation| Command::RenameUser {
        user: UserId::new("vi").expect("id"),
        record: BlobRef {
            id: BlobId::new("other").expect("id"),
            ..blob()
        },
        generation,
    };
    assert!(may(&state, &Actor::LocalAdmin, rename(0)).is_ok_and(|e| e.len() == 1));
    assert_eq!(
        may(&state, &Actor::LocalAdmin, rename(7)),
        Err(Rejection::Expired)
    );
    // The commune takes down its own notices; nothing is put up for yesterday, and what is over
    // takes no room.
    let notice = |id: &str, until| Command::PublishNotice {
        id: NoticeId::new(id).expect("id"),
        text: blob(),
        kind: NoticeKind::Notice,
        until,
    };
    assert!(may(&state, &Actor::Commune, notice("old", Some(999))).is_err());
    put(
        &mut state,
        tech,
        Event::NoticePublished {
            id: NoticeId::new("ours").expect("id"),
            text: blob(),
            kind: NoticeKind::Notice,
            until: None,
        },
    );
    assert!(
        may(
            &state,
            &Actor::Commune,
            Command::TakeDownNotice {
                id: NoticeId::new("ours").expect("id")
            }
        )
        .is_err()
    );
    for n in 0..600 {
        put(
            &mut state,
            Actor::Commune,
            Event::NoticePublished {
                id: NoticeId::new(&format!("n{n}")).expect("id"),
                text: blob(),
                kind: NoticeKind::Notice,
                until: Some(if n < 500 { 999 } else { 5_000 }),
            },
        );
    }
    assert!(
        may(&state, &Actor::Commune, notice("one-more", None)).is_err(),
        "a hundred of the commune's are up"
    );
    assert!(
        may(&state, &Actor::LocalAdmin, notice("the-village", None)).is_ok(),
        "and leave room for the village's"
    );
    assert!(
        may(
            &state,
            &Actor::Commune,
            Command::TakeDownNotice {
                id: NoticeId::new("n599").expect("id")
            }
        )
        .is_ok()
    );
}
