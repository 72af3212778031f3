//! Thông báo: write, publish, take down. A notice is written once; the portal and the commune get
//! the same text.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::domain::id::NoticeId;
use crate::domain::notice::{self, NoticeKind, normalize, text_problem};
use crate::http::address::PathId;
use crate::http::form::{ButtonOnly, FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{
    PageContext, TextSpan, redirect_see_other, render, render_with, split_phones,
};
use crate::keys::secret;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection, Row};
use crate::web::kit::form::Post;
use crate::web::kit::notices::{posted_when, summarize, title_and_paragraphs};

const DAY_MS: i64 = 86_400_000;

/// The list.
pub async fn page(State(app): State<App>, visit: RequestContext) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let rows = state
        .notices_at(app.supervisor.clock().trusted_ms())
        .iter()
        .map(|n| {
            let b = summarize(&app, f.lang, n);
            Row {
                id: format!("notice-{}", b.id),
                status_class: if n.kind == NoticeKind::Urgent {
                    "warn"
                } else {
                    ""
                },
                name: b.title,
                words: b.when,
                side: String::new(),
                href: format!("/notices/{}", b.id),
                ..Row::default()
            }
            .html()
        })
        .collect();
    let write = if f.is_chief {
        format!(
            "<p><a class=\"button go huge\" href=\"/notices/new\">{}</a></p>",
            f.t("write-notice")
        )
    } else {
        String::new()
    };
    let parts = vec![PageSection {
        rows,
        empty: f.t("no-notices"),
        ..PageSection::default()
    }];
    render(&ListPage {
        title: f.t("notices"),
        live: "/live/other",
        summary: write,
        parts,
        links: Vec::new(),
        refresh: 0,
        f,
    })
}

#[derive(askama::Template)]
#[template(path = "notice_new.html")]
struct NewNoticePage {
    f: PageContext,
    once: String,
    /// Why the notice was not accepted; empty = nothing is wrong.
    wrong: String,
    title: String,
    body: String,
    kinds: Vec<SelectOption>,
    days: Vec<SelectOption>,
}

/// One choice of a list: its value, its words, whether it is chosen.
struct SelectOption {
    value: &'static str,
    words: String,
    chosen: bool,
}

/// A notice as it was typed.
#[derive(Default)]
pub struct NoticeForm {
    title: String,
    body: String,
    kind: String,
    days: String,
}

impl FormContent<App> for NoticeForm {
    fn read(fields: FormFields) -> Self {
        let [title, body, kind, days] =
            ["title", "body", "kind", "days"].map(|name| fields.get(name).to_owned());
        Self {
            title,
            body,
            kind,
            days,
        }
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        let again = |key| self.again(app, &visit, why.status(), visit.lang.t(key));
        let page = match why {
            PageError::OldForm => again("form-again"),
            PageError::TooLate => again("order-late"),
            _ => Err(why),
        };
        match page {
            Ok(page) => page,
            Err(why) => app.page_of(&visit, why).await,
        }
    }
}

impl NoticeForm {
    /// The form again, with what was typed and the reason, under a fresh id: nobody types it twice.
    fn again(
        &self,
        app: &App,
        visit: &RequestContext,
        status: StatusCode,
        why: String,
    ) -> PageResult {
        let once = secret::token().map_err(|_| PageError::Unavailable)?;
        Ok(render_with(status, &form(app, visit, once, self, why)))
    }
}

/// The form, with the text that was typed before and why it was not accepted.
fn form(
    app: &App,
    visit: &RequestContext,
    once: String,
    typed: &NoticeForm,
    wrong: String,
) -> NewNoticePage {
    let f = app.page_context(visit, &app.journal.state(), "more");
    let choice = |typed: &str, value: &'static str, words: String| SelectOption {
        chosen: typed == value,
        value,
        words,
    };
    let kinds = [
        ("notice", "kind-notice"),
        ("event", "kind-event"),
        ("document", "kind-document"),
        ("urgent", "kind-urgent"),
    ]
    .map(|(v, key)| choice(&typed.kind, v, f.t(key)))
    .into();
    let days = [
        ("7", f.t1("for-days", "n", "7")),
        ("30", f.t1("for-days", "n", "30")),
        ("0", f.t("until-taken-down")),
    ]
    .map(|(v, words)| choice(&typed.days, v, words))
    .into();
    NewNoticePage {
        once,
        wrong,
        title: typed.title.clone(),
        body: typed.body.clone(),
        kinds,
        days,
        f,
    }
}

/// The empty form.
pub async fn new(State(app): State<App>, visit: RequestContext) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    NoticeForm::default().again(&app, &visit, StatusCode::OK, String::new())
}

/// Publishes the notice in the form. The form's command id makes a double tap harmless.
pub async fn publish(
    State(app): State<App>,
    Post {
        visit,
        once,
        deadline,
        form,
        ..
    }: Post<NoticeForm>,
) -> PageResult {
    let again = |status, why: String| form.again(&app, &visit, status, why);
    let (title, body) = normalize(&form.title, &form.body);
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let Some((once, id)) = once.and_then(|once| {
        let id = NoticeId::new(once.as_str()).ok()?;
        Some((once, id))
    }) else {
        return again(StatusCode::BAD_REQUEST, visit.lang.t("form-again"));
    };
    if let Some((key, n, most)) = text_problem(&title, &body) {
        return again(
            StatusCode::BAD_REQUEST,
            visit
                .lang
                .f(key, &[("n", &n.to_string()), ("most", &most.to_string())]),
        );
    }
    // After “back” and a second submit the form's id is new, but the text is not.
    let state = app.journal.state();
    if state.notices.contains_key(&id) {
        return Ok(published(&id));
    }
    if state
        .notices_at(app.supervisor.clock().trusted_ms())
        .iter()
        .any(|n| {
            app.files
                .text(&n.text)
                .is_ok_and(|t| t == format!("{title}\n{body}"))
        })
    {
        return again(StatusCode::CONFLICT, visit.lang.t("notice-twice"));
    }
    let kind = match form.kind.as_str() {
        "urgent" => NoticeKind::Urgent,
        "event" => NoticeKind::Event,
        "document" => NoticeKind::Document,
        _ => NoticeKind::Notice,
    };
    // A gateway whose clock is dead believes in 1970: a notice that is published then must still be
    // valid for days to come.
    let now = app.supervisor.clock().trusted_ms();
    let until = form
        .days
        .parse::<i64>()
        .ok()
        .filter(|d| (1..=366).contains(d))
        .map(|d| now + d * DAY_MS);
    let Ok(text) = app.files.put(format!("{title}\n{body}").into_bytes()).await else {
        return again(
            StatusCode::SERVICE_UNAVAILABLE,
            visit.lang.t("journal-closed-do"),
        );
    };
    let order = notice::Command::Publish {
        id: id.clone(),
        text,
        kind,
        until,
    };
    let request = visit.request(order)?.idempotent(once, now + DAY_MS);
    match app.journal.submit(request.before(deadline)).await {
        Ok(_) => Ok(published(&id)),
        Err(why) => {
            let why = PageError::from(why);
            let key = match why {
                PageError::TooLate => why.title_key(),
                _ => why.detail_key(),
            };
            again(why.status(), visit.lang.t(key))
        }
    }
}

/// Leads to the notice, which says that it is published.
fn published(id: &NoticeId) -> Response {
    redirect_see_other(&format!("/notices/{id}?said=published"))
}

#[derive(askama::Template)]
#[template(path = "notice.html")]
struct NoticePage {
    f: PageContext,
    id: String,
    once: String,
    title: String,
    when: String,
    paragraphs: Vec<Vec<TextSpan>>,
    receipt: String,
    can_take_down: bool,
}

/// One notice.
pub async fn one(
    State(app): State<App>,
    visit: RequestContext,
    PathId(id): PathId<NoticeId>,
) -> PageResult {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let notice = state.notices.get(&id).ok_or(PageError::NoticeGone)?;
    let (title, paragraphs) = title_and_paragraphs(&app, f.lang, notice);
    let link = app.live.uplink.get();
    let receipt = f.t(if notice.from_commune {
        "receipt-theirs"
    } else if !link.configured {
        "receipt-none"
    } else if link.received >= notice.order {
        "receipt-has"
    } else {
        "receipt-not-yet"
    });
    let paragraphs = paragraphs.iter().map(|p| split_phones(p)).collect();
    Ok(render(&NoticePage {
        id: notice.id.to_string(),
        once: secret::token().map_err(|_| PageError::Unavailable)?,
        title,
        when: posted_when(f.lang, notice),
        paragraphs,
        receipt,
        can_take_down: f.is_chief,
        f,
    }))
}

/// Takes one down. The form's command id makes a double tap harmless: it does not tell that there is
/// no such notice.
pub async fn take_down(
    State(app): State<App>,
    PathId(id): PathId<NoticeId>,
    Post {
        visit,
        once,
        deadline,
        ..
    }: Post<ButtonOnly>,
) -> PageResult {
    let once = once.ok_or(PageError::OldForm)?;
    let until = app.supervisor.clock().trusted_ms() + DAY_MS;
    let order = visit.request(notice::Command::TakeDown { id })?;
    let order = order.idempotent(once, until).before(deadline);
    app.journal.submit(order).await?;
    Ok(redirect_see_other("/notices?said=taken-down"))
}
