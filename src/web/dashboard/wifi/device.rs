//! One device of the free wifi, and what the chief may decide about it.
//!
//! Invariant: a cut stands in history before the network is asked, and the page says whether the
//! network did it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{called, codes, device_words, standing_key};
use crate::domain::guest::{self, DecidedDevice, Standing};
use crate::domain::id::GuestId;
use crate::domain::rejection::Rejection;
use crate::domain::state::VillageState;
use crate::domain::text;
use crate::http::address::PathId;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render_with};
use crate::http::wrong_input::WrongInput;
use crate::i18n::locale::Lang;
use crate::journal::{Committed, SubmitError};
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::{COMMAND_ID_MS, Post};
use crate::web::kit::undo::Act;

/// The page that says that a decision changed nothing.
const SO_ALREADY: &str = "/wifi?said=wifi-decided-so";

#[derive(askama::Template)]
#[template(path = "wifi_device.html")]
struct DevicePage {
    f: PageContext,
    wrong: WrongInput,
    id: String,
    name: String,
    words: String,
    is_in: bool,
    is_random: bool,
    /// The decision; none = it is a guest as all are.
    decided: Option<Standing>,
    /// The words about a cut.
    cut_words: String,
    /// The name in the form.
    typed: String,
    once: String,
}

/// The device of a form with a button.
pub struct DeviceForm {
    device: Option<GuestId>,
}

impl FormContent<App> for DeviceForm {
    fn read(fields: FormFields) -> Self {
        Self {
            device: GuestId::new(fields.get("device")).ok(),
        }
    }
}

/// A decision as it was typed.
pub struct DecisionForm {
    device: Option<GuestId>,
    name: String,
    standing: Option<Standing>,
}

impl FormContent<App> for DecisionForm {
    fn read(fields: FormFields) -> Self {
        Self {
            device: GuestId::new(fields.get("device")).ok(),
            name: fields.get("name").to_owned(),
            standing: match fields.get("standing") {
                "always" => Some(Standing::AlwaysIn),
                "blocked" => Some(Standing::Blocked),
                _ => None,
            },
        }
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        let Some(key) = why.form_key() else {
            return app.page_of(&visit, why).await;
        };
        let wrong = visit.lang.t(key).into();
        match self.again(app, &visit, why.status(), wrong, None) {
            Ok(page) => page,
            // The device is gone, or the form names none.
            Err(_) => app.page_of(&visit, why).await,
        }
    }
}

impl DecisionForm {
    /// The page of the device again, with the name as it was typed and the reason.
    fn again(
        self,
        app: &App,
        visit: &RequestContext,
        status: StatusCode,
        wrong: WrongInput,
        note: Option<String>,
    ) -> PageResult {
        let device = self.device.ok_or(PageError::NotFound)?;
        let mut page = page(app, visit, &device)?;
        page.typed = self.name;
        page.wrong = wrong;
        page.f.flash = note.or(page.f.flash);
        Ok(render_with(status, &page))
    }
}

/// The form with what was typed into it before a sign-in ended, and a note about that.
pub(in crate::web::dashboard) fn typed_again(
    app: &App,
    visit: &RequestContext,
    fields: FormFields,
    note: String,
) -> PageResult {
    let form = <DecisionForm as FormContent<App>>::read(fields);
    form.again(
        app,
        visit,
        StatusCode::OK,
        WrongInput::default(),
        Some(note),
    )
}

/// The page of a device that was in today, or on which somebody decided.
fn page(app: &App, visit: &RequestContext, id: &GuestId) -> Result<DevicePage, PageError> {
    let state = app.journal.state();
    let f = app.page_context(visit, &state, "more");
    let (lang, now) = (f.lang, app.supervisor.clock().wall_ms());
    let guests = app.live.guests.get();
    let decided = state.wifi.decided.get(id);
    let seen = guests.devices.iter().find(|row| row.id == *id);
    let words = match (seen, decided) {
        (Some(row), _) if row.since.is_some() && !guests.is_in_force => format!(
            "{}: {}",
            lang.t("wifi-last-known"),
            device_words(lang, now, &state, row)
        ),
        (Some(row), _) => device_words(lang, now, &state, row),
        (None, Some(known)) => format!(
            "{} · {}",
            lang.t("wifi-not-today"),
            lang.t(standing_key(known.standing))
        ),
        (None, None) => return Err(PageError::NotFound),
    };
    let codes = codes(&state, &guests);
    let name = called(lang, &state, &codes, id);
    let typed = match decided {
        Some(known) => known.name.clone(),
        // A stored name is in the village's tongue.
        None => called(Lang::Vi, &state, &codes, id),
    };
    Ok(DevicePage {
        wrong: WrongInput::default(),
        id: id.to_string(),
        name,
        words,
        is_in: guests.is_in_force && seen.is_some_and(|row| row.since.is_some()),
        is_random: seen.is_some_and(|row| row.is_random),
        decided: decided.map(|d| d.standing),
        cut_words: lang.t(if comes_back_by_itself(&state, id) {
            "wifi-cut-do-always"
        } else {
            "wifi-cut-do"
        }),
        typed,
        once: secret::token().map_err(|_| PageError::Unavailable)?,
        f,
    })
}

/// Whether a device that is cut is in again without a tap.
fn comes_back_by_itself(state: &VillageState, id: &GuestId) -> bool {
    let decided = state.wifi.decided.get(id);
    decided.is_some_and(|d| d.standing == Standing::AlwaysIn)
}

/// The page.
pub async fn one(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<GuestId>,
) -> PageResult {
    Ok(render_with(StatusCode::OK, &page(&app, &visit, &id)?))
}

/// Ends the session of a device: history first, then the network.
pub async fn cut(
    State(app): State<App>,
    Post {
        visit,
        once,
        deadline,
        form,
        ..
    }: Post<DeviceForm>,
) -> PageResult {
    let device = form.device.ok_or(PageError::OldForm)?;
    let once = once.ok_or(PageError::OldForm)?;
    let until = app.supervisor.clock().trusted_ms() + COMMAND_ID_MS;
    let command = guest::Command::Cut {
        device: device.clone(),
    };
    let order = visit.request(command)?.idempotent(once, until);
    app.journal.submit(order.before(deadline)).await?;
    let comes_back = comes_back_by_itself(&app.journal.state(), &device);
    let said = match app.ports.guests.cut(device).await {
        Some(true) if comes_back => "wifi-cut-always",
        Some(true) => "wifi-cut",
        Some(false) => "wifi-cut-not-in",
        None => "wifi-cut-unanswered",
    };
    Ok(redirect_see_other(&format!("/wifi?said={said}")))
}

/// Lets a device in always, or never.
pub async fn decide(
    State(app): State<App>,
    Post {
        visit,
        deadline,
        form,
        ..
    }: Post<DecisionForm>,
) -> PageResult {
    let (Some(id), Some(standing)) = (form.device.clone(), form.standing) else {
        return Err(PageError::OldForm);
    };
    let name = text::line(&form.name, usize::MAX);
    let device = DecidedDevice {
        id: id.clone(),
        name,
        standing,
    };
    let order = visit.request(guest::Command::Decide { device })?;
    match app.journal.submit(order.before(deadline)).await {
        Ok(committed) => Ok(decided_now(&app, committed, id.as_str()).await),
        Err(SubmitError::Rejected(Rejection::Invalid { .. })) => {
            let wrong = WrongInput::in_field("name", visit.lang.t("wifi-name-wrong"));
            form.again(&app, &visit, StatusCode::BAD_REQUEST, wrong, None)
        }
        Err(why) => Err(why.into()),
    }
}

/// Takes a decision back.
pub async fn forget(
    State(app): State<App>,
    Post {
        visit,
        deadline,
        form,
        ..
    }: Post<DeviceForm>,
) -> PageResult {
    let device = form.device.ok_or(PageError::OldForm)?;
    // A double tap is one tap: what is forgotten stays forgotten.
    if app.journal.state().wifi.decided.get(&device).is_none() {
        return Ok(redirect_see_other(SO_ALREADY));
    }
    let command = guest::Command::Forget {
        device: device.clone(),
    };
    let order = visit.request(command)?;
    let committed = app.journal.submit(order.before(deadline)).await?;
    Ok(decided_now(&app, committed, device.as_str()).await)
}

/// The page of the wifi, which says what was decided and offers to take it back.
async fn decided_now(app: &App, committed: Committed, device: &str) -> Response {
    let Some(act) = Act::of(committed) else {
        return redirect_see_other(SO_ALREADY);
    };
    app.find_guest_before(act.first, device).await;
    redirect_see_other(&Act::address(Some(act), "/wifi"))
}
