//! The officer's pages with twenty villages, in the real commune program: writing, confirming and
//! sending a bulletin once, what became of it village by village, pages that follow.

use std::time::{Duration, Instant};

use conglang::domain::event::Lane;
use conglang::protocol::commune::{DownlinkMessage, Stream, UplinkMessage};
use conglang::time::WallMs;
use rumqttc::{Client, Connection};

use crate::support::http::Answer;
use crate::support::office::Commune;
use crate::support::village::{enter, hear, tell};

pub const DESK: [u8; 4] = [127, 0, 0, 1];
const SOON: Duration = Duration::from_secs(20);

/// A commune of twenty villages `v-01` … `v-20`; of the first, chief, telephone and people are
/// known, of all but the last the number of people.
pub fn twenty() -> Commune {
    let ids: Vec<String> = (1..=20).map(|n| format!("v-{n:02}")).collect();
    let keys = |n: usize| match n {
        0 => "chief = \"Ông Mẫu\"\nphone = \"0000 000 021\"\npeople = 1240\n",
        19 => "",
        _ => "people = 1000\n",
    };
    let villages: Vec<(&str, &str)> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| (id.as_str(), keys(n)))
        .collect();
    let mut commune = Commune::with_keys(&villages);
    commune.start(&[]);
    commune
}

/// The value of a hidden field.
pub fn field(page: &str, name: &str) -> String {
    page.split_once(&format!("name=\"{name}\" value=\""))
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

/// The element with this id, up to the end of its list or division.
pub fn part(page: &str, id: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("id=\"{id}\""))
        .unwrap_or_else(|| panic!("no {id}: {page}"));
    rest.split("</ul>").next().unwrap_or_default().to_owned()
}

fn location(answer: &Answer) -> String {
    answer
        .head
        .lines()
        .find_map(|l| l.strip_prefix("location: "))
        .unwrap_or_default()
        .to_owned()
}

/// An officer at a desk.
pub struct Desk<'a> {
    pub commune: &'a Commune,
    pub cookie: String,
}

impl Desk<'_> {
    pub fn get(&self, path: &str) -> Answer {
        self.commune.visit(DESK, "GET", path, &self.cookie, &[])
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.commune.visit(DESK, "POST", path, &self.cookie, fields)
    }

    /// The tokens of a fresh form.
    pub fn form(&self) -> (String, String) {
        let page = self.get("/bulletins/new").body;
        (field(&page, "form"), field(&page, "once"))
    }

    /// Sends a bulletin to all villages; gives the address of its page.
    pub fn send(&self, title: &str) -> String {
        let (form, once) = self.form();
        let sent = self.post(
            "/bulletins",
            &[
                ("form", &form),
                ("once", &once),
                ("title", title),
                ("body", "Kê cao đồ đạc."),
                ("to", "all"),
            ],
        );
        assert_eq!(sent.status, 303, "{sent:?}");
        location(&sent)
    }
}

pub fn desk(commune: &Commune) -> Desk<'_> {
    Desk {
        commune,
        cookie: commune.sign_in(DESK),
    }
}

pub fn come_in(commune: &Commune, village: &str) -> (Client, Connection) {
    let stream = Stream {
        epoch: "0123456789abcdef0123456789abcdef".to_owned(),
        lane: Lane::Log,
    };
    enter(commune, village, &stream)
}

/// The next bulletin that a village is sent, with its number there.
pub fn bulletin(connection: &mut Connection) -> (u64, conglang::protocol::commune::Bulletin) {
    let until = Instant::now() + SOON;
    while Instant::now() < until {
        if let Some(DownlinkMessage::Command { seq, bulletin, .. }) =
            hear(connection, Duration::from_secs(1))
        {
            return (seq, bulletin);
        }
    }
    panic!("no bulletin came")
}

pub fn until(what: &str, mut good: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !good() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_bulletin_to_twenty_villages_is_one_row_that_opens_village_by_village() {
    let commune = twenty();
    let desk = desk(&commune);
    let (takes, mut taken) = come_in(&commune, "v-02");
    let (refuses, mut refused) = come_in(&commune, "v-03");
    let page = desk.send("Phun thuốc muỗi");
    assert_eq!(page, "/bulletins/1?said=sent");
    let rows = part(&desk.get("/").body, "bulletins");
    assert_eq!(rows.matches("Phun thuốc muỗi").count(), 1, "{rows}");
    assert!(
        rows.contains("0/20 thôn đã nhận") && rows.contains("Cán bộ xã"),
        "{rows}"
    );
    assert!(
        rows.contains("còn chờ: Thôn v-01, Thôn v-02, Thôn v-03, Thôn v-04 và 16 thôn khác"),
        "{rows}"
    );
    let (seq, said) = bulletin(&mut taken);
    assert_eq!(said.body, "Kê cao đồ đạc.");
    let done = UplinkMessage::Outcome { seq, refused: None };
    tell(&takes, &mut taken, "v-02", &done);
    let (seq, _) = bulletin(&mut refused);
    let why = Some("refused-too-many".to_owned());
    let no = UplinkMessage::Outcome { seq, refused: why };
    tell(&refuses, &mut refused, "v-03", &no);
    until("both outcomes are shown", || {
        let rows = part(&desk.get("/").body, "bulletins");
        rows.contains("1/20 thôn đã nhận") && rows.contains("không nhận: Thôn v-03")
    });
    let one = desk.get("/bulletins/1").body;
    let receipts = part(&one, "receipts");
    assert_eq!(receipts.matches("<li>").count(), 20, "{receipts}");
    for words in [
        "thôn không nhận: Đã đến giới hạn",
        "đã nhận và đăng lúc ",
        "chờ thôn nhận · Chưa liên lạc lần nào",
        "href=\"tel:0000000021\"",
        "Gọi Ông Mẫu 0000 000 021",
        "href=\"/villages/v-02\"",
    ] {
        assert!(receipts.contains(words), "{words}: {receipts}");
    }
    // What needs somebody comes first.
    let at = |words: &str| receipts.find(words).expect("there");
    assert!(at("Thôn v-03") < at("Thôn v-01") && at("Thôn v-01") < at("Thôn v-02"));
}

#[test]
fn bulletins_are_listed_newest_first_a_page_at_a_time() {
    let commune = twenty();
    let desk = desk(&commune);
    for n in 1..=23 {
        desk.send(&format!("Bản tin số {n}."));
    }
    let home = part(&desk.get("/").body, "bulletins");
    assert_eq!(home.matches("<li>").count(), 3, "{home}");
    let newest = desk.get("/bulletins").body;
    let rows = part(&newest, "bulletins");
    assert_eq!(rows.matches("<li>").count(), 20, "{rows}");
    let at = |words: &str| rows.find(words).expect("there");
    assert!(
        at("Bản tin số 23.") < at("Bản tin số 22.") && at("Bản tin số 22.") < at("Bản tin số 4.")
    );
    assert!(newest.contains("Xem cũ hơn"), "{newest}");
    let (_, rest) = newest
        .split_once("href=\"/bulletins?before=")
        .expect("a link");
    let before = rest.split('"').next().expect("a number");
    let older = desk.get(&format!("/bulletins?before={before}")).body;
    let rows = part(&older, "bulletins");
    assert_eq!(rows.matches("<li>").count(), 3, "{rows}");
    assert!(rows.contains("Bản tin số 1.") && rows.contains("Bản tin số 3."));
    assert!(!older.contains("Xem cũ hơn"));
}

#[test]
fn nobody_is_chosen_first_and_what_is_refused_comes_back_as_it_was_typed() {
    let commune = twenty();
    let desk = desk(&commune);
    assert!(
        desk.get("/").body.contains("href=\"/bulletins/new\""),
        "one tap"
    );
    let page = desk.get("/bulletins/new").body;
    let form = page.split_once("<main").expect("a page").1;
    assert!(!form.contains(" checked"), "{form}");
    let at = |words: &str| form.find(words).expect("there");
    assert!(at("id=\"title\"") < at("id=\"body\"") && at("id=\"body\"") < at("name=\"village\""));
    assert!(form.contains("Tất cả 20 thôn") && form.contains("Chọn từng thôn"));
    let (token, once) = (field(&page, "form"), field(&page, "once"));
    let typed = [
        ("form", token.as_str()),
        ("once", once.as_str()),
        ("title", "Họp dân"),
        ("body", "19 giờ tối nay."),
        ("urgent", "1"),
    ];
    let nobody: [&[(&str, &str)]; 3] = [&[], &[("to", "some")], &[("village", "v-99")]];
    for to in nobody {
        let refused = desk.post("/bulletins", &[&typed[..], to].concat());
        assert_eq!(refused.status, 400, "{refused:?}");
        for words in [
            "Chưa chọn thôn nào",
            "value=\"Họp dân\"",
            "19 giờ tối nay.</textarea>",
            &format!("value=\"{once}\""),
        ] {
            assert!(refused.body.contains(words), "{words}: {}", refused.body);
        }
        assert!(
            refused.body.contains("value=\"1\" checked"),
            "{}",
            refused.body
        );
    }
    let long = "x".repeat(151);
    let mut too_long = typed;
    too_long[2].1 = &long;
    let refused = desk.post(
        "/bulletins",
        &[&too_long[..], &[("village", "v-07"), ("to", "some")]].concat(),
    );
    assert_eq!(refused.status, 400);
    assert!(
        refused.body.contains("value=\"v-07\" checked"),
        "{}",
        refused.body
    );
    let mut unnamed = typed.to_vec();
    unnamed.retain(|(name, _)| *name != "once");
    let refused = desk.post("/bulletins", &[&unnamed[..], &[("to", "all")]].concat());
    assert!(refused.status == 403 && refused.body.contains("value=\"Họp dân\""));
    assert_eq!(field(&refused.body, "once").len(), 32, "a fresh one");
    let mut foreign = typed;
    foreign[0].1 = "not the token";
    let refused = desk.post("/bulletins", &[&foreign[..], &[("to", "all")]].concat());
    assert!(refused.status == 403 && refused.body.contains("value=\"Họp dân\""));
    assert!(desk.get("/bulletins").body.contains("Chưa gửi bản tin nào"));
    // Who ticked villages and nothing else meant these.
    let mut calm = typed.to_vec();
    calm.retain(|(name, _)| *name != "urgent");
    calm.extend([("village", "v-05"), ("village", "v-03")]);
    assert_eq!(
        location(&desk.post("/bulletins", &calm)),
        "/bulletins/1?said=sent"
    );
    let receipts = part(&desk.get("/bulletins/1").body, "receipts");
    assert_eq!(receipts.matches("<li>").count(), 2, "{receipts}");
}

#[test]
fn urgent_news_is_confirmed_with_whom_it_reaches_and_sent_once_however_often_it_is_pressed() {
    let commune = twenty();
    let desk = desk(&commune);
    let _here: Vec<_> = ["v-01", "v-20"].map(|id| come_in(&commune, id)).into();
    let (form, once) = desk.form();
    let typed = [
        ("form", form.as_str()),
        ("once", once.as_str()),
        ("title", "Mưa lớn"),
        ("body", "Kê cao đồ đạc."),
        ("urgent", "1"),
        ("to", "all"),
    ];
    let asked = desk.post("/bulletins", &typed);
    assert_eq!(asked.status, 200, "{asked:?}");
    for words in [
        "Gửi tin khẩn tới 20 thôn?",
        "2 thôn nhận được ngay; tất cả các thôn được gửi có khoảng 19.240 người",
        "Đang mất liên lạc, sẽ nhận khi có mạng: Thôn v-02, Thôn v-03, Thôn v-04, Thôn v-05 và 14 \
         thôn khác.",
        "Chưa ghi số dân: Thôn v-20.",
        "Kê cao đồ đạc.",
        "Gửi tin khẩn ngay",
    ] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    assert!(desk.get("/bulletins").body.contains("Chưa gửi bản tin nào"));
    let back = desk.post("/bulletins", &[&typed[..], &[("edit", "1")]].concat());
    assert!(back.status == 200 && back.body.contains("value=\"Mưa lớn\""));
    assert!(back.body.contains("value=\"all\" checked"), "{}", back.body);
    // Pressed by an impatient thumb: eight requests side by side, then once more.
    let sure = [&typed[..], &[("sure", "1")]].concat();
    let mut pages: Vec<String> = std::thread::scope(|scope| {
        let presses: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| location(&desk.post("/bulletins", &sure))))
            .collect();
        presses
            .into_iter()
            .map(|press| press.join().expect("joined"))
            .collect()
    });
    pages.push(location(&desk.post("/bulletins", &sure)));
    assert!(
        pages.iter().all(|p| p == "/bulletins/1?said=sent"),
        "{pages:?}"
    );
    assert_eq!(
        part(&desk.get("/bulletins").body, "bulletins")
            .matches("<li>")
            .count(),
        1
    );
    let result = desk.get("/bulletins/1?said=sent").body;
    assert!(
        result.contains("Đã gửi bản tin, chờ các thôn nhận"),
        "{result}"
    );
    // A form that was opened anew with the same words sends nothing again either.
    let (form, once) = desk.form();
    let mut fresh = sure.clone();
    (fresh[0].1, fresh[1].1) = (&form, &once);
    assert_eq!(
        location(&desk.post("/bulletins", &fresh)),
        "/bulletins/1?said=present"
    );
    let told = desk.get("/bulletins/1?said=present").body;
    assert!(told.contains("đều có bản tin này rồi"), "{told}");
    // Who goes back and corrects a word means another bulletin.
    let mut corrected = sure.clone();
    corrected[2].1 = "Mưa rất lớn";
    assert_eq!(
        location(&desk.post("/bulletins", &corrected)),
        "/bulletins/2?said=sent"
    );
}

#[test]
fn a_text_survives_a_sign_in_that_ended_while_it_was_written() {
    let commune = twenty();
    let late = Desk {
        commune: &commune,
        cookie: String::new(),
    };
    let typed = [
        ("form", "of before"),
        ("title", "Họp dân"),
        ("body", "Dòng một.%0ADòng hai."),
        ("to", "some"),
        ("village", "v-04"),
    ];
    let asked = late.post("/bulletins", &typed);
    assert_eq!(asked.status, 401, "{asked:?}");
    assert!(
        asked.body.contains("Bản tin đang viết vẫn còn"),
        "{}",
        asked.body
    );
    let kept = |page: &str| -> Vec<(String, String)> {
        ["next", "title", "body", "once", "to", "village", "shown"]
            .map(|name| (name.to_owned(), field(page, name).replace('\n', "%0A")))
            .into()
    };
    let send = |pin: &str, page: &str| {
        let mut fields = kept(page);
        fields.push(("pin".to_owned(), pin.to_owned()));
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        late.post("/sign-in", &fields)
    };
    let wrong = send("000000", &asked.body);
    assert!(wrong.status == 401 && field(&wrong.body, "title") == "Họp dân");
    until("the address may try again", || {
        let right = send(&commune.pin(), &wrong.body);
        assert!(matches!(right.status, 200 | 429), "{right:?}");
        right.status == 200 && {
            assert!(right.head.contains("set-cookie: xa="), "{}", right.head);
            for words in [
                "value=\"Họp dân\"",
                "Dòng một.\nDòng hai.</textarea>",
                "value=\"v-04\" checked",
            ] {
                assert!(right.body.contains(words), "{words}: {}", right.body);
            }
            true
        }
    });
}

#[test]
fn a_storm_bulletin_carries_level_source_paper_and_end_and_is_confirmed_as_urgent() {
    let commune = twenty();
    let desk = desk(&commune);
    let (sends, mut hears) = come_in(&commune, "v-01");
    let (form, once) = desk.form();
    let mut typed = vec![
        ("form", form.as_str()),
        ("once", once.as_str()),
        ("title", "Bão số 9"),
        ("body", "Chằng chống nhà cửa."),
        ("risk", "3"),
        ("paper", "12/CĐ-BCH"),
        ("source-day", "1/1/2026"),
        ("source-time", "2 giờ"),
        ("to", "all"),
    ];
    let refused = desk.post("/bulletins", &typed);
    assert_eq!(refused.status, 400, "a level without its source");
    for kept in [
        "Mời ghi nguồn",
        "value=\"12/CĐ-BCH\"",
        "<option value=\"3\" selected>",
    ] {
        assert!(refused.body.contains(kept), "{kept}: {}", refused.body);
    }
    typed.push(("source", "Đài khí tượng tỉnh"));
    let asked = desk.post("/bulletins", &typed);
    for words in [
        "Gửi tin khẩn tới 20 thôn?",
        "Rủi ro thiên tai cấp 3 (màu da cam)",
        "Nguồn: Đài khí tượng tỉnh, văn bản số 12/CĐ-BCH, 02:00, Thứ Năm 1/1/2026",
    ] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    let sure = [&typed[..], &[("sure", "1")]].concat();
    let sent = location(&desk.post("/bulletins", &sure));
    assert_eq!(sent, "/bulletins/1?said=sent");
    let page = desk.get("/bulletins/1").body;
    assert!(page.contains("class=\"say risk risk-3\""), "{page}");
    let (seq, got) = bulletin(&mut hears);
    let risk = got.risk.expect("a level");
    assert_eq!((risk.level.number(), got.urgent), (3, true));
    assert_eq!(got.source, "Đài khí tượng tỉnh, văn bản số 12/CĐ-BCH");
    assert_eq!(risk.at, Some(WallMs::new(1_767_207_600_000)));
    // One of a lower level is sent at once, and is not called urgent.
    let (form, once) = desk.form();
    typed.retain(|(name, _)| !["form", "once", "risk"].contains(name));
    typed.extend([("form", &*form), ("once", &*once), ("risk", "2")]);
    let sent = location(&desk.post("/bulletins", &typed));
    assert_eq!(sent, "/bulletins/2?said=sent");
    let done = UplinkMessage::Outcome { seq, refused: None };
    tell(&sends, &mut hears, "v-01", &done);
    let mut low = bulletin(&mut hears);
    while low.0 == seq {
        low = bulletin(&mut hears);
    }
    assert_eq!(low.1.risk.map(|risk| risk.level.number()), Some(2));
    assert!(!low.1.urgent);
}
