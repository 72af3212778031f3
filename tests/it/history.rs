//! Nhật ký as people read it: who did what and what came of it, a row each; chosen by day, person
//! and thing; who signed in, and who tried to.

use std::time::Duration;

use crate::support::house::{CHIEF_PIN, House, Lamp, fields, kind, secret};
use crate::voice::{Horns, speak};

const SOON: Duration = Duration::from_secs(20);
const SECOND_PIN: &str = "246802";

/// The rows of a page of history, as HTML.
fn rows(house: &House, path: &str, cookie: &str) -> Vec<String> {
    let page = house.get(path, cookie);
    assert_eq!(page.status, 200, "{path}");
    page.body
        .split("<li id=\"e")
        .skip(1)
        .map(|row| row.split("</time>").next().unwrap_or_default().to_owned())
        .collect()
}

fn with<'a>(rows: &'a [String], words: &str) -> Vec<&'a String> {
    rows.iter().filter(|r| r.contains(words)).collect()
}

fn cookie_of(answer: &crate::support::house::Answer) -> String {
    let cookie = answer
        .head
        .lines()
        .find_map(|l| l.strip_prefix("set-cookie: "))
        .expect("a cookie");
    cookie.split(';').next().expect("pair").to_owned()
}

/// A second person, signed in.
fn second(house: &House) -> String {
    let add = [
        "user",
        "add",
        "hoa",
        "Bà Hoa",
        "--role",
        "technician",
        "--pin",
        SECOND_PIN,
    ];
    assert_eq!(house.cli(&add).0, 0);
    let answer = house.post("/sign-in", "", &[("user", "hoa"), ("pin", SECOND_PIN)]);
    assert_eq!(answer.status, 303, "{answer:?}");
    cookie_of(&answer)
}

#[test]
fn a_row_names_the_person_and_what_came_of_it() {
    let mut house = House::new("");
    house.start();
    let chief = house.sign_in();
    let hoa = second(&house);
    let _lamp = Lamp::start(&house, "den-01");
    house.until("adopted", SOON, |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let press = |cookie: &str, on: &str| {
        let form = house.form("/lights", cookie);
        let fields = [("form", form.as_str()), ("on", on)];
        assert_eq!(
            house.post("/lights/den-01.light", cookie, &fields).status,
            303
        );
    };
    press(&hoa, "1");
    house.until("it is lit", SOON, |h| {
        !with(&rows(h, "/history", &chief), "Bà Hoa bật").is_empty()
            && with(&rows(h, "/history", &chief), "Bà Hoa bật")[0].contains("Đã sáng sau")
    });
    press(&chief, "0");
    house.until("it is dark", SOON, |h| {
        !with(&rows(h, "/history", &chief), "Đã tắt sau").is_empty()
    });
    // The order and its answer are one row, on the page, on the home page and at the terminal.
    for path in ["/history", "/"] {
        let all = rows(&house, path, &chief);
        assert_eq!(with(&all, "Bà Hoa bật").len(), 1, "{path}: {all:?}");
        assert_eq!(with(&all, "Ông Mẫu tắt").len(), 1, "{path}: {all:?}");
        assert!(with(&all, "thiết bị báo · vì").is_empty(), "{all:?}");
    }
    let told = house.cli(&["journal", "tail", "-n", "100"]).1;
    assert!(
        told.lines()
            .any(|l| l.contains("Bà Hoa bật") && l.contains("Đã sáng sau")),
        "{told}"
    );
    // By person, by thing, by day.
    let hers = rows(&house, "/history?person=hoa", &chief);
    assert!(
        hers.iter().all(|r| r.contains("Bà Hoa")) && with(&hers, "bật").len() == 1,
        "{hers:?}"
    );
    let both = rows(&house, "/history?about=den-01.light&person=mau", &chief);
    assert_eq!(both.len(), 1, "{both:?}");
    assert!(both[0].contains("Ông Mẫu tắt") && both[0].contains("Đã tắt sau"));
    let page = house.get("/history", &chief).body;
    let earlier = page
        .split_once("href=\"/history?day=")
        .and_then(|(_, rest)| rest.split('"').next())
        .expect("the day before")
        .to_owned();
    let empty = house
        .get(&format!("/history?day={earlier}&person=hoa"), &chief)
        .body;
    assert!(empty.contains("Không có gì như đã chọn"), "{empty}");
    // From the day before, today is one step ahead, and there is no tomorrow.
    let today = empty
        .split("href=\"/history?day=")
        .nth(2)
        .and_then(|rest| rest.split('&').next())
        .expect("the day after")
        .to_owned();
    let page = house
        .get(&format!("/history?day={today}&person=hoa"), &chief)
        .body;
    assert!(
        page.contains("Bà Hoa bật") && !page.contains("Hôm sau"),
        "{page}"
    );
    assert!(page.contains("selected>Bà Hoa"), "the choice stays");
}

#[test]
fn one_announcement_is_one_row_with_its_clusters_inside() {
    let third = format!(
        "[[device]]\nid = \"loa-03\"\nname = \"Loa Chùa\"\nsecret_sha256 = \"{}\"\n[[speaker]]\n\
         id = \"loa-03\"\nname = \"Chùa\"\nhorns = 2\n",
        conglang::keys::secret::sha256(secret("loa-03").as_bytes())
    );
    let mut house = House::new(&third);
    house.start();
    let zone = ["loa-01", "loa-02", "loa-03"];
    let _horns = Horns::start(&house, &zone);
    let chief = house.sign_in();
    speak(&house, &chief, "Mời bà con họp.", &zone);
    let of_it = |h: &House, wanted: &str| {
        let entries = h.entries();
        entries.iter().filter(|e| kind(e) == wanted).count()
    };
    house.until("all ended", Duration::from_secs(60), |h| {
        of_it(h, "speaker.playback_finished") == 3
    });
    assert_eq!(of_it(&house, "speaker.playback_began"), 3, "seven entries");
    for path in [
        "/history",
        "/",
        "/history?about=loa-02",
        "/history?person=mau",
    ] {
        let all = rows(&house, path, &chief);
        let told = with(&all, "Mời bà con họp");
        assert_eq!(told.len(), 1, "{path}: {all:?}");
        assert!(
            told[0].contains("Ông Mẫu phát loa") && told[0].contains("Đã phát 3/3 cụm"),
            "{path}: {}",
            told[0]
        );
        for name in ["Nhà văn hóa", "Đình", "Chùa"] {
            assert!(
                told[0].contains("<details")
                    && told[0].contains(&format!("Loa {name} đã phát xong")),
                "{path}: {}",
                told[0]
            );
        }
        assert!(
            with(&all, "đã phát xong").len() == 1 && with(&all, "bắt đầu phát").is_empty(),
            "{path}: {all:?}"
        );
    }
    let elsewhere = rows(&house, "/history?about=den-01", &chief);
    assert!(with(&elsewhere, "Mời bà con").is_empty(), "{elsewhere:?}");
}

#[test]
fn sign_ins_are_entries_and_wrong_pins_are_few() {
    let mut house = House::new("");
    house.start();
    let chief = house.sign_in();
    second(&house);
    let known =
        |pin: &str, cookie: &str| house.post("/sign-in", cookie, &[("user", "mau"), ("pin", pin)]);
    // The proof of the first phone makes the next sign-in one on a known phone.
    let first = known(CHIEF_PIN, "");
    let proof = first
        .head
        .lines()
        .filter_map(|l| l.strip_prefix("set-cookie: "))
        .find(|c| c.starts_with("known-"))
        .and_then(|c| c.split(';').next())
        .expect("a proof")
        .to_owned();
    let again = known(CHIEF_PIN, &proof);
    assert_eq!(again.status, 303);
    let phone = cookie_of(&again);
    let form = house.form("/me", &phone);
    assert_eq!(
        house.post("/sign-out", &phone, &[("form", &form)]).status,
        303
    );
    let form = house.form("/me", &chief);
    let out = [("form", form.as_str()), ("pin", CHIEF_PIN)];
    assert_eq!(house.post("/sign-out/others", &chief, &out).status, 303);
    let of = |h: &House, wanted: &str| -> Vec<serde_json::Value> {
        let entries = h.entries();
        let found = entries.iter().filter(|e| kind(e) == wanted);
        found.map(|e| fields(e).clone()).collect()
    };
    let ins = of(&house, "user.signed_in");
    assert_eq!(
        ins.iter()
            .filter(|e| e["user"] == "mau")
            .map(|e| e["is_known_phone"] == true)
            .collect::<Vec<_>>(),
        [false, false, true],
        "{ins:?}"
    );
    assert_eq!(of(&house, "user.signed_out").len(), 1);
    assert_eq!(of(&house, "user.phones_signed_out")[0]["phones"], 1);
    let all = rows(&house, "/history?person=mau", &chief);
    for words in [
        "Ông Mẫu đăng nhập trên một điện thoại mới",
        "Ông Mẫu đăng xuất",
        "Ông Mẫu đăng xuất 1 điện thoại khác",
    ] {
        assert!(!with(&all, words).is_empty(), "{words}: {all:?}");
    }

    // A stranger who guesses makes one entry when the address is locked, however often he comes.
    let guess = |user: &str| {
        house
            .post("/sign-in", "", &[("user", user), ("pin", "000000")])
            .status
    };
    for _ in 0..30 {
        guess("mau");
        guess("nobody");
    }
    let wrong = of(&house, "user.wrong_pins_tried");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0]["count"] == 5 && wrong[0]["is_locked"] == true && wrong[0]["user"] == "mau");
    assert_eq!(
        with(
            &rows(&house, "/", &chief),
            "Có người gõ sai mã PIN của Ông Mẫu 5 lần"
        )
        .len(),
        1
    );
    // A few wrong ones wait for the sign-in, or for the end of the gateway.
    assert_eq!(guess("hoa"), 401);
    assert_eq!(of(&house, "user.wrong_pins_tried").len(), 1);
    let right = [("user", "hoa"), ("pin", SECOND_PIN)];
    assert_eq!(house.post("/sign-in", "", &right).status, 303);
    let wrong = of(&house, "user.wrong_pins_tried");
    assert!(wrong.len() == 2 && wrong[1]["user"] == "hoa" && wrong[1]["count"] == 1);
    guess("hoa");
    guess("hoa");
    assert_eq!(house.stop(), Some(0));
    house.start();
    let wrong = of(&house, "user.wrong_pins_tried");
    assert!(wrong.len() == 3 && wrong[2]["count"] == 2, "{wrong:?}");
}
