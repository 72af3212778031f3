//! Accounts, in words.

use super::SentenceContext;
use crate::domain::account::Event;

/// The event in words, and its status class.
pub(super) fn text(context: &SentenceContext<'_>, event: &Event) -> (String, &'static str) {
    match event {
        Event::Granted { account } => (context.named("happened-access", account.name.as_str()), ""),
        Event::Revoked { account } => (context.named("happened-revoked", account.as_str()), "warn"),
    }
}

/// Whether people want to see it on the home page.
pub(super) const fn is_news(event: &Event) -> bool {
    match event {
        Event::Granted { .. } => false,
        Event::Revoked { .. } => true,
    }
}
