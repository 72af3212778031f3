//! Forms of the dashboard and the pages of its errors: who sends a form, and how an error looks.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};

use super::app::{App, RequestContext};
use crate::domain::user::User;
use crate::http::form::Audience;
use crate::http::page_error::{ErrorPages, PageError};
use crate::http::render::{PageContext, redirect_see_other, render_with};
use crate::time::MonoMs;

/// How long the command id of a form is remembered, ms.
pub const COMMAND_ID_MS: i64 = 86_400_000;

/// A form that a signed-in person sent from our own page.
pub type Post<T> = crate::http::form::FormPost<App, T>;

#[derive(askama::Template)]
#[template(path = "problem.html")]
struct ErrorPage {
    f: PageContext,
    title: String,
    detail: String,
    back: String,
}

impl ErrorPages for App {
    type Context = RequestContext;

    /// A page that explains what went wrong and what to do; for a page's script its two sentences,
    /// with a new stamp.
    async fn page_of(&self, visit: &RequestContext, error: PageError) -> Response {
        if error == PageError::SignedOut {
            return redirect_see_other("/sign-in");
        }
        if visit.live {
            let (title, detail) = (error.title_key(), error.detail_key());
            let words = format!("{}. {}", visit.lang.t(title), visit.lang.t(detail));
            return (error.status(), [("stamp", self.taps.stamp())], words).into_response();
        }
        let f = self.page_context(visit, &self.journal.state(), "");
        let page = ErrorPage {
            title: f.t(error.title_key()),
            detail: f.t(error.detail_key()),
            back: visit.came_from.clone(),
            f,
        };
        render_with(error.status(), &page)
    }
}

impl Audience for App {
    type Sender = Arc<User>;

    fn sender(&self, visit: &RequestContext) -> Option<(Arc<User>, String)> {
        let user = visit.user.clone()?;
        Some((user, self.sessions.csrf_token(&visit.token)))
    }

    fn deadline(&self, tap: &str) -> Option<MonoMs> {
        self.taps.deadline(tap)
    }
}
