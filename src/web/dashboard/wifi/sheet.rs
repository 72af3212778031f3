//! The sheet for the wall of the village hall: how to come into the wifi, and back to its page.

use axum::extract::State;

use crate::domain::guest::wifi_name;
use crate::domain::text;
use crate::http::address::Query;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::{PageContext, render};
use crate::i18n::amounts;
use crate::web::kit::app::{App, RequestContext};

/// Longest name that is printed, letters.
const MAX_NAME: usize = 40;

#[derive(askama::Template)]
#[template(path = "wifi_sheet.html")]
struct WallSheet {
    f: PageContext,
    name: String,
    /// Empty = the portal has no name that people could type.
    address: String,
    hours: String,
}

/// The sheet. Access points may have a name of their own, so the query may name another than the
/// village's.
pub async fn sheet(
    State(app): State<App>,
    visit: RequestContext,
    Query(asked): Query<Vec<(String, String)>>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let lang = f.lang;
    let village = state.village.as_ref().map_or("", |v| &*v.name);
    let named = asked.iter().find(|(key, _)| key == "name");
    let named = named.map(|(_, name)| text::line(name, MAX_NAME));
    let name = named.filter(|name| !name.is_empty());
    let hours = state.wifi.rules.hours.map_or_else(
        || lang.t("wifi-rule-always"),
        |hours| {
            let at = |minute| amounts::hour_of_day(lang, minute);
            let (from, until) = (at(hours.from), at(hours.until));
            lang.f(
                "wifi-rule-from-until",
                &[("from", &from), ("until", &until)],
            )
        },
    );
    Ok(render(&WallSheet {
        name: lang.verbatim(&name.unwrap_or_else(|| wifi_name(village))),
        address: (*app.portal_address).clone(),
        hours,
        f,
    }))
}
