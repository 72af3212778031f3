//! The two languages. Vietnamese is the source of truth; a key that English lacks falls back to it.
//!
//! A missing key shows as itself and is an error in the log; a test checks that both files have
//! every key.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// Tiếng Việt.
    #[default]
    Vi,
    /// English.
    En,
}

const VI: &str = include_str!("locales/vi.ftl");
const EN: &str = include_str!("locales/en.ftl");

type Bundle = FluentBundle<FluentResource>;

fn load(tag: &str, text: &str) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![tag.parse().unwrap_or_default()]);
    bundle.set_use_isolating(false);
    // Lines that cannot be parsed are left out; the test of both files fails on them.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(partial, _)| partial);
    bundle.add_resource_overriding(resource);
    bundle
}

static BUNDLES: LazyLock<(Bundle, Bundle)> = LazyLock::new(|| (load("vi", VI), load("en", EN)));

impl Lang {
    /// The chosen language; Vietnamese when none was chosen. The browser's `Accept-Language` is
    /// ignored: many phones here were never set to Vietnamese, and English is one tap away on every
    /// page.
    #[must_use]
    pub fn choose(chosen: Option<&str>) -> Self {
        if chosen == Some("en") {
            Self::En
        } else {
            Self::Vi
        }
    }

    /// `vi` or `en`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    /// The text of a key.
    #[must_use]
    pub fn t(self, key: &str) -> String {
        self.f(key, &[])
    }

    /// The text of a key with arguments.
    #[must_use]
    pub fn f(self, key: &str, values: &[(&str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            // Numbers choose plural forms; everything else is text.
            match value.parse::<u32>() {
                Ok(number) if value.len() < 7 && (!value.starts_with('0') || *value == "0") => {
                    args.set((*name).to_owned(), number);
                }
                _ => args.set((*name).to_owned(), (*value).to_owned()),
            }
        }
        let (vi, en) = &*BUNDLES;
        let bundles = match self {
            Self::Vi => [vi, vi],
            Self::En => [en, vi],
        };
        for bundle in bundles {
            if let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) {
                let mut errors = Vec::new();
                let text = bundle
                    .format_pattern(pattern, Some(&args), &mut errors)
                    .into_owned();
                if !errors.is_empty() {
                    tracing::error!(key, ?errors, "translation argument missing");
                }
                return text;
            }
        }
        tracing::error!(key, "missing translation key");
        key.to_owned()
    }
}

/// A name with its noun, as it stands within a sentence: “đèn Cổng làng”; “Đèn thử” has it already.
#[must_use]
pub fn noun(lang: Lang, key: &str, name: &str) -> String {
    let whole = lang.f(key, &[("name", name)]);
    let first = |s: &str| s.split(' ').next().unwrap_or_default().to_lowercase();
    if first(name) == first(&whole) {
        name.to_owned()
    } else {
        whole
    }
}

/// The sentence with a capital at its beginning.
#[must_use]
pub fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(text: &str) -> BTreeSet<&str> {
        text.lines()
            .filter_map(|l| l.split_once(" =").or_else(|| l.split_once('=')))
            .map(|(k, _)| k)
            .filter(|k| {
                k.starts_with(|c: char| c.is_ascii_lowercase())
                    && k.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            })
            .collect()
    }

    #[test]
    fn both_languages_have_every_key_and_parse() {
        let (vi, en) = (keys(VI), keys(EN));
        assert_eq!(
            vi.difference(&en).collect::<Vec<_>>(),
            Vec::<&&str>::new(),
            "missing in en.ftl"
        );
        assert_eq!(
            en.difference(&vi).collect::<Vec<_>>(),
            Vec::<&&str>::new(),
            "missing in vi.ftl"
        );
        for (text, bundle) in [(VI, &BUNDLES.0), (EN, &BUNDLES.1)] {
            assert!(FluentResource::try_new(text.to_owned()).is_ok());
            for key in keys(text) {
                assert!(bundle.has_message(key), "{key}");
            }
        }
        assert!(vi.len() > 100);
    }

    #[test]
    fn a_name_gets_its_noun_once() {
        assert_eq!(noun(Lang::Vi, "a-light", "Cổng làng"), "đèn Cổng làng");
        assert_eq!(noun(Lang::Vi, "a-light", "Đèn thử"), "Đèn thử");
        assert_eq!(
            (capital("đèn Cổng làng").as_str(), capital("").as_str()),
            ("Đèn Cổng làng", "")
        );
    }

    #[test]
    fn english_must_be_asked_for() {
        assert_eq!(Lang::choose(None), Lang::Vi);
        assert_eq!(Lang::choose(Some("vi")), Lang::Vi);
        assert_eq!(Lang::choose(Some("en")), Lang::En);
    }
}
