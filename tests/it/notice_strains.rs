//! Notices when somebody works against them or the hour does: forms without end, what was
//! published and must go, two hands at one text, a draft that goes up while it is corrected.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use conglang::domain::actor::Actor;
use conglang::domain::id::NoticeId;
use conglang::domain::notice::{Attachment, Command, NoticeDetails, NoticeKind, NoticeWords};
use conglang::journal::{CommandRequest, Committed, SubmitError};
use conglang::ports::guests::GuestVisitor;
use conglang::time::WallMs;

use crate::support::guest_pages::GuestPages;
use crate::support::house::House;
use crate::support::http::{Answer, http};
use crate::support::office::memory_kb;

const MIB: usize = 1024 * 1024;

fn pages() -> GuestPages {
    GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive)
}

fn visitor(pages: &GuestPages, path: &str) -> Answer {
    http(pages.portal, "GET", path, "", "")
}

fn id(name: &str) -> NoticeId {
    NoticeId::new(name).expect("id")
}

fn now(pages: &GuestPages) -> WallMs {
    pages.app.supervisor.clock().wall_ms()
}

fn submit(pages: &GuestPages, actor: Actor, command: Command) -> Result<Committed, SubmitError> {
    let request = CommandRequest::new(actor, command);
    pages.block_on(pages.app.journal.submit(request))
}

/// Keeps a paper as an upload does.
fn paper(pages: &GuestPages, content: &str) -> Attachment {
    let mut coming = pages.app.attachments.begin().expect("begun");
    let pdf = format!("%PDF-1.4\n{content}\nstartxref\n9\n%%EOF\n");
    coming.write(pdf.as_bytes()).expect("written");
    coming.keep().expect("kept")
}

/// Publishes a notice with a paper.
fn publish(pages: &GuestPages, name: &str, words: &NoticeWords, details: NoticeDetails) {
    let text = pages.app.files.put_blocking(words.encode().as_bytes());
    let command = Command::Publish {
        id: id(name),
        text: text.expect("stored"),
        details,
    };
    submit(pages, Actor::LocalAdmin, command).expect("published");
}

/// The fields of a page's forms, and further ones in their place.
fn with_fields(page: &Answer, further: &[(&str, &str)]) -> Vec<(String, String)> {
    let is_other = |name: &str| further.iter().all(|(other, _)| *other != name);
    let mut fields = page.hidden_fields();
    fields.retain(|(name, _)| is_other(name));
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.extend(further.iter().map(owned));
    fields
}

fn post(pages: &GuestPages, path: &str, cookie: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    pages.post(path, cookie, &fields)
}

/// Forms whose first boundary, or whose head of a part, never comes. The cookies are made up.
#[test]
fn forms_without_end_cost_next_to_nothing_before_a_sign_in() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let before = memory_kb(house.gateway_pid(), "VmRSS:");
    let beginnings: [&[u8]; 4] = [b"", b"--b\r\nX: ", b"", b"--b\r\nX: "];
    let attacks = beginnings.map(|beginning| {
        let mut stream = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
        let patience = Some(Duration::from_secs(20));
        stream.set_write_timeout(patience).expect("timeout");
        let head = format!(
            "POST /notices/preview HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: cl=x; last=mau\r\n\
             content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            house.dashboard,
            127 * MIB
        );
        std::thread::spawn(move || {
            stream.write_all(head.as_bytes()).expect("a head");
            stream.write_all(beginning).expect("a beginning");
            let piece = vec![b'a'; MIB];
            (0..48)
                .take_while(|_| stream.write_all(&piece).is_ok())
                .count()
        })
    });
    for attack in attacks {
        let taken = attack.join().expect("ended");
        assert!(taken < 32, "{taken} MiB were taken");
    }
    let most = memory_kb(house.gateway_pid(), "VmHWM:");
    assert!(
        most.saturating_sub(before) < 24 * 1024,
        "{before} KiB before, {most} at most"
    );
    // The gateway goes on.
    assert_eq!(house.get("/sign-in", "").status, 200);
    assert_eq!(house.stop(), Some(0));
}

#[test]
fn a_notice_whose_time_is_over_can_still_be_withdrawn() {
    let pages = pages();
    let cookie = pages.sign_in();
    let list = paper(&pages, "hộ nghèo");
    let words = NoticeWords {
        files: vec!["Danh sách.pdf".to_owned()],
        ..NoticeWords::of("Danh sách hộ nghèo", "Có tên ông Tí.")
    };
    let until = Some(now(&pages) + 400);
    let mut details = NoticeDetails::of(NoticeKind::Document).until(until);
    details.attachments = vec![list.clone()];
    publish(&pages, "ds", &words, details);
    let started = std::time::Instant::now();
    while !pages.app.journal.state().ended.contains_key(&id("ds")) {
        let expire = Command::Expire { id: id("ds") };
        submit(&pages, Actor::System, expire).expect("answered");
        assert!(started.elapsed() < Duration::from_secs(10), "it expires");
        std::thread::sleep(Duration::from_millis(20));
    }
    let file = format!("/t/ds/{}", list.sha256);
    let found = || {
        let search = pages.app.search("ông Tí".to_owned(), None, 5);
        pages.block_on(search).total
    };
    assert_eq!(visitor(&pages, "/t/ds").status, 200);
    assert_eq!((visitor(&pages, &file).status, found()), (200, 1));

    // The commune takes down what it sent, and nothing else.
    let down = || Command::TakeDown { id: id("ds") };
    assert!(submit(&pages, Actor::Commune, down()).is_err());
    let archived = pages.get("/notices/archive/ds", &cookie);
    assert!(
        archived.body.contains("Hạn treo đã qua"),
        "{}",
        archived.body
    );
    let fields = with_fields(&archived, &[]);
    for _ in 0..2 {
        let taken = post(&pages, "/notices/ds/down", &cookie, &fields);
        assert_eq!(taken.status, 303, "{taken:?}");
        let list = pages.get(taken.header("location"), &cookie);
        assert!(!list.body.contains("action=\"/undo\""), "{}", list.body);
    }
    assert_eq!(visitor(&pages, "/t/ds").status, 404);
    assert_eq!((visitor(&pages, &file).status, found()), (404, 0));
    let searched = visitor(&pages, "/search?find=Danh");
    assert!(!searched.body.contains("Danh sách hộ"), "{}", searched.body);
    let archived = pages.get("/notices/archive/ds", &cookie).body;
    assert!(
        archived.contains("Gỡ xuống ") && archived.contains("Ông Mẫu"),
        "{archived}"
    );
    assert!(!archived.contains("/restore") && !archived.contains("/ds/down"));
    let restore = Command::Restore { id: id("ds") };
    assert!(submit(&pages, Actor::LocalAdmin, restore).is_err());
}
