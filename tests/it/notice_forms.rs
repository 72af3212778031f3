//! Notices from the chief's form to the phones of the village: templates, pictures and papers,
//! drafts, schedules, corrections; and files that are not kept.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::house::{House, kind};
use crate::support::http::{Answer, http};

const BOUNDARY: &str = "----phone";

fn tone(n: u32) -> u8 {
    u8::try_from(n % 251).expect("a tone")
}

/// A picture as a phone sends it.
pub fn photo(width: u32, height: u32) -> Vec<u8> {
    let picture =
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb([tone(x), tone(y), 90]));
    let mut out = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut out, image::ImageFormat::Jpeg)
        .expect("encoded");
    out.into_inner()
}

/// A form with files: its fields, then the name and the content of each file.
pub fn multipart(fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend_from_slice(part.as_bytes());
    }
    for (name, content) in files {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"upload\"; \
             filename=\"{name}\"\r\ncontent-type: image/jpeg\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

pub fn head(house: &House, path: &str, cookie: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {cookie}\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\n\
         content-length: {length}\r\n\r\n",
        house.dashboard
    )
}

/// Sends a form with files.
pub fn upload(
    house: &House,
    path: &str,
    cookie: &str,
    fields: &[(&str, &str)],
    files: &[(&str, &[u8])],
) -> Answer {
    let body = multipart(fields, files);
    let mut stream = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("timeout");
    let head = head(house, path, cookie, body.len());
    stream.write_all(head.as_bytes()).expect("written");
    stream.write_all(&body).expect("written");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_default(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// The files of notices on disk, also those that are coming in.
pub fn stored(house: &House) -> Vec<String> {
    let list = |folder: &Path| -> Vec<String> {
        std::fs::read_dir(folder)
            .expect("folder")
            .map(|entry| entry.expect("entry"))
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .map(|entry| entry.file_name().into_string().expect("name"))
            .collect()
    };
    let folder = house.dir.join("data/attachments");
    let mut all = list(&folder);
    all.extend(list(&folder.join("incoming")));
    all
}

pub fn visitor(house: &House, path: &str) -> Answer {
    http(house.portal, "GET", path, "", "")
}

/// Presses a button of a page: its hidden fields are sent.
pub fn press(house: &House, cookie: &str, page: &Answer, path: &str) -> Answer {
    let fields = page.hidden_fields();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    house.post(path, cookie, &fields)
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn a_meeting_with_a_picture_goes_from_a_template_to_the_phones_in_three_taps() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let empty = house.get("/notices/new", &cookie).body;
    assert_eq!(
        empty.matches("/notices/new?template=").count(),
        8,
        "{empty}"
    );
    let form = house.get("/notices/new?template=hop-thon", &cookie);
    assert!(
        form.body.contains("value=\"Mời họp thôn\"")
            && form.body.contains("<option value=\"meeting\" selected>")
            && form.body.contains("enctype=\"multipart/form-data\""),
        "{}",
        form.body
    );
    let (token, once) = (form.field("form"), form.field("once"));
    let picture = photo(2_400, 1_200);
    let pdf = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n";
    let fields = [
        ("form", &*token),
        ("once", &*once),
        ("title", "Mời họp thôn"),
        (
            "body",
            "Mời mỗi hộ **một người**.\n- Bàn quỹ\n- Gọi 0977 123 456\n<script>x</script>",
        ),
        ("kind", "meeting"),
        ("days", "30"),
        ("held-day", "2030-12-07"),
        ("held-time", "19:30"),
        ("place", "Nhà văn hóa"),
    ];
    // The first tap.
    let files: [(&str, &[u8]); 2] = [("IMG_1.jpg", &picture), ("Quy ước.pdf", pdf)];
    let preview = upload(&house, "/notices/preview", &cookie, &fields, &files);
    assert_eq!(preview.status, 200, "{preview:?}");
    let seen = |body: &str, files: &str| {
        for seen in [
            "Mời họp",
            "<b>Thứ Bảy 7/12/2030, 19 giờ 30</b>",
            "13 tháng Mười một âm lịch · còn ",
            "Nhà văn hóa",
            "<b>một người</b>",
            "<li>Bàn quỹ</li>",
            "href=\"tel:0977123456\"",
            "&#60;script&#62;x&#60;/script&#62;",
            "alt=\"Ảnh kèm theo: Mời họp thôn\" width=\"480\" height=\"240\"",
            "Mở: Quy ước <small>PDF, ",
            files,
        ] {
            assert!(body.contains(seen), "{seen}: {body}");
        }
        assert!(!body.contains("<script>x"), "{body}");
    };
    seen(&preview.body, "src=\"/notices/file/");
    assert!(
        house
            .entries()
            .iter()
            .all(|e| kind(e) != "notice.published")
    );
    assert_eq!(stored(&house).len(), 3, "two sizes and a paper");
    // The second tap, twice.
    for _ in 0..2 {
        let published = press(&house, &cookie, &preview, "/notices");
        assert_eq!(published.status, 303, "{published:?}");
    }
    let page = visitor(&house, &format!("/t/{once}"));
    seen(&page.body, &format!("src=\"/t/{once}/"));
    assert!(
        page.body.contains("Mời họp · đăng hôm nay, ") && page.body.contains(" · treo đến "),
        "{}",
        page.body
    );
    // The third tap is the phone's share sheet; without script the words stand there.
    let mine = house.get(&format!("/notices/{once}"), &cookie).body;
    assert!(mine.contains("Chia sẻ qua Zalo") && mine.contains("src=\"/a/share.js\""));
    assert!(
        mine.contains("Mời họp thôn\nThời gian: 19:30, Thứ Bảy 7/12/2030"),
        "{mine}"
    );
    assert!(
        house
            .get("/a/share.js", "")
            .body
            .contains("navigator.share")
    );
    // The files: a picture is seen, a PDF opens, both under the notice only.
    let file = |body: &str, before: &str| {
        let (_, rest) = body.split_once(before).expect("a link");
        rest.split('"').next().expect("an address").to_owned()
    };
    let small = file(&page.body, "class=\"photo\" src=\"");
    let picture = visitor(&house, &small);
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/jpeg")
    );
    let (_, papers) = page.body.split_once("class=\"papers\"").expect("papers");
    assert!(
        !papers.contains(" download"),
        "opened, and not saved: {papers}"
    );
    let paper = file(papers, "<a class=\"button\" href=\"");
    let paper = visitor(&house, &paper);
    assert_eq!(paper.header("content-type"), "application/pdf");
    assert_eq!(paper.header("x-content-type-options"), "nosniff");
    let disposition = paper.header("content-disposition");
    assert!(
        disposition.starts_with("inline; ")
            && disposition.ends_with("filename*=UTF-8''Quy%20%C6%B0%E1%BB%9Bc.pdf"),
        "{paper:?}"
    );
    let elsewhere = small.replace(&*once, "khac");
    assert_eq!(visitor(&house, &elsewhere).status, 404);
    let hash = small.split('/').nth(3).expect("a hash");
    let inside = format!("/notices/file/{hash}");
    assert_eq!(house.get(&inside, "").status, 303);
    assert_eq!(house.get(&inside, &cookie).status, 200);
    // Lists of a kind, and what is taken down is not read any more, with its files.
    let meetings = visitor(&house, "/t?kind=meeting").body;
    assert!(meetings.contains("Mời họp thôn"));
    assert!(
        !visitor(&house, "/t?kind=warning")
            .body
            .contains("Mời họp thôn")
    );
    let down = json!({ "do": "TakeDownNotice", "id": once });
    assert_eq!(house.command(&down).status, 200);
    assert_eq!(visitor(&house, &small).status, 404);
}

#[test]
fn a_file_that_is_not_kept_is_one_sentence_and_the_words_stay() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let form = house.get("/notices/new", &cookie);
    let (token, once) = (form.field("form"), form.field("once"));
    let fields = [
        ("form", &*token),
        ("once", &*once),
        ("title", "Họp thôn"),
        ("body", "Tối nay họp."),
        ("kind", "meeting"),
        ("days", "7"),
    ];
    let large = vec![0xff; 50 * 1024 * 1024];
    let good = photo(20, 20);
    let cases: [(&str, &[u8], &str); 6] = [
        (
            "anh.heic",
            b"\0\0\0\x18ftypheic\0\0\0\0",
            "ảnh HEIC của iPhone",
        ),
        ("giay.pdf", b"%PDF-1.4 <script>", "không phải PDF"),
        ("to.jpg", &large, "lớn hơn 20 MB"),
        ("a\u{202e}gpj.exe", &good, "tên tệp có ký tự ẩn"),
        (
            "cu.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "lưu thành PDF",
        ),
        ("hong.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "ảnh hỏng"),
    ];
    for (name, content, why) in cases {
        let answer = upload(
            &house,
            "/notices/preview",
            &cookie,
            &fields,
            &[(name, content)],
        );
        assert_eq!(answer.status, 400, "{name}: {}", answer.head);
        assert!(answer.body.contains(why), "{name}: {}", answer.body);
        assert!(
            answer.body.contains("value=\"Họp thôn\"")
                && answer.body.contains("Tối nay họp.</textarea>"),
            "{name} keeps the words"
        );
        assert_eq!(stored(&house), Vec::<String>::new(), "{name}");
    }
    // A form without the proof, and one of nobody, leave nothing.
    let mut other = fields;
    other[0].1 = "00";
    let files: [(&str, &[u8]); 1] = [("a.jpg", &good)];
    let refused = upload(&house, "/notices/preview", &cookie, &other, &files);
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("Tối nay họp.</textarea>"));
    let nobody = upload(&house, "/notices/preview", "", &fields, &files);
    assert_eq!(nobody.status, 303, "{nobody:?}");
    // The same file is kept when all is well.
    let kept = upload(&house, "/notices/preview", &cookie, &fields, &files);
    assert_eq!(kept.status, 200, "{kept:?}");
    assert_eq!(stored(&house).len(), 2);
}

#[test]
fn an_upload_that_is_cut_in_the_middle_leaves_nothing() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let form = house.get("/notices/new", &cookie);
    let (token, once) = (form.field("form"), form.field("once"));
    let fields = [
        ("form", &*token),
        ("once", &*once),
        ("title", "Họp thôn"),
        ("body", "Tối nay họp."),
    ];
    let body = multipart(&fields, &[("a.jpg", &photo(900, 900))]);
    let mut cut = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    let head = head(&house, "/notices/preview", &cookie, body.len());
    cut.write_all(head.as_bytes()).expect("written");
    cut.write_all(&body[..body.len() / 2]).expect("written");
    house.until("half of it is here", Duration::from_secs(10), |h| {
        !stored(h).is_empty()
    });
    drop(cut);
    house.until("nothing is left", Duration::from_secs(10), |h| {
        stored(h).is_empty()
    });
}

#[test]
fn a_scheduled_notice_is_published_after_a_power_cut_and_a_draft_waits_for_a_person() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let form = house.get("/notices/new", &cookie);
    let (token, once) = (form.field("form"), form.field("once"));
    let mut fields = vec![
        ("form", &*token),
        ("once", &*once),
        ("title", "Họp thôn"),
        ("body", "Tối nay họp."),
        ("kind", "meeting"),
        ("days", "7"),
        ("publish-day", "1/1/2020"),
    ];
    let past = house.post("/notices/preview", &cookie, &fields);
    assert!(
        past.status == 400 && past.body.contains("Giờ hẹn đăng đã qua"),
        "{past:?}"
    );
    fields.pop();
    let saved = house.post("/notices/drafts", &cookie, &fields);
    assert_eq!(
        saved.header("location"),
        "/notices?said=draft-saved",
        "{saved:?}"
    );
    let list = house.get("/notices?said=draft-saved", &cookie).body;
    assert!(list.contains("Bà con chưa thấy") && list.contains(&format!("/notices/drafts/{once}")));
    assert_eq!(visitor(&house, &format!("/t/{once}")).status, 404);
    let draft = house.get(&format!("/notices/drafts/{once}"), &cookie);
    assert!(
        draft.body.contains("Tối nay họp.</textarea>"),
        "{}",
        draft.body
    );
    assert_eq!(draft.field("notice"), once);

    // The draft is scheduled for a moment that comes while the power is cut.
    let now = house.state()["drafts"][&*once]["at"]
        .as_i64()
        .expect("a moment");
    let text = house.state()["drafts"][&*once]["text"].clone();
    let schedule = json!({
        "do": "ScheduleNotice", "id": once, "text": text, "kind": "meeting",
        "publish_at": now + 3_600_000
    });
    assert_eq!(house.command(&schedule).status, 200);
    let waits = house.get("/notices", &cookie).body;
    assert!(waits.contains("Đăng lúc "), "{waits}");
    let soon = json!({
        "do": "ScheduleNotice", "id": once, "text": text, "kind": "meeting", "publish_at": now + 1
    });
    assert_eq!(house.command(&soon).status, 200);
    house.kill();
    house.start();
    house.until("it is published", Duration::from_secs(10), |h| {
        visitor(h, &format!("/t/{once}")).status == 200
    });
    assert!(house.state()["drafts"][&*once].is_null());
    let entries = house.entries();
    let published: Vec<_> = entries
        .iter()
        .filter(|e| kind(e) == "notice.published")
        .collect();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0]["actor"]["is"], "house");
    assert!(published[0]["cause"].is_u64(), "{published:?}");
}

#[test]
fn a_correction_is_told_to_readers_and_keeps_what_was_said_before() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    house.publish_notice(&cookie, "n-1", "Cắt điện", "Thứ Ba, từ 7 giờ.", "notice");
    let form = house.get("/notices/n-1/correct", &cookie);
    assert!(
        form.body.contains("Thứ Ba, từ 7 giờ.</textarea>") && form.body.contains("Đến hết "),
        "{}",
        form.body
    );
    let hidden = form.hidden_fields();
    let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (&**n, &**v)).collect();
    let (_, until) = form
        .body
        .split_once("<option value=\"@")
        .expect("its last day");
    let until = format!("@{}", until.split('"').next().expect("a moment"));
    fields.extend([
        ("title", "Cắt điện"),
        ("body", "Thứ Tư, từ 7 giờ."),
        ("kind", "warning"),
        ("days", &until),
        ("risk", "3"),
    ]);
    let nameless = house.post("/notices/preview", &cookie, &fields);
    assert!(nameless.body.contains("Mời ghi nguồn"), "{}", nameless.body);
    fields.push(("source", "Đài khí tượng thủy văn"));
    let before = house.state()["notices"]["n-1"].clone();
    let preview = house.post("/notices/preview", &cookie, &fields);
    assert!(preview.body.contains("Đăng bản sửa"), "{}", preview.body);
    let corrected = press(&house, &cookie, &preview, "/notices");
    let said = corrected.header("location");
    assert!(
        said.starts_with("/notices/n-1?said=corrected&undo="),
        "{said}"
    );
    let page = visitor(&house, "/t/n-1").body;
    for seen in [
        "Đã sửa lúc ",
        "Thứ Tư, từ 7 giờ.",
        "class=\"say risk risk-3\"",
        "Rủi ro thiên tai cấp 3 (màu da cam)",
        "Nguồn: Đài khí tượng thủy văn",
    ] {
        assert!(page.contains(seen), "{seen}: {page}");
    }
    assert!(!page.contains("Thứ Ba, từ"), "{page}");
    let mine = house.get("/notices/n-1", &cookie).body;
    assert!(
        mine.contains("Các bản trước khi sửa (1)")
            && mine.contains("Thứ Ba, từ 7 giờ.")
            && mine.contains("người sửa: Ông Mẫu"),
        "{mine}"
    );
    let after = house.state()["notices"]["n-1"].clone();
    for kept in ["at", "order", "until"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    // Nothing was changed: nothing is recorded.
    let again = house.get("/notices/n-1/correct", &cookie);
    assert!(
        again.body.contains("<option value=\"3\" selected>"),
        "{}",
        again.body
    );
}
