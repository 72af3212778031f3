//! The language of the technician's terminal: `--lang`, else the environment. Vietnamese unless one
//! of them says English.
//!
//! It must be known before the arguments are parsed, because help and wrong usage are texts too.

use std::ffi::OsString;

use crate::i18n::locale::Lang;

/// Variables of the environment, the first that is set decides. The last three are those of POSIX,
/// in its order (IEEE Std 1003.1-2017, 8.2).
const VARIABLES: [&str; 4] = ["CONGLANG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];

/// The language that the option names, or else the environment.
#[must_use]
pub fn choose(option: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Lang {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let named = option
        .map(str::to_owned)
        .or_else(|| VARIABLES.iter().find_map(set))
        .unwrap_or_default();
    let is_english = named == "en" || named.starts_with("en_") || named.starts_with("en-");
    Lang::choose(is_english.then_some("en"))
}

/// The value of `--lang` among arguments that are not parsed yet.
#[must_use]
pub fn option_of(arguments: &[OsString]) -> Option<String> {
    let texts: Vec<&str> = arguments.iter().filter_map(|a| a.to_str()).collect();
    texts.iter().enumerate().find_map(|(n, text)| {
        if *text == "--lang" {
            texts.get(n + 1).map(|value| (*value).to_owned())
        } else {
            text.strip_prefix("--lang=").map(str::to_owned)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_is_spoken_unless_english_is_asked_for() {
        let with = |option, pairs: &'static [(&str, &str)]| {
            choose(option, |name| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert_eq!(with(None, &[]), Lang::Vi);
        assert_eq!(with(None, &[("LANG", "C.UTF-8")]), Lang::Vi);
        assert_eq!(with(None, &[("LANG", "en_US.UTF-8")]), Lang::En);
        assert_eq!(with(None, &[("LANG", "enochian")]), Lang::Vi);
        assert_eq!(
            with(None, &[("LANG", "en_US.UTF-8"), ("CONGLANG_LANG", "vi")]),
            Lang::Vi
        );
        assert_eq!(
            with(None, &[("LC_ALL", "vi_VN"), ("LANG", "en_US")]),
            Lang::Vi
        );
        assert_eq!(with(Some("en"), &[("CONGLANG_LANG", "vi")]), Lang::En);
        assert_eq!(with(Some("vi"), &[("LANG", "en_US")]), Lang::Vi);
    }

    #[test]
    fn the_option_is_found_before_anything_is_parsed() {
        let of = |words: &[&str]| option_of(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(
            of(&["conglang", "status", "--lang", "en"]).as_deref(),
            Some("en")
        );
        assert_eq!(of(&["conglang", "--lang=en", "x"]).as_deref(), Some("en"));
        assert_eq!(of(&["conglang", "x", "--lang"]), None);
    }
}
