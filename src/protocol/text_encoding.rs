//! The text of a file that somebody made with an office program: its bytes in whichever encoding
//! Vietnamese offices have, as clean Unicode.
//!
//! Invariants: the outcome is NFC, or a reason by name; bytes are never guessed into other words in
//! silence. UTF-8 and UTF-16 are known by their marks or their form. All else is one of three: the
//! code page Windows-1258, or the fonts TCVN3 (ABC) and VNI, which draw Vietnamese letters at the
//! places of others. Those are told apart by reading the text in each way and counting the words
//! that can be Vietnamese syllables; the texts of such fonts are found in files of Unicode as well.
//! A text of a font that is none of these is refused. Deliberately absent: VISCII, VPS and other
//! encodings that no office writes any more.

mod legacy_fonts;
mod syllable;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1258};
use unicode_normalization::UnicodeNormalization as _;

/// A file is read as text of a font only if so many of a hundred words beyond ASCII are syllables.
const LEAST_PERCENT: usize = 70;
/// A text of Unicode in which fewer are syllables is not taken as it stands.
const LEAST_PERCENT_AS_IS: usize = 40;
/// Words beyond ASCII below which a text of Unicode is taken as it stands.
const FEW_WORDS: usize = 4;

/// How the text stood in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenIn {
    /// UTF-8.
    Utf8,
    /// UTF-16 of either order.
    Utf16,
    /// The code page of Windows for Vietnamese.
    Windows1258,
    /// The fonts `.VnTime` and their kin (ABC).
    Tcvn3,
    /// The fonts `VNI-Times` and their kin.
    Vni,
}

impl WrittenIn {
    /// Its name, when it is no Unicode.
    #[must_use]
    pub const fn old_font(self) -> Option<&'static str> {
        match self {
            Self::Utf8 | Self::Utf16 => None,
            Self::Windows1258 | Self::Tcvn3 | Self::Vni => Some(self.name()),
        }
    }

    /// Its name, as people know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Windows1258 => "Windows-1258",
            Self::Tcvn3 => "TCVN3 (ABC)",
            Self::Vni => "VNI",
        }
    }
}

/// Fonts that draw Vietnamese letters at the places of Western ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyFont {
    /// `.VnTime` and its kin (ABC).
    Tcvn3,
    /// `VNI-Times` and its kin.
    Vni,
}

impl LegacyFont {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tcvn3, Self::Vni];

    /// The kind of a font with this name; none = it is another font.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let begins = |with: &str| {
            let start = name.get(..with.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        if begins(".vn") {
            Some(Self::Tcvn3)
        } else {
            begins("vni").then_some(Self::Vni)
        }
    }

    /// The text that a reader of the font sees of these Western letters.
    #[must_use]
    pub fn read(self, western: &str) -> String {
        match self {
            Self::Tcvn3 => legacy_fonts::from_tcvn3(western),
            Self::Vni => legacy_fonts::from_vni(western),
        }
    }
}

/// How much of a text can be Vietnamese.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VietnameseShare {
    /// Words beyond ASCII.
    pub words: usize,
    /// Of a hundred of them, those that can be syllables.
    pub percent: usize,
}

/// Counts the words of a text that can be Vietnamese.
#[must_use]
pub fn vietnamese_share(text: &str) -> VietnameseShare {
    let score = syllable::score(text);
    VietnameseShare {
        words: score.words,
        percent: score.percent(),
    }
}

/// Why bytes are no text that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    /// Not a text at all: a workbook, a picture, an archive.
    #[error("no text")]
    Binary,
    /// A text whose encoding or font is not known.
    #[error("a text of an unknown encoding or font")]
    UnknownFont,
}

/// The text of these bytes, and how it stood there.
///
/// # Errors
/// [`NoText`] when there is none, or when it is not known how to read it.
pub fn decode(bytes: &[u8]) -> Result<(String, WrittenIn), NoText> {
    if is_binary(bytes) {
        return Err(NoText::Binary);
    }
    let (text, written_in) = match unicode(bytes)? {
        Some((text, written_in)) => of_unicode(text, written_in)?,
        None => of_eight_bits(bytes)?,
    };
    let text: String = text.nfc().collect();
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}');
    if text.chars().all(is_text) {
        Ok((text, written_in))
    } else {
        Err(NoText::Binary)
    }
}

/// The first bytes of workbooks (.xlsx, .xls), PDF and archives.
fn is_binary(bytes: &[u8]) -> bool {
    [
        &b"PK\x03\x04"[..],
        &[0xd0, 0xcf, 0x11, 0xe0],
        b"%PDF",
        b"\x1f\x8b",
        b"Rar!",
    ]
    .iter()
    .any(|magic| bytes.starts_with(magic))
}

/// The text, if it is Unicode in one of its forms; none = its bytes are letters of eight bits.
fn unicode(bytes: &[u8]) -> Result<Option<(String, WrittenIn)>, NoText> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        let text = std::str::from_utf8(rest).map_err(|_| NoText::UnknownFont)?;
        return Ok(Some((text.to_owned(), WrittenIn::Utf8)));
    }
    let order = match bytes {
        [0xff, 0xfe, ..] => Some((UTF_16LE, 2)),
        [0xfe, 0xff, ..] => Some((UTF_16BE, 2)),
        // Without a mark: a table begins with ASCII, every second byte of which is zero.
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some((UTF_16LE, 0)),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some((UTF_16BE, 0)),
        _ => None,
    };
    if let Some((encoding, mark)) = order {
        let body = bytes.get(mark..).unwrap_or_default();
        if body.len() % 2 != 0 {
            return Err(NoText::Binary);
        }
        let text = encoding.decode_without_bom_handling_and_without_replacement(body);
        let text = text.ok_or(NoText::Binary)?;
        return Ok(Some((text.into_owned(), WrittenIn::Utf16)));
    }
    if bytes.contains(&0) {
        return Err(NoText::Binary);
    }
    let text = std::str::from_utf8(bytes).ok();
    Ok(text.map(|text| (text.to_owned(), WrittenIn::Utf8)))
}

/// A text of Unicode, unless its letters are those of a font.
fn of_unicode(text: String, written_in: WrittenIn) -> Result<(String, WrittenIn), NoText> {
    let as_is = syllable::score(&text);
    if as_is.words < FEW_WORDS && as_is.percent() == 0 && as_is.words > 0 {
        // One or two words may be names of others; a font would show in them, too.
        return Ok(of_font(&text, 100).unwrap_or((text, written_in)));
    }
    if as_is.words == 0 || as_is.percent() >= LEAST_PERCENT {
        return Ok((text, written_in));
    }
    if let Some(converted) = of_font(&text, LEAST_PERCENT.max(as_is.percent() + 1)) {
        return Ok(converted);
    }
    if as_is.percent() >= LEAST_PERCENT_AS_IS || as_is.words < FEW_WORDS {
        Ok((text, written_in))
    } else {
        Err(NoText::UnknownFont)
    }
}

/// The text of a font, if at least so many of a hundred words become syllables.
fn of_font(text: &str, least: usize) -> Option<(String, WrittenIn)> {
    [
        (LegacyFont::Tcvn3.read(text), WrittenIn::Tcvn3),
        (LegacyFont::Vni.read(text), WrittenIn::Vni),
    ]
    .into_iter()
    .map(|(text, written_in)| (syllable::score(&text).percent(), text, written_in))
    .filter(|(percent, ..)| *percent >= least)
    .max_by_key(|(percent, ..)| *percent)
    .map(|(_, text, written_in)| (text, written_in))
}

/// A text of bytes that are no Unicode.
fn of_eight_bits(bytes: &[u8]) -> Result<(String, WrittenIn), NoText> {
    let (page, had_errors) = WINDOWS_1258.decode_without_bom_handling(bytes);
    let page: String = page.nfc().collect();
    let (western, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    let page_percent = if had_errors {
        0
    } else {
        syllable::score(&page).percent()
    };
    if let Some(font) = of_font(&western, LEAST_PERCENT.max(page_percent + 1)) {
        return Ok(font);
    }
    if page_percent >= LEAST_PERCENT {
        Ok((page, WrittenIn::Windows1258))
    } else {
        Err(NoText::UnknownFont)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Mã;Tên thủ tục;Giấy tờ\n1;Cấp bản sao trích lục hộ tịch;\
        Thẻ bảo hiểm, giấy chứng nhận, đường ngõ ưu tiên, nghỉ, kỹ, lý lịch";

    /// The bytes that `iconv -t CP1258` and `iconv -t TCVN` make of “Cấp bản sao”.
    const CODE_PAGE: &[u8] =
        b"C\xe2\xecp ba\xd2n sao tr\xedch lu\xf2c h\xf4\xf2 ti\xf2ch; \xd0\xe3ng ky\xec";
    const TCVN3: &[u8] = b"C\xcap b\xb6n sao tr\xddch l\xf4c h\xe9 t\xdech; \xa7\xa8ng k\xfd";

    #[test]
    fn every_form_of_unicode_is_the_same_text() {
        let nfd: String = SAID.nfd().collect();
        let wide = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
            let units = SAID.encode_utf16().flat_map(bytes);
            mark.iter().copied().chain(units).collect::<Vec<u8>>()
        };
        for (bytes, written_in) in [
            (SAID.as_bytes().to_vec(), WrittenIn::Utf8),
            ([b"\xef\xbb\xbf", SAID.as_bytes()].concat(), WrittenIn::Utf8),
            (nfd.into_bytes(), WrittenIn::Utf8),
            (wide(b"\xff\xfe", u16::to_le_bytes), WrittenIn::Utf16),
            (wide(b"\xfe\xff", u16::to_be_bytes), WrittenIn::Utf16),
        ] {
            assert_eq!(decode(&bytes), Ok((SAID.to_owned(), written_in)));
        }
        let english = "code,name\n1,Birth certificate (café)\n";
        assert_eq!(
            decode(english.as_bytes()),
            Ok((english.to_owned(), WrittenIn::Utf8))
        );
    }

    #[test]
    fn the_code_page_and_the_fonts_are_told_apart() {
        let said = "Cấp bản sao trích lục hộ tịch; Đăng ký";
        assert_eq!(
            decode(CODE_PAGE),
            Ok((said.to_owned(), WrittenIn::Windows1258))
        );
        assert_eq!(decode(TCVN3), Ok((said.to_owned(), WrittenIn::Tcvn3)));
        // The same font in a file of Unicode: “CÊp b¶n sao”.
        let western: String = TCVN3.iter().map(|b| char::from(*b)).collect();
        assert_eq!(
            decode(western.as_bytes()),
            Ok((said.to_owned(), WrittenIn::Tcvn3))
        );
        let vni = "Caáp baûn sao trích luïc hoä tòch; Ñaêng kyù";
        assert_eq!(
            decode(vni.as_bytes()),
            Ok((said.to_owned(), WrittenIn::Vni))
        );
        let bytes: Vec<u8> = vni
            .chars()
            .map(|c| u8::try_from(c).expect("western"))
            .collect();
        assert_eq!(decode(&bytes), Ok((said.to_owned(), WrittenIn::Vni)));
        let big = "HOÏP THOÂN, ÑÖÔØNG BÔØ KEÂNH, NGHÆ";
        assert_eq!(
            decode(big.as_bytes()),
            Ok(("HỌP THÔN, ĐƯỜNG BỜ KÊNH, NGHỈ".to_owned(), WrittenIn::Vni))
        );
    }

    #[test]
    fn what_is_no_text_or_of_an_unknown_font_is_refused_by_name() {
        for workbook in [&b"PK\x03\x04rest"[..], b"\xd0\xcf\x11\xe0", b"a\0\0b"] {
            assert_eq!(decode(workbook), Err(NoText::Binary));
        }
        let noise: Vec<u8> = (0..60)
            .flat_map(|n| [0x80 + n, b'x', 0xff - n, b' '])
            .collect();
        assert!(decode(&noise).is_err());
        assert_eq!(
            decode("ÿþÐ Ý¶¾ ÿðß× ÞÞÿ ¶¶¾ ÿ¾ÐÝ ÿÐÿ".as_bytes()),
            Err(NoText::UnknownFont)
        );
    }
}
