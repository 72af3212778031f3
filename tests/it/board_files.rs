//! The map and the list of procedures as files from a phone: looked at before they are taken,
//! refused whole with the place of each mistake, and the one before put in force again.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::notice_forms::{head, multipart, press, upload, visitor};
use crate::support::house::{House, kind};
use crate::support::http::Answer;

const SOON: Duration = Duration::from_secs(10);
const MAP: &str = include_str!("../../src/protocol/map_file/good.geojson");

/// The texts and files of people on disk.
fn stored(house: &House) -> usize {
    std::fs::read_dir(house.dir.join("data/people/a"))
        .expect("folder")
        .count()
}

/// Sends a file to its page.
pub fn give(house: &House, cookie: &str, what: &str, file: &[u8]) -> Answer {
    let path = format!("/files/{what}");
    let form = house.get(&path, cookie);
    assert_eq!(form.status, 200, "{form:?}");
    let token = form.field("form");
    let files: [(&str, &[u8]); 1] = [("tep", file)];
    upload(house, &path, cookie, &[("form", &token)], &files)
}

/// Presses the button under what was looked at; gives what the page says then.
fn take(house: &House, cookie: &str, what: &str, preview: &Answer) -> String {
    assert_eq!(preview.status, 200, "{preview:?}");
    let done = press(house, cookie, preview, &format!("/files/{what}/take"));
    assert_eq!(done.status, 303, "{done:?}");
    done.header("location").to_owned()
}

/// Presses the button that puts the one before in force again.
fn restore(house: &House, cookie: &str, what: &str, page: &Answer) -> String {
    let (_, form) = page.body.split_once("/restore\">").expect("its form");
    let page = Answer {
        status: page.status,
        head: page.head.clone(),
        body: form.to_owned(),
    };
    let done = press(house, cookie, &page, &format!("/files/{what}/restore"));
    assert_eq!(done.status, 303, "{done:?}");
    done.header("location").to_owned()
}

/// How often an entry of a kind was made.
fn made(house: &House, event: &str) -> usize {
    house.entries().iter().filter(|e| kind(e) == event).count()
}

/// The good map with another house, a house that moved, and a road that has another name.
fn other_map() -> String {
    let house = "{ \"type\": \"Feature\", \"properties\": { \"what\": \"house\", \"id\": \"g-9\", \
        \"number\": 9, \"road\": \"ngo-12\" }, \"geometry\": { \"type\": \"Point\", \
        \"coordinates\": [ 107.00045, 19.0007 ] } },\n";
    let at = MAP
        .find("{ \"type\": \"Feature\", \"id\": \"nvh\"")
        .expect("a place");
    let (before, after) = MAP.split_at(at);
    format!("{before}{house}{after}")
        .replace("\"number\": 7, \"road\"", "\"number\": 8, \"road\"")
        .replace("Ngõ Giếng\", \"kind\"", "Ngõ Giếng Làng\", \"kind\"")
}

#[test]
fn a_map_is_looked_at_before_it_is_taken_and_the_one_before_comes_back() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let page = house.get("/files/map", &cookie).body;
    assert!(page.contains("Thôn chưa có sơ đồ.") && !page.contains("/restore"));
    let preview = give(&house, &cookie, "map", MAP.as_bytes());
    for words in ["Tệp có 1 nhà, 2 đường, ngõ.", "Thêm 1, đổi 0, bỏ 0 nhà"] {
        assert!(preview.body.contains(words), "{words}: {}", preview.body);
    }
    assert_eq!(made(&house, "directory.replaced"), 0, "only looked at");
    let said = take(&house, &cookie, "map", &preview);
    assert_eq!(said, "/files/map?said=map-file-taken");
    let twice = take(&house, &cookie, "map", &preview);
    assert_eq!(twice, "/files/map?said=map-file-same", "a double tap");
    house.until("the map is there", SOON, |h| {
        visitor(h, "/h/g-7").status == 200
    });

    let same = give(&house, &cookie, "map", MAP.as_bytes());
    assert!(
        same.body.contains("Giống hệt bản đang dùng") && !same.body.contains("Thay bằng tệp này"),
        "{}",
        same.body
    );
    let preview = give(&house, &cookie, "map", other_map().as_bytes());
    for words in [
        "Tệp có 2 nhà, 2 đường, ngõ.",
        "Thêm 1, đổi 1, bỏ 0 nhà",
        "Thêm 0, đổi 1, bỏ 0 đường, ngõ",
    ] {
        assert!(preview.body.contains(words), "{words}: {}", preview.body);
    }
    take(&house, &cookie, "map", &preview);
    house.until("the other map", SOON, |h| {
        visitor(h, "/h/g-9").status == 200
    });
    assert_eq!(made(&house, "directory.replaced"), 2);

    // What a map would lose is told by its links, before it is taken.
    let less = give(&house, &cookie, "map", MAP.as_bytes());
    assert!(
        less.body.contains("Thêm 0, đổi 1, bỏ 1 nhà")
            && less.body.contains("Mã QR đã in")
            && less.body.contains("<li>/h/g-9</li>"),
        "{}",
        less.body
    );
    // One mistake is taken back, also after a restart, and by the same button again.
    house.kill();
    house.start();
    let page = house.get("/files/map", &cookie);
    assert!(
        page.body.contains("Khôi phục bản trước") && page.body.contains("2 đường, ngõ, 1 nhà"),
        "{}",
        page.body
    );
    let said = restore(&house, &cookie, "map", &page);
    assert_eq!(said, "/files/map?said=map-file-restored");
    house.until("the map of before", SOON, |h| {
        visitor(h, "/h/g-9").status == 404
    });
    let twice = restore(&house, &cookie, "map", &page);
    assert_eq!(twice, "/files/map?said=map-file-same", "a double tap");
    let page = house.get("/files/map", &cookie);
    restore(&house, &cookie, "map", &page);
    house.until("forth again", SOON, |h| visitor(h, "/h/g-9").status == 200);
}

#[test]
fn a_map_with_mistakes_is_refused_with_their_places_and_leaves_nothing() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let preview = give(&house, &cookie, "map", MAP.as_bytes());
    take(&house, &cookie, "map", &preview);
    house.until("the map is there", SOON, |h| {
        visitor(h, "/h/g-7").status == 200
    });
    let before = (stored(&house), house.state()["directory"].clone());
    let private = MAP.replace("\"number\": 7,", "\"chu_ho\": \"Ông Tư\", \"number\": 7,");
    let many: String = (0..60)
        .map(|n| format!("{{ \"type\": \"Feature\", \"properties\": {{ \"x{n}\": 1 }} }},\n"))
        .collect();
    let many = MAP.replace("\"features\": [\n", &format!("\"features\": [\n{many}"));
    let large = vec![b' '; 9 * 1024 * 1024];
    let cases: [(&[u8], &str, usize); 6] = [
        (private.as_bytes(), "dòng 8, cột 78: “chu_ho”", 1),
        (b"{ \"type\": ", "dòng 1, cột ", 1),
        (b"PK\x03\x04\x14\0", "dòng 1, cột ", 1),
        (b"\xff\xfe{", "dòng 1, cột ", 1),
        (&large, "8 MiB", 1),
        (
            many.as_bytes(),
            "Tệp có 50 chỗ sai, chưa có gì thay đổi.",
            50,
        ),
    ];
    for (file, words, mistakes) in cases {
        let refused = give(&house, &cookie, "map", file);
        assert_eq!(refused.status, 400, "{words}: {}", refused.head);
        assert!(refused.body.contains(words), "{words}: {}", refused.body);
        let (_, list) = refused.body.split_once("<ol").expect("the places");
        let (list, _) = list.split_once("</ol>").expect("its end");
        assert_eq!(list.matches("<li>").count(), mistakes, "{list}");
    }
    let token = house.get("/files/map", &cookie).field("form");
    let none = upload(
        &house,
        "/files/map",
        &cookie,
        &[("form", &token)],
        &[("", b"")],
    );
    assert!(
        none.status == 400 && none.body.contains("Chưa chọn tệp."),
        "{none:?}"
    );
    // Without the proof, by nobody, and cut in the middle.
    let files: [(&str, &[u8]); 1] = [("a.geojson", MAP.as_bytes())];
    let other = upload(&house, "/files/map", &cookie, &[("form", "00")], &files);
    assert_eq!(other.status, 403, "{other:?}");
    let nobody = upload(&house, "/files/map", "", &[("form", &token)], &files);
    assert_eq!(nobody.status, 303, "{nobody:?}");
    let body = multipart(
        &[("form", &token)],
        &[("a.geojson", other_map().as_bytes())],
    );
    let mut cut = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    let head = head(&house, "/files/map", &cookie, body.len());
    cut.write_all(head.as_bytes()).expect("written");
    cut.write_all(&body[..body.len() - 60]).expect("written");
    drop(cut);
    // A file that nobody gave, and one that is no map.
    let text = house.state()["users"]["mau"]["record"].clone();
    for (id, mac, len) in [
        ("nothing", "00".repeat(32), "1".to_owned()),
        (
            text["id"].as_str().expect("id"),
            text["mac"].as_str().expect("mac").to_owned(),
            text["len"].to_string(),
        ),
    ] {
        let file = format!("{id} {mac} {len}");
        let fields = [("form", token.as_str()), ("file", file.as_str())];
        let foreign = house.post("/files/map/take", &cookie, &fields);
        assert_eq!(foreign.status, 403, "{foreign:?}");
    }
    assert_eq!((stored(&house), house.state()["directory"].clone()), before);
    assert_eq!(visitor(&house, "/h/g-7").status, 200);
    assert_eq!(made(&house, "directory.replaced"), 1);
    // The next upload works: what was cut holds no place.
    let again = give(&house, &cookie, "map", other_map().as_bytes());
    assert_eq!(again.status, 200, "{again:?}");
}

#[test]
fn procedures_of_every_office_program_are_read_or_refused_by_name() {
    use unicode_normalization::UnicodeNormalization as _;
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let plain = "Mã;Tên thủ tục\n1;Cấp bản sao trích lục hộ tịch\n";
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(plain.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let nfd: String = plain.nfd().collect();
    let code_page = b"Ma\xde;T\xean thu\xd2 tu\xf2c\n\
        1;C\xe2\xecp ba\xd2n sao tr\xedch lu\xf2c h\xf4\xf2 ti\xf2ch\n";
    let tcvn3 = b"M\xb7;T\xaan th\xf1 t\xf4c\n1;C\xcap b\xb6n sao tr\xddch l\xf4c h\xe9 t\xdech\n";
    let vni = "Maõ;Teân thuû tuïc\n1;Caáp baûn sao trích luïc hoä tòch\n";
    for (file, written_in) in [
        (plain.as_bytes(), ""),
        (&wide, ""),
        (nfd.as_bytes(), ""),
        (code_page, ", gõ bằng phông cũ Windows-1258"),
        (tcvn3, ", gõ bằng phông cũ TCVN3 (ABC)"),
        (vni.as_bytes(), ", gõ bằng phông cũ VNI"),
    ] {
        let preview = give(&house, &cookie, "procedures", file);
        let words = format!("Tệp có 1 thủ tục{written_in}.");
        assert!(preview.body.contains(&words), "{words}: {}", preview.body);
        take(&house, &cookie, "procedures", &preview);
        let page = visitor(&house, "/p/1").body;
        assert!(page.contains("Cấp bản sao trích lục hộ tịch"), "{page}");
    }
    assert_eq!(
        made(&house, "procedure.replaced"),
        1,
        "one and the same list"
    );
    let unknown = "Ma;Ten\n1;ÿþÐ Ý¶¾ ÿðß× ÞÞÿ ¶¶¾ ÿ¾ÐÝ ÿÐÿ ÿþÐ Ý¶¾\n";
    for (file, words) in [
        (&b"PK\x03\x04book"[..], "không phải CSV"),
        (unknown.as_bytes(), "không nhận ra kiểu chữ"),
    ] {
        let refused = give(&house, &cookie, "procedures", file);
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains(words), "{words}: {}", refused.body);
    }
}

#[test]
fn a_technician_gives_the_list_and_takes_a_mistake_back() {
    let mut house = House::new("");
    house.start();
    let chief = house.sign_in();
    house.cli(&["user", "add", "vi", "Anh Ví", "--role", "technician"]);
    let (_, text) = house.cli(&["user", "pin", "vi", "--json"]);
    let pin: serde_json::Value = serde_json::from_str(&text).expect("json");
    let fields = [("user", "vi"), ("pin", pin["pin"].as_str().expect("pin"))];
    let cookie = house.post("/sign-in", "", &fields).cookie();
    let first = "Mã;Tên\n1;Khai sinh\n2;Khai tử\n3;Kết hôn\n";
    let preview = give(&house, &cookie, "procedures", first.as_bytes());
    take(&house, &cookie, "procedures", &preview);
    let second = "Mã;Tên\n1;Khai sinh\n2;Khai tử lại\n4;Thường trú\n5;Tạm trú\n";
    let preview = give(&house, &cookie, "procedures", second.as_bytes());
    for words in [
        "Tệp có 4 thủ tục.",
        "Thêm 2, đổi 1, bỏ 1 thủ tục",
        "<li>3 Kết hôn</li>",
    ] {
        assert!(preview.body.contains(words), "{words}: {}", preview.body);
    }
    take(&house, &cookie, "procedures", &preview);
    assert_eq!(visitor(&house, "/p/3").status, 404);
    let bad: String = (0..60).map(|n| format!("{n};\n")).collect();
    let bad = format!("Mã;Tên\n{bad}");
    let refused = give(&house, &cookie, "procedures", bad.as_bytes());
    assert!(
        refused.body.contains("Tệp có 50 chỗ sai")
            && refused
                .body
                .contains("Dòng 2, cột 2 (Tên): ô này không được để trống."),
        "{}",
        refused.body
    );
    assert_eq!(refused.body.matches("<li>Dòng ").count(), 50);
    assert_eq!(visitor(&house, "/p/4").status, 200, "the old list stays");
    // The list in use comes out as an office program reads it.
    let list = house.get("/files/procedures/now", &chief);
    assert_eq!(
        (list.status, list.header("content-disposition")),
        (200, "attachment; filename=\"thu-tuc.csv\"")
    );
    assert_eq!(house.get("/files/map/now", &chief).status, 404);
    assert_ne!(house.get("/files/procedures/now", "").status, 200);
    let page = house.get("/files/procedures", &chief);
    for words in ["href=\"/as-people/p\"", "href=\"/files/procedures/now\""] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(
        page.body.contains("<b>4 thủ tục, đưa lên ")
            && page.body.contains("<p>3 thủ tục, đưa lên "),
        "{}",
        page.body
    );
    let said = restore(
        &house,
        &cookie,
        "procedures",
        &house.get("/files/procedures", &cookie),
    );
    assert_eq!(said, "/files/procedures?said=procedures-file-restored");
    let page = house.get(&said, &cookie).body;
    assert!(
        page.contains("Đã khôi phục danh sách thủ tục trước."),
        "{page}"
    );
    assert_eq!(visitor(&house, "/p/3").status, 200);
    assert_eq!(visitor(&house, "/p/4").status, 404);
    let by = house.entries();
    let by: Vec<_> = by
        .iter()
        .filter(|e| kind(e) == "procedure.replaced")
        .map(|e| e["actor"]["id"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(by, ["vi", "vi", "vi"], "history says who");
}
