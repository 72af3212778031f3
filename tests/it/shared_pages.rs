//! Pages and feeds that all visitors see alike: made once, and never older than the village; and
//! searches, of which many at once keep nobody from signing in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conglang::domain::actor::Actor;
use conglang::domain::notice::{Command, NoticeDetails, NoticeKind, NoticeWords};
use conglang::domain::procedure;
use serde_json::json;

use crate::notice_strains::{id, now, pages, publish, submit, visitor};
use crate::support::guest_pages::GuestPages;
use crate::support::house::CHIEF_PIN;
use crate::support::http::{http, http_bytes};

/// What all see alike.
const SHARED: [&str; 6] = [
    "/feed.xml",
    "/feed.json",
    "/t?lang=vi",
    "/t?lang=en&kind=warning",
    "/khan?lang=vi&big=1",
    "/?lang=vi",
];

fn warning() -> NoticeDetails {
    NoticeDetails::of(NoticeKind::Warning).urgent()
}

fn all_say(pages: &GuestPages, words: &str, is_said: bool) {
    for path in SHARED {
        let body = visitor(pages, path).body;
        assert_eq!(body.contains(words), is_said, "{path}, {words}: {body}");
    }
}

#[test]
fn what_all_see_alike_is_the_village_of_this_moment() {
    let pages = pages();
    all_say(&pages, "Nước lên", false);
    publish(
        &pages,
        "n",
        &NoticeWords::of("Nước lên", "Bờ kè"),
        warning(),
    );
    all_say(&pages, "Nước lên", true);
    let words = NoticeWords::of("Nước rút", "Bờ kè");
    let text = pages.app.files.put_blocking(words.encode().as_bytes());
    let text = text.expect("stored");
    let correct = Command::Correct {
        id: id("n"),
        text: text.clone(),
        details: warning(),
    };
    submit(&pages, Actor::LocalAdmin, correct).expect("corrected");
    all_say(&pages, "Nước lên", false);
    all_say(&pages, "Nước rút", true);
    let erase = json!({ "do": "EraseBlob", "blob": text.id });
    assert_eq!(pages.command(&erase).status, 200);
    all_say(&pages, "Nước rút", false);
    let down = Command::TakeDown { id: id("n") };
    submit(&pages, Actor::LocalAdmin, down).expect("taken down");
    let list = visitor(&pages, "/t?lang=vi").body;
    assert!(!list.contains("href=\"/t/n"), "{list}");
}

#[test]
fn a_notice_goes_with_its_last_moment_and_not_with_the_minute() {
    let pages = pages();
    let until = now(&pages) + 1_500;
    let details = warning().until(Some(until));
    publish(&pages, "n", &NoticeWords::of("Nước lên", "Bờ kè"), details);
    all_say(&pages, "Nước lên", true);
    let end = Instant::now() + Duration::from_secs(30);
    while now(&pages) <= until {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(20));
    }
    all_say(&pages, "Nước lên", false);
}

#[test]
fn feeds_are_made_once_and_sent_only_to_those_who_have_another_version() {
    let pages = pages();
    // Long enough to be packed.
    let long = "Bờ kè sạt lở. ".repeat(50);
    publish(&pages, "a", &NoticeWords::of("Tin một", &long), warning());
    let minute = || now(&pages).ms() / 60_000;
    for path in ["/feed.xml", "/feed.json"] {
        let (head, body) = http_bytes(pages.portal, path, "");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: "));
        let tag = tag.expect("a tag").to_owned();
        assert!(head.contains("cache-control: no-cache"), "{head}");
        assert!(String::from_utf8_lossy(&body).contains("Tin một"));
        let known = format!("if-none-match: {tag}\r\n");
        let (head, body) = http_bytes(pages.portal, path, &known);
        assert!(
            head.starts_with("HTTP/1.1 304") && body.is_empty(),
            "{head}"
        );
        let (packed, bytes) = http_bytes(pages.portal, path, "accept-encoding: gzip\r\n");
        assert!(packed.contains("content-encoding: gzip"), "{packed}");
        let mut text = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(&*bytes);
        std::io::Read::read_to_string(&mut unpacked, &mut text).expect("gzip");
        assert!(text.contains("Tin một"), "{text}");
        publish(&pages, "b", &NoticeWords::of("Tin hai", "Bờ kè"), warning());
        let (head, body) = http_bytes(pages.portal, path, &known);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(String::from_utf8_lossy(&body).contains("Tin hai"));
        let down = Command::TakeDown { id: id("b") };
        submit(&pages, Actor::LocalAdmin, down).expect("taken down");
    }
    // Nothing is read again for the next visitor: the texts are gone, and the pages are not.
    let began = loop {
        let began = minute();
        for path in SHARED {
            visitor(&pages, path);
        }
        if minute() == began {
            break began;
        }
    };
    pages.lose_the_texts();
    if minute() == began {
        // The storm page is made again for new readings.
        let kept = SHARED.into_iter().filter(|path| !path.contains("khan"));
        let still: Vec<bool> = kept
            .map(|path| visitor(&pages, path).body.contains("Tin một"))
            .collect();
        assert!(minute() != began || still.iter().all(|is| *is), "{still:?}");
    }
    publish(&pages, "c", &NoticeWords::of("Tin ba", "Bờ kè"), warning());
    assert!(!visitor(&pages, "/feed.xml").body.contains("Tin một"));
}

/// A list of procedures that is long to search.
fn long_list() -> Vec<u8> {
    let words: Vec<String> = (0..120).map(|n| format!("tu{n}")).collect();
    let row = |n: usize| format!("{n};Thủ tục {n} {}\n", words[n % 60..n % 60 + 30].join(" "));
    let rows: String = (0..1_500).map(row).collect();
    format!("Mã;Tên\n{rows}").into_bytes()
}

#[test]
fn many_searches_at_once_keep_nobody_from_signing_in() {
    let pages = Arc::new(pages());
    let cookie = pages.sign_in();
    let prepared = conglang::web::kit::procedures::prepare_list(&pages.app, long_list());
    let Ok(prepared) = pages.block_on(prepared) else {
        panic!("the list is taken");
    };
    let command: procedure::Command = prepared.command;
    let request = conglang::journal::CommandRequest::new(Actor::LocalAdmin, command);
    pages
        .block_on(pages.app.journal.submit(request))
        .expect("in force");
    let busy = Arc::new(AtomicUsize::new(0));
    let searches: Vec<_> = (0..300)
        .map(|_| {
            let (pages, busy) = (pages.clone(), busy.clone());
            std::thread::spawn(move || {
                let path = "/search?lang=vi&find=t+th+tu+tu1+tu2+tu3+tu4+tu5";
                let answer = http(pages.portal, "GET", path, "", "");
                if answer.status == 503 {
                    busy.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(answer.header("retry-after"), "5", "{}", answer.head);
                    assert!(answer.body.contains("Đang có nhiều người tìm"));
                    assert!(
                        answer.body.contains("value=\"t th tu tu1"),
                        "{}",
                        answer.body
                    );
                } else {
                    assert_eq!(answer.status, 200, "{answer:?}");
                }
            })
        })
        .collect();
    let mut longest = Duration::ZERO;
    for _ in 0..3 {
        let began = Instant::now();
        let fields = [("user", "mau"), ("pin", CHIEF_PIN)];
        assert_eq!(pages.post("/sign-in", "", &fields).status, 303);
        assert_eq!(pages.get("/notices", &cookie).status, 200);
        longest = longest.max(began.elapsed());
    }
    for search in searches {
        search.join().expect("answered");
    }
    println!("the longest sign-in took {longest:?}, {busy:?} searches found no turn");
    assert!(longest < Duration::from_secs(20), "{longest:?}");
    // Once it is quiet, everybody has an answer.
    assert_eq!(visitor(&pages, "/search?find=tu1").status, 200);
}
