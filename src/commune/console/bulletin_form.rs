//! Writing and sending a bulletin.
//!
//! Invariants: no village is chosen before an officer chooses it. An urgent bulletin is sent only
//! from the page that says how many villages and people it reaches. Whatever is refused is shown
//! again as it was typed, also to an officer whose sign-in ended meanwhile. Sent twice under one
//! token, it is sent once, and both times lead to its page.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::super::sent_bulletins::{BULLETIN_LIFETIME_MS, BulletinOrder};
use super::context::{Console, SignedIn, language_of};
use super::draft::{BulletinDraft, field};
use super::frame::{Frame, render};
use super::village_rows::names_text;
use crate::domain::notice::text_problem;
use crate::http::form_token::unmask;
use crate::http::render::redirect_see_other;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::keys::secret;
use crate::protocol::commune::Bulletin;

/// A village that can be ticked.
struct Choice {
    id: String,
    name: String,
    /// Since when nothing came from it; empty = it is in touch.
    words: String,
}

#[derive(askama::Template)]
#[template(path = "bulletin_new.html")]
struct NewBulletinPage {
    f: Frame,
    d: BulletinDraft,
    villages: Vec<Choice>,
    /// The name that is put beneath the bulletin; empty = none is.
    signature: String,
}

#[derive(askama::Template)]
#[template(path = "bulletin_confirm.html")]
struct ConfirmPage {
    f: Frame,
    title: String,
    /// Whom it reaches now.
    reach: String,
    /// Who gets it later, and what is not known.
    detail: String,
    heading: String,
    body: String,
    /// The form's fields.
    carried: Vec<(&'static str, String)>,
}

impl Console {
    /// The form, with what was typed and why it was refused.
    pub(in crate::commune) async fn form_page(
        &self,
        headers: &HeaderMap,
        who: SignedIn,
        status: StatusCode,
        draft: BulletinDraft,
        wrong: String,
    ) -> Response {
        let signature = who.name.clone();
        self.page(headers, who, move |console, mut f| {
            f.wrong = wrong;
            let now = console.clock.wall_ms();
            let villages = console
                .village_views(f.lang, now)
                .into_iter()
                .map(|view| Choice {
                    id: view.village.id.clone(),
                    name: view.village.name.clone(),
                    words: if view.is_in_touch() {
                        String::new()
                    } else {
                        view.heard.clone()
                    },
                })
                .collect();
            let page = NewBulletinPage {
                f,
                d: draft,
                villages,
                signature,
            };
            render(status, &page)
        })
        .await
    }

    async fn confirm_page(
        &self,
        headers: &HeaderMap,
        who: SignedIn,
        draft: BulletinDraft,
    ) -> Response {
        self.page(headers, who, move |console, f| {
            let recipients = draft.recipients(console);
            let (reach, detail) = console.reach_text(f.lang, &recipients);
            let page = ConfirmPage {
                title: f.t1("commune-confirm", "n", recipients.len()),
                reach,
                detail,
                heading: draft.title.clone(),
                body: draft.body.clone(),
                carried: draft.fields(),
                f,
            };
            render(StatusCode::OK, &page)
        })
        .await
    }

    /// How many villages and people hear of it now; and which villages later, and of which nobody
    /// wrote down how many people live there.
    fn reach_text(&self, lang: Lang, recipients: &[String]) -> (String, String) {
        let now = self.clock.wall_ms();
        let (mut silent, mut uncounted) = (Vec::new(), Vec::new());
        let mut people = 0_u64;
        for village in recipients.iter().filter_map(|id| self.village(id)) {
            if !self.village_view(lang, now, village).is_in_touch() {
                silent.push(village.name.clone());
            }
            match village.people {
                Some(n) => people += u64::from(n),
                None => uncounted.push(village.name.clone()),
            }
        }
        let touched = recipients.len().saturating_sub(silent.len()).to_string();
        let reach = if uncounted.len() == recipients.len() {
            lang.f("commune-reach", &[("n", &touched)])
        } else {
            let people = dates::count(lang, people);
            lang.f(
                "commune-reach-people",
                &[("n", &touched), ("people", &people)],
            )
        };
        let mut detail = Vec::new();
        for (key, names) in [
            ("commune-reach-later", &silent),
            ("commune-uncounted", &uncounted),
        ] {
            if !names.is_empty() {
                detail.push(lang.f(key, &[("names", &names_text(lang, names))]));
            }
        }
        (reach, detail.join(" "))
    }
}

/// The empty form.
pub(super) async fn new(State(console): State<Console>, headers: HeaderMap, uri: Uri) -> Response {
    let Some(who) = console.signed_in(&headers) else {
        return console.sign_in_page(&headers, &uri);
    };
    let Ok(draft) = BulletinDraft::blank() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    console
        .form_page(&headers, who, StatusCode::OK, draft, String::new())
        .await
}

/// The body with the name of who sends it, as the villages get it: they show no other name.
fn signed(body: &str, name: &str) -> String {
    if name.is_empty() {
        body.to_owned()
    } else {
        format!("{body}\n\n{name}")
    }
}

/// Sends what was typed, or shows it again with the reason why not.
pub(super) async fn send(
    State(console): State<Console>,
    headers: HeaderMap,
    axum::Form(fields): axum::Form<Vec<(String, String)>>,
) -> Response {
    let lang = language_of(&headers);
    let Ok(draft) = BulletinDraft::of_form(&console, &fields) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let Some(who) = console.signed_in(&headers) else {
        return console.sign_in_with_draft(&headers, &draft);
    };
    let refused = |status, draft, why| console.form_page(&headers, who.clone(), status, draft, why);
    let csrf = console.sessions.csrf_token(&who.visitor.token);
    if !secret::constant_time_eq(&unmask(field(&fields, "form")), &csrf) {
        return refused(StatusCode::FORBIDDEN, draft, lang.t("form-again")).await;
    }
    if field(&fields, "edit") == "1" {
        return refused(StatusCode::OK, draft, String::new()).await;
    }
    let body = signed(&draft.body, &who.name);
    let problem =
        text_problem(&draft.title, &draft.body).or_else(|| text_problem(&draft.title, &body));
    if let Some((key, n, most)) = problem {
        let why = lang.f(key, &[("n", &n.to_string()), ("most", &most.to_string())]);
        return refused(StatusCode::BAD_REQUEST, draft, why).await;
    }
    let villages = draft.recipients(&console);
    if villages.is_empty() {
        return refused(StatusCode::BAD_REQUEST, draft, lang.t("commune-nobody")).await;
    }
    if draft.urgent && field(&fields, "sure") != "1" {
        return console.confirm_page(&headers, who, draft).await;
    }
    let now = console.clock.wall_ms();
    let order = BulletinOrder {
        villages,
        bulletin: Bulletin {
            title: draft.title.clone(),
            body,
            urgent: draft.urgent,
            until: Some(now + BULLETIN_LIFETIME_MS),
        },
        at: now,
        expires_at: now + BULLETIN_LIFETIME_MS,
        officer: who.visitor.officer.clone(),
        by: who.name.clone(),
        once: draft.once.clone(),
    };
    let store = console.store.clone();
    match tokio::task::spawn_blocking(move || store.send_bulletin(&order)).await {
        // A reload of the page behind the redirect sends nothing again.
        Ok(Ok(number)) => redirect_see_other(&format!("/bulletins/{number}?said=sent")),
        failed => {
            if let Ok(Err(cause)) = failed {
                tracing::error!(%cause, "storing a bulletin failed");
            }
            let why = lang.t("journal-closed-do");
            refused(StatusCode::SERVICE_UNAVAILABLE, draft, why).await
        }
    }
}
