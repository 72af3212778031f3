//! Forms: their fields, and the extractor that hands a form to its handler together with its
//! sender.
//!
//! Invariant: a handler that [`form`] registers runs only for a signed-in sender whose form carries
//! the CSRF token of that sign-in. A handler whose last argument is not [`FormPost`] does not
//! compile there. Deliberately absent: the rules of a form's content. The handler checks them,
//! because it can show the form again.

use std::future::Future;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, post};

use super::form_token::unmask;
use super::page_error::{ErrorPages, PageError};
use crate::domain::id::CommandId;
use crate::domain::text;
use crate::keys::secret::constant_time_eq;
use crate::time::MonoMs;

/// The field with the CSRF token.
const CSRF_FIELD: &str = "form";
/// The field with the command id.
const COMMAND_ID_FIELD: &str = "once";
/// The field with the moment of the tap.
const TAP_FIELD: &str = "tap";

/// Fields of a form, in order; small, decoded, without hidden characters.
#[derive(Debug, Clone, Default)]
pub struct FormFields(Vec<(String, String)>);

impl FormFields {
    /// The first value of a field; empty = the form has none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    /// All values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// Fields that were read before.
    #[must_use]
    pub const fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// All fields.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// Fields as they came, without hidden characters.
    #[must_use]
    pub fn cleaned(fields: Vec<(String, String)>) -> Self {
        let clean = |(name, value): (String, String)| (name, text::body(&value, usize::MAX));
        Self(fields.into_iter().map(clean).collect())
    }

    /// The fields in the body of a request, or those that a layer read of it.
    async fn read(mut request: Request) -> Result<Self, PageError> {
        if let Some(fields) = request.extensions_mut().remove::<Self>() {
            return Ok(fields);
        }
        let read = axum::Form::<Vec<(String, String)>>::from_request(request, &()).await;
        let axum::Form(fields) = read.map_err(|why| match why.status() {
            StatusCode::PAYLOAD_TOO_LARGE => PageError::FormTooLong,
            _ => PageError::UnreadableForm,
        })?;
        Ok(Self::cleaned(fields))
    }
}

/// Whether what a form carries is the CSRF token of a sign-in.
#[must_use]
pub fn is_proof(carried: &str, csrf: &str) -> bool {
    constant_time_eq(&unmask(carried), csrf)
}

/// An audience that signs in and sends forms.
pub trait Audience: ErrorPages {
    /// The person who sent a request.
    type Sender: Send;

    /// The signed-in sender of a request, with the CSRF token of the sign-in; none = nobody is
    /// signed in.
    fn sender(&self, visit: &Self::Context) -> Option<(Self::Sender, String)>;

    /// Until when the order of a tap may be decided; none = it is too late already.
    /// An audience without such orders takes every form.
    fn deadline(&self, _tap: &str) -> Option<MonoMs> {
        Some(MonoMs::MAX)
    }
}

/// The content of a form of an audience.
pub trait FormContent<S: Audience>: Sized + Send {
    /// A form that comes late after its tap is taken all the same: it orders nothing, or what it
    /// orders is right at any time, as silence is.
    const MAY_BE_LATE: bool = false;

    /// Takes the content out of the fields. The handler reports what is wrong with it.
    fn read(fields: FormFields) -> Self;

    /// The response when the form is not handed to its handler. A form that people type into shows
    /// itself again with what they typed.
    #[allow(
        clippy::manual_async_fn,
        reason = "an async fn of a trait promises no Send"
    )]
    fn refused(
        self,
        audience: &S,
        visit: S::Context,
        why: PageError,
    ) -> impl Future<Output = Response> + Send {
        async move { audience.page_of(&visit, why).await }
    }
}

/// Bare fields, for forms that order nothing.
impl<S: Audience> FormContent<S> for FormFields {
    const MAY_BE_LATE: bool = true;

    fn read(fields: FormFields) -> Self {
        fields
    }
}

/// The content of a form that only has a button.
#[derive(Debug, Clone, Copy)]
pub struct ButtonOnly;

impl<S: Audience> FormContent<S> for ButtonOnly {
    fn read(_: FormFields) -> Self {
        Self
    }
}

/// The content of a form that only has a button, which is right at any time.
#[derive(Debug, Clone, Copy)]
pub struct AnyTimeButton;

impl<S: Audience> FormContent<S> for AnyTimeButton {
    const MAY_BE_LATE: bool = true;

    fn read(_: FormFields) -> Self {
        Self
    }
}

/// A form that a signed-in sender sent from our own page.
pub struct FormPost<S: Audience, T> {
    /// The context of the request.
    pub visit: S::Context,
    /// The person who sent it.
    pub sender: S::Sender,
    /// The command id of the form: sending the form twice carries the command out once. None = the
    /// form has none, because it names a state and not a change.
    pub once: Option<CommandId>,
    /// Until when what it orders may be decided; none = it is late, and may be.
    pub deadline: Option<MonoMs>,
    /// Its content.
    pub form: T,
}

impl<S: Audience, T: FormContent<S>> FromRequest<S> for FormPost<S, T> {
    type Rejection = Response;

    async fn from_request(request: Request, audience: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(visit) = S::Context::from_request_parts(&mut parts, audience).await;
        let fields = match FormFields::read(Request::from_parts(parts, body)).await {
            Ok(fields) => fields,
            Err(why) => return Err(audience.page_of(&visit, why).await),
        };
        let sender = audience.sender(&visit);
        let is_proved = sender
            .as_ref()
            .is_some_and(|(_, csrf)| is_proof(fields.get(CSRF_FIELD), csrf));
        // Judged when the last byte of the form is here: it may trickle in.
        let deadline = audience.deadline(fields.get(TAP_FIELD));
        let once = CommandId::new(fields.get(COMMAND_ID_FIELD)).ok();
        let form = T::read(fields);
        match sender {
            None => Err(form.refused(audience, visit, PageError::SignedOut).await),
            Some(_) if !is_proved => Err(form.refused(audience, visit, PageError::OldForm).await),
            Some(_) if deadline.is_none() && !T::MAY_BE_LATE => {
                tracing::info!("order refused: it came too late");
                Err(form.refused(audience, visit, PageError::TooLate).await)
            }
            Some((sender, _)) => Ok(Self {
                visit,
                sender,
                once,
                deadline,
                form,
            }),
        }
    }
}

/// The arguments of a handler whose last one is [`FormPost`].
pub trait ProvedArguments<S> {}

impl<M, S: Audience, T> ProvedArguments<S> for (M, FormPost<S, T>) {}
impl<M, A, S: Audience, T> ProvedArguments<S> for (M, A, FormPost<S, T>) {}
impl<M, A, B, S: Audience, T> ProvedArguments<S> for (M, A, B, FormPost<S, T>) {}
impl<M, A, B, C, S: Audience, T> ProvedArguments<S> for (M, A, B, C, FormPost<S, T>) {}

/// The route of a form that only a signed-in sender sends.
pub fn form<S, A, H>(handler: H) -> MethodRouter<S>
where
    S: Audience,
    A: ProvedArguments<S> + 'static,
    H: Handler<A, S>,
{
    post(handler)
}

/// The route of the form by which people sign in: no sign-in proves it yet.
pub fn sign_in_form<S, A, H>(handler: H) -> MethodRouter<S>
where
    S: Audience,
    A: 'static,
    H: Handler<A, S>,
{
    post(handler)
}

/// The field with the stamp of a sign-in page that carries typed text.
pub const SHOWN_FIELD: &str = "shown";
/// How old that page may be, ms. The answer to it is a page, not a redirection, so the browser
/// keeps the request with its PIN, and “back” on a shared phone offers to send it again.
pub const MAX_SIGN_IN_PAGE_AGE_MS: u64 = 600_000;

/// The fields of the form by which people sign in.
pub struct SignInFields(pub FormFields);

impl<S: Send + Sync> FromRequest<S> for SignInFields {
    type Rejection = PageError;

    async fn from_request(request: Request, _: &S) -> Result<Self, PageError> {
        FormFields::read(request).await.map(Self)
    }
}
