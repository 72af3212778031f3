//! Properties of deciding and applying: random histories never panic, and replay equals snapshot
//! plus tail.

use std::collections::BTreeSet;

use proptest::prelude::*;

use self::generator::{Random, command, one_of_each};
use super::account;
use super::actor::Actor;
use super::blob::BlobRef;
use super::command::{Command, wire};
use super::decide::{Now, decide};
use super::device;
use super::entity::{CommandTopic, Entity, Kind, StateTopic};
use super::event::Entry;
use super::id::{AnnouncementId, BlobId, DeviceId, EntityId, UserId};
use super::light;
use super::speaker::{self, AnnouncementClass, PlaybackOutcome, Speaker};
use super::state::VillageState;
use crate::time::WallMs;

mod generator;

pub fn blob() -> BlobRef {
    BlobRef {
        id: BlobId::new("b").expect("id"),
        mac: "00".repeat(32),
        len: 1,
    }
}

/// A lamp as a discovery message declares it.
pub fn lamp(device: &DeviceId) -> Entity {
    Entity {
        id: EntityId::new(&format!("{device}.light")).expect("id"),
        device: device.clone(),
        name: "Cổng làng".into(),
        kind: Kind::Light,
        state: StateTopic {
            topic: format!("d/{device}/state"),
            field: None,
            on: "ON".into(),
            off: "OFF".into(),
        },
        order: Some(CommandTopic {
            topic: format!("c/{device}/set"),
            on: "ON".into(),
            off: "OFF".into(),
        }),
        availability: None,
        unit: String::new(),
        class: String::new(),
        expire_after_s: 0,
        off_delay_s: 0,
    }
}

pub fn device_id(n: u8) -> DeviceId {
    DeviceId::new(&format!("d{}", n % 4)).expect("id")
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        5 => Just(Actor::System),
        1 => Just(Actor::Commune),
        1 => Just(Actor::User { id: UserId::new("u").expect("id") }),
        1 => (0u8..4).prop_map(|n| Actor::Device { id: device_id(n) }),
    ]
}

fn entries(wishes: &[(Actor, Command)]) -> (Vec<Entry>, VillageState) {
    let mut state = VillageState::default();
    let mut out = Vec::new();
    for (i, (who, wish)) in wishes.iter().enumerate() {
        let wall_ms = WallMs::new(i64::try_from(i).expect("small") * 10);
        for event in decide(&state, who, wish, Now::at(wall_ms)).unwrap_or_default() {
            let seq = state.seq + 1;
            let entry = Entry {
                wall_ms,
                actor: who.clone(),
                ..Entry::sample(seq, event)
            };
            state.apply(&entry);
            out.push(entry);
        }
    }
    (out, state)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn replay_equals_snapshot_plus_tail(
        wishes in prop::collection::vec((actor(), command()), 0..120),
        cut in any::<prop::sample::Index>(),
    ) {
        let (all, end) = entries(&wishes);
        let cut = if all.is_empty() { 0 } else { cut.index(all.len()) };
        let mut snapshot = VillageState::default();
        all[..cut].iter().for_each(|e| snapshot.apply(e));
        let text = serde_json::to_string(&snapshot).expect("a state is JSON");
        let mut again: VillageState = serde_json::from_str(&text).expect("a state reads back");
        all[cut..].iter().for_each(|e| again.apply(e));
        prop_assert_eq!(again, end);
    }

    #[test]
    fn apply_is_total_in_any_order(
        wishes in prop::collection::vec((actor(), command()), 0..80),
        seed in any::<u64>(),
    ) {
        let (mut all, _) = entries(&wishes);
        let len = all.len().max(1) as u64;
        all.sort_by_key(|e| e.seq.wrapping_mul(seed | 1) % len);
        let mut state = VillageState::default();
        for entry in &all {
            state.apply(entry);
        }
    }

    #[test]
    fn a_declaration_said_twice_changes_nothing(
        wishes in prop::collection::vec((Just(Actor::System), command()), 0..60),
    ) {
        let (_, state) = entries(&wishes);
        let is_declaration = |command: &Command| {
            matches!(
                command,
                Command::Device(device::Command::Declare { .. })
                    | Command::Light(light::Command::DeclareGroup { .. })
                    | Command::Speaker(speaker::Command::Declare { .. })
                    | Command::Account(account::Command::Grant { .. })
            )
        };
        for (who, wish) in wishes.iter().filter(|(_, w)| is_declaration(w)) {
            let mut s = state.clone();
            for round in 0..2 {
                let now = Now::at(WallMs::new(0));
                let events = decide(&s, who, wish, now).expect("the house may declare");
                prop_assert!(round == 0 || events.is_empty(), "{:?}", events);
                for event in events {
                    let seq = s.seq + 1;
                    s.apply(&Entry::sample(seq, event));
                }
            }
        }
    }
}

#[test]
fn every_command_is_generated() {
    let random = Random {
        a: 1,
        b: 2,
        on: true,
    };
    let generated: Vec<String> = one_of_each(random)
        .iter()
        .map(|c| serde_json::to_value(c).expect("JSON")["do"].to_string())
        .collect();
    assert_eq!(generated.len(), wire::names().len(), "{generated:?}");
    let distinct: BTreeSet<&String> = generated.iter().collect();
    assert_eq!(distinct.len(), generated.len(), "{generated:?}");
}

#[test]
fn a_stop_is_final_for_each_cluster() {
    let mut wishes = vec![
        (
            Actor::System,
            Command::Speaker(speaker::Command::Declare {
                speaker: Speaker {
                    id: device_id(0),
                    name: "x".into(),
                    horns: 1,
                },
            }),
        ),
        (
            Actor::System,
            Command::Speaker(speaker::Command::QueueAnnouncement {
                id: AnnouncementId::new("a").expect("id"),
                text: blob(),
                class: AnnouncementClass::Normal,
                zone: vec![device_id(0)],
                expires_in_ms: 60_000,
                unreachable: None,
            }),
        ),
        (
            Actor::System,
            Command::Speaker(speaker::Command::StopEverything {}),
        ),
        (
            Actor::System,
            Command::Speaker(speaker::Command::BeginPlayback {
                announcement: AnnouncementId::new("a").expect("id"),
                speaker: device_id(0),
            }),
        ),
    ];
    assert!(
        !entries(&wishes).1.on_air().is_empty(),
        "silence is not proved yet"
    );
    wishes.push((
        Actor::System,
        Command::Speaker(speaker::Command::FinishPlayback {
            announcement: AnnouncementId::new("a").expect("id"),
            speaker: device_id(0),
            how: PlaybackOutcome::Stopped,
        }),
    ));
    wishes.push((
        Actor::System,
        Command::Speaker(speaker::Command::FinishPlayback {
            announcement: AnnouncementId::new("a").expect("id"),
            speaker: device_id(0),
            how: PlaybackOutcome::Played { ms: 9 },
        }),
    ));
    let said = entries(&wishes).1;
    assert_eq!(
        said.announcements
            .values()
            .next()
            .expect("one")
            .played_count(),
        (0, 1)
    );
}
