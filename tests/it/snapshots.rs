//! Every page as text that somebody reviewed, in both languages, of a village where nothing
//! happened yet and of one that lives. A change of a page shows as a difference of its snapshot.
//!
//! Whatever changes from run to run (hours, dates, tokens, ports) is replaced by a word before the
//! comparison. After a wanted change: `INSTA_UPDATE=always scripts/test --only snapshots`, then
//! read the difference of `tests/it/snapshots/` and commit it with the change.

use std::time::Duration;

use crate::support::house::House;
use crate::support::http::http;
use crate::support::lamp::Lamp;

/// Pages of the dashboard, by the name of their snapshot.
pub const PAGES: [(&str, &str); 14] = [
    ("home", "/"),
    ("lights", "/lights"),
    ("sensors", "/sensors"),
    ("devices", "/devices"),
    ("cameras", "/cameras"),
    ("speakers", "/speakers"),
    ("notices", "/notices"),
    ("notice-new", "/notices/new"),
    ("notice-archive", "/notices/archive"),
    ("history", "/history"),
    ("wifi", "/wifi"),
    ("wifi-rules", "/wifi/rules"),
    ("more", "/more"),
    ("me", "/me"),
];

/// What differs between two runs, and the word for it.
const CHANGING: [(&str, &str); 19] = [
    (r"(?s)<style>.*?</style>", "<style>…</style>"),
    (r"(?s)<svg.*?</svg>", "<svg…/>"),
    (
        r#"name="(form|once|token)" value="[^"]*""#,
        r#"name="$1" value="TOKEN""#,
    ),
    (r#"data-stamp="[^"]*""#, r#"data-stamp="STAMP""#),
    (r"(Thứ (Hai|Ba|Tư|Năm|Sáu|Bảy)|Chủ Nhật)", "WEEKDAY"),
    (r"(thứ (hai|ba|tư|năm|sáu|bảy)|chủ nhật)", "WEEKDAY"),
    (
        r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b",
        "WEEKDAY",
    ),
    (r"\d{4}-\d{2}-\d{2}", "DATE"),
    (r"\b\d{1,2}/\d{1,2}/\d{4}\b", "DATE"),
    (
        r"(treo đến hết|treo đến|villages until|end of|đăng|posted|gửi|sent) \d{1,2}/\d{1,2}\b",
        "$1 DATE",
    ),
    (
        r"\b\d{1,2}/\d{1,2} · (lunar )?\d{1,2}/\d{1,2}(( nhuận)? âm lịch|, leap)?",
        "DATE · LUNAR DATE",
    ),
    (
        r"(mùng \d+|rằm|\d{1,2}) tháng [\pL ]+? âm lịch",
        "LUNAR DATE",
    ),
    (r"day \d{1,2} of( leap)? lunar month \d{1,2}", "LUNAR DATE"),
    (r#"id="e\d+""#, r#"id="eN""#),
    (r#"(name="shown" value=)"\d+""#, r#"$1"STAMP""#),
    (
        r"\d{1,2} (January|February|March|April|May|June|July|August|September|October|November|December)( \d{4})?",
        "DATE",
    ),
    (r"\d{1,2} tháng \d{1,2}(, \d{4})?", "DATE"),
    (r"\b\d{1,2}:\d{2}(:\d{2})?\b", "HOUR"),
    (
        r"\b\d+ (giây|phút|seconds?|minutes?)( ago| trước)?",
        "SOME TIME",
    ),
];

/// Compares a page with its snapshot.
pub fn judge(sample: &str, page: &str, lang: &str, body: &str) {
    assert!(!body.contains("{$"), "a placeholder is shown raw: {body}");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, word) in CHANGING {
        settings.add_filter(pattern, word);
    }
    settings.bind(|| insta::assert_snapshot!(format!("{sample}.{page}.{lang}"), body));
}

fn judge_all(house: &House, sample: &str, cookie: &str) {
    for lang in ["vi", "en"] {
        for (name, path) in PAGES {
            let page = house.get(path, &format!("{cookie}; lang={lang}"));
            assert_eq!(page.status, 200, "{path}");
            judge(sample, name, lang, &page.body);
        }
        let sign_in = house.get("/sign-in", &format!("lang={lang}"));
        judge(sample, "sign-in", lang, &sign_in.body);
        let portal = http(house.portal, "GET", &format!("/?lang={lang}"), "", "");
        judge(sample, "portal", lang, &portal.body);
    }
}

/// Publishes a notice as the chief.
pub fn publish(house: &House, cookie: &str, id: &str, kind: &str, title: &str) {
    let fields = [
        ("form", house.form("/notices/new", cookie)),
        ("once", id.to_owned()),
        ("title", title.to_owned()),
        ("body", "Bà con đọc kỹ. Gọi 0977 123 456.".to_owned()),
        ("kind", kind.to_owned()),
        ("days", "7".to_owned()),
    ];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let sent = house.post("/notices", cookie, &fields);
    assert_eq!(sent.status, 303, "{}", sent.body);
}

#[test]
fn pages_of_a_village_where_nothing_happened_are_as_reviewed() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    judge_all(&house, "fresh", &cookie);
}

#[test]
fn pages_of_a_village_that_lives_are_as_reviewed() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is there", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    house.switch("den-01.light", true);
    house.until("the lamp is lit", Duration::from_secs(10), |h| {
        h.get("/lights", &cookie).body.contains("Đang sáng")
    });
    for (number, kind, title) in [(1, "notice", "Họp thôn"), (2, "urgent", "Nước lên nhanh")]
    {
        publish(&house, &cookie, &format!("n-{number}"), kind, title);
    }
    judge_all(&house, "lively", &cookie);
}
