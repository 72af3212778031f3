//! Peers that mean no good: clients that never speak, garbage on every door, a commune that answers
//! nonsense.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conglang::keys::authority::{Authority, CertificateFiles};
use conglang::supervisor::clock::Clock;

use crate::support::house::{House, free_port};
use crate::support::lamp::Lamp;

pub fn now_s() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs()
}

/// A TLS connection of a client that trusts `ca`.
fn tls(ca: &Path, port: u16) -> Option<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    let config = conglang::keys::tls::client_config(ca, None, Clock::system(0)).expect("client");
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
        .issue_server("localhost", &["localhost".into()], now_s() - 3_600)
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
        let answer = house.raw(&format!(
            "POST /commands HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: 12\r\n\r\n{{\"x\":{round:>6}}}"
        ));
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(house.get("/", &cookie).status, 200);
    assert_eq!(house.gateway_pid(), pid, "nothing had to be started again");
    assert_eq!(house.cli(&["doctor"]).0, 0, "{}", house.cli(&["doctor"]).1);
    assert_eq!(house.stop(), Some(0));
}

/// A commune that holds the right certificate and speaks nonsense; counts who came.
fn mad_commune(dir: &Path, port: u16) -> Arc<std::sync::atomic::AtomicU32> {
    use std::sync::atomic::{AtomicU32, Ordering};
    let came = Arc::new(AtomicU32::new(0));
    let files = CertificateFiles::named(&dir.join("commune/keys"), "mqtt");
    let served = conglang::keys::tls::ReloadableCertificate::load(&files).expect("certificate");
    let config = conglang::keys::tls::server_config(
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
    CertificateFiles::named(&dir.join("commune/keys"), "mqtt")
        .write(
            &authority
                .issue_server("xa", &["127.0.0.1".into()], now_s())
                .expect("certificate"),
        )
        .expect("written");
    let village = CertificateFiles::named(&dir, "village");
    village
        .write(
            &authority
                .issue_client("ben-thoc", now_s())
                .expect("certificate"),
        )
        .expect("written");
    let mut text = std::fs::read_to_string(scratch.config()).expect("configuration");
    text.push_str(&format!(
        "[commune]\nserver = \"mqtts://127.0.0.1:{port}\"\nca = {:?}\ncertificate = {:?}\n\
         key = {:?}\n",
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
