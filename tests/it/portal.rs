//! The portal as phones meet it: probes of every maker before and after the tap, the page for each
//! way a device can stand, and a crowd of half-open connections.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conglang::domain::guest::PROBES;
use conglang::domain::guest::admission::NotNow;
use conglang::keys::authority::Authority;
use conglang::ports::guests::GuestVisitor;
use conglang::supervisor::clock::Clock;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::crowds::from;
use crate::hostile::now_s;
use crate::support::guest_pages::{GuestPages, NAME};
use crate::support::house::{House, free_port};
use crate::support::http::{Answer, http};
use crate::support::worker::many_files;

/// First view of a page, bytes.
const FIRST_VIEW: usize = 30_000;

const IN: GuestVisitor = GuestVisitor::In {
    seconds_left: 12_000,
    bytes_left: Some(1_024_000_000),
};

/// What devices ask for that nobody has written down.
const OTHERS: [(&str, &str); 2] = [
    ("probe.nobody.knows.example", "/any/path?at=all"),
    ("198.51.100.7", "/"),
];

/// The answer to one request, with its host as it is; a body that is longer than the answer waits
/// for may be cut.
pub fn asks(port: u16, method: &str, host: &str, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("written");
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Answer {
        status: crate::doors::status(head),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// Nothing may keep the connection or the answer.
fn is_not_kept(answer: &Answer) -> bool {
    answer.header("connection") == "close" && answer.header("cache-control") == "no-store"
}

#[test]
fn probes_of_every_maker_lead_to_the_portal_until_the_device_is_in() {
    let pages = GuestPages::new(GuestVisitor::Captive, IN);
    let states = [
        GuestVisitor::Captive,
        GuestVisitor::NotNow(NotNow::DeviceUsedUp),
        GuestVisitor::NotNow(NotNow::UplinkDown),
        GuestVisitor::NotServed,
    ];
    for visitor in states {
        pages.stands(visitor);
        for (host, path) in PROBES.into_iter().chain(OTHERS) {
            for method in ["GET", "HEAD", "POST", "OPTIONS"] {
                let answer = asks(pages.portal, method, host, path, "");
                let to = answer.header("location");
                assert!(
                    answer.status == 302 && to == format!("http://{NAME}/"),
                    "{method} {host}{path} of {visitor:?}: {answer:?}"
                );
                assert!(is_not_kept(&answer), "{answer:?}");
                assert!(method == "HEAD" || !answer.body.is_empty(), "{answer:?}");
            }
        }
    }
    assert_eq!(pages.taps(), 0, "no probe lets anybody in");
    // A connection that is older than the session: neither a portal nor the internet.
    pages.stands(IN);
    for (host, path) in PROBES.into_iter().chain(OTHERS) {
        let answer = asks(pages.portal, "GET", host, path, "");
        assert!(
            answer.status == 503 && is_not_kept(&answer) && answer.header("location").is_empty(),
            "{host}{path}: {answer:?}"
        );
        assert!(answer.body.contains("Máy này đã vào mạng"));
    }
    // Our own name and our own address, whatever the path.
    for host in [NAME, "nhavanhoa.lan", "10.77.0.1", "127.0.0.1"] {
        assert_eq!(asks(pages.portal, "GET", host, "/", "").status, 200);
        let lost = asks(pages.portal, "GET", host, "/generate_204", "");
        assert_eq!((lost.status, lost.header("location")), (302, "/"), "{host}");
    }
}

#[test]
fn one_tap_lets_in_and_no_link_does() {
    let pages = GuestPages::new(GuestVisitor::Captive, IN);
    let splash = http(pages.portal, "GET", "/", "", "").body;
    assert!(
        splash.contains("<form method=\"post\" action=\"/in?lang=vi\">")
            && splash.contains("Bấm để vào mạng")
            && splash.contains(&typed()),
        "{splash}"
    );
    for method in ["GET", "HEAD"] {
        let answer = http(pages.portal, method, "/in?lang=vi", "", "");
        assert_eq!((answer.status, answer.header("location")), (302, "/"));
    }
    assert_eq!(pages.taps(), 0, "a prefetched link lets nobody in");
    let done = http(pages.portal, "POST", "/in?lang=vi", "", "");
    assert_eq!(done.status, 200, "one round trip");
    for words in ["Đã vào mạng", "3 giờ 20 phút", "1 GB", &typed()] {
        assert!(done.body.contains(words), "{words}: {}", done.body);
    }
    assert!(is_not_kept(&done) && !done.body.contains("Bấm để vào mạng"));
    assert_eq!(pages.taps(), 1);
    let again = http(pages.portal, "GET", "/?lang=en", "", "").body;
    assert!(
        again.contains("This device is online")
            && again.contains("3 hours 20 minutes")
            && again.contains(&typed()),
        "{again}"
    );
    // A body is no part of the tap, and is not waited for.
    let long = "x".repeat(4_000_000);
    let answer = asks(pages.portal, "POST", NAME, "/in", &long);
    assert!(matches!(answer.status, 0 | 200 | 413), "{answer:?}");
    assert_eq!(http(pages.portal, "GET", "/", "", "").status, 200);
}

/// What the first page says of each way to stand, in both languages.
fn sayings() -> [(GuestVisitor, &'static str, &'static str); 14] {
    [
        (GuestVisitor::Captive, "Bấm để vào mạng", "Tap to go online"),
        (IN, "Máy này đang trong mạng", "This device is online"),
        (
            GuestVisitor::NotNow(NotNow::Closed { opens: 330 }),
            "5 giờ 30 mở lại",
            "opens again at 05:30",
        ),
        (
            GuestVisitor::NotNow(NotNow::DeviceUsedUp),
            "đã dùng hết phần của hôm nay",
            "1 GB a day",
        ),
        (
            GuestVisitor::NotNow(NotNow::HouseUsedUp),
            "Ngày mai, từ 5 giờ, lại dùng được",
            "used up for today",
        ),
        (
            GuestVisitor::NotNow(NotNow::Full),
            "Đã đủ 60 máy",
            "All 60 places",
        ),
        (
            GuestVisitor::NotNow(NotNow::TurnIn { seconds: 12 }),
            "Mời chờ 12 giây rồi bấm lại",
            "Wait 12 seconds",
        ),
        (
            GuestVisitor::NotNow(NotNow::UplinkDown),
            "Nhà văn hóa đang mất mạng",
            "The internet line is down",
        ),
        (
            GuestVisitor::NotNow(NotNow::MeteredOnly),
            "mạng 4G",
            "paid by the megabyte",
        ),
        (
            GuestVisitor::NotNow(NotNow::Blocked),
            "không được vào wifi của thôn",
            "may not use",
        ),
        (
            GuestVisitor::NotNow(NotNow::Off),
            "Thôn đang tắt wifi",
            "switched the wifi off",
        ),
        (GuestVisitor::NotAGuest, "Đọc thông báo", "Read the notices"),
        (
            GuestVisitor::OutOfOrder,
            "Mời báo người trực nhà văn hóa",
            "The wifi has a problem",
        ),
        (GuestVisitor::NotServed, "Đọc thông báo", "Read the notices"),
    ]
}

#[test]
fn each_way_to_stand_has_its_words_in_both_languages() {
    let pages = GuestPages::new(GuestVisitor::Captive, IN);
    for (visitor, vi, en) in sayings() {
        pages.stands(visitor);
        for (lang, words) in [("vi", vi), ("en", en)] {
            for big in ["", "&big=1"] {
                let page = http(pages.portal, "GET", &format!("/?lang={lang}{big}"), "", "");
                assert!(
                    page.status == 200 && page.body.contains(words),
                    "{visitor:?}: {}",
                    page.body
                );
                is_plain(&page);
                let may_tap = page.body.contains("method=\"post\"");
                let has_way = matches!(
                    visitor,
                    GuestVisitor::Captive
                        | GuestVisitor::NotNow(NotNow::Full | NotNow::TurnIn { .. })
                );
                assert_eq!(may_tap, has_way, "{visitor:?}");
            }
        }
        // The tap is answered with the same words, and never with silence.
        pages.script.lock().expect("whole").taps = visitor;
        let tapped = http(pages.portal, "POST", "/in?lang=vi", "", "");
        assert_eq!(tapped.status, 200);
        is_plain(&tapped);
    }
    for path in ["/rules?lang=vi", "/t?lang=vi", "/rules?lang=en&big=1"] {
        is_plain(&http(pages.portal, "GET", path, "", ""));
    }
    let rules = http(pages.portal, "GET", "/rules?lang=vi", "", "").body;
    for words in [
        "Từ 5 giờ đến 22 giờ",
        "1 GB",
        "Đủ xem phim trên điện thoại",
        "Giữ 30 ngày",
        "Địa chỉ máy chỉ giữ trong lúc nối wifi",
        "DNS riêng tư",
        &typed(),
    ] {
        assert!(rules.contains(words), "{words}: {rules}");
    }
    let at = |words: &str| rules.find(words);
    assert!(
        at("Tốc độ của mỗi máy") < at("Đủ xem phim trên điện thoại"),
        "the name of a rule stands above its value: {rules}"
    );
}

/// The address to come back as a page shows it: whole, and with the slash without which a browser
/// searches for a name that it does not know.
fn typed() -> String {
    format!("<strong class=\"address\">{NAME}/</strong>")
}

/// A page without script, cookie or storage, in one small request.
fn is_plain(page: &Answer) {
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.len() < FIRST_VIEW, "{} bytes", page.body.len());
    for never in ["<script", "src=", "http://", "https://", "target="] {
        assert!(!page.body.contains(never), "{never}: {}", page.body);
    }
    assert!(page.header("set-cookie").is_empty() && is_not_kept(page));
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'; style-src 'sha256-")
    );
}

#[test]
fn an_address_that_nobody_can_read_gets_its_page() {
    let pages = GuestPages::new(GuestVisitor::Captive, IN);
    for query in ["?lang=vi&lang=en", "?%ff=%f", "?big", "?lang=klingon"] {
        let page = http(pages.portal, "GET", &format!("/{query}"), "", "");
        assert_eq!(page.status, 200, "{query}");
    }
}

/// Half-open connections of one guest, opened again and again, and the page of another. It is
/// judged whether the page comes at all within a bound, not how quick a busy machine is.
#[test]
fn ten_thousand_half_open_connections_of_one_guest_keep_no_other_page_waiting() {
    const MOST: Duration = Duration::from_secs(5);
    many_files();
    let mut house = House::new("");
    house.start();
    let words: [&[u8]; 4] = [
        b"",
        b"GET / HTTP/1.1\r\nhost: captive.apple.com\r\nx-slow: ",
        b"POST /in HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100000\r\n\r\nx",
        b"GET ",
    ];
    let greedy = Ipv4Addr::new(127, 0, 0, 9);
    let mut held = Vec::new();
    for round in 0..20 {
        held.extend((0..500).map(|n| from(greedy, house.portal, words[n % words.len()])));
        let began = Instant::now();
        for path in ["/", "/rules", "/t"] {
            let page = http(house.portal, "GET", path, "", "");
            assert_eq!(page.status, 200, "{path}");
        }
        let took = began.elapsed();
        assert!(took < MOST, "round {round}: {took:?}");
    }
    assert_eq!(held.len(), 10_000);
    let open = std::fs::read_dir(format!("/proc/{}/fd", house.gateway_pid()))
        .expect("files")
        .count();
    assert!(open < 1_000, "{open} files are open");
    assert_eq!(house.get("/sign-in", "").status, 200, "nor the dashboard's");
}

/// The answer to a phone that asks over HTTPS under a name; none = nobody answers.
pub fn asks_secure(ca: &Path, port: u16, name: &'static str, path: &str) -> Option<Answer> {
    let config = conglang::keys::tls::client_config(ca, None, Clock::system(0)).expect("client");
    asks_over(config, port, name, path)
}

/// The same of a phone as it is sold, which judges a certificate by its own clock.
pub fn asks_as_sold(ca: &Path, port: u16, name: &'static str, path: &str) -> Option<Answer> {
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_file(ca).expect("a root");
    roots.add(root).expect("a root");
    let provider = conglang::keys::tls::provider();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    asks_over(Arc::new(config), port, name, path)
}

fn asks_over(
    config: Arc<rustls::ClientConfig>,
    port: u16,
    name: &'static str,
    path: &str,
) -> Option<Answer> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    let name_of = name.try_into().expect("name");
    let connection = rustls::ClientConnection::new(config, name_of).ok()?;
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        status: crate::doors::status(head),
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

#[test]
fn phones_ask_how_they_stand_over_https_once_a_certificate_is_there() {
    let mut house = House::new("");
    let port = free_port();
    let text = std::fs::read_to_string(house.config()).expect("configuration");
    let doors = format!("[doors]\nnames = [\"{NAME}\"]\nportal_tls = \"127.0.0.1:{port}\"\n");
    std::fs::write(house.config(), text.replace("[doors]\n", &doors)).expect("configuration");
    house.start();
    let folder = house.dir.join("ca");
    let authority = Authority::load_or_make(&folder, "ai cũng tin", now_s()).expect("CA");
    let identity = authority
        .issue_server(NAME, &[NAME.into()], now_s() - 3_600)
        .expect("certificate");
    let (certificate, key) = (house.dir.join("c.pem"), house.dir.join("k.pem"));
    std::fs::write(&certificate, &identity.certificate).expect("written");
    std::fs::write(&key, &identity.key).expect("written");
    let [certificate, key] = [&certificate, &key].map(|p| p.display().to_string());
    let installed = house.cli(&["cert", "install", &certificate, &key]);
    assert_eq!(installed.0, 0, "{}", installed.1);
    let ca = folder.join("ca.pem");
    house.until("it is served", Duration::from_secs(15), |_| {
        asks_secure(&ca, port, NAME, "/").is_some_and(|page| page.status == 200)
    });
    let told = asks_secure(&ca, port, NAME, "/captive-portal/api").expect("an answer");
    assert_eq!(
        (
            told.status,
            told.header("content-type"),
            told.header("cache-control")
        ),
        (200, "application/captive+json", "private, no-store")
    );
    let told: serde_json::Value = serde_json::from_str(&told.body).expect("json");
    assert!(
        told["captive"] == true
            && told["user-portal-url"] == format!("https://{NAME}/")
            && told["venue-info-url"] == format!("https://{NAME}/t"),
        "{told}"
    );
    let plain = http(house.portal, "GET", "/captive-portal/api", "", "");
    assert_eq!(plain.status, 302, "over HTTPS only");
    assert!(house.cli(&["doctor"]).0 < 2);
}
