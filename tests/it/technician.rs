//! What the technician sees and does at the broker: accounts of devices, who is there and why
//! somebody is not, topics, figures.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::house::House;
use crate::support::lamp::Lamp;
use crate::support::raw::{connect_with, publish, read, subscribe};

#[test]
fn a_device_gets_its_account_by_command_and_loses_it_at_once() {
    let mut house = House::new("");
    house.start();
    assert_eq!(
        house.cli(&["device", "add", "den-01"]).0,
        1,
        "a secret of the configuration is changed there"
    );
    let (code, text) = house.cli(&["device", "add", "den-09", "Đèn Lò Gạch", "--json"]);
    assert_eq!(code, 0, "{text}");
    let made: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(made["in_force"], true, "{text}");
    let secret = made["secret"].as_str().expect("secret").to_owned();
    let mut lamp = connect_with(&house, "den-09", &secret, "den-09", true);
    publish(&mut lamp, "d/den-09/up", b"online", 0, 0);
    house.until("it is here", Duration::from_secs(10), |h| {
        h.state()["devices"]["den-09"]["presence"]["is"] == "here"
    });
    assert_eq!(house.state()["devices"]["den-09"]["name"], "Đèn Lò Gạch");
    let (code, text) = house.cli(&["device", "remove", "den-09"]);
    assert!(code == 0 && text.contains("kết nối đã cắt"), "{text}");
    lamp.set_read_timeout(Some(Duration::from_secs(5)))
        .expect("timeout");
    let mut rest = Vec::new();
    assert!(
        lamp.read_to_end(&mut rest).is_ok(),
        "the open connection is closed, not only the next one"
    );
    assert_eq!(
        house.cli(&["device", "remove", "den-09"]).0,
        1,
        "there is nothing to take away any more"
    );
}

#[test]
fn a_device_that_was_sent_away_is_listed_as_that_and_is_no_fault() {
    let mut house = House::new("");
    house.start();
    let (code, text) = house.cli(&["device", "add", "den-09", "Đèn Lò Gạch", "--json"]);
    assert_eq!(code, 0, "{text}");
    let made: serde_json::Value = serde_json::from_str(&text).expect("json");
    let secret = made["secret"].as_str().expect("secret").to_owned();
    let mut lamp = connect_with(&house, "den-09", &secret, "den-09", true);
    for (word, is) in [("online", "here"), ("offline", "gone")] {
        publish(&mut lamp, "d/den-09/up", word.as_bytes(), 0, 0);
        house.until(word, Duration::from_secs(10), |h| {
            h.state()["devices"]["den-09"]["presence"]["is"] == is
        });
    }
    let (code, text) = house.cli(&["device", "list"]);
    assert!(
        code == 2 && text.contains("6 thiết bị, 1 không trả lời"),
        "{code}: {text}"
    );
    assert_eq!(house.cli(&["device", "remove", "den-09"]).0, 0);
    let (code, text) = house.cli(&["device", "list"]);
    assert!(
        code == 0
            && text.contains("5 thiết bị, 0 không trả lời")
            && text.contains("Đèn Lò Gạch                   Đã bị thu hồi quyền nối"),
        "{code}: {text}"
    );
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn the_technician_looks_into_the_broker() {
    let program = format!(
        "[[program]]\nid = \"nut-do\"\nsecret_sha256 = \"{}\"\n",
        conglang::keys::secret::sha256(b"mat-khau-nut-do")
    );
    let mut house = House::new(&program);
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let mut wrong = connect_with(&house, "den-02", "wrong", "den-02", true);
    assert_eq!(read(&mut wrong, Duration::from_secs(3)), [0x20, 2, 0, 4]);
    let (code, text) = house.cli(&["broker", "why", "den-02"]);
    assert!(
        code == 0 && text.contains("sai tên hoặc mật khẩu") && text.contains("127.0.0.1"),
        "{text}"
    );
    let text = house.cli(&["doctor"]).1;
    assert!(
        text.contains("D-MQT-01") && text.contains("den-02 (sai tên hoặc mật khẩu)"),
        "{text}"
    );
    let (code, text) = house.cli(&["broker", "clients"]);
    assert!(
        code == 0 && text.contains("den-01") && text.contains("@house"),
        "{text}"
    );
    let rows: serde_json::Value =
        serde_json::from_str(&house.cli(&["broker", "clients", "--json"]).1).expect("json");
    let lamp = rows
        .as_array()
        .expect("rows")
        .iter()
        .find(|r| r["account"] == "den-01")
        .expect("the lamp");
    assert!(
        lamp["connected"] == true && lamp["version"] == "3.1.1" && lamp["door"] == "plain",
        "{lamp}"
    );
    let (code, text) = house.cli(&["broker", "topics", "d/#"]);
    assert!(code == 0 && text.contains("d/den-01/"), "{text}");
    assert!(
        house
            .cli(&["broker", "pub", "p/thử", "xin chào", "--retain"])
            .1
            .contains("Đã gửi")
    );
    let (code, text) = house.cli(&["broker", "sub", "p/#", "-n", "1", "-q", "1"]);
    assert!(code == 0 && text.trim() == "p/thử xin chào", "{text}");
    let told: serde_json::Value = serde_json::from_str(
        &house
            .cli(&["broker", "sub", "$SYS/broker/version", "-n", "1", "--json"])
            .1,
    )
    .expect("json");
    assert!(
        told["payload"]
            .as_str()
            .expect("text")
            .starts_with("conglang "),
        "{told}"
    );
    assert_eq!(
        house.cli(&["broker", "pub", "p/#", "x"]).0,
        1,
        "a filter is not a topic"
    );
    // A program of another machine: hears everybody, speaks for nobody.
    let mut node_red = connect_with(&house, "nut-do", "mat-khau-nut-do", "nut-do", true);
    assert!(read(&mut node_red, Duration::from_secs(2)).starts_with(&[0x20, 2, 0, 0]));
    for (filter, code) in [("c/#", 0x80), ("#", 0x80), ("d/#", 1)] {
        subscribe(&mut node_red, filter, 1);
        let answer = read(&mut node_red, Duration::from_secs(2));
        assert!(
            answer.starts_with(&[0x90, 3, 0, 9, code]),
            "{filter}: {answer:?}"
        );
    }
    let (code, text) = house.cli(&["broker", "kick", "nut-do"]);
    assert!(code == 0 && text.contains("Đã ngắt 1 phiên"), "{text}");
    node_red
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("timeout");
    assert!(
        node_red.read_to_end(&mut Vec::new()).is_ok(),
        "its connection is closed"
    );
    // Figures: in status, and for Prometheus with the programs' token.
    house.until("status counts", Duration::from_secs(15), |h| {
        h.cli(&["broker", "status"]).1.contains("máy đang kết nối")
    });
    let token = std::fs::read_to_string(house.dir.join("data/keys/api.token")).expect("token");
    let ask = |who: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
        stream
            .write_all(
                format!(
                    "GET /api/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{who}\r\n"
                )
                .as_bytes(),
            )
            .expect("written");
        String::from_utf8_lossy(&read(&mut stream, Duration::from_secs(5))).into_owned()
    };
    let answer = ask(&format!("authorization: Bearer {}\r\n", token.trim()));
    assert!(
        answer.starts_with("HTTP/1.1 200")
            && answer.contains("# TYPE conglang_mqtt_clients_connected gauge"),
        "{answer}"
    );
    assert!(ask("").starts_with("HTTP/1.1 401"), "not for everybody");
}
