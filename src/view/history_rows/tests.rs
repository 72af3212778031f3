//! Rows of made-up entries.

use super::*;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::camera;
use crate::domain::guest::{self, DecidedDevice, Standing};
use crate::domain::id::{
    AnnouncementId, BlobId, CameraId, DeviceId, EntityId, GroupId, GuestId, UserId,
};
use crate::domain::light;
use crate::domain::network::{self, Reservation, SegmentKind};
use crate::domain::sensor;
use crate::domain::speaker::{self, AnnouncementClass, PlaybackOutcome};
use crate::domain::user;
use crate::i18n::locale::Lang;
use crate::time::WallMs;
use crate::view::history_text::played_names::PlayedNames;

fn person(name: &str) -> Actor {
    Actor::User {
        id: UserId::new(name).expect("id"),
    }
}

fn machine(id: &str) -> Actor {
    Actor::Device {
        id: DeviceId::new(id).expect("id"),
    }
}

fn entity(id: &str) -> EntityId {
    EntityId::new(id).expect("id")
}

/// An entry at a second.
fn entry(
    seq: u64,
    second: i64,
    actor: Actor,
    cause: Option<u64>,
    event: impl Into<Event>,
) -> Entry {
    let event = event.into();
    Entry {
        wall_ms: WallMs::of_seconds(second),
        actor,
        cause,
        ..Entry::sample(seq, event)
    }
}

fn rows(entries: &[Entry]) -> Vec<HistoryRow> {
    let newest: Vec<&Entry> = entries.iter().rev().collect();
    let names = &PlayedNames::default();
    let context = SentenceContext {
        lang: Lang::Vi,
        names,
    };
    let cause_of = |story: &Story<'_>| {
        let seq = story.first()?.cause?;
        entries.iter().find(|e| e.seq == seq)
    };
    stories(&newest, &[])
        .iter()
        .map(|story| row(&context, story, cause_of(story)))
        .collect()
}

fn order(light: &str, on: bool, group: Option<&str>) -> light::Event {
    light::Event::Desired {
        light: entity(light),
        on,
        group: group.map(|g| GroupId::new(g).expect("id")),
    }
}

fn answer(light: &str, on: bool) -> light::Event {
    light::Event::Reported {
        light: entity(light),
        on,
    }
}

#[test]
fn a_lamp_that_answers_is_told_in_the_row_of_who_switched_it() {
    let told = rows(&[
        entry(1, 0, person("Hoa"), None, order("cong", true, None)),
        entry(2, 1, machine("cong"), Some(1), answer("cong", true)),
        // Somebody turned the switch at the lamp.
        entry(3, 9, machine("cong"), None, answer("cong", false)),
    ]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].what, "Đèn cong đã tắt");
    assert_eq!(told[0].detail, "thiết bị báo");
    assert_eq!(
        (told[1].what.as_str(), told[1].detail.as_str()),
        ("Bà Hoa bật đèn cong", "Đã sáng sau 1 giây")
    );
}

#[test]
fn one_tap_on_a_group_is_one_row_and_says_which_lamp_is_silent() {
    let told = rows(&[
        entry(1, 0, person("Hoa"), None, order("a", true, Some("truc"))),
        entry(2, 0, person("Hoa"), None, order("b", true, Some("truc"))),
        entry(3, 0, person("Hoa"), None, order("c", true, Some("truc"))),
        entry(4, 1, machine("a"), Some(1), answer("a", true)),
        entry(5, 1, machine("b"), Some(2), answer("b", true)),
        entry(
            6,
            30,
            Actor::System,
            Some(3),
            light::Event::GivenUp {
                light: entity("c"),
                order: 3,
            },
        ),
    ]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].what, "Bà Hoa bật nhóm đèn truc");
    assert_eq!(told[0].detail, "2 đèn đã sáng; không trả lời lệnh: c");
    assert_eq!(told[0].parts.len(), 3);
    assert_eq!(told[0].mark, "warn");
}

#[test]
fn seven_entries_of_one_announcement_are_one_row_with_each_cluster_inside() {
    let id = AnnouncementId::new("a1").expect("id");
    let cluster = |name: &str| DeviceId::new(name).expect("id");
    let began = |name| speaker::Event::PlaybackBegan {
        announcement: id.clone(),
        speaker: cluster(name),
    };
    let ended = |name, how| speaker::Event::PlaybackFinished {
        announcement: id.clone(),
        speaker: cluster(name),
        how,
    };
    let played = PlaybackOutcome::Played { ms: 5_000 };
    let queued = speaker::Event::AnnouncementQueued {
        id: id.clone(),
        text: BlobRef {
            id: BlobId::new("b").expect("id"),
            mac: String::new(),
            len: 1,
        },
        class: AnnouncementClass::Normal,
        zone: ["x", "y", "z"].map(cluster).to_vec(),
        expires_at: WallMs::default(),
        unreachable: None,
    };
    let all = [
        entry(1, 0, person("Hoa"), None, queued),
        entry(2, 1, machine("x"), Some(1), began("x")),
        entry(3, 1, machine("y"), Some(1), began("y")),
        entry(4, 2, machine("z"), Some(1), began("z")),
        entry(5, 7, machine("x"), Some(1), ended("x", played.clone())),
        entry(6, 7, machine("y"), Some(1), ended("y", played)),
        entry(
            7,
            9,
            Actor::System,
            Some(1),
            ended("z", PlaybackOutcome::Unanswered),
        ),
    ];
    let told = rows(&all[..4]);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].detail, "Đang phát ở 3/3 cụm");
    let told = rows(&all);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].what, "Bà Hoa phát loa “Mời bà con họp”");
    assert_eq!(told[0].detail, "Đã phát 2/3 cụm. z không trả lời.");
    let parts: Vec<&str> = told[0].parts.iter().map(|p| p.words.as_str()).collect();
    assert_eq!(
        parts,
        [
            "Loa x đã phát xong",
            "Loa y đã phát xong",
            "Loa z không trả lời"
        ]
    );
    // A result by itself names who gave the order.
    let alone = single(
        &SentenceContext {
            lang: Lang::Vi,
            names: &PlayedNames::default(),
        },
        &all[6],
        Some(&all[0]),
    );
    assert_eq!(
        alone.detail,
        "máy tự ghi · vì: Bà Hoa phát loa “Mời bà con họp”"
    );
}

#[test]
fn a_gauge_that_swings_about_its_mark_is_one_row_whatever_happens_in_between() {
    let up = sensor::Event::AlarmRaised {
        sensor: entity("kenh"),
        level: 1,
        value: 181.0,
    };
    let down = sensor::Event::AlarmLowered {
        sensor: entity("kenh"),
        level: 0,
        value: 176.0,
    };
    let mut all: Vec<Entry> = (0..7)
        .map(|n| {
            let event = if n % 2 == 0 { up.clone() } else { down.clone() };
            entry(
                n * 2 + 1,
                i64::try_from(n).expect("small") * 90,
                machine("cb"),
                None,
                event,
            )
        })
        .collect();
    all.push(entry(14, 545, person("Hoa"), None, order("a", true, None)));
    let told = rows(&all);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[1].what,
        "Kenh báo động rồi thôi 7 lần trong 9 phút; giờ đang báo động"
    );
    // Once up and down again is told as it was; and who ends it is another's act.
    let mut few = vec![all[0].clone(), all[1].clone()];
    assert_eq!(rows(&few).len(), 2);
    few.extend([
        all[2].clone(),
        entry(20, 300, Actor::LocalAdmin, None, down),
    ]);
    assert_eq!(rows(&few).len(), 2, "three in one row, and the other");
}

#[test]
fn who_looked_around_is_one_row_with_the_names() {
    let view = |names: &[&str]| camera::Event::Viewed {
        cameras: names
            .iter()
            .map(|n| CameraId::new(n).expect("id"))
            .collect(),
    };
    let told = rows(&[
        entry(1, 0, person("Hoa"), None, view(&["a", "b", "c", "d", "e"])),
        entry(2, 60, person("Hoa"), None, view(&["f"])),
        entry(3, 61, person("Mau"), None, view(&["a", "b"])),
    ]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].what, "Bà Mau xem 2 camera");
    assert_eq!((told[0].detail.as_str(), told[0].parts.len()), ("A, b", 0));
    assert_eq!(told[1].what, "Bà Hoa xem 6 camera");
    assert_eq!(told[1].detail, "A, b, c và 3 nơi nữa");
    assert_eq!(told[1].parts.len(), 6);
}

#[test]
fn signing_in_names_the_person_and_wrong_pins_are_added_up() {
    let mau = UserId::new("Mau").expect("id");
    let wrong = |count, is_locked| user::Event::WrongPinsTried {
        user: mau.clone(),
        count,
        is_locked,
    };
    let out = user::Event::PhonesSignedOut {
        user: mau.clone(),
        phones: 3,
    };
    let new = user::Event::SignedIn {
        user: mau.clone(),
        is_known_phone: false,
    };
    let told = rows(&[
        entry(1, 0, Actor::System, None, wrong(5, true)),
        entry(2, 900, Actor::System, None, wrong(7, false)),
        entry(3, 901, person("Mau"), None, new),
        entry(4, 950, person("Mau"), None, out),
    ]);
    let what: Vec<&str> = told.iter().map(|r| r.what.as_str()).collect();
    assert_eq!(
        what,
        [
            "Bà Mau đăng xuất 3 điện thoại khác",
            "Bà Mau đăng nhập trên một điện thoại mới",
            "Có người gõ sai mã PIN của Bà Mau 12 lần, phải chờ mới gõ tiếp được",
        ]
    );
}

/// An event in both languages, and its mark.
fn told(event: impl Into<Event>) -> (String, String, &'static str) {
    let entry = Entry::sample(1, event.into());
    let names = &PlayedNames::default();
    let [vi, en] = [Lang::Vi, Lang::En].map(|lang| SentenceContext { lang, names }.event(&entry));
    assert_eq!(vi.mark, en.mark);
    (bare(&vi.words), bare(&en.words), vi.mark)
}

fn same(told: &(String, String, &'static str), vi: &str, en: &str, mark: &str) {
    assert_eq!((told.0.as_str(), told.1.as_str(), told.2), (vi, en, mark));
}

#[test]
fn what_is_decided_about_a_device_is_told_by_its_name_and_a_cut_without_one() {
    let id = GuestId::new("00ff").expect("id");
    let name = "Ti vi hội trường".to_owned();
    let decided = |standing| {
        let (id, name) = (id.clone(), name.clone());
        let device = DecidedDevice { id, name, standing };
        told(guest::Event::Decided { device })
    };
    same(
        &decided(Standing::AlwaysIn),
        "Luôn cho Ti vi hội trường vào wifi miễn phí",
        "Let Ti vi hội trường into the free wifi always",
        "",
    );
    same(
        &decided(Standing::Blocked),
        "Chặn Ti vi hội trường khỏi wifi miễn phí",
        "Blocked Ti vi hội trường from the free wifi",
        "warn",
    );
    let device = id.clone();
    same(
        &told(guest::Event::Forgotten {
            device,
            name: name.clone(),
        }),
        "Để Ti vi hội trường dùng wifi miễn phí như mọi máy khác",
        "Let Ti vi hội trường use the free wifi as all devices do",
        "",
    );
    let cut = |id: &str| guest::Event::Cut {
        device: GuestId::new(id).expect("id"),
    };
    same(
        &told(cut("00ff")),
        "Ngắt một máy khỏi wifi miễn phí",
        "Cut a device off the free wifi",
        "warn",
    );
    // A decision that takes another back says so.
    let decide = |standing| guest::Event::Decided {
        device: DecidedDevice {
            id: id.clone(),
            name: name.clone(),
            standing,
        },
    };
    let forget = guest::Event::Forgotten {
        device: id.clone(),
        name: name.clone(),
    };
    let undone = rows(&[
        entry(1, 0, person("Hoa"), None, decide(Standing::Blocked)),
        entry(2, 5, person("Hoa"), Some(1), forget),
    ]);
    let what = "Bà Hoa hoàn tác: Chặn Ti vi hội trường khỏi wifi miễn phí";
    assert_eq!(undone[0].what, what);
    // A chief who clears the wifi out is one row.
    let told = rows(&[
        entry(1, 0, person("Hoa"), None, cut("00ff")),
        entry(2, 60, person("Hoa"), None, cut("00fe")),
        entry(3, 61, person("Mau"), None, cut("00fd")),
    ]);
    let words: Vec<&str> = told.iter().map(|row| row.what.as_str()).collect();
    let both = [
        "Bà Mau ngắt một máy khỏi wifi miễn phí",
        "Bà Hoa ngắt 2 máy khỏi wifi miễn phí",
    ];
    assert_eq!(words, both);
}

#[test]
fn an_address_that_a_device_keeps_is_told_with_its_name_and_is_no_news() {
    let reservation = Reservation {
        mac: "3c:52:82:0a:0b:0c".parse().expect("an address"),
        v4: [10, 8, 0, 20].into(),
        name: "Camera ngã ba".to_owned(),
        segment: SegmentKind::Device,
    };
    let reserved = network::Event::AddressReserved {
        reservation: reservation.clone(),
    };
    same(
        &told(reserved.clone()),
        "Giữ địa chỉ 10.8.0.20 cho Camera ngã ba",
        "Kept the address 10.8.0.20 for Camera ngã ba",
        "",
    );
    same(
        &told(network::Event::AddressReleased { reservation }),
        "Thôi giữ địa chỉ 10.8.0.20 cho Camera ngã ba",
        "Kept the address 10.8.0.20 for Camera ngã ba no more",
        "",
    );
    assert!(!is_news(&entry(1, 0, Actor::LocalAdmin, None, reserved)));
}
