//! Peers and machines that mean no good: clients that never speak, a commune that answers nonsense,
//! clocks at 1970 and jumping, programs with and without the token.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conglang::keys::authority::{Authority, Files};
use conglang::supervisor::clock::{BUILD_FLOOR_MS, Clock};

use crate::house::{House, Lamp, free_port, library};

fn now_s() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs()
}

/// A TLS connection of a client that trusts `ca`.
fn tls(ca: &Path, port: u16) -> Option<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    let config = conglang::keys::tls::client(ca, None, Clock::system(0)).expect("client");
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("timeout");
    let connection =
        rustls::ClientConnection::new(config, "localhost".try_into().expect("name")).ok()?;
    Some(rustls::StreamOwned::new(connection, stream))
}

/// The status of `GET path` over HTTPS; 0 = no answer.
fn https(ca: &Path, port: u16, path: &str) -> u16 {
    let Some(mut stream) = tls(ca, port) else {
        return 0;
    };
    if stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        )
        .is_err()
    {
        return 0;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer)
        .split_whitespace()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0)
}

#[test]
fn https_takes_a_certificate_while_it_runs_and_silent_clients_cost_nobody_anything() {
    let mut house = House::new("");
    let port = free_port();
    std::fs::create_dir_all(house.dir.join("conglang.d")).expect("folder");
    std::fs::write(
        house.dir.join("conglang.d/50-tls.toml"),
        format!("[doors]\ndashboard_tls = \"127.0.0.1:{port}\"\n"),
    )
    .expect("configuration");
    house.start();
    let ca = house.dir.join("ca");
    let authority = Authority::load_or_make(&ca, "ai cũng tin", now_s()).expect("CA");
    // An hour old: whole days are left, whichever second it is now.
    let identity = authority
        .server("localhost", &["localhost".into()], now_s() - 3_600)
        .expect("certificate");
    let (certificate, key) = (house.dir.join("c.pem"), house.dir.join("k.pem"));
    std::fs::write(&certificate, &identity.certificate).expect("written");
    std::fs::write(&key, &identity.key).expect("written");
    assert_eq!(
        house
            .cli(&["cert", "install", "/etc/hostname", "/etc/hostname"])
            .0,
        1,
        "what is no certificate is refused"
    );
    let (code, text) = house.cli(&[
        "cert",
        "install",
        &certificate.display().to_string(),
        &key.display().to_string(),
    ]);
    assert_eq!(code, 0, "{text}");
    house.until("it is served", Duration::from_secs(15), |_| {
        https(&ca.join("ca.pem"), port, "/sign-in") == 200
    });
    let (code, text) = house.cli(&["cert", "show", "--json"]);
    assert!(code == 0 && text.contains("\"public\":89"), "{text}");

    // Fifty that never speak, on every TLS door and the plain ones.
    let doors = [
        port,
        house.mqtts,
        house.mqtt,
        house.ws,
        house.dashboard,
        house.portal,
    ];
    let mut silent: Vec<TcpStream> = doors
        .iter()
        .flat_map(|p| (0..50).map(|_| TcpStream::connect(("127.0.0.1", *p)).expect("connects")))
        .collect();
    let began = Instant::now();
    assert_eq!(https(&ca.join("ca.pem"), port, "/sign-in"), 200);
    assert_eq!(house.get("/sign-in", "").status, 200);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let _lamp = Lamp::start(&house, "den-01");
    house.until("a lamp still comes in", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    for stream in &mut silent {
        stream
            .set_read_timeout(Some(
                Duration::from_secs(25)
                    .saturating_sub(began.elapsed())
                    .max(Duration::from_millis(1)),
            ))
            .expect("timeout");
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(
            ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset),
            "it is let go within its time"
        );
    }
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn garbage_on_every_door_hurts_nobody() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let pid = house.gateway_pid();
    let mut seed = 0x1234_5678_9abc_def1_u64;
    for round in 0..40 {
        for port in [
            house.mqtt,
            house.mqtts,
            house.ws,
            house.dashboard,
            house.portal,
        ] {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
                panic!("a door closed")
            };
            let mut bytes = vec![0; 1 + round * 97];
            for b in &mut bytes {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *b = u8::try_from(seed >> 56).expect("a byte");
            }
            if round % 3 == 0 {
                bytes.splice(
                    0..0,
                    b"GET /\xff\xfe HTTP/1.1\r\nhost: \x01\r\ncookie: cl="
                        .iter()
                        .copied(),
                );
            }
            let _ = stream.write_all(&bytes);
        }
        // The control socket belongs to the technician, who may mistype as well.
        let answer = house.raw(&format!("POST /commands HTTP/1.1\r\nhost: c\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{{\"x\":{round:>6}}}"));
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(house.get("/", &cookie).status, 200);
    assert_eq!(house.gateway_pid(), pid, "nothing had to be started again");
    assert_eq!(house.cli(&["doctor"]).0, 0, "{}", house.cli(&["doctor"]).1);
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn programs_need_the_token_and_what_they_may_not_do_is_said() {
    let mut house = House::new("");
    house.start();
    let token = std::fs::read_to_string(house.dir.join("data/keys/api.token")).expect("token");
    let ask = |method: &str, path: &str, bearer: &str, body: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
        let auth = if bearer.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {bearer}\r\n")
        };
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n{auth}connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", house.dashboard, body.len())
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        (
            answer
                .split_whitespace()
                .nth(1)
                .and_then(|s| s.parse::<u16>().ok())
                .unwrap_or(0),
            answer
                .split_once("\r\n\r\n")
                .map(|(_, b)| b.to_owned())
                .unwrap_or_default(),
        )
    };
    for bearer in ["", "0123", &"x".repeat(4000)] {
        assert_eq!(
            ask("GET", "/api/state", bearer, "").0,
            401,
            "{} characters",
            bearer.len()
        );
    }
    let (status, body) = ask("GET", "/api/state", token.trim(), "");
    assert!(status == 200 && body.contains("Thôn Bến Thóc"));
    let wish = r#"{"command":{"do":"DeclarePlace","place":{"id":"ngo-moi","name":"Ngõ Mới"}}}"#;
    assert_eq!(ask("POST", "/api/commands", "", wish).0, 401);
    let (status, body) = ask("POST", "/api/commands", token.trim(), wish);
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        ask(
            "POST",
            "/api/commands",
            token.trim(),
            r#"{"command":{"do":"SwitchLight","light":"none.light","on":true}}"#
        )
        .0,
        409
    );
    assert!((400..500).contains(&ask("POST", "/api/commands", token.trim(), "{").0));
    // What only the house finds out, what stands in the configuration, and who may sign in: no
    // token says it.
    let hash = "0".repeat(64);
    let text = format!(r#"{{"id":"0123","mac":"{hash}","len":5}}"#);
    for (wish, name) in [
        (r#"{"do":"NoteTrim","from":1,"to":2}"#.to_owned(), "NoteTrim"),
        (r#"{"do":"NoteDamage","epoch":"00","from":1,"to":2}"#.to_owned(), "NoteDamage"),
        (r#"{"do":"NoteClock","offset_ms":1}"#.to_owned(), "NoteClock"),
        (format!(r##"{{"do":"GrantAccess","account":{{"name":"den-01","secret_sha256":"{hash}","publish":["#"],"subscribe":["#"]}}}}"##), "GrantAccess"),
        (format!(r#"{{"do":"GrantAccess","account":{{"name":"loa-01","secret_sha256":"{hash}","publish":[],"subscribe":[]}}}}"#), "GrantAccess"),
        (r#"{"do":"ReportLevel","sensor":"cb-01.level","level":1,"value":1e308}"#.to_owned(), "ReportLevel"),
        (r#"{"do":"EraseBlob","blob":"0123"}"#.to_owned(), "EraseBlob"),
        (r#"{"do":"DeclareVillage","village":{"id":"x","name":"x","commune":"x","latitude":1.0,"longitude":1.0}}"#.to_owned(), "DeclareVillage"),
    ] {
        let (status, body) = ask("POST", "/api/commands", token.trim(), &format!(r#"{{"command":{wish}}}"#));
        assert!(status == 403 && body.contains("“api”") && body.contains(name), "{name}: {status} {body}");
        let said = house.command(&serde_json::from_str(&wish).expect("json"));
        assert!(matches!(said.status, 403 | 409) || name == "EraseBlob", "{name}: {} {}", said.status, said.body);
    }
    // A notice that names no text of this house; a name that would fill every page; one that turns
    // the page around.
    let empty = format!(
        r#"{{"command":{{"do":"PublishNotice","id":"n1","text":{text},"kind":"notice","until":null}}}}"#
    );
    let (status, body) = ask("POST", "/api/commands", token.trim(), &empty);
    assert!(status == 409 && body.contains("tệp chữ"), "{status} {body}");
    for bad in ["x".repeat(15_000), "a\u{202e}b".into(), String::new()] {
        let wish = serde_json::json!({ "command": { "do": "DeclareDevice", "device": { "id": "den-09", "name": bad } } });
        let (status, body) = ask("POST", "/api/commands", token.trim(), &wish.to_string());
        assert!(
            status == 409 && body.contains("120") && body.len() < 400,
            "{status} {body}"
        );
    }
    assert!(
        house.state()["notices"]
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
    );
    let (status, body) = ask("GET", "/api/entries?after=0&limit=3", token.trim(), "");
    assert!(
        status == 200
            && serde_json::from_str::<Vec<serde_json::Value>>(&body)
                .expect("json")
                .len()
                == 3,
        "{body}"
    );
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn six_answers_make_a_configuration_and_a_second_setup_overwrites_nothing() {
    let dir = std::env::temp_dir().join(format!(
        "conglang-setup-{}",
        conglang::keys::secret::token().expect("random")
    ));
    std::fs::create_dir_all(&dir).expect("folder");
    let file = dir.join("etc/conglang.toml");
    let setup = |answers: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(&file)
            .arg("setup")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        child
            .stdin
            .take()
            .expect("stdin")
            .write_all(answers.as_bytes())
            .expect("answered");
        let out = child.wait_with_output().expect("ended");
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stdout).into_owned()
                + &String::from_utf8_lossy(&out.stderr),
        )
    };
    let (code, text) = setup("Thôn Gò Mít\nxã Đồng Nếp\nmột chỗ nào đó\n\n\n\n\n\n\n");
    assert!(
        code == Some(1) && text.contains("tọa độ") && !file.exists(),
        "{text}"
    );
    let (code, text) = setup(
        "Thôn Gò Mít\nxã Đồng Nếp\n19.5, 105.5\nBà Lúa\n0000 000 014\n\n192.168.20.1\n\n/srv/thon\n",
    );
    assert!(code == Some(0) && text.contains("Bà Lúa"), "{text}");
    let written = std::fs::read_to_string(&file).expect("written");
    assert!(
        [
            "go-mit",
            "/srv/thon",
            "0000 000 014",
            "\"192.168.20.1:1883\"",
            "\"http://192.168.20.1:80\""
        ]
        .iter()
        .all(|w| written.contains(w)),
        "{written}"
    );
    let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .arg("--config")
        .arg(&file)
        .args(["config", "check"])
        .output()
        .expect("runs");
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(setup("x\nx\n1, 1\nx\n\n\n\n\n\n").0, Some(1));
    assert_eq!(std::fs::read_to_string(&file).expect("there"), written);
    let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .args(["journal", "no-such-thing"])
        .output()
        .expect("runs");
    assert_eq!(out.status.code(), Some(64), "wrong use");
    std::fs::remove_dir_all(dir).expect("clean");
}

/// A commune that holds the right certificate and speaks nonsense; counts who came.
fn mad_commune(dir: &Path, port: u16) -> Arc<std::sync::atomic::AtomicU32> {
    use std::sync::atomic::{AtomicU32, Ordering};
    let came = Arc::new(AtomicU32::new(0));
    let files = Files::named(&dir.join("commune/keys"), "mqtt");
    let served = conglang::keys::tls::Served::load(&files).expect("certificate");
    let config = conglang::keys::tls::server(
        served,
        Some((&dir.join("commune/keys/ca/ca.pem"), true)),
        Clock::system(0),
    )
    .expect("server");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    let counted = came.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            let config = config.clone();
            std::thread::spawn(move || {
                stream
                    .set_read_timeout(Some(Duration::from_secs(5)))
                    .expect("timeout");
                let Ok(connection) = rustls::ServerConnection::new(config) else {
                    return;
                };
                let mut tls = rustls::StreamOwned::new(connection, stream);
                let mut buffer = [0; 4096];
                if tls.read(&mut buffer).is_err() || tls.write_all(&[0x20, 2, 0, 0]).is_err() {
                    return;
                }
                let Ok(read) = tls.read(&mut buffer) else {
                    return;
                };
                let id = if read > 4 {
                    [buffer[2], buffer[3]]
                } else {
                    [0, 1]
                };
                let _ = tls.write_all(&[0x90, 3, id[0], id[1], 1]);
                let says: &[&[u8]] = &[
                    b"{",
                    b"\xff\xff\xff",
                    br#"{"say":"resume","incarnation":"x","applied":[[{"epoch":"zz","lane":"log"},99999999999]],"now_ms":9223372036854775807}"#,
                    br#"{"say":"ack","incarnation":"x","stream":{"epoch":"00112233445566778899aabbccddeeff","lane":"log"},"applied":18446744073709551615,"hole":true}"#,
                    br#"{"say":"command","seq":1,"id":"../../etc","expires_at":9223372036854775807,"bulletin":{"title":"x","body":"y","urgent":true,"until":null}}"#,
                    br#"{"say":"certificate","certificate":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}"#,
                ];
                for said in says {
                    let topic = b"down/ben-thoc/say";
                    let len = 2 + topic.len() + said.len();
                    let mut packet = vec![0x30];
                    let mut rest = len;
                    loop {
                        let byte = u8::try_from(rest % 128).expect("small");
                        rest /= 128;
                        packet.push(if rest > 0 { byte | 0x80 } else { byte });
                        if rest == 0 {
                            break;
                        }
                    }
                    packet.extend([0, u8::try_from(topic.len()).expect("small")]);
                    packet.extend_from_slice(topic);
                    packet.extend_from_slice(said);
                    if tls.write_all(&packet).is_err() {
                        return;
                    }
                }
                // At last: bytes that are no MQTT at all, or silence.
                if n.is_multiple_of(2) {
                    let _ = tls.write_all(&[0xff; 64]);
                }
                while tls.read(&mut buffer).is_ok_and(|r| r > 0) {}
            });
        }
    });
    came
}

#[test]
fn a_commune_that_answers_nonsense_changes_nothing_in_the_village() {
    let scratch = House::new("");
    let (dir, port) = (scratch.dir.clone(), free_port());
    let ca = dir.join("commune/keys/ca");
    let authority = Authority::load_or_make(&ca, "xã Đồng Nếp", now_s()).expect("CA");
    Files::named(&dir.join("commune/keys"), "mqtt")
        .write(
            &authority
                .server("xa", &["127.0.0.1".into()], now_s())
                .expect("certificate"),
        )
        .expect("written");
    let village = Files::named(&dir, "village");
    village
        .write(&authority.client("ben-thoc", now_s()).expect("certificate"))
        .expect("written");
    let mut text = std::fs::read_to_string(scratch.config()).expect("configuration");
    text.push_str(&format!(
        "[commune]\nserver = \"mqtts://127.0.0.1:{port}\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}\n",
        ca.join("ca.pem").display().to_string(),
        village.certificate.display().to_string(),
        village.key.display().to_string()
    ));
    std::fs::write(scratch.config(), text).expect("configuration");
    let came = mad_commune(&dir, port);
    let mut house = scratch;
    house.start();
    house.until("it called more than once", Duration::from_secs(60), |_| {
        came.load(std::sync::atomic::Ordering::SeqCst) >= 3
    });
    let state = house.state();
    assert_eq!(
        state["notices"].as_object().map(serde_json::Map::len),
        Some(0),
        "nothing of it became a notice"
    );
    let status: serde_json::Value =
        serde_json::from_str(&house.cli(&["sync", "status", "--json"]).1).expect("json");
    assert!(status["received"].as_u64().unwrap_or(0) <= state["seq"].as_u64().unwrap_or(0));
    assert!(
        house
            .command(
                &serde_json::json!({ "do": "DeclarePlace", "place": { "id": "p1", "name": "Ngõ" } })
            )
            .status
            == 200
    );
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn a_clock_at_1970_and_a_clock_that_jumps_lose_nobody_and_nothing() {
    let lib = library("faketime/libfaketime.so.1");
    let mut house = House::new("");
    let dial = house.dir.join("clock");
    // “@” sets where the clock starts; it runs on from there.
    let set = |text: &str| std::fs::write(&dial, text).expect("dial");
    set("@1970-01-01 00:10:00");
    let environment = [
        ("LD_PRELOAD", lib),
        ("FAKETIME_TIMESTAMP_FILE", dial.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("TZ", "UTC".into()),
    ];
    house.start_with(&environment);
    let cookie = house.sign_in();
    let form = house.form("/notices/new", &cookie);
    let sent = house.post(
        "/notices",
        &cookie,
        &[
            ("form", &form),
            ("once", "n-1970"),
            ("title", "Họp thôn"),
            ("body", "Tối nay."),
            ("kind", "notice"),
            ("days", "7"),
        ],
    );
    assert_eq!(sent.status, 303, "{}", sent.body);
    let first = house.entries()[0].clone();
    assert!(
        first["wall_ms"].as_i64().expect("ms") < 86_400_000 && first["clock"] == "none",
        "the house believes it is 1970 and says how far: {first}"
    );
    // TLS is judged by the floor, not by 1970: a device's certificate is good.
    let lamp = Lamp::start(&house, "den-01");
    house.until("a lamp comes in", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    // Days after what this program knows to be past, so that no release makes them days before it.
    let at = |days: i64, hour: i64| {
        let day = conglang::domain::calendar::day(
            BUILD_FLOOR_MS + days * 86_400_000 - conglang::domain::calendar::ZONE_MS,
        );
        format!(
            "@{:04}-{:02}-{:02} {hour:02}:00:00",
            day.year, day.month, day.day
        )
    };
    let back = "@1970-01-01 00:00:30".to_owned();
    for (when, on) in [
        (at(325, 8), true),
        (at(325, 3), false),
        (at(5_113, 0), true),
        (back, false),
        (at(325, 9), true),
    ] {
        set(&when);
        let order = house.command(
            &serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": on }),
        );
        assert_eq!(order.status, 200, "{when}: {}", order.body);
        house.until("the lamp answers", Duration::from_secs(10), |h| {
            let light = &h.state()["lights"]["den-01.light"];
            light["desired"]["on"] == light["reported"]["on"]
        });
        assert_eq!(
            house.get("/", &cookie).status,
            200,
            "{when}: the chief is still signed in"
        );
        assert!(
            house.state()["notices"]["n-1970"].is_object(),
            "{when}: nothing is deleted by a clock"
        );
    }
    drop(lamp);
    house.kill();
    set("@1971-01-01 00:00:00");
    house.start_with(&environment);
    assert!(house.state()["notices"]["n-1970"].is_object());
    assert_eq!(
        house.get("/", &cookie).status,
        200,
        "remembered through a power cut with a dead clock"
    );
    let numbers: Vec<u64> = house
        .entries()
        .iter()
        .filter_map(|e| e["seq"].as_u64())
        .collect();
    assert!(
        numbers.windows(2).all(|w| w[1] == w[0] + 1),
        "order is the number, whatever the clock says"
    );
    assert_eq!(house.cli(&["journal", "check"]).0, 0);
    assert_eq!(house.stop(), Some(0));
}
