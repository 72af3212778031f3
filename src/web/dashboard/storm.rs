//! Kế hoạch khi có bão: the chief writes down shelters, boats and duty telephones before the storm;
//! the portal's page `/khan` shows them.
//!
//! Invariants: the form names the whole plan, so that sending it twice changes nothing more; a form
//! that is not accepted comes back with everything that was typed. The form says which plan it
//! began with: the rows that another hand wrote meanwhile are not undone in silence.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::domain::storm::{MAX_PLAN_ROW_CHARS, MAX_PLAN_ROWS, StormPlanRows};
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render_with};
use crate::http::wrong_input::WrongInput;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::Post;
use crate::web::kit::storm::PlanRefusal;

/// The fields of the form: three that people fill in, and the text of the plan that it began with.
pub(super) const PLAN_FIELDS: [&str; 4] = ["shelters", "boats", "phones", "seen"];

/// The plan as it was typed: a row on each line.
#[derive(Debug, Default)]
pub struct PlanForm {
    shelters: String,
    boats: String,
    phones: String,
    seen: String,
}

#[derive(askama::Template)]
#[template(path = "storm_plan.html")]
struct PlanFormPage {
    f: PageContext,
    wrong: WrongInput,
    typed: PlanForm,
    /// The rows that another hand wrote meanwhile; empty = nobody did.
    other: Vec<String>,
}

impl FormContent<App> for PlanForm {
    fn read(fields: FormFields) -> Self {
        let [shelters, boats, phones, seen] = PLAN_FIELDS.map(|name| fields.get(name).to_owned());
        Self {
            shelters,
            boats,
            phones,
            seen,
        }
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        let Some(key) = why.form_key() else {
            return app.page_of(&visit, why).await;
        };
        self.again(app, &visit, why.status(), visit.lang.t(key).into(), None)
    }
}

impl PlanForm {
    fn of(rows: &StormPlanRows, seen: String) -> Self {
        Self {
            shelters: rows.shelters.join("\n"),
            boats: rows.boats.join("\n"),
            phones: rows.phones.join("\n"),
            seen,
        }
    }

    /// The form beside the plan that another hand wrote meanwhile; sent again it takes its place.
    fn beside(self, app: &App, visit: &RequestContext, seen: String) -> Response {
        let rows = app.storm_plan();
        let parts = [rows.shelters, rows.boats, rows.phones];
        let other = parts.into_iter().flatten();
        let other = other.map(|row| visit.lang.verbatim(&row)).collect();
        let page = PlanFormPage {
            f: app.page_context(visit, &app.journal.state(), "more"),
            wrong: visit.lang.t("storm-plan-changed").into(),
            typed: Self { seen, ..self },
            other,
        };
        render_with(StatusCode::CONFLICT, &page)
    }

    fn again(
        self,
        app: &App,
        visit: &RequestContext,
        status: StatusCode,
        wrong: WrongInput,
        note: Option<String>,
    ) -> Response {
        let mut f = app.page_context(visit, &app.journal.state(), "more");
        f.flash = note.or(f.flash);
        render_with(
            status,
            &PlanFormPage {
                f,
                wrong,
                typed: self,
                other: Vec::new(),
            },
        )
    }
}

/// The form with what was typed into it before a sign-in ended, and a note about that.
pub(super) fn typed_again(
    app: &App,
    visit: &RequestContext,
    fields: FormFields,
    note: String,
) -> Response {
    let typed = <PlanForm as FormContent<App>>::read(fields);
    typed.again(
        app,
        visit,
        StatusCode::OK,
        WrongInput::default(),
        Some(note),
    )
}

/// The form with the plan that is in force.
pub async fn page(State(app): State<App>, visit: RequestContext) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let typed = PlanForm::of(&app.storm_plan(), app.storm_plan_in_force());
    let none = WrongInput::default();
    Ok(typed.again(&app, &visit, StatusCode::OK, none, None))
}

/// Writes the plan down.
pub async fn set(
    State(app): State<App>,
    Post {
        visit,
        deadline,
        form,
        ..
    }: Post<PlanForm>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let rows = match StormPlanRows::typed([&form.shelters, &form.boats, &form.phones]) {
        Ok(rows) => rows,
        Err(part) => {
            let told = [("rows", MAX_PLAN_ROWS), ("chars", MAX_PLAN_ROW_CHARS)];
            let wrong = WrongInput {
                field: PLAN_FIELDS.get(part).copied().unwrap_or_default(),
                why: visit.lang.f("storm-plan-long", &told),
            };
            return Ok(form.again(&app, &visit, StatusCode::BAD_REQUEST, wrong, None));
        }
    };
    let again = |form: PlanForm, why: PageError| {
        let wrong = visit.lang.t(why.order_key()).into();
        Ok(form.again(&app, &visit, why.status(), wrong, None))
    };
    let plan = match app.prepare_storm_plan(&rows, Some(&form.seen)).await {
        Ok(plan) => plan,
        Err(PlanRefusal::Changed(now)) => return Ok(form.beside(&app, &visit, now)),
        Err(PlanRefusal::NotWritten(why)) => return again(form, why),
    };
    let order = visit.request(plan.command.clone())?;
    match app.journal.submit(order.before(deadline)).await {
        Ok(_) => Ok(redirect_see_other("/storm?said=storm-plan-set")),
        Err(why) => again(form, why.into()),
    }
}
