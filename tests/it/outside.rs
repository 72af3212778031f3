//! Pages of others: the commune's news become drafts and never twice, links that do not open are
//! hidden and come back. Servers of others and of the test, over loopback.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conglang::config::board::{BoardConfig, FeedConfig, OfficialAddress, OfficialKind};
use conglang::domain::actor::Actor;
use conglang::domain::calendar::rfc822;
use conglang::domain::notice;
use conglang::feeds::fetch::Fetcher;
use conglang::feeds::links::{LinkCheck, LinkRound};
use conglang::feeds::reader::FeedReader;
use conglang::journal::CommandRequest;
use conglang::ports::guests::GuestVisitor;
use conglang::supervisor::clock::Clock;
use conglang::time::MonoMs;
use serde_json::json;
use url::Url;

use crate::support::guest_pages::GuestPages;
use crate::support::house::{House, free_port};
use crate::support::http::http;

const DAY_MS: u64 = 86_400_000;

/// Debian's own server of files, which knows `If-Modified-Since`.
struct FileServer {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl FileServer {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("log")).expect("log");
        let child = Command::new("/usr/bin/python3")
            .args([
                "-u",
                "-m",
                "http.server",
                "--bind",
                "127.0.0.1",
                "--directory",
            ])
            .arg(folder.path())
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("python3");
        let server = Self {
            child,
            port,
            folder,
        };
        within("the server answers", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        server
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).expect("written");
    }

    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// How often this was answered with a status.
    fn answered(&self, name: &str, status: u16) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).expect("log");
        let line = format!("\"GET /{name} HTTP/1.1\" {status} ");
        log.matches(&line).count()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn within(what: &str, good: impl Fn() -> bool) {
    let began = Instant::now();
    while !good() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A feed of a commune with these news, an hour old.
fn rss(news: &[(&str, &str)]) -> String {
    let at = rfc822(Clock::system(0).wall_ms() + -3_600_000);
    let item = |(id, title): &(&str, &str)| {
        format!(
            "<item><guid isPermaLink=\"false\">{id}</guid><title>{title}</title>\
             <link>https://xa.example/{id}</link><pubDate>{at}</pubDate>\
             <description>&lt;p&gt;Mời bà con xem.&lt;/p&gt;</description></item>"
        )
    };
    let items: String = news.iter().map(item).collect();
    format!("<?xml version=\"1.0\"?><rss version=\"2.0\"><channel>{items}</channel></rss>")
}

#[test]
fn the_communes_news_become_drafts_once_also_after_a_power_cut() {
    let server = FileServer::new();
    server.write(
        "rss.xml",
        rss(&[("1", "Lịch tiêm chủng"), ("2", "Đổi giờ họp chợ")]).as_bytes(),
    );
    // The bytes that `iconv -t CP1258` makes of “Cấp bản sao trích lục hộ tịch; Đăng ký”.
    let title: &[u8] =
        b"C\xe2\xecp ba\xd2n sao tr\xedch lu\xf2c h\xf4\xf2 ti\xf2ch; \xd0\xe3ng ky\xec";
    let head = b"<?xml version=\"1.0\" encoding=\"windows-1258\"?><rss><channel><item><title>";
    let old = [head, title, b"</title></item></channel></rss>"].concat();
    server.write("old.xml", &old);
    server.write("secret.xml", rss(&[("9", "Trong nhà")]).as_bytes());
    let feed = |name: &str, file: &str, more: &str| {
        let url = server.url(file);
        format!("[[feed]]\nname = \"{name}\"\nurl = \"{url}\"\nhours = 1\n{more}")
    };
    let mut house = House::new(&format!(
        "{}{}{}",
        feed("Xã Đồng Nếp", "rss.xml", "inside = true\n"),
        feed("Huyện", "old.xml", "inside = true\n"),
        feed("Kẻ lạ", "secret.xml", ""),
    ));
    house.start();
    let drafts = |h: &House| {
        h.state()["drafts"]
            .as_object()
            .map_or(0, serde_json::Map::len)
    };
    house.until("three drafts", Duration::from_secs(30), |h| drafts(h) == 3);
    let cookie = house.sign_in();
    let page = house.get("/notices", &cookie).body;
    for title in [
        "Lịch tiêm chủng",
        "Đổi giờ họp chợ",
        "Cấp bản sao trích lục hộ tịch; Đăng ký",
    ] {
        assert!(page.contains(title), "{title}: {page}");
    }
    let (_, rest) = page
        .split_once("href=\"/notices/drafts/")
        .unwrap_or_else(|| panic!("{page}"));
    let id = rest.split('"').next().expect("an id");
    let draft = house.get(&format!("/notices/drafts/{id}"), &cookie).body;
    assert!(
        draft.contains("Xã Đồng Nếp") || draft.contains("Huyện"),
        "its source: {draft}"
    );
    assert!(
        !http(house.portal, "GET", "/t", "", "")
            .body
            .contains("tiêm chủng"),
        "a draft only"
    );

    house.kill();
    house.start();
    house.until("it was read again", Duration::from_secs(30), |_| {
        server.answered("rss.xml", 200) == 2 && server.answered("old.xml", 200) == 2
    });
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(drafts(&house), 3, "no doubles");
    // A feed that lies within the house, and that nobody allowed to, was not asked for.
    assert_eq!(server.answered("secret.xml", 200), 0);
}

fn pages() -> GuestPages {
    GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive)
}

/// What reads this feed into the village of these pages.
fn reader(pages: &GuestPages, url: String) -> FeedReader {
    let feed = FeedConfig {
        name: "Xã Đồng Nếp".to_owned(),
        url,
        hours: 1,
        inside: true,
    };
    FeedReader {
        board: Arc::new(BoardConfig {
            feeds: vec![feed],
            ..BoardConfig::default()
        }),
        journal: pages.app.journal.clone(),
        files: pages.app.files.clone(),
        supervisor: pages.app.supervisor.clone(),
    }
}

#[test]
fn what_a_stranger_wrote_into_a_feed_is_plain_words_on_the_board() {
    let (pages, server) = (pages(), FileServer::new());
    let said = "# Khẩn\nXác nhận tại [https://dichvucong.gov.vn](https://evil.example/otp) **ngay**\n\
                - hoặc https://evil.example/2\nhoặc https://vneid.gov.vn/";
    let text = rss(&[("1", "Xác nhận VNeID")]);
    let (before, after) = text.split_once("<description>").expect("a text");
    let (_, after) = after.split_once("</description>").expect("its end");
    let hostile = format!("{before}<description>{said}</description>{after}");
    server.write("rss.xml", hostile.as_bytes());
    let reader = reader(&pages, server.url("rss.xml"));
    let mut round = reader.begin();
    let start = pages.app.supervisor.clock().mono_ms();
    pages.block_on(reader.pass(&mut round, start + 10_000));
    let draft = pages.app.journal.state().drafts.values().next().cloned();
    let draft = draft.expect("a draft");
    let publish = notice::Command::Publish {
        id: draft.id.clone(),
        text: draft.text.clone(),
        details: draft.details.clone(),
    };
    let request = CommandRequest::new(Actor::LocalAdmin, publish);
    pages
        .block_on(pages.app.journal.submit(request))
        .expect("published");
    let page = http(pages.portal, "GET", &format!("/t/{}", draft.id), "", "").body;
    for line in [
        "# Khẩn",
        "[https://dichvucong.gov.vn](https://evil.example/otp) **ngay**",
        "- hoặc evil.example/2",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(page.contains("<a href=\"https://vneid.gov.vn/\""), "{page}");
    assert!(
        !page.contains("href=\"https://evil") && !page.contains("href=\"https://dichvucong"),
        "{page}"
    );
    assert!(
        !page.contains("<b>ngay") && !page.contains("<strong>"),
        "{page}"
    );
}

#[test]
fn a_second_reading_makes_no_doubles_and_a_dead_feed_is_told_to_the_chief() {
    let (pages, server) = (pages(), FileServer::new());
    server.write("rss.xml", rss(&[("1", "Lịch tiêm chủng")]).as_bytes());
    let reader = reader(&pages, server.url("rss.xml"));
    let mut round = reader.begin();
    let start = pages.app.supervisor.clock().mono_ms();
    let mut pass = |ms: u64| pages.block_on(reader.pass(&mut round, start + ms));
    let drafts = || pages.app.journal.state().drafts.len();
    pass(1_000);
    assert_eq!(server.answered("rss.xml", 200), 0, "not yet");
    pass(10_000);
    assert_eq!(drafts(), 1);
    // The same version is not sent again.
    pass(2 * 3_600_000);
    let answers = (
        server.answered("rss.xml", 200),
        server.answered("rss.xml", 304),
    );
    assert_eq!((answers, drafts()), ((1, 1), 1));
    // Another version: what is new is a draft, the rest is known, also under another id.
    std::thread::sleep(Duration::from_millis(1_100));
    let news = [
        ("3", "Bơm nước"),
        ("1", "Lịch tiêm chủng"),
        ("khác", "Lịch tiêm chủng"),
    ];
    let text = rss(&news).replace("https://xa.example/khác", "https://xa.example/1");
    server.write("rss.xml", text.as_bytes());
    pass(4 * 3_600_000);
    assert_eq!((server.answered("rss.xml", 200), drafts()), (2, 2));

    // Nobody answers any more.
    let cookie = pages.sign_in();
    std::fs::remove_file(server.folder.path().join("rss.xml")).expect("removed");
    pass(8 * 3_600_000);
    let told = "không đọc được tin của Xã Đồng Nếp";
    assert!(!pages.get("/notices", &cookie).body.contains(told));
    pass(5 * DAY_MS);
    let page = pages.get("/notices", &cookie).body;
    assert!(
        page.contains(told) && page.contains("Trang ngoài thôn"),
        "{page}"
    );
    let (_, out, _) = pages.cli("vi", &["doctor"]);
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.contains(told) && out.contains("[[feed]]"), "{out}");
    server.write("rss.xml", text.as_bytes());
    pass(6 * DAY_MS);
    assert!(!pages.get("/notices", &cookie).body.contains(told));
    assert_eq!(drafts(), 2);
}

/// A server of pages whose status the test sets; it notes who asked for what.
#[derive(Clone, Default)]
struct Pages {
    status: Arc<Mutex<BTreeMap<String, u16>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    fn serve(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = listener.local_addr().expect("address").port();
        let this = self.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let mut words = head.split(' ');
                let asked = [words.next(), words.next()].map(Option::unwrap_or_default);
                let status = this.status.lock().expect("whole").get(asked[1]).copied();
                this.asked.lock().expect("whole").push(asked.join(" "));
                let status = status.unwrap_or(200);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        port
    }

    fn set(&self, path: &str, status: u16) {
        self.status
            .lock()
            .expect("whole")
            .insert(path.to_owned(), status);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("whole"))
    }
}

/// A board with this page as its one official address.
fn board_with(url: String) -> BoardConfig {
    let official = OfficialAddress {
        kind: OfficialKind::Service,
        name: "Trang khác".to_owned(),
        name_en: String::new(),
        url: Some(url),
        phone: None,
        what: String::new(),
        what_en: String::new(),
        between: None,
    };
    BoardConfig {
        official: vec![official],
        ..BoardConfig::default()
    }
}

#[test]
fn a_link_that_does_not_open_on_two_days_is_hidden_and_told_and_comes_back() {
    let (pages, others) = (pages(), Pages::default());
    let port = others.serve();
    let at = |host: &str, path: &str| format!("http://{host}:{port}{path}");
    let (good, gone) = (at("localhost", "/good"), at("localhost", "/gone?a=1&b=2"));
    let body = format!("Xem [trang huyện]({gone}) hoặc {good}\nTrong nhà: http://192.168.1.1/");
    let notice =
        json!({ "id": "tin-1", "title": "Tin có liên kết", "body": body, "kind": "notice" });
    let socket = pages.control();
    let sent = crate::support::http::http_unix(&socket, "POST", "/notices", &notice.to_string());
    assert_eq!(sent.status, 200, "{sent:?}");
    let board = board_with(at("127.0.0.1", "/official"));
    let fetcher = [&good, &at("127.0.0.1", "/")]
        .iter()
        .fold(Fetcher::internet(), |f, url| {
            f.and_from(&Url::parse(url).expect("url"))
        });
    let check = LinkCheck {
        board: Arc::new(board),
        journal: pages.app.journal.clone(),
        files: pages.app.files.clone(),
        dead: pages.app.live.dead_links.clone(),
        supervisor: pages.app.supervisor.clone(),
        fetcher,
        pause: Duration::ZERO,
    };
    let mut round = LinkRound::default();
    let mut pass = |days: u64| {
        let now = MonoMs::START + days * DAY_MS;
        pages.block_on(check.pass(&mut round, now));
    };
    let page = || http(pages.portal, "GET", "/t/tin-1?lang=vi", "", "").body;
    let shown = gone.replace('&', "&#38;");
    let is_link = || page().contains(&format!("href=\"{shown}\""));
    others.set("/gone?a=1&b=2", 404);
    pass(0);
    assert!(others.asked().is_empty(), "spread over the day");
    pass(1);
    let asked = others.asked();
    for one in [
        "HEAD /good",
        "HEAD /official",
        "HEAD /gone?a=1&b=2",
        "GET /gone?a=1&b=2",
    ] {
        assert_eq!(
            asked.iter().filter(|a| *a == one).count(),
            1,
            "{one}: {asked:?}"
        );
    }
    assert_eq!(asked.len(), 4, "nothing inside: {asked:?}");
    assert!(is_link(), "{}", page());
    pass(1);
    assert!(others.asked().is_empty(), "a day apart");
    // The line is cut: nothing opens, and nothing is told.
    others.set("/official", 404);
    pass(2);
    assert!(is_link(), "{}", page());
    others.set("/official", 200);
    pass(3);
    let hidden = page();
    let says = hidden.matches("(liên kết hỏng)").count();
    assert!(
        !is_link() && hidden.contains("trang huyện") && says == 1,
        "{hidden}"
    );
    assert!(hidden.contains(&format!("href=\"{good}\"")), "{hidden}");
    let cookie = pages.sign_in();
    let told = pages.get("/notices", &cookie).body;
    assert!(
        told.contains(&shown)
            && told.contains("Tin có liên kết")
            && told.contains("Trang ngoài thôn"),
        "{told}"
    );
    let (_, out, _) = pages.cli("vi", &["doctor"]);
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.contains("1 liên kết ra ngoài không mở được"), "{out}");
    // It comes back by itself.
    others.set("/gone?a=1&b=2", 200);
    pass(4);
    assert!(is_link(), "{}", page());
    assert!(
        !pages
            .get("/notices", &cookie)
            .body
            .contains("Trang ngoài thôn")
    );
}
