//! Random commands, by noun.
//!
//! Each noun has a chain: given one of its commands, the next. Such a match lists every command, so
//! a command that is new compiles only when it is generated too, and so does a noun that is new.

mod directory_chain;

use proptest::prelude::*;

use self::directory_chain::directory;
use self::small_nouns::{network, procedure, storm};
use super::{blob, device_id, lamp};
use crate::domain::account::{self, Account};
use crate::domain::camera::{self, Camera};
use crate::domain::command::Command;
use crate::domain::configuration::{self, Thing};
use crate::domain::device::{self, Availability, Device};
use crate::domain::guest::{self, DecidedDevice, Standing, WifiRules};
use crate::domain::history;
use crate::domain::id::{
    AnnouncementId, BlobId, CameraId, EntityId, GroupId, GuestId, NoticeId, PlaceId, TokenId,
    UserId, VillageId,
};
use crate::domain::light::{self, LightGroup};
use crate::domain::notice::{self, NoticeDetails, NoticeKind};
use crate::domain::place::{self, Place};
use crate::domain::sensor::{self, Sensor};
use crate::domain::speaker::{self, AnnouncementClass, PlaybackOutcome, Speaker};
use crate::domain::token::{self, Scope, Token};
use crate::domain::user::{self, Role, User};
use crate::domain::village::{self, Village};
use crate::time::WallMs;

mod small_nouns;

/// The random parts of a command. Few ids, so that commands meet the same things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Random {
    pub(super) a: u8,
    pub(super) b: u8,
    pub(super) on: bool,
}

fn announcement(n: u8) -> AnnouncementId {
    AnnouncementId::new(&format!("a{}", n % 3)).expect("id")
}

fn lamp_id(n: u8) -> EntityId {
    EntityId::new(&format!("d{}.light", n % 5)).expect("id")
}

fn camera_id(n: u8) -> CameraId {
    CameraId::new(&format!("c{}", n % 2)).expect("id")
}

fn notice_id(n: u8) -> NoticeId {
    NoticeId::new(&format!("n{}", n % 3)).expect("id")
}

fn group() -> GroupId {
    GroupId::new("g").expect("id")
}

fn place_id(n: u8) -> PlaceId {
    PlaceId::new(&format!("p{}", n % 2)).expect("id")
}

fn user_id() -> UserId {
    UserId::new("u").expect("id")
}

fn token_id(n: u8) -> TokenId {
    TokenId::new(["api", "t0", "t1"][usize::from(n % 3)]).expect("id")
}

fn thing(Random { a, b, .. }: Random) -> Thing {
    match b % 6 {
        0 => Thing::Place(place_id(a)),
        1 => Thing::Device(device_id(a)),
        2 => Thing::Account(device_id(a)),
        3 => Thing::Group(group()),
        4 => Thing::Sensor(lamp_id(a)),
        _ => Thing::Speaker(device_id(a)),
    }
}

fn history(last: Option<&history::Command>, r: Random) -> Option<history::Command> {
    use history::Command::{EraseBlob, NoteClock, NoteDamage, NoteTrim};
    let (from, to) = (u64::from(r.a % 8), u64::from(r.b % 8));
    Some(match last {
        None => NoteClock {
            offset_ms: i64::from(r.b),
        },
        Some(NoteClock { .. }) => NoteDamage {
            epoch: "00".into(),
            from,
            to,
            lost: r.on.then_some(1),
        },
        Some(NoteDamage { .. }) => NoteTrim { from, to },
        Some(NoteTrim { .. }) => EraseBlob {
            blob: BlobId::new(&format!("b{}", r.a % 2)).expect("id"),
        },
        Some(EraseBlob { .. }) => return None,
    })
}

fn village(last: Option<&village::Command>, r: Random) -> Option<village::Command> {
    use village::Command::Declare;
    Some(match last {
        None => Declare {
            village: Village {
                id: VillageId::new("v").expect("id"),
                name: format!("Thôn {}", r.a % 2),
                commune: "xã".into(),
                latitude: 20.0,
                longitude: 106.0,
            },
        },
        Some(Declare { .. }) => return None,
    })
}

fn place(last: Option<&place::Command>, r: Random) -> Option<place::Command> {
    use place::Command::Declare;
    Some(match last {
        None => Declare {
            place: Place {
                id: place_id(r.a),
                name: format!("Ngõ {}", r.b % 2),
            },
        },
        Some(Declare { .. }) => return None,
    })
}

fn device(last: Option<&device::Command>, r: Random) -> Option<device::Command> {
    use device::Command::{AdoptEntities, Declare, ReportPresence, WithdrawEntities};
    Some(match last {
        None => Declare {
            device: Device {
                id: device_id(r.a),
                name: format!("x{}", r.b),
                place: None,
                model: String::new(),
                availability: Availability::Unknown,
            },
        },
        Some(Declare { .. }) => AdoptEntities {
            device: device_id(r.a),
            model: "m".into(),
            entities: vec![lamp(&device_id(if r.on { r.a } else { r.b }))],
        },
        Some(AdoptEntities { .. }) => WithdrawEntities {
            device: device_id(r.a),
            entities: vec![lamp_id(r.b)],
        },
        Some(WithdrawEntities { .. }) => ReportPresence {
            device: device_id(r.a),
            here: r.on,
        },
        Some(ReportPresence { .. }) => return None,
    })
}

fn account(last: Option<&account::Command>, r: Random) -> Option<account::Command> {
    use account::Command::{Grant, Revoke};
    Some(match last {
        None => Grant {
            account: Account::of_device(device_id(r.a), "00".repeat(32)),
        },
        Some(Grant { .. }) => Revoke {
            account: device_id(r.a),
        },
        Some(Revoke { .. }) => return None,
    })
}

fn configuration(
    last: Option<&configuration::Command>,
    r: Random,
) -> Option<configuration::Command> {
    use configuration::Command::{NoteThings, PutAway};
    Some(match last {
        None => NoteThings {
            things: vec![thing(r)],
        },
        Some(NoteThings { .. }) => PutAway { thing: thing(r) },
        Some(PutAway { .. }) => return None,
    })
}

fn light(last: Option<&light::Command>, r: Random) -> Option<light::Command> {
    use light::Command::{DeclareGroup, GiveUp, Report, Switch, SwitchGroup, UndoSwitchGroup};
    let (light, on) = (lamp_id(r.a), r.on);
    Some(match last {
        None => DeclareGroup {
            group: LightGroup {
                id: group(),
                name: "g".into(),
                lights: vec![light, lamp_id(r.b)],
            },
        },
        Some(DeclareGroup { .. }) => Switch { light, on },
        Some(Switch { .. }) => SwitchGroup { group: group(), on },
        Some(SwitchGroup { .. }) => UndoSwitchGroup {
            group: group(),
            first: u64::from(r.b),
            last: u64::from(r.b) + u64::from(r.a % 3),
        },
        Some(UndoSwitchGroup { .. }) => Report { light, on },
        Some(Report { .. }) => GiveUp {
            light,
            order: u64::from(r.b),
        },
        Some(GiveUp { .. }) => return None,
    })
}

fn sensor(last: Option<&sensor::Command>, r: Random) -> Option<sensor::Command> {
    use sensor::Command::{Declare, ReportLevel};
    Some(match last {
        None => Declare {
            sensor: Sensor {
                id: lamp_id(r.a),
                name: "s".into(),
                unit: "cm".into(),
                decimals: 0,
                thresholds: if r.on { vec![1.0] } else { Vec::new() },
                alarm: None,
            },
        },
        Some(Declare { .. }) => ReportLevel {
            sensor: lamp_id(r.a),
            level: r.b % 17,
            value: f64::from(r.b),
        },
        Some(ReportLevel { .. }) => return None,
    })
}

fn speaker(last: Option<&speaker::Command>, r: Random) -> Option<speaker::Command> {
    use speaker::Command::{
        BeginPlayback, Declare, FinishPlayback, QueueAnnouncement, StopEverything,
    };
    Some(match last {
        None => Declare {
            speaker: Speaker {
                id: device_id(r.a),
                name: "x".into(),
                horns: 2,
            },
        },
        Some(Declare { .. }) => QueueAnnouncement {
            id: announcement(r.a),
            text: blob(),
            class: AnnouncementClass::Normal,
            zone: vec![device_id(r.a), device_id(r.b)],
            expires_in_ms: i64::from(r.b) - 100,
            unreachable: None,
        },
        Some(QueueAnnouncement { .. }) => BeginPlayback {
            announcement: announcement(r.a),
            speaker: device_id(r.b),
        },
        Some(BeginPlayback { .. }) => FinishPlayback {
            announcement: announcement(r.a),
            speaker: device_id(r.b),
            how: PlaybackOutcome::Played { ms: 1 },
        },
        Some(FinishPlayback { .. }) => StopEverything {},
        Some(StopEverything {}) => return None,
    })
}

fn camera(last: Option<&camera::Command>, r: Random) -> Option<camera::Command> {
    use camera::Command::{Declare, Remove, Report, View};
    let camera = camera_id(r.a);
    Some(match last {
        None => Declare {
            camera: Camera {
                id: camera,
                name: format!("c{}", r.b),
                signal: Availability::Unknown,
                looks: Vec::new(),
            },
        },
        Some(Declare { .. }) => Report { camera, here: r.on },
        Some(Report { .. }) => View {
            cameras: vec![camera, camera_id(r.b)],
        },
        Some(View { .. }) => Remove { camera },
        Some(Remove { .. }) => return None,
    })
}

fn notice(last: Option<&notice::Command>, r: Random) -> Option<notice::Command> {
    use notice::Command::{
        Correct, Expire, Publish, PublishDue, RemoveDraft, Restore, SaveDraft, Schedule, TakeDown,
    };
    let details = |kind| {
        let until = r.on.then_some(WallMs::new(i64::from(r.b)));
        NoticeDetails::of(kind).until(until)
    };
    Some(match last {
        None => Publish {
            id: notice_id(r.a),
            text: blob(),
            details: details(NoticeKind::Notice),
        },
        Some(Publish { .. }) => TakeDown { id: notice_id(r.a) },
        Some(TakeDown { .. }) => Restore { id: notice_id(r.a) },
        Some(Restore { .. }) => SaveDraft {
            id: notice_id(r.a),
            text: blob(),
            details: details(NoticeKind::Meeting),
        },
        Some(SaveDraft { .. }) => Schedule {
            id: notice_id(r.a),
            text: blob(),
            details: details(NoticeKind::Event),
            publish_at: WallMs::new(i64::from(r.b)),
        },
        Some(Schedule { .. }) => RemoveDraft { id: notice_id(r.a) },
        Some(RemoveDraft { .. }) => Correct {
            id: notice_id(r.a),
            text: blob(),
            details: details(NoticeKind::Warning).urgent(),
        },
        Some(Correct { .. }) => PublishDue { id: notice_id(r.a) },
        Some(PublishDue { .. }) => Expire { id: notice_id(r.a) },
        Some(Expire { .. }) => return None,
    })
}

fn user(last: Option<&user::Command>, r: Random) -> Option<user::Command> {
    use user::Command::{
        NotePhonesOut, NoteSignIn, NoteSignOut, NoteWrongPins, Put, Remove, Rename,
    };
    Some(match last {
        None => Put {
            user: User {
                id: user_id(),
                role: if r.on { Role::Chief } else { Role::Technician },
                record: blob(),
                generation: 7,
            },
        },
        Some(Put { .. }) => Rename {
            user: user_id(),
            record: blob(),
            generation: u64::from(r.b),
        },
        Some(Rename { .. }) => NoteSignIn {
            user: user_id(),
            is_known_phone: r.on,
        },
        Some(NoteSignIn { .. }) => NoteSignOut { user: user_id() },
        Some(NoteSignOut { .. }) => NotePhonesOut {
            user: user_id(),
            phones: u64::from(r.a),
        },
        Some(NotePhonesOut { .. }) => NoteWrongPins {
            user: user_id(),
            count: u64::from(r.b),
            is_locked: r.on,
        },
        Some(NoteWrongPins { .. }) => Remove { user: user_id() },
        Some(Remove { .. }) => return None,
    })
}

fn token(last: Option<&token::Command>, r: Random) -> Option<token::Command> {
    use token::Command::{Put, Remove};
    Some(match last {
        None => Put {
            token: Token {
                id: token_id(r.a),
                sha256: "00".repeat(32),
                scopes: [Scope::Switch].into(),
            },
        },
        Some(Put { .. }) => Remove {
            token: token_id(r.a),
        },
        Some(Remove { .. }) => return None,
    })
}

fn guest(last: Option<&guest::Command>, r: Random) -> Option<guest::Command> {
    use guest::Command::{Cut, Decide, Forget, SetRules};
    let device = GuestId::new(&format!("{:032x}", r.a % 3)).expect("id");
    Some(match last {
        None => SetRules {
            rules: WifiRules {
                is_on: r.on,
                most_devices: u16::from(r.b % 3) + 1,
                ..WifiRules::default()
            },
        },
        Some(SetRules { .. }) => Decide {
            device: DecidedDevice {
                id: device,
                name: format!("Ti vi {}", r.b % 2),
                standing: if r.on {
                    Standing::AlwaysIn
                } else {
                    Standing::Blocked
                },
            },
        },
        Some(Decide { .. }) => Forget { device },
        Some(Forget { .. }) => Cut { device },
        Some(Cut { .. }) => return None,
    })
}

/// The command after `last`, through all nouns.
fn next(last: Option<&Command>, r: Random) -> Option<Command> {
    let first_of_noun = |last: Option<&Command>| -> Option<Command> {
        match last {
            None => history(None, r).map(Into::into),
            Some(Command::History(_)) => village(None, r).map(Into::into),
            Some(Command::Village(_)) => place(None, r).map(Into::into),
            Some(Command::Place(_)) => device(None, r).map(Into::into),
            Some(Command::Device(_)) => account(None, r).map(Into::into),
            Some(Command::Account(_)) => configuration(None, r).map(Into::into),
            Some(Command::Configuration(_)) => light(None, r).map(Into::into),
            Some(Command::Light(_)) => sensor(None, r).map(Into::into),
            Some(Command::Sensor(_)) => speaker(None, r).map(Into::into),
            Some(Command::Speaker(_)) => camera(None, r).map(Into::into),
            Some(Command::Camera(_)) => notice(None, r).map(Into::into),
            Some(Command::Notice(_)) => user(None, r).map(Into::into),
            Some(Command::User(_)) => token(None, r).map(Into::into),
            Some(Command::Token(_)) => guest(None, r).map(Into::into),
            Some(Command::Guest(_)) => network(None, r).map(Into::into),
            Some(Command::Network(_)) => directory(None, r).map(Into::into),
            Some(Command::Directory(_)) => procedure(None, r).map(Into::into),
            Some(Command::Procedure(_)) => storm(None, r).map(Into::into),
            Some(Command::Storm(_)) => None,
        }
    };
    let within_noun: Option<Command> = match last {
        None => None,
        Some(Command::History(c)) => history(Some(c), r).map(Into::into),
        Some(Command::Village(c)) => village(Some(c), r).map(Into::into),
        Some(Command::Place(c)) => place(Some(c), r).map(Into::into),
        Some(Command::Device(c)) => device(Some(c), r).map(Into::into),
        Some(Command::Account(c)) => account(Some(c), r).map(Into::into),
        Some(Command::Configuration(c)) => configuration(Some(c), r).map(Into::into),
        Some(Command::Light(c)) => light(Some(c), r).map(Into::into),
        Some(Command::Sensor(c)) => sensor(Some(c), r).map(Into::into),
        Some(Command::Speaker(c)) => speaker(Some(c), r).map(Into::into),
        Some(Command::Camera(c)) => camera(Some(c), r).map(Into::into),
        Some(Command::Notice(c)) => notice(Some(c), r).map(Into::into),
        Some(Command::User(c)) => user(Some(c), r).map(Into::into),
        Some(Command::Token(c)) => token(Some(c), r).map(Into::into),
        Some(Command::Guest(c)) => guest(Some(c), r).map(Into::into),
        Some(Command::Network(c)) => network(Some(c), r).map(Into::into),
        Some(Command::Directory(c)) => directory(Some(c), r).map(Into::into),
        Some(Command::Procedure(c)) => procedure(Some(c), r).map(Into::into),
        Some(Command::Storm(c)) => storm(Some(c), r).map(Into::into),
    };
    within_noun.or_else(|| first_of_noun(last))
}

/// One of each command.
pub(super) fn one_of_each(r: Random) -> Vec<Command> {
    std::iter::successors(next(None, r), |last| next(Some(last), r)).collect()
}

/// A random command.
pub(super) fn command() -> impl Strategy<Value = Command> {
    (
        any::<prop::sample::Index>(),
        any::<u8>(),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(|(index, a, b, on)| {
            let all = one_of_each(Random { a, b, on });
            index.get(&all).clone()
        })
}
