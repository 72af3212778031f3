//! The storm page: when it stands first on the portal, and all that it says on a night without a
//! line. The risk is that of a notice in force, so each way out of force is tried.

use std::time::{Duration, Instant};

use conglang::domain::actor::Actor;
use conglang::domain::id::EntityId;
use conglang::domain::storm::{MAX_PLAN_ROW_CHARS, MAX_PLAN_ROWS};
use conglang::journal::CommandRequest;
use conglang::live::latest::Value;
use conglang::ports::guests::GuestVisitor;
use serde_json::{Value as Json, json};

use crate::support::guest_pages::GuestPages;
use crate::support::house::House;
use crate::support::http::http;
use crate::weight::wire;

const HOUR_MS: i64 = 3_600_000;
/// First view of the page, bytes, not compressed: an old phone asks for no compression.
const FIRST_VIEW: usize = 30_000;

fn pages() -> GuestPages {
    GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive)
}

fn visit(pages: &GuestPages, path: &str) -> String {
    let answer = http(pages.portal, "GET", path, "", "");
    assert_eq!(answer.status, 200, "{path}");
    assert!(!answer.body.contains("<script"), "{path}");
    answer.body
}

/// Publishes a warning of a level that is shown for so many milliseconds.
fn warn(pages: &GuestPages, id: &str, level: u8, for_ms: i64, is_urgent: bool) {
    let now = pages.app.supervisor.clock().wall_ms().ms();
    let notice = json!({
        "id": id, "title": format!("Tin bão {id}"), "body": "Bà con chằng chống nhà cửa.",
        "source": "Đài khí tượng thủy văn tỉnh", "kind": "warning", "urgent": is_urgent,
        "until": now + for_ms, "risk": { "level": level, "at": now - 2 * HOUR_MS },
    });
    let answer = pages.technician("/notices", &notice);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A command of the gateway itself.
fn decide(pages: &GuestPages, command: Json) {
    let command: conglang::domain::command::Command =
        serde_json::from_value(command).expect("a command");
    let request = CommandRequest::new(Actor::System, command);
    pages
        .block_on(pages.app.journal.submit(request))
        .expect("carried out");
}

/// Whether the page stands first on the first page of the portal: in both languages, for a device
/// that is shut in (the small window that a phone opens by itself), for one that is in, and while
/// the line is cut; before anything else can be tapped.
fn stands_first(pages: &GuestPages) -> bool {
    let visitors = [
        GuestVisitor::Captive,
        GuestVisitor::NotNow(conglang::domain::guest::admission::NotNow::UplinkDown),
        GuestVisitor::In {
            seconds_left: 600,
            bytes_left: None,
        },
    ];
    let mut seen = Vec::new();
    for visitor in visitors {
        pages.stands(visitor);
        for (lang, words) in [("vi", "Khi có bão, lũ"), ("en", "In storm and flood")] {
            let body = visit(pages, &format!("/?lang={lang}"));
            let main = body.split_once("<main").expect("main").1;
            let first = format!("class=\"button stop huge\" href=\"/khan?lang={lang}\"");
            let is_there = main.contains(&first);
            if is_there {
                let link = main.split_once("<a ").expect("a link").1;
                let form = main.find("<form").unwrap_or(usize::MAX);
                assert!(
                    link.starts_with(&first)
                        && main.find("<a ").is_some_and(|at| at < form)
                        && link.split("</a>").next().expect("words").contains(words),
                    "{visitor:?} {lang}: {main}"
                );
            }
            seen.push(is_there);
        }
    }
    pages.stands(GuestVisitor::Captive);
    assert!(seen.iter().all(|is| *is == seen[0]), "{seen:?}");
    seen[0]
}

#[test]
fn the_page_stands_first_from_level_3_on_as_long_as_the_warning_is_in_force() {
    let pages = pages();
    assert!(!stands_first(&pages), "nothing warns");
    warn(&pages, "cap-1", 1, HOUR_MS, true);
    warn(&pages, "cap-2", 2, HOUR_MS, true);
    assert!(!stands_first(&pages), "level 2");
    warn(&pages, "cap-3", 3, HOUR_MS, true);
    assert!(stands_first(&pages), "level 3");
    let down = json!({ "do": "TakeDownNotice", "id": "cap-3" });
    assert_eq!(pages.command(&down).status, 200);
    assert!(!stands_first(&pages), "taken down");
    warn(&pages, "cap-3-mot-lat", 3, 10_000, true);
    assert!(stands_first(&pages));
    let end = Instant::now() + Duration::from_secs(20);
    while visit(&pages, "/?lang=vi").contains("class=\"button stop huge\" href=\"/khan?lang=vi\"") {
        assert!(Instant::now() < end, "its time is over");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!stands_first(&pages), "over for everybody");
    for level in [4, 5] {
        let id = format!("cap-{level}");
        warn(&pages, &id, level, HOUR_MS, false);
        assert!(stands_first(&pages), "level {level}, not marked as urgent");
        let down = json!({ "do": "TakeDownNotice", "id": id });
        assert_eq!(pages.command(&down).status, 200);
        assert!(!stands_first(&pages));
    }
}

#[test]
fn the_page_stands_first_while_an_emergency_is_on_air() {
    let pages = pages();
    let text = pages.block_on(pages.app.files.put("Nước lên.".as_bytes().to_vec()));
    let text = text.expect("stored");
    decide(
        &pages,
        json!({ "do": "DeclareSpeaker", "speaker": { "id": "loa-01", "name": "Loa", "horns": 2 } }),
    );
    for (id, class, is_first) in [("a", "priority", false), ("b", "emergency", true)] {
        decide(
            &pages,
            json!({
                "do": "QueueAnnouncement", "id": id, "text": text, "class": class,
                "zone": ["loa-01"], "expires_in_ms": HOUR_MS
            }),
        );
        assert_eq!(stands_first(&pages), is_first, "{class}");
    }
    decide(&pages, json!({ "do": "StopEverything" }));
    decide(
        &pages,
        json!({
            "do": "FinishPlayback", "announcement": "b", "speaker": "loa-01",
            "how": { "how": "played", "ms": 5 }
        }),
    );
    assert!(!stands_first(&pages), "it was said");
}

fn measure(pages: &GuestPages, sensor: &str, readings: &[(i64, i64)]) {
    let now = pages.app.supervisor.clock();
    let id = EntityId::new(sensor).expect("id");
    for (minutes_ago, value) in readings {
        let at = now.wall_ms() + -minutes_ago * 60_000;
        pages.app.samples.add(&id, at, *value);
        let value = Value {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            number: *value as f64,
            at,
            mono_ms: now.mono_ms(),
            retained: false,
        };
        pages.app.live.latest.set(&id, value);
    }
}

#[test]
fn the_page_says_what_the_water_does_and_what_the_authority_said_last() {
    let pages = pages();
    for (id, name) in [
        ("cb-11.level", "Mực sông"),
        ("cb-12.level", "Mực hồ"),
        ("cb-13.level", "Mực kênh"),
        ("cb-14.level", "Mực đập"),
    ] {
        decide(
            &pages,
            json!({
                "do": "DeclareSensor",
                "sensor": { "id": id, "name": name, "unit": "cm", "decimals": 0, "marks": [200.0, 250.0] }
            }),
        );
    }
    measure(&pages, "cb-11.level", &[(61, 150), (1, 172)]);
    measure(&pages, "cb-12.level", &[(59, 260), (0, 255)]);
    measure(&pages, "cb-14.level", &[(0, 192)]);
    warn(&pages, "cu", 2, HOUR_MS, true);
    warn(&pages, "moi", 3, HOUR_MS, false);
    warn(&pages, "nhe", 1, HOUR_MS, true);
    let flat = |body: String| body.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = flat(visit(&pages, "/khan?lang=vi"));
    for words in [
        "<span class=\"mark \"></span> <span class=\"what\"> <b>Mực sông: 172 cm</b> \
         <small>Tăng 22 cm trong một giờ · còn 28 cm tới mức chú ý (200) · Số đo lúc",
        "<span class=\"mark warn\"></span> <span class=\"what\"> <b>Mực hồ: 255 cm</b> \
         <small>Giảm 5 cm trong một giờ · đã vượt mức báo động (250) · ",
        "<b>Mực đập: 192 cm</b> <small>Còn 8 cm tới mức chú ý (200)",
        "<b>Mực kênh: chưa có số đo</b>",
        "Đây là số đo tại thôn, không phải bản tin chính thức.",
        "<b>Rủi ro thiên tai cấp 3 (màu da cam)</b> Nguồn: Đài khí tượng thủy văn tỉnh, ",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let place = |id: &str| page.find(&format!("href=\"/t/{id}?")).expect("a bulletin");
    assert!(
        place("moi") < place("cu") && place("cu") < place("nhe"),
        "the highest risk first: {page}"
    );
    let english = flat(visit(&pages, "/khan?lang=en"));
    assert!(
        english.contains("Up 22 cm in an hour") && english.contains("Down 5 cm in an hour"),
        "{english}"
    );
    for id in ["moi", "cu", "nhe"] {
        let down = json!({ "do": "TakeDownNotice", "id": id });
        assert_eq!(pages.command(&down).status, 200);
    }
    let page = visit(&pages, "/khan?lang=vi");
    assert!(
        page.contains("Hiện không có tin cảnh báo nào") && !page.contains("/t/moi"),
        "{page}"
    );
}

#[test]
fn the_fullest_page_is_small_on_the_wire_and_needs_nothing_of_others() {
    let pages = pages();
    let cookie = pages.sign_in();
    let form = pages.get("/storm", &cookie).field("form");
    // Texts that do not repeat, as long as they may be.
    let syllables = [
        "nhà",
        "văn",
        "hóa",
        "đường",
        "ngõ",
        "trường",
        "chợ",
        "người",
    ];
    let row = |n: usize| -> String {
        let words =
            (0..40).map(|k| format!("{}{}", syllables[(n * 7 + k * 3) % 8], (n * 13 + k) % 97));
        let text = words.collect::<Vec<_>>().join(" ");
        let text = format!("0912 345 {n:03} {text}");
        text.chars().take(MAX_PLAN_ROW_CHARS).collect()
    };
    let part = |from: usize| {
        let rows = (from..from + MAX_PLAN_ROWS).map(row);
        rows.collect::<Vec<_>>().join("\r\n")
    };
    let (shelters, boats, phones) = (part(0), part(100), part(200));
    let fields = [
        ("form", form.as_str()),
        ("shelters", &shelters),
        ("boats", &boats),
        ("phones", &phones),
    ];
    assert_eq!(pages.post("/storm", &cookie, &fields).status, 303);
    for n in 0..14 {
        let long = "Bà con chằng chống nhà cửa, đưa trâu bò về chuồng. ".repeat(20);
        let now = pages.app.supervisor.clock().wall_ms().ms();
        let notice = json!({
            "id": format!("b-{n}"), "title": format!("Tin bão số {n}: {}", "x".repeat(120)),
            "body": long, "source": "Đài khí tượng thủy văn tỉnh", "kind": "warning",
            "urgent": true, "until": now + HOUR_MS, "risk": { "level": 3, "at": now },
        });
        assert_eq!(pages.technician("/notices", &notice).status, 200);
    }
    let page = visit(&pages, "/khan?lang=vi");
    assert_eq!(
        ["section", "div"].map(|part| {
            let box_of = format!("<{part} class=\"say warn risk risk-3\">");
            page.matches(&box_of).count()
        }),
        [1, 3],
        "the newest whole, the others in a line each"
    );
    assert_eq!(
        page.matches("href=\"tel:0912345").count(),
        3 * MAX_PLAN_ROWS
    );
    // The namespace of a drawing is a name, and nothing is fetched for it.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for foreign in ["src=", "@import", "url(", "http://", "https://"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let sent = wire(pages.portal, "/khan?lang=vi", "", "").body.len();
    let plain = visit(&pages, "/khan?lang=vi").len();
    println!("the fullest storm page: {plain} bytes, {sent} on the wire");
    assert!(plain <= FIRST_VIEW, "{plain} bytes, not compressed");
}

#[test]
fn whom_to_call_stands_first_and_every_row_can_be_tapped() {
    let pages = pages();
    warn(&pages, "bao", 2, HOUR_MS, true);
    let flat = |body: String| body.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = flat(visit(&pages, "/khan?lang=vi"));
    // Nothing is written down: one sentence, with somebody to ask.
    assert!(
        page.contains("<p>Chưa ghi điểm sơ tán, thuyền, xuồng, điện thoại trực. "),
        "{page}"
    );
    assert!(!page.contains("<h2>Điểm sơ tán</h2>"), "{page}");
    let plan = json!({
        "shelters": ["Nhà văn hóa: 120 người"], "boats": [],
        "phones": ["Trưởng thôn: 0000 000 011, công an viên: 0000 000 013"],
    });
    assert_eq!(pages.technician("/storm", &plan).status, 200);
    let page = flat(visit(&pages, "/khan?lang=vi"));
    let place = |words: &str| {
        page.find(words)
            .unwrap_or_else(|| panic!("{words}: {page}"))
    };
    let order = [
        "<h2>Tin bão bao</h2>",
        "<a href=\"tel:112\">",
        "<a href=\"tel:115\">",
        "<a href=\"tel:0000000011\">Trưởng thôn: <b>0000 000 011</b>",
        "<a href=\"tel:0000000013\">công an viên: <b",
        "<li>Nhà văn hóa: 120 người</li>",
        "<h2>Mực nước, mưa</h2>",
        "<p>Chưa ghi thuyền, xuồng. Cần hỏi, gọi Trưởng thôn: <a href=\"tel:0000000011\">",
        "<div class=\"paper\"> <svg",
        "<p>benthoc.example/khan</p>",
    ];
    let places = order.map(place);
    assert!(places.is_sorted(), "{places:?}: {page}");
    assert!(!page.contains("tel:111"), "no helpline for children here");
    let long = json!({ "shelters": ["x".repeat(MAX_PLAN_ROW_CHARS + 1)] });
    assert_eq!(pages.technician("/storm", &long).status, 400);
}

#[test]
fn a_warning_of_a_lower_level_leads_to_the_page_too() {
    let pages = pages();
    let ways = |pages: &GuestPages| {
        let page = visit(pages, "/?lang=vi");
        (
            page.contains(">điểm sơ tán, số gọi</a>"),
            page.contains("Khi có bão, lũ: điểm sơ tán, số gọi</a>"),
        )
    };
    assert_eq!(ways(&pages), (false, false), "nothing warns");
    warn(&pages, "nhe", 2, HOUR_MS, false);
    assert_eq!(ways(&pages), (false, true), "in no box");
    warn(&pages, "gap", 1, HOUR_MS, true);
    assert_eq!(ways(&pages), (true, false), "in its box");
}

#[test]
fn a_warning_and_a_meeting_say_the_same_aloud_and_in_feeds() {
    let pages = pages();
    warn(&pages, "bao", 3, HOUR_MS, true);
    let now = pages.app.supervisor.clock().wall_ms().ms();
    let meeting = json!({
        "id": "hop", "title": "Mời họp thôn", "body": "Nội dung:\n- Tổng kết năm",
        "kind": "meeting", "place": "Sân đình", "urgent": false, "until": now + 48 * HOUR_MS,
        "occasion": { "at": now + 24 * HOUR_MS },
    });
    assert_eq!(pages.technician("/notices", &meeting).status, 200);
    let cookie = pages.sign_in();
    for (id, told) in [
        (
            "bao",
            ["Rủi ro thiên tai cấp 3", "Đài khí tượng thủy văn tỉnh"],
        ),
        ("hop", ["Sân đình.", "Nội dung: "]),
    ] {
        let form = pages.get(&format!("/speakers?notice={id}"), &cookie).body;
        for words in told {
            assert!(form.contains(words), "{words} in {form}");
        }
        assert!(!form.contains(":."), "{form}");
    }
    for path in ["/feed.xml", "/feed.json"] {
        let feed = http(pages.portal, "GET", path, "", "").body;
        for words in [
            "Rủi ro thiên tai cấp 3",
            "Đài khí tượng thủy văn tỉnh",
            "Sân đình",
        ] {
            assert!(feed.contains(words), "{words} in {feed}");
        }
    }
}

#[test]
fn the_chief_is_led_to_the_page_of_this_box() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let there = house.get("/as-people/khan", &cookie);
    let here = format!(":{}/khan", house.portal);
    assert_eq!(there.status, 303);
    let location = there.header("location");
    assert!(
        location.starts_with("http://") && location.ends_with(&here),
        "{location}"
    );
    for none in [
        "/as-people/evil",
        "/as-people/t/../x",
        "/as-people//evil.example",
    ] {
        assert_eq!(house.get(none, &cookie).status, 404, "{none}");
    }
}

#[test]
fn an_urgent_notice_without_a_level_is_among_the_first_and_the_rest_is_one_tap_away() {
    let pages = pages();
    for n in 0..5 {
        warn(&pages, &format!("vua-{n}"), 1 + n % 2, 3 * HOUR_MS, false);
    }
    let urgent = |id: &str, title: &str| {
        let words = conglang::domain::notice::NoticeWords::of(title, "Rời nhà ngay.");
        let kind = conglang::domain::notice::NoticeKind::Notice;
        let details = conglang::domain::notice::NoticeDetails::of(kind).urgent();
        crate::notice_strains::publish(&pages, id, &words, details);
    };
    urgent("vo-de", "VỠ ĐÊ");
    let page = visit(&pages, "/khan?lang=vi");
    let at = |page: &str, words: &str| page.find(words).unwrap_or(usize::MAX);
    assert!(at(&page, "VỠ ĐÊ") < at(&page, "Tin bão vua-"), "{page}");
    assert!(page.contains("Còn cảnh báo khác"), "{page}");
    assert_eq!(page.matches("lang=vi\">Tin bão vua-").count(), 3, "{page}");
    // Also while four of a higher level are up.
    for n in 0..4 {
        warn(&pages, &format!("cao-{n}"), 4, 3 * HOUR_MS, true);
    }
    urgent("vo-dap", "VỠ ĐẬP");
    let page = visit(&pages, "/khan?lang=vi");
    assert!(at(&page, "VỠ ĐẬP") < usize::MAX, "{page}");
    assert!(at(&page, "Tin bão cao-") < at(&page, "VỠ ĐẬP"), "{page}");
    assert!(page.len() <= FIRST_VIEW, "{} bytes", page.len());
    assert!(visit(&pages, "/t?lang=vi").contains("Tin bão vua-0"));
}
