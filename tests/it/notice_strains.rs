//! Notices when somebody works against them: forms without end, what was published and must go,
//! what others than chiefs may.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use conglang::domain::actor::Actor;
use conglang::domain::id::NoticeId;
use conglang::domain::notice::{Attachment, Command, NoticeDetails, NoticeKind, NoticeWords};
use conglang::journal::{CommandRequest, Committed, SubmitError};
use conglang::ports::guests::GuestVisitor;
use conglang::time::WallMs;

use crate::notice_forms::{photo, stored, upload};
use crate::support::guest_pages::GuestPages;
use crate::support::house::House;
use crate::support::http::{Answer, http};
use crate::support::office::memory_kb;

const MIB: usize = 1024 * 1024;

pub fn pages() -> GuestPages {
    GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive)
}

pub fn visitor(pages: &GuestPages, path: &str) -> Answer {
    http(pages.portal, "GET", path, "", "")
}

pub fn id(name: &str) -> NoticeId {
    NoticeId::new(name).expect("id")
}

pub fn now(pages: &GuestPages) -> WallMs {
    pages.app.supervisor.clock().wall_ms()
}

pub fn submit(
    pages: &GuestPages,
    actor: Actor,
    command: Command,
) -> Result<Committed, SubmitError> {
    let request = CommandRequest::new(actor, command);
    pages.block_on(pages.app.journal.submit(request))
}

/// Keeps a paper as an upload does.
pub fn paper(pages: &GuestPages, content: &str) -> Attachment {
    let mut coming = pages.app.attachments.begin().expect("begun");
    let pdf = format!("%PDF-1.4\n{content}\nstartxref\n9\n%%EOF\n");
    coming.write(pdf.as_bytes()).expect("written");
    coming.keep().expect("kept")
}

/// Publishes a notice with a paper.
pub fn publish(pages: &GuestPages, name: &str, words: &NoticeWords, details: NoticeDetails) {
    let text = pages.app.files.put_blocking(words.encode().as_bytes());
    let command = Command::Publish {
        id: id(name),
        text: text.expect("stored"),
        details,
    };
    submit(pages, Actor::LocalAdmin, command).expect("published");
}

/// The fields of a page's forms, and further ones in their place.
pub fn with_fields(page: &Answer, further: &[(&str, &str)]) -> Vec<(String, String)> {
    let is_other = |name: &str| further.iter().all(|(other, _)| *other != name);
    let mut fields = page.hidden_fields();
    fields.retain(|(name, _)| is_other(name));
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.extend(further.iter().map(owned));
    fields
}

pub fn post(pages: &GuestPages, path: &str, cookie: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    pages.post(path, cookie, &fields)
}

/// What a person types in the form of a meeting.
pub fn typed<'a>(title: &'a str, body: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("title", title),
        ("body", body),
        ("kind", "meeting"),
        ("days", "7"),
    ]
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
        let search = pages
            .app
            .search([127, 0, 0, 1].into(), "ông Tí".to_owned(), None, 5);
        pages.block_on(search).expect("a turn").total
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

#[test]
fn a_technician_learns_what_a_notice_says_when_it_is_up() {
    let pages = pages();
    let chief = pages.sign_in();
    let added = [
        "user",
        "add",
        "ky",
        "Anh Kỹ",
        "--role",
        "technician",
        "--pin",
    ];
    let added = pages.cli("vi", &[&added[..], &["864209"]].concat());
    assert_eq!(added.0, 0, "{added:?}");
    let signed = pages.post("/sign-in", "", &[("user", "ky"), ("pin", "864209")]);
    let technician = signed.cookie();
    let list = paper(&pages, "tang lễ");
    let file = format!("/notices/file/{}", list.sha256);
    let words = NoticeWords {
        files: vec!["Tang lễ.pdf".to_owned()],
        ..NoticeWords::of("Tin buồn cụ Tư", "Lễ tang sáng mai.")
    };
    let text = pages.app.files.put_blocking(words.encode().as_bytes());
    let text = text.expect("stored");
    let mut details = NoticeDetails::of(NoticeKind::Obituary);
    details.attachments = vec![list];
    for publish_at in [None, Some(now(&pages) + 3_600_000)] {
        let (id, text, details) = (id("tin"), text.clone(), details.clone());
        let save = match publish_at {
            None => Command::SaveDraft { id, text, details },
            Some(publish_at) => Command::Schedule {
                id,
                text,
                details,
                publish_at,
            },
        };
        submit(&pages, Actor::LocalAdmin, save).expect("saved");
    }
    let told = pages.get("/history", &technician).body;
    assert!(
        told.contains("lưu nháp một thông báo")
            && told.contains("hẹn giờ đăng một thông báo")
            && !told.contains("cụ Tư"),
        "{told}"
    );
    assert!(pages.get("/history", &chief).body.contains("cụ Tư"));
    let opened = |cookie: &str| pages.get(&file, cookie).status;
    assert_eq!((opened(&chief), opened(&technician)), (200, 404));
    let up = Command::Publish {
        id: id("tin"),
        text,
        details,
    };
    submit(&pages, Actor::LocalAdmin, up).expect("published");
    assert_eq!((opened(&chief), opened(&technician)), (200, 200));
    assert!(pages.get("/history", &technician).body.contains("cụ Tư"));
}

#[test]
fn a_command_gives_a_risk_only_with_its_source_and_names_only_files_that_are_there() {
    let pages = pages();
    let store = |words: &NoticeWords| {
        let text = pages.app.files.put_blocking(words.encode().as_bytes());
        serde_json::to_value(text.expect("stored")).expect("JSON")
    };
    let bare = store(&NoticeWords::of("Bão", "Bão số 9."));
    let sourced = store(&NoticeWords {
        source: "Đài khí tượng thủy văn".to_owned(),
        ..NoticeWords::of("Bão", "Bão số 9.")
    });
    let list = serde_json::to_value(paper(&pages, "bão")).expect("JSON");
    let mut other = list.clone();
    other["sha256"] = "0a".repeat(32).into();
    for (name, text, risk, file, status) in [
        ("a", &bare, Some(5), None, 409),
        ("b", &sourced, Some(5), None, 200),
        ("c", &bare, None, Some(&other), 409),
        ("d", &bare, None, Some(&list), 200),
    ] {
        for order in ["SaveNoticeDraft", "PublishNotice"] {
            let mut command = serde_json::json!({
                "do": order, "id": name, "text": text, "kind": "warning",
            });
            if let Some(level) = risk {
                command["risk"] = serde_json::json!({ "level": level });
            }
            if let Some(file) = file {
                command["attachments"] = serde_json::json!([file]);
            }
            let answer = pages.command(&command);
            assert_eq!(answer.status, status, "{order} {name}: {answer:?}");
        }
    }
    let names: Vec<_> = pages.app.journal.state().notices.keys().cloned().collect();
    assert_eq!(names, [id("b"), id("d")]);
}

#[test]
fn an_erased_notice_loses_its_pictures_and_papers_at_once() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let picture = photo(40, 30);
    let pdf = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n";
    let files: [(&str, &[u8]); 2] = [("a.jpg", &picture), ("Danh sách.pdf", pdf)];
    let publish = |title: &str, files: &[(&str, &[u8])]| {
        let form = house.get("/notices/new", &cookie);
        let (token, once) = (form.field("form"), form.field("once"));
        let mut fields = vec![("form", &*token), ("once", &*once)];
        fields.extend(typed(title, "Chữ."));
        let preview = upload(&house, "/notices/preview", &cookie, &fields, files);
        let fields = preview.hidden_fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(house.post("/notices", &cookie, &fields).status, 303);
        once
    };
    let (first, second) = (publish("Một", &files), publish("Hai", &files[1..]));
    assert_eq!(stored(&house).len(), 3, "{:?}", stored(&house));
    let mut all = stored(&house).into_iter();
    let small = all.find(|name| name.ends_with("small.jpg"));
    let small = small.expect("a small picture");
    let found = || http(house.portal, "GET", "/search?lang=vi&find=mot", "", "").body;
    let page = format!("{}?", crate::short_links::short(&house, &first));
    assert!(found().contains(&page), "{}", found());
    let blob = house.state()["notices"][&first]["text"]["id"].clone();
    let erase = serde_json::json!({ "do": "EraseBlob", "blob": blob });
    assert_eq!(house.command(&erase).status, 200);
    assert!(!found().contains(&page), "its words lead nowhere any more");
    house.until("its picture is gone", Duration::from_secs(10), |h| {
        stored(h).len() == 1
    });
    let page = http(house.portal, "GET", &format!("/t/{second}"), "", "");
    assert!(page.body.contains("<b>Danh sách</b>"), "{}", page.body);
    // What a backup brings back goes again, before a page is served.
    let folder = house.dir.join("data/attachments");
    assert_eq!(house.stop(), Some(0));
    std::fs::write(folder.join(small), &picture).expect("written");
    house.start();
    assert_eq!(stored(&house).len(), 1);
    assert_eq!(house.stop(), Some(0));
}
