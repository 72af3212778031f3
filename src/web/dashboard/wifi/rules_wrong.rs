//! The sentence about a field of the rules' form that is not accepted: what to write there.

use crate::domain::guest::{
    MAX_DEVICES, MAX_GARDEN_NAMES, MOST_DAY_MB, MOST_METERED_MB, SPEEDS_KBIT, WifiRules,
};
use crate::domain::text;
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::i18n::locale::Lang;

/// Most characters of a name that is told as wrong.
const MAX_SHOWN_CHARS: usize = 60;

/// The largest number that a field takes; none = its sentence tells it anyhow.
fn most(field: &str) -> Option<u32> {
    match field {
        "device" | "house" => Some(MOST_DAY_MB),
        "metered" => Some(MOST_METERED_MB),
        "speed" | "house-speed" => Some(SPEEDS_KBIT.end() / 1_000),
        _ => None,
    }
}

/// A number as people type it into a field.
fn number(field: &str, typed: &str) -> Option<f64> {
    let plain = if field.ends_with("speed") {
        typed.replace(',', ".")
    } else {
        typed.replace(['.', ' '], "")
    };
    plain.parse().ok()
}

/// The sentence that says what is to be written into a field, instead of what was typed.
pub(super) fn wrong_field(lang: Lang, field: &'static str, typed: &str) -> WrongInput {
    let too_much = most(field)
        .filter(|most| number(field, typed).is_some_and(|typed| typed > f64::from(*most)));
    let words = if let Some(most) = too_much {
        let label = lang.t(&format!("wifi-form-{field}"));
        let most = dates::count(lang, most.into());
        lang.f("wifi-wrong-too-much", &[("field", &label), ("most", &most)])
    } else {
        match field {
            "from" | "until" => lang.t("wifi-wrong-hours"),
            "most" => lang.f("wifi-wrong-most", &[("most", MAX_DEVICES)]),
            "garden" => lang.f("wifi-wrong-garden", &[("most", MAX_GARDEN_NAMES)]),
            "speed" | "house-speed" => {
                let least = dates::number(lang, f64::from(*SPEEDS_KBIT.start()) / 1_000.0, 3);
                lang.f(&format!("wifi-wrong-{field}"), &[("least", &least)])
            }
            _ => lang.t(&format!("wifi-wrong-{field}")),
        }
    };
    WrongInput::in_field(field, words)
}

/// The sentence about a part of the rules that the village refuses; `typed` gives the text that
/// stands in a field.
pub(super) fn wrong_part(
    lang: Lang,
    rules: &WifiRules,
    part: &str,
    typed: impl Fn(&str) -> String,
) -> WrongInput {
    let (key, name) = match part {
        "garden-probe" => ("wifi-wrong-garden-probe", rules.probing_garden_name()),
        "garden" => ("wifi-wrong-garden-name", rules.wrong_garden_name()),
        _ => ("", None),
    };
    if let Some(name) = name {
        let name = text::line(name, MAX_SHOWN_CHARS);
        return WrongInput::in_field("garden", lang.f(key, &[("name", &name)]));
    }
    let field = field_of(rules, part);
    wrong_field(lang, field, &typed(field))
}

/// The field that a refused part of the rules stands in.
fn field_of(rules: &WifiRules, part: &str) -> &'static str {
    let is_beyond = |mb: Option<u32>| mb.is_some_and(|mb| mb == 0 || mb > MOST_DAY_MB);
    let is_odd = |kbit: Option<u32>| kbit.is_some_and(|kbit| !SPEEDS_KBIT.contains(&kbit));
    match part {
        "session" => "session",
        "quota" if is_beyond(rules.device_mb) => "device",
        "quota" if is_beyond(rules.house_mb) => "house",
        "quota" => "metered",
        "speed" if is_odd(rules.device_kbit) => "speed",
        "speed" => "house-speed",
        "devices" => "most",
        "keep-days" => "keep",
        "garden" => "garden",
        _ => "from",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_to_write_and_never_a_limit_without_its_number() {
        let said = |field, typed: &str| wrong_field(Lang::Vi, field, typed).why;
        let device = "Mỗi máy một ngày: ghi một số từ 1 trở lên, hoặc để trống.";
        for (field, typed, words) in [
            ("device", "abc", device),
            ("device", "0", device),
            ("device", "-5", device),
            (
                "device",
                "99.999.999.999",
                "Mỗi máy một ngày, MB: nhiều nhất là 10.000.000.",
            ),
            (
                "speed",
                "0,01",
                "Tốc độ mỗi máy: ghi một số từ 0,128 trở lên, hoặc để trống.",
            ),
            (
                "house-speed",
                "20000,5",
                "Tốc độ tất cả cộng lại, Mbit/s: nhiều nhất là 10.000.",
            ),
            (
                "most",
                "70000",
                "Nhiều nhất bao nhiêu máy cùng lúc: ghi một số từ 1 đến 500.",
            ),
            (
                "metered",
                "",
                "Khi chạy 4G, khách được dùng một ngày: ghi một số từ 0 trở lên.",
            ),
            (
                "until",
                "5",
                "Giờ mở và giờ đóng: ghi như 05:00 và 22:00, hai giờ khác nhau.",
            ),
        ] {
            assert_eq!(said(field, typed), words, "{field} {typed}");
        }
        let garden = |names: &[&str], part| {
            let rules = WifiRules {
                garden: names.iter().map(|name| (*name).to_owned()).collect(),
                ..WifiRules::default()
            };
            wrong_part(Lang::Vi, &rules, part, |_| String::new()).why
        };
        let wrong = garden(&["vneid.gov.vn", "dich_vu", "x"], "garden");
        assert!(wrong.contains("“dich_vu” không phải tên trang"), "{wrong}");
        let wrong = garden(&["vneid.gov.vn", "apple.com"], "garden-probe");
        assert!(wrong.contains("bỏ “apple.com”"), "{wrong}");
        let too_many = vec!["vneid.gov.vn"; MAX_GARDEN_NAMES + 1];
        assert!(garden(&too_many, "garden").contains("nhiều nhất"));
        let is_tick = |field: &&&str| ["on", "always", "block"].contains(*field);
        for field in super::super::RULES_FIELDS.iter().filter(|f| !is_tick(f)) {
            for lang in [Lang::Vi, Lang::En] {
                let words = wrong_field(lang, field, "abc").why;
                assert!(words.ends_with('.') && words.contains(' '), "{words}");
            }
        }
    }
}
