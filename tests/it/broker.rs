//! Every fault of other brokers that one ordinary device can cause, against ours; strangers'
//! clients; doors.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::house::{House, Lamp, secret};
use crate::peer::{packet, text};

fn connect(house: &House, id: &str, client: &str, clean: bool) -> TcpStream {
    connect_with(house, id, &secret(id), client, clean)
}

fn connect_with(house: &House, id: &str, secret: &str, client: &str, clean: bool) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", house.mqtt)).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("timeout");
    let mut body = b"\x00\x04MQTT\x04".to_vec();
    body.push(0xc0 | if clean { 2 } else { 0 });
    body.extend_from_slice(&30u16.to_be_bytes());
    for part in [client, id, secret] {
        text(&mut body, part);
    }
    send(&mut stream, 0x10, &body);
    stream
}

fn send(stream: &mut TcpStream, first: u8, body: &[u8]) {
    let _ = stream.write_all(&packet(first, body));
}

fn publish(stream: &mut TcpStream, topic: &str, payload: &[u8], flags: u8, id: u16) {
    let mut body = Vec::new();
    text(&mut body, topic);
    if flags & 6 != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    send(stream, 0x30 | flags, &body);
}

fn subscribe(stream: &mut TcpStream, filter: &str, qos: u8) {
    let mut body = vec![0, 9];
    text(&mut body, filter);
    body.push(qos);
    send(stream, 0x82, &body);
}

/// Bytes until the peer pauses or ends.
fn read(stream: &mut TcpStream, most: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(most)).expect("timeout");
    let mut out = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer) {
        if n == 0 {
            break;
        }
        out.extend_from_slice(&buffer[..n]);
        stream
            .set_read_timeout(Some(Duration::from_millis(150)))
            .expect("timeout");
    }
    out
}

/// A good device: connects, hears its own order topic through the house, is answered.
fn all_is_well(house: &House) {
    let mut good = connect(house, "den-02", "good", true);
    assert!(
        read(&mut good, Duration::from_secs(3)).starts_with(&[0x20, 2, 0, 0]),
        "CONNACK"
    );
    subscribe(&mut good, "c/den-02/#", 0);
    assert_eq!(
        read(&mut good, Duration::from_secs(3))[..2],
        [0x90, 3],
        "SUBACK"
    );
    publish(&mut good, "d/den-02/x", b"1", 2, 77);
    assert_eq!(
        read(&mut good, Duration::from_secs(3)),
        [0x40, 2, 0, 77],
        "PUBACK"
    );
    send(&mut good, 0xe0, &[]);
}

#[test]
fn what_ends_other_brokers_does_not_touch_this_one() {
    let mut house = House::new("");
    house.start();
    let pid = house.pid_of("broker");
    all_is_well(&house);

    // 1. A topic that begins with a Vietnamese letter, plain, retained and as a will, under a live
    //    subscription.
    let mut listener = connect(&house, "den-01", "listener", true);
    subscribe(&mut listener, "c/den-01/#", 0);
    let mut đ = connect(&house, "den-01", "đ", true);
    for flags in [0, 1, 2] {
        publish(&mut đ, "đèn/1", b"x", flags, 5);
    }
    publish(&mut đ, "d/den-01/đèn/ngõ Đình", b"x", 1, 5);
    drop(đ);
    let said = house.cli(&["broker", "pub", "c/den-01/đèn/ngõ Đình", "sáng"]);
    assert!(
        said.0 == 0
            && String::from_utf8_lossy(&read(&mut listener, Duration::from_secs(3)))
                .contains("đèn/ngõ Đình"),
        "{said:?}"
    );
    let mut mortal = TcpStream::connect(("127.0.0.1", house.mqtt)).expect("connects");
    let mut body = b"\x00\x04MQTT\x04\xce\x00\x1e".to_vec();
    for part in [
        "mortal",
        "d/den-01/đèn/di chúc",
        "tắt",
        "den-01",
        &secret("den-01"),
    ] {
        text(&mut body, part);
    }
    send(&mut mortal, 0x10, &body);
    assert!(read(&mut mortal, Duration::from_secs(3)).starts_with(&[0x20, 2, 0, 0]));
    drop(mortal);
    all_is_well(&house);

    // 2. A shared subscription of a persistent client that leaves with an unacknowledged message.
    let mut shared = connect(&house, "den-01", "shared", false);
    subscribe(&mut shared, "$share/g/c/den-02/x", 1);
    let answer = read(&mut shared, Duration::from_secs(2));
    assert!(
        answer.ends_with(&[0x80]),
        "what is shared is bounded by the same permission: {answer:?}"
    );
    subscribe(&mut shared, "$share/g/c/den-01/#", 1);
    assert!(
        read(&mut shared, Duration::from_secs(2)).ends_with(&[1]),
        "its own may be shared"
    );
    assert_eq!(
        house
            .cli(&["broker", "pub", "c/den-01/x", "y", "-q", "1"])
            .0,
        0
    );
    assert!(
        read(&mut shared, Duration::from_secs(3)).ends_with(b"y"),
        "it has a message, and does not acknowledge it"
    );
    drop(shared);
    all_is_well(&house);

    // 3. Client ids with + # $ /, twice each.
    for name in ["a+", "a#", "$a", "a/b", "+", "#"] {
        for _ in 0..2 {
            drop(connect(&house, "den-01", name, true));
        }
    }
    all_is_well(&house);

    // 4. The same id again and again while it is refused and while it is in.
    let many: Vec<TcpStream> = (0..30)
        .map(|_| connect(&house, "den-01", "same", true))
        .collect();
    drop(many);
    all_is_well(&house);

    // 5. A subscriber that stops reading under load, is taken over, and then drains.
    let mut stuck = connect(&house, "den-01", "stuck", true);
    subscribe(&mut stuck, "c/den-01/#", 0);
    for _ in 0..10 {
        assert_eq!(
            house
                .cli(&["broker", "pub", "c/den-01/x", &"x".repeat(100_000)])
                .0,
            0
        );
    }
    let again = connect(&house, "den-01", "stuck", true);
    drop(again);
    assert!(
        stuck.read_to_end(&mut Vec::new()).is_ok(),
        "what it had not read comes, and then the end"
    );
    all_is_well(&house);

    // 6. Connections that say nothing, on every door.
    let silent: Vec<TcpStream> = [house.mqtt, house.mqtts, house.ws]
        .iter()
        .flat_map(|p| {
            (0..20)
                .map(|_| TcpStream::connect(("127.0.0.1", *p)).expect("connects"))
                .collect::<Vec<_>>()
        })
        .collect();
    all_is_well(&house);
    let mut one = silent.into_iter().next().expect("one");
    one.set_read_timeout(Some(Duration::from_secs(9)))
        .expect("timeout");
    assert_eq!(
        one.read(&mut [0; 8]).expect("closed, not hung"),
        0,
        "it is let go after its time"
    );

    // 7. The three bytes, garbage, and a packet that says it is huge.
    for bytes in [
        &b"\x2b\x01\x7e"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\x7f",
        &[0xff; 300],
        b"\x10\x02\x00\x04",
        b"",
    ] {
        for port in [house.mqtt, house.mqtts, house.ws] {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
            let _ = stream.write_all(bytes);
        }
    }
    let mut logged_in = connect(&house, "den-01", "bytes", true);
    send(&mut logged_in, 0x2b, &[0x7e]);
    let mut rest = Vec::new();
    assert!(
        logged_in.read_to_end(&mut rest).is_ok() && rest == [0x20, 2, 0, 0],
        "cut after its CONNACK: {rest:?}"
    );
    all_is_well(&house);
    assert_eq!(
        house.pid_of("broker"),
        pid,
        "the worker is the same all the time"
    );
}

#[test]
fn a_device_says_and_hears_only_what_is_its_own() {
    let mut house = House::new("");
    house.start();
    let mut wrong = TcpStream::connect(("127.0.0.1", house.mqtt)).expect("connects");
    send(
        &mut wrong,
        0x10,
        b"\x00\x04MQTT\x04\xc2\x00\x1e\x00\x01a\x00\x06den-01\x00\x05wrong",
    );
    assert_eq!(
        read(&mut wrong, Duration::from_secs(3)),
        [0x20, 2, 0, 4],
        "bad user name or password"
    );
    let mut nobody = TcpStream::connect(("127.0.0.1", house.mqtt)).expect("connects");
    send(&mut nobody, 0x10, b"\x00\x04MQTT\x04\x02\x00\x1e\x00\x01a");
    assert_eq!(
        read(&mut nobody, Duration::from_secs(3)),
        [0x20, 2, 0, 0],
        "who has no account may announce itself"
    );
    subscribe(&mut nobody, "#", 0);
    assert!(
        read(&mut nobody, Duration::from_secs(2)).ends_with(&[0x80]),
        "but hears nothing"
    );
    let mut taken = TcpStream::connect(("127.0.0.1", house.mqtt)).expect("connects");
    send(
        &mut taken,
        0x10,
        b"\x00\x04MQTT\x04\x02\x00\x1e\x00\x06den-01",
    );
    assert_eq!(
        read(&mut taken, Duration::from_secs(3)),
        [0x20, 2, 0, 4],
        "and not under a name that has one"
    );

    let mut victim = connect(&house, "den-02", "victim", true);
    subscribe(&mut victim, "c/den-02/#", 1);
    let _ = read(&mut victim, Duration::from_secs(2));
    let mut thief = connect(&house, "den-01", "thief", true);
    let _ = read(&mut thief, Duration::from_secs(2));
    for filter in [
        "#",
        "+/den-02/#",
        "c/#",
        "c/den-02/set",
        "d/den-02/#",
        "$SYS/#",
        "homeassistant/#",
    ] {
        subscribe(&mut thief, filter, 0);
        assert!(
            read(&mut thief, Duration::from_secs(2)).ends_with(&[0x80]),
            "{filter} is refused"
        );
    }
    for topic in [
        "c/den-02/set",
        "d/den-02/state",
        "house/canary",
        "homeassistant/light/den-02/light/config",
    ] {
        publish(&mut thief, topic, b"ON", 2, 9);
        let _ = read(&mut thief, Duration::from_secs(2));
    }
    assert!(
        read(&mut victim, Duration::from_millis(400)).is_empty(),
        "the victim heard nothing"
    );
    // Its session cannot be taken over by another account with the same client id.
    let mut same = connect(&house, "den-01", "victim", true);
    assert!(read(&mut same, Duration::from_secs(2)).starts_with(&[0x20, 2, 0, 0]));
    send(&mut victim, 0xc0, &[]);
    assert_eq!(
        read(&mut victim, Duration::from_secs(2)),
        [0xd0, 0],
        "the victim is still there"
    );
}

#[test]
fn a_taken_over_device_is_online_and_its_death_is_told_once() {
    let mut house = House::new("");
    house.start();
    let lamp = Lamp::start(&house, "den-01");
    let here = |h: &House| h.state()["devices"]["den-01"]["presence"]["is"] == "here";
    house.until("the lamp is here", Duration::from_secs(10), here);
    house.until("it is adopted", Duration::from_secs(5), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    // The same client id comes in a second time, as after a cable that broke; the lamp then takes
    // its session back.
    let mut second = connect(&house, "den-01", "test-den-01", true);
    assert!(
        read(&mut second, Duration::from_secs(2)).starts_with(&[0x20, 2]),
        "it is let in"
    );
    let mut rest = Vec::new();
    let ended = std::io::Read::read_to_end(&mut second, &mut rest);
    assert!(
        ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset),
        "and ended when the lamp comes again"
    );
    house.until(
        "the lamp is here after the takeover",
        Duration::from_secs(10),
        here,
    );
    let deaths = |h: &House| {
        h.entries()
            .iter()
            .filter(|e| e["event"]["t"] == "PresenceChanged" && e["event"]["here"] == false)
            .count()
    };
    let before = deaths(&house);
    drop(lamp);
    house.until("its last will is told", Duration::from_secs(10), |h| {
        h.state()["devices"]["den-01"]["presence"]["is"] == "gone"
    });
    assert_eq!(deaths(&house), before + 1, "once");
    let _lamp = Lamp::start(&house, "den-01");
    house.until("it is back", Duration::from_secs(10), here);
}

#[test]
fn clients_that_others_wrote_feel_at_home_on_every_door() {
    let mut house = House::new("");
    house.start();
    let ca = house.dir.join("data/keys/house-ca/ca.pem");
    for (port, version, extra) in [
        (house.mqtt, "mqttv311", vec![]),
        (house.mqtt, "mqttv5", vec![]),
        (
            house.mqtts,
            "mqttv5",
            vec!["--cafile".to_owned(), ca.display().to_string()],
        ),
    ] {
        let arguments = |id: &str| {
            let mut out = vec![
                "-h".to_owned(),
                "localhost".into(),
                "-p".into(),
                port.to_string(),
                "-V".into(),
                version.to_owned(),
                "-u".into(),
                id.to_owned(),
                "-P".into(),
                secret(id),
            ];
            out.extend(extra.clone());
            out
        };
        let publish = Command::new("mosquitto_pub")
            .args(arguments("den-01"))
            .args(["-t", "d/den-01/đèn/ngõ", "-m", "sáng", "-q", "1", "-r"])
            .output()
            .expect("mosquitto_pub (package mosquitto-clients)");
        assert!(
            publish.status.success(),
            "{version} on {port}: {}",
            String::from_utf8_lossy(&publish.stderr)
        );
        // What the house posts is heard: the order of a lamp that waits.
        let heard = Command::new("mosquitto_sub")
            .args(arguments("den-02"))
            .args(["-t", "c/den-02/#", "-E", "-q", "1"])
            .output()
            .expect("mosquitto_sub");
        assert!(
            heard.status.success(),
            "{version}: {}",
            String::from_utf8_lossy(&heard.stderr)
        );
    }
    // WebSocket with the subprotocol, by a handshake that speaks bytes.
    let mut ws = TcpStream::connect(("127.0.0.1", house.ws)).expect("connects");
    ws.write_all(b"GET /mqtt HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\nsec-websocket-protocol: mqtt\r\n\r\n").expect("written");
    let answer = String::from_utf8_lossy(&read(&mut ws, Duration::from_secs(3))).to_lowercase();
    assert!(
        answer.contains("101") && answer.contains("sec-websocket-protocol: mqtt"),
        "{answer}"
    );
}

#[test]
fn a_killed_broker_comes_back_and_keeps_what_was_retained() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    assert_eq!(
        house
            .cli(&["broker", "pub", "p/thử", "còn đây", "--retain", "-q", "1"])
            .0,
        0
    );
    // What nobody waits for is written within a second.
    house.until("it is on disk", Duration::from_secs(10), |h| {
        let told: serde_json::Value =
            serde_json::from_str(&h.cli(&["broker", "status", "--json"]).1).unwrap_or_default();
        told["retained"].as_u64() > Some(0) && told["owed"] == 0
    });
    let pid = house.pid_of("broker");
    conglang::supervisor::worker::kill(pid);
    house.until("another worker serves", Duration::from_secs(10), |h| {
        ![0, pid].contains(&h.pid_of("broker"))
    });
    house.until("the lamp obeys again", Duration::from_secs(20), |h| {
        h.command(&serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": true }));
        std::thread::sleep(Duration::from_millis(500));
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    let kept = house.cli(&["broker", "topics", "p/#"]).1;
    assert!(kept.contains("còn đây"), "{kept}");
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.contains("a worker ended and is started again"));
}

#[test]
fn a_device_that_chatters_does_not_write_the_card_full_nor_hide_an_alarm() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let mut noisy = connect(&house, "cb-01", "cb-01", true);
    let about = serde_json::json!({ "unique_id": "cb-01-level", "name": "Mực nước", "state_topic": "d/cb-01/level", "unit_of_measurement": "cm", "device": { "identifiers": ["cb-01"] } });
    publish(
        &mut noisy,
        "homeassistant/sensor/cb-01/level/config",
        about.to_string().as_bytes(),
        0,
        0,
    );
    publish(&mut noisy, "d/cb-01/level", b"100", 0, 0);
    house.until("the gauge is adopted", Duration::from_secs(10), |h| {
        h.state()["entities"]["cb-01.level"].is_object()
    });
    for n in 0..1_500_u32 {
        publish(
            &mut noisy,
            "d/cb-01/up",
            if n % 2 == 0 { b"online" } else { b"offline" },
            0,
            0,
        );
    }
    // The water rises once, and once only is it said; everything before it was taken by then.
    publish(&mut noisy, "d/cb-01/level", b"200", 0, 0);
    publish(&mut noisy, "d/cb-01/up", b"online", 0, 0);
    let began = std::time::Instant::now();
    assert_eq!(
        house
            .command(
                &serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": true })
            )
            .status,
        200
    );
    house.until("the calm lamp answers", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    assert!(began.elapsed() < Duration::from_secs(10));
    house.until("the alarm is told at once", Duration::from_secs(30), |h| {
        h.state()["sensors"]["cb-01.level"]["alarm"]["level"] == 1
    });
    let all = house.entries();
    let flips = all
        .iter()
        .filter(|e| e["event"]["t"] == "PresenceChanged" && e["event"]["device"] == "cb-01")
        .count();
    assert!(
        (1..=260).contains(&flips),
        "{flips} entries of 1,501 changes"
    );
    house.until("its last word is taken", Duration::from_secs(30), |h| {
        h.state()["devices"]["cb-01"]["presence"]["is"] == "here"
    });
}

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

#[test]
fn what_a_device_was_acknowledged_reaches_the_house_over_the_gateway_s_death() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let about = serde_json::json!({ "unique_id": "cb-01-level", "name": "Mực nước", "state_topic": "d/cb-01/level", "unit_of_measurement": "cm", "device": { "identifiers": ["cb-01"] } });
    let mut gauge = connect(&house, "cb-01", "cb-01", true);
    publish(
        &mut gauge,
        "homeassistant/sensor/cb-01/level/config",
        about.to_string().as_bytes(),
        0,
        0,
    );
    house.until("the gauge is adopted", Duration::from_secs(10), |h| {
        h.state()["entities"]["cb-01.level"].is_object()
    });
    // The broker lives a moment longer than the gateway that is killed, and may acknowledge in it.
    for round in 0..3 {
        let _ = read(&mut gauge, Duration::from_millis(100));
        publish(
            &mut gauge,
            "d/cb-01/level",
            if round % 2 == 0 { b"240" } else { b"100" },
            2,
            7,
        );
        let answer = read(&mut gauge, Duration::from_secs(5));
        house.kill();
        assert!(
            answer.windows(4).any(|w| w == [0x40, 2, 0, 7]),
            "acknowledged: {answer:?}"
        );
        house.start();
        let wanted = if round % 2 == 0 { 2 } else { 0 };
        house.until(
            "what was acknowledged is known",
            Duration::from_secs(15),
            |h| {
                let level = h.state()["sensors"]["cb-01.level"]["alarm"]["level"]
                    .as_u64()
                    .unwrap_or(0);
                level == wanted
            },
        );
        gauge = connect(&house, "cb-01", "cb-01", true);
    }
}
