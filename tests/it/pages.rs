//! Pages as people meet them: without script, in a real browser, by strangers.

use std::time::{Duration, Instant};

use conglang::domain::guest::PROBES;

use crate::support::house::{House, kind};
use crate::support::http::http;
use crate::support::lamp::Lamp;

/// First view of a page with style, script and icon, bytes.
const FIRST_VIEW: usize = 30_000;

#[test]
fn a_cluster_that_was_sent_away_is_not_counted() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    assert!(house.get("/", &cookie).body.contains("Loa 0/2"));
    assert_eq!(house.cli(&["device", "remove", "loa-02"]).0, 0);
    assert!(
        house.get("/", &cookie).body.contains("Loa 0/1"),
        "{}",
        house.get("/", &cookie).body
    );
}

#[test]
fn every_page_opens_small_and_in_both_languages() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let shared: usize = ["/a/village.css", "/a/live.js", "/a/icon.svg"]
        .iter()
        .map(|p| house.get(p, "").body.len())
        .sum();
    for path in [
        "/",
        "/lights",
        "/sensors",
        "/devices",
        "/cameras",
        "/speakers",
        "/notices",
        "/notices/new",
        "/notices/archive",
        "/history",
        "/wifi",
        "/wifi/rules",
        "/more",
        "/me",
    ] {
        for (lang, mark) in [("vi", "lang=\"vi\""), ("en", "lang=\"en\"")] {
            let page = house.get(path, &format!("{cookie}; lang={lang}"));
            assert_eq!(page.status, 200, "{path}");
            assert!(page.body.contains(mark), "{path} in {lang}");
            assert!(
                page.body.len() + shared <= FIRST_VIEW,
                "{path}: {} bytes",
                page.body.len() + shared
            );
            assert!(
                !page.body.contains("http://") && !page.body.contains("https://"),
                "{path} asks nothing of elsewhere"
            );
            assert!(
                page.head
                    .contains("content-security-policy: default-src 'none'"),
                "{path}"
            );
        }
        assert_eq!(house.get(path, "").status, 303, "{path} asks to sign in");
    }
    let splash = http(house.portal, "GET", "/", "", "");
    assert!(
        splash.status == 200
            && splash.body.len() < FIRST_VIEW
            && !splash.body.contains("<script")
            && !splash.head.contains("set-cookie")
    );
    let paths = PROBES.map(|(_, path)| path);
    for probe in paths.into_iter().chain(["/anything"]) {
        assert_eq!(
            http(house.portal, "GET", probe, "", "").status,
            302,
            "{probe}"
        );
    }
}

#[test]
fn a_form_of_another_site_or_without_its_token_changes_nothing() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    assert_eq!(
        house
            .post("/lights/den-01.light", &cookie, &[("on", "1")])
            .status,
        403
    );
    assert_eq!(
        house
            .post(
                "/lights/den-01.light",
                &cookie,
                &[("on", "1"), ("form", "00")]
            )
            .status,
        403
    );
    let form = house.form("/lights", &cookie);
    let body = format!("on=1&form={form}");
    for evil in ["origin: http://evil.example", "sec-fetch-site: cross-site"] {
        let mut stream =
            std::net::TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
        use std::io::{Read as _, Write as _};
        write!(
            stream,
            "POST /lights/den-01.light HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\
             cookie: {cookie}\r\n{evil}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            house.dashboard,
            body.len()
        )
        .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        assert!(answer.starts_with("HTTP/1.1 403"), "{evil}: {answer}");
    }
    assert!(
        house.entries().iter().all(|e| kind(e) != "light.desired"),
        "nothing was switched"
    );
    assert_eq!(
        house
            .post(
                "/lights/den-01.light",
                &cookie,
                &[("on", "1"), ("form", &form)]
            )
            .status,
        303
    );
    let asked = Instant::now();
    house.until("the lamp answers", Duration::from_secs(5), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    assert!(asked.elapsed() < Duration::from_secs(5));
    // What the lamp said is shown before it is written down.
    house.until("who did it is told, too", Duration::from_secs(5), |h| {
        let page = h.get("/history", &cookie).body;
        page.contains("Ông Mẫu bật đèn") && page.contains("Đã sáng sau")
    });
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn what_was_typed_comes_back_with_the_reason() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let page = house.get("/notices/new", &cookie);
    let (form, once) = (page.field("form"), page.field("once"));
    let long = "x".repeat(151);
    let refused = house.post(
        "/notices",
        &cookie,
        &[
            ("form", &form),
            ("once", &once),
            ("title", &long),
            ("body", "Ngày mai <họp> thôn."),
            ("kind", "event"),
            ("days", "30"),
        ],
    );
    assert_eq!(refused.status, 400);
    for kept in [
        long.as_str(),
        "Ngày mai &#60;họp&#62; thôn.",
        "<option value=\"event\" selected>",
        "<option value=\"30\" selected>",
    ] {
        assert!(
            refused.body.contains(kept),
            "{kept} stands in the form again"
        );
    }
    let once = refused.field("once");
    let turned = (
        "Họp\u{202e} thôn\u{200b}",
        "Ngày mai\u{2066} họp thôn.\u{7}",
    );
    let done = house.post(
        "/notices",
        &cookie,
        &[
            ("form", &form),
            ("once", &once),
            ("title", turned.0),
            ("body", turned.1),
            ("kind", "event"),
            ("days", "30"),
        ],
    );
    assert_eq!(done.status, 303, "and is taken when it is right");
    let shown = house.get(&format!("/notices/{once}"), &cookie).body;
    assert!(
        shown.contains("Họp thôn<")
            && shown.contains("Ngày mai họp thôn.")
            && !shown.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{7}']),
        "nothing hides in it: {shown}"
    );
    let twice = house.post(
        "/notices",
        &cookie,
        &[
            ("form", &form),
            ("once", &once),
            ("title", "Họp thôn"),
            ("body", "Ngày mai họp thôn."),
            ("kind", "event"),
            ("days", "30"),
        ],
    );
    assert_eq!(twice.status, 303, "a double tap is the same tap");
    assert!(
        house
            .get(&format!("/notices/{once}"), &cookie)
            .body
            .contains("treo đến")
    );
    // A sentence for the horns: no cluster chosen, then mended, then changed after it was heard.
    let form = house.form("/speakers", &cookie);
    let refused = house.post(
        "/speakers/hear",
        &cookie,
        &[("form", &form), ("text", "Mời bà con họp.")],
    );
    assert!(
        refused.status == 400
            && refused.body.contains("Mời bà con họp.</textarea>")
            && refused.body.contains("Lúc này không cụm loa nào nghe được")
    );
    let typed = house.post(
        "/speakers/hear",
        &cookie,
        &[
            ("form", &form),
            ("text", "Mời bà con họp."),
            ("zone", "loa-02"),
        ],
    );
    let heard = typed.header("location").to_owned();
    assert_eq!(
        house.get(&heard, &cookie).status,
        200,
        "going back to it sends nothing again"
    );
    let again = house
        .get(&heard.replace("/speakers/hear", "/speakers"), &cookie)
        .body;
    assert!(
        again.contains("Mời bà con họp.</textarea>")
            && again.contains("value=\"loa-02\" checked")
            && !again.contains("value=\"loa-01\" checked")
    );
    assert!(
        !house
            .get(&heard.replace("mac=", "mac=0"), &cookie)
            .body
            .contains("Mời bà con họp."),
        "a changed address shows nothing"
    );
    assert_eq!(
        house
            .entries()
            .iter()
            .filter(|e| kind(e) == "speaker.announcement_queued")
            .count(),
        0,
        "nothing was played"
    );
    // Who may not publish is told so before typing.
    house.cli(&["user", "add", "vi", "Anh Ví", "--role", "technician"]);
    let (_, text) = house.cli(&["user", "pin", "vi", "--json"]);
    let pin: serde_json::Value = serde_json::from_str(&text).expect("json");
    let answer = house.post(
        "/sign-in",
        "",
        &[("user", "vi"), ("pin", pin["pin"].as_str().expect("pin"))],
    );
    let technician = answer.cookie();
    assert_eq!(house.get("/notices/new", &technician).status, 403);
}
