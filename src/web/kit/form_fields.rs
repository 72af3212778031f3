//! The fields of a posted form, and whether its order is too late.

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::StatusCode;
use axum::response::Response;

use super::app::{App, RequestContext};
use crate::domain::text;

/// Fields of a form, in order; small, decoded. As the argument of a handler: of one that is not too
/// late ([`crate::web::kit::taps`]).
#[derive(Debug, Default)]
pub struct FormFields {
    pairs: Vec<(String, String)>,
    deadline: Option<u64>,
}

/// The fields of a form that may be late: it orders nothing, what it orders is right at any time
/// (silence), or its handler shows what was typed again.
#[derive(Debug, Default)]
pub struct AnyAge(pub FormFields);

impl FormFields {
    /// The first value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.pairs
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v)
    }

    /// Monotonic ms until when what it orders may be decided; none = it is too late.
    #[must_use]
    pub const fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// All fields.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// All values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

impl FromRequest<App> for AnyAge {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(visit) = RequestContext::from_request_parts(&mut parts, app).await;
        let request = Request::from_parts(parts, body);
        let Ok(axum::Form(fields)) =
            axum::Form::<Vec<(String, String)>>::from_request(request, app).await
        else {
            return Err(app.error_page(
                &visit,
                StatusCode::BAD_REQUEST,
                "refused-title",
                "refused-unsound",
            ));
        };
        let mut fields = FormFields {
            pairs: fields
                .into_iter()
                .map(|(n, v)| (n, text::body(&v, usize::MAX)))
                .collect(),
            deadline: None,
        };
        // Judged when the last byte of the form is here: it may trickle in.
        fields.deadline = app.taps.deadline(fields.get("tap"));
        Ok(Self(fields))
    }
}

impl FromRequest<App> for FormFields {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(visit) = RequestContext::from_request_parts(&mut parts, app).await;
        let request = Request::from_parts(parts, body);
        let AnyAge(fields) = AnyAge::from_request(request, app).await?;
        if fields.deadline().is_none() {
            tracing::info!("order refused: it came too late");
            return Err(app.late_page(&visit));
        }
        Ok(fields)
    }
}
