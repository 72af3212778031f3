//! Every command from every kind of actor.

use super::*;
use crate::domain::account::{self, Account};
use crate::domain::command::{Command, wire};
use crate::domain::decide::{Rejection, authorize};
use crate::domain::device;
use crate::domain::directory;
use crate::domain::event::{Entry, Event};
use crate::domain::id::UserId;
use crate::domain::speaker::{self, Speaker};
use crate::domain::tests::{blob, lamp};
use crate::domain::user::{self, User};

/// Columns: the gateway (`System`), chief, technician, `LocalAdmin`, program, commune, the device
/// that the command is about, another device, an unknown user.
const TABLE: &str = "
NoteClock         H........
NoteDamage        H........
NoteTrim          H........
EraseBlob         H..C.....
DeclareVillage    H........
DeclarePlace      H..CP....
DeclareDevice     H.TCP....
AdoptEntities     H.....D..
WithdrawEntities  H.....D..
ReportPresence    H.....D..
GrantAccess       H.TCP....
RevokeAccess      H.TCP....
NoteConfigured    H........
PutAway           H........
DeclareGroup      H.TCP....
SwitchLight       HcTCP....
SwitchGroup       HcTCP....
UndoSwitchGroup   HcTCP....
ReportLight       H.....D..
GiveUpLight       H........
DeclareSensor     H.TCP....
ReportLevel       H.....D..
DeclareSpeaker    H........
QueueAnnouncement Hc.CPX...
BeginPlayback     H.....D..
FinishPlayback    H.....D..
StopEverything    HcTCP....
DeclareCamera     H........
RemoveCamera      H........
ReportCamera      H........
LookAtPictures    HcT......
PublishNotice     Hc.CPX...
TakeDownNotice    Hc.CPX...
RestoreNotice     Hc.CP....
SaveNoticeDraft   Hc.CP....
ScheduleNotice    Hc.CP....
RemoveNoticeDraft Hc.CP....
CorrectNotice     Hc.CP....
PublishDueNotice  H........
ExpireNotice      H........
PutUser           Hc.C.....
RenameUser        Hc.C.....
RemoveUser        Hc.C.....
NoteSignIn        Hc.......
NoteSignOut       Hc.......
NotePhonesOut     Hc.......
NoteWrongPins     H........
PutToken          H..C.....
RemoveToken       H..C.....
SetWifiRules      Hc.C.....
DecideGuest       Hc.C.....
ForgetGuest       Hc.C.....
CutGuest          Hc.C.....
ReserveAddress    Hc.C.....
ReleaseAddress    Hc.C.....
ReplaceDirectory  HcTC.....
LabelHouse        Hc.C.....
WithdrawHouseLabelHc.C.....
ReplaceProcedures HcTC.....
SetStormPlan      Hc.C.....
";

/// One of each command as it is sent, about the lamp `d0`. Programs send these: samples are only
/// added, never edited.
///
/// # Panics
/// When a blob is no JSON.
pub fn wire_samples() -> Vec<serde_json::Value> {
    let hash = "00".repeat(32);
    let text = serde_json::to_value(blob()).expect("json");
    let things = serde_json::json!([
        { "do": "NoteClock", "offset_ms": 1 },
        { "do": "NoteDamage", "epoch": "00", "from": 1, "to": 1 },
        { "do": "NoteTrim", "from": 1, "to": 1 },
        { "do": "EraseBlob", "blob": "b" },
        {
            "do": "DeclareVillage",
            "village": {
                "id": "v", "name": "Thôn", "commune": "xã", "latitude": 1.0, "longitude": 2.0
            }
        },
        { "do": "DeclarePlace", "place": { "id": "p", "name": "Ngõ" } },
        {
            "do": "DeclareDevice",
            "device": { "id": "d0", "name": "Đèn", "place": "p", "model": "m" }
        },
        { "do": "AdoptEntities", "device": "d0", "model": "m", "entities": [{
            "id": "d0.light", "device": "d0", "name": "Cổng làng", "kind": "light", "unit": "u",
            "class": "c", "expire_after_s": 1,
            "state": { "topic": "d/d0/state", "field": "f", "on": "ON", "off": "OFF" },
            "order": { "topic": "c/d0/set", "on": "ON", "off": "OFF" },
            "availability": { "topic": "d/d0/here", "here": "1", "gone": "0" } }] },
        { "do": "WithdrawEntities", "device": "d0", "entities": ["d0.light"] },
        { "do": "ReportPresence", "device": "d0", "here": true },
        {
            "do": "GrantAccess",
            "account": Account::of_device(DeviceId::new("d0").expect("id"), hash.clone())
        },
        { "do": "RevokeAccess", "account": "d0" },
        { "do": "NoteConfigured", "things": [{ "noun": "place", "id": "p" }] },
        { "do": "PutAway", "thing": { "noun": "place", "id": "p" } },
    ]);
    let machines = serde_json::json!([
        { "do": "DeclareGroup", "group": { "id": "g", "name": "Trục", "lights": ["d0.light"] } },
        { "do": "SwitchLight", "light": "d0.light", "on": true },
        { "do": "SwitchGroup", "group": "g", "on": true },
        { "do": "UndoSwitchGroup", "group": "g", "first": 1, "last": 2 },
        { "do": "ReportLight", "light": "d0.light", "on": true },
        { "do": "GiveUpLight", "light": "d0.light", "order": 1 },
        {
            "do": "DeclareSensor",
            "sensor": {
                "id": "d0.light", "name": "Mực nước", "unit": "cm", "decimals": 1,
                "marks": [1.0, 2.0]
            }
        },
        { "do": "ReportLevel", "sensor": "d0.light", "level": 1, "value": 1.0 },
        { "do": "DeclareSpeaker", "speaker": { "id": "d0", "name": "Loa", "horns": 2 } },
    ]);
    let people = serde_json::json!([
        {
            "do": "QueueAnnouncement", "id": "a", "text": text, "class": "normal", "zone": ["d0"],
            "expires_in_ms": 1
        },
        { "do": "BeginPlayback", "announcement": "a", "speaker": "d0" },
        {
            "do": "FinishPlayback", "announcement": "a", "speaker": "d0",
            "how": { "how": "failed", "why": "x" }
        },
        { "do": "StopEverything" },
        { "do": "DeclareCamera", "camera": { "id": "c", "name": "Ngã ba" } },
        { "do": "RemoveCamera", "camera": "c" },
        { "do": "ReportCamera", "camera": "c", "here": true },
        { "do": "LookAtPictures", "cameras": ["c"] },
        { "do": "PublishNotice", "id": "n", "text": text, "kind": "notice", "until": 5 },
        { "do": "TakeDownNotice", "id": "n" },
        { "do": "RestoreNotice", "id": "n" },
        { "do": "SaveNoticeDraft", "id": "n", "text": text, "kind": "meeting" },
        {
            "do": "ScheduleNotice", "id": "n", "text": text, "kind": "event",
            "occasion": { "at": 9, "ends": 10 }, "publish_at": 5
        },
        { "do": "RemoveNoticeDraft", "id": "n" },
        {
            "do": "CorrectNotice", "id": "n", "text": text, "kind": "warning", "urgent": true,
            "language": "hmong", "from": 1, "until": 5, "risk": { "level": 3, "at": 4 },
            "attachments": [{
                "sha256": hash, "kind": "picture", "bytes": 9, "size": [800, 600]
            }]
        },
        { "do": "PublishDueNotice", "id": "n" },
        { "do": "ExpireNotice", "id": "n" },
    ]);
    [
        things,
        machines,
        people,
        user_samples(),
        network_samples(),
        board_samples(),
    ]
    .into_iter()
    .flat_map(|part| part.as_array().cloned().unwrap_or_default())
    .collect()
}

/// Those about people and tokens.
fn user_samples() -> serde_json::Value {
    let text = serde_json::to_value(blob()).expect("json");
    serde_json::json!([
        {
            "do": "PutUser",
            "user": { "id": "u", "role": "chief", "record": text, "generation": 0 }
        },
        { "do": "RenameUser", "user": "u", "record": text, "generation": 0 },
        { "do": "RemoveUser", "user": "u" },
        { "do": "NoteSignIn", "user": "chief", "is_known_phone": true },
        { "do": "NoteSignOut", "user": "chief" },
        { "do": "NotePhonesOut", "user": "chief", "phones": 2 },
        { "do": "NoteWrongPins", "user": "chief", "count": 5, "is_locked": true },
        { "do": "PutToken", "token": { "id": "t", "sha256": "00".repeat(32), "scopes": ["read"] } },
        { "do": "RemoveToken", "token": "t" },
    ])
}

/// Those about the free wifi, the networks, and what stands on the board beside notices.
fn network_samples() -> serde_json::Value {
    let device = "00".repeat(16);
    serde_json::json!([
        {
            "do": "SetWifiRules",
            "rules": {
                "is_on": true, "hours": { "from": 300, "until": 1320 }, "session_minutes": 60,
                "device_mb": 1024, "house_mb": 20000, "device_kbit": 5000, "house_kbit": 50000,
                "most_devices": 60, "metered_mb": 100, "keep_days": 30,
                "garden": ["dichvucong.gov.vn"], "block_list": false
            }
        },
        {
            "do": "DecideGuest",
            "device": { "id": device, "name": "Ti vi hội trường", "standing": "always_in" }
        },
        { "do": "ForgetGuest", "device": device },
        { "do": "CutGuest", "device": device },
        {
            "do": "ReserveAddress",
            "reservation": {
                "mac": "3c:52:82:0a:0b:0c", "v4": "10.8.0.20", "name": "Camera ngã ba",
                "segment": "device"
            }
        },
        { "do": "ReleaseAddress", "mac": "3c:52:82:0a:0b:0c" },
    ])
}

/// Those about roads and houses, procedures and the night of a storm.
fn board_samples() -> serde_json::Value {
    let text = serde_json::to_value(blob()).expect("json");
    serde_json::json!([
        { "do": "ReplaceDirectory", "file": text, "roads": 12, "houses": 312 },
        {
            "do": "LabelHouse",
            "label": { "house": "tc-7", "text": text, "form": "signed", "given": 20778 }
        },
        { "do": "WithdrawHouseLabel", "house": "tc-7" },
        { "do": "ReplaceProcedures", "file": blob(), "count": 10 },
        { "do": "SetStormPlan", "text": blob() },
    ])
}

/// One of each command.
///
/// # Panics
/// When a command has no sample.
pub fn samples() -> Vec<Command> {
    let samples: Vec<Command> = wire_samples()
        .into_iter()
        .map(|sample| serde_json::from_value(sample).expect("a command"))
        .collect();
    let sampled: Vec<String> = samples.iter().map(name).collect();
    assert_eq!(sampled, wire::names(), "a sample of every command");
    samples
}

fn name(command: &Command) -> String {
    serde_json::to_value(command).expect("json")["do"]
        .as_str()
        .expect("a name")
        .to_owned()
}

fn user_actor(id: &str) -> Actor {
    Actor::User {
        id: UserId::new(id).expect("id"),
    }
}

fn device_actor(id: &str) -> Actor {
    Actor::Device {
        id: DeviceId::new(id).expect("id"),
    }
}

/// A village with a chief, a technician and a lamp.
fn village() -> VillageState {
    let mut state = VillageState::default();
    let person = |id: &str, role| {
        Event::User(user::Event::Put {
            user: User {
                id: UserId::new(id).expect("id"),
                role,
                record: blob(),
                generation: 1,
            },
        })
    };
    let lamps = Event::Device(device::Event::EntitiesAdopted {
        device: DeviceId::new("d0").expect("id"),
        model: String::new(),
        entities: vec![lamp(&DeviceId::new("d0").expect("id"))],
    });
    for event in [
        person("chief", Role::Chief),
        person("technician", Role::Technician),
        lamps,
    ] {
        put(&mut state, event);
    }
    state
}

fn put(state: &mut VillageState, event: Event) {
    let seq = state.seq + 1;
    state.apply(&Entry::sample(seq, event));
}

#[test]
fn every_command_is_for_those_who_stand_in_the_table_and_for_nobody_else() {
    let state = village();
    let askers = [
        ('H', Actor::System),
        ('c', user_actor("chief")),
        ('T', user_actor("technician")),
        ('C', Actor::LocalAdmin),
        (
            'P',
            Actor::Program {
                id: TokenId::new("api").expect("id"),
            },
        ),
        ('X', Actor::Commune),
        ('D', device_actor("d0")),
        ('O', device_actor("d1")),
        ('N', user_actor("nobody")),
    ];
    let told: String = samples().iter().fold("\n".to_owned(), |told, command| {
        let row: String = askers
            .iter()
            .map(|(mark, actor)| {
                if authorize(&state, actor, command).is_ok() {
                    *mark
                } else {
                    '.'
                }
            })
            .collect();
        told + &format!("{:<18}{row}\n", name(command))
    });
    assert_eq!(told, TABLE);
}

#[test]
fn accounts_with_wide_filters_are_the_configurations() {
    let mut state = village();
    let id = |id: &str| DeviceId::new(id).expect("id");
    let (program, technician) = (
        Actor::Program {
            id: TokenId::new("api").expect("id"),
        },
        user_actor("technician"),
    );
    let hash = "00".repeat(32);
    let wide = [
        Account {
            publish: vec!["#".into()],
            ..Account::of_device(id("d0"), hash.clone())
        },
        Account {
            subscribe: vec!["c/#".into()],
            ..Account::of_device(id("d0"), hash.clone())
        },
        Account::of_program(id("d0"), hash.clone(), vec![], vec![]),
    ];
    for account in wide {
        let grant = Command::Account(account::Command::Grant { account });
        assert!(authorize(&state, &Actor::System, &grant).is_ok());
        for asker in [&Actor::LocalAdmin, &program, &technician] {
            assert_eq!(
                authorize(&state, asker, &grant),
                Err(Rejection::NotPermitted),
                "{asker:?}"
            );
        }
    }
    put(
        &mut state,
        Event::Speaker(speaker::Event::Declared {
            speaker: Speaker {
                id: id("loa"),
                name: "Loa".into(),
                horns: 1,
            },
        }),
    );
    let horn = Command::Account(account::Command::Grant {
        account: Account::of_device(id("loa"), hash),
    });
    assert!(
        authorize(&state, &Actor::LocalAdmin, &horn).is_ok(),
        "who stands at the box puts a new receiver in"
    );
    for asker in [&program, &technician] {
        assert_eq!(
            authorize(&state, asker, &horn),
            Err(Rejection::NotPermitted),
            "{asker:?}"
        );
    }
}

#[test]
fn a_token_may_what_its_scopes_say_and_the_one_of_the_file_all_until_it_is_taken_away() {
    use crate::domain::token::{self, Token};
    let mut state = village();
    let id = |id: &str| TokenId::new(id).expect("id");
    let may = |state: &VillageState, token: &str| -> String {
        let actor = Actor::Program { id: id(token) };
        samples()
            .iter()
            .filter(|c| authorize(state, &actor, c).is_ok())
            .map(name)
            .collect::<Vec<_>>()
            .join(" ")
    };
    for scope in Scope::ALL {
        put(
            &mut state,
            Event::Token(token::Event::Put {
                token: Token {
                    id: id(scope.name()),
                    sha256: "00".repeat(32),
                    scopes: [scope].into(),
                },
            }),
        );
    }
    assert_eq!(may(&state, "read"), "");
    assert_eq!(
        may(&state, "switch"),
        "SwitchLight SwitchGroup UndoSwitchGroup StopEverything"
    );
    assert_eq!(
        may(&state, "speak"),
        "QueueAnnouncement StopEverything PublishNotice TakeDownNotice RestoreNotice \
         SaveNoticeDraft ScheduleNotice RemoveNoticeDraft CorrectNotice"
    );
    assert_eq!(
        may(&state, "manage"),
        "DeclarePlace DeclareDevice GrantAccess RevokeAccess DeclareGroup DeclareSensor"
    );
    assert_eq!(may(&state, "nobody"), "");
    assert!(
        has_scope(&state, &id("read"), Scope::Read)
            && !has_scope(&state, &id("switch"), Scope::Read)
    );
    assert_eq!(
        may(&state, FILE_TOKEN).split(' ').count(),
        18,
        "{}",
        may(&state, FILE_TOKEN)
    );
    put(
        &mut state,
        Event::Token(token::Event::Removed {
            token: id(FILE_TOKEN),
        }),
    );
    put(
        &mut state,
        Event::Token(token::Event::Removed {
            token: id("switch"),
        }),
    );
    assert_eq!(may(&state, FILE_TOKEN) + &may(&state, "switch"), "");
    assert!(
        !has_scope(&state, &id(FILE_TOKEN), Scope::Read)
            && !state.tokens.contains_key(&id("switch"))
    );
}

#[test]
fn a_technician_gives_a_map_and_withdraws_no_label_with_it() {
    let state = village();
    let replace = |withdraw_others| {
        Command::from(directory::Command::Replace {
            file: blob(),
            roads: 1,
            houses: 2,
            following: Vec::new(),
            withdraw_others,
        })
    };
    for (who, permitted) in [("technician", [true, false]), ("chief", [true, true])] {
        let may = |all| authorize(&state, &user_actor(who), &replace(all)).is_ok();
        assert_eq!([false, true].map(may), permitted, "{who}");
    }
}
