//! Every page of the commune's console as text that somebody reviewed, in both languages: of an office
//! where nothing happened yet and of one that sent a bulletin; what is refused, and errors.
//!
//! As with the pages of the village (`snapshots`), whatever changes from run to run is replaced.

use conglang::protocol::commune::UplinkMessage;
use conglang::protocol::village_status::{Status, StatusSummary};

use crate::bulletins::{DESK, Desk, bulletin, come_in, until};
use crate::snapshots::judge;
use crate::support::http::Answer;
use crate::support::office::Commune;
use crate::support::village::tell;

/// Pages with their status, by the name of their snapshot.
const PAGES: [(&str, &str, u16); 8] = [
    ("home", "/", 200),
    ("bulletins", "/bulletins", 200),
    ("bulletin-new", "/bulletins/new", 200),
    ("village", "/villages/ben-thoc", 200),
    ("history", "/history", 200),
    ("history-none", "/history?day=2020-01-31&person=hoa", 200),
    ("me", "/me", 200),
    ("not-found", "/villages/nowhere", 404),
];

fn office() -> Commune {
    let mut commune = Commune::with_keys(&[
        (
            "ben-thoc",
            "chief = \"Ông Mẫu\"\nphone = \"0000 000 021\"\npeople = 1240\n",
        ),
        ("ben-tre", "people = 800\n"),
        ("trai-cau", ""),
    ]);
    commune.start(&[]);
    let args = ["commune", "officer", "add", "hoa", "Chị Hoa, văn hóa xã"];
    let (code, said) = commune.cli("vi", &[&args[..], &["--pin", "135791"]].concat());
    assert_eq!(code, 0, "{said}");
    commune
}

fn desk<'a>(commune: &'a Commune, cookie: &str, lang: &str) -> Desk<'a> {
    Desk {
        commune,
        cookie: format!("{cookie}; lang={lang}"),
    }
}

fn shown(sample: &str, name: &str, lang: &str, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{name}: {answer:?}");
    judge(sample, name, lang, &answer.body);
}

fn judge_all(commune: &Commune, sample: &str, cookie: &str) {
    for lang in ["vi", "en"] {
        let desk = desk(commune, cookie, lang);
        for (name, path, status) in PAGES {
            shown(sample, name, lang, &desk.get(path), status);
        }
    }
}

#[test]
fn pages_of_an_office_where_nothing_happened_are_as_reviewed() {
    let commune = office();
    let cookie = commune.sign_in_as(DESK, "hoa", "135791");
    judge_all(&commune, "office-fresh", &cookie);
    for lang in ["vi", "en"] {
        let stranger = desk(&commune, "", lang);
        let asked = stranger.get("/bulletins/1");
        shown("office-fresh", "sign-in", lang, &asked, 200);
        let typed = [("title", "Họp dân"), ("body", "19 giờ."), ("to", "all")];
        let kept = stranger.post("/bulletins", &typed);
        shown("office-fresh", "sign-in-kept", lang, &kept, 401);
        let nobody = stranger.post("/sign-in", &[("officer", ""), ("pin", "000000")]);
        shown("office-fresh", "sign-in-refused", lang, &nobody, 401);
        let desk = desk(&commune, &cookie, lang);
        let old = desk.post("/sign-out", &[("form", "of before")]);
        shown("office-fresh", "form-old", lang, &old, 403);
        let again = desk.post("/bulletins", &typed);
        shown("office-fresh", "form-again", lang, &again, 403);
        let other = desk.post("/villages/ben-thoc", &[]);
        shown("office-fresh", "no-form", lang, &other, 405);
    }
}

#[test]
fn pages_of_an_office_that_sent_a_bulletin_are_as_reviewed() {
    let commune = office();
    let cookie = commune.sign_in_as(DESK, "hoa", "135791");
    let hers = desk(&commune, &cookie, "vi");
    let (takes, mut taken) = come_in(&commune, "ben-thoc");
    let summary = Box::new(StatusSummary {
        status: Status::Well,
        ..StatusSummary::default()
    });
    let status = UplinkMessage::Status { summary };
    tell(&takes, &mut taken, "ben-thoc", &status);
    // Each key is told before the next comes: the page has one order.
    let told = |keys: usize| {
        until("the keys are told", || {
            let page = hers.get("/history").body;
            page.matches("được nối bằng một khóa mới").count() == keys
        });
    };
    told(1);
    let (refuses, mut refused) = come_in(&commune, "ben-tre");
    told(2);
    hers.send("Phun thuốc muỗi");
    let (seq, _) = bulletin(&mut taken);
    let done = UplinkMessage::Outcome { seq, refused: None };
    tell(&takes, &mut taken, "ben-thoc", &done);
    until("the first answer is in", || {
        hers.get("/bulletins/1").body.contains("1/3 thôn đã nhận")
    });
    let (seq, _) = bulletin(&mut refused);
    let why = Some("refused-too-many".to_owned());
    let no = UplinkMessage::Outcome { seq, refused: why };
    tell(&refuses, &mut refused, "ben-tre", &no);
    until("the second answer is in", || {
        hers.get("/bulletins/1").body.contains("Không nhận")
    });
    judge_all(&commune, "office-lively", &cookie);
    for lang in ["vi", "en"] {
        let desk = desk(&commune, &cookie, lang);
        let sent = desk.get("/bulletins/1?said=sent");
        shown("office-lively", "bulletin", lang, &sent, 200);
        let (form, once) = desk.form();
        let typed = [
            ("form", form.as_str()),
            ("once", once.as_str()),
            ("title", "Mưa lớn"),
            ("body", "Kê cao đồ đạc."),
            ("urgent", "1"),
        ];
        let nobody = desk.post("/bulletins", &typed);
        shown("office-lively", "bulletin-refused", lang, &nobody, 400);
        let confirm = desk.post("/bulletins", &[&typed[..], &[("to", "all")]].concat());
        shown("office-lively", "bulletin-confirm", lang, &confirm, 200);
    }
}
