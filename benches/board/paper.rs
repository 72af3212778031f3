//! Sheets as PDF.

use std::time::Duration;

use conglang::web::kit::print::{HallSheet, HouseSign, SheetCode, sticker_sheets, wall_sheet};

use super::{Figure, measure};

/// The A4 wall sheet, and a sheet of 24 stickers.
pub fn figures() -> Vec<Figure> {
    let code = |words: &str, path: &str| SheetCode {
        words: words.to_owned(),
        text: format!("https://benthoc.example{path}"),
        letters: format!("benthoc.example{path}"),
        about: String::new(),
    };
    let sheet = HallSheet {
        title: "Thôn Bến Thóc".to_owned(),
        codes: vec![
            code("Vào wifi", "/"),
            code("Xem tin", "/t"),
            code("Tìm nhà", "/r"),
        ],
        is_numbered: true,
        foot: "Mở máy ảnh của điện thoại, đưa vào mã.".to_owned(),
    };
    let signs: Vec<HouseSign> = (1..=24)
        .map(|n| HouseSign {
            number: n.to_string(),
            road: "ngõ Giếng Làng (ngõ 12)".to_owned(),
            village: "Thôn Bến Thóc".to_owned(),
            link: format!("https://benthoc.example/h/gl-{n}"),
            letters: format!("benthoc.example/h/gl-{n}"),
        })
        .collect();
    let most = Duration::from_millis(300);
    vec![
        measure("the A4 wall sheet as PDF", 50, most, |_| {
            assert!(wall_sheet(&sheet).expect("made").starts_with(b"%PDF-"));
        }),
        measure("an A4 sheet of 24 stickers as PDF", 50, most, |_| {
            assert!(sticker_sheets(&signs).expect("made").starts_with(b"%PDF-"));
        }),
    ]
}
