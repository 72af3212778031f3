//! Why a page is not shown or a form not taken, as a value.
//!
//! A handler gives it back, and [`error_pages`] makes the page in one place: in the reader's
//! language, as the pages of that audience look.

use std::convert::Infallible;
use std::future::Future;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::domain::rejection::Rejection;
use crate::journal::SubmitError;

/// Why a page is not shown or a form not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageError {
    /// There is no such page, and no such thing.
    NotFound,
    /// The address takes no request of this kind: it is where a form is sent to.
    MethodNotAllowed,
    /// The notice was taken down, or its time is over.
    NoticeGone,
    /// Nobody is signed in.
    SignedOut,
    /// The CSRF token is missing or is not the one of this sign-in, or the form's content is not
    /// what our own page sends.
    OldForm,
    /// The body is no form.
    UnreadableForm,
    /// The body is larger than any form of ours with what people may type.
    FormTooLong,
    /// The person may not do this.
    NotPermitted,
    /// The order came too late after its tap, and was not carried out.
    TooLate,
    /// The command was rejected; key of the sentence.
    Rejected(&'static str),
    /// The act cannot be taken back any more.
    UndoTooLate,
    /// The journal does not write.
    JournalClosed,
    /// The machine cannot do it now.
    Unavailable,
}

impl PageError {
    /// The status of the response.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoticeGone => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::OldForm | Self::NotPermitted => StatusCode::FORBIDDEN,
            Self::UnreadableForm => StatusCode::BAD_REQUEST,
            Self::FormTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooLate | Self::Rejected(_) | Self::UndoTooLate => StatusCode::CONFLICT,
            Self::JournalClosed | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Key of the sentence that says what is wrong.
    #[must_use]
    pub const fn title_key(self) -> &'static str {
        match self {
            Self::NotFound | Self::MethodNotAllowed => "not-found",
            Self::NoticeGone => "notice-no-longer",
            Self::SignedOut => "sign-in",
            Self::OldForm => "form-old",
            Self::FormTooLong => "form-too-long",
            Self::TooLate => "order-late",
            Self::UnreadableForm | Self::NotPermitted | Self::Rejected(_) | Self::Unavailable => {
                "refused-title"
            }
            Self::UndoTooLate => "undo-late",
            Self::JournalClosed => "journal-closed",
        }
    }

    /// Key of the sentence that says why, or what to do.
    #[must_use]
    pub const fn detail_key(self) -> &'static str {
        match self {
            Self::NotFound | Self::MethodNotAllowed => "not-found-do",
            Self::NoticeGone => "notice-no-longer-do",
            Self::SignedOut => "sign-in-again",
            Self::OldForm => "form-old-do",
            Self::FormTooLong => "form-too-long-do",
            Self::TooLate => "order-late-do",
            Self::UnreadableForm => "refused-unsound",
            Self::NotPermitted => "refused-not-permitted",
            Self::Rejected(key) => key,
            Self::UndoTooLate => "undo-late-do",
            Self::JournalClosed => "journal-closed-do",
            Self::Unavailable => "cannot-now",
        }
    }

    /// Key of the sentence above a form that is shown again, so that it may be sent once more; none
    /// = the form is of no use any more, and the error has a page of its own.
    #[must_use]
    pub const fn form_key(self) -> Option<&'static str> {
        match self {
            Self::OldForm => Some("form-again"),
            Self::TooLate => Some("order-late"),
            _ => None,
        }
    }

    /// Key of the sentence above a form whose order was not carried out.
    #[must_use]
    pub const fn order_key(self) -> &'static str {
        match self.form_key() {
            Some(key) => key,
            None => self.detail_key(),
        }
    }
}

/// The result of a page's handler.
pub type PageResult = Result<Response, PageError>;

impl From<SubmitError> for PageError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(Rejection::Expired) => Self::TooLate,
            SubmitError::Rejected(why) => Self::Rejected(why.key()),
            SubmitError::Closed(_) => Self::JournalClosed,
        }
    }
}

impl IntoResponse for PageError {
    /// The bare status, with the error beside it for [`error_pages`].
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// An audience whose pages explain errors: the people of a village, the officer of a commune.
pub trait ErrorPages: Clone + Send + Sync + 'static {
    /// The context of a request: its sender, the language.
    type Context: FromRequestParts<Self, Rejection = Infallible> + Send + Sync;

    /// The page of an error.
    fn page_of(
        &self,
        visit: &Self::Context,
        error: PageError,
    ) -> impl Future<Output = Response> + Send;
}

/// Makes the page of an error that a handler or an extractor gave back.
pub async fn error_pages<S: ErrorPages>(
    State(audience): State<S>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let Some(error) = response.extensions_mut().remove::<PageError>() else {
        return response;
    };
    let Ok(visit) = S::Context::from_request_parts(&mut asked, &audience).await;
    audience.page_of(&visit, error).await
}
