//! Labels of houses: a label lives as long as its consent, and one that is not taken is not lost.

use std::time::Duration;

use crate::board_files::give;
use crate::directory::{demo, import, with_map};
use crate::notice_forms::press;
use crate::support::house::House;
use crate::support::http::{Answer, http};

fn visit(house: &House, path: &str) -> Answer {
    http(house.portal, "GET", path, "", "")
}

/// Sends the form of a label, and says that the house that was found is the right one.
pub fn record(house: &House, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let form = house.form("/directory", cookie);
    let fields: Vec<(&str, &str)> = [("form", &*form)]
        .into_iter()
        .chain(fields.iter().copied())
        .collect();
    let asked = house.post("/directory/label", cookie, &fields);
    if asked.status != 200 {
        return asked;
    }
    assert!(
        asked.body.contains("Có đúng nhà này không?"),
        "{}",
        asked.body
    );
    press(house, cookie, &asked, "/directory/label")
}

/// A house with the demo's map, and a label on number 7 of the alley.
fn with_label() -> (House, String) {
    let house = with_map("");
    let cookie = house.sign_in();
    let label = [
        ("house", "7 gieng lang"),
        ("trade", "Tạp hóa Bến Thóc"),
        ("phone", "0000 000 031"),
        ("form-of-consent", "signed"),
        ("given", "2026-01-02"),
    ];
    assert_eq!(record(&house, &cookie, &label).status, 303);
    (house, cookie)
}

/// The demo's map with the ids of the alley's houses one farther, as after a house was put in.
fn shifted() -> String {
    let mut map: serde_json::Value = serde_json::from_str(&demo()).expect("json");
    let features = map["features"].as_array_mut().expect("a list");
    let of_alley = features.iter_mut().filter(|f| {
        f["properties"]["what"] == "house" && f["properties"]["road"] == "ngo-gieng-lang"
    });
    let houses: Vec<&mut serde_json::Value> = of_alley.map(|f| &mut f["properties"]).collect();
    let mut ids: Vec<_> = houses.iter().map(|house| house["id"].clone()).collect();
    ids.rotate_right(1);
    for (house, id) in houses.into_iter().zip(ids) {
        house["id"] = id;
    }
    map.to_string()
}

const SEVEN: &str = "Số 7, ngõ Giếng Làng (ngõ 12), đường Trục Chính";

fn says_its_trade(house: &House, path: &str) -> bool {
    visit(house, path).body.contains("Tạp hóa Bến Thóc")
}

#[test]
fn a_label_is_public_only_after_its_address_was_shown_back() {
    let house = with_map("");
    let cookie = house.sign_in();
    let form = house.form("/directory", &cookie);
    let fields = [
        ("form", &*form),
        ("house", "7 gieng lang"),
        ("trade", "Tạp hóa Bến Thóc"),
        ("phone", "0000 000 031"),
        ("form-of-consent", "spoken"),
        ("given", "2026-01-02"),
    ];
    let asked = house.post("/directory/label", &cookie, &fields);
    assert_eq!(asked.status, 200);
    for words in [SEVEN, "Tạp hóa Bến Thóc", "0000 000 031", "nói trực tiếp"] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    assert!(!says_its_trade(&house, "/h/gl-7?lang=vi"));
    // The answer is about one house: with other words in the form it is asked again.
    let other = [("sure", "gl-7"), ("house", "9 gieng lang")];
    let mut changed = fields.to_vec();
    changed.retain(|(name, _)| *name != "house");
    changed.extend(other);
    let again = house.post("/directory/label", &cookie, &changed);
    assert!(again.status == 200 && again.body.contains("Số 9, ngõ Giếng Làng"));
    assert_eq!(
        press(&house, &cookie, &asked, "/directory/label").status,
        303
    );
    assert!(says_its_trade(&house, "/h/gl-7?lang=vi"));
    assert!(!says_its_trade(&house, "/h/gl-9?lang=vi"));
}

#[test]
fn the_map_that_is_in_force_takes_no_label_away() {
    let (house, _) = with_label();
    let before = house.entries().len();
    let file = house.dir.join("map.geojson");
    std::fs::write(&file, demo()).expect("written");
    let file = file.display().to_string();
    for args in [
        &["directory", "import", &file][..],
        &["directory", "import", &file, "--withdraw-labels"],
    ] {
        let (code, said) = house.cli(args);
        assert!(code == 0 && !said.contains(SEVEN), "{said}");
    }
    assert!(says_its_trade(&house, "/h/gl-7?lang=vi"));
    assert_eq!(house.entries().len(), before, "nothing happened");
}

#[test]
fn running_numbers_that_shift_put_no_label_on_a_neighbour() {
    let (house, _) = with_label();
    let (code, said) = import(&house, &shifted());
    assert_eq!(code, 65, "{said}");
    assert!(
        said.contains(SEVEN) && said.contains("--withdraw-labels"),
        "{said}"
    );
    assert!(
        says_its_trade(&house, "/h/gl-7?lang=vi"),
        "the map of before stays"
    );
    assert_eq!(house.state()["directory"]["map"]["houses"], 312);
    let blob = house.state()["directory"]["labels"]["gl-7"]["text"]["id"].clone();
    let text = house
        .dir
        .join("data/people/a")
        .join(blob.as_str().expect("id"));
    let file = house.dir.join("map.geojson").display().to_string();
    let (code, said) = house.cli(&["directory", "import", &file, "--withdraw-labels"]);
    assert!(code == 0 && said.contains(SEVEN), "{said}");
    assert_eq!(house.state()["directory"]["labels"], serde_json::json!({}));
    house.until("the text is erased", Duration::from_secs(10), |_| {
        !text.exists()
    });
    for n in ["gl-5", "gl-7", "gl-9"] {
        assert!(!says_its_trade(&house, &format!("/h/{n}?lang=vi")), "{n}");
    }
}

#[test]
fn a_house_with_another_id_keeps_its_label_and_is_labelled_once() {
    let (house, cookie) = with_label();
    let renamed = demo().replacen("\"gl-7\"", "\"n12-7\", \"old_ids\": [\"gl-7\"]", 1);
    let (code, said) = import(&house, &renamed);
    assert_eq!(code, 0, "{said}");
    let renamed = |h: &House| visit(h, "/h/n12-7").status == 200;
    house.until("the map is there", Duration::from_secs(10), renamed);
    assert!(says_its_trade(&house, "/h/n12-7?lang=vi"));
    assert!(house.get("/directory", &cookie).body.contains(SEVEN));
    let found = visit(&house, "/search?lang=vi&q=tap+hoa").body;
    assert!(found.contains("href=\"/h/n12-7"), "{found}");
    let other = [
        ("house", "7 gieng lang"),
        ("trade", "Sửa xe máy"),
        ("form-of-consent", "spoken"),
        ("given", "2026-01-03"),
    ];
    assert_eq!(record(&house, &cookie, &other).status, 303);
    let labels = house.state()["directory"]["labels"].clone();
    assert_eq!(
        labels.as_object().map(serde_json::Map::len),
        Some(1),
        "{labels}"
    );
    let seven = visit(&house, "/h/n12-7?lang=vi").body;
    assert!(
        seven.contains("Sửa xe máy") && !seven.contains("Tạp hóa"),
        "{seven}"
    );
}

#[test]
fn a_phone_is_told_which_labels_a_map_would_lose_and_ticks_it() {
    let (house, cookie) = with_label();
    let preview = give(&house, &cookie, "map", shifted().as_bytes());
    for words in [SEVEN, "name=\"withdraw-labels\""] {
        assert!(preview.body.contains(words), "{words}: {}", preview.body);
    }
    let refused = press(&house, &cookie, &preview, "/files/map/take");
    assert_eq!(refused.status, 409);
    assert!(refused.body.contains("Chưa thay sơ đồ.") && refused.body.contains(SEVEN));
    assert!(says_its_trade(&house, "/h/gl-7?lang=vi"));
    let (token, file) = (refused.field("form"), refused.field("file"));
    let ticked = [
        ("form", &*token),
        ("file", &*file),
        ("withdraw-labels", "1"),
    ];
    let done = house.post("/files/map/take", &cookie, &ticked);
    assert_eq!(done.header("location"), "/files/map?said=map-file-taken");
    assert_eq!(house.state()["directory"]["labels"], serde_json::json!({}));
    let is_shifted = |h: &House| !visit(h, "/h/gl-7?lang=vi").body.contains(SEVEN);
    house.until("the map is there", Duration::from_secs(10), is_shifted);
    // Also the map of before is held against the labels of today.
    let label = [
        ("house", "9 gieng lang"),
        ("trade", "Sửa xe máy"),
        ("form-of-consent", "spoken"),
        ("given", "2026-01-03"),
    ];
    assert_eq!(record(&house, &cookie, &label).status, 303);
    let page = house.get("/files/map", &cookie);
    let (token, file) = (page.field("form"), page.field("file"));
    let back = [("form", &*token), ("file", &*file)];
    let refused = house.post("/files/map/restore", &cookie, &back);
    assert!(refused.status == 409 && refused.body.contains("Số 9, ngõ Giếng Làng"));
}

#[test]
fn a_label_needs_a_consent_and_is_erased_when_it_is_withdrawn() {
    let house = with_map("");
    let cookie = house.sign_in();
    let today = "2026-01-02";
    let typed = |house_no: &'static str, given: &'static str| {
        vec![
            ("house", house_no),
            ("trade", "Tạp hóa Bến Thóc"),
            ("phone", "0000 000 031"),
            ("extinguisher", "1"),
            ("paper", "Tủ hồ sơ nhà văn hóa"),
            ("form-of-consent", "signed"),
            ("given", given),
        ]
    };
    let send = |fields: Vec<(&str, &str)>| record(&house, &cookie, &fields);
    for (number, given, why) in [
        ("7", today, "Có nhiều nhà"),
        ("999 Giếng Làng", today, "Không tìm thấy"),
        ("7 gieng lang", "2999-01-01", "Ngày đồng ý"),
        ("7 gieng lang", "", "Ngày đồng ý"),
    ] {
        let refused = send(typed(number, given));
        assert_eq!(refused.status, 400, "{number}");
        assert!(refused.body.contains(why), "{why}: {}", refused.body);
        assert!(
            refused.body.contains("Tạp hóa Bến Thóc"),
            "what was typed stays"
        );
    }
    // Consent is evidence: no way and no day of it stands there before somebody chooses it.
    let empty = house.get("/directory", &cookie).body;
    let (_, consent) = empty.split_once("id=\"form-of-consent\"").expect("there");
    let (choices, _) = consent.split_once("</select>").expect("its end");
    assert!(
        choices.contains("<option value=\"\" selected>Chọn…")
            && choices.matches("selected").count() == 1,
        "{choices}"
    );
    let (_, given) = empty.split_once("id=\"given\"").expect("there");
    let given = given.split_once('>').expect("its end").0;
    assert!(given.contains("value=\"\""), "{given}");
    let mut unasked = typed("7 gieng lang", today);
    unasked.retain(|(name, _)| *name != "form-of-consent");
    let refused = send(unasked);
    assert_eq!(refused.status, 400);
    assert!(
        refused.body.contains("Chọn cách chủ nhà đồng ý."),
        "{}",
        refused.body
    );
    let before = visit(&house, "/h/gl-7?lang=vi");
    assert!(!before.body.contains("Tạp hóa"));
    assert_eq!(send(typed("7 gieng lang", today)).status, 303);
    let told = visit(&house, "/h/gl-7?lang=vi");
    for words in ["Tạp hóa Bến Thóc", "tel:", "Có bình chữa cháy"] {
        assert!(told.body.contains(words), "{words}: {}", told.body);
    }
    assert!(
        !told.body.contains("Tủ hồ sơ"),
        "the chief's alone: {}",
        told.body
    );
    let page = house.get("/directory", &cookie);
    for words in [
        "Chủ nhà đồng ý ngày 2/1/2026: ký giấy",
        "Giấy giữ ở: Tủ hồ sơ nhà văn hóa",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let history = house.get("/history?all=1", &cookie).body;
    assert!(
        history.contains("cho nhà số 7, ") && !history.contains("nhà gl-7"),
        "{history}"
    );
    let blob = house.state()["directory"]["labels"]["gl-7"]["text"]["id"].clone();
    let file = house
        .dir
        .join("data/people/a")
        .join(blob.as_str().expect("id"));
    assert!(file.exists());
    let form = house.form("/directory", &cookie);
    let seven = [("form", &*form), ("house", "gl-7")];
    let asked = house.post("/directory/withdraw", &cookie, &seven);
    assert_eq!(asked.status, 200);
    for words in ["Xóa rồi không lấy lại được", "Tạp hóa", "Giếng Làng"] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    assert!(file.exists(), "it is asked first");
    let gone = press(&house, &cookie, &asked, "/directory/withdraw");
    assert_eq!(gone.status, 303);
    let after = visit(&house, "/h/gl-7?lang=vi");
    assert!(!after.body.contains("Tạp hóa") && !after.body.contains("bình chữa cháy"));
    let erased = |_: &House| !file.exists();
    house.until("the text is erased", Duration::from_secs(10), erased);
}

#[test]
fn a_label_that_is_not_taken_comes_back_with_its_reason_as_it_was_typed() {
    let house = with_map("");
    let cookie = house.sign_in();
    let send = |trade: &str, phone: &str| {
        let fields = [
            ("house", "7 gieng lang"),
            ("trade", trade),
            ("phone", phone),
            ("form-of-consent", "spoken"),
            ("given", "2026-01-02"),
        ];
        record(&house, &cookie, &fields)
    };
    let long = "Tạp hóa ".repeat(11);
    for (trade, phone, field, why) in [
        ("", "", "trade", "Ghi nghề, điện thoại"),
        (&*long, "0000 000 031", "trade", "Nghề dài quá 80 chữ"),
        ("Sửa xe máy", "gọi tôi", "phone", "3 đến 15 chữ số"),
    ] {
        let refused = send(trade, phone);
        assert_eq!(refused.status, 400, "{why}");
        assert!(refused.body.contains(why), "{why}: {}", refused.body);
        let (_, field) = refused
            .body
            .split_once(&format!("id=\"{field}\""))
            .expect("its field");
        let field = field.split_once('>').expect("its end").0;
        assert!(field.contains("aria-invalid"), "{field}");
    }
    // Storage that refuses takes nothing that was typed either.
    house.expect_errors(&["text of people not written"]);
    let texts = house.dir.join("data/people/a");
    let away = house.dir.join("data/people/away");
    std::fs::rename(&texts, &away).expect("away");
    let refused = send("Sửa xe máy", "0000 000 031");
    std::fs::rename(&away, &texts).expect("back");
    assert_eq!(refused.status, 503, "{refused:?}");
    for kept in ["Sửa xe máy", "0000 000 031", "7 gieng lang"] {
        assert!(refused.body.contains(kept), "{kept}: {}", refused.body);
    }
    assert_eq!(send("Sửa xe máy", "0000 000 031").status, 303);
}
