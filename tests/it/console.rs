//! Doors with a PIN, the commune's and the village's: crowds of guessers, a machine without memory,
//! sign-ins that are each their own, a clock before 1970.

use std::path::Path;
use std::sync::Arc;

use conglang::domain::calendar;
use conglang::supervisor::clock::Clock;

use crate::support::house::House;
use crate::support::office::{Commune, memory_kb, visit};

fn form(body: &str) -> String {
    body.split_once("name=\"form\" value=\"")
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_crowd_of_guessers_costs_two_hashes_at_once_and_leaves_no_memory_behind() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let commune = Arc::new(commune);
    // Warm: threads and pages are there.
    assert_eq!(
        commune
            .visit([127, 0, 0, 9], "POST", "/sign-in", "", &[("pin", "000000")])
            .status,
        401
    );
    let before = memory_kb(commune.pid(), "VmRSS:");
    let crowd: Vec<_> = (0..190u8)
        .map(|n| {
            let commune = commune.clone();
            std::thread::spawn(move || {
                commune
                    .visit(
                        [127, 0, 1, n + 1],
                        "POST",
                        "/sign-in",
                        "",
                        &[("pin", "000000")],
                    )
                    .status
            })
        })
        .collect();
    let answers: Vec<u16> = crowd
        .into_iter()
        .map(|one| one.join().expect("joined"))
        .collect();
    let count = |status| answers.iter().filter(|s| **s == status).count();
    let (peak, after) = (
        memory_kb(commune.pid(), "VmHWM:"),
        memory_kb(commune.pid(), "VmRSS:"),
    );
    println!(
        "{} wrong, {} sent away; {before} KiB before, {peak} at most, {after} after",
        count(401),
        count(429)
    );
    assert_eq!(
        count(401) + count(429),
        190,
        "each is answered: {answers:?}"
    );
    assert!(count(401) > 0);
    assert!(
        peak.saturating_sub(before) < 80 * 1024,
        "two hashes at once: {before} KiB before, {peak} at most"
    );
    assert!(
        after.saturating_sub(before) < 16 * 1024,
        "{before} KiB before, {after} after"
    );
    // Who was sent away for the crowd was not counted as wrong, and the officer gets in.
    commune.sign_in([127, 0, 0, 1]);
}

#[test]
fn wrong_pins_at_the_village_leave_no_memory_behind_and_the_chief_gets_in() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let port = house.dashboard;
    let guess = move |n: u8| {
        visit(
            port,
            [127, 0, 3, n],
            "POST",
            "/sign-in",
            "",
            &[("user", "mau"), ("pin", "000000")],
        )
        .status
    };
    assert_eq!(guess(200), 401, "warm");
    let before = memory_kb(house.gateway_pid(), "VmRSS:");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let crowd: Vec<_> = (0..35)
            .map(|n| scope.spawn(move || guess(n / 4 + 1)))
            .collect();
        crowd
            .into_iter()
            .map(|one| one.join().expect("joined"))
            .collect()
    });
    let (peak, after) = (
        memory_kb(house.gateway_pid(), "VmHWM:"),
        memory_kb(house.gateway_pid(), "VmRSS:"),
    );
    println!("{answers:?}: {before} KiB before, {peak} at most, {after} after");
    assert!(
        answers.iter().all(|s| matches!(s, 401 | 429)),
        "{answers:?}"
    );
    assert!(
        peak.saturating_sub(before) < 64 * 1024,
        "{before} KiB before, {peak} at most"
    );
    assert!(
        after.saturating_sub(before) < 12 * 1024,
        "{before} KiB before, {after} after"
    );
    assert_eq!(
        house
            .post(
                "/sign-in",
                "",
                &[("user", "mau"), ("pin", crate::support::house::CHIEF_PIN)]
            )
            .status,
        303
    );
}

#[test]
fn no_memory_to_look_at_a_pin_is_told_and_is_not_a_wrong_pin() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.expect_errors(&["verifying a PIN failed"]);
    // One heap: others have room set aside that a limit does not see.
    commune.start(&[("MALLOC_ARENA_MAX", "1".into())]);
    let wrong = commune.visit([127, 0, 0, 1], "POST", "/sign-in", "", &[("pin", "000000")]);
    assert!(
        wrong.status == 401 && wrong.body.contains("Sai mã PIN, còn thử được 9 lần"),
        "{}",
        wrong.body
    );
    let pid = Pid::from_raw(i32::try_from(commune.pid()).expect("pid"));
    let room = |kb: Option<u64>| {
        prlimit(
            pid,
            Resource::As,
            Rlimit {
                current: kb.map(|kb| kb * 1024),
                maximum: None,
            },
        )
        .expect("limit")
    };
    // No room for a hash.
    room(Some(memory_kb(commune.pid(), "VmSize:") + 12 * 1024));
    for _ in 0..3 {
        let broken = commune.visit(
            [127, 0, 2, 2],
            "POST",
            "/sign-in",
            "",
            &[("pin", &commune.pin())],
        );
        assert!(
            broken.status == 503 && broken.body.contains("không phải mã sai"),
            "{broken:?}"
        );
    }
    room(None);
    // Not one of the three was counted: neither a wait nor a try less.
    let wrong = commune.visit([127, 0, 2, 2], "POST", "/sign-in", "", &[("pin", "000000")]);
    assert!(
        wrong.status == 401 && wrong.body.contains("còn thử được 9 lần"),
        "{}",
        wrong.body
    );
    commune.sign_in([127, 0, 2, 3]);
}

#[test]
fn the_tries_left_at_the_console_are_told_in_a_row_whatever_is_typed_between() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let answer = |pin: &str| commune.visit([127, 0, 2, 9], "POST", "/sign-in", "", &[("pin", pin)]);
    let told = |left: &str| format!("còn thử được {left} lần");
    let first = answer("12345");
    assert!(
        first.status == 401 && first.body.contains(&told("10")),
        "{}",
        first.body
    );
    for left in ["9", "8"] {
        // A wrong PIN makes the address wait two seconds, which is told as seconds.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let wrong = loop {
            let wrong = answer("000000");
            if wrong.status != 429 || std::time::Instant::now() > end {
                break wrong;
            }
            assert!(wrong.body.contains("giây rồi thử lại"), "{}", wrong.body);
            std::thread::sleep(std::time::Duration::from_millis(100));
        };
        assert!(
            wrong.status == 401 && wrong.body.contains(&told(left)),
            "{}",
            wrong.body
        );
        let short = loop {
            let short = answer("12345");
            if short.status != 429 || std::time::Instant::now() > end {
                break short;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        };
        assert!(
            short.status == 401 && short.body.contains(&told(left)),
            "{}",
            short.body
        );
    }
}

#[test]
fn each_sign_in_is_its_own_is_listed_and_can_be_ended() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let (here, there) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let (one, two) = (commune.sign_in(here), commune.sign_in(there));
    assert_ne!(one, two);
    let page = commune.visit(here, "GET", "/me", &one, &[]).body;
    for words in [
        "Đăng xuất máy này",
        "Đăng xuất các máy khác",
        "Máy này · 127.0.0.1",
        "127.0.0.2",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let english = commune
        .visit(here, "GET", "/me", &format!("{one}; lang=en"), &[])
        .body;
    assert!(
        english.contains("Sign out here") && english.contains("lang=\"en\""),
        "{english}"
    );
    // A form of one sign-in is worth nothing with another.
    let (mine, other) = (
        form(&page),
        form(&commune.visit(there, "GET", "/", &two, &[]).body),
    );
    assert_ne!(mine, other);
    assert_eq!(
        commune
            .visit(here, "POST", "/sign-out", &one, &[("form", &other)])
            .status,
        403
    );
    // Putting the others out takes the PIN.
    assert_eq!(
        commune
            .visit(
                here,
                "POST",
                "/sign-out/others",
                &one,
                &[("form", &mine), ("pin", "000000")]
            )
            .status,
        401
    );
    let is_in = |cookie: &str| {
        commune
            .visit(here, "GET", "/villages.json", cookie, &[])
            .status
            == 200
    };
    assert!(is_in(&one) && is_in(&two));
    assert_eq!(
        commune
            .visit(there, "POST", "/sign-out", &two, &[("form", &other)])
            .status,
        303
    );
    assert!(is_in(&one) && !is_in(&two), "one is out, the other in");
    assert!(
        !commune
            .visit(here, "GET", "/", &two, &[])
            .body
            .contains("Thôn ben-thoc")
    );
    let three = commune.sign_in([127, 0, 0, 3]);
    assert_eq!(
        commune
            .visit(
                [127, 0, 0, 3],
                "POST",
                "/sign-out/others",
                &three,
                &[
                    (
                        "form",
                        &form(&commune.visit(here, "GET", "/", &three, &[]).body)
                    ),
                    ("pin", &commune.pin())
                ]
            )
            .status,
        303
    );
    assert!(!is_in(&one) && is_in(&three));
}

#[test]
fn a_clock_before_1970_is_told_at_every_door_and_ends_nothing() {
    let lib = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
        .map(|f| Path::new(f).join("faketime/libfaketime.so.1"))
        .into_iter()
        .find(|p| p.exists())
        .expect("package faketime");
    let environment = |dial: &Path| {
        [
            ("LD_PRELOAD", lib.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", dial.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("TZ", "UTC".into()),
        ]
    };
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    let dial = commune.dir.join("clock");
    std::fs::write(&dial, "@1969-06-01 12:00:00").expect("dial");
    commune.start(&environment(&dial));
    for _ in 0..3 {
        let answer = commune.visit([127, 0, 0, 1], "GET", "/", "", &[]);
        assert!(
            answer.status == 503 && answer.body.contains("Đồng hồ của máy đang sai"),
            "{answer:?}"
        );
    }
    assert!(!commune.log().contains("panicked"), "{}", commune.log());
    // The clock is put right; nothing else is needed.
    std::fs::write(&dial, "@1970-01-01 00:00:01").expect("dial");
    assert_eq!(
        commune.visit([127, 0, 0, 1], "GET", "/", "", &[]).status,
        200
    );
    commune.sign_in([127, 0, 0, 1]);
    assert!(!commune.log().contains("panicked"), "{}", commune.log());

    let mut house = House::new("");
    let dial = house.dir.join("clock");
    std::fs::write(&dial, "@1969-06-01 12:00:00").expect("dial");
    house.launch(&environment(&dial));
    house.until(
        "it says what is wrong",
        std::time::Duration::from_secs(30),
        |h| {
            std::net::TcpStream::connect(("127.0.0.1", h.portal)).is_ok()
                && crate::support::http::http(h.portal, "GET", "/", "", "").status == 503
        },
    );
    assert_eq!(house.get("/", "").status, 503);
    let today = calendar::day(Clock::system(0).wall_ms());
    let right = format!(
        "@{:04}-{:02}-{:02} 08:00:00",
        today.year, today.month, today.day
    );
    std::fs::write(&dial, right).expect("dial");
    house.until("it serves", std::time::Duration::from_secs(30), |h| {
        h.answers()
    });
    assert_eq!(
        crate::support::http::http(house.portal, "GET", "/", "", "").status,
        200
    );
    let log = std::fs::read_to_string(house.dir.join("log.txt")).unwrap_or_default();
    assert!(!log.contains("panicked"), "{log}");
}
