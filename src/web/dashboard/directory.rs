//! Đường, ngõ: the map that the village has, and labels of houses with the householder's consent.
//! The codes to print are in `print`.
//!
//! Invariants: a label is recorded with the day and the way in which the householder agreed, and
//! only once the address of the house was shown back; taken away, its text is erased. Deliberately
//! absent: drawing the map. It is drawn with the usual tools and given as a file.

mod print;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

pub use self::print::{alleys, notice, plates, sheets, stickers, wall};
use crate::domain::calendar::{day_number, day_start, parse_day};
use crate::domain::directory::data::House;
use crate::domain::directory::find::MapHit;
use crate::domain::directory::map::VillageMap;
use crate::domain::directory::{self, ConsentForm, HouseLabel};
use crate::domain::id::HouseId;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render, render_with};
use crate::http::select_option::SelectOption;
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::view::directory_text::address;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::Post;
use crate::web::kit::house_labels::{
    LabelText, MAX_TRADE_CHARS, label_lines, label_text, labelled_id,
};

/// A house with a label.
struct LabelledHouse {
    id: String,
    address: String,
    words: String,
    consent: String,
    /// Where the signed paper lies; empty = it is not said.
    paper: String,
}

#[derive(askama::Template)]
#[template(path = "directory.html")]
struct DirectoryPage {
    f: PageContext,
    wrong: WrongInput,
    /// The sentence about the map.
    about: String,
    has_map: bool,
    labels: Vec<LabelledHouse>,
    typed: LabelForm,
    forms: Vec<SelectOption>,
}

/// A label as it was typed.
#[derive(Debug, Clone, Default)]
pub struct LabelForm {
    house: String,
    trade: String,
    phone: String,
    extinguisher: bool,
    paper: String,
    form: String,
    given: String,
    /// The house whose address was shown back, once somebody said that it is the right one.
    sure: String,
}

/// A label before it is taken away for ever.
#[derive(askama::Template)]
#[template(path = "label_gone.html")]
struct LabelGonePage {
    f: PageContext,
    label: LabelledHouse,
}

/// A label before it is public: the house that was found, and what it will say.
#[derive(askama::Template)]
#[template(path = "label_sure.html")]
struct LabelSurePage {
    f: PageContext,
    address: String,
    lines: Vec<String>,
    consent: String,
    /// Label in force, which this one replaces; empty = none.
    before: Vec<String>,
    house: String,
    typed: LabelForm,
}

/// The fields that people fill in.
pub(super) const LABEL_FIELDS: &[&str] = &[
    "house",
    "trade",
    "phone",
    "extinguisher",
    "paper",
    "form-of-consent",
    "given",
];

impl FormContent<App> for LabelForm {
    fn read(fields: FormFields) -> Self {
        Self {
            house: fields.get("house").to_owned(),
            trade: fields.get("trade").to_owned(),
            phone: fields.get("phone").to_owned(),
            extinguisher: !fields.get("extinguisher").is_empty(),
            paper: fields.get("paper").to_owned(),
            form: fields.get("form-of-consent").to_owned(),
            given: fields.get("given").to_owned(),
            sure: fields.get("sure").to_owned(),
        }
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        let Some(key) = why.form_key() else {
            return app.page_of(&visit, why).await;
        };
        let wrong = visit.lang.t(key).into();
        page(app, &visit, why.status(), self, wrong, None)
    }
}

/// The house of a form with a button.
pub struct HouseForm {
    house: Option<HouseId>,
    /// The chief saw what will be gone for ever.
    is_sure: bool,
}

impl FormContent<App> for HouseForm {
    fn read(fields: FormFields) -> Self {
        Self {
            house: HouseId::new(fields.get("house")).ok(),
            is_sure: !fields.get("sure").is_empty(),
        }
    }
}

fn form_words(lang: Lang, form: ConsentForm) -> String {
    lang.t(&format!("consent-{}", form.name()))
}

fn consent_named(name: &str) -> Option<ConsentForm> {
    ConsentForm::ALL
        .into_iter()
        .find(|form| form.name() == name)
}

fn page(
    app: &App,
    visit: &RequestContext,
    status: StatusCode,
    typed: LabelForm,
    wrong: WrongInput,
    note: Option<String>,
) -> Response {
    let state = app.journal.state();
    let mut f = app.page_context(visit, &state, "more");
    f.flash = note.or(f.flash);
    let lang = f.lang;
    let map = app.live.directory.get();
    let about = match &state.directory.map {
        Some(known) => lang.f(
            "directory-map",
            &[
                ("roads", known.roads.to_string().as_str()),
                ("houses", &known.houses.to_string()),
                ("when", &dates::long(lang, known.at)),
            ],
        ),
        None => lang.t("directory-no-map"),
    };
    let labels = state.directory.labels.values();
    let labels = labels.map(|label| labelled(app, lang, map.as_deref(), label));
    // Consent is evidence: nothing of it is chosen before the chief chooses it.
    let form = consent_named(&typed.form);
    let choice = |of: Option<ConsentForm>| SelectOption {
        value: of.map_or("", ConsentForm::name).to_owned(),
        words: of.map_or_else(|| lang.t("label-choose"), |of| form_words(lang, of)),
        chosen: of == form,
    };
    let forms = std::iter::once(None).chain(ConsentForm::ALL.map(Some));
    let content = DirectoryPage {
        wrong,
        about,
        has_map: map.is_some(),
        labels: labels.collect(),
        typed,
        forms: forms.map(choice).collect(),
        f,
    };
    render_with(status, &content)
}

fn labelled(app: &App, lang: Lang, map: Option<&VillageMap>, label: &HouseLabel) -> LabelledHouse {
    let house = map.and_then(|map| {
        let house = map.house_index(&label.house);
        Some((map, house.or_else(|| map.house_formerly(&label.house))?))
    });
    let text = label_text(app, label);
    LabelledHouse {
        id: label.house.to_string(),
        address: house.map_or_else(
            || lang.f("label-off-map", &[("id", label.house.as_str())]),
            |(map, house)| address(lang, map, house),
        ),
        paper: text
            .as_ref()
            .filter(|text| !text.paper.is_empty())
            .map_or_else(String::new, |text| {
                lang.f("label-paper-at", &[("where", &lang.verbatim(&text.paper))])
            }),
        words: text.map_or_else(|| lang.t("damaged"), |text| text.lines(lang).join(" · ")),
        consent: consent_words(lang, label.form, label.given),
    }
}

fn consent_words(lang: Lang, form: ConsentForm, given: i64) -> String {
    let (how, day) = (form_words(lang, form), dates::date(day_start(given)));
    lang.f("consent-given", &[("how", &how), ("day", &day)])
}

/// The page.
pub async fn show(State(app): State<App>, visit: RequestContext) -> Response {
    let typed = LabelForm::default();
    page(
        &app,
        &visit,
        StatusCode::OK,
        typed,
        WrongInput::default(),
        None,
    )
}

/// The form with what was typed into it before a sign-in ended, and a note about that.
pub(super) fn typed_again(
    app: &App,
    visit: &RequestContext,
    fields: FormFields,
    note: String,
) -> Response {
    let form = <LabelForm as FormContent<App>>::read(fields);
    let wrong = WrongInput::default();
    page(app, visit, StatusCode::OK, form, wrong, Some(note))
}

impl LabelForm {
    /// The house, the text and the consent; or the field that is wrong, and why.
    fn checked(
        &self,
        map: Option<&VillageMap>,
        today: i64,
    ) -> Result<CheckedLabel, (&'static str, &'static str)> {
        let map = map.ok_or(("house", "directory-no-map"))?;
        let mut houses = map
            .find(&self.house)
            .into_iter()
            .filter_map(|hit| match hit {
                MapHit::House(house) => map.house(house).map(|known| (house, known)),
                MapHit::Road(_) | MapHit::Site(_) => None,
            });
        let (house, known) = houses.next().ok_or(("house", "label-no-house"))?;
        if houses.any(|(_, other)| other.number == known.number) {
            return Err(("house", "label-which-house"));
        }
        let text = LabelText::typed(&self.trade, &self.phone, self.extinguisher)?;
        let text = text.with_paper(&self.paper);
        let form = consent_named(&self.form).ok_or(("form-of-consent", "label-no-consent"))?;
        let given = parse_day(&self.given)
            .filter(|day| *day <= today)
            .ok_or(("given", "label-no-day"))?;
        Ok(CheckedLabel {
            address: address(Lang::Vi, map, house),
            house: known.clone(),
            text,
            form,
            given,
        })
    }
}

/// A label that may be recorded.
struct CheckedLabel {
    house: House,
    address: String,
    text: LabelText,
    form: ConsentForm,
    given: i64,
}

/// Shows the house that was found, before its label is public.
fn sure_page(
    app: &App,
    visit: &RequestContext,
    checked: &CheckedLabel,
    typed: LabelForm,
) -> Response {
    let f = app.page_context(visit, &app.journal.state(), "more");
    render(&LabelSurePage {
        address: f.lang.verbatim(&checked.address),
        lines: checked.text.lines(f.lang),
        consent: consent_words(f.lang, checked.form, checked.given),
        before: label_lines(app, f.lang, &checked.house),
        house: checked.house.id.to_string(),
        typed,
        f,
    })
}

/// Records a label with its consent.
pub async fn label(
    State(app): State<App>,
    Post {
        visit,
        deadline,
        form,
        ..
    }: Post<LabelForm>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let today = day_number(app.supervisor.clock().wall_ms());
    let map = app.live.directory.get();
    let checked = match form.checked(map.as_deref(), today) {
        Ok(good) => good,
        Err((field, key)) => {
            let why = visit.lang.f(key, &[("most", MAX_TRADE_CHARS)]);
            let wrong = WrongInput::in_field(field, why);
            let status = StatusCode::BAD_REQUEST;
            return Ok(page(&app, &visit, status, form, wrong, None));
        }
    };
    if form.sure != checked.house.id.as_str() {
        return Ok(sure_page(&app, &visit, &checked, form));
    }
    let again = |form, why: PageError| {
        let wrong = visit.lang.t(why.order_key()).into();
        Ok(page(&app, &visit, why.status(), form, wrong, None))
    };
    let text = match app.keep_text(checked.text.bytes()).await {
        Ok(text) => text,
        Err(why) => return again(form, why),
    };
    // A label that was recorded under an id that the house had is replaced, not doubled.
    let state = app.journal.state();
    let house = labelled_id(&state, &checked.house).unwrap_or(&checked.house.id);
    let command = directory::Command::Label {
        label: HouseLabel {
            house: house.clone(),
            text,
            form: checked.form,
            given: checked.given,
        },
    };
    let order = visit.request(command)?;
    match app.journal.submit(order.before(deadline)).await {
        Ok(_) => Ok(redirect_see_other("/directory?said=label-recorded")),
        Err(why) => again(form, why.into()),
    }
}

/// Takes a label away, because the householder does not agree any more; asks first, since its text
/// is erased.
pub async fn withdraw(
    State(app): State<App>,
    Post {
        visit,
        deadline,
        form,
        ..
    }: Post<HouseForm>,
) -> PageResult {
    let house = form.house.ok_or(PageError::OldForm)?;
    let state = app.journal.state();
    // A double tap is one tap.
    let Some(label) = state.directory.labels.get(&house) else {
        return Ok(redirect_see_other("/directory?said=label-withdrawn"));
    };
    if !form.is_sure {
        if !visit.is_chief() {
            return Err(PageError::NotPermitted);
        }
        let map = app.live.directory.get();
        let f = app.page_context(&visit, &state, "more");
        let label = labelled(&app, f.lang, map.as_deref(), label);
        return Ok(render(&LabelGonePage { f, label }));
    }
    let order = visit.request(directory::Command::Withdraw { house })?;
    app.journal.submit(order.before(deadline)).await?;
    Ok(redirect_see_other("/directory?said=label-withdrawn"))
}
