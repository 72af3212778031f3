//! What must not hang on the surroundings: modes of files, names by which a door is called, how
//! many follow a page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::house::House;
use crate::support::office::{Commune, memory_kb};

/// Everything in a folder and the folder itself.
fn everything(path: &Path, out: &mut Vec<PathBuf>) {
    out.push(path.to_owned());
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("folder") {
            everything(&entry.expect("entry").path(), out);
        }
    }
}

/// What others than the owner may read, write or enter.
fn wide(path: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    everything(path, &mut all);
    assert!(all.len() > 10, "{}: {all:?}", path.display());
    all.retain(|p| {
        std::fs::symlink_metadata(p)
            .expect("there")
            .permissions()
            .mode()
            & 0o077
            != 0
    });
    all
}

#[test]
fn whatever_lies_in_the_data_folder_is_the_houses_own_and_doctor_tells_what_is_not() {
    let mut house = House::new("");
    house.start();
    let data = house.dir.join("data");
    house.sign_in();
    assert_eq!(
        wide(&data),
        Vec::<PathBuf>::new(),
        "started by hand, with whatever umask there is"
    );
    let (code, text) = house.cli(&["doctor"]);
    assert!(code == 0 && !text.contains("D-PRM"), "{text}");
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("mode");
    };
    open(&data.join("people"), 0o755);
    let (code, text) = house.cli(&["doctor"]);
    assert!(
        code == 0
            && text.contains("D-PRM-02")
            && text.contains("data/people")
            && text.contains("chmod"),
        "{text}"
    );
    open(&data.join("keys/api.token"), 0o644);
    let (code, text) = house.cli(&["doctor"]);
    assert!(
        code == 2 && text.contains("D-PRM-01") && text.contains("keys/api.token"),
        "{text}"
    );
    assert_eq!(house.stop(), Some(0));
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    commune.sign_in([127, 0, 0, 1]);
    assert_eq!(wide(&commune.dir.join("data")), Vec::<PathBuf>::new());
}

/// The whole answer to `GET path` for a host; none = the line is left out, and HTTP/1.0 is spoken.
fn asked_as(port: u16, host: Option<&str>, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    let head = host.map_or_else(
        || format!("GET {path} HTTP/1.0\r\n"),
        |h| format!("GET {path} HTTP/1.1\r\nhost: {h}\r\nconnection: close\r\n"),
    );
    stream
        .write_all(format!("{head}\r\n").as_bytes())
        .expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("read");
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn status(answer: &str) -> u16 {
    answer
        .split_whitespace()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0)
}

#[test]
fn pages_behind_a_sign_in_answer_to_their_own_names_and_the_portal_to_all() {
    let mut house = House::new("");
    let text = std::fs::read_to_string(house.config())
        .expect("configuration")
        .replace("[doors]\n", "[doors]\nnames = [\"benthoc.example\"]\n");
    std::fs::write(house.config(), text).expect("configuration");
    house.start();
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let own = format!("127.0.0.1:{}", house.dashboard);
    for (door, path) in [(house.dashboard, "/sign-in"), (commune.console, "/")] {
        for good in [own.as_str(), "127.0.0.1", "localhost:99"] {
            assert_eq!(status(&asked_as(door, Some(good), path)), 200, "{good}");
        }
        assert_eq!(
            status(&asked_as(door, None, path)),
            200,
            "no page of another asks without a host"
        );
        for bad in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
            "192.0.2.7.evil.example",
            "\u{202e}x",
        ] {
            let answer = asked_as(door, Some(bad), path);
            assert_eq!(status(&answer), 421, "{bad}: {answer}");
            assert!(
                answer.contains(&format!("http://127.0.0.1:{door}/"))
                    && answer.contains("names")
                    && !answer.contains('\u{202e}'),
                "{answer}"
            );
        }
    }
    assert_eq!(
        status(&asked_as(
            house.dashboard,
            Some("BenThoc.example"),
            "/sign-in"
        )),
        200,
        "a name of the configuration"
    );
    for path in [
        "/api/state",
        "/a/village.css",
        "/live/today",
        "/cameras/cong/live",
    ] {
        assert_eq!(
            status(&asked_as(house.dashboard, Some("evil.example"), path)),
            421,
            "{path}"
        );
    }
    // A phone's probe for any site is led to the portal.
    for host in [
        "connectivitycheck.gstatic.com",
        "captive.apple.com",
        "evil.example",
    ] {
        let answer = asked_as(house.portal, Some(host), "/generate_204");
        assert!(status(&answer) == 302, "{host}: {answer}");
    }
    assert_eq!(
        status(&asked_as(house.portal, Some("benthoc.example"), "/")),
        200
    );
    assert_eq!(house.stop(), Some(0));
}

/// A page's stream: its first lines are read, the rest comes.
fn follow(port: u16, cookie: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(20)))
        .expect("timeout");
    stream
        .write_all(
            format!("GET /live/other HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n")
                .as_bytes(),
        )
        .expect("written");
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&head).contains("\r\n\r\n") {
        let n = stream.read(&mut buffer).expect("read");
        assert!(n > 0, "closed");
        head.extend_from_slice(&buffer[..n]);
    }
    (stream, String::from_utf8_lossy(&head).into_owned())
}

#[test]
fn pages_that_follow_are_bounded_and_the_page_itself_goes_on() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let port = house.dashboard;
    let session = || {
        let answer = house.post(
            "/sign-in",
            "",
            &[("user", "mau"), ("pin", crate::support::house::CHIEF_PIN)],
        );
        answer.cookie()
    };
    let cookies: Vec<String> = (0..12).map(|_| session()).collect();
    let open = |cookie: &str| {
        let (stream, head) = follow(port, cookie);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        stream
    };
    // A session has its share; one more is told why, in words, and the page is there all the same.
    let mut held: Vec<TcpStream> = (0..6).map(|_| open(&cookies[0])).collect();
    let (_refused, head) = follow(port, &cookies[0]);
    assert!(
        head.starts_with("HTTP/1.1 429")
            && head.contains("retry-after: 30")
            && head.contains("Trang này vẫn dùng được"),
        "{head}"
    );
    assert_eq!(house.get("/lights", &cookies[0]).status, 200);
    drop(held.pop());
    house.until(
        "a place comes back",
        std::time::Duration::from_secs(20),
        |_| follow(port, &cookies[0]).1.starts_with("HTTP/1.1 200"),
    );
    drop(held);
    // All places: who comes new takes one of the session that holds the most, and the others go on.
    let mut crowd: Vec<TcpStream> = cookies[1..11]
        .iter()
        .flat_map(|c| (0..6).map(|_| open(c)).collect::<Vec<_>>())
        .collect();
    let few: Vec<TcpStream> = (0..3).map(|_| open(&cookies[11])).collect();
    let late = open(&cookies[0]);
    let mut later = open(&cookies[0]);
    let ended = |stream: &mut TcpStream| {
        stream
            .set_read_timeout(Some(std::time::Duration::from_millis(1)))
            .expect("timeout");
        let mut buffer = [0; 8_192];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(cause) => {
                    return !matches!(
                        cause.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    );
                }
            }
        }
    };
    let crowd = std::cell::RefCell::new(&mut crowd);
    house.until(
        "one of a crowd made room",
        std::time::Duration::from_secs(20),
        |_| crowd.borrow_mut().iter_mut().any(&ended),
    );
    assert!(!ended(&mut later), "and not who came for it");
    drop((few, late));
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn a_sound_that_is_fetched_and_not_taken_costs_a_piece_each() {
    let mut house = House::new("");
    house.start();
    let hash = "ab".repeat(32);
    let sound: Vec<u8> = (0..8u32 << 20)
        .map(|n| u8::try_from(n % 251).expect("small"))
        .collect();
    std::fs::write(house.dir.join(format!("data/sounds/{hash}.wav")), &sound).expect("written");
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", house.portal)).expect("connects");
        stream
            .write_all(
                format!("GET /sound/{hash} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .expect("written");
        stream
    };
    let mut whole = Vec::new();
    ask().read_to_end(&mut whole).expect("read");
    assert!(
        whole.ends_with(&sound)
            && String::from_utf8_lossy(&whole[..200]).contains("content-length: 8388608"),
        "it comes whole"
    );
    for strange in ["..%2f..%2fkeys%2fapi.token", "ab", &"cd".repeat(32)] {
        assert_eq!(
            status(&asked_as(
                house.portal,
                Some("x"),
                &format!("/sound/{strange}")
            )),
            404,
            "{strange}"
        );
    }
    let before = memory_kb(house.gateway_pid(), "VmRSS:");
    let mut held: Vec<TcpStream> = (0..60).map(|_| ask()).collect();
    for stream in &mut held {
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("it began");
        assert_eq!(&first[..], b"HTTP/1.1 200");
    }
    let after = memory_kb(house.gateway_pid(), "VmRSS:");
    assert!(
        after.saturating_sub(before) < 48 * 1024,
        "{before} KiB before, {after} with sixty who wait"
    );
    drop(held);
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn a_body_beyond_its_bound_is_refused_at_every_door() {
    let mut house = House::new("");
    house.start();
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let long = "x".repeat(200 * 1024);
    for (door, path) in [
        (house.dashboard, "/sign-in"),
        (house.dashboard, "/api/commands"),
        (commune.console, "/sign-in"),
    ] {
        let token = std::fs::read_to_string(house.dir.join("data/keys/api.token")).expect("token");
        let mut stream = TcpStream::connect(("127.0.0.1", door)).expect("connects");
        let kind = if path.starts_with("/api") {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            long.len()
        );
        // The rest may be refused before it is written.
        let _ = stream.write_all((head + &long).as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            answer.is_empty() || matches!(status(&answer), 400 | 413),
            "{path}: {answer}"
        );
    }
    let mut control = std::os::unix::net::UnixStream::connect(house.dir.join("run/control.sock"))
        .expect("control socket");
    let head = format!(
        "POST /commands HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        long.len()
    );
    let _ = control.write_all((head + &long).as_bytes());
    let mut answer = Vec::new();
    let _ = control.read_to_end(&mut answer);
    assert!(
        answer.is_empty() || status(&String::from_utf8_lossy(&answer)) == 413,
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(house.get("/sign-in", "").status, 200);
    assert_eq!(house.stop(), Some(0));
}
