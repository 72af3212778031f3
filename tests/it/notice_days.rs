//! The days of a notice: as they are typed, kept with a draft, counted from the day on which it is
//! published, and printed.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use conglang::domain::calendar::{day_number, day_text};
use conglang::time::WallMs;

use crate::support::house::House;
use crate::support::http::Answer;

const DAY_MS: i64 = 86_400_000;

/// The fields of a meeting, with further ones.
fn meeting<'a>(form: &'a Answer, further: &[(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
    let fields = [
        ("form", form.field("form")),
        ("once", form.field("once")),
        ("title", "Họp thôn".to_owned()),
        ("body", "Bàn việc đường ngõ.".to_owned()),
        ("kind", "meeting".to_owned()),
    ];
    let further = further
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    fields.into_iter().chain(further).collect()
}

fn send(house: &House, path: &str, cookie: &str, fields: &[(&str, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, &**v)).collect();
    house.post(path, cookie, &fields)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("a time").as_millis()).expect("a number")
}

/// A day, so many days after today, as a date field sends it.
fn day_after(days: i64) -> String {
    day_text(day_number(WallMs::new(now_ms() + days * DAY_MS)))
}

#[test]
fn a_draft_keeps_the_moment_that_was_typed_and_loses_it_when_it_is_emptied() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let day = day_after(3);
    let form = house.get("/notices/new", &cookie);
    let id = form.field("once");
    let when = [("publish-day", &*day), ("publish-time", "07:30")];
    let further = [&when[..], &[("days", "7")]].concat();
    let saved = send(
        &house,
        "/notices/drafts",
        &cookie,
        &meeting(&form, &further),
    );
    assert_eq!(
        saved.header("location"),
        "/notices?said=scheduled",
        "{saved:?}"
    );
    let draft = house.state()["drafts"][&*id].clone();
    let (publish_at, until) = (draft["publish_at"].as_i64(), draft["until"].as_i64());
    let publish_at = publish_at.expect("a moment");
    assert_eq!(day_text(day_number(WallMs::new(publish_at))), day);
    // Its week begins when it is published.
    assert_eq!(until, Some(publish_at + 7 * DAY_MS));
    let list = house.get("/notices?said=scheduled", &cookie).body;
    assert!(list.contains("Đến giờ, máy tự đăng.") && list.contains("Đăng lúc 07:30"));

    // Opened and saved again, it is still scheduled.
    let path = format!("/notices/drafts/{id}");
    let form = house.get(&path, &cookie);
    assert!(form.body.contains(&format!("value=\"{day}\"")));
    let kept = format!("@{}", publish_at + 7 * DAY_MS);
    let named = [("notice", &*id), ("days", &*kept)];
    let again = [&when[..], &named].concat();
    let saved = send(&house, "/notices/drafts", &cookie, &meeting(&form, &again));
    assert_eq!(saved.header("location"), "/notices?said=scheduled");
    assert_eq!(
        house.state()["drafts"][&*id]["publish_at"].as_i64(),
        Some(publish_at)
    );

    // The emptied fields unschedule it.
    let form = house.get(&path, &cookie);
    let saved = send(&house, "/notices/drafts", &cookie, &meeting(&form, &named));
    assert_eq!(saved.header("location"), "/notices?said=draft-saved");
    assert!(house.state()["drafts"][&*id]["publish_at"].is_null());
}

#[test]
fn days_and_times_that_say_nothing_are_a_sentence_at_their_field() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let (later, soon) = (day_after(10), day_after(3));
    let form = house.get("/notices/new", &cookie);
    let early = format!("@{}", now_ms() + DAY_MS);
    for (further, field, why) in [
        (
            vec![("held-end", "21:00")],
            "held-day",
            "Có giờ mà chưa có ngày.",
        ),
        (
            vec![("held-time", "19:30")],
            "held-day",
            "Có giờ mà chưa có ngày.",
        ),
        (
            vec![("held-day", &*soon), ("held-end", "tối")],
            "held-end",
            "Không đọc được giờ này.",
        ),
        (
            vec![("publish-day", &*later), ("days", &*early)],
            "days",
            "Tin hết hạn trước khi đăng.",
        ),
    ] {
        for path in ["/notices/preview", "/notices/drafts"] {
            let answer = send(&house, path, &cookie, &meeting(&form, &further));
            assert_eq!(answer.status, 400, "{further:?}: {answer:?}");
            assert!(answer.body.contains(why), "{why}: {}", answer.body);
            let field = answer
                .body
                .split_once(&format!("id=\"{field}\""))
                .expect("the field")
                .1;
            let field = field.split_once('>').expect("its end").0;
            assert!(field.contains("aria-invalid"), "{why}: {field}");
        }
    }
    let fields = [("publish-day", &*later), ("days", "7")];
    let seen = send(
        &house,
        "/notices/preview",
        &cookie,
        &meeting(&form, &fields),
    );
    assert_eq!(seen.status, 200, "a week from its day: {}", seen.body);
}

#[test]
fn a_printed_meeting_says_when_and_where() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let form = house.get("/notices/new", &cookie);
    let id = form.field("once");
    let day = day_after(5);
    let fields = [
        ("days", "0"),
        ("held-day", &*day),
        ("held-time", "19:30"),
        ("place", "Nhà văn hóa thôn"),
        ("risk", "3"),
        ("source", "Đài Khí tượng"),
    ];
    let sent = send(&house, "/notices", &cookie, &meeting(&form, &fields));
    assert_eq!(sent.status, 303, "{}", sent.body);
    house.until("it is up", Duration::from_secs(5), |h| {
        !h.state()["notices"][&*id].is_null()
    });
    let pdf = house.dir.join("tin.pdf");
    let out = pdf.display().to_string();
    let (code, said) = house.cli(&["print", "notice", &id, "--out", &out]);
    assert_eq!(code, 0, "{said}");
    let text = Command::new("pdftotext")
        .args(["-layout", &out, "-"])
        .output()
        .expect("pdftotext runs");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let mut rest = &*text;
    for words in [
        "Họp thôn",
        "Rủi ro thiên tai cấp 3",
        "Nguồn: Đài Khí tượng",
        "19:30, ",
        "Nhà văn hóa thôn",
        "Bàn việc đường ngõ.",
    ] {
        rest = rest
            .split_once(words)
            .unwrap_or_else(|| panic!("{words} in its place: {text}"))
            .1;
    }
}

/// The lines of a preview's warnings, and its button that publishes or leads back.
fn warned<'a>(page: &'a Answer, words: &str) -> (bool, &'a str) {
    let (_, form) = page.body.split_once("<form id=\"publish\"").expect("form");
    let (_, go) = form.split_once("<button class=\"go huge\"").expect("go");
    (
        page.body.contains(words),
        go.split("</button>").next().expect("words"),
    )
}

#[test]
fn dots_and_a_meeting_without_a_day_are_warned_of_and_published_only_by_the_quiet_button() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let template = house.get("/notices/new?template=hop-thon", &cookie);
    assert!(
        template
            .body
            .contains("<option value=\"held\" selected>Đến hết ngày diễn ra"),
        "{}",
        template.body
    );
    let mut fields = vec![
        ("form", template.field("form")),
        ("once", template.field("once")),
        ("title", "Mời họp thôn".to_owned()),
        ("body", "Nội dung:\n- …\n- …".to_owned()),
        ("kind", "meeting".to_owned()),
        ("days", "held".to_owned()),
    ];
    let preview = send(&house, "/notices/preview", &cookie, &fields);
    let why = "Còn chỗ chưa điền: 2 chỗ “…”; chưa có ngày, giờ họp";
    let (is_warned, go) = warned(&preview, why);
    assert!(is_warned, "{}", preview.body);
    assert!(
        go.contains("formaction=\"/notices/new\"") && go.ends_with("Sửa lại"),
        "{go}"
    );
    assert!(
        preview
            .body
            .contains("<button class=\"quiet huge\">Vẫn đăng</button>")
    );
    // With all of it filled in, the tap publishes, to the end of the day.
    let day = day_after(11);
    fields[3].1 = "Nội dung:\n- Bàn quỹ…".to_owned();
    fields.push(("held-day", day.clone()));
    fields.push(("held-time", "19:30".to_owned()));
    let preview = send(&house, "/notices/preview", &cookie, &fields);
    let (is_warned, go) = warned(&preview, "chưa điền");
    assert!(!is_warned && go.ends_with("Đăng ngay"), "{go}");
    let sent = send(&house, "/notices", &cookie, &fields);
    assert_eq!(sent.status, 303, "{}", sent.body);
    let id = template.field("once");
    let until = house.state()["notices"][&*id]["until"].as_i64();
    let until = WallMs::new(until.expect("an end"));
    assert_eq!(day_text(day_number(until)), day);
    assert_ne!(day_number(until), day_number(until + 1), "its last moment");
}

#[test]
fn a_notice_that_ends_before_its_day_is_mended_by_one_tap_and_its_end_follows_the_day() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let form = house.get("/notices/new", &cookie);
    let (day, later) = (day_after(11), day_after(20));
    let further = [
        ("days", "7"),
        ("held-day", &*day),
        ("held-time", "19:30"),
        ("place", "Đình"),
    ];
    let fields = meeting(&form, &further);
    let preview = send(&house, "/notices/preview", &cookie, &fields);
    assert!(preview.body.contains("Tin sẽ gỡ ngày "), "{}", preview.body);
    assert!(
        preview
            .body
            .contains("form=\"publish\" formaction=\"/notices/preview\" name=\"until-held\""),
        "{}",
        preview.body
    );
    let mut hidden = preview.hidden_fields();
    hidden.push(("until-held".to_owned(), "1".to_owned()));
    let hidden: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (&**n, &**v)).collect();
    let mended = house.post("/notices/preview", &cookie, &hidden);
    assert!(
        mended.status == 200 && !mended.body.contains("Tin sẽ gỡ ngày "),
        "{}",
        mended.body
    );
    let sent = crate::notice_forms::press(&house, &cookie, &mended, "/notices");
    assert_eq!(sent.status, 303, "{}", sent.body);
    let id = form.field("once");
    let last_day = || {
        let until = house.state()["notices"][&*id]["until"].as_i64();
        day_text(day_number(WallMs::new(until.expect("an end"))))
    };
    assert_eq!(last_day(), day);

    // The list leads to the form; the page of the notice to its day and place alone.
    let list = house.get("/notices", &cookie).body;
    assert!(
        list.contains(&format!("href=\"/notices/{id}/correct\"")) && list.contains("Họp "),
        "{list}"
    );
    let page = house.get(&format!("/notices/{id}"), &cookie).body;
    let brief = format!("/notices/{id}/correct?only=occasion");
    assert!(
        page.contains(&brief) && page.contains("Đổi ngày, giờ, địa điểm"),
        "{page}"
    );
    let form = house.get(&brief, &cookie);
    assert!(
        !form.body.contains("<textarea") && form.body.contains("value=\"Đình\""),
        "{}",
        form.body
    );
    let mut hidden = form.hidden_fields();
    for (name, value) in [
        ("held-day", &*later),
        ("held-time", "20:00"),
        ("place", "Nhà văn hóa"),
    ] {
        hidden.push((name.to_owned(), value.to_owned()));
    }
    let hidden: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (&**n, &**v)).collect();
    let preview = house.post("/notices/preview", &cookie, &hidden);
    assert_eq!(preview.status, 200, "{}", preview.body);
    let sent = crate::notice_forms::press(&house, &cookie, &preview, "/notices");
    let said = format!("/notices/{id}?said=corrected&undo=");
    assert!(sent.header("location").starts_with(&said), "{sent:?}");
    assert_eq!(last_day(), later, "its end follows");
    let page = house.get(&format!("/notices/{id}"), &cookie).body;
    for words in ["20:00, ", "Nhà văn hóa", "Bàn việc đường ngõ."] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // A day that is over is a sentence at its field, in the form that asks for it.
    let mut over: Vec<(&str, &str)> = hidden.clone();
    over.retain(|(name, _)| *name != "held-day");
    over.push(("held-day", "1/1/2020"));
    let refused = house.post("/notices/preview", &cookie, &over);
    assert!(
        refused.status == 400 && refused.body.contains("Ngày diễn ra đã qua rồi."),
        "{}",
        refused.body
    );
}
