//! Ids from Vietnamese names.

/// “Thôn Bến Thóc” → `ben-thoc`.
#[must_use]
pub fn slug(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let plain: String = name
        .trim_start_matches("Thôn ")
        .replace(['đ', 'Đ'], "d")
        .nfd()
        .filter(char::is_ascii)
        .collect();
    let words: Vec<String> = plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    if words.is_empty() {
        "thon".to_owned()
    } else {
        words.join("-").chars().take(60).collect()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_becomes_an_id() {
        assert_eq!(super::slug("Thôn Bến Thóc"), "ben-thoc");
        assert_eq!(super::slug("Thôn Đồng Nếp 2"), "dong-nep-2");
        assert_eq!(super::slug("…"), "thon");
    }
}
