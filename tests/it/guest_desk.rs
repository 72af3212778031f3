//! The free wifi for the village's own people: the chief's page and its acts, the technician's
//! commands.

use conglang::domain::guest::admission::InternetUplink;
use conglang::live::guests::{GuestsNow, HourOfUse};
use conglang::ports::guests::GuestVisitor;

use crate::support::guest_pages::{GuestPages, guest};
use crate::support::house::{fields, kind};
use crate::support::http::http;

const A: &str = "aa11aa11aa11aa11aa11aa11aa11aa11";
const B: &str = "bb22bb22bb22bb22bb22bb22bb22bb22";
const C: &str = "cc33cc33cc33cc33cc33cc33cc33cc33";

/// A wifi with two devices in it and one that was; the second changes its address.
pub fn lively(pages: &GuestPages) -> GuestsNow {
    let now = pages.app.supervisor.clock().wall_ms();
    let mut random = guest(B, Some(now - 60_000), 20);
    random.is_random = true;
    let hour = (now.ms() + 7 * 3_600_000).div_euclid(3_600_000);
    let used = |hour, megabytes: u64| HourOfUse {
        hour,
        bytes: megabytes * 1_000_000,
        devices: 2,
    };
    GuestsNow {
        is_configured: true,
        is_in_force: true,
        has_block_list: true,
        uplink: InternetUplink::Free,
        devices: vec![
            guest(A, Some(now - 600_000), 120),
            random,
            guest(C, None, 7),
        ],
        day: hour.div_euclid(24),
        used_today: 147_000_000,
        metered_today: 0,
        blocked_today: None,
        newcomers_waited: 0,
        is_key_lost: false,
        week: vec![used(hour - 24, 900), used(hour, 147)],
    }
}

/// Pages of such a wifi, and the cookie of the chief.
pub fn house() -> (GuestPages, String) {
    let pages = GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive);
    let cookie = pages.sign_in();
    let guests = lively(&pages);
    pages.shows(guests);
    (pages, cookie)
}

#[test]
fn the_chief_sees_who_is_in_as_numbers_and_what_keeps_guests_out() {
    let (pages, cookie) = house();
    // The sentence is about this moment, whatever its hour is.
    assert_eq!(pages.cli("vi", &["guest", "rules", "hours=-"]).0, 0);
    let page = pages.get("/wifi", &cookie).body;
    for words in [
        "Mở cả ngày lẫn đêm.",
        "2 máy đang dùng, hôm nay 147 MB",
        "Máy AA11",
        "Máy BB22",
        "Đã dùng hôm nay",
        "hôm nay 120 MB",
        "role=\"img\" aria-label=\"Bảy ngày qua khách dùng 1 GB. Nhiều nhất: 900 MB, ",
        "<span>CN</span>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("danh sách chặn"), "{page}");
    pages.shows(GuestsNow {
        blocked_today: Some(42),
        ..lively(&pages)
    });
    let blocked = "Hôm nay danh sách chặn đã chặn 42 lần hỏi trang xấu.";
    assert!(pages.get("/wifi", &cookie).body.contains(blocked));
    let english = pages.get("/wifi", &format!("{cookie}; lang=en")).body;
    assert!(
        english.contains("2 online, 147 MB today") && english.contains("Device AA11"),
        "{english}"
    );
    // Three taps from the first page: the tile, the device, the button.
    let tile = pages.get("/", &cookie).body;
    assert!(
        tile.contains("href=\"/wifi\"") && tile.contains("Wifi 2 máy"),
        "{tile}"
    );
    let troubles = [
        ("Wifi của khách chưa chạy", false, InternetUplink::Free),
        ("Mất đường internet", true, InternetUplink::Down),
        (
            "Đang dùng 4G, khách phải chờ",
            true,
            InternetUplink::Metered,
        ),
    ];
    for (words, is_in_force, uplink) in troubles {
        let guests = lively(&pages);
        pages.shows(GuestsNow {
            is_in_force,
            uplink,
            ..guests
        });
        for path in ["/wifi", "/"] {
            assert!(
                pages.get(path, &cookie).body.contains(words),
                "{path}: {words}"
            );
        }
    }
    for (is_key_lost, words) in [(false, "không trả lời"), (true, "mất tệp khóa")] {
        pages.shows(GuestsNow {
            is_configured: true,
            is_key_lost,
            ..GuestsNow::default()
        });
        let page = pages.get("/wifi", &cookie).body;
        let nobody_knows = "Lúc này không biết được máy nào đang dùng";
        assert!(
            page.contains(words) && page.contains(nobody_knows),
            "{page}"
        );
        let (code, list, _) = pages.cli("vi", &["guest", "list"]);
        let says_why = list.contains("guests.key") == is_key_lost;
        assert!(code == 2 && says_why && !list.contains("0 máy"), "{list}");
    }
    pages.shows(GuestsNow::default());
    assert!(
        !pages.get("/", &cookie).body.contains("tile-wifi"),
        "no tile where there is no guest network"
    );
    assert!(
        pages
            .get("/wifi", &cookie)
            .body
            .contains("chưa phát wifi cho khách")
    );
    assert_eq!(pages.get("/wifi", "").status, 303, "behind a sign-in");
}

#[test]
fn a_long_list_is_cut_and_can_be_asked_for_whole() {
    let (pages, cookie) = house();
    let now = pages.app.supervisor.clock().wall_ms();
    let many = (0..300).map(|n| guest(&format!("{n:032x}"), Some(now), 1));
    let guests = lively(&pages);
    // The busiest week that there can be.
    let last = guests.week[1].hour;
    let week = (last - 167..=last).map(|hour| HourOfUse {
        hour,
        bytes: u64::try_from(hour).expect("a moment") * 1_000,
        devices: 300,
    });
    pages.shows(GuestsNow {
        devices: many.collect(),
        week: week.collect(),
        ..guests
    });
    let rows = |page: &str| page.matches("href=\"/wifi/devices/").count();
    let page = pages.get("/wifi", &cookie).body;
    assert!(
        rows(&page) == 20 && page.contains("(+280)"),
        "{}",
        rows(&page)
    );
    assert!(page.len() < 13_000, "{} bytes", page.len());
    assert_eq!(rows(&pages.get("/wifi?all", &cookie).body), 300);
}

#[test]
fn a_cut_stands_in_history_and_the_page_says_whether_the_network_did_it() {
    let (pages, cookie) = house();
    let device = format!("/wifi/devices/{A}");
    for (cuts, words) in [
        (Some(true), "Đã ngắt."),
        (Some(false), "Máy đó đã ra từ trước."),
        (None, "phần mạng của máy nhà văn hóa không trả lời"),
    ] {
        pages.script.lock().expect("whole").cuts = cuts;
        let page = pages.get(&device, &cookie);
        assert!(page.body.contains("Ngắt máy này"), "{}", page.body);
        let (form, once) = (page.field("form"), page.field("once"));
        let sent = [("form", &*form), ("once", &*once), ("device", A)];
        let done = pages.post("/wifi/cut", &cookie, &sent);
        assert_eq!(done.status, 303, "{}", done.body);
        let after = pages.get(done.header("location"), &cookie).body;
        assert!(after.contains(words), "{words}: {after}");
    }
    assert_eq!(pages.script.lock().expect("whole").cut, [A, A, A]);
    let cuts: Vec<_> = pages.entries();
    let cuts: Vec<_> = cuts.iter().filter(|e| kind(e) == "guest.cut").collect();
    assert_eq!(cuts.len(), 3);
    assert!(
        cuts.iter()
            .all(|e| fields(e)["device"] == A && e["actor"]["id"] == "mau")
    );
    // A device that is out has no button, and one that nobody knows has no page.
    let out = pages.get(&format!("/wifi/devices/{C}"), &cookie).body;
    assert!(!out.contains("Ngắt máy này"), "{out}");
    assert_eq!(pages.get("/wifi/devices/00ff", &cookie).status, 404);
    // Without the proof of its sender nothing is cut.
    let refused = pages.post("/wifi/cut", &cookie, &[("device", A), ("once", "x")]);
    assert_eq!(refused.status, 403);
    assert_eq!(pages.script.lock().expect("whole").cut.len(), 3);
}

#[test]
fn a_device_is_named_let_in_always_blocked_and_forgotten() {
    let (pages, cookie) = house();
    let path = format!("/wifi/devices/{B}");
    let page = pages.get(&path, &cookie);
    assert!(page.body.contains("Máy này có thể đổi mã"), "{}", page.body);
    let form = page.field("form");
    let decide = |name: &str, standing: &str| {
        let sent = [
            ("form", &*form),
            ("device", B),
            ("name", name),
            ("standing", standing),
        ];
        pages.post("/wifi/decide", &cookie, &sent)
    };
    let refused = decide("  ", "always");
    assert!(
        refused.status == 400
            && refused.body.contains("aria-invalid")
            && refused.body.contains("Tên phải có chữ"),
        "{}",
        refused.body
    );
    assert_eq!(decide("Ti vi hội trường", "always").status, 303);
    let list = pages.get("/wifi", &cookie).body;
    assert!(
        list.contains("Ti vi hội trường") && list.contains("luôn cho vào"),
        "{list}"
    );
    let device = pages.get(&path, &cookie).body;
    assert!(device.contains("ngắt rồi nó tự vào lại"), "{device}");
    assert_eq!(decide("Ti vi hội trường", "blocked").status, 303);
    pages.shows(GuestsNow {
        devices: Vec::new(),
        ..lively(&pages)
    });
    let list = pages.get("/wifi", &cookie).body;
    assert!(
        list.contains("Máy đã chặn hoặc luôn cho vào") && list.contains("đã chặn"),
        "also when it is not here: {list}"
    );
    for _ in 0..2 {
        let done = pages.post("/wifi/forget", &cookie, &[("form", &form), ("device", B)]);
        assert_eq!(done.status, 303, "a double tap is one tap");
    }
    assert!(
        !pages
            .get("/wifi", &cookie)
            .body
            .contains("Ti vi hội trường")
    );
    let told: Vec<String> = pages.entries().iter().map(kind).collect();
    let guests: Vec<&String> = told.iter().filter(|k| k.starts_with("guest.")).collect();
    assert_eq!(
        guests,
        ["guest.decided", "guest.decided", "guest.forgotten"]
    );
}

#[test]
fn rules_are_set_by_a_form_that_gives_back_what_was_typed() {
    let (pages, cookie) = house();
    let page = pages.get("/wifi/rules", &cookie);
    let form = page.field("form");
    let send = |change: &[(&str, &str)]| {
        let mut sent = vec![
            ("form", &*form),
            ("on", "1"),
            ("from", "06:00"),
            ("until", "21:30"),
            ("session", "120"),
            ("device", "2048"),
            ("house", ""),
            ("speed", "2,5"),
            ("house-speed", ""),
            ("most", "40"),
            ("metered", "0"),
            ("keep", "90"),
            ("garden", "https://dichvucong.gov.vn/"),
        ];
        sent.retain(|(name, _)| change.iter().all(|(changed, _)| changed != name));
        sent.extend(change);
        pages.post("/wifi/rules", &cookie, &sent)
    };
    for (field, value) in [
        ("until", "06:00"),
        ("device", "nhiều"),
        ("speed", "0,01"),
        ("most", "0"),
        ("garden", "một trang hay"),
    ] {
        let refused = send(&[(field, value)]);
        let marked = refused.body.split("aria-invalid=\"true\"").next();
        let marked = marked.and_then(|before| before.rsplit("name=\"").next());
        let expected = if field == "until" { "from" } else { field };
        assert!(
            refused.status == 400
                && marked.is_some_and(|m| m.starts_with(&format!("{expected}\"")))
                && refused.body.contains("value=\"21:30\"") == (field != "until"),
            "{field}: {}",
            refused.body
        );
    }
    assert_eq!(send(&[]).status, 303);
    let rules = http(pages.portal, "GET", "/rules?lang=vi", "", "").body;
    for words in [
        "Từ 6 giờ đến 21 giờ 30",
        "2 giờ",
        "2 GB",
        "2,5 Mbit/s",
        "40 điện thoại, máy tính",
        "Giữ 90 ngày",
        "dichvucong.gov.vn",
    ] {
        assert!(rules.contains(words), "{words}: {rules}");
    }
    let again = pages.get("/wifi/rules", &cookie).body;
    for kept in [
        "value=\"2048\"",
        "value=\"2,5\"",
        "value=\"06:00\"",
        ">dichvucong.gov.vn<",
    ] {
        assert!(again.contains(kept), "{kept}: {again}");
    }
    assert_eq!(send(&[]).status, 303, "sent twice it changes nothing more");
    let set = pages.entries();
    let set = set.iter().filter(|e| kind(e) == "guest.rules_set");
    assert_eq!(set.count(), 1);
    assert_eq!(send(&[("always", "1")]).status, 303);
    let rules = http(pages.portal, "GET", "/rules?lang=vi", "", "").body;
    assert!(rules.contains("Cả ngày lẫn đêm"), "{rules}");
}

#[test]
fn the_sheet_for_the_wall_tells_the_name_of_the_wifi_the_tap_and_the_way_back() {
    let (pages, cookie) = house();
    assert!(
        pages
            .get("/wifi", &cookie)
            .body
            .contains("href=\"/wifi/sheet\"")
    );
    let sheet = pages.get("/wifi/sheet?name=Wifi%20x%C3%B3m%20%3Cb%3E", &cookie);
    for words in [
        "Wifi xóm &#60;b&#62;",
        "không cần mật khẩu",
        "Bấm để vào mạng",
        ">benthoc.example/<",
        "Từ 5 giờ đến 22 giờ",
    ] {
        assert!(sheet.body.contains(words), "{words}: {}", sheet.body);
    }
    assert_eq!(pages.get("/wifi/sheet", "").status, 303, "behind a sign-in");
}

#[test]
fn the_technician_lists_cuts_blocks_and_sets_rules() {
    let (pages, _) = house();
    let (code, text, _) = pages.cli("vi", &["guest", "list"]);
    assert!(
        code == 0 && text.starts_with("2 máy đang dùng wifi, hôm nay 147 MB\n"),
        "{text}"
    );
    assert!(
        text.contains("AA11") && !text.contains("AA11A") && !text.contains(A),
        "{text}"
    );
    for lang in ["vi", "en"] {
        for args in [&["guest", "list"][..], &["guest", "rules"]] {
            let (code, text, _) = pages.cli(lang, args);
            assert_eq!(code, 0, "{text}");
            let most = text.lines().map(|l| l.chars().count()).max();
            assert!(most <= Some(80), "{text}");
        }
    }
    let json = |args: &[&str]| -> serde_json::Value {
        let (_, text, _) = pages.cli("vi", &[&["--json"], args].concat());
        serde_json::from_str(&text).expect("json")
    };
    let listed = json(&["guest", "list"]);
    assert!(
        listed["devices"][0]["id"] == A && listed["uplink"] == "free",
        "{listed}"
    );
    assert_eq!(pages.cli("vi", &["guest", "cut", "AA11"]).0, 0);
    assert_eq!(pages.script.lock().expect("whole").cut, [A]);
    pages.script.lock().expect("whole").cuts = None;
    let (code, _, why) = pages.cli("en", &["guest", "cut", "aa11"]);
    assert!(code == 1 && why.contains("does not answer"), "{why}");
    let (code, _, why) = pages.cli("en", &["guest", "cut", "dd"]);
    assert!(code == 1 && why.contains("No device matches"), "{why}");
    assert_eq!(pages.cli("vi", &["guest", "allow", "bb22", "Ti vi"]).0, 0);
    let (code, text, _) = pages.cli("en", &["guest", "block", "Ti vi"]);
    assert!(code == 0 && text.contains("may change its code"), "{text}");
    assert_eq!(
        json(&["guest", "list"])["devices"][1]["standing"],
        "blocked"
    );
    assert_eq!(pages.cli("vi", &["guest", "forget", "Ti vi"]).0, 0);
    let set = [
        "guest",
        "rules",
        "hours=06:00-21:00",
        "device_mb=-",
        "keep_days=0",
    ];
    assert_eq!(pages.cli("vi", &set).0, 0);
    let rules = json(&["guest", "rules"]);
    assert!(
        rules["hours"]["from"] == 360 && rules["device_mb"].is_null() && rules["keep_days"] == 0,
        "{rules}"
    );
    for wrong in ["keep_days=31", "nobody=1", "hours=6"] {
        let (code, _, why) = pages.cli("vi", &["guest", "rules", wrong]);
        assert!(code == 1 && !why.is_empty(), "{wrong}");
    }
    let guests = lively(&pages);
    pages.shows(GuestsNow {
        uplink: InternetUplink::Down,
        ..guests
    });
    let (code, text, _) = pages.cli("vi", &["guest", "list"]);
    assert!(code == 2 && text.contains("Mất đường internet"), "{text}");
}
