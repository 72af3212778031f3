//! Pages on which people look something up: procedures from a file, the search, the right
//! addresses, the night of a storm. By phone, without script, and by the technician's command.

use std::path::{Path, PathBuf};

use conglang::ports::guests::GuestVisitor;

use crate::support::codes::{drawn, read_codes};
use crate::support::guest_pages::GuestPages;
use crate::support::house::House;
use crate::support::http::{Answer, encode, http};

/// First view of a page, bytes.
const FIRST_VIEW: usize = 30_000;

fn pages() -> GuestPages {
    GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive)
}

fn demo_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/procedures.csv")
}

/// The page of a visitor; it is small, and has neither script nor anything of others.
fn visit(pages: &GuestPages, path: &str) -> Answer {
    let answer = http(pages.portal, "GET", path, "", "");
    let body = &answer.body;
    assert!(body.len() <= FIRST_VIEW, "{path}: {} bytes", body.len());
    for foreign in ["<script", "src=", "@import", "url("] {
        assert!(!body.contains(foreign), "{path}: {foreign}");
    }
    answer
}

fn import(pages: &GuestPages, name: &str, content: &[u8]) -> (i32, String) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    let path = path.display().to_string();
    let (code, out, err) = pages.cli("vi", &["procedures", "import", &path]);
    (code, out + &err)
}

#[test]
fn a_file_of_procedures_becomes_a_list_and_a_page_of_each() {
    let pages = pages();
    let none = visit(&pages, "/p");
    assert!(
        none.body.contains("Thôn chưa có danh sách thủ tục"),
        "{}",
        none.body
    );
    let file = demo_file().display().to_string();
    let checked = pages.cli("vi", &["procedures", "check", &file]);
    assert_eq!(
        (checked.0, checked.1.trim()),
        (0, "Tệp tốt: 10 thủ tục, chữ kiểu UTF-8.")
    );
    let taken = pages.cli("vi", &["procedures", "import", &file]);
    assert_eq!(
        (taken.0, taken.1.trim()),
        (0, "Đã nhận 10 thủ tục."),
        "{taken:?}"
    );
    let again = pages.cli("vi", &["procedures", "import", &file]);
    assert!(again.1.contains("đang dùng rồi"), "{again:?}");

    let list = visit(&pages, "/p");
    assert!(list.body.contains("10 thủ tục") && list.body.contains("Đăng ký khai sinh"));
    let page = visit(&pages, "/p/1.001193?lang=vi");
    assert_eq!(page.status, 200);
    for words in [
        "Giấy chứng sinh",
        "Trung tâm Phục vụ hành chính công xã",
        "Thứ Hai đến thứ Sáu",
        "Không mất tiền nếu đăng ký trong 60 ngày",
        "Mở trang chính thức: dichvucong.gov.vn",
        "ma_thu_tuc=1.001193",
        "Cán bộ không bao giờ hỏi mã OTP hay mật khẩu của bà con.",
    ] {
        assert!(page.body.contains(words), "{words} in {}", page.body);
    }
    let english = visit(&pages, "/p/1.001193?lang=en");
    assert!(
        english.body.contains("What to bring")
            && english
                .body
                .contains("<h1 lang=\"vi\">Đăng ký khai sinh</h1>"),
        "{}",
        english.body
    );
    let found = visit(&pages, &format!("/p?find={}", encode("chung thuc")));
    assert!(found.body.contains("Chứng thực bản sao") && !found.body.contains("khai tử"));
    // People's own words lead to today's names.
    for (words, name) in [
        ("ho khau", "Đăng ký thường trú"),
        ("giay chung tu", "Đăng ký khai tử"),
    ] {
        let found = visit(&pages, &format!("/p?q={}", encode(words)));
        assert!(found.body.contains(name), "{words}: {}", found.body);
        assert!(found.body.contains("Còn gọi là: "), "{}", found.body);
    }
    let page = visit(&pages, "/p/1.004222?lang=vi");
    assert!(page.body.contains("Còn gọi là: hộ khẩu, sổ hộ khẩu"));
    let nothing = visit(&pages, &format!("/p?q={}", encode("tau bay")));
    for words in ["Không tìm thấy “tau bay”", "Xem cả 10 thủ tục"] {
        assert!(nothing.body.contains(words), "{words}: {}", nothing.body);
    }
    let lost = visit(&pages, "/p/9.999999");
    assert!(lost.status == 404 && lost.body.contains("Không có thủ tục này"));
    let told = pages.entries();
    let told = told.last().expect("an entry");
    assert_eq!(told["event"]["procedure"]["count"], 10, "{told}");
}

#[test]
fn a_file_with_mistakes_is_refused_with_their_places_and_the_old_list_stays() {
    let pages = pages();
    let file = demo_file().display().to_string();
    assert_eq!(pages.cli("vi", &["procedures", "import", &file]).0, 0);
    let bad = "Mã;Tên thủ tục;Liên kết\n1;Một;https://xa.example/\nhai hai;Hai;\n3;;x\n";
    let (code, told) = import(&pages, "bad.csv", bad.as_bytes());
    assert_eq!(code, 2, "{told}");
    for words in [
        "Tệp có 3 chỗ sai, chưa có gì thay đổi.",
        "Dòng 3, cột 1 (Mã): “hai hai” không phải mã thủ tục",
        "Dòng 4, cột 3 (Liên kết): “x” không phải địa chỉ trang web",
    ] {
        let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(words), "{words} in {flat}");
    }
    let (code, told) = import(&pages, "book.xlsx", b"PK\x03\x04\x14\0");
    assert!(code == 2 && told.contains("không phải CSV"), "{told}");
    let missing = pages.cli("vi", &["procedures", "import", "/nowhere/x.csv"]);
    assert!(
        missing.0 == 1 && missing.2.contains("/nowhere/x.csv"),
        "{missing:?}"
    );
    assert!(visit(&pages, "/p").body.contains("10 thủ tục"));
    // A program that speaks to the socket itself is told the same.
    let raw = pages.command(&serde_json::json!({
        "do": "ReplaceProcedures", "count": 5,
        "file": { "id": "nothing", "mac": "00".repeat(32), "len": 1 }
    }));
    assert_eq!(raw.status, 409, "{raw:?}");
}

#[test]
fn a_link_leads_only_to_a_host_of_the_list_and_time_is_told() {
    let pages = pages();
    let text = "Mã\tTên\tLink\tTừ ngày\tĐến ngày\n\
        a\tThật\thttps://dichvucong.gov.vn/x\t\t\n\
        b\tGiả\thttps://dichvucong.bvgov.com/x\t\t\n\
        c\tMai sau\t\t1/1/9000\t\n\
        d\tNgày xưa\t\t\t31/12/2001\n";
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let (code, told) = import(&pages, "excel.csv", &wide);
    assert_eq!(code, 0, "{told}");
    assert!(
        visit(&pages, "/p/a")
            .body
            .contains("href=\"https://dichvucong.gov.vn/x\"")
    );
    assert!(!visit(&pages, "/p/b").body.contains("bvgov"));
    let later = visit(&pages, "/p/c").body;
    assert!(later.contains("Chưa áp dụng: từ ngày 1/1/9000"), "{later}");
    let over = visit(&pages, "/p/d").body;
    assert!(
        over.contains("Không còn áp dụng: hết hiệu lực sau ngày 31/12/2001"),
        "{over}"
    );
    let searched = visit(&pages, "/search?find=ngay%20xua").body;
    assert!(
        searched.contains("/p/d") && searched.contains("Đã hết hạn"),
        "{searched}"
    );
}

#[test]
fn the_code_of_a_procedure_leads_to_its_official_page_and_none_leads_elsewhere() {
    let mut house = House::new(
        "[[official]]\nkind = \"health\"\nname = \"Trạm y tế\"\nurl = \"https://xa.example/\"\n\
         [[help]]\nname = \"Tổ công nghệ số\"\nhours = \"thứ Ba, 19 giờ\"\n\
         phone = \"0000 000 021\"\n",
    );
    house.start();
    let long = format!("https://xa.example/{}", "x".repeat(320));
    let list = format!(
        "Mã,Tên,Link\na,Thật,https://dichvucong.gov.vn/p/x.html?ma=1.001193&b=2\n\
         b,Giả,https://dichvucong.gov.vn.xa.vn/x\nc,Giả,https://xdichvucong.gov.vn/\n\
         d,Của xã,http://dat.xa.example/y\ne,Không có,\nf,Dài,{long}\n"
    );
    let file = house.dir.join("list.csv");
    std::fs::write(&file, list).expect("written");
    let (code, said) = house.cli(&["procedures", "import", &file.display().to_string()]);
    assert_eq!(code, 0, "{said}");
    let code_of = |procedure: &str, lang: &str| {
        let path = format!("/p/{procedure}?lang={lang}");
        let body = http(house.portal, "GET", &path, "", "").body;
        assert!(body.len() <= FIRST_VIEW, "{path}: {} bytes", body.len());
        let warned = match lang {
            "vi" => "Cán bộ không bao giờ hỏi mã OTP",
            _ => "No officer ever asks for your OTP",
        };
        for words in [warned, "Tổ công nghệ số", "href=\"tel:0000000021\""] {
            assert!(body.contains(words), "{words} on {path}: {body}");
        }
        // The code of the page itself is for paper only.
        let shown = body.split("<div class=\"paper\">").next().expect("a part");
        let (_, rest) = shown.split_once("<div class=\"code\">")?;
        let svg = rest.split("</div>").next().expect("its end");
        let picture = house.dir.join("code.pbm");
        std::fs::write(&picture, drawn(svg)).expect("written");
        let read = read_codes(&picture);
        assert_eq!(read.len(), 1, "{path}");
        Some(read[0].clone())
    };
    let official = "https://dichvucong.gov.vn/p/x.html?ma=1.001193&b=2";
    for lang in ["vi", "en"] {
        assert_eq!(code_of("a", lang).as_deref(), Some(official));
        assert_eq!(
            code_of("d", lang).as_deref(),
            Some("http://dat.xa.example/y")
        );
        for without in ["b", "c", "e", "f"] {
            assert_eq!(code_of(without, lang), None, "{without}");
        }
    }
}

#[test]
fn five_hundred_procedures_are_listed_in_parts_that_a_phone_loads() {
    let pages = pages();
    let row = |n: usize| {
        let name = "Thủ tục có tên rất dài, dài như ở xã".repeat(4);
        format!("1.{n:06};{name} {n};{}\n", "Tờ khai theo mẫu|".repeat(12))
    };
    let rows: String = (0..500).map(row).collect();
    let (code, told) = import(
        &pages,
        "many.csv",
        format!("Mã;Tên;Giấy tờ\n{rows}").as_bytes(),
    );
    assert_eq!(code, 0, "{told}");
    let mut path = "/p?lang=vi".to_owned();
    let mut seen = 0;
    loop {
        let body = visit(&pages, &path).body;
        seen += body.matches("href=\"/p/1.").count();
        let Some((_, rest)) = body.split_once("href=\"/p?lang=vi&amp;from=") else {
            break;
        };
        let from = rest.split('"').next().expect("a number");
        path = format!("/p?lang=vi&from={from}");
    }
    assert_eq!(seen, 500);
}

#[test]
fn whatever_is_published_is_found_without_diacritics_at_once() {
    let pages = pages();
    pages.publish_the_demos_notices();
    let file = demo_file().display().to_string();
    assert_eq!(pages.cli("vi", &["procedures", "import", &file]).0, 0);
    let find = |words: &str| visit(&pages, &format!("/search?find={}", encode(words))).body;
    for (words, wanted) in [
        ("hop thon", "Họp thôn tháng"),
        ("HỌP THÔN", "Họp thôn tháng"),
        ("cat dien", "Cắt điện sửa đường dây"),
        ("dien duong day", "Cắt điện sửa đường dây"),
        ("khai sin", "Đăng ký khai sinh"),
        ("1.004222", "Đăng ký thường trú"),
    ] {
        assert!(find(words).contains(wanted), "{words}: {}", find(words));
    }
    let all = find("hop thon");
    let (_, first) = all.split_once("class=\"what\"").expect("a row");
    let first = first.split("</a>").next().expect("its end");
    assert!(
        first.contains("Họp thôn tháng"),
        "the title comes first: {first}"
    );
    assert!(
        first.contains("<small>Mời họp · "),
        "its kind and its day: {first}"
    );
    assert!(!all.contains("Đăng ký tạm trú"), "pieces of words: {all}");
    assert_eq!(
        visit(&pages, "/search?q=hop+thon").body,
        all,
        "its name of today"
    );
    assert!(find("khong co tu nay").contains("Không tìm thấy"));
    assert!(find("<b>\"'&").contains("Không tìm thấy"));
    for odd in [
        "/search",
        "/search?find=%FF",
        "/search?find=&find=x",
        "/p?from=-1",
        "/p?from=9",
    ] {
        assert_eq!(visit(&pages, odd).status, 200, "{odd}");
    }
    let taken = pages.command(&serde_json::json!({ "do": "TakeDownNotice", "id": "tb-06" }));
    assert_eq!(taken.status, 200, "{taken:?}");
    assert!(!find("cat dien").contains("/t/tb-06"));
}

#[test]
fn the_right_addresses_stand_with_their_telephones_and_a_warning() {
    let pages = pages();
    for (lang, words) in [
        ("vi", "Cán bộ không bao giờ hỏi mã OTP"),
        ("en", "No officer ever asks for your OTP"),
    ] {
        let body = visit(&pages, &format!("/addresses?lang={lang}")).body;
        for wanted in [
            words,
            "href=\"https://dichvucong.gov.vn/\"",
            "<wbr>dichvucong<wbr>.gov<wbr>.vn</a>",
            "VNeID",
            "VssID",
            "href=\"tel:115\"",
        ] {
            assert!(body.contains(wanted), "{wanted} in {body}");
        }
    }
}

#[test]
fn the_chief_writes_the_storm_plan_and_everybody_reads_it_without_a_line() {
    let pages = pages();
    let before = visit(&pages, "/khan").body;
    assert!(
        before.contains("Chưa ghi điểm sơ tán, thuyền, xuồng, điện thoại trực. "),
        "{before}"
    );
    for number in ["112", "113", "114", "115"] {
        assert!(
            before.contains(&format!("href=\"tel:{number}\"")),
            "{number}"
        );
    }
    let cookie = pages.sign_in();
    let form = pages.get("/storm", &cookie);
    assert_eq!(form.status, 200);
    let proof = form.field("form");
    let write = |shelters: &str| {
        let fields = [
            ("form", proof.as_str()),
            ("shelters", shelters),
            ("boats", "Thuyền máy ở cống Trạm Bơm"),
            (
                "phones",
                "Trưởng thôn: 0000 000 011\r\n\r\nTrực: 0000 000 012",
            ),
        ];
        pages.post("/storm", &cookie, &fields)
    };
    let long = write(&"x".repeat(161));
    assert!(
        long.status == 400
            && long.body.contains("nhiều nhất 20 dòng")
            && long.body.contains("Thuyền máy"),
        "{long:?}"
    );
    let done = write("Nhà văn hóa: 80 người\r\nTrường học <b>");
    assert_eq!(
        (done.status, done.header("location")),
        (303, "/storm?said=storm-plan-set")
    );
    let page = visit(&pages, "/khan").body;
    for words in [
        "Nhà văn hóa: 80 người",
        "Trường học &#60;b&#62;",
        "Thuyền máy ở cống Trạm Bơm",
        "href=\"tel:0000000011\"",
        "href=\"tel:0000000012\"",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    pages.publish_the_demos_notices();
    let page = visit(&pages, "/khan").body;
    assert!(
        page.contains("Mưa lớn, rủi ro thiên tai cấp 2"),
        "the bulletin in force: {page}"
    );
}

#[test]
fn feeds_and_cards_say_the_same_as_the_pages_and_no_markup_runs() {
    let pages = pages();
    pages.publish_the_demos_notices();
    let rss = http(pages.portal, "GET", "/feed.xml", "", "");
    assert!(
        rss.header("content-type")
            .starts_with("application/rss+xml"),
        "{rss:?}"
    );
    assert_eq!(rss.body.matches("<item>").count(), 8, "{}", rss.body);
    assert!(
        rss.body
            .contains("<guid isPermaLink=\"true\">http://benthoc.example/t/tb-01</guid>")
    );
    assert!(
        rss.body.contains("+0700</pubDate>") && !rss.body.contains("<p>"),
        "{}",
        rss.body
    );
    let json = http(pages.portal, "GET", "/feed.json", "", "");
    assert_eq!(json.header("content-type"), "application/feed+json");
    let feed: serde_json::Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    assert_eq!(feed["items"].as_array().map(Vec::len), Some(8));
    let first = &feed["items"][0];
    assert!(
        first["url"] == first["id"] && first["title"].is_string(),
        "{first}"
    );
    let page = visit_with_card(&pages, "/t/tb-01");
    for (property, value) in [
        ("og:title", "Mưa lớn, rủi ro thiên tai cấp 2"),
        ("og:url", "http://benthoc.example/t/tb-01"),
        ("og:image", "http://benthoc.example/card.png"),
    ] {
        let tag = format!("<meta property=\"{property}\" content=\"{value}\">");
        assert!(page.contains(&tag), "{tag} in {page}");
    }
    let picture = http(pages.portal, "GET", "/card.png", "", "");
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/png")
    );
    assert!(visit_with_card(&pages, "/t/none").contains("</html>"));
}

fn visit_with_card(pages: &GuestPages, path: &str) -> String {
    let body = http(pages.portal, "GET", path, "", "").body;
    assert!(
        body.len() <= FIRST_VIEW && !body.contains("<script"),
        "{path}"
    );
    body
}

#[test]
fn official_addresses_are_whole_and_those_of_elsewhere_stand_in_a_fold() {
    let everywhere = visit(&pages(), "/addresses?lang=vi").body;
    assert!(everywhere.contains("Điện lực miền Nam") && !everywhere.contains("Nơi khác"));
    let mut house = House::new("");
    let text = std::fs::read_to_string(house.config()).expect("configuration");
    let place = "[village]\nlatitude = 19.0\nlongitude = 107.0\n";
    std::fs::write(house.config(), text.replacen("[village]\n", place, 1)).expect("written");
    house.start();
    let page = http(house.portal, "GET", "/addresses?lang=vi", "", "").body;
    for words in [
        "Danh sách mẫu, chưa kiểm.",
        "<wbr>dichvucong<wbr>.gov<wbr>.vn",
        "<a class=\"button\" href=\"tel:18001096\">1800\u{a0}1096</a> <small>không mất tiền</small>",
        "<a class=\"button\" href=\"tel:112\">112</a>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let (before, fold) = page
        .split_once("<details class=\"sheet\">")
        .expect("a fold");
    let (fold, _) = fold.split_once("</details>").expect("its end");
    assert!(before.contains("Điện lực miền Bắc"), "{before}");
    for far in ["Điện lực miền Trung", "Điện lực miền Nam"] {
        assert!(fold.contains(far) && !before.contains(far), "{far}: {page}");
    }
}
