//! The search over everything that a village publishes, as a visitor's phone asks: one page with
//! roads, houses, procedures, addresses and notices, each kind with its best.

use std::path::Path;
use std::time::Duration;

use crate::directory::with_map;
use crate::house_labels::record;
use crate::support::codes::{drawn, read_codes};
use crate::support::house::House;
use crate::support::http::{encode, http};

/// First view of a page, bytes.
const FIRST_VIEW: usize = 30_000;

fn visit(house: &House, path: &str) -> String {
    let answer = http(house.portal, "GET", path, "", "");
    assert_eq!(answer.status, 200, "{path}");
    let body = answer.body;
    assert!(body.len() <= FIRST_VIEW, "{path}: {} bytes", body.len());
    assert!(!body.contains("<script"), "{path}");
    body
}

fn find(house: &House, words: &str) -> String {
    visit(house, &format!("/search?lang=vi&find={}", encode(words)))
}

/// The headings and the addresses of a page with hits, in their order, without what the visitor
/// prefers.
fn sketch(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in body.lines() {
        if let Some((_, rest)) = line.split_once("<h2>") {
            found.push(rest.split('<').next().unwrap_or_default().to_owned());
        }
        if let Some((_, rest)) = line.split_once("<a class=\"what\" href=\"") {
            found.push(
                rest.split('"')
                    .next()
                    .unwrap_or_default()
                    .replace("?lang=vi", ""),
            );
        }
    }
    found
}

fn furnished() -> (House, String) {
    let house = with_map("");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/procedures.csv");
    let (code, said) = house.cli(&["procedures", "import", &list.display().to_string()]);
    assert_eq!(code, 0, "{said}");
    let cookie = house.sign_in();
    for (once, title, body) in [
        ("a", "Họp thôn tháng 3", "Bàn việc chung, mời bà con."),
        (
            "b",
            "Cắt điện sửa đường dây",
            "Trước hôm họp thôn một ngày.",
        ),
        ("c", "Mời họp thôn cuối năm", "Mỗi hộ một người."),
        ("d", "Hợp tác xã bán giống", "Ở nhà kho của thôn."),
    ] {
        house.publish_notice(&cookie, once, title, body, "notice");
    }
    (house, cookie)
}

#[test]
fn one_question_finds_notices_procedures_houses_roads_and_addresses() {
    let (house, cookie) = furnished();
    // A title before a body, and of titles the newer; the marks make no difference.
    for words in ["hop thon", "Hop THON", "ho\u{323}p  thôn"] {
        let body = find(&house, words);
        let places: Vec<usize> = ["Mời họp thôn", "Họp thôn tháng 3", "Cắt điện"]
            .iter()
            .map(|title| {
                body.find(&format!("<b>{title}"))
                    .unwrap_or_else(|| panic!("{title}: {body}"))
            })
            .collect();
        assert!(places.is_sorted(), "{words}: {places:?}");
    }
    // Who types the marks means them.
    let exact = find(&house, "hợp");
    assert!(
        exact.find("Hợp tác xã").expect("there") < exact.find("Mời họp thôn").expect("there"),
        "{exact}"
    );
    let number = sketch(&find(&house, "nha 17"));
    assert_eq!(
        number.first().map(String::as_str),
        Some("Nhà, đường, nơi chung"),
        "{number:?}"
    );
    assert!(
        number[1].starts_with("/h/") && number[1].ends_with("-17"),
        "{number:?}"
    );
    let address = sketch(&find(&house, "so 7 ngo 12"));
    assert_eq!(
        address[..2],
        ["Nhà, đường, nơi chung", "/h/gl-7"],
        "{address:?}"
    );
    assert_eq!(sketch(&find(&house, "giêng lang"))[1], "/r/ngo-gieng-lang");
    let hall = find(&house, "nha van hoa");
    assert!(hall.contains("<b>Nhà văn hóa thôn</b>"), "{hall}");
    let birth = sketch(&find(&house, "khai sinh"));
    assert_eq!(birth[..2], ["Thủ tục", "/p/1.001193"], "{birth:?}");
    let power = sketch(&find(&house, "dien luc"));
    assert!(
        power.iter().any(|at| at.starts_with("/addresses#a")),
        "{power:?}"
    );
    let official = visit(&house, "/addresses?lang=vi");
    for at in power.iter().filter_map(|at| at.strip_prefix("/addresses#")) {
        assert!(official.contains(&format!("<li id=\"{at}\">")), "{at}");
    }
    assert!(find(&house, "khong co tu nay").contains("Không tìm thấy"));

    // A label is found as long as the householder agrees.
    assert!(!find(&house, "tap hoa").contains("/h/gl-7"));
    let form = house.form("/directory", &cookie);
    let label = [
        ("house", "7 gieng lang"),
        ("trade", "Tạp hóa"),
        ("phone", ""),
        ("extinguisher", "1"),
        ("form-of-consent", "signed"),
        ("given", "2025-01-02"),
    ];
    let labelled = record(&house, &cookie, &label);
    assert_eq!(labelled.status, 303, "{labelled:?}");
    for words in ["tap hoa", "binh chua chay", "tap hoa gieng lang"] {
        let found = find(&house, words);
        assert!(
            found.contains("/h/gl-7") && found.contains("Tạp hóa"),
            "{words}: {found}"
        );
    }
    let twice = find(&house, "so 7 ngo 12");
    assert_eq!(twice.matches("/h/gl-7?").count(), 1, "{twice}");
    let gone = [("form", form.as_str()), ("house", "gl-7"), ("sure", "1")];
    assert_eq!(
        house.post("/directory/withdraw", &cookie, &gone).status,
        303
    );
    assert!(!find(&house, "tap hoa").contains("/h/gl-7"));
}

#[test]
fn a_kind_with_many_hits_has_a_page_of_its_own_and_every_question_is_answered() {
    let (house, _) = furnished();
    let all = find(&house, "nha 7");
    let more = "href=\"/search?lang=vi&amp;kind=place&amp;q=nha%207\"";
    assert!(all.contains(more), "{all}");
    let places = visit(&house, "/search?lang=vi&kind=place&q=nha%207");
    assert!(
        places.matches("href=\"/h/").count() > all.matches("href=\"/h/").count(),
        "{places}"
    );
    assert!(places.contains("Tìm trong mọi mục"), "{places}");
    let notices = visit(&house, "/search?lang=vi&kind=notice&find=thon");
    assert!(
        !notices.contains("href=\"/p/") && notices.contains("href=\"/t/"),
        "{notices}"
    );
    for odd in [
        "/search?kind=x&find=thon",
        "/search?kind=place&find=%22%3E%3Cscript%3E",
        "/search?find=1",
        "/search?q=1&find=2",
        "/search?find=a",
        "/search?find=7/12",
        "/search?lang=en&big=1&find=nha%2017",
    ] {
        visit(&house, odd);
    }
}

#[test]
fn whatever_was_found_is_found_again_after_a_power_cut() {
    let (mut house, _) = furnished();
    let before = (
        sketch(&find(&house, "thon")),
        sketch(&find(&house, "nha 17")),
    );
    house.kill();
    house.start();
    house.until("the map is there", Duration::from_secs(10), |h| {
        visit(h, "/r").contains("Ngõ Giếng Làng")
    });
    let after = (
        sketch(&find(&house, "thon")),
        sketch(&find(&house, "nha 17")),
    );
    assert_eq!(before, after);
}

#[test]
fn a_procedure_on_paper_has_both_codes_and_no_number_of_a_page_is_too_large() {
    let mut house = House::new("[links]\npublic_base = \"https://benthoc.example\"\n");
    house.start();
    let (code, said) = house.cli(&["procedures", "import", "config/demo/procedures.csv"]);
    assert_eq!(code, 0, "{said}");
    let page = http(house.portal, "GET", "/p/1.001193?lang=vi", "", "").body;
    for words in [
        "benthoc.example/p/1.001193",
        "ma_thu_tuc=1.001193</span>",
        "Nộp ở đâu",
        "Hết bao nhiêu tiền",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let mut links: Vec<String> = page
        .split("<svg")
        .skip(1)
        .filter_map(|rest| rest.split_once("</svg>"))
        .filter(|(svg, _)| svg.contains("crispEdges"))
        .flat_map(|(svg, _)| {
            let picture = house.dir.join("code.pbm");
            std::fs::write(&picture, drawn(&format!("<svg{svg}</svg>"))).expect("written");
            read_codes(&picture)
        })
        .collect();
    links.sort();
    assert_eq!(links[0], "https://benthoc.example/p/1.001193");
    assert!(
        links[1].starts_with("https://dichvucong.gov.vn/p/home/"),
        "{links:?}"
    );
    let cookie = house.sign_in();
    let largest = u64::MAX;
    for path in ["/t", "/p"] {
        let answer = http(
            house.portal,
            "GET",
            &format!("{path}?from={largest}"),
            "",
            "",
        );
        assert_eq!(answer.status, 200, "{path}");
    }
    assert_eq!(
        house
            .get(&format!("/notices?from={largest}"), &cookie)
            .status,
        200
    );
}
