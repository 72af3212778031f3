//! The officer's pages as they are read, in the real commune program: what changes comes by itself,
//! every village is a link, every error a page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::time::{Duration, Instant};

use conglang::protocol::commune::UplinkMessage;
use conglang::protocol::village_status::{Status, StatusSummary};

use crate::bulletins::{DESK, bulletin, come_in, desk, field, part, twenty, until};
use crate::support::office::from_address;
use crate::support::village::tell;

const SOON: Duration = Duration::from_secs(20);

/// The next message of a stream whose text has these words; the words of all before are dropped.
fn wait_for(lines: &mut impl Iterator<Item = std::io::Result<String>>, words: &str) {
    let end = Instant::now() + SOON;
    for line in lines {
        if line.expect("a line").contains(words) {
            return;
        }
        assert!(Instant::now() < end, "the stream does not say {words}");
    }
    panic!("the stream ended before it said {words}")
}

#[test]
fn a_page_follows_what_changes_until_its_officer_is_signed_out() {
    let commune = twenty();
    let desk = desk(&commune);
    let follow = |path: &str, cookie: &str| {
        let mut stream = from_address(DESK, commune.console).expect("connects");
        stream.set_read_timeout(Some(SOON)).expect("timeout");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {cookie}\r\nconnection: close\r\n\
             \r\n"
        )
        .expect("asked");
        BufReader::new(stream).lines()
    };
    let home = desk.get("/").body;
    assert!(home.contains("data-live=\"/live/home\"") && home.contains("Tải lại</a>"));
    assert!(
        !home.contains("http-equiv"),
        "nothing reloads under a reader"
    );
    let script = desk.get("/a/console.js");
    assert!(script.status == 200 && script.body.contains("EventSource"));
    wait_for(&mut follow("/live/home", ""), " 401 ");
    wait_for(&mut follow("/live/nowhere", &desk.cookie), " 404 ");
    wait_for(&mut follow("/live/bulletins/7", &desk.cookie), " 404 ");
    let mut live = follow("/live/home", &desk.cookie);
    wait_for(&mut live, " 200 ");
    wait_for(&mut live, "Đang liên lạc được với 0/20 thôn");
    let (village, mut link) = come_in(&commune, "v-06");
    wait_for(&mut live, "Đang liên lạc được với 1/20 thôn");
    desk.send("Họp dân");
    wait_for(&mut live, "0/20 thôn đã nhận");
    let mut receipts = follow("/live/bulletins/1", &desk.cookie);
    wait_for(&mut receipts, "0/20 thôn đã nhận");
    let (seq, _) = bulletin(&mut link);
    let done = UplinkMessage::Outcome { seq, refused: None };
    tell(&village, &mut link, "v-06", &done);
    wait_for(&mut receipts, "đã nhận và đăng lúc ");
    wait_for(&mut live, "1/20 thôn đã nhận");
    let form = field(&desk.get("/").body, "form");
    assert_eq!(desk.post("/sign-out", &[("form", &form)]).status, 303);
    let ended = live.by_ref().all(|line| line.is_ok());
    assert!(ended, "the stream ends in time");
}

#[test]
fn every_village_is_a_link_to_its_page_and_every_error_a_page_that_leads_back() {
    let commune = twenty();
    let desk = desk(&commune);
    let (village, mut link) = come_in(&commune, "v-01");
    let summary = StatusSummary {
        status: Status::Well,
        ..StatusSummary::default()
    };
    let summary = Box::new(summary);
    tell(
        &village,
        &mut link,
        "v-01",
        &UplinkMessage::Status { summary },
    );
    desk.send("Họp dân");
    let home = desk.get("/").body;
    for n in 1..=20 {
        assert!(
            home.contains(&format!("href=\"/villages/v-{n:02}\"")),
            "{n}"
        );
    }
    until("the village's own sentence is there", || {
        let page = desk.get("/villages/v-01").body;
        page.contains("Mọi thiết bị chạy tốt (thôn báo lúc ")
            && page.contains("Liên lạc lúc ")
            && page.contains("href=\"tel:0000000021\"")
            && page.contains("Gọi Ông Mẫu 0000 000 021")
            && part(&page, "bulletins").contains("href=\"/bulletins/1\"")
    });
    let unknown = desk.get("/villages/v-02").body;
    assert!(
        unknown.contains("Chưa có số điện thoại của trưởng thôn"),
        "{unknown}"
    );
    for (answer, status) in [
        (desk.get("/nowhere"), 404),
        (desk.get("/villages/v-99"), 404),
        (desk.get("/bulletins/99"), 404),
        (desk.get("/bulletins/x"), 404),
        (desk.post("/villages/v-01", &[]), 405),
        (desk.post("/sign-out", &[("form", "of before")]), 403),
        (commune.visit(DESK, "GET", "/nowhere", "", &[]), 404),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        for words in ["<h1>", "href=\"/\">Về trang đầu", "xã Đồng Nếp"] {
            assert!(answer.body.contains(words), "{words}: {answer:?}");
        }
    }
    assert_eq!(
        desk.get("/sign-in").status,
        303,
        "the address of a form leads back"
    );
    // The answer may be lost with the rest of a body that nobody reads.
    let long = desk.post("/bulletins", &[("body", &"x".repeat(140_000))]);
    assert!(
        long.status == 0 || long.status == 413 && long.body.contains("Viết dài quá"),
        "{long:?}"
    );
}
