//! Kế hoạch khi có bão: the chief writes down shelters, boats and duty telephones before the storm;
//! the portal's page `/khan` shows them.
//!
//! Invariants: the form names the whole plan, so that sending it twice changes nothing more; a form
//! that is not accepted comes back with everything that was typed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::domain::storm::{Command, MAX_PLAN_ROW_CHARS, MAX_PLAN_ROWS, StormPlanRows};
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render_with};
use crate::http::wrong_input::WrongInput;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::Post;

/// The fields of the form that people fill in.
pub(super) const PLAN_FIELDS: [&str; 3] = ["shelters", "boats", "phones"];

/// The plan as it was typed: a row on each line.
#[derive(Debug, Default)]
pub struct PlanForm {
    shelters: String,
    boats: String,
    phones: String,
}

#[derive(askama::Template)]
#[template(path = "storm_plan.html")]
struct PlanFormPage {
    f: PageContext,
    wrong: WrongInput,
    typed: PlanForm,
}

impl FormContent<App> for PlanForm {
    fn read(fields: FormFields) -> Self {
        let [shelters, boats, phones] = PLAN_FIELDS.map(|name| fields.get(name).to_owned());
        Self {
            shelters,
            boats,
            phones,
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
    fn of(rows: &StormPlanRows) -> Self {
        Self {
            shelters: rows.shelters.join("\n"),
            boats: rows.boats.join("\n"),
            phones: rows.phones.join("\n"),
        }
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
    let typed = PlanForm::of(&app.storm_plan());
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
    let text = serde_json::to_vec(&rows).map_err(|_| PageError::Unavailable)?;
    let again = |form: PlanForm, why: PageError| {
        let wrong = visit.lang.t(why.order_key()).into();
        Ok(form.again(&app, &visit, why.status(), wrong, None))
    };
    let text = match app.keep_text(text).await {
        Ok(text) => text,
        Err(why) => return again(form, why),
    };
    let order = visit.request(Command::SetPlan { text })?;
    match app.journal.submit(order.before(deadline)).await {
        Ok(_) => Ok(redirect_see_other("/storm?said=storm-plan-set")),
        Err(why) => again(form, why.into()),
    }
}
