//! The font of sheets: Noto Sans, the part of it that Vietnamese needs (font/README.md).

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use ttf_parser::Face;
use unicode_normalization::UnicodeNormalization as _;

static REGULAR: &[u8] = include_bytes!("font/NotoSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("font/NotoSans-Bold.ttf");

static FACES: LazyLock<[Option<Face<'static>>; 2]> =
    LazyLock::new(|| [REGULAR, BOLD].map(|data| Face::parse(data, 0).ok()));

/// Weight of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    fn face(self) -> Option<&'static Face<'static>> {
        FACES[usize::from(self == Self::Bold)].as_ref()
    }

    /// The font for the file.
    pub fn font(self) -> Option<Font> {
        let data = match self {
            Self::Regular => REGULAR,
            Self::Bold => BOLD,
        };
        Font::new(data.into(), 0)
    }

    /// A text as the font writes it, with its glyphs; a letter that the font lacks is a box.
    pub fn glyphs(self, text: &str) -> (String, Vec<KrillaGlyph>) {
        let text: String = text.nfc().collect();
        let Some(face) = self.face() else {
            return (text, Vec::new());
        };
        let em = f32::from(face.units_per_em());
        let glyphs = text
            .char_indices()
            .map(|(at, c)| {
                let id = face.glyph_index(c).unwrap_or_default();
                let advance = face.glyph_hor_advance(id).unwrap_or_default();
                let id = GlyphId::new(id.0.into());
                let advance = f32::from(advance) / em;
                KrillaGlyph::new(id, advance, 0.0, 0.0, 0.0, at..at + c.len_utf8(), None)
            })
            .collect();
        (text, glyphs)
    }

    /// How wide a text is in letters of size 1.
    pub fn width(self, text: &str) -> f32 {
        let (_, glyphs) = self.glyphs(text);
        glyphs.iter().map(|glyph| glyph.x_advance).sum()
    }

    /// Whether the font has every letter of a text.
    #[cfg(test)]
    pub fn has(self, text: &str) -> bool {
        self.face()
            .is_some_and(|face| text.nfc().all(|c| face.glyph_index(c).is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_letter_of_vietnamese_with_its_marks() {
        let vowels = "aăâeêioôơuưy";
        let tones = ["", "\u{300}", "\u{301}", "\u{303}", "\u{309}", "\u{323}"];
        for weight in [Weight::Regular, Weight::Bold] {
            for vowel in vowels.chars() {
                for tone in tones {
                    let letter: String = format!("{vowel}{tone}").nfc().collect();
                    assert_eq!(letter.chars().count(), 1, "{letter}");
                    assert!(weight.has(&letter) && weight.has(&letter.to_uppercase()));
                }
            }
            assert!(weight.has("đĐ 0123456789 “…” – · ₫ / : . ,"));
            assert!(weight.width("Ngõ Giếng Làng") > 5.0);
        }
    }
}
