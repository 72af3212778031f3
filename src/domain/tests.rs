//! Properties of deciding and applying: random histories never panic, and replay equals snapshot
//! plus tail.

use proptest::prelude::*;

use super::actor::{Actor, Role, User};
use super::blob::BlobRef;
use super::camera::Camera;
use super::command::Command;
use super::decide::{Now, decide};
use super::device::{Account, Availability, Device};
use super::entity::{CommandTopic, Entity, Kind, StateTopic};
use super::event::{ClockQuality, Entry};
use super::id::{AnnouncementId, BlobId, CameraId, DeviceId, EntityId, GroupId, NoticeId, UserId};
use super::light::LightGroup;
use super::notice::NoticeKind;
use super::speaker::{AnnouncementClass, PlaybackOutcome, Speaker};
use super::state::VillageState;

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

#[expect(
    clippy::too_many_lines,
    reason = "a table: one arm per command, so that each command has a number"
)]
fn command() -> impl Strategy<Value = Command> {
    let said = |n: u8| AnnouncementId::new(&format!("a{}", n % 3)).expect("id");
    let lit = |n: u8| EntityId::new(&format!("d{}.light", n % 5)).expect("id");
    let looked = |n: u8| CameraId::new(&format!("c{}", n % 2)).expect("id");
    let up = |n: u8| NoticeId::new(&format!("n{}", n % 3)).expect("id");
    (0u8..23, any::<u8>(), any::<u8>(), any::<bool>()).prop_map(
        move |(what, a, b, on)| match what {
            0 => Command::DeclareDevice {
                device: Device {
                    id: device_id(a),
                    name: format!("x{b}"),
                    place: None,
                    model: String::new(),
                    availability: Availability::Unknown,
                },
            },
            1 => Command::AdoptEntities {
                device: device_id(a),
                model: "m".into(),
                entities: vec![lamp(&device_id(b))],
            },
            2 => Command::SwitchLight { light: lit(a), on },
            3 => Command::ReportLight { light: lit(a), on },
            4 => Command::GiveUpLight {
                light: lit(a),
                order: u64::from(b),
            },
            5 => Command::DeclareGroup {
                group: LightGroup {
                    id: GroupId::new("g").expect("id"),
                    name: "g".into(),
                    lights: vec![lit(a), lit(b)],
                },
            },
            6 => Command::SwitchGroup {
                group: GroupId::new("g").expect("id"),
                on,
            },
            7 => Command::DeclareSpeaker {
                speaker: Speaker {
                    id: device_id(a),
                    name: "x".into(),
                    horns: 2,
                },
            },
            8 => Command::QueueAnnouncement {
                id: said(a),
                text: blob(),
                class: AnnouncementClass::Normal,
                zone: vec![device_id(a), device_id(b)],
                expires_in_ms: i64::from(b) - 100,
            },
            9 => Command::BeginPlayback {
                announcement: said(a),
                speaker: device_id(b),
            },
            10 => Command::FinishPlayback {
                announcement: said(a),
                speaker: device_id(b),
                how: PlaybackOutcome::Played { ms: 1 },
            },
            11 => Command::StopEverything,
            12 => Command::PublishNotice {
                id: up(a),
                text: blob(),
                kind: NoticeKind::Notice,
                until: on.then_some(i64::from(b)),
            },
            13 => Command::TakeDownNotice { id: up(a) },
            20 => Command::DeclareCamera {
                camera: Camera {
                    id: looked(a),
                    name: format!("c{b}"),
                    signal: Availability::Unknown,
                    looks: Vec::new(),
                },
            },
            21 if b % 5 == 0 => Command::RemoveCamera { camera: looked(a) },
            21 => Command::ReportCamera {
                camera: looked(a),
                here: on,
            },
            22 => Command::ViewCameras {
                cameras: vec![looked(a), looked(b)],
            },
            14 => Command::PutUser {
                user: User {
                    id: UserId::new("u").expect("id"),
                    role: if on { Role::Chief } else { Role::Technician },
                    record: blob(),
                    generation: 7,
                },
            },
            15 => Command::RemoveUser {
                user: UserId::new("u").expect("id"),
            },
            16 => Command::ReportPresence {
                device: device_id(a),
                here: on,
            },
            17 => Command::GrantAccess {
                account: Account::of_device(device_id(a), "00".repeat(32)),
            },
            18 => Command::RevokeAccess {
                account: device_id(a),
            },
            _ => Command::ReportLevel {
                sensor: lit(a),
                level: b,
                value: f64::from(b),
            },
        },
    )
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
        let wall_ms = i64::try_from(i).expect("small") * 10;
        for event in decide(&state, who, wish, Now { wall_ms }).unwrap_or_default() {
            let seq = state.seq + 1;
            let entry = Entry {
                seq,
                mono_ms: 0,
                wall_ms,
                clock: ClockQuality::Synced,
                actor: who.clone(),
                cause: None,
                lane: event.lane(),
                lane_seq: seq,
                event,
            };
            state.apply(&entry);
            out.push(entry);
        }
    }
    (out, state)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_snapshot_plus_tail(wishes in prop::collection::vec((actor(), command()), 0..120), cut in any::<prop::sample::Index>()) {
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
    fn apply_is_total_in_any_order(wishes in prop::collection::vec((actor(), command()), 0..80), seed in any::<u64>()) {
        let (mut all, _) = entries(&wishes);
        let len = all.len().max(1) as u64;
        all.sort_by_key(|e| e.seq.wrapping_mul(seed | 1) % len);
        let mut state = VillageState::default();
        for entry in &all {
            state.apply(entry);
        }
    }

    #[test]
    fn a_declaration_said_twice_changes_nothing(wishes in prop::collection::vec((Just(Actor::System), command()), 0..60)) {
        let (_, state) = entries(&wishes);
        for (who, wish) in wishes.iter().filter(|(_, w)| matches!(w, Command::DeclareDevice { .. } | Command::DeclareGroup { .. } | Command::DeclareSpeaker { .. } | Command::GrantAccess { .. })) {
            let mut s = state.clone();
            for round in 0..2 {
                let events = decide(&s, who, wish, Now { wall_ms: 0 }).expect("the house may declare");
                prop_assert!(round == 0 || events.is_empty(), "{:?}", events);
                for event in events {
                    let seq = s.seq + 1;
                    s.apply(&Entry { seq, mono_ms: 0, wall_ms: 0, clock: ClockQuality::None, actor: Actor::System, cause: None, lane: event.lane(), lane_seq: seq, event });
                }
            }
        }
    }
}

#[test]
fn a_stop_is_final_for_each_cluster() {
    let mut wishes = vec![
        (
            Actor::System,
            Command::DeclareSpeaker {
                speaker: Speaker {
                    id: device_id(0),
                    name: "x".into(),
                    horns: 1,
                },
            },
        ),
        (
            Actor::System,
            Command::QueueAnnouncement {
                id: AnnouncementId::new("a").expect("id"),
                text: blob(),
                class: AnnouncementClass::Normal,
                zone: vec![device_id(0)],
                expires_in_ms: 60_000,
            },
        ),
        (Actor::System, Command::StopEverything),
        (
            Actor::System,
            Command::BeginPlayback {
                announcement: AnnouncementId::new("a").expect("id"),
                speaker: device_id(0),
            },
        ),
    ];
    assert!(
        !entries(&wishes).1.on_air().is_empty(),
        "silence is not proved yet"
    );
    wishes.push((
        Actor::System,
        Command::FinishPlayback {
            announcement: AnnouncementId::new("a").expect("id"),
            speaker: device_id(0),
            how: PlaybackOutcome::Stopped,
        },
    ));
    wishes.push((
        Actor::System,
        Command::FinishPlayback {
            announcement: AnnouncementId::new("a").expect("id"),
            speaker: device_id(0),
            how: PlaybackOutcome::Played { ms: 9 },
        },
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
