//! The search among 5,000 notices, and the page of a notice beside nginx with the very bytes of it.
//!
//! Invariants: every request is a connection of its own, as the portal has it for everybody; both
//! servers compress each answer anew. `NGINX` names the program; without it that row is left out.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::house::{House, free_port, get};
use super::{Bar, Figure, times};

/// Notices of the village: as many as may be up.
const NOTICES: usize = 5_000;
/// Requests at a time.
const CLIENTS: usize = 4;
/// The bar of a search.
const MOST: Duration = Duration::from_millis(20);

const WORDS: [&str; 40] = [
    "họp",
    "thôn",
    "bà",
    "con",
    "nước",
    "điện",
    "đường",
    "ngõ",
    "chợ",
    "trường",
    "tiêm",
    "chủng",
    "lịch",
    "bơm",
    "kênh",
    "lúa",
    "giống",
    "phân",
    "thuốc",
    "hộ",
    "sổ",
    "giấy",
    "xã",
    "huyện",
    "công",
    "an",
    "trạm",
    "y",
    "tế",
    "đình",
    "chùa",
    "hội",
    "quỹ",
    "góp",
    "mưa",
    "bão",
    "đê",
    "cống",
    "nhà",
    "văn",
];

/// Words that follow from a number, different for each.
fn words(seed: usize, count: usize) -> String {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut out = String::new();
    for n in 0..count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS[(state >> 33) % WORDS.len()];
        let number = (state >> 40) % 900;
        // Every sixth word is one of few.
        let piece = if n % 6 == 5 {
            format!("{word}{number} ")
        } else {
            format!("{word} ")
        };
        out.push_str(&piece);
    }
    out
}

fn publish(house: &House, n: usize) {
    let title = match n % 10 {
        0 => format!("Họp thôn tháng {} lần {n}", n % 12 + 1),
        _ => words(n, 6),
    };
    let notice = serde_json::json!({
        "id": format!("tin-{n}"), "title": title.trim(), "body": words(n + 7, 120), "kind": "notice",
    });
    let answer = house.control("POST", "/notices", &notice.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Publishes notices by several hands, so that they share the disk's syncs.
fn fill(house: &House, count: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= count {
                        return;
                    }
                    publish(house, n);
                }
            });
        }
    });
}

fn find(house: &House, question: &str) {
    let answer = get(
        house.portal,
        &format!("/search?lang=vi&find={question}"),
        "",
    );
    assert_eq!(answer.status, 200, "{question}");
}

/// Both figures.
pub fn figures(house: &House, is_quick: bool) -> Vec<Figure> {
    let before = house.resident_mb();
    fill(house, NOTICES - 1);
    let began = Instant::now();
    find(house, "hop");
    let first = began.elapsed();
    let questions = [
        "hop%20thon",
        "nuoc",
        "dien%20duong",
        "th",
        "hop%20thon%20thang%203",
        "khong%20co",
        "b%C3%A0%20con",
        "lich%20bom%20nuoc%20kenh",
        "ti%C3%AAm%20ch%E1%BB%A7ng%20tr%E1%BA%A1m",
        "nha%2017",
    ];
    let rounds = if is_quick { 200 } else { 2_000 };
    let alone = times(rounds, |n| find(house, questions[n % questions.len()]));
    // A notice that was published just now is found: the index takes it over first.
    let mut after = Vec::new();
    for n in 0..rounds / 40 {
        let id = format!("tin-{n}");
        let down = serde_json::json!({ "command": { "do": "TakeDownNotice", "id": id } });
        assert_eq!(
            house.control("POST", "/commands", &down.to_string()).status,
            200
        );
        publish(house, NOTICES + n);
        after.extend(times(1, |_| find(house, "hop%20thon")));
    }
    let mut figures = vec![
        Figure::times(
            format!("a search among {NOTICES} notices, over HTTP"),
            alone,
            MOST,
        ),
        Figure::times(
            "a search right behind a notice that was published",
            after,
            MOST,
        ),
        Figure::one(
            "the first search, if nobody had prepared it",
            super::ms(first),
            "ms",
            Bar::None,
        ),
        Figure::one(
            format!("memory that {NOTICES} notices and the index take"),
            house.resident_mb() - before,
            "MB",
            Bar::None,
        ),
    ];
    figures.extend(beside_nginx(house, is_quick));
    figures
}

/// nginx with one file.
struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    fn start(program: &str, folder: &Path, page: &[u8]) -> Self {
        let folder = folder.join("nginx");
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("page.html"), page).expect("page");
        let (port, at) = (free_port(), folder.display());
        let config = format!(
            "user root;\nworker_processes auto;\ndaemon off;\npid {at}/pid;\nerror_log {at}/log;\n\
             events {{ worker_connections 1024; }}\nhttp {{\naccess_log off;\n\
             client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at};\n\
             uwsgi_temp_path {at}; scgi_temp_path {at};\ntypes {{ text/html html; }}\n\
             charset utf-8;\nsendfile on;\ntcp_nopush on;\nkeepalive_timeout 0;\ngzip on;\n\
             gzip_comp_level 6;\nserver {{ listen 127.0.0.1:{port}; root {at}; }}\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), config).expect("configuration");
        let child = Command::new(program)
            .arg("-e")
            .arg(folder.join("log"))
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx");
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "nginx answers");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, port }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its own signal to stop; its workers go with it.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

/// Answers a second of a page.
fn rate(port: u16, path: &str, time: Duration) -> f64 {
    let answered = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while began.elapsed() < time {
                    let answer = get(port, path, "accept-encoding: gzip\r\n");
                    assert_eq!(answer.status, 200, "{path}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    answered.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn beside_nginx(house: &House, is_quick: bool) -> Vec<Figure> {
    let Ok(program) = std::env::var("NGINX") else {
        return Vec::new();
    };
    let path = format!("/t/tin-{NOTICES}?lang=vi");
    let page = get(house.portal, &path, "");
    assert_eq!(page.status, 200, "{path}");
    assert!(
        !page.head.to_ascii_lowercase().contains("chunked"),
        "{}",
        page.head
    );
    let nginx = Nginx::start(&program, house.folder(), &page.body);
    let (rounds, time) = if is_quick {
        (1, Duration::from_secs(1))
    } else {
        (5, Duration::from_secs(3))
    };
    rate(house.portal, &path, time / 3);
    rate(nginx.port, "/page.html", time / 3);
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (a, b) = (
            rate(house.portal, &path, time),
            rate(nginx.port, "/page.html", time),
        );
        ours.push(a);
        theirs.push(b);
        ratios.push(a / b);
    }
    vec![
        Figure::one("the page of a notice", middle(ours), "answers/s", Bar::None),
        Figure::one(
            "nginx with the same bytes",
            middle(theirs),
            "answers/s",
            Bar::None,
        ),
        Figure::one(
            "ours to nginx, of the same round",
            middle(ratios),
            "times",
            Bar::None,
        ),
    ]
}
