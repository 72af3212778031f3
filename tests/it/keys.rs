//! Keys and certificates that are gone, damaged or another's, over history that they protect: what
//! is said, what stands still, what runs on; and that a name alone opens nothing.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use conglang::keys::authority::{Authority, CertificateFiles};
use conglang::keys::tls;
use conglang::supervisor::clock::Clock;

use crate::support::house::{CHIEF_PIN, House, secret};
use crate::support::http::http;

/// True when somebody comes in over TLS: with a certificate, or with a device's name and secret.
pub fn comes_in(ca: &Path, port: u16, identity: Option<&CertificateFiles>, name: &str) -> bool {
    let Ok(config) = tls::client_config(ca, identity, Clock::system(0)) else {
        return false;
    };
    let Ok(stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("timeout");
    let Ok(connection) =
        rustls::ClientConnection::new(config, "localhost".try_into().expect("name"))
    else {
        return false;
    };
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let (flags, texts) = if identity.is_some() {
        (0x02, vec![format!("{name}-x")])
    } else {
        (0xc2, vec![name.to_owned(), name.to_owned(), secret(name)])
    };
    let mut packet = vec![0x10, 0];
    packet.extend_from_slice(b"\0\x04MQTT\x04");
    packet.extend_from_slice(&[flags, 0, 60]);
    for text in texts {
        packet.extend_from_slice(&u16::try_from(text.len()).expect("short").to_be_bytes());
        packet.extend_from_slice(text.as_bytes());
    }
    packet[1] = u8::try_from(packet.len() - 2).expect("short");
    let mut answer = [0; 4];
    stream.write_all(&packet).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer[0] == 0x20
        && answer[3] == 0
}

fn status(house: &House) -> (i32, String) {
    house.cli(&["status", "--json"])
}

/// What a row of the table does to a file.
fn harm(path: &Path, how: &str, another: &[u8]) {
    let mut bytes = std::fs::read(path).expect("read");
    match how {
        "gone" => return std::fs::remove_file(path).expect("removed"),
        "truncated" => bytes.truncate(bytes.len() / 3),
        "all NUL" => bytes.fill(0),
        "one bit turned" => {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        }
        _ => bytes = another.to_vec(),
    }
    std::fs::write(path, bytes).expect("written");
}

const HARMS: [&str; 5] = [
    "gone",
    "truncated",
    "all NUL",
    "one bit turned",
    "of another village",
];

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn a_key_that_is_not_what_it_was_is_told_and_stops_only_what_needs_it() {
    let mut other = House::new("");
    other.start();
    assert_eq!(other.stop(), Some(0));
    let mut house = House::new("");
    house.expect_errors(&["dependent services stay off", "red health"]);
    house.start();
    house.sign_in();
    assert_eq!(house.stop(), Some(0));
    for (n, key) in [
        "people.key",
        "pepper.key",
        "forms.key",
        "voice.key",
        "api.token",
        "house-ca/ca.key",
    ]
    .into_iter()
    .enumerate()
    {
        let path = house.dir.join("data/keys").join(key);
        let (whole, another) = (
            std::fs::read(&path).expect("key"),
            std::fs::read(other.dir.join("data/keys").join(key)).expect("key"),
        );
        // Every harm to every key costs a start (`src/keys/ring.rs` has all of them without one):
        // each key has two, all harms are had; the long lane has every row.
        let two = [HARMS[n % 5], HARMS[(n + 1 + n / 5) % 5]];
        for how in HARMS
            .into_iter()
            .filter(|h| two.contains(h) || std::env::var_os("CONGLANG_LONG").is_some())
        {
            let row = format!("{key} {how}");
            harm(&path, how, &another);
            house.start();
            let (code, said) = status(&house);
            assert!(code == 2 && said.contains(key), "{row}: {code} {said}");
            let (code, told) = house.cli(&["doctor", "--json"]);
            assert!(
                code == 2 && told.contains("D-KEY-07") && told.contains(key),
                "{row}: {told}"
            );
            assert_eq!(house.cli(&["key", "show"]).0, 2, "{row}");
            assert_eq!(
                http(house.portal, "GET", "/", "", "").status,
                200,
                "{row}: visitors get in"
            );
            house.until(
                &format!("{row}: a device comes in over TLS"),
                Duration::from_secs(15),
                |h| {
                    comes_in(
                        &h.dir.join("data/keys/house-ca/ca.pem"),
                        h.mqtts,
                        None,
                        "den-02",
                    )
                },
            );
            let order = house.command(&serde_json::json!({
                "do": "DeclarePlace",
                "place": { "id": format!("p{n}-{}", how.len()), "name": "Ngõ" }
            }));
            assert_eq!(order.status, 200, "{row}: {}", order.body);
            let tried = http(
                house.dashboard,
                "POST",
                "/sign-in",
                "",
                &format!("user=mau&pin={CHIEF_PIN}"),
            );
            if key == "people.key" || key == "pepper.key" {
                assert!(
                    tried.status == 503 && tried.body.contains("Khóa bí mật"),
                    "{row}: {} {}",
                    tried.status,
                    tried.body
                );
            } else {
                assert_eq!(tried.status, 303, "{row}: {}", tried.body);
            }
            if how == "gone" {
                assert!(!path.exists(), "{row}: it is not made anew");
            }
            assert_eq!(house.stop(), Some(0), "{row}");
            std::fs::write(&path, &whole).expect("brought back");
        }
    }
    house.start();
    let (_, said) = status(&house);
    assert!(
        said.contains("[\"keys\",\"green\""),
        "all is well with the keys brought back: {said}"
    );
    assert_eq!(
        house
            .post("/sign-in", "", &[("user", "mau"), ("pin", CHIEF_PIN)])
            .status,
        303,
        "the PIN is the same"
    );
    assert_eq!(house.stop(), Some(0));
    // A technician may put a new one in its place, and is told first what that costs.
    std::fs::remove_file(house.dir.join("data/keys/voice.key")).expect("removed");
    let (code, told) = house.cli(&["key", "renew", "voice"]);
    assert!(
        code == 2 && told.contains("voice.pub") && !house.dir.join("data/keys/voice.key").exists(),
        "{told}"
    );
    assert_eq!(house.cli(&["key", "renew", "voice", "--yes"]).0, 0);
    assert_eq!(house.cli(&["key", "renew", "house-ca", "--yes"]).0, 0);
    house.start();
    assert!(status(&house).1.contains("[\"keys\",\"green\""));
    house.until(
        "a device that has the new CA comes in",
        Duration::from_secs(15),
        |h| {
            comes_in(
                &h.dir.join("data/keys/house-ca/ca.pem"),
                h.mqtts,
                None,
                "den-02",
            )
        },
    );
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn a_certificate_that_is_not_what_it_was_is_made_again_over_the_same_authority() {
    let mut house = House::new("");
    house.expect_errors(&["CA certificate does not match its key"]);
    house.start();
    assert_eq!(house.stop(), Some(0));
    let mut other = House::new("");
    other.start();
    assert_eq!(other.stop(), Some(0));
    let pinned: PathBuf = house.dir.join("pinned.pem");
    std::fs::copy(house.dir.join("data/keys/house-ca/ca.pem"), &pinned).expect("a device has it");
    for file in ["mqtt.pem", "house-ca/ca.pem"] {
        let path = house.dir.join("data/keys").join(file);
        let another = std::fs::read(other.dir.join("data/keys").join(file)).expect("certificate");
        for how in HARMS {
            harm(&path, how, &another);
            house.start();
            house.until(
                &format!("{file} {how}: a device that pinned the CA comes in"),
                Duration::from_secs(15),
                |h| comes_in(&pinned, h.mqtts, None, "den-02"),
            );
            assert!(
                status(&house).1.contains("[\"keys\",\"green\""),
                "{file} {how}"
            );
            assert!(
                !house.cli(&["doctor", "--json"]).1.contains("D-KEY"),
                "{file} {how}"
            );
            assert_eq!(house.stop(), Some(0));
        }
    }
}

#[test]
fn an_earlier_certificate_of_a_village_opens_nothing() {
    let house = House::new("");
    let port = crate::support::house::free_port();
    std::fs::create_dir_all(house.dir.join("office")).expect("folder");
    let config = house.dir.join("office/commune.toml");
    let text = format!(
        "[data]\nfolder = {:?}\n[doors]\ncontrol = {:?}\n[office]\nname = \"xã Đồng Nếp\"\n\
         mqtt = \"127.0.0.1:{port}\"\n[[office.village]]\nid = \"ben-thoc\"\nname = \"Bến Thóc\"\n",
        house.dir.join("commune").display().to_string(),
        house.dir.join("office/control.sock").display().to_string()
    );
    std::fs::write(&config, text).expect("configuration");
    let make = |name: &str| {
        let out = house.dir.join(name);
        let done = Command::new(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(&config)
            .args(["cert", "village", "ben-thoc", "--out"])
            .arg(&out)
            .output()
            .expect("runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        CertificateFiles {
            certificate: out.clone(),
            key: out,
        }
    };
    let ca = house.dir.join("commune/keys/ca/ca.pem");
    let first = make("first.pem");
    let mut office = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .arg("--config")
        .arg(&config)
        .arg("commune")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("starts");
    let enters = |files: &CertificateFiles| comes_in(&ca, port, Some(files), "ben-thoc");
    house.until("the first one opens", Duration::from_secs(20), |_| {
        enters(&first)
    });
    // Of a time before the record: the CA signed it, nobody wrote it down, and it is not the
    // newest.
    let stray = CertificateFiles::named(&house.dir, "stray");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs();
    let authority =
        Authority::load_or_make(ca.parent().expect("folder"), "xã Đồng Nếp", now).expect("CA");
    stray
        .write(
            &authority
                .issue_client("ben-thoc", now - 86_400)
                .expect("leaf"),
        )
        .expect("written");
    assert!(
        !enters(&stray),
        "another key of the same name opens nothing"
    );
    let second = make("second.pem");
    house.until(
        "the second one alone opens",
        Duration::from_secs(20),
        |_| enters(&second) && !enters(&first),
    );
    assert!(enters(&second) && !enters(&first) && !enters(&stray));
    office.kill().expect("killed");
    office.wait().expect("reaped");
}

#[test]
fn a_device_that_was_removed_and_added_again_needs_a_new_certificate() {
    let mut house = House::new("");
    let text = std::fs::read_to_string(house.config())
        .expect("configuration")
        .replace(
            "[broker]\n",
            "[broker]\nclient_certificates = true\nquarantine = false\n",
        );
    std::fs::write(house.config(), text).expect("configuration");
    house.start();
    let ca = house.dir.join("data/keys/house-ca/ca.pem");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs();
    let authority = Authority::load_or_make(ca.parent().expect("folder"), "x", now).expect("CA");
    let certificate = |name: &str| {
        let files = CertificateFiles::named(&house.dir, name);
        files
            .write(&authority.issue_client("den-77", now).expect("leaf"))
            .expect("written");
        files
    };
    let (old, fresh) = (certificate("old"), certificate("fresh"));
    assert_eq!(house.cli(&["device", "add", "den-77", "Đèn"]).0, 0);
    house.until("its certificate opens", Duration::from_secs(10), |h| {
        comes_in(&ca, h.mqtts, Some(&old), "den-77")
    });
    assert_eq!(house.cli(&["device", "remove", "den-77"]).0, 0);
    assert!(
        !comes_in(&ca, house.mqtts, Some(&old), "den-77"),
        "it has no account"
    );
    assert_eq!(house.cli(&["device", "add", "den-77", "Đèn"]).0, 0);
    assert!(
        !comes_in(&ca, house.mqtts, Some(&old), "den-77"),
        "the old certificate opens nothing of the new account"
    );
    assert!(
        comes_in(&ca, house.mqtts, Some(&fresh), "den-77"),
        "a new one does"
    );
    house.until(
        "and only that one, also after a restart",
        Duration::from_secs(10),
        |h| !comes_in(&ca, h.mqtts, Some(&old), "den-77"),
    );
    assert_eq!(house.stop(), Some(0));
    house.start();
    assert!(
        comes_in(&ca, house.mqtts, Some(&fresh), "den-77")
            && !comes_in(&ca, house.mqtts, Some(&old), "den-77")
    );
    assert_eq!(house.stop(), Some(0));
}
