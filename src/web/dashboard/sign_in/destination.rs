//! Where a person was going when they were asked to sign in, and what they had typed there.
//!
//! Invariant: a destination is a page of this host. Anything else that an address or a form names
//! is the first page: a link to our own sign-in must not end on somebody else's site.

use axum::response::{IntoResponse as _, Response};

use super::interrupted::InterruptedForm;
use crate::http::form::FormFields;
use crate::http::render::redirect_see_other;
use crate::web::kit::app::{App, RequestContext};

/// The field with the path.
const NEXT_FIELD: &str = "next";
/// Longest path with its query, bytes: the address of a sentence names up to a hundred clusters.
const MAX_PATH_BYTES: usize = 8 * 1024;
/// Paths below which there is no page to come out on.
const NO_PAGES: [&str; 12] = [
    "/sign-in",
    "/sign-out",
    "/lights/",
    "/groups/",
    "/speakers/announce",
    "/speakers/stop",
    "/undo",
    "/live/",
    "/a/",
    "/api/",
    "/lang/",
    "/big",
];
/// Parts of a query that tell what was done just before; it is over after the next sign-in.
const PAST: [&str; 2] = ["said=", "undo="];

/// Where a person was going.
#[derive(Debug, Default)]
pub(super) struct Destination {
    /// A path of this host, with its query.
    next: String,
    /// A form that was sent after its sign-in had ended.
    form: Option<InterruptedForm>,
}

impl Destination {
    /// The page with this path and query.
    pub(super) fn page(path: &str) -> Self {
        Self {
            next: local_path(path),
            form: None,
        }
    }

    /// The page of this form, with what was typed.
    pub(super) fn form(form: InterruptedForm) -> Self {
        Self {
            next: "/".to_owned(),
            form: Some(form),
        }
    }

    /// The destination in the query of the sign-in's address.
    pub(super) fn from_query(query: &[(String, String)]) -> Self {
        let next = query.iter().find(|(name, _)| name == NEXT_FIELD);
        Self::page(next.map_or("/", |(_, path)| path))
    }

    /// The destination that the form of the sign-in carries.
    pub(super) fn from_form(fields: FormFields) -> Self {
        Self {
            next: local_path(fields.get(NEXT_FIELD)),
            form: InterruptedForm::carried_by(fields),
        }
    }

    /// The address of the sign-in; `has_expired` = it says that a sign-in has ended.
    pub(super) fn sign_in_address(&self, has_expired: bool) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if self.next != "/" {
            query.append_pair(NEXT_FIELD, &self.next);
        }
        if has_expired {
            query.append_pair("said", "sign-in-again");
        }
        let query = query.finish();
        if query.is_empty() {
            "/sign-in".to_owned()
        } else {
            format!("/sign-in?{query}")
        }
    }

    /// The form, when one was interrupted.
    pub(super) const fn interrupted(&self) -> Option<&InterruptedForm> {
        self.form.as_ref()
    }

    /// The hidden fields that carry it through the sign-in.
    pub(super) fn hidden_fields(&self) -> Vec<(String, String)> {
        let mut fields = self
            .form
            .as_ref()
            .map(InterruptedForm::hidden_fields)
            .unwrap_or_default();
        if self.next != "/" {
            fields.push((NEXT_FIELD.to_owned(), self.next.clone()));
        }
        fields
    }

    /// The response to the person who signed in just now.
    pub(super) fn open(self, app: &App, visit: &RequestContext) -> Response {
        match self.form {
            Some(form) => form.show(app, visit).into_response(),
            None => redirect_see_other(if self.next.is_empty() {
                "/"
            } else {
                &self.next
            }),
        }
    }
}

/// The path of a page of this host; `/` when the text is none.
fn local_path(text: &str) -> String {
    let is_local = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= MAX_PATH_BYTES
        // Browsers read a backslash as a slash, and drop tabs and line breaks.
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if !is_local || NO_PAGES.iter().any(|none| path.starts_with(none)) {
        return "/".to_owned();
    }
    let query: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !PAST.iter().any(|past| pair.starts_with(past)))
        .collect();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", query.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_this_host_is_a_destination_and_nothing_else_is() {
        for page in [
            "/",
            "/history?page=2",
            "/cameras/cam-01",
            "/speakers/hear?blob=a&zone=loa-01&zone=loa-02",
        ] {
            assert_eq!(local_path(page), page);
        }
        assert_eq!(local_path("/notices/n?said=published"), "/notices/n");
        assert_eq!(local_path("/lights?undo=7-9&a=b"), "/lights?a=b");
        for elsewhere in [
            "",
            "history",
            "//evil.example/",
            "/\\evil.example/",
            "\\\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a b",
            "/đèn",
            "/sign-in?next=/sign-in",
            "/sign-out",
            "/groups/hai",
            "/speakers/announce",
            "/live/today",
            "/lang/en",
            "/api/state",
        ] {
            assert_eq!(local_path(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(local_path(&format!("/{}", "x".repeat(MAX_PATH_BYTES))), "/");
    }

    #[test]
    fn the_address_of_the_sign_in_carries_the_page_whole() {
        let page = "/speakers/hear?blob=a&zone=loa-01&zone=loa-02";
        let address = Destination::page(page).sign_in_address(true);
        let query = address.strip_prefix("/sign-in?").expect("a query");
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(Destination::from_query(&pairs).next, page);
        assert!(address.ends_with("&said=sign-in-again"), "{address}");
        assert_eq!(Destination::page("/").sign_in_address(false), "/sign-in");
    }
}
