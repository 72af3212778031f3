//! Roads, alleys and houses: the map comes in whole or not at all, visitors find a house and the
//! way, and what is printed is read back by a reader of codes that is not ours.

use std::process::Command;

use crate::support::codes::{drawn, poor_copy, raster, read_codes};
use crate::support::house::House;
use crate::support::http::{Answer, http};

/// First view of a page, bytes.
const FIRST_VIEW: usize = 30_000;

const DEMO: &str = "config/demo/map.geojson";

pub fn demo() -> String {
    std::fs::read_to_string(DEMO).expect("the demo's map")
}

pub fn import(house: &House, text: &str) -> (i32, String) {
    let file = house.dir.join("map.geojson");
    std::fs::write(&file, text).expect("written");
    house.cli(&["directory", "import", &file.display().to_string()])
}

/// A house with the demo's map.
pub fn with_map(extra: &str) -> House {
    let mut house = House::new(extra);
    house.start();
    let (code, said) = import(&house, &demo());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("12 đường, ngõ, 312 nhà"), "{said}");
    let ready = |h: &House| visit(h, "/r").body.contains("Ngõ Giếng Làng");
    house.until(
        "the map is there",
        std::time::Duration::from_secs(10),
        ready,
    );
    house
}

fn visit(house: &House, path: &str) -> Answer {
    http(house.portal, "GET", path, "", "")
}

#[test]
fn a_visitor_finds_a_house_and_the_way_without_script() {
    let mut house = with_map("");
    let list = visit(&house, "/r?lang=vi");
    assert_eq!(list.status, 200);
    assert!(list.body.contains("1. Đường Trục Chính") && list.body.contains("<svg class=\"map\""));
    let found = visit(&house, "/r?lang=vi&q=so+7+ngo+12");
    let to_seven = "href=\"/h/gl-7?lang=vi\"";
    assert!(found.body.contains(to_seven), "{}", found.body);
    let seven = visit(&house, "/h/gl-7?lang=vi");
    for words in [
        "Số 7, ngõ Giếng Làng (ngõ 12), đường Trục Chính",
        "Từ Nhà văn hóa thôn",
        "Ra đường Trục Chính, rẽ phải",
        "vào ngõ Giếng Làng (ngõ 12)",
        "Nhà số 7 ở bên trái.",
        "href=\"geo:1",
    ] {
        assert!(seven.body.contains(words), "{words}: {}", seven.body);
    }
    let from_head = visit(&house, "/r/ngo-gieng-lang/to/gl-7?lang=vi");
    assert!(
        from_head.body.contains("Từ đầu ngõ Giếng Làng"),
        "{}",
        from_head.body
    );
    assert!(
        from_head
            .body
            .contains("Đi thẳng vào ngõ Giếng Làng (ngõ 12)")
    );
    let english = visit(&house, "/h/gl-7?lang=en");
    assert!(english.body.contains("is on the left"), "{}", english.body);
    for path in [
        "/r",
        "/r?q=7",
        "/r/duong-truc-chinh",
        "/r/ngo-cay-da",
        "/h/tc-57",
        "/h/ct-18",
        "/r/ngo-cau-tre/to/sb-16",
    ] {
        let page = visit(&house, path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.len() <= FIRST_VIEW, "{path}: {}", page.body.len());
        assert!(!page.body.contains("<script"), "{path}");
    }
    for path in [
        "/r/x",
        "/h/x",
        "/r/x/to/gl-7",
        "/r/ngo-dinh/to/x",
        "/h/..%2Fx",
    ] {
        assert_eq!(visit(&house, path).status, 404, "{path}");
    }
    house.kill();
    house.start();
    let again = visit(&house, "/h/gl-7?lang=vi");
    assert!(
        again.body.contains("Nhà số 7 ở bên trái."),
        "after a power cut: {}",
        again.body
    );
}

#[test]
fn a_file_with_a_mistake_is_refused_whole_and_the_old_map_stays() {
    let house = with_map("");
    let bad = demo().replacen(
        "\"number\": \"7\"",
        "\"number\": \"7\", \"chu_ho\": \"Ông Mẫu\"",
        1,
    );
    let line = 1 + bad
        .lines()
        .position(|l| l.contains("chu_ho"))
        .expect("there");
    let (code, said) = import(&house, &bad);
    assert_eq!(code, 65, "{said}");
    assert!(
        said.contains(&format!("dòng {line}, cột ")) && said.contains("“chu_ho”"),
        "{said}"
    );
    let file = house.dir.join("map.geojson").display().to_string();
    let (code, said) = house.cli(&["directory", "check", &file]);
    assert!(code == 65 && said.contains("chu_ho"), "{said}");
    assert_eq!(visit(&house, "/h/gl-7").status, 200);
    let state = house.state();
    assert_eq!(state["directory"]["map"]["houses"], 312);
    let file = house.dir.join("map.geojson");
    std::fs::write(&file, b"{\"type\": \xff}").expect("written");
    let (code, said) = house.cli(&["directory", "import", &file.display().to_string()]);
    assert!(code == 65 && said.contains("UTF-8"), "{said}");
}

#[test]
fn a_road_that_gets_another_id_keeps_its_printed_links() {
    let house = with_map("");
    let renamed = demo()
        .replace("\"ngo-gieng-lang\"", "\"ngo-12\"")
        .replace("\"Ngõ Giếng Làng\"", "\"Ngõ 12\"");
    let (code, said) = import(&house, &renamed);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("/r/ngo-gieng-lang"),
        "a link that dies is told: {said}"
    );
    let kept = renamed.replacen(
        "\"id\": \"ngo-12\", \"name\": \"Ngõ 12\"",
        "\"id\": \"ngo-12\", \"name\": \"Ngõ 12\", \"old_ids\": [\"ngo-gieng-lang\"], \
         \"old_names\": [\"Ngõ Giếng Làng\"]",
        1,
    );
    let (code, said) = import(&house, &kept);
    assert_eq!(code, 0, "{said}");
    let leads = |h: &House| visit(h, "/r/ngo-gieng-lang?lang=vi").status == 301;
    house.until(
        "the old link leads on",
        std::time::Duration::from_secs(10),
        leads,
    );
    let old = visit(&house, "/r/ngo-gieng-lang?lang=vi");
    assert_eq!(old.header("location"), "/r/ngo-12?lang=vi");
    let road = visit(&house, "/r/ngo-12?lang=vi");
    assert!(
        road.body.contains("Tên cũ: Ngõ Giếng Làng"),
        "{}",
        road.body
    );
    let way = visit(&house, "/r/ngo-gieng-lang/to/gl-7?lang=vi");
    assert_eq!(way.status, 200);
    let found = visit(&house, "/r?lang=vi&q=7+gieng+lang");
    assert!(
        found.body.contains("/h/gl-7"),
        "the old name finds it: {}",
        found.body
    );
}

#[test]
fn printed_codes_are_read_back_also_from_a_poor_copy() {
    let house = with_map("[links]\npublic_base = \"https://benthoc.example\"\n");
    let cookie = house.sign_in();
    house.publish_notice(&cookie, "n1", "Họp thôn", "Tối mai ở nhà văn hóa.", "event");
    let notice = house.state()["notices"]
        .as_object()
        .and_then(|all| all.keys().next().cloned())
        .expect("a notice");
    let print = |name: &str, args: &[&str]| {
        let pdf = house.dir.join(format!("{name}.pdf"));
        let out = pdf.display().to_string();
        let args: Vec<&str> = ["print"]
            .iter()
            .chain(args)
            .chain(&["--out", &out])
            .copied()
            .collect();
        let (code, said) = house.cli(&args);
        assert_eq!(code, 0, "{said}");
        assert!(std::fs::read(&pdf).expect("pdf").starts_with(b"%PDF-"));
        pdf
    };
    let base = "https://benthoc.example";
    let link = |path: &str| format!("{base}{path}");
    let notice_link = link(&format!("/t/{notice}"));
    for (name, args, wanted) in [
        ("wall", vec!["wall"], vec![link("/"), link("/r")]),
        (
            "alley",
            vec!["alleys", "ngo-cay-da"],
            vec![link("/r/ngo-cay-da")],
        ),
        ("notice", vec!["notice", &notice], vec![notice_link]),
    ] {
        let pages = raster(&print(name, &args), 300);
        assert_eq!(pages.len(), 1, "{name}");
        assert_eq!(read_codes(&pages[0]), wanted, "{name}");
        assert_eq!(
            read_codes(&poor_copy(&pages[0])),
            wanted,
            "{name} with noise"
        );
    }
    let all = raster(&print("alleys", &["alleys"]), 100);
    assert_eq!(all.len(), 12);
    let plates = raster(&print("plates", &["plates", "ngo-san-bong"]), 300);
    assert_eq!(plates.len(), 16);
    assert_eq!(read_codes(&plates[0]), [link("/h/sb-1")]);
    assert_eq!(read_codes(&poor_copy(&plates[15])), [link("/h/sb-16")]);
    let stickers = raster(&print("stickers", &["stickers", "ngo-san-bong"]), 300);
    assert_eq!((stickers.len(), read_codes(&stickers[0]).len()), (1, 16));
    assert_eq!(read_codes(&poor_copy(&stickers[0])).len(), 16);
    let text = Command::new("pdftotext")
        .arg(house.dir.join("alley.pdf"))
        .arg("-")
        .output()
        .expect("pdftotext runs");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    for words in ["Ngõ Cây Đa", "benthoc.example/r/ngo-cay-da", "Quét mã"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (code, _) = house.cli(&["print", "plates", "x", "--out", "/dev/null"]);
    assert_ne!(code, 0);
    let chief = house.get("/print/wall.pdf", &cookie);
    assert_eq!(chief.status, 200);
    assert_eq!(chief.header("content-type"), "application/pdf");
    assert_ne!(house.get("/print/wall.pdf", "").status, 200);
}

#[test]
fn codes_as_drawings_lead_to_our_own_pages_alone() {
    let house = with_map("[links]\npublic_base = \"https://benthoc.example\"\n");
    for (path, text) in [
        ("/qr/home.svg", "https://benthoc.example/"),
        ("/qr/r.svg", "https://benthoc.example/r"),
        (
            "/qr/r/ngo-cay-da.svg",
            "https://benthoc.example/r/ngo-cay-da",
        ),
        ("/qr/h/gl-7.svg", "https://benthoc.example/h/gl-7"),
        ("/qr/t/tb-01.svg", "https://benthoc.example/t/tb-01"),
        ("/qr/p/1.001193.svg", "https://benthoc.example/p/1.001193"),
        ("/qr/wifi.svg", "WIFI:T:nopass;S:Thôn Bến Thóc;;"),
    ] {
        let answer = visit(&house, path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), "image/svg+xml");
        let picture = house.dir.join("code.pbm");
        std::fs::write(&picture, drawn(&answer.body)).expect("written");
        assert_eq!(read_codes(&picture), [text], "{path}");
        assert!(answer.body.len() < 20_000, "{path}");
    }
    for path in [
        "/qr/x.svg",
        "/qr/r",
        "/qr/in.svg",
        "/qr/t/a/b.svg",
        "/qr/https:%2F%2Fx.svg",
    ] {
        assert_eq!(visit(&house, path).status, 404, "{path}");
    }
}

#[test]
fn places_stand_above_the_roads_with_the_way_and_the_shelter_comes_first() {
    let house = with_map("");
    let list = visit(&house, "/r?lang=vi").body;
    let at = |words: &str| {
        list.find(words)
            .unwrap_or_else(|| panic!("{words}: {list}"))
    };
    assert!(at("/s/so-tan-nha-van-hoa?") < at("/s/tram-y-te?"), "{list}");
    assert!(at("/s/tram-y-te?") < at("<ol class=\"rows"), "{list}");
    assert!(list.contains("Từ Nhà văn hóa thôn, "), "{list}");
    // Numbers on the map lead where the rows do.
    assert!(
        list.contains("<a href=\"/r/duong-truc-chinh?lang=vi\"><circle"),
        "{list}"
    );
    // On the page for a storm the way to the shelter is there too, and no other place.
    let storm = visit(&house, "/khan?lang=vi").body;
    let way = "<a href=\"/s/so-tan-nha-van-hoa?lang=vi\"><b>Đường tới ";
    assert!(storm.contains(way), "{storm}");
    assert!(!storm.contains("/s/tram-y-te"), "{storm}");
    let station = visit(&house, "/s/tram-y-te?lang=vi");
    assert_eq!(station.status, 200);
    for words in [
        "<h1>Trạm y tế xã</h1>",
        "Từ Nhà văn hóa thôn",
        "Trạm y tế xã ở ",
        "geo:19.00199",
    ] {
        assert!(station.body.contains(words), "{words}: {}", station.body);
    }
    let hall = visit(&house, "/s/nha-van-hoa?lang=vi").body;
    assert!(hall.contains("Wifi và mã QR của thôn ở đây."), "{hall}");
    assert!(hall.contains(">Đường Trục Chính</text>"), "{hall}");
    // The shelter is the hall: nobody walks five metres by a map.
    assert!(list.contains("Ngay tại Nhà văn hóa thôn"), "{list}");
    let shelter = visit(&house, "/s/so-tan-nha-van-hoa?lang=vi").body;
    assert!(shelter.contains("Ngay tại Nhà văn hóa thôn."), "{shelter}");
    assert!(!shelter.contains("rẽ phải"), "{shelter}");
    let gone = visit(&house, "/r/zzz?lang=vi").body;
    for words in ["‹ Đường, ngõ, số nhà", ">Xem tất cả đường, ngõ</a>"] {
        assert!(gone.contains(words), "{words}: {gone}");
    }
    let english = visit(&house, "/r?lang=en&q=house+17").body;
    assert!(english.contains("/h/gl-17?lang=en"), "{english}");
    let english = visit(&house, "/r/ngo-gieng-lang?lang=en").body;
    assert!(english.contains("beginning of the alley"), "{english}");
    let english = visit(&house, "/khan?lang=en").body;
    for words in ["Rescue", "Police", "Ambulance"] {
        assert!(english.contains(words), "{words}: {english}");
    }
    let found = visit(&house, "/r?lang=vi&q=tram+y+te").body;
    assert!(found.contains("/s/tram-y-te?lang=vi"), "{found}");
    for path in ["/s/khong-co", "/s/.x"] {
        assert_eq!(visit(&house, path).status, 404, "{path}");
    }
    let road = visit(&house, "/r/ngo-gieng-lang?lang=vi").body;
    for words in [
        "<h3>Số lẻ</h3>",
        "<h3>Số chẵn</h3>",
        "Từ đầu ngõ đi vào: số lẻ bên ",
    ] {
        assert!(road.contains(words), "{words}: {road}");
    }
}

#[test]
fn sheets_say_whose_hall_it_is_and_number_the_wifi_first() {
    let house = with_map("[links]\npublic_base = \"https://benthoc.example\"\n");
    let cookie = house.sign_in();
    let words_of = |args: &[&str]| {
        let pdf = house.dir.join("sheet.pdf").display().to_string();
        let args: Vec<&str> = ["print"]
            .iter()
            .chain(args)
            .chain(&["--out", &pdf])
            .copied()
            .collect();
        assert_eq!(house.cli(&args).0, 0);
        let text = Command::new("pdftotext")
            .args(["-layout", &pdf, "-"])
            .output();
        String::from_utf8_lossy(&text.expect("pdftotext runs").stdout).into_owned()
    };
    let wall = words_of(&["wall"]);
    for words in [
        "Nhà văn hóa thôn Bến Thóc · ",
        "Bật 4G của điện thoại",
        "Chỉ đường tới từng",
    ] {
        assert!(wall.contains(words), "{words}: {wall}");
    }
    let is_number = |line: &str| line.trim().starts_with(['1', '2']);
    assert!(
        !wall.contains("mật khẩu") && !wall.lines().any(is_number),
        "{wall}"
    );
    let alley = words_of(&["alleys", "ngo-gieng-lang"]);
    assert!(alley.contains("Nhà lẻ bên "), "{alley}");
    assert!(words_of(&["stickers", "ngo-gieng-lang"]).contains("ngõ 12 Giếng Làng"));
    house.publish_notice(
        &cookie,
        "n1",
        "Họp thôn",
        "Tối mai ở nhà văn hóa.",
        "meeting",
    );
    let id = house.state()["notices"]
        .as_object()
        .and_then(|all| all.keys().next().cloned());
    let notice = words_of(&["notice", &id.expect("a notice")]);
    assert!(
        notice.contains("MỜI HỌP") && notice.contains("Họp thôn"),
        "{notice}"
    );
}
