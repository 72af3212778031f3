//! The page of the form: its fields, their choices, and the templates.

use super::content::NoticeForm;
use super::templates::{self, UNTIL_HELD};
use crate::domain::notice::{NoticeKind, NoticeLanguage};
use crate::http::render::PageContext;
use crate::http::select_option::{SelectOption, risk_options};
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::notices::kind_key;

/// The form.
#[derive(askama::Template)]
#[template(path = "notice_new.html")]
pub(super) struct NoticeFormPage {
    pub(super) f: PageContext,
    once: String,
    /// Why the notice was not accepted.
    wrong: WrongInput,
    heading: String,
    is_correction: bool,
    /// Only the day, the time and the place are asked for; all else is carried unseen.
    is_brief: bool,
    /// The fields that are carried unseen.
    carried: Vec<(&'static str, String)>,
    typed: NoticeForm,
    /// Address and name of each template; none = something is typed already.
    templates: Vec<(String, String)>,
    kinds: Vec<SelectOption>,
    days: Vec<SelectOption>,
    risks: Vec<SelectOption>,
    languages: Vec<SelectOption>,
    /// The parts that stand open, because something in them is filled in or wrong.
    open: Vec<&'static str>,
    /// Files that are kept: the value of their field, and their names.
    files: Vec<(String, String)>,
    /// The title and the paragraphs that another hand gave it meanwhile; empty = nothing.
    pub(super) other: Vec<String>,
}

impl NoticeFormPage {
    /// The value of a field.
    fn value(&self, name: &str) -> &str {
        self.typed.get(name)
    }

    /// The words that a person typed in a field, as the page shows them.
    fn words(&self, name: &str) -> String {
        self.f.verbatim(self.typed.get(name))
    }

    fn is_open(&self, part: &str) -> bool {
        self.open.contains(&part)
    }
}

/// The choices of the lists of the form, as far as something was chosen before.
struct Choices<'a> {
    f: &'a PageContext,
    typed: &'a NoticeForm,
}

impl Choices<'_> {
    fn one(&self, field: &str, value: &str, words: String) -> SelectOption {
        SelectOption {
            chosen: self.typed.get(field) == value,
            value: value.to_owned(),
            words,
        }
    }

    fn kinds(&self) -> Vec<SelectOption> {
        NoticeKind::ALL
            .map(|kind| self.one("kind", kind.name(), self.f.t(kind_key(kind))))
            .into()
    }

    fn days(&self) -> Vec<SelectOption> {
        let until = self.typed.until_of_before().map(|until| {
            let when = dates::long(self.f.lang, until);
            let words = self.f.t1("until-day", "when", when);
            self.one("days", self.typed.get("days"), words)
        });
        let usual = [
            (UNTIL_HELD, self.f.t("until-held")),
            ("2", self.f.t1("for-days", "n", "2")),
            (USUAL_CHOICE, self.f.t1("for-days", "n", USUAL_CHOICE)),
            ("30", self.f.t1("for-days", "n", "30")),
            ("0", self.f.t("until-taken-down")),
        ];
        let is_empty = self.typed.get("days").is_empty();
        let usual = usual.map(|(value, words)| {
            let mut choice = self.one("days", value, words);
            choice.chosen |= is_empty && value == USUAL_CHOICE;
            choice
        });
        until.into_iter().chain(usual).collect()
    }

    fn languages(&self) -> Vec<SelectOption> {
        let all = NoticeLanguage::ALL.map(|language| {
            let words = self.f.t(&format!("language-{}", language.tag()));
            self.one("language", language.tag(), words)
        });
        all.into()
    }
}

/// The field of a form that asks for a day and a place only.
pub(super) const BRIEF_FIELD: &str = "only";
/// The choice of days of a notice that nobody chose any for.
const USUAL_CHOICE: &str = "7";
/// The fields of a day and a place.
const OCCASION_FIELDS: [&str; 4] = ["held-day", "held-time", "held-end", "place"];
/// The fields of each part of the form that may be closed.
const PARTS: [(&str, &[&str]); 3] = [
    ("occasion", &OCCASION_FIELDS),
    ("official", &["risk", "source", "source-day", "source-time"]),
    ("more", &["urgent", "from", "publish-day", "publish-time"]),
];

fn open_parts(typed: &NoticeForm, wrong: &WrongInput) -> Vec<&'static str> {
    let mut of_template = templates::all()
        .iter()
        .filter(|t| t.title == typed.get("title"));
    let has_occasion = of_template.any(|t| t.occasion) || typed.get("days") == UNTIL_HELD;
    let is_warning = typed.get("kind") == NoticeKind::Warning.name();
    PARTS
        .into_iter()
        .filter(|(part, fields)| {
            let mut fields = fields.iter();
            fields.any(|name| !typed.get(name).is_empty() || wrong.is_in(name))
                || (*part == "occasion" && has_occasion)
                || (*part == "official" && is_warning)
                || (*part == "more" && wrong.is_in("days"))
        })
        .map(|(part, _)| part)
        .collect()
}

/// The form, with the text that was typed before and why it was not accepted.
pub(super) fn form_page(
    app: &App,
    visit: &RequestContext,
    once: String,
    typed: &NoticeForm,
    wrong: WrongInput,
) -> NoticeFormPage {
    let f = app.page_context(visit, &app.journal.state(), "more");
    let choices = Choices { f: &f, typed };
    let is_correction = !typed.get("correct").is_empty();
    let is_new = typed.get("title").is_empty() && typed.get("body").is_empty();
    let templates = templates::all().iter().filter(|_| is_new);
    // One that is gone is chosen again.
    let files = typed.files().filter_map(|file| {
        let (sha256, name) = file.split_once(' ').unwrap_or((file, ""));
        app.attachments.find(sha256)?;
        Some((file.to_owned(), f.verbatim(name)))
    });
    // A mistake elsewhere is mended in the whole form.
    let is_of_occasion = wrong.field.is_empty() || OCCASION_FIELDS.contains(&wrong.field);
    let is_brief = is_correction && !typed.get(BRIEF_FIELD).is_empty() && is_of_occasion;
    let mut carried = typed.filled_in();
    carried.retain(|(name, _)| is_brief && !OCCASION_FIELDS.contains(name));
    NoticeFormPage {
        once,
        is_brief,
        carried,
        heading: f.t(if is_brief {
            "notice-correct-occasion"
        } else if is_correction {
            "notice-correct"
        } else {
            "write-notice"
        }),
        is_correction,
        templates: templates
            .map(|t| {
                let address = format!("/notices/new?template={}", t.id);
                (address, f.verbatim(&t.name))
            })
            .collect(),
        kinds: choices.kinds(),
        days: choices.days(),
        risks: risk_options(choices.f.lang, choices.typed.get("risk")),
        languages: choices.languages(),
        open: open_parts(typed, &wrong),
        files: files.collect(),
        other: Vec::new(),
        typed: typed.clone(),
        wrong,
        f,
    }
}
