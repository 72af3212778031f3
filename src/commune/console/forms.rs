//! Forms of the console and the pages of its errors: who sends a form, and how an error looks.

use axum::response::Response;

use super::context::{Console, SignedIn, Visit};
use crate::http::form::Audience;
use crate::http::page_error::{ErrorPages, PageError};
use crate::http::render::redirect_see_other;

/// A form that a signed-in officer sent from our own page.
pub(in crate::commune) type OfficerPost<T> = crate::http::form::FormPost<Console, T>;

impl ErrorPages for Console {
    type Context = Visit;

    async fn page_of(&self, visit: &Visit, error: PageError) -> Response {
        if error == PageError::SignedOut {
            return redirect_see_other("/");
        }
        self.problem(visit, error.status(), error.title_key(), error.detail_key())
    }
}

impl Audience for Console {
    type Sender = SignedIn;

    fn sender(&self, visit: &Visit) -> Option<(SignedIn, String)> {
        let officer = visit.officer.clone()?;
        let csrf = self.sessions.csrf_token(&officer.visitor.token);
        Some((officer, csrf))
    }
}
