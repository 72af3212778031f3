//! The two languages. Vietnamese is the source of truth; a key that English lacks falls back to it.
//!
//! Each language has two files: `vi.ftl` for pages and `cli.vi.ftl` for the technician's commands,
//! in one name space. A missing key shows as itself and is an error in the log; a test checks that
//! both languages have every key.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

use super::verbatim;

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// Tiếng Việt.
    #[default]
    Vi,
    /// English.
    En,
}

const VI: [&str; 2] = [
    include_str!("locales/vi.ftl"),
    include_str!("locales/cli.vi.ftl"),
];
const EN: [&str; 2] = [
    include_str!("locales/en.ftl"),
    include_str!("locales/cli.en.ftl"),
];

/// An argument of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg<'a> {
    /// A number: it chooses the plural form.
    Num(i64),
    /// A text, also one of digits only: a lamp may be called “5”.
    Text(&'a str),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Arg<'_> {
            fn from(number: $kind) -> Self {
                Self::Num(i64::try_from(number).unwrap_or(i64::MAX))
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, usize, i64);

type Bundle = FluentBundle<FluentResource>;

fn load(tag: &str, texts: [&str; 2]) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![tag.parse().unwrap_or_default()]);
    bundle.set_use_isolating(false);
    for text in texts {
        // Lines that cannot be parsed are left out; the test of both languages fails on them.
        let resource =
            FluentResource::try_new(text.to_owned()).unwrap_or_else(|(partial, _)| partial);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// Each language is loaded when something is first said in it: a worker says nothing.
static BUNDLE_VI: LazyLock<Bundle> = LazyLock::new(|| load("vi", VI));
static BUNDLE_EN: LazyLock<Bundle> = LazyLock::new(|| load("en", EN));

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

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Vi => Self::En,
            Self::En => Self::Vi,
        }
    }

    /// Words that nobody translates, for a page in this language ([`verbatim`]).
    #[must_use]
    pub fn verbatim(self, words: &str) -> String {
        match self {
            Self::Vi => words.to_owned(),
            Self::En => verbatim::mark(words),
        }
    }

    /// The text of a key.
    #[must_use]
    pub fn t(self, key: &str) -> String {
        self.f(key, &[] as &[(&str, Arg<'_>)])
    }

    /// The text of a key with arguments: texts, numbers, or a mixture as [`Arg`].
    #[must_use]
    pub fn f<'a, A: Into<Arg<'a>> + Copy>(self, key: &str, values: &[(&str, A)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            match (*value).into() {
                Arg::Num(number) => args.set((*name).to_owned(), number),
                Arg::Text(text) => args.set((*name).to_owned(), text.to_owned()),
            }
        }
        let bundles = match self {
            Self::Vi => [&BUNDLE_VI, &BUNDLE_VI],
            Self::En => [&BUNDLE_EN, &BUNDLE_VI],
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
    let first = |s: &str| {
        let first = s.split(' ').next().unwrap_or_default();
        verbatim::bare(first).to_lowercase()
    };
    if first(name) == first(&whole) {
        name.to_owned()
    } else {
        whole
    }
}

/// The sentence with a capital at its beginning.
#[must_use]
pub fn capital(sentence: &str) -> String {
    if let Some(inside) = sentence.strip_prefix(verbatim::BEGIN) {
        return format!("{}{}", verbatim::BEGIN, capital(inside));
    }
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
    fn both_languages_have_every_key_once_and_parse() {
        let all = |texts: [&'static str; 2]| {
            let (pages, commands) = (keys(texts[0]), keys(texts[1]));
            assert_eq!(
                pages.intersection(&commands).collect::<Vec<_>>(),
                Vec::<&&str>::new(),
                "in both files of a language"
            );
            pages.union(&commands).copied().collect::<BTreeSet<&str>>()
        };
        let (vi, en) = (all(VI), all(EN));
        assert_eq!(
            vi.difference(&en).collect::<Vec<_>>(),
            Vec::<&&str>::new(),
            "missing in English"
        );
        assert_eq!(
            en.difference(&vi).collect::<Vec<_>>(),
            Vec::<&&str>::new(),
            "missing in Vietnamese"
        );
        for (texts, bundle) in [(VI, &BUNDLE_VI), (EN, &BUNDLE_EN)] {
            for text in texts {
                assert!(FluentResource::try_new(text.to_owned()).is_ok());
                for key in keys(text) {
                    assert!(bundle.has_message(key), "{key}");
                }
            }
        }
        assert!(vi.len() > 100);
    }

    #[test]
    fn a_lamp_that_is_called_by_a_number_keeps_its_name() {
        let plural = |arg: Arg<'_>| Lang::En.f("cli-days", &[("n", arg)]);
        assert_eq!(plural(Arg::Num(1)), "1 day");
        assert_eq!(plural(Arg::from(5_usize)), "5 days");
        // A text of digits is a name, and a name chooses no plural form.
        assert_eq!(plural(Arg::Text("1")), "1 days");
        assert_eq!(Lang::Vi.f("a-light", &[("name", "007")]), "đèn 007");
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
    fn a_name_is_marked_on_an_english_page_and_is_as_long_as_ever_on_a_vietnamese_one() {
        assert_eq!(Lang::Vi.verbatim("Cổng làng"), "Cổng làng");
        let name = Lang::En.verbatim("lamp thử");
        assert_eq!(name, verbatim::mark("lamp thử"));
        assert_eq!(noun(Lang::En, "a-light", &name), name, "it has its noun");
        assert_eq!(capital(&name), verbatim::mark("Lamp thử"));
    }

    #[test]
    fn english_must_be_asked_for() {
        assert_eq!(Lang::choose(None), Lang::Vi);
        assert_eq!(Lang::choose(Some("vi")), Lang::Vi);
        assert_eq!(Lang::choose(Some("en")), Lang::En);
    }
}
