//! Every fault of other brokers that one ordinary device can cause, against ours; strangers'
//! clients; doors.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::support::house::{House, secret};
use crate::support::peer::text;
use crate::support::raw::{connect, publish, read, send, subscribe};

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
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
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
    ws.write_all(
        b"GET /mqtt HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
            sec-websocket-protocol: mqtt\r\n\r\n",
    )
    .expect("written");
    let answer = String::from_utf8_lossy(&read(&mut ws, Duration::from_secs(3))).to_lowercase();
    assert!(
        answer.contains("101") && answer.contains("sec-websocket-protocol: mqtt"),
        "{answer}"
    );
}
