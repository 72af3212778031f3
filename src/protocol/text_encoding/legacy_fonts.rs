//! The fonts TCVN3 (ABC) and VNI: Vietnamese letters at the places of Western ones.
//!
//! Invariants: a character that a font has no letter for stays; nothing is lost. The table of TCVN3
//! is that of TCVN 5712:1993 (VN3), which `iconv` has as well; its capital letters with tones are
//! another font at the places of the small ones, so they become small.

/// The letters of TCVN3 by the Western character in their place.
const TCVN3: &str = "¡Ă¢Â£Ê¤Ô¥Ơ¦Ư§Đ¨ă©âªê«ô¬ơ\u{ad}ư®đµà¶ả·ã¸á¹ạ»ằ¼ẳ½ẵ¾ắÆặÇầÈẩÉẫÊấËậÌèÎẻÏẽÐéÑẹÒềÓể\
    ÔễÕếÖệ×ìØỉÜĩÝíÞịßòáỏâõãóäọåồæổçỗèốéộêờëởìỡíớîợïùñủòũóúôụõừöử÷ữøứùựúỳûỷüỹýýþỵ";

/// The letters of VNI that have a place of their own, by the small Western letter there.
const VNI_ALONE: &str = "ííììæỉóĩòịîỵñđôơöư";

/// A letter of VNI and the mark behind it.
const VNI_PAIRS: [(char, &str); 7] = [
    ('a', "ùáøàûảõãïạââáấàầåẩãẫäậêăéắèằúẳüẵëặ"),
    ('e', "ùéøèûẻõẽïẹâêáếàềåểãễäệ"),
    ('o', "ùóøòûỏõõïọâôáốàồåổãỗäộ"),
    ('ô', "ùớøờûởõỡïợ"),
    ('u', "ùúøùûủõũïụ"),
    ('ö', "ùứøừûửõữïự"),
    ('y', "ùýøỳûỷõỹ"),
];

/// The letter that stands behind `from` in a table of pairs.
fn find(pairs: &str, from: char) -> Option<char> {
    let mut chars = pairs.chars();
    while let (Some(key), Some(letter)) = (chars.next(), chars.next()) {
        if key == from {
            return Some(letter);
        }
    }
    None
}

/// The text that a reader of the fonts TCVN3 sees.
pub(super) fn from_tcvn3(text: &str) -> String {
    text.chars().map(|c| find(TCVN3, c).unwrap_or(c)).collect()
}

fn small(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn as_big_as(model: char, letter: char) -> char {
    if model.is_uppercase() {
        letter.to_uppercase().next().unwrap_or(letter)
    } else {
        letter
    }
}

/// The text that a reader of the fonts VNI sees.
pub(super) fn from_vni(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let base = small(c);
        let marks = VNI_PAIRS.iter().find(|(letter, _)| *letter == base);
        let marked = marks
            .zip(chars.peek())
            .and_then(|((_, marks), mark)| find(marks, small(*mark)));
        let letter = match marked {
            Some(letter) => {
                chars.next();
                letter
            }
            None => find(VNI_ALONE, base).unwrap_or(base),
        };
        out.push(if letter == base {
            c
        } else {
            as_big_as(c, letter)
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_small_letter_is_in_both_tables_once() {
        let letters = "àảãáạăằẳẵắặâầẩẫấậđèẻẽéẹêềểễếệìỉĩíịòỏõóọôồổỗốộơờởỡớợùủũúụưừửữứựỳỷỹýỵ";
        let second = |table: &str| table.chars().skip(1).step_by(2).collect::<String>();
        let vni: String = VNI_PAIRS.iter().map(|(_, p)| second(p)).collect();
        let vni = vni + &second(VNI_ALONE);
        for letter in letters.chars() {
            for (name, table) in [("TCVN3", second(TCVN3)), ("VNI", vni.clone())] {
                let n = table.chars().filter(|c| *c == letter).count();
                assert_eq!(n, 1, "{letter} in {name}");
            }
        }
    }
}
