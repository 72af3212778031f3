//! Signs of houses: plates to be engraved, and stickers.

use super::canvas::draw;
use super::font::Weight;
use super::{MAX_PLATES, PrintFailed};
use crate::web::kit::qr::CodeUse;

/// A4 in millimetres.
const A4: (f32, f32) = (210.0, 297.0);
/// A plate in millimetres.
const PLATE: (f32, f32) = (180.0, 100.0);
/// Stickers beside and below each other: 24 of 70 × 37 mm, as they are sold.
const STICKERS: (u16, u16) = (3, 8);

/// The sign of a house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseSign {
    /// “7”.
    pub number: String,
    /// “ngõ 12 Giếng Làng”.
    pub road: String,
    /// The village.
    pub village: String,
    /// The link.
    pub link: String,
    /// The link in letters.
    pub letters: String,
}

/// Plates to be engraved, one a page.
///
/// # Errors
/// A text is too long, or there are more houses than [`MAX_PLATES`].
pub fn house_plates(signs: &[HouseSign]) -> Result<Vec<u8>, PrintFailed> {
    if signs.len() > MAX_PLATES {
        return Err(PrintFailed::TooManyPlates);
    }
    draw(PLATE, signs, |canvas, sign| {
        canvas.frame((3.0, 3.0), (174.0, 94.0), 1.0)?;
        canvas.centred((8.0, 100.0), 46.0, 34.0, Weight::Bold, &sign.number);
        canvas.centred((8.0, 100.0), 65.0, 10.0, Weight::Bold, &sign.road);
        canvas.centred((8.0, 100.0), 78.0, 6.0, Weight::Regular, &sign.village);
        canvas.code((102.0, 8.0), 72.0, &sign.link, CodeUse::Outside)?;
        canvas.centred((8.0, 172.0), 91.0, 5.0, Weight::Regular, &sign.letters);
        Ok(())
    })
}

/// Stickers, 24 a page: the houses of the largest village fit.
///
/// # Errors
/// A text is too long.
pub fn sticker_sheets(signs: &[HouseSign]) -> Result<Vec<u8>, PrintFailed> {
    let pages: Vec<&[HouseSign]> = signs.chunks(usize::from(STICKERS.0 * STICKERS.1)).collect();
    let (wide, high) = (A4.0 / f32::from(STICKERS.0), A4.1 / f32::from(STICKERS.1));
    draw(A4, &pages, |canvas, page| {
        let places =
            (0..STICKERS.1).flat_map(|row| (0..STICKERS.0).map(move |column| (column, row)));
        for ((column, row), sign) in places.zip(page.iter()) {
            let (x, y) = (f32::from(column) * wide, f32::from(row) * high);
            canvas.code((x + 1.0, y + 2.0), 33.0, &sign.link, CodeUse::Paper)?;
            let room = (x + 35.0, x + wide - 2.0);
            canvas.centred(room, y + 14.0, 9.0, Weight::Bold, &sign.number);
            canvas.centred(room, y + 22.0, 3.6, Weight::Bold, &sign.road);
            canvas.centred(room, y + 30.0, 3.0, Weight::Regular, &sign.letters);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_road_with_more_houses_than_a_file_has_plates_is_refused_not_cut() {
        let sign = HouseSign {
            number: "7".to_owned(),
            road: "ngõ Giếng Làng".to_owned(),
            village: "Thôn Bến Thóc".to_owned(),
            link: "https://benthoc.example/h/gl-7".to_owned(),
            letters: "benthoc.example/h/gl-7".to_owned(),
        };
        let signs = vec![sign; MAX_PLATES + 1];
        assert_eq!(house_plates(&signs), Err(PrintFailed::TooManyPlates));
        assert!(house_plates(&signs[..2]).is_ok_and(|pdf| pdf.starts_with(b"%PDF-")));
    }
}
