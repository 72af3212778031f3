//! What must not hang on the surroundings: modes of files, names by which a door is called, how many follow a page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::house::House;
use crate::office::Commune;

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
    all.retain(|p| std::fs::symlink_metadata(p).expect("there").permissions().mode() & 0o077 != 0);
    all
}

#[test]
fn whatever_lies_in_the_data_folder_is_the_houses_own_and_doctor_tells_what_is_not() {
    let mut house = House::new("");
    house.start();
    let data = house.dir.join("data");
    house.sign_in();
    assert_eq!(wide(&data), Vec::<PathBuf>::new(), "started by hand, with whatever umask there is");
    let (code, text) = house.cli(&["doctor"]);
    assert!(code == 0 && !text.contains("D-PRM"), "{text}");
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("mode");
    open(&data.join("people"), 0o755);
    let (code, text) = house.cli(&["doctor"]);
    assert!(code == 0 && text.contains("D-PRM-02") && text.contains("data/people") && text.contains("chmod"), "{text}");
    open(&data.join("keys/api.token"), 0o644);
    let (code, text) = house.cli(&["doctor"]);
    assert!(code == 2 && text.contains("D-PRM-01") && text.contains("keys/api.token"), "{text}");
    assert_eq!(house.stop(), Some(0));
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    commune.sign_in([127, 0, 0, 1]);
    assert_eq!(wide(&commune.dir.join("data")), Vec::<PathBuf>::new());
}

/// The whole answer to `GET path` for a host; none = the line is left out, and HTTP/1.0 is spoken.
fn asked_as(port: u16, host: Option<&str>, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    let head = host.map_or_else(|| format!("GET {path} HTTP/1.0\r\n"), |h| format!("GET {path} HTTP/1.1\r\nhost: {h}\r\nconnection: close\r\n"));
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("read");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split_whitespace().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
}

#[test]
fn pages_behind_a_sign_in_answer_to_their_own_names_and_the_portal_to_all() {
    let mut house = House::new("");
    let text = std::fs::read_to_string(house.config()).expect("configuration").replace("[doors]\n", "[doors]\nnames = [\"benthoc.example\"]\n");
    std::fs::write(house.config(), text).expect("configuration");
    house.start();
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let own = format!("127.0.0.1:{}", house.dashboard);
    for (door, path) in [(house.dashboard, "/sign-in"), (commune.console, "/")] {
        for good in [own.as_str(), "127.0.0.1", "localhost:99"] {
            assert_eq!(status(&asked_as(door, Some(good), path)), 200, "{good}");
        }
        assert_eq!(status(&asked_as(door, None, path)), 200, "no page of another asks without a host");
        for bad in ["evil.example", "127.0.0.1.evil.example", "192.0.2.7", "localhost.evil.example:80", "[::1]", "\u{202e}x"] {
            let answer = asked_as(door, Some(bad), path);
            assert_eq!(status(&answer), 421, "{bad}: {answer}");
            assert!(answer.contains(&format!("http://127.0.0.1:{door}/")) && answer.contains("names") && !answer.contains('\u{202e}'), "{answer}");
        }
    }
    assert_eq!(status(&asked_as(house.dashboard, Some("BenThoc.example"), "/sign-in")), 200, "a name of the configuration");
    for path in ["/api/state", "/a/village.css", "/live/today", "/cameras/cong/live"] {
        assert_eq!(status(&asked_as(house.dashboard, Some("evil.example"), path)), 421, "{path}");
    }
    // A phone's probe for any site is led to the portal.
    for host in ["connectivitycheck.gstatic.com", "captive.apple.com", "evil.example"] {
        let answer = asked_as(house.portal, Some(host), "/generate_204");
        assert!(status(&answer) == 302, "{host}: {answer}");
    }
    assert_eq!(status(&asked_as(house.portal, Some("benthoc.example"), "/")), 200);
    assert_eq!(house.stop(), Some(0));
}
