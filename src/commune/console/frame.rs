//! The parts that every page of the console has: the style, the head with the officer and the way
//! out, the language; and the making of pages.
//!
//! Invariant: a page that reads the store is made with a permit and off the async threads.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::response::Response;

use super::context::{Console, SignedIn, Visit};
use crate::http::assets::STYLE;
use crate::http::form_token::mask;
use crate::http::fragment::Fragment;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::render_with;
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::i18n::locale::Lang;

/// The style of all pages, and what only the console has.
pub(in crate::commune) static CSS: LazyLock<String> =
    LazyLock::new(|| [STYLE, include_str!("assets/console.css")].concat());

/// The frame of a page.
#[derive(Debug, Clone, Default)]
pub(in crate::commune) struct Frame {
    pub(in crate::commune) lang: Lang,
    /// “xã Đồng Nếp”.
    pub(in crate::commune) commune: String,
    /// Name of the officer; empty = nobody is signed in.
    pub(in crate::commune) person: String,
    /// Token for forms.
    pub(in crate::commune) csrf: String,
    /// The flash: the sentence about the form that was just posted; empty = none was.
    pub(in crate::commune) flash: String,
    /// Why something was not done.
    pub(in crate::commune) wrong: WrongInput,
    /// Where its live updates come from; empty = it has none.
    pub(in crate::commune) live: String,
    /// The time that it shows: “18:02”.
    pub(in crate::commune) time: String,
    /// The style sheet.
    pub(in crate::commune) css: &'static str,
}

impl Frame {
    /// The frame of a page for this visitor.
    pub(in crate::commune) fn new(console: &Console, lang: Lang, who: Option<&SignedIn>) -> Self {
        let (person, csrf) = who.map_or_else(Default::default, |who| {
            let name = if who.name.is_empty() {
                lang.t("commune-officer-unnamed")
            } else {
                lang.verbatim(&who.name)
            };
            (name, mask(&console.sessions.csrf_token(&who.visitor.token)))
        });
        Self {
            lang,
            commune: lang.verbatim(&console.name),
            person,
            csrf,
            time: dates::clock(console.clock.wall_ms()),
            css: &CSS,
            ..Self::default()
        }
    }

    /// The text of a key.
    pub(in crate::commune) fn t(&self, key: &str) -> String {
        self.lang.t(key)
    }

    /// The text of a key with one argument.
    pub(in crate::commune) fn t1(
        &self,
        key: &str,
        name: &str,
        value: impl std::fmt::Display,
    ) -> String {
        self.lang.f(key, &[(name, &value.to_string())])
    }

    /// The language that this page is not in.
    pub(in crate::commune) const fn other(&self) -> &'static str {
        self.lang.other().tag()
    }

    /// Words that nobody translates, as this page shows them.
    pub(in crate::commune) fn verbatim(&self, words: &str) -> String {
        self.lang.verbatim(words)
    }
}

/// A list with an id, which live updates replace.
#[derive(askama::Template)]
#[template(path = "console_list.html")]
pub(in crate::commune) struct RowList<'a> {
    pub(in crate::commune) id: &'a str,
    /// HTML of the rows.
    pub(in crate::commune) rows: &'a [String],
    /// The sentence of an empty list.
    pub(in crate::commune) empty: &'a str,
}

impl RowList<'_> {
    /// As a fragment.
    pub(in crate::commune) fn fragment(&self) -> Fragment {
        Fragment::new(self.id, self)
    }
}

/// A row: a thing, how it is, a time; and a telephone to call.
#[derive(askama::Template, Debug, Clone, Default)]
#[template(path = "console_row.html")]
pub(in crate::commune) struct LinkRow {
    /// `""` well, `off`, `bad`, `warn`.
    pub(in crate::commune) mark: &'static str,
    pub(in crate::commune) name: String,
    pub(in crate::commune) words: String,
    /// Where it leads; empty = nowhere.
    pub(in crate::commune) href: String,
    /// A time at the right.
    pub(in crate::commune) side: String,
    /// The words on the button that dials; empty = there is none.
    pub(in crate::commune) call: String,
    /// The number that it dials.
    pub(in crate::commune) dial: String,
}

/// The heading of a page and the sentence beneath, which live updates replace together.
#[derive(askama::Template, Debug, Clone, Default)]
#[template(path = "console_summary.html")]
pub(in crate::commune) struct Summary {
    pub(in crate::commune) title: String,
    /// Quiet words beneath; empty = none.
    pub(in crate::commune) words: String,
    /// `""` well, `warn`, `bad`, `info`.
    pub(in crate::commune) mark: &'static str,
    /// The sentence in a banner; empty = none.
    pub(in crate::commune) banner: String,
    /// A second sentence.
    pub(in crate::commune) detail: String,
}

impl Summary {
    /// As a fragment.
    pub(in crate::commune) fn fragment(&self) -> Fragment {
        Fragment::new("summary", self)
    }
}

#[derive(askama::Template)]
#[template(path = "console_problem.html")]
struct ProblemPage {
    f: Frame,
    title: String,
    detail: String,
}

impl Console {
    /// Makes a page of a signed-in officer, with a permit and off the async threads.
    pub(in crate::commune) async fn page(
        &self,
        lang: Lang,
        officer: SignedIn,
        make: impl FnOnce(&Self, Frame) -> PageResult + Send + 'static,
    ) -> PageResult {
        let turn = self.page_permits.clone().acquire_owned().await;
        let turn = turn.map_err(|_| PageError::Unavailable)?;
        let console = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            // The permit lasts as long as the work, also when the browser has disconnected.
            let _turn = turn;
            let frame = Frame::new(&console, lang, Some(&officer));
            make(&console, frame)
        });
        made.await.unwrap_or(Err(PageError::Unavailable))
    }

    /// A page that says what is wrong and leads back.
    pub(in crate::commune) fn problem(
        &self,
        visit: &Visit,
        status: StatusCode,
        title: &str,
        detail: &str,
    ) -> Response {
        let f = Frame::new(self, visit.lang, visit.officer.as_ref());
        let (title, detail) = (f.t(title), f.t(detail));
        render_with(status, &ProblemPage { f, title, detail })
    }
}
