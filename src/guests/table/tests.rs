//! Sessions against a kernel that is played by hand.

use super::*;
use crate::domain::calendar::day_start;
use crate::domain::guest::{DecidedDevice, OpenHours, WifiRules};
use crate::domain::things::Things;

const MB: u64 = 1_000_000;

fn mac(number: u8) -> MacAddress {
    MacAddress::new([2, 0, 0, 0, 7, number])
}

fn id(number: u8) -> GuestId {
    GuestId::new(&format!("{number:032x}")).expect("an id")
}

fn rules() -> WifiRules {
    WifiRules {
        hours: Some(OpenHours {
            from: 5 * 60,
            until: 22 * 60,
        }),
        device_mb: Some(100),
        most_devices: 3,
        ..WifiRules::default()
    }
}

fn wifi(rules: WifiRules) -> Wifi {
    Wifi {
        rules,
        decided: Things::default(),
    }
}

/// A time of day, s after noon; both clocks go together.
fn at(seconds: u64) -> Moment {
    let noon = day_start(20_000) + 12 * 3_600_000;
    Moment {
        mono: MonoMs::START + seconds * 1_000,
        wall: noon + i64::try_from(seconds).expect("small") * 1_000,
        is_trusted: true,
    }
}

fn setting(wifi: &Wifi, now: Moment) -> Setting<'_> {
    Setting {
        wifi,
        uplink: InternetUplink::Free,
        now,
    }
}

fn enter(table: &mut GuestTable, number: u8, wifi: &Wifi, now: Moment) -> GuestSession {
    let session = table
        .entry(mac(number), &id(number), &setting(wifi, now))
        .expect("let in");
    table.entered(&session, &id(number), now);
    session
}

fn usage(session: &GuestSession, used_bytes: u64, seconds_left: u32) -> SlotUsage {
    SlotUsage {
        slot: session.slot,
        mac: session.mac,
        used_bytes,
        seconds_left,
    }
}

#[test]
fn a_tap_makes_no_running_session_longer() {
    let hour = wifi(WifiRules {
        hours: None,
        session_minutes: Some(60),
        ..rules()
    });
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    assert_eq!(enter(&mut table, 1, &hour, at(0)).seconds, 3_600);
    assert_eq!(enter(&mut table, 1, &hour, at(1_800)).seconds, 1_800);
    // Somebody who never stops tapping gains nothing by what is rounded.
    for tap in 1..=200 {
        let mono = at(1_800).mono + tap * 50;
        let now = Moment { mono, ..at(1_800) };
        enter(&mut table, 1, &hour, now);
    }
    let left = |table: &GuestTable, now| table.sessions(now)[0].seconds;
    assert_eq!(left(&table, at(1_810)), 1_790);
    // A device that gave its place to another gets the rest of its time with the next tap.
    table.note_gave_way(mac(1), at(2_000));
    table.ended(mac(1), at(2_000));
    assert_eq!(enter(&mut table, 1, &hour, at(3_000)).seconds, 600);
    // Longer rules are for the next session; when this one is over, a tap begins that.
    let two_hours = wifi(WifiRules {
        session_minutes: Some(120),
        ..hour.rules
    });
    assert_eq!(table.corrections(&setting(&two_hours, at(3_001))), []);
    assert_eq!(enter(&mut table, 1, &two_hours, at(3_500)).seconds, 100);
    // The page says so at once, also while the kernel rounds up.
    let stands = |now| table.visitor(mac(1), &id(1), &setting(&two_hours, now));
    assert!(matches!(
        stands(at(3_599)),
        GuestVisitor::In {
            seconds_left: 1,
            ..
        }
    ));
    assert_eq!(stands(at(3_600)), GuestVisitor::Captive);
    assert!(table.is_over(mac(1), at(3_600)) && !table.is_any_over(at(3_599)));
    table.ended(mac(1), at(3_600));
    assert_eq!(enter(&mut table, 1, &two_hours, at(3_600)).seconds, 7_200);
}

#[test]
fn what_a_device_used_today_stays_used_when_it_joins_again() {
    let wifi = wifi(rules());
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    let first = enter(&mut table, 1, &wifi, at(0));
    assert_eq!((first.seconds, first.quota_bytes), (10 * 3_600, 100 * MB));
    assert!(
        table
            .count(&[usage(&first, 60 * MB, 9)], false, at(60))
            .is_empty()
    );
    let rows = table.count(&[usage(&first, 70 * MB, 0)], false, at(61));
    assert_eq!((rows.len(), rows[0].bytes), (1, 70 * MB));
    let second = enter(&mut table, 1, &wifi, at(120));
    assert_ne!(second.slot, first.slot);
    assert_eq!((second.used_bytes, second.quota_bytes), (0, 30 * MB));
    drop(table.count(&[usage(&second, 30 * MB, 9)], false, at(130)));
    let steps = table.corrections(&setting(&wifi, at(130)));
    assert_eq!(steps, [KernelStep::Cut(second.mac)]);
    table.ended(mac(1), at(130));
    let used_up = table.visitor(mac(1), &id(1), &setting(&wifi, at(131)));
    assert_eq!(used_up, GuestVisitor::NotNow(NotNow::DeviceUsedUp));
    // The next day is another day.
    table.use_of_day.turn(at(86_400).wall);
    let fresh = table.visitor(mac(1), &id(1), &setting(&wifi, at(86_400)));
    assert_eq!(fresh, GuestVisitor::Captive);
}

#[test]
fn midnight_gives_a_running_session_another_day() {
    let all_day = wifi(WifiRules {
        hours: None,
        ..rules()
    });
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    let session = enter(&mut table, 1, &all_day, at(0));
    drop(table.count(&[usage(&session, 90 * MB, 9)], false, at(60)));
    assert_eq!(table.corrections(&setting(&all_day, at(60))), []);
    let after = at(12 * 3_600 + 1);
    drop(table.count(&[usage(&session, 90 * MB, 9)], false, after));
    let steps = table.corrections(&setting(&all_day, after));
    let [KernelStep::Admit(session)] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    // The kernel's count goes on, and the day's bytes come on top.
    assert_eq!(
        (session.used_bytes, session.quota_bytes),
        (90 * MB, 190 * MB)
    );
    // The tap gave it a day; half of it is left.
    assert_eq!(session.seconds, 12 * 3_600 - 1);
}

#[test]
fn narrower_rules_hold_for_those_who_are_in() {
    let before = wifi(rules());
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    let session = enter(&mut table, 1, &before, at(0));
    assert_eq!(table.corrections(&setting(&before, at(10))), []);
    let earlier = wifi(WifiRules {
        hours: Some(OpenHours {
            from: 5 * 60,
            until: 13 * 60,
        }),
        ..rules()
    });
    let steps = table.corrections(&setting(&earlier, at(0)));
    let [KernelStep::Admit(shorter)] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    assert_eq!(shorter.seconds, 3_600);
    let smaller = wifi(WifiRules {
        device_mb: Some(10),
        ..rules()
    });
    let steps = table.corrections(&setting(&smaller, at(0)));
    assert!(matches!(steps.as_slice(), [KernelStep::Admit(s)] if s.quota_bytes == 10 * MB));
    let off = wifi(WifiRules {
        is_on: false,
        ..rules()
    });
    let cut = [KernelStep::Cut(session.mac)];
    assert_eq!(table.corrections(&setting(&off, at(0))), cut);
    let mut blocked = wifi(rules());
    let device = DecidedDevice {
        id: id(1),
        name: "x".into(),
        standing: Standing::Blocked,
    };
    blocked.decided = Things::from(std::sync::Arc::new(
        [(id(1), std::sync::Arc::new(device))].into(),
    ));
    assert_eq!(table.corrections(&setting(&blocked, at(0))), cut);
    // Fewer places put nobody out, and a lost uplink ends no session.
    let fewer = wifi(WifiRules {
        most_devices: 1,
        ..rules()
    });
    enter(&mut table, 2, &before, at(0));
    assert_eq!(table.corrections(&setting(&fewer, at(0))), []);
    let down = Setting {
        uplink: InternetUplink::Down,
        ..setting(&before, at(0))
    };
    assert_eq!(table.corrections(&down), []);
    let told = table.visitor(mac(1), &id(1), &down);
    assert_eq!(told, GuestVisitor::NotNow(NotNow::UplinkDown));
}

#[test]
fn a_full_wifi_keeps_those_who_are_in_and_tells_the_others() {
    let wifi = wifi(rules());
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    for number in 1..=3 {
        enter(&mut table, number, &wifi, at(0));
    }
    let setting = setting(&wifi, at(1));
    let full = table.visitor(mac(4), &id(4), &setting);
    assert_eq!(full, GuestVisitor::NotNow(NotNow::Full));
    assert_eq!(table.entry(mac(4), &id(4), &setting), Err(NotNow::Full));
    assert!(matches!(
        table.visitor(mac(1), &id(1), &setting),
        GuestVisitor::In {
            seconds_left: 35_999,
            bytes_left: Some(_)
        }
    ));
    // Whoever used nothing at all gives the place to another after two minutes.
    assert_eq!(table.sleeper(&wifi, at(119)), None);
    assert!(table.sleeper(&wifi, at(120)).is_some());
    // Whoever used nothing for five minutes does, too.
    let sessions = table.sessions(at(600));
    let slots: Vec<SlotUsage> = sessions.iter().map(|s| usage(s, 5, 9)).collect();
    drop(table.count(&slots, false, at(600)));
    let slots: Vec<SlotUsage> = sessions.iter().map(|s| usage(s, 9, 9)).collect();
    let mut later = slots.clone();
    later[1].used_bytes = 5;
    drop(table.count(&later, false, at(900)));
    assert_eq!(table.sleeper(&wifi, at(899)), None);
    assert_eq!(table.sleeper(&wifi, at(900)), Some(sessions[1].mac));
}

/// A tap as the service carries it out; the seconds that the device has to wait.
fn tap(table: &mut GuestTable, number: u8, wifi: &Wifi, now: Moment) -> Option<u32> {
    match table.entry(mac(number), &id(number), &setting(wifi, now)) {
        Ok(session) => {
            let takes_turn = table.takes_turn(mac(number), &id(number), wifi);
            table.entered(&session, &id(number), now);
            if takes_turn {
                table.newcomers.take(wifi.rules.most_devices, now.mono);
            }
            None
        }
        Err(NotNow::TurnIn { seconds }) => Some(seconds),
        Err(other) => panic!("{other:?}"),
    }
}

/// Phones come at these seconds, and tap again when their page says so; the longest wait.
fn longest_wait(comes_at: impl Iterator<Item = u64>) -> u64 {
    let village = wifi(WifiRules {
        hours: None,
        ..WifiRules::default()
    });
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    let mut taps: std::collections::BTreeSet<(u64, u64, u8)> = comes_at
        .enumerate()
        .map(|(number, second)| (second, second, u8::try_from(number).expect("small")))
        .collect();
    let mut longest = 0;
    while let Some((now, came, number)) = taps.pop_first() {
        match tap(&mut table, number, &village, at(now)) {
            None => longest = longest.max(now - came),
            Some(seconds) => {
                taps.insert((now + u64::from(seconds), came, number));
            }
        }
    }
    longest
}

#[test]
fn an_ordinary_evening_waits_for_no_turn_and_a_rush_some_minutes() {
    // Sixty phones come to a meeting within ten minutes, most of them in the middle of it.
    let evening = (0..60_u64).map(|phone| {
        let place = f64::from(u8::try_from(phone).expect("small")) / 60.0;
        let share = if place < 0.5 {
            (place / 2.0).sqrt()
        } else {
            1.0 - ((1.0 - place) / 2.0).sqrt()
        };
        std::time::Duration::from_secs_f64(share * 600.0).as_secs()
    });
    assert_eq!(longest_wait(evening), 0);
    // All of them in the same second: the last is in after six minutes.
    let rush = longest_wait((0..60).map(|_| 0));
    assert!((300..=360).contains(&rush), "{rush}");
}

#[test]
fn whoever_was_in_today_needs_no_turn() {
    let mut village = wifi(WifiRules {
        most_devices: 4,
        ..rules()
    });
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    assert_eq!(tap(&mut table, 1, &village, at(0)), None);
    assert_eq!(tap(&mut table, 2, &village, at(0)), None);
    // A made-up device comes third, and the page says how long it waits.
    assert_eq!(tap(&mut table, 3, &village, at(0)), Some(60));
    let turn = GuestVisitor::NotNow(NotNow::TurnIn { seconds: 60 });
    let stands = |table: &GuestTable, number, wifi: &Wifi, now| {
        table.visitor(mac(number), &id(number), &setting(wifi, now))
    };
    assert_eq!(stands(&table, 3, &village, at(0)), turn);
    assert!(matches!(
        stands(&table, 1, &village, at(0)),
        GuestVisitor::In { .. }
    ));
    assert_eq!(table.corrections(&setting(&village, at(0))), []);
    // It was cut before a byte was counted, and comes back.
    table.ended(mac(1), at(1));
    assert_eq!(tap(&mut table, 1, &village, at(1)), None);
    // A restart keeps who was in.
    let mut again = GuestTable::new(table.use_of_day.clone());
    assert!(!again.takes_turn(mac(2), &id(2), &village));
    assert_eq!(again.rows(at(2)), [], "nothing was used");
    // Midnight makes newcomers of all that are not in.
    again.use_of_day.turn(at(86_400).wall);
    assert!(again.takes_turn(mac(2), &id(2), &village));
    // A television takes no turn.
    let device = DecidedDevice {
        id: id(3),
        name: "Ti vi".into(),
        standing: Standing::AlwaysIn,
    };
    village.decided = Things::from(std::sync::Arc::new(
        [(id(3), std::sync::Arc::new(device))].into(),
    ));
    assert_eq!(stands(&table, 3, &village, at(2)), GuestVisitor::Captive);
    assert_eq!(tap(&mut table, 3, &village, at(2)), None);
    assert!(!table.takes_turn(mac(3), &id(3), &village));
}

#[test]
fn a_gateway_that_starts_again_counts_on_where_the_file_ends() {
    let wifi = wifi(rules());
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    let session = enter(&mut table, 1, &wifi, at(0));
    drop(table.count(&[usage(&session, 20 * MB, 9)], false, at(60)));
    let mut saved = table.use_of_day.clone();
    saved.open = table.saved(at(60));
    // 15 MB more went through while nobody counted.
    let mut again = GuestTable::new(saved);
    let slots = [usage(&session, 35 * MB, 1_800)];
    let ended = again.restore(&slots, |_| Some(id(1)), &setting(&wifi, at(90)));
    assert_eq!(ended, []);
    assert_eq!(again.use_of_day.of(&id(1)), 35 * MB);
    let [open] = again.sessions(at(90)).try_into().expect("one session");
    assert_eq!((open.slot, open.seconds), (session.slot, 1_800));
    assert_eq!((open.used_bytes, open.quota_bytes), (35 * MB, 100 * MB));
    let rows = again.rows(at(90));
    assert_eq!(rows[0].since, Some(at(0).wall));
    // The helper alone started again: nothing is counted twice.
    drop(again.restore(&slots, |_| Some(id(1)), &setting(&wifi, at(95))));
    assert_eq!(again.use_of_day.of(&id(1)), 35 * MB);
}

#[test]
fn a_session_that_ended_while_the_gateway_was_away_is_counted_and_has_its_row() {
    let hour = wifi(WifiRules {
        session_minutes: Some(60),
        ..rules()
    });
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    let session = enter(&mut table, 1, &hour, at(0));
    drop(table.count(&[usage(&session, 20 * MB, 9)], false, at(60)));
    let mut saved = table.use_of_day.clone();
    saved.open = table.saved(at(60));
    // It went on to its end, and the gateway is back two hours later.
    let mut again = GuestTable::new(saved);
    let slots = [usage(&session, 100 * MB, 0)];
    let ended = again.restore(&slots, |_| Some(id(1)), &setting(&hour, at(7_200)));
    let row = SessionRow {
        device: id(1),
        since: at(0).wall,
        until: at(3_600).wall,
        bytes: 100 * MB,
    };
    assert_eq!((ended, again.count_in()), (vec![row], 0));
    let stands = again.visitor(mac(1), &id(1), &setting(&hour, at(7_201)));
    assert_eq!(stands, GuestVisitor::NotNow(NotNow::DeviceUsedUp));
}

#[test]
fn a_television_goes_on_from_one_session_to_the_next() {
    let mut wifi = wifi(WifiRules {
        hours: None,
        session_minutes: Some(60),
        ..rules()
    });
    let device = DecidedDevice {
        id: id(1),
        name: "Ti vi".into(),
        standing: Standing::AlwaysIn,
    };
    wifi.decided = Things::from(std::sync::Arc::new(
        [(id(1), std::sync::Arc::new(device))].into(),
    ));
    let mut table = GuestTable::default();
    table.use_of_day.turn(at(0).wall);
    let session = enter(&mut table, 1, &wifi, at(0));
    assert_eq!(session.seconds, 86_400);
    assert_eq!(table.corrections(&setting(&wifi, at(86_000))), []);
    let steps = table.corrections(&setting(&wifi, at(86_200)));
    assert!(matches!(steps.as_slice(), [KernelStep::Admit(s)] if s.seconds == 86_400));
    // It takes no guest's place.
    wifi.rules.most_devices = 1;
    assert_eq!(
        table.visitor(mac(2), &id(2), &setting(&wifi, at(1))),
        GuestVisitor::Captive
    );
    // A guest's own hour is not made longer.
    let guest = enter(&mut table, 2, &wifi, at(0));
    assert_eq!(guest.seconds, 3_600);
    let soon = table.corrections(&setting(&wifi, at(3_500)));
    assert!(
        !soon
            .iter()
            .any(|s| matches!(s, KernelStep::Admit(s) if s.mac == mac(2)))
    );
}
