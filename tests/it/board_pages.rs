//! Every page of the village's board on a phone: 360 and 320 pixels wide, with letters of twice the
//! size, held against axe-core, and weighed; those of visitors hold no script. Public pages are those of visitors;
//! the others are the chief's.

use conglang::http::assets::{NOT_FOR_VISITORS, NOT_IN_A_STORM};
use std::time::Duration;

use fantoccini::Client;
use serde_json::json;

use crate::board_files::give;
use crate::browser::{Driver, sign_in, words};
use crate::notice_forms::{photo, upload, visitor};
use crate::support::accessible::Judge;
use crate::support::house::House;
use crate::weight::wire;

const SOON: Duration = Duration::from_secs(15);
/// First view of a page on the wire, bytes.
const FIRST_VIEW: usize = 30_000;
/// How many pixels a page is wider than the screen.
const TOO_WIDE: &str = "return document.documentElement.scrollWidth - innerWidth";
/// Letters of twice the size, as a phone's own setting makes them.
const TWICE: &str = "document.documentElement.style.fontSize = \
    2 * parseFloat(getComputedStyle(document.documentElement).fontSize) + 'px'";

/// Pages of visitors.
pub const PUBLIC: [&str; 14] = [
    "/",
    "/t",
    "/t/hop",
    "/t/bao",
    "/p",
    "/p/1.001193",
    "/r",
    "/r/ngo-gieng-lang",
    "/r/ngo-gieng-lang/to/gl-7",
    "/h/gl-7",
    "/khan",
    "/search?find=hop",
    "/addresses",
    "/rules",
];
/// Pages of the chief.
const CHIEFS: [&str; 12] = [
    "/notices",
    "/notices/new",
    "/notices/new?template=hop-thon",
    "/notices/hop",
    "/notices/hop/correct",
    "/notices/hop/correct?only=occasion",
    "/directory",
    "/more",
    "/print",
    "/storm",
    "/files/map",
    "/files/procedures",
];

/// A village whose board is full: the demo's map and procedures, a meeting with a picture, a storm.
pub fn village() -> (House, String) {
    let mut house = House::new(
        "[[help]]\nname = \"Tổ công nghệ số cộng đồng, nhà văn hóa thôn\"\n\
         hours = \"thứ Ba, thứ Năm, 19 giờ – 20 giờ 30\"\nphone = \"0000 000 021\"\n",
    );
    house.start();
    let cookie = house.sign_in();
    for args in [
        ["directory", "import", "config/demo/map.geojson"],
        ["procedures", "import", "config/demo/procedures.csv"],
    ] {
        let (code, said) = house.cli(&args);
        assert_eq!(code, 0, "{said}");
    }
    let token = house.form("/notices/new", &cookie);
    let now = house.entries().last().expect("an entry")["wall_ms"]
        .as_i64()
        .expect("a moment");
    let long =
        "Khuyến-cáo-rất-dài-không-có-dấu-cách-nào-cả-https://benthoc.example/rat/dai/khong/ngat";
    let meeting = [
        ("form", token.as_str()),
        ("once", "hop"),
        ("title", "Mời họp thôn bàn quy ước về nghĩa trang nhân dân"),
        (
            "body",
            "Mời mỗi hộ **một người**.\n- Bàn quỹ\n- Gọi 0977 123 456",
        ),
        ("kind", "meeting"),
        ("days", "30"),
    ];
    let picture = photo(1_200, 900);
    let files: [(&str, &[u8]); 1] = [("a.jpg", &picture)];
    let preview = upload(&house, "/notices/preview", &cookie, &meeting, &files);
    assert_eq!(preview.status, 200, "{preview:?}");
    let done = crate::notice_forms::press(&house, &cookie, &preview, "/notices");
    assert_eq!(done.status, 303, "{done:?}");
    let body = json!({
        "id": "bao", "title": "Tin bão số 9", "body": long, "kind": "warning", "urgent": true,
        "source": "Đài khí tượng thủy văn tỉnh", "until": now + 86_400_000,
        "risk": { "level": 3, "at": now },
    });
    let socket = house.dir.join("run/control.sock");
    let said = crate::support::http::http_unix(&socket, "POST", "/notices", &body.to_string());
    assert_eq!(said.status, 200, "{said:?}");
    let form = house.form("/storm", &cookie);
    let plan = [
        ("form", form.as_str()),
        ("shelters", "Nhà văn hóa: 80 người, có máy phát điện"),
        ("boats", "Thuyền máy ở cống Trạm Bơm"),
        ("phones", "Trưởng thôn: 0000 000 011"),
    ];
    assert_eq!(house.post("/storm", &cookie, &plan).status, 303);
    house.until("the map is there", SOON, |h| {
        visitor(h, "/h/gl-7").status == 200
    });
    (house, cookie)
}

/// Opens a page: it is no wider than the screen, also with letters of twice the size.
async fn fits(page: &Client, address: &str, width: u16) {
    page.goto(address).await.expect("opens");
    for letters in ["usual", "twice as large"] {
        if letters != "usual" {
            page.execute(TWICE, vec![]).await.expect("larger");
        }
        let over = page.execute(TOO_WIDE, vec![]).await.expect("a width");
        assert!(
            over.as_i64().is_some_and(|over| over <= 0),
            "{address} at {width} px with {letters} letters is {over} px too wide"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_the_board_is_wider_than_a_phone_also_with_letters_of_twice_the_size() {
    let (house, _) = village();
    let driver = Driver::start();
    let portal = format!("http://127.0.0.1:{}", house.portal);
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    for width in [360, 320] {
        let page = driver.phone_of(width, 800).await;
        for path in PUBLIC {
            fits(&page, &format!("{portal}{path}"), width).await;
        }
        sign_in(&page, &base).await;
        for path in CHIEFS {
            fits(&page, &format!("{base}{path}"), width).await;
        }
        page.close().await.expect("closes");
    }
}

/// What a rule that was left out would be about. An attribute stands in no rule alone.
async fn lacks_no_rule(page: &Client, address: &str, names: &[&str]) {
    let names: Vec<&str> = names
        .iter()
        .copied()
        .filter(|n| *n != "aria-invalid")
        .collect();
    page.goto(address).await.expect("opens");
    let used = "return arguments[0].filter(name => document.querySelector(name))";
    let used = page.execute(used, vec![json!(names)]).await.expect("names");
    assert_eq!(used, json!([]), "{address}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_visitors_has_what_their_style_sheet_says_nothing_about() {
    let (house, _) = village();
    let driver = Driver::start();
    let page = driver.phone().await;
    for path in PUBLIC {
        let address = format!("http://127.0.0.1:{}{path}", house.portal);
        lacks_no_rule(&page, &address, &NOT_FOR_VISITORS).await;
        if path == "/khan" {
            lacks_no_rule(&page, &address, &NOT_IN_A_STORM).await;
        }
    }
    page.close().await.expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_board_is_for_everybody() {
    let (house, _) = village();
    let (driver, judge) = (Driver::start(), Judge::new());
    let page = driver.phone().await;
    let portal = format!("http://127.0.0.1:{}", house.portal);
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    for lang in ["vi", "en"] {
        for path in PUBLIC {
            let joint = if path.contains('?') { '&' } else { '?' };
            let address = format!("{portal}{path}{joint}lang={lang}");
            page.goto(&address).await.expect("opens");
            judge.judge(&page, &address).await;
        }
    }
    sign_in(&page, &base).await;
    for lang in ["en", "vi"] {
        page.goto(&format!("{base}/lang/{lang}"))
            .await
            .expect("opens");
        for path in CHIEFS {
            page.goto(&format!("{base}{path}")).await.expect("opens");
            judge.judge(&page, &format!("{path} in {lang}")).await;
        }
        judge_files(&house, &page, &judge, &base, lang).await;
    }
    page.close().await.expect("closes");
    judge.verdict();
}

/// What a file brings and what is wrong with it, as a person sees it.
async fn judge_files(house: &House, page: &Client, judge: &Judge, base: &str, lang: &str) {
    let map = std::fs::read_to_string("config/demo/map.geojson").expect("the demo's map");
    for (what, content) in [
        ("good.csv", "Mã;Tên\n1;Một\n".to_owned()),
        ("bad.csv", "Mã;Tên;Liên kết\nhai hai;;x\n".to_owned()),
        ("good.geojson", map.replace("gl-7\"", "gl-77\"")),
        ("bad.geojson", map.replace("\"what\"", "\"chu_ho\"")),
    ] {
        let kind = if what.ends_with("csv") {
            "procedures"
        } else {
            "map"
        };
        let file = house.dir.join(what);
        std::fs::write(&file, content).expect("written");
        page.goto(&format!("{base}/files/{kind}"))
            .await
            .expect("opens");
        let field = page.find(fantoccini::Locator::Id("upload")).await;
        let field = field.expect("a field");
        field
            .send_keys(&file.display().to_string())
            .await
            .expect("chosen");
        crate::browser::press(page, "main form .go.huge").await;
        let seen = match (what.starts_with("good"), lang) {
            (true, "vi") => "Thay bằng tệp này",
            (true, _) => "Replace it with this file",
            (false, "vi") => "chưa có gì thay đổi",
            (false, _) => "nothing changed",
        };
        words(page, "main", seen, SOON).await;
        let over = page.execute(TOO_WIDE, vec![]).await.expect("a width");
        assert!(
            over.as_i64().is_some_and(|over| over <= 0),
            "{what}: {over}"
        );
        judge.judge(page, &format!("{what} in {lang}")).await;
    }
}

#[test]
fn every_page_of_the_board_is_small_and_public_ones_have_no_script() {
    let (house, cookie) = village();
    let mut largest = (0, "");
    for path in PUBLIC {
        let page = wire(house.portal, path, "", "");
        assert_eq!(page.status, 200, "{path}");
        let text = page.text();
        assert!(
            text.contains("</html>") && !text.contains("<script"),
            "{path}"
        );
        assert!(page.body.len() <= FIRST_VIEW, "{path}: {}", page.body.len());
        largest = largest.max((page.body.len(), path));
    }
    println!("the largest page of visitors on the wire: {largest:?}");
    let shared = ["/a/village.css", "/a/live.js", "/a/share.js", "/a/icon.svg"];
    let shared = shared.map(|path| wire(house.dashboard, path, "", "").body.len());
    let shared: usize = shared.iter().sum();
    for path in CHIEFS {
        let page = wire(house.dashboard, path, &cookie, "");
        assert_eq!(page.status, 200, "{path}");
        let whole = page.body.len() + shared;
        assert!(whole <= FIRST_VIEW, "{path}: {whole}");
    }
    // What is given as a file needs no script at all.
    let preview = give(&house, &cookie, "procedures", "Mã;Tên\n1;Một\n".as_bytes());
    assert!(preview.body.contains("Thay bằng tệp này"), "{preview:?}");
}
