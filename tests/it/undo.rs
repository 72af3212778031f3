//! What one tap did can be taken back: a group of lamps, a notice. Notices that are not up any more
//! stay readable.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::house::{House, fields, kind};
use crate::support::http::http;
use crate::support::lamp::Lamp;

/// Two lamps in a group.
const GROUP: &str =
    "[[group]]\nid = \"hai\"\nname = \"Hai đèn\"\nlights = [\"den-01.light\", \"den-02.light\"]\n";

/// Signs a technician in; gives the cookie.
fn technician(house: &House) -> String {
    let added = house.cli(&[
        "user",
        "add",
        "vi",
        "Anh Ví",
        "--role",
        "technician",
        "--pin",
        "975310",
    ]);
    assert_eq!(added.0, 0, "{}", added.1);
    let fields = [("user", "vi"), ("pin", "975310")];
    house.post("/sign-in", "", &fields).cookie()
}

fn wanted(house: &House, lamp: &str) -> Option<bool> {
    house.state()["lights"][lamp]["desired"]["on"].as_bool()
}

/// The act in an address that offers to take it back.
fn act_of(address: &str) -> String {
    let (_, rest) = address.split_once("undo=").expect(address);
    rest.split(['#', '&']).next().unwrap_or_default().to_owned()
}

#[test]
fn a_group_gets_back_what_each_lamp_had() {
    let mut house = House::new(GROUP);
    house.start();
    let cookie = house.sign_in();
    let _lamps = ["den-01", "den-02"].map(|id| Lamp::start(&house, id));
    house.until("both lamps are known", Duration::from_secs(20), |h| {
        let lights = &h.state()["lights"];
        ["den-01.light", "den-02.light"]
            .iter()
            .all(|id| lights[id]["reported"]["on"] == false)
    });
    house.switch("den-01.light", true);
    house.until("it is lit", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    let form = house.form("/lights", &cookie);
    let off = house.post("/groups/hai", &cookie, &[("form", &form), ("on", "0")]);
    let address = off.header("location").to_owned();
    assert!(
        off.status == 303
            && address.starts_with("/lights?undo=")
            && address.ends_with("#group-hai"),
        "{off:?}"
    );
    assert_eq!(wanted(&house, "den-01.light"), Some(false));
    let page = house.get(&address, &cookie);
    assert!(
        page.body.contains("Đã gửi lệnh tắt nhóm Hai đèn") && page.body.contains("Hoàn tác"),
        "{}",
        page.body
    );
    // Somebody else is neither offered it nor may do it.
    let act = act_of(&address);
    let other = technician(&house);
    assert!(!house.get(&address, &other).body.contains("Hoàn tác"));
    let form_of_other = house.form("/lights", &other);
    let spent = "0123456789abcdef0123456789abcdef";
    let foreign = [("form", &*form_of_other), ("once", spent), ("act", &*act)];
    let refused = house.post("/undo", &other, &foreign);
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(wanted(&house, "den-01.light"), Some(false));
    // Between wider ends than those of the act lie orders of others.
    let begin = act.split('-').next().expect("first");
    for (wide, once) in [
        (
            format!("{begin}-{}", u64::MAX),
            "1123456789abcdef0123456789abcdef",
        ),
        (format!("{begin}-0"), "2123456789abcdef0123456789abcdef"),
    ] {
        let fields = [("form", &*form), ("once", once), ("act", &*wide)];
        let refused = house.post("/undo", &cookie, &fields);
        assert!(matches!(refused.status, 403 | 409), "{wide}: {refused:?}");
        assert_eq!(wanted(&house, "den-01.light"), Some(false), "{wide}");
    }
    // A double tap is one tap.
    let once = page.field("once");
    for _ in 0..2 {
        let fields = [("form", &*form), ("once", &*once), ("act", &*act)];
        let undone = house.post("/undo", &cookie, &fields);
        assert_eq!(
            (undone.status, undone.header("location")),
            (303, "/lights?said=undone-lights#group-hai"),
            "{undone:?}"
        );
    }
    assert_eq!(wanted(&house, "den-01.light"), Some(true));
    assert_eq!(wanted(&house, "den-02.light"), Some(false), "it was off");
    house.until("it is lit again", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    // It is a command with an entry of its own, caused by what it takes back.
    let first: u64 = act
        .split('-')
        .next()
        .expect("first")
        .parse()
        .expect("number");
    let caused: Vec<_> = house
        .entries()
        .into_iter()
        .filter(|e| e["cause"] == first && kind(e) == "light.desired")
        .map(|e| (fields(&e)["light"].clone(), fields(&e)["on"].clone()))
        .collect();
    assert_eq!(caused, [("den-01.light".into(), true.into())]);
    house.until("history tells it", Duration::from_secs(10), |h| {
        let history = h.get("/history", &cookie).body;
        history.contains("Ông Mẫu hoàn tác: Tắt nhóm đèn Hai đèn")
    });
    let fields = [("form", &*form), ("once", spent), ("act", &*act)];
    let again = house.post("/undo", &cookie, &fields);
    assert_eq!(again.status, 409, "once: {again:?}");
    assert_eq!(wanted(&house, "den-01.light"), Some(true));
}

#[test]
fn the_page_that_stays_gets_the_bar_in_the_answer() {
    let mut house = House::new(GROUP);
    house.start();
    let cookie = house.sign_in();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is known", Duration::from_secs(20), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let form = house.form("/lights", &cookie);
    let body = format!("form={form}&on=1");
    let mut stream = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    write!(stream, "POST /groups/hai HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {cookie}\r\nx-live: 1\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}", house.dashboard, body.len()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert!(
        answer.starts_with("HTTP/1.1 200")
            && answer.contains("id=\"undo\"")
            && answer.contains("data-left=\"10\"")
            && answer.contains("Đã gửi lệnh bật nhóm Hai đèn"),
        "{answer}"
    );
}

const TYPED: [(&str, &str); 4] = [
    ("title", "Họp <thôn>"),
    ("body", "Tối nay họp.\nGọi 0000 000 011."),
    ("kind", "event"),
    ("days", "30"),
];

/// Sends what was typed with the hidden fields of a page.
fn send(house: &House, cookie: &str, page: &str, path: &str) -> crate::support::http::Answer {
    let hidden = house.get(page, cookie).hidden_fields();
    let once = hidden.iter().filter(|(n, _)| n == "form" || n == "once");
    let fields: Vec<(&str, &str)> = once.map(|(n, v)| (&**n, &**v)).chain(TYPED).collect();
    house.post(path, cookie, &fields)
}

#[test]
fn a_notice_is_seen_as_visitors_will_see_it_before_it_is_published() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let preview = send(&house, &cookie, "/notices/new", "/notices/preview");
    assert_eq!(preview.status, 200, "{preview:?}");
    for seen in [
        "<h2>Họp &#60;thôn&#62;</h2>",
        "<p>Tối nay họp.</p>",
        "href=\"tel:0000000011\"",
        "Sự kiện · đăng ",
        "treo đến",
        "Đăng ngay",
        "Sửa lại",
    ] {
        assert!(preview.body.contains(seen), "{seen}: {}", preview.body);
    }
    assert!(
        house
            .entries()
            .iter()
            .all(|e| kind(e) != "notice.published")
    );
    // The way back keeps everything; the way on publishes once.
    let carried = preview.hidden_fields();
    let carried: Vec<(&str, &str)> = carried.iter().map(|(n, v)| (&**n, &**v)).collect();
    let mended = house.post("/notices/new", &cookie, &carried);
    for kept in [
        "value=\"Họp &#60;thôn&#62;\"",
        "Gọi 0000 000 011.</textarea>",
        "<option value=\"event\" selected>",
        "<option value=\"30\" selected>",
    ] {
        assert!(mended.body.contains(kept), "{kept}: {}", mended.body);
    }
    for _ in 0..2 {
        let published = house.post("/notices", &cookie, &carried);
        assert_eq!(published.status, 303, "{published:?}");
    }
    let published = house.entries();
    let published = published.iter().filter(|e| kind(e) == "notice.published");
    assert_eq!(published.count(), 1);
    // What cannot be published is said before the preview, and nothing is lost.
    let form = house.get("/notices/new", &cookie).field("form");
    let empty = [
        ("form", &*form),
        ("title", ""),
        ("body", "Chữ"),
        ("kind", "urgent"),
    ];
    let refused = house.post("/notices/preview", &cookie, &empty);
    assert!(
        refused.status == 400
            && refused.body.contains("Chữ</textarea>")
            && refused.body.contains("<option value=\"warning\" selected>"),
        "{refused:?}"
    );
    let twice = send(&house, &cookie, "/notices/new", "/notices/preview");
    assert_eq!(twice.status, 409, "it is up already: {twice:?}");
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn a_notice_that_was_taken_down_stays_readable_and_comes_back() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let published = send(&house, &cookie, "/notices/new", "/notices");
    let address = published.header("location").to_owned();
    let id = address
        .trim_start_matches("/notices/")
        .split('?')
        .next()
        .expect("id")
        .to_owned();
    let page = house.get(&address, &cookie).body;
    assert!(
        page.contains("Đã đăng “Họp &#60;thôn&#62;”") && page.contains("Hoàn tác"),
        "{page}"
    );
    let before = house.state()["notices"][&id].clone();
    let form = house.form("/me", &cookie);
    let visitor = |house: &House| http(house.portal, "GET", &format!("/t/{id}"), "", "").status;
    let undo = |house: &House, address: &str| {
        let (act, once) = (act_of(address), house.get(address, &cookie).field("once"));
        let fields = [("form", &*form), ("once", &*once), ("act", &*act)];
        house.post("/undo", &cookie, &fields)
    };
    let take_down = |house: &House| {
        let page = house.get(&format!("/notices/{id}"), &cookie);
        let fields = [("form", &*form), ("once", &*page.field("once"))];
        let down = house.post(&format!("/notices/{id}/down"), &cookie, &fields);
        assert_eq!(down.status, 303, "{down:?}");
        down.header("location").to_owned()
    };
    assert_eq!(visitor(&house), 200);
    // A correction is taken back as well: people read what stood there before.
    let text = |house: &House| house.state()["notices"][&id]["text"].clone();
    let hidden = house.get(&format!("/notices/{id}/correct"), &cookie);
    let hidden = hidden.hidden_fields();
    let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (&**n, &**v)).collect();
    fields.extend([("title", "Họp muộn"), ("body", "Tối mai họp.")]);
    fields.extend([("kind", "event"), ("days", "30")]);
    let corrected = house.post("/notices", &cookie, &fields);
    let corrected = corrected.header("location").to_owned();
    assert!(corrected.contains("?said=corrected&undo="), "{corrected}");
    assert_ne!(text(&house), before["text"]);
    let undone = undo(&house, &corrected);
    let said = format!("/notices/{id}?said=correction-undone");
    assert_eq!(undone.header("location"), said);
    let page = house.get(&said, &cookie).body;
    assert!(page.contains("Đã trở lại bản trước khi sửa."), "{page}");
    assert_eq!(text(&house), before["text"]);
    assert_ne!(undo(&house, &corrected).status, 303, "once is enough");
    let before = house.state()["notices"][&id].clone();
    let down = take_down(&house);
    assert_eq!(visitor(&house), 404);
    let list = house.get(&down, &cookie).body;
    assert!(list.contains("Đã gỡ “Họp &#60;thôn&#62;”"), "{list}");
    let undone = undo(&house, &down);
    assert_eq!(
        (undone.status, undone.header("location")),
        (303, &*format!("/notices/{id}?said=undone"))
    );
    assert_eq!(visitor(&house), 200);
    assert_eq!(house.state()["notices"][&id], before, "as it was");
    house.until("history tells both", Duration::from_secs(10), |h| {
        let history = h.get("/history", &cookie).body;
        history.contains("Ông Mẫu treo lại thông báo “Họp &#60;thôn&#62;”")
            && history.contains("Ông Mẫu gỡ thông báo “Họp &#60;thôn&#62;”")
    });
    // Down for good: the chief reads it, nobody else does.
    take_down(&house);
    house.kill();
    house.start();
    let archive = house.get("/notices/archive", &cookie).body;
    assert!(
        archive.contains("Họp &#60;thôn&#62;")
            && archive.contains("Gỡ xuống ")
            && archive.contains("· Ông Mẫu"),
        "{archive}"
    );
    let other = technician(&house);
    for path in [
        "/notices/archive".to_owned(),
        format!("/notices/archive/{id}"),
    ] {
        assert_eq!(house.get(&path, &other).status, 403, "{path}");
    }
    let old_link = house.get(&format!("/notices/{id}"), &cookie);
    assert_eq!(
        old_link.header("location"),
        format!("/notices/archive/{id}"),
        "a link to it leads there"
    );
    let read = house.get(&format!("/notices/archive/{id}"), &cookie).body;
    for seen in [
        "Tối nay họp.",
        "Treo lại như cũ",
        "Sửa rồi đăng lại",
        "Ông Mẫu",
    ] {
        assert!(read.contains(seen), "{seen}: {read}");
    }
    let anew = house.get(&format!("/notices/new?again={id}"), &cookie).body;
    assert!(
        anew.contains("value=\"Họp &#60;thôn&#62;\"")
            && anew.contains("Gọi 0000 000 011.</textarea>")
            && anew.contains("<option value=\"event\" selected>"),
        "{anew}"
    );
    let page = house.get(&format!("/notices/archive/{id}"), &cookie);
    let fields = [("form", &*form), ("once", &*page.field("once"))];
    let restored = house.post(&format!("/notices/archive/{id}/restore"), &cookie, &fields);
    assert_eq!(restored.status, 303, "{restored:?}");
    assert_eq!(house.state()["notices"][&id], before, "as it was");
    let undone = undo(&house, restored.header("location"));
    assert_eq!(
        (undone.status, undone.header("location")),
        (303, &*format!("/notices/archive/{id}?said=undone"))
    );
    assert_eq!(visitor(&house), 404);
    // The button of the page that published it does not claim that it is up.
    let hidden = [("form", &*form), ("once", &*id)];
    let fields: Vec<(&str, &str)> = hidden.into_iter().chain(TYPED).collect();
    let spent = house.post("/notices", &cookie, &fields);
    assert!(
        spent.status == 409 && spent.body.contains("đã đăng rồi gỡ xuống"),
        "{spent:?}"
    );
}
