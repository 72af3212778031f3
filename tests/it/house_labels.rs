//! Labels of houses: a label lives as long as its consent, and one that is not taken is not lost.

use std::time::Duration;

use crate::directory::with_map;
use crate::support::house::House;
use crate::support::http::{Answer, http};

fn visit(house: &House, path: &str) -> Answer {
    http(house.portal, "GET", path, "", "")
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
    let send = |fields: Vec<(&str, &str)>| {
        let form = house.form("/directory", &cookie);
        let fields: Vec<(&str, &str)> = [("form", &*form)].into_iter().chain(fields).collect();
        house.post("/directory/label", &cookie, &fields)
    };
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
    let gone = house.post(
        "/directory/withdraw",
        &cookie,
        &[("form", &form), ("house", "gl-7")],
    );
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
            ("form", &*house.form("/directory", &cookie)),
            ("house", "7 gieng lang"),
            ("trade", trade),
            ("phone", phone),
            ("form-of-consent", "spoken"),
            ("given", "2026-01-02"),
        ];
        house.post("/directory/label", &cookie, &fields)
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
