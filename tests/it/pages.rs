//! Pages as people meet them: without script, in a real browser, by strangers.

use std::time::{Duration, Instant};

use crate::house::{House, Lamp, http, secret};
use crate::peer::{Hello, Peer};

/// First view of a page with style, script and icon, bytes.
const FIRST_VIEW: usize = 30_000;

#[test]
fn a_cluster_that_was_sent_away_is_not_counted() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    assert!(house.get("/", &cookie).body.contains("Loa 0/2"));
    assert_eq!(house.cli(&["device", "remove", "loa-02"]).0, 0);
    assert!(
        house.get("/", &cookie).body.contains("Loa 0/1"),
        "{}",
        house.get("/", &cookie).body
    );
}

#[test]
fn every_page_opens_small_and_in_both_languages() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let shared: usize = ["/a/village.css", "/a/live.js", "/a/icon.svg"]
        .iter()
        .map(|p| house.get(p, "").body.len())
        .sum();
    for path in [
        "/",
        "/lights",
        "/sensors",
        "/devices",
        "/cameras",
        "/speakers",
        "/notices",
        "/notices/new",
        "/history",
        "/more",
        "/me",
    ] {
        for (lang, mark) in [("vi", "lang=\"vi\""), ("en", "lang=\"en\"")] {
            let page = house.get(path, &format!("{cookie}; lang={lang}"));
            assert_eq!(page.status, 200, "{path}");
            assert!(page.body.contains(mark), "{path} in {lang}");
            assert!(
                page.body.len() + shared <= FIRST_VIEW,
                "{path}: {} bytes",
                page.body.len() + shared
            );
            assert!(
                !page.body.contains("http://") && !page.body.contains("https://"),
                "{path} asks nothing of elsewhere"
            );
            assert!(
                page.head
                    .contains("content-security-policy: default-src 'none'"),
                "{path}"
            );
        }
        assert_eq!(house.get(path, "").status, 303, "{path} asks to sign in");
    }
    let splash = http(house.portal, "GET", "/", "", "");
    assert!(
        splash.status == 200
            && splash.body.len() < FIRST_VIEW
            && !splash.body.contains("<script")
            && !splash.head.contains("set-cookie")
    );
    for probe in [
        "/generate_204",
        "/hotspot-detect.html",
        "/connecttest.txt",
        "/anything",
    ] {
        assert_eq!(
            http(house.portal, "GET", probe, "", "").status,
            302,
            "{probe}"
        );
    }
}

#[test]
fn a_form_of_another_site_or_without_its_token_changes_nothing() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    assert_eq!(
        house
            .post("/lights/den-01.light", &cookie, &[("on", "1")])
            .status,
        403
    );
    assert_eq!(
        house
            .post(
                "/lights/den-01.light",
                &cookie,
                &[("on", "1"), ("form", "00")]
            )
            .status,
        403
    );
    let form = house.form("/lights", &cookie);
    let body = format!("on=1&form={form}");
    for evil in ["origin: http://evil.example", "sec-fetch-site: cross-site"] {
        let mut stream =
            std::net::TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
        use std::io::{Read as _, Write as _};
        write!(stream, "POST /lights/den-01.light HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {cookie}\r\n{evil}\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}", house.dashboard, body.len()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        assert!(answer.starts_with("HTTP/1.1 403"), "{evil}: {answer}");
    }
    assert!(
        house
            .entries()
            .iter()
            .all(|e| e["event"]["t"] != "LightDesired"),
        "nothing was switched"
    );
    assert_eq!(
        house
            .post(
                "/lights/den-01.light",
                &cookie,
                &[("on", "1"), ("form", &form)]
            )
            .status,
        303
    );
    let asked = Instant::now();
    house.until("the lamp answers", Duration::from_secs(5), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    assert!(asked.elapsed() < Duration::from_secs(5));
    // What the lamp said is shown before it is written down.
    house.until("the cause is told in words", Duration::from_secs(5), |h| {
        h.get("/history", &cookie).body.contains("vì: Bật đèn")
    });
}

#[test]
fn wrong_pins_lock_the_prankster_not_the_chief() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    for _ in 0..5 {
        house.post("/sign-in", "", &[("user", "mau"), ("pin", "000000")]);
    }
    let locked = house.post(
        "/sign-in",
        "",
        &[("user", "mau"), ("pin", crate::house::CHIEF_PIN)],
    );
    assert_eq!(locked.status, 429, "this address waits");
    assert_eq!(
        house.get("/", &cookie).status,
        200,
        "the chief's phone goes on"
    );
    house.kill();
    house.start();
    assert_eq!(
        house.get("/", &cookie).status,
        200,
        "and is remembered after a power cut"
    );
}

#[test]
fn guesses_side_by_side_count_each() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let port = house.dashboard;
    let guesses: Vec<_> = (0..30)
        .map(|n| {
            std::thread::spawn(move || {
                http(
                    port,
                    "POST",
                    "/sign-in",
                    "",
                    &format!("user=mau&pin=00{n:04}"),
                )
                .status
            })
        })
        .collect();
    let answers: Vec<u16> = guesses
        .into_iter()
        .map(|g| g.join().expect("answered"))
        .collect();
    let tried = answers.iter().filter(|s| **s == 401).count();
    assert!(
        tried <= 5,
        "thirty at once are not thirty guesses: {tried} were looked at"
    );
    assert!(
        answers.iter().all(|s| matches!(s, 401 | 429)),
        "{answers:?}"
    );
}

#[test]
fn a_new_pin_keeps_the_role_and_the_name_and_ends_the_old_phones() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    assert_eq!(
        house
            .cli(&["user", "add", "vi", "Anh Ví", "--role", "technician"])
            .0,
        0
    );
    let (code, text) = house.cli(&["user", "pin", "vi"]);
    assert!(code == 0 && text.contains("vi"), "{text}");
    assert_eq!(
        house.state()["users"]["vi"]["role"],
        "technician",
        "a new PIN makes nobody a chief"
    );
    assert_eq!(house.cli(&["user", "pin", "nobody"]).0, 1);
    // The id of the chief typed once more makes nobody else out of him, and puts nobody out.
    let generation = house.state()["users"]["mau"]["generation"].clone();
    assert_eq!(
        house
            .cli(&["user", "add", "mau", "Bà Lúa", "--role", "technician"])
            .0,
        1
    );
    let (code, text) = house.cli(&["user", "rename", "mau", "Ông \u{202e}Mẫu  Lớn"]);
    assert!(code == 0 && text.contains("Ông Mẫu Lớn"), "{text}");
    assert_eq!(house.cli(&["user", "rename", "nobody", "Ai"]).0, 1);
    assert_eq!(house.cli(&["user", "rename", "mau", "\u{200b}"]).0, 1);
    assert_eq!(house.cli(&["user", "add", "dai", &"x".repeat(121)]).0, 1);
    let chief = &house.state()["users"]["mau"];
    assert!(
        chief["role"] == "chief" && chief["generation"] == generation,
        "{chief}"
    );
    let page = house.get("/me", &cookie);
    assert!(
        page.status == 200 && page.body.contains("Ông Mẫu Lớn") && !page.body.contains('\u{202e}'),
        "the phone stays signed in"
    );
    assert!(
        house
            .get("/history", &cookie)
            .body
            .contains("Đổi tên thành Ông Mẫu Lớn")
    );
    assert_eq!(
        house
            .post(
                "/sign-in",
                "",
                &[("user", "mau"), ("pin", crate::house::CHIEF_PIN)]
            )
            .status,
        303,
        "the PIN is the same"
    );
    assert_eq!(house.get("/", &cookie).status, 200);
    assert_eq!(house.cli(&["user", "pin", "mau"]).0, 0);
    assert_eq!(
        house.get("/", &cookie).status,
        303,
        "the old phone signs in again"
    );
    assert_eq!(house.state()["users"]["mau"]["role"], "chief");
}

#[test]
fn what_was_typed_comes_back_with_the_reason() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let form = house.form("/notices/new", &cookie);
    let page = house.get("/notices/new", &cookie).body;
    let once = page
        .split_once("name=\"once\" value=\"")
        .and_then(|(_, r)| r.split('"').next())
        .expect("once")
        .to_owned();
    let long = "x".repeat(151);
    let refused = house.post(
        "/notices",
        &cookie,
        &[
            ("form", &form),
            ("once", &once),
            ("title", &long),
            ("body", "Ngày mai <họp> thôn."),
            ("kind", "event"),
            ("days", "30"),
        ],
    );
    assert_eq!(refused.status, 400);
    for kept in [
        long.as_str(),
        "Ngày mai &#60;họp&#62; thôn.",
        "<option value=\"event\" selected>",
        "<option value=\"30\" selected>",
    ] {
        assert!(
            refused.body.contains(kept),
            "{kept} stands in the form again"
        );
    }
    let once = refused
        .body
        .split_once("name=\"once\" value=\"")
        .and_then(|(_, r)| r.split('"').next())
        .expect("a fresh name")
        .to_owned();
    let turned = (
        "Họp\u{202e} thôn\u{200b}",
        "Ngày mai\u{2066} họp thôn.\u{7}",
    );
    let done = house.post(
        "/notices",
        &cookie,
        &[
            ("form", &form),
            ("once", &once),
            ("title", turned.0),
            ("body", turned.1),
            ("kind", "event"),
            ("days", "30"),
        ],
    );
    assert_eq!(done.status, 303, "and is taken when it is right");
    let shown = house.get(&format!("/notices/{once}"), &cookie).body;
    assert!(
        shown.contains("Họp thôn<")
            && shown.contains("Ngày mai họp thôn.")
            && !shown.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{7}']),
        "nothing hides in it: {shown}"
    );
    let twice = house.post(
        "/notices",
        &cookie,
        &[
            ("form", &form),
            ("once", &once),
            ("title", "Họp thôn"),
            ("body", "Ngày mai họp thôn."),
            ("kind", "event"),
            ("days", "30"),
        ],
    );
    assert_eq!(twice.status, 303, "a double tap is the same tap");
    assert!(
        house
            .get(&format!("/notices/{once}"), &cookie)
            .body
            .contains("treo đến")
    );
    // A sentence for the horns: no cluster chosen, then mended, then changed after it was heard.
    let form = house.form("/speakers", &cookie);
    let refused = house.post(
        "/speakers/hear",
        &cookie,
        &[("form", &form), ("text", "Mời bà con họp.")],
    );
    assert!(
        refused.status == 400
            && refused.body.contains("Mời bà con họp.</textarea>")
            && refused.body.contains("Chưa chọn cụm loa nào")
    );
    let typed = house.post(
        "/speakers/hear",
        &cookie,
        &[
            ("form", &form),
            ("text", "Mời bà con họp."),
            ("zone", "loa-02"),
        ],
    );
    let heard = typed
        .head
        .lines()
        .find_map(|l| l.strip_prefix("location: "))
        .expect("an address")
        .to_owned();
    assert_eq!(
        house.get(&heard, &cookie).status,
        200,
        "going back to it sends nothing again"
    );
    let again = house
        .get(&heard.replace("/speakers/hear", "/speakers"), &cookie)
        .body;
    assert!(
        again.contains("Mời bà con họp.</textarea>")
            && again.contains("value=\"loa-02\" checked")
            && !again.contains("value=\"loa-01\" checked")
    );
    assert!(
        !house
            .get(&heard.replace("mac=", "mac=0"), &cookie)
            .body
            .contains("Mời bà con họp."),
        "a changed address shows nothing"
    );
    assert_eq!(
        house
            .entries()
            .iter()
            .filter(|e| e["event"]["t"] == "AnnouncementQueued")
            .count(),
        0,
        "nothing was played"
    );
    // Who may not publish is told so before typing.
    house.cli(&["user", "add", "vi", "Anh Ví", "--role", "technician"]);
    let (_, text) = house.cli(&["user", "pin", "vi", "--json"]);
    let pin: serde_json::Value = serde_json::from_str(&text).expect("json");
    let answer = house.post(
        "/sign-in",
        "",
        &[("user", "vi"), ("pin", pin["pin"].as_str().expect("pin"))],
    );
    let technician = answer
        .head
        .lines()
        .find_map(|l| l.strip_prefix("set-cookie: cl="))
        .and_then(|c| c.split(';').next())
        .map(|c| format!("cl={c}"))
        .expect("signed in");
    assert_eq!(house.get("/notices/new", &technician).status, 403);
}

#[test]
fn a_lost_phone_is_signed_out_from_another() {
    let mut house = House::new("");
    house.start();
    let lost = house.sign_in();
    let answer = house.post(
        "/sign-in",
        "",
        &[("user", "mau"), ("pin", crate::house::CHIEF_PIN)],
    );
    let mine = answer
        .head
        .lines()
        .find_map(|l| l.strip_prefix("set-cookie: cl="))
        .and_then(|c| c.split(';').next())
        .map(|c| format!("cl={c}"))
        .expect("signed in");
    let form = house.form("/me", &mine);
    assert!(
        house
            .get("/me", &mine)
            .body
            .contains("Đang có 2 điện thoại")
    );
    assert_eq!(
        house
            .post(
                "/sign-out/others",
                &mine,
                &[("form", &form), ("pin", "000000")]
            )
            .status,
        401,
        "whoever has the phone has no PIN"
    );
    assert_eq!(house.get("/", &lost).status, 200);
    assert_eq!(
        house
            .post(
                "/sign-out/others",
                &mine,
                &[("form", &form), ("pin", crate::house::CHIEF_PIN)]
            )
            .status,
        303
    );
    assert_eq!(
        house.get("/", &lost).status,
        303,
        "the lost phone is asked for the PIN"
    );
    assert_eq!(house.get("/", &mine).status, 200);
}

#[test]
fn a_gauge_that_died_and_a_lamp_without_account_are_not_shown_as_well() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    // The gauge speaks, and promises to speak again; a moment later it dies.
    let hello = Hello {
        user: "cb-01",
        password: &secret("cb-01"),
        client: "cb-01",
        will: Some(("d/cb-01/up", "offline", 1, true)),
        ..Hello::default()
    };
    let mut gauge = Peer::connect(house.mqtt, &hello);
    let about = serde_json::json!({ "unique_id": "cb-01-level", "name": "Mực nước", "state_topic": "d/cb-01/level", "unit_of_measurement": "cm", "expire_after": 60, "availability_topic": "d/cb-01/up", "device": { "identifiers": ["cb-01"] } });
    assert_eq!(
        gauge.tell(
            "homeassistant/sensor/cb-01/level/config",
            about.to_string().as_bytes(),
            true
        ),
        Some(0)
    );
    assert_eq!(
        (
            gauge.tell("d/cb-01/up", b"online", true),
            gauge.tell("d/cb-01/level", b"159", true)
        ),
        (Some(0), Some(0))
    );
    let presence = |h: &House, id: &str| {
        h.state()["devices"][id]["presence"]["is"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    house.until("its figure is shown", Duration::from_secs(10), |h| {
        h.get("/sensors", &cookie).body.contains("159 cm") && presence(h, "cb-01") == "here"
    });
    drop(gauge);
    house.until("it is gone", Duration::from_secs(10), |h| {
        presence(h, "cb-01") == "gone"
    });
    // Two looks at who is silent.
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert_eq!(
            presence(&house, "cb-01"),
            "gone",
            "what it said before it died does not bring it back"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let sensors = house.get("/sensors", &cookie).body;
    assert!(
        sensors.contains("số trên không còn đúng") && sensors.contains("class=\"mark bad\""),
        "{sensors}"
    );
    let today = house.get("/", &cookie).body;
    let tile = today
        .split("id=\"tile-cb-01.level\"")
        .nth(1)
        .and_then(|t| t.split("id=\"").next())
        .unwrap_or_default();
    assert!(tile.contains("Không trả lời từ"), "{tile}");
    // A lamp whose account is taken away does not answer any more, whatever it said last.
    let granted = house.cli(&["device", "add", "den-09", "--json"]);
    let password = serde_json::from_str::<serde_json::Value>(&granted.1)
        .ok()
        .and_then(|v| v["secret"].as_str().map(str::to_owned))
        .unwrap_or_else(|| panic!("{granted:?}"));
    let mut lamp = Peer::connect(
        house.mqtt,
        &Hello {
            user: "den-09",
            password: &password,
            client: "den-09",
            ..Hello::default()
        },
    );
    assert_eq!(lamp.tell("d/den-09/up", b"online", true), Some(0));
    let about = serde_json::json!({ "unique_id": "den-09-light", "name": "Đèn", "command_topic": "c/den-09/set", "state_topic": "d/den-09/state", "device": { "identifiers": ["den-09"] } });
    assert_eq!(
        (
            lamp.tell(
                "homeassistant/light/den-09/light/config",
                about.to_string().as_bytes(),
                true
            ),
            lamp.tell("d/den-09/state", b"OFF", true)
        ),
        (Some(0), Some(0))
    );
    let button = "action=\"/lights/den-09.light\"";
    house.until(
        "it is here, with its button",
        Duration::from_secs(10),
        |h| presence(h, "den-09") == "here" && h.get("/lights", &cookie).body.contains(button),
    );
    assert!(
        house
            .get("/devices", &cookie)
            .body
            .contains("không trả lời, lâu nhất: Mực nước")
    );
    assert_eq!(house.cli(&["device", "remove", "den-09"]).0, 0);
    assert_eq!(presence(&house, "den-09"), "gone");
    // It knocks on, and is told once why.
    drop(lamp);
    let _ = Peer::try_connect(
        house.mqtt,
        &Hello {
            user: "den-09",
            password: &password,
            client: "den-09",
            ..Hello::default()
        },
    );
    house.until("the knocking is known", Duration::from_secs(20), |h| {
        h.cli(&["broker", "why", "den-09"]).1.contains("den-09")
    });
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        let devices = house.get("/devices", &cookie).body;
        assert!(
            devices.contains("Đã bị thu hồi quyền nối")
                && !devices.contains("Chưa được cấp mật khẩu"),
            "{devices}"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(
        !house.get("/lights", &cookie).body.contains(button),
        "a button that does nothing helps nobody"
    );
    // What it said last still stands in the broker, and is heard again at each start.
    house.kill();
    house.start();
    house.until(
        "the broker's retained words came",
        Duration::from_secs(10),
        |h| h.get("/sensors", &cookie).body.contains("159 cm"),
    );
    assert_eq!(presence(&house, "den-09"), "gone");
}
