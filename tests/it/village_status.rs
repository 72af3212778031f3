//! What is broken is computed once: every page, command and exit code shows the same for the same
//! facts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::house::{House, kind, secret};
use crate::support::office::Commune;
use crate::support::peer::{Hello, Peer};
use crate::support::south::{announce, row};

const SOON: Duration = Duration::from_secs(15);
const DEVICES: [&str; 5] = ["cb-01", "den-01", "den-02", "loa-01", "loa-02"];

/// A device that reports its presence, with its last will.
fn connect(house: &House, id: &str) -> Peer {
    let will = format!("d/{id}/up");
    let mut peer = Peer::connect(
        house.mqtt,
        &Hello {
            user: id,
            password: &secret(id),
            client: id,
            will: Some((&will, "offline", 1, true)),
            ..Hello::default()
        },
    );
    let (component, object, config) = match id {
        "den-01" | "den-02" => (
            "light",
            "light",
            json!({
                "name": id, "stat_t": format!("d/{id}/s"), "cmd_t": format!("c/{id}/set"),
                "avty_t": will
            }),
        ),
        "cb-01" => (
            "sensor",
            "level",
            json!({
                "name": "Mực nước kênh", "stat_t": "d/cb-01/level", "unit_of_meas": "cm",
                "avty_t": will
            }),
        ),
        _ => (
            "sensor",
            "signal",
            json!({
                "name": "Sóng", "stat_t": format!("d/{id}/signal"), "unit_of_meas": "dB",
                "avty_t": will
            }),
        ),
    };
    announce(house, &mut peer, id, component, object, &config);
    assert_eq!(peer.tell(&will, b"online", true), Some(0));
    let (topic, value): (String, &[u8]) = match component {
        "light" => (format!("d/{id}/s"), b"ON"),
        _ => (
            config["stat_t"].as_str().unwrap_or_default().to_owned(),
            b"12",
        ),
    };
    assert_eq!(peer.tell(&topic, value, false), Some(0));
    peer
}

fn status(house: &House) -> Value {
    serde_json::from_str(&house.cli(&["status", "--json"]).1).expect("status")
}

/// Text as words: a terminal breaks lines where a page does not.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sentence, as every surface shows it.
pub fn sentence_is_everywhere(house: &House, cookie: &str) -> String {
    let sentence = status(house)["sentence"]
        .as_str()
        .expect("a sentence")
        .to_owned();
    for path in ["/", "/devices"] {
        let body = house.get(path, cookie).body;
        assert!(body.contains(&sentence), "{path}: {sentence}\n{body}");
    }
    let behind_colon = conglang::view::status_text::uncapital(&sentence);
    for command in ["status", "doctor"] {
        let text = words(&house.cli(&[command]).1);
        assert!(
            text.contains(&behind_colon),
            "{command}: {sentence}\n{text}"
        );
    }
    sentence
}

/// A house that reports to a commune, which runs.
fn house_with_commune() -> (House, Commune) {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let files = commune.village("ben-thoc");
    let path = |p: &std::path::Path| format!("{:?}", p.display().to_string());
    let house = House::new(&format!(
        "[commune]\nserver = \"mqtts://127.0.0.1:{}\"\nca = {}\ncertificate = {}\nkey = {}\n",
        commune.mqtt,
        path(&commune.ca().join("ca.pem")),
        path(&files.certificate),
        path(&files.key)
    ));
    (house, commune)
}

#[test]
fn everything_that_falls_silent_at_once_is_one_sentence_on_every_surface() {
    let (mut house, commune) = house_with_commune();
    house.start();
    let officer = commune.sign_in([127, 0, 0, 1]);
    let console = || {
        commune
            .visit([127, 0, 0, 1], "GET", "/", &officer, &[])
            .body
    };
    let cookie = house.sign_in();
    let peers: Vec<Peer> = DEVICES.iter().map(|id| connect(&house, id)).collect();
    house.until("all is well", SOON, |h| {
        status(h)["sentence"] == "Mọi thiết bị chạy tốt"
    });
    assert_eq!(
        (house.cli(&["status"]).0, house.cli(&["doctor"]).0),
        (0, 0),
        "{}",
        house.cli(&["doctor"]).1
    );
    let all = status(&house);
    assert_eq!(all["status"]["lights"]["lit"], 2, "{all}");
    assert!(house.get("/", &cookie).body.contains("Đèn sáng 2/2"));
    drop(peers);
    house.until("all are lost", SOON, |h| {
        status(h)["status"]["devices"]["offline"] == 5
    });
    let sentence = sentence_is_everywhere(&house, &cookie);
    assert!(
        sentence.starts_with("Cả 5 thiết bị mất liên lạc cùng lúc từ "),
        "{sentence}"
    );
    house.until("the officer reads the same sentence", SOON, |_| {
        console().contains(&sentence)
    });
    for command in ["status", "doctor"] {
        assert_eq!(house.cli(&[command]).0, 2, "{command}");
    }
    // The lamps, horns and sensors are lost with their devices, under the one cause.
    let doctor = words(&house.cli(&["doctor"]).1);
    for name in ["mất theo:", "Loa Đình", "Mực nước kênh", "đèn"] {
        assert!(doctor.contains(name), "{name}: {doctor}");
    }
    assert_eq!(doctor.matches("D-NET-01").count(), 1, "{doctor}");
    assert_eq!(doctor.matches("D-DEV-01").count(), 0, "{doctor}");
    // No lamp is lit that nobody can see, on the page and in the command alike.
    let all = status(&house);
    assert_eq!(
        [
            &all["status"]["lights"]["lit"],
            &all["status"]["lights"]["broken"]
        ],
        [0, 2],
        "{all}"
    );
    assert!(house.get("/", &cookie).body.contains("Đèn sáng 0/2"));
    assert!(house.get("/lights", &cookie).body.contains("2 hỏng"));
    assert!(words(&house.cli(&["status"]).1).contains("đèn 0/2 sáng"));
    // No horn will be heard: that is said, and not that none was chosen.
    let page = house.get("/speakers", &cookie).body;
    let none = "Lúc này không cụm loa nào nghe được: Nhà văn hóa, Đình";
    assert!(page.contains(none), "{page}");
    let form = house.form("/speakers", &cookie);
    let refused = house.post(
        "/speakers/hear",
        &cookie,
        &[("form", &form), ("text", "Mời bà con đi họp.")],
    );
    assert!(
        refused.status == 400
            && refused.body.contains(none)
            && !refused.body.contains("Chưa chọn cụm loa nào"),
        "{refused:?}"
    );
    assert!(
        house
            .get("/", &cookie)
            .body
            .contains("Không cụm loa nào nghe được")
    );
}

#[test]
fn what_never_answered_has_one_status_on_every_surface_and_breaks_nothing() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let sentence = sentence_is_everywhere(&house, &cookie);
    assert!(
        sentence.starts_with("Chưa có tin của 5 thiết bị: "),
        "each device stands for its lamp, horn and sensor: {sentence}"
    );
    for command in ["status", "doctor"] {
        assert_eq!(house.cli(&[command]).0, 0, "{command}");
    }
    let all = status(&house);
    let things = all["status"]["things"].as_array().expect("things");
    assert_eq!(
        things.len(),
        9,
        "5 devices, 1 lamp, 2 horns, 1 sensor: {all}"
    );
    for thing in things {
        assert_eq!(
            (&thing["status"], &thing["reason"]["is"]),
            (&json!("attention"), &json!("never_answered")),
            "{thing}"
        );
    }
    for (page, id) in [
        ("/devices", "device-den-01"),
        ("/lights", "light-den-01.light"),
        ("/sensors", "sensor-cb-01.level"),
    ] {
        let row = row(&house, &cookie, page, id);
        assert!(row.contains("mark warn"), "{page}: {row}");
    }
    // One horn answers: who will not be heard is named.
    let _horn = connect(&house, "loa-01");
    house.until("one will be heard", SOON, |h| {
        status(h)["status"]["speakers"]["working"] == 1
    });
    let body = house.get("/speakers", &cookie).body;
    assert!(body.contains("Không nghe được ở 1/2 cụm: Đình"), "{body}");
    assert!(
        house
            .get("/", &cookie)
            .body
            .contains("Không nghe được: Đình")
    );
    sentence_is_everywhere(&house, &cookie);
}

#[test]
fn the_receipt_of_a_bulletin_follows_when_the_village_takes_it_down() {
    let (mut house, commune) = house_with_commune();
    house.start();
    let officer = commune.sign_in([127, 0, 0, 1]);
    let visit = |method, path, fields: &[(&str, &str)]| {
        commune.visit([127, 0, 0, 1], method, path, &officer, fields)
    };
    let page = visit("GET", "/bulletins/new", &[]).body;
    let field = |name: &str| {
        page.split_once(&format!("name=\"{name}\" value=\""))
            .and_then(|(_, rest)| rest.split('"').next())
            .unwrap_or_default()
            .to_owned()
    };
    let sent = visit(
        "POST",
        "/bulletins",
        &[
            ("form", &field("form")),
            ("once", &field("once")),
            ("village", "ben-thoc"),
            ("title", "Phun thuốc muỗi"),
            ("body", "Sáng thứ Bảy."),
        ],
    );
    assert!(matches!(sent.status, 200 | 303), "{sent:?}");
    house.until("it is published", SOON, |_| {
        visit("GET", "/", &[]).body.contains("1/1 thôn đã nhận")
    });
    let bulletin = || visit("GET", "/bulletins/1", &[]).body;
    assert!(
        bulletin().contains("đã nhận và đăng lúc "),
        "{}",
        bulletin()
    );
    let notices = house.state()["notices"].clone();
    let id = notices
        .as_object()
        .and_then(|n| n.keys().next().cloned())
        .expect("a notice");
    let cookie = house.sign_in();
    let page = house.get(&format!("/notices/{id}"), &cookie);
    let fields = ["form", "once"].map(|name| (name, page.field(name)));
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    // A double tap is one tap: the second does not tell that there is no such notice.
    for tap in ["first", "second"] {
        let down = house.post(&format!("/notices/{id}/down"), &cookie, &fields);
        assert_eq!(down.status, 303, "{tap}: {down:?}");
        assert!(
            down.header("location")
                .starts_with("/notices?said=taken-down&undo="),
            "{tap}: {down:?}"
        );
    }
    let taken_down = |e: &&Value| kind(e) == "notice.taken_down";
    assert_eq!(house.entries().iter().filter(taken_down).count(), 1);
    house.until("the officer sees it", SOON, |_| {
        visit("GET", "/", &[]).body.contains("1 thôn đã gỡ xuống")
            && bulletin().contains("đã nhận và đăng, trưởng thôn đã gỡ xuống lúc ")
    });
}
