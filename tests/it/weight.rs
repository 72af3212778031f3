//! What a page weighs on the wire: texts compressed, pictures of the size of their place, nothing
//! sent twice.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fantoccini::Locator;
use serde_json::Value;

use crate::browser::{Driver, sign_in, words};
use crate::support::house::House;

/// First view of the wall with eight cameras: page, style, script, icon and stills, bytes (106 kB
/// with the night streets of the test).
const FIRST_WALL: usize = 120_000;
/// First view of any other page on the wire, bytes (8 kB with little on it).
const FIRST_VIEW: usize = 12_000;

/// An answer as it came, its body still compressed and without the frames of chunks.
pub struct Wire {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Wire {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines();
        let mut pairs = lines.filter_map(|l| l.split_once(": "));
        pairs
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|p| p.1)
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        flate2::read::GzDecoder::new(&self.body[..])
            .read_to_string(&mut out)
            .expect("gzip of a text");
        out
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        if size == 0 {
            break;
        }
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    out
}

pub fn wire(port: u16, path: &str, cookie: &str, more: &str) -> Wire {
    let mut door = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    door.set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    write!(
        door,
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\n\
         accept-encoding: gzip, deflate, br, zstd\r\nconnection: close\r\n{more}\r\n"
    )
    .expect("asked");
    let mut bytes = Vec::new();
    door.read_to_end(&mut bytes).expect("an answer");
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
    let end = end.expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let body = bytes[end + 4..].to_vec();
    let is_chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    Wire {
        status: head[9..12].parse().expect("a status"),
        body: if is_chunked { unchunked(&body) } else { body },
        head,
    }
}

const SHARED: [&str; 3] = ["/a/village.css", "/a/live.js", "/a/icon.svg"];

#[test]
fn texts_are_compressed_at_every_door_and_pictures_are_not() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let get = |path: &str| wire(house.dashboard, path, &cookie, "");
    let shared: usize = SHARED.iter().map(|p| get(p).body.len()).sum();
    for path in [
        "/",
        "/lights",
        "/sensors",
        "/devices",
        "/speakers",
        "/notices",
        "/notices/new",
        "/history",
        "/more",
        "/me",
    ] {
        let page = get(path);
        assert_eq!(page.header("content-encoding"), Some("gzip"), "{path}");
        assert!(page.text().contains("</html>"), "{path}");
        let (zipped, plain) = (
            page.body.len() + shared,
            house.get(path, &cookie).body.len(),
        );
        println!("{path}: {zipped} bytes on the wire with what is shared, {plain} the page plain");
        assert!(zipped <= FIRST_VIEW, "{path}: {zipped}");
    }
    for path in SHARED {
        let file = get(path);
        assert_eq!(file.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(file.header("cache-control"), Some("public, max-age=86400"));
    }
    assert_eq!(get("/a/icon-192.png").header("content-encoding"), None);
    let splash = wire(house.portal, "/", "", "");
    assert_eq!(splash.header("content-encoding"), Some("gzip"));
    assert!(splash.text().contains("</html>"));
    println!("portal: {} bytes on the wire", splash.body.len());
    let plain = house.get("/", &cookie);
    assert!(!plain.head.contains("content-encoding"), "nobody asked");
}

#[test]
fn the_console_is_compressed_too() {
    let mut commune = crate::support::office::Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let page = wire(commune.console, "/", "", "");
    assert_eq!(page.header("content-encoding"), Some("gzip"));
    assert!(page.text().contains("</html>"));
}

#[test]
fn lengths_of_compressed_pages_tell_nothing_about_the_token() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let tokens = [0; 3].map(|_| house.form("/speakers", &cookie));
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    assert_ne!(tokens[0][32..], tokens[1][32..], "and no half of it stays");
    for token in &tokens {
        let stopped = house.post("/speakers/stop", &cookie, &[("form", token)]);
        assert_eq!(stopped.status, 303, "each is good");
    }
    let mut wrong = tokens[0].clone();
    let last = if wrong.ends_with('0') { "1" } else { "0" };
    wrong.replace_range(63.., last);
    let refused = house.post("/speakers/stop", &cookie, &[("form", &wrong)]);
    assert_eq!(refused.status, 403);
    for site in ["cross-site", "same-site"] {
        let more = format!("sec-fetch-site: {site}\r\n");
        let page = wire(house.dashboard, "/speakers", &cookie, &more);
        assert_eq!(page.header("content-encoding"), None, "{site}");
    }
}

#[test]
fn the_wall_of_eight_cameras_weighs_little_and_an_unchanged_still_nothing() {
    let cams = crate::cameras::Script::cameras(8);
    let mut house = House::new(&crate::cameras::configured(8, cams.port));
    house.start();
    let cookie = house.sign_in();
    let stills = |h: &House| -> Vec<String> {
        let page = h.get("/cameras", &cookie).body;
        let parts = page.split("src=\"/cameras/").skip(1);
        let paths = parts.filter_map(|p| p.split('"').next());
        paths.map(|p| format!("/cameras/{p}")).collect()
    };
    house.until("a still of each", Duration::from_secs(90), |h| {
        stills(h).len() == 8
    });
    let get = |path: &str| wire(house.dashboard, path, &cookie, "");
    let page = get("/cameras");
    let mut first = page.body.len();
    first += SHARED.iter().map(|p| get(p).body.len()).sum::<usize>();
    for path in stills(&house) {
        let still = get(&path);
        assert_eq!(still.header("content-type"), Some("image/jpeg"), "{path}");
        assert_eq!(still.header("content-encoding"), None);
        assert_eq!(size_of(&still.body), (320, 180), "{path}");
        first += still.body.len();
        let tag = still.header("etag").expect("a tag").to_owned();
        // The worker makes a new one every few seconds while somebody looks.
        let began = Instant::now();
        let mut tag = tag;
        loop {
            let again = wire(
                house.dashboard,
                &path,
                &cookie,
                &format!("if-none-match: {tag}\r\n"),
            );
            if again.status == 304 {
                assert!(again.body.is_empty());
                break;
            }
            assert_eq!(again.status, 200);
            assert!(began.elapsed() < Duration::from_secs(20), "always new");
            tag = again.header("etag").expect("a tag").to_owned();
        }
    }
    println!("first view of the wall with eight cameras: {first} bytes");
    assert!(first <= FIRST_WALL, "{first}");
    let full = get("/cameras/cam-01/still");
    assert_eq!(size_of(&full.body), (640, 360), "the page of one camera");
}

/// Width and height of a JPEG: of its start of frame (ITU-T T.81, B.2.2).
fn size_of(jpeg: &[u8]) -> (u16, u16) {
    let mut at = 2;
    loop {
        let (kind, len) = (jpeg[at + 1], [jpeg[at + 2], jpeg[at + 3]]);
        let number = |n: usize| u16::from_be_bytes([jpeg[at + n], jpeg[at + n + 1]]);
        if matches!(kind, 0xc0..=0xc2) {
            return (number(7), number(5));
        }
        at += 2 + usize::from(u16::from_be_bytes(len));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn across_and_on_the_whole_screen_the_whole_picture_is_seen() {
    let (_cameras, house) = crate::cameras::showing();
    let driver = Driver::start();
    let phone = driver.phone_of(800, 360).await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;
    phone
        .goto(&format!("{base}/cameras/cam-01"))
        .await
        .expect("opens");
    words(&phone, "#watch-tag", "Trực tiếp", Duration::from_secs(15)).await;
    let script = "const v = document.getElementById('watch'), r = v.getBoundingClientRect(), s = getComputedStyle(v); \
        return [r.height, innerHeight - document.querySelector('.feet').offsetHeight, s.objectFit, \
        document.querySelector('meta[name=viewport]').content]";
    let seen = phone.execute(script, vec![]).await.expect("script");
    let number = |v: &Value| v.as_f64().expect("number");
    assert!(number(&seen[0]) <= number(&seen[1]), "{seen}");
    assert_eq!(seen[2], "contain");
    let zoom = seen[3].as_str().expect("text");
    assert!(
        !zoom.contains("scale=1,max")
            && !zoom.contains("maximum")
            && !zoom.contains("user-scalable")
    );
    let up = "document.querySelector('.watch').scrollIntoView()";
    phone.execute(up, vec![]).await.expect("script");
    let full = phone.find(Locator::Id("watch-full")).await.expect("button");
    full.click().await.expect("pressed");
    let is_full = "return document.fullscreenElement !== null";
    // A desktop browser's scroll bar beside a long page is not the picture's to cover.
    let script = "const r = document.getElementById('watch').getBoundingClientRect(); \
        return r.top >= 0 && r.bottom <= innerHeight \
        && r.width >= document.documentElement.clientWidth - 1";
    wait(&phone, is_full, true).await;
    wait(&phone, script, true).await;
    words(&phone, "#watch-full", "Thu nhỏ lại", Duration::from_secs(5)).await;
    full.click().await.expect("pressed");
    wait(&phone, is_full, false).await;
    // Where the browser has no full screen for a part of a page, it lies over the page.
    let none = "document.getElementById('watch').parentNode.requestFullscreen = null; \
        document.getElementById('watch').parentNode.webkitRequestFullscreen = null";
    phone.execute(none, vec![]).await.expect("script");
    full.click().await.expect("pressed");
    wait(&phone, script, true).await;
    full.click().await.expect("pressed");
    words(
        &phone,
        "#watch-full",
        "Toàn màn hình",
        Duration::from_secs(5),
    )
    .await;
    phone.close().await.expect("closed");
}

async fn wait(phone: &fantoccini::Client, script: &str, wanted: bool) {
    let began = Instant::now();
    while phone.execute(script, vec![]).await.expect("script") != wanted {
        assert!(began.elapsed() < Duration::from_secs(5), "{script}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
