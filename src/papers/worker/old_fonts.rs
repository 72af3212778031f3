//! Letters of a page by their fonts: which fonts draw Vietnamese letters at the places of Western
//! ones (TCVN3 as `.VnTime`, VNI as `VNI-Times`), and what a reader sees of them.
//!
//! Invariants: what comes out is words that somebody could have written, or nothing: a font whose
//! letters cannot be told is left out, and a page that is mostly of such fonts counts as a picture,
//! so that the program that reads letters looks at it. A font is judged by its name and by its
//! letters, all of the page together: names get lost in PDFs, and lie. A page in another language
//! stays as it is.

use crate::protocol::text_encoding::{LegacyFont, vietnamese_share};

/// A text of a font with such a name is converted when so many of a hundred words become
/// Vietnamese.
const ENOUGH_NAMED: usize = 60;
/// The same of a font whose name says nothing.
const ENOUGH: usize = 70;
/// Words that are enough to judge a font without a name.
const FEW_WORDS: usize = 4;
/// A text with fewer Vietnamese ones of a hundred words beyond ASCII is of another language, or of
/// an unknown font.
const OTHER_LANGUAGE: usize = 40;

/// The letters of a font on a page.
#[derive(Debug, Default)]
pub(super) struct PageFont {
    /// Its name; empty = it tells none.
    pub(super) name: String,
    /// Its letters as the PDF tells them, a piece of a line a line.
    told: String,
    /// The codes of the same letters, and of those of which the PDF tells nothing.
    codes: String,
    letters: usize,
    /// Letters of which the PDF tells nothing.
    unknown: usize,
}

/// Letters of one font within a line.
#[derive(Debug, Default)]
pub(super) struct FontPiece {
    /// The place of its font.
    pub(super) font: usize,
    /// As the PDF tells them.
    told: String,
    /// By their codes.
    codes: String,
}

impl FontPiece {
    /// The first letter of a piece.
    pub(super) fn of(font: usize, told: Option<&str>, code: u32) -> Self {
        let mut piece = Self {
            font,
            ..Self::default()
        };
        piece.push(told, code);
        piece
    }

    /// Adds a letter; `told` = what the PDF says of it.
    pub(super) fn push(&mut self, told: Option<&str>, code: u32) {
        self.told.push_str(told.unwrap_or_default());
        match told {
            // A letter of ASCII is that in all these fonts.
            Some(words) if words.is_ascii() && !words.contains('-') => self.codes.push_str(words),
            _ => self.codes.extend(u8::try_from(code).map(char::from)),
        }
    }

    pub(super) fn space(&mut self) {
        if !self.told.ends_with(char::is_whitespace) {
            self.told.push(' ');
            self.codes.push(' ');
        }
    }
}

/// How the letters of a font are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FontReading {
    AsTold,
    Told(LegacyFont),
    Codes(LegacyFont),
    /// They cannot be told.
    Unreadable,
}

/// A font of this name: its kind, and whether its small letters are drawn as capitals.
fn named(name: &str) -> Option<(LegacyFont, bool)> {
    let kind = LegacyFont::named(name)?;
    let family = name.split([',', '-']).next().unwrap_or(name);
    Some((kind, kind == LegacyFont::Tcvn3 && family.ends_with('H')))
}

impl PageFont {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Counts a letter; `is_told` = the PDF says which it is.
    pub(super) fn count(&mut self, is_told: bool) {
        self.letters += 1;
        self.unknown += usize::from(!is_told);
    }

    fn take(&mut self, piece: &FontPiece) {
        self.told.push_str(&piece.told);
        self.told.push('\n');
        self.codes.push_str(&piece.codes);
        self.codes.push('\n');
    }

    fn reading(&self, hint: Option<LegacyFont>) -> FontReading {
        let told = vietnamese_share(&self.told);
        let is_told = self.unknown * 3 <= self.letters;
        let kinds = LegacyFont::ALL.into_iter();
        let kinds = kinds.filter(|kind| hint.is_none_or(|hint| hint == *kind));
        let best = kinds
            .flat_map(|kind| {
                let by_codes = vietnamese_share(&kind.read(&self.codes));
                let by_words = vietnamese_share(&kind.read(&self.told));
                [
                    (FontReading::Told(kind), by_words),
                    (FontReading::Codes(kind), by_codes),
                ]
            })
            .max_by_key(|(_, share)| (share.percent, share.words));
        let (enough, words) = match hint {
            Some(_) => (ENOUGH_NAMED, 1),
            None => (ENOUGH, FEW_WORDS),
        };
        if told.percent >= ENOUGH && is_told && (hint.is_none() || told.words >= FEW_WORDS) {
            let is_better = best.is_some_and(|(_, b)| hint.is_some() && b.percent > told.percent);
            if !is_better {
                return FontReading::AsTold;
            }
        }
        match best {
            Some((reading, share))
                if share.words >= words && share.percent >= enough.max(told.percent) =>
            {
                reading
            }
            _ if !is_told => FontReading::Unreadable,
            // Nothing beyond ASCII: these letters are the same in every font.
            _ if told.words == 0 => FontReading::AsTold,
            _ if hint.is_some() => FontReading::Unreadable,
            _ if self.is_of_no_language(told.words, told.percent) => FontReading::Unreadable,
            _ => FontReading::AsTold,
        }
    }

    /// Western letters in more of its words than any language of the West has, and no Vietnamese.
    fn is_of_no_language(&self, words: usize, percent: usize) -> bool {
        let all = self.told.split_whitespace().count();
        let is_western = |c: char| c.is_ascii() || matches!(c, '\u{a1}'..='\u{ff}');
        words >= FEW_WORDS
            && percent < OTHER_LANGUAGE
            && words * 10 > all * 7
            && self.told.chars().all(is_western)
    }
}

/// How the letters of all fonts of a page are read.
pub(super) struct FontReadings {
    readings: Vec<(FontReading, bool)>,
    /// Letters of which nothing can be told, and all letters.
    pub(super) lost: (usize, usize),
}

impl FontReadings {
    /// Judges the fonts of a page; `names` = those that the page has, for letters that do not tell
    /// their font.
    pub(super) fn judge<'a>(
        fonts: &mut [PageFont],
        pieces: impl Iterator<Item = &'a FontPiece>,
        names: &[String],
    ) -> Self {
        for piece in pieces {
            if let Some(font) = fonts.get_mut(piece.font) {
                font.take(piece);
            }
        }
        let of_page = names.iter().find_map(|name| named(name));
        let mut lost = (0, 0);
        let reading = |font: &PageFont| {
            let hint = match font.name.as_str() {
                "" => of_page,
                name => named(name),
            };
            let reading = font.reading(hint.map(|(kind, _)| kind));
            lost.1 += font.letters;
            lost.0 += match reading {
                FontReading::Unreadable => font.letters,
                FontReading::Codes(_) => 0,
                FontReading::AsTold | FontReading::Told(_) => font.unknown,
            };
            (reading, hint.is_some_and(|(_, is_capital)| is_capital))
        };
        let readings = fonts.iter().map(reading).collect();
        Self { readings, lost }
    }

    /// The words of a piece.
    pub(super) fn words(&self, piece: &FontPiece) -> String {
        let (words, is_capital) = match self.readings.get(piece.font) {
            None | Some((FontReading::AsTold, _)) => return piece.told.clone(),
            Some((FontReading::Unreadable, _)) => return " ".to_owned(),
            Some((FontReading::Told(kind), is_capital)) => (kind.read(&piece.told), *is_capital),
            Some((FontReading::Codes(kind), is_capital)) => (kind.read(&piece.codes), *is_capital),
        };
        if is_capital {
            words.to_uppercase()
        } else {
            words
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Kính mời bà con thôn Bến Thóc họp bàn việc nạo vét mương nước";
    const TCVN3: &str = "KÝnh mêi bµ con th«n BÕn Thãc häp bµn viÖc n¹o vÐt m\u{ad}¬ng n\u{ad}íc";
    const VNI: &str = "Kính môøi baø con thoân Beán Thoùc hoïp baøn vieäc naïo veùt möông nöôùc";

    /// Letters that are told as these characters, with the codes of Latin-1.
    fn read(
        name: &str,
        on_page: &[&str],
        told: impl Fn(char) -> Option<char>,
        text: &str,
    ) -> String {
        let mut fonts = vec![PageFont::new(name.to_owned())];
        let mut piece = FontPiece::default();
        for c in text.chars() {
            let said = told(c).map(String::from);
            fonts[0].count(said.is_some());
            piece.push(said.as_deref(), u32::from(c));
        }
        let names: Vec<String> = on_page.iter().map(|name| (*name).to_owned()).collect();
        let readings = FontReadings::judge(&mut fonts, std::iter::once(&piece), &names);
        if readings.lost.0 * 3 > readings.lost.1 {
            return "a picture".to_owned();
        }
        readings.words(&piece)
    }

    #[test]
    fn the_old_fonts_are_read_by_name_by_the_page_and_by_their_letters() {
        // A soft hyphen is told as a hyphen, as the encoding of Windows has it.
        let windows = |c: char| Some(if c == '\u{ad}' { '-' } else { c });
        let ascii_only = |c: char| Some(c).filter(char::is_ascii);
        for name in [".VnTime", ".VnArial,Bold", ""] {
            assert_eq!(read(name, &[], Some, TCVN3), SAID, "{name}");
            assert_eq!(read(name, &[], windows, TCVN3), SAID, "{name}");
            assert_eq!(read(name, &[".VnTime"], ascii_only, TCVN3), SAID, "{name}");
        }
        for name in ["VNI-Times", "VNI Helve", ""] {
            assert_eq!(read(name, &[], Some, VNI), SAID, "{name}");
        }
        let capitals = read(".VnTimeH", &[], Some, "Th«ng b¸o häp th«n");
        assert_eq!(capitals, "THÔNG BÁO HỌP THÔN");
        assert_eq!(read(".VnTimeH,Bold", &[], Some, "th«n"), "THÔN");
    }

    #[test]
    fn what_is_unicode_or_another_language_stays_as_it_is() {
        assert_eq!(read(".VnTime", &[], Some, SAID), SAID, "the name lies");
        assert_eq!(read("Times", &[".VnTime"], Some, SAID), SAID);
        let french = "Le théâtre à côté de la forêt est fermé; l’été prochain, il sera rouvert";
        assert_eq!(read("Times", &[], Some, french), french);
        let german = "Die Bürger müssen über die Straße gehen, größer und schöner";
        assert_eq!(read("Times", &[], Some, german), german);
        let russian = "Приглашаем жителей на собрание";
        assert_eq!(read("Times", &[], Some, russian), russian);
        assert_eq!(
            read(".VnTime", &[], Some, "12/QD-UBND 2020-2021"),
            "12/QD-UBND 2020-2021"
        );
    }

    #[test]
    fn letters_that_cannot_be_told_are_a_picture() {
        let noise = "ÿþÐ Ý¶¾ ÿðß× ÞÞÿ ¶¶¾ ÿ¾ÐÝ ÿÐÿ";
        for name in [".VnTime", "VNI-Times", "Away", ""] {
            assert_eq!(read(name, &[], Some, noise), "a picture", "{name}");
        }
        assert_eq!(read("Away", &[], |_| None, "Hop thon"), "a picture");
    }
}
