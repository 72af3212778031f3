//! The technician's terminal: both languages, eighty columns, the reasons why the gateway cannot be
//! reached, history in words, and a lamp that answers or does not.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::house::{House, kind};
use crate::support::lamp::Lamp;

/// Names that people gave: they are in Vietnamese whatever the reader's language.
const NAMES: [&str; 13] = [
    "Cổng Làng",
    "Thôn Bến Thóc",
    "Đèn Cổng làng",
    "Đèn Ngã ba Cây Đa",
    "Cổng làng",
    "Mực nước kênh",
    "Mực nước",
    "Loa Nhà văn hóa",
    "Loa Đình",
    "Nhà văn hóa",
    "Ông Mẫu",
    "Đường trục",
    "Đình",
];

fn is_vietnamese(c: char) -> bool {
    matches!(c, 'À'..='ỹ') && c.is_alphabetic()
}

/// The text without the names that people gave.
fn without_names(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    NAMES
        .iter()
        .fold(one_line, |text, name| {
            text.replace(name, "").replace(&name.to_lowercase(), "")
        })
        .replace("đèn ", "")
        .replace("loa ", "")
}

fn check_columns(text: &str) {
    for line in text.lines() {
        let is_one_word = !line.trim().contains(' ');
        assert!(line.chars().count() <= 80 || is_one_word, "{line}");
    }
}

#[test]
fn every_command_answers_in_the_readers_language_within_eighty_columns() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.sign_in();
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    assert_eq!(
        house
            .cli(&["token", "add", "a", "--scope", "read,switch"])
            .0,
        0
    );
    for words in [
        &["status"][..],
        &["doctor"],
        &["device", "list"],
        &["device", "show", "den-01"],
        &["device", "show", "khong-co"],
        &["device", "add", "den-01"],
        &["device", "add", "đèn"],
        &["device", "add", "den-09", "X", "--place", "a b"],
        &["device", "set", "den-01.light", "on"],
        &["device", "set", "den-77.light", "on"],
        &["device", "remove", "den-77"],
        &["broker", "status"],
        &["broker", "clients"],
        &["broker", "topics", "$SYS/#"],
        &["broker", "why"],
        &["broker", "why", "den-77"],
        &["broker", "kick", "den-77"],
        &["broker", "pub", "a/#", "x"],
        &["broker", "sub", "a/#/b", "-n", "1"],
        &["camera", "list"],
        &["sync", "status"],
        &["user", "list"],
        &["user", "add", "mau", "X"],
        &["user", "pin", "khong-co"],
        &["user", "remove", "khong-co"],
        &["user", "remove", "mau"],
        &["token", "list"],
        &["token", "remove", "b"],
        &["cert", "show"],
        &["cert", "install", "/etc/hostname", "/etc/hostname"],
        &["cert", "install", "/none", "/none"],
        &["cert", "village", "a b", "--out", "/tmp/x"],
        &["key", "show"],
        &["key", "accept", "none"],
        &["key", "renew", "people"],
        &["config", "check"],
        &["setup"],
        &["journal", "tail", "-n", "200"],
        &["journal", "tail", "--since", "hôm qua"],
        &["journal", "tail", "--person", "khong-co"],
        &["journal", "check"],
        &["journal", "nothing"],
        &["journal"],
        &["--help"],
    ] {
        let run = |lang| {
            let (code, out, err) = house.cli_with(&[("CONGLANG_LANG", lang)], words);
            check_columns(&out);
            check_columns(&err);
            (code, out + &err)
        };
        let ((vi_code, vi), (en_code, en)) = (run("vi"), run("en"));
        assert_eq!(vi_code, en_code, "{words:?}: {vi} / {en}");
        assert!(!vi.is_empty() && !en.is_empty(), "{words:?}");
        let rest = without_names(&en)
            .replace("“hôm qua”", "")
            .replace("“đèn”", "");
        assert!(
            !rest.contains(is_vietnamese),
            "{words:?} in English: {rest}"
        );
        if words != ["broker", "topics", "$SYS/#"] {
            assert_ne!(vi, en, "{words:?}");
            assert!(vi.contains(is_vietnamese), "{words:?} in Vietnamese: {vi}");
        }
        for odd in ["Some(", "None", "os error", "cli-"] {
            assert!(
                !vi.contains(odd) && !en.contains(odd),
                "{words:?}: {vi} {en}"
            );
        }
    }
}

#[test]
fn a_stopped_gateway_and_a_wrong_socket_are_two_failures() {
    let mut house = House::new("");
    let (code, _, err) = house.cli_with(&[("CONGLANG_LANG", "vi")], &["status"]);
    assert!(
        code == 69 && err.contains("không chạy"),
        "never started: {code} {err}"
    );
    house.start();
    house.kill();
    let (code, _, err) = house.cli_with(&[("CONGLANG_LANG", "en")], &["status"]);
    assert!(
        code == 69 && err.contains("does not run"),
        "killed: {code} {err}"
    );
    house.start();
    // The technician's file names another socket than the gateway's.
    let text = std::fs::read_to_string(house.config()).expect("configuration");
    let other = house.dir.join("other.toml");
    std::fs::write(&other, text.replace("run/control.sock", "run/other.sock")).expect("written");
    let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .args(["--lang", "vi", "status", "--config"])
        .arg(&other)
        .output()
        .expect("runs");
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(66), "{err}");
    assert!(
        err.contains("other.sock") && err.contains("--config"),
        "{err}"
    );
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn history_is_told_in_words_and_shows_no_secret() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    let cookie = house.sign_in();
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    assert_eq!(
        house
            .cli(&["token", "add", "man-hinh", "--scope", "read"])
            .0,
        0
    );
    assert_eq!(house.cli(&["device", "set", "den-01.light", "on"]).0, 0);
    let form = house.form("/lights", &cookie);
    let off = [("form", form.as_str()), ("on", "0")];
    assert_eq!(
        house.post("/lights/den-01.light", &cookie, &off).status,
        303
    );
    let secret = conglang::keys::secret::sha256(crate::support::house::secret("den-01").as_bytes());
    let (code, text) = house.cli(&["journal", "tail", "-n", "500"]);
    assert!(code == 0 && !text.contains('{'), "{text}");
    assert!(
        text.contains("Cổng làng") && text.contains("Ông Mẫu"),
        "{text}"
    );
    // What one person did, and what happened since a moment.
    let (_, text) = house.cli(&["journal", "tail", "--person", "ông mẫu"]);
    assert!(
        !text.is_empty() && text.lines().all(|l| l.contains("Ông Mẫu")),
        "{text}"
    );
    assert_eq!(house.cli(&["journal", "tail", "--person", "mau"]).1, text);
    let since = |when: &str| {
        house
            .cli(&["journal", "tail", "-n", "500", "--since", when])
            .1
    };
    assert!(since("1h").lines().count() > 10);
    let about = house.cli(&["journal", "tail", "--about", "den-01"]).1;
    assert!(
        about.contains("Cổng làng") && !about.contains("man-hinh"),
        "{about}"
    );
    // As JSON it is the entries, oldest first; nowhere is the hash of a secret.
    let json = house.cli(&["journal", "tail", "-n", "1000", "--json"]).1;
    let entries: Vec<serde_json::Value> = serde_json::from_str(&json).expect("json");
    assert!(
        entries
            .windows(2)
            .all(|p| p[0]["seq"].as_u64() < p[1]["seq"].as_u64())
    );
    assert!(entries.iter().any(|e| kind(e) == "account.granted"));
    for shown in [
        json,
        house.state().to_string(),
        serde_json::Value::from(house.entries()).to_string(),
    ] {
        assert!(
            !shown.contains(&secret) && !shown.contains("sha256"),
            "{shown}"
        );
    }
}

#[test]
fn history_can_be_followed() {
    let mut house = House::new("");
    house.start();
    let mut follow = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .arg("--config")
        .arg(house.config())
        .args(["--lang", "vi", "journal", "tail", "-f", "-n", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut lines = BufReader::new(follow.stdout.take().expect("stdout")).lines();
    assert!(lines.next().is_some(), "the newest entry");
    assert_eq!(
        house
            .cli(&["token", "add", "man-hinh", "--scope", "read"])
            .0,
        0
    );
    let told = lines
        .find(|l| l.as_ref().is_ok_and(|l| l.contains("man-hinh")))
        .expect("the next entry");
    assert!(told.expect("text").contains("cấp mã"));
    follow.kill().expect("ended");
    follow.wait().expect("reaped");
}

#[test]
fn device_set_waits_for_the_lamp_and_tells_what_it_reported() {
    let mut house = House::new("");
    house.start();
    let lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let (code, text) = house.cli(&["device", "set", "den-01.light", "on"]);
    assert!(code == 0 && text.contains("trả lời: đang bật"), "{text}");
    assert_eq!(
        house.state()["lights"]["den-01.light"]["reported"]["on"],
        true,
        "when the command ends, the lamp has reported"
    );
    drop(lamp);
    house.until("the lamp is gone", Duration::from_secs(20), |h| {
        h.state()["devices"]["den-01"]["presence"]["is"] == "gone"
    });
    let (code, text) = house.cli(&["device", "set", "den-01.light", "off", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert!(code == 2 && answer["answered"] == false, "{code} {text}");
}

#[test]
fn a_person_is_taken_out_and_the_last_chief_is_not() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    assert_eq!(house.cli(&["user", "add", "lua", "Bà Lúa"]).0, 0);
    let (code, text) = house.cli(&["user", "list"]);
    assert!(
        code == 0 && text.starts_with("2 người") && text.contains("Bà Lúa"),
        "{text}"
    );
    assert_eq!(house.cli(&["user", "remove", "lua"]).0, 0);
    assert!(house.cli(&["user", "list"]).1.starts_with("1 người"));
    let (code, _, err) = house.cli_with(&[("CONGLANG_LANG", "vi")], &["user", "remove", "mau"]);
    assert!(
        code == 1 && err.contains("ít nhất một trưởng thôn"),
        "{err}"
    );
}
