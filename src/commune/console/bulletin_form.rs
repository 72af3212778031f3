//! Writing and sending a bulletin.
//!
//! Invariants: no village is chosen before an officer chooses it. An urgent bulletin is sent only
//! from the page that says how many villages and people it reaches. A bulletin that is refused is
//! shown again as it was typed, also to an officer whose sign-in ended meanwhile. Sent twice under
//! one command id, or with the words that the villages have already, it is sent once, and both
//! times lead to its page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::sent_bulletins::{BULLETIN_LIFETIME_MS, BulletinOrder, SendOutcome};
use super::context::{Console, Reader, SignedIn, Visit};
use super::draft::BulletinDraft;
use super::forms::OfficerPost;
use super::frame::Frame;
use super::official::{OfficialContent, OfficialSign};
use super::village_rows::names_text;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{redirect_see_other, render, render_with};
use crate::http::select_option::{SelectOption, risk_options};
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
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
    /// The command id of the form.
    once: String,
    villages: Vec<Choice>,
    /// The name that is put beneath the bulletin; empty = none is.
    signature: String,
    risks: Vec<SelectOption>,
}

#[derive(askama::Template)]
#[template(path = "bulletin_confirm.html")]
struct ConfirmPage {
    f: Frame,
    title: String,
    /// The villages and people that it reaches now, in words.
    reach: String,
    /// The villages that get it later and those whose people are not counted, in words.
    detail: String,
    heading: String,
    body: String,
    sign: Option<OfficialSign>,
    /// The form's fields.
    carried: Vec<(&'static str, String)>,
}

/// The content of a bulletin's form.
pub(super) struct BulletinForm {
    draft: BulletinDraft,
    /// The page of confirmation was read.
    is_sure: bool,
    /// The officer goes back from that page to the form.
    is_edited: bool,
}

impl FormContent<Console> for BulletinForm {
    fn read(fields: FormFields) -> Self {
        Self {
            draft: BulletinDraft::of_form(&fields),
            is_sure: fields.get("sure") == "1",
            is_edited: fields.get("edit") == "1",
        }
    }

    async fn refused(self, console: &Console, visit: Visit, why: PageError) -> Response {
        let again = match (why, &visit.officer) {
            (PageError::SignedOut, _) => {
                return console.sign_in_with_draft(visit.lang, &self.draft);
            }
            (PageError::OldForm, Some(officer)) => {
                let words = visit.lang.t("form-again").into();
                let (lang, officer) = (visit.lang, officer.clone());
                console
                    .form_page(lang, officer, why.status(), self.draft, words)
                    .await
            }
            _ => Err(why),
        };
        match again {
            Ok(page) => page,
            Err(why) => console.page_of(&visit, why).await,
        }
    }
}

impl Console {
    /// The form, with what was typed and why it was refused.
    pub(in crate::commune) async fn form_page(
        &self,
        lang: Lang,
        officer: SignedIn,
        status: StatusCode,
        draft: BulletinDraft,
        wrong: WrongInput,
    ) -> PageResult {
        let mut draft = draft.identified().map_err(|_| PageError::Unavailable)?;
        draft.by.clone_from(&officer.visitor.officer);
        let signature = officer.name.clone();
        self.page(lang, officer, move |console, mut f| {
            f.wrong = wrong;
            let now = console.clock.wall_ms();
            let villages = console
                .village_views(f.lang, now)
                .into_iter()
                .map(|view| Choice {
                    id: view.village.id.clone(),
                    name: view.name.clone(),
                    words: if view.is_in_touch() {
                        String::new()
                    } else {
                        view.heard.clone()
                    },
                })
                .collect();
            let once = draft.once.as_ref().map(ToString::to_string);
            let page = NewBulletinPage {
                signature: f.verbatim(&signature),
                risks: risk_options(f.lang, draft.official.get("risk")),
                f,
                once: once.unwrap_or_default(),
                d: draft,
                villages,
            };
            Ok(render_with(status, &page))
        })
        .await
    }

    async fn confirm_page(
        &self,
        lang: Lang,
        officer: SignedIn,
        draft: BulletinDraft,
        bulletin: Bulletin,
    ) -> PageResult {
        self.page(lang, officer, move |console, f| {
            let recipients = draft.recipients(console);
            let (reach, detail) = console.reach_text(f.lang, &recipients);
            Ok(render(&ConfirmPage {
                title: f.lang.f("commune-confirm", &[("n", recipients.len())]),
                reach,
                detail,
                heading: f.verbatim(&draft.title),
                body: f.verbatim(&draft.body),
                sign: OfficialSign::of(f.lang, &bulletin),
                carried: draft.fields(),
                f,
            }))
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
                silent.push(lang.verbatim(&village.name));
            }
            match village.people {
                Some(n) => people += u64::from(n),
                None => uncounted.push(lang.verbatim(&village.name)),
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
pub(super) async fn new(
    State(console): State<Console>,
    Reader { officer, lang }: Reader,
) -> PageResult {
    let blank = BulletinDraft::default();
    console
        .form_page(lang, officer, StatusCode::OK, blank, WrongInput::default())
        .await
}

impl BulletinDraft {
    /// The bulletin as villages get it. One of a high risk is urgent, also to a village whose
    /// program does not know levels.
    fn bulletin(&self, body: String, official: OfficialContent) -> Bulletin {
        let mut bulletin = Bulletin {
            title: self.title.clone(),
            body,
            urgent: self.urgent,
            until: Some(official.until),
            risk: official.risk,
            source: official.source,
        };
        bulletin.urgent = bulletin.is_first();
        bulletin
    }
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
    OfficerPost {
        visit,
        sender: officer,
        once,
        form,
        ..
    }: OfficerPost<BulletinForm>,
) -> PageResult {
    let (lang, draft) = (visit.lang, form.draft);
    let refused = |status, draft, why| console.form_page(lang, officer.clone(), status, draft, why);
    if form.is_edited {
        return refused(StatusCode::OK, draft, WrongInput::default()).await;
    }
    let Some(once) = once else {
        return refused(StatusCode::FORBIDDEN, draft, lang.t("form-again").into()).await;
    };
    let body = signed(&draft.body, &officer.name);
    let problem = |body: &str| WrongInput::in_notice(lang, &draft.title, body);
    if let Some(why) = problem(&draft.body).or_else(|| problem(&body)) {
        return refused(StatusCode::BAD_REQUEST, draft, why).await;
    }
    let villages = draft.recipients(&console);
    if villages.is_empty() {
        let why = WrongInput::in_field("to", lang.t("commune-nobody"));
        return refused(StatusCode::BAD_REQUEST, draft, why).await;
    }
    let now = console.clock.wall_ms();
    let official = match draft.official.checked(lang, now) {
        Ok(official) => official,
        Err(why) => return refused(StatusCode::BAD_REQUEST, draft, why).await,
    };
    let bulletin = draft.bulletin(body, official);
    if bulletin.urgent && !form.is_sure {
        return console
            .confirm_page(lang, officer.clone(), draft, bulletin)
            .await;
    }
    let order = BulletinOrder {
        villages,
        bulletin,
        at: now,
        expires_at: now + BULLETIN_LIFETIME_MS,
        officer: officer.visitor.officer.clone(),
        by: officer.name.clone(),
        once,
    };
    let store = console.store.clone();
    match tokio::task::spawn_blocking(move || store.send_bulletin(&order)).await {
        // A reload of the page behind the redirect sends nothing again.
        Ok(Ok(outcome)) => {
            let (number, said) = match outcome {
                SendOutcome::Sent(number) => (number, "sent"),
                SendOutcome::SentToOthers(number) => (number, "sent-others"),
                // After “back” and a second press the form's id is new, but the words are not.
                SendOutcome::Present(number) => (number, "present"),
            };
            let page = format!("/bulletins/{number}?said={said}");
            Ok(redirect_see_other(&page))
        }
        failed => {
            if let Ok(Err(cause)) = failed {
                tracing::error!(%cause, "storing a bulletin failed");
            }
            let why = lang.t("journal-closed-do").into();
            refused(StatusCode::SERVICE_UNAVAILABLE, draft, why).await
        }
    }
}
