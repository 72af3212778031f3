//! Thông báo: write, publish, take down. A notice is written once; the portal and the commune get
//! the same text.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::domain::id::{CommandId, NoticeId};
use crate::domain::notice::{self, NoticeKind, normalize, text_problem};
use crate::http::render::{
    PageContext, TextSpan, redirect_see_other, render, render_with, split_phones,
};
use crate::journal::{CommandRequest, SubmitError};
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection, Row};
use crate::web::kit::form_fields::{AnyAge, FormFields};
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
struct NewPage {
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

/// The form, with the text that was typed before and why it was not accepted.
fn form(
    app: &App,
    visit: &RequestContext,
    once: String,
    typed: &FormFields,
    wrong: String,
) -> NewPage {
    let f = app.page_context(visit, &app.journal.state(), "more");
    let choice = |name: &str, value: &'static str, words: String| SelectOption {
        chosen: typed.get(name) == value,
        value,
        words,
    };
    let kinds = [
        ("notice", "kind-notice"),
        ("event", "kind-event"),
        ("document", "kind-document"),
        ("urgent", "kind-urgent"),
    ]
    .map(|(v, key)| choice("kind", v, f.t(key)))
    .into();
    let days = [
        ("7", f.t1("for-days", "n", "7")),
        ("30", f.t1("for-days", "n", "30")),
        ("0", f.t("until-taken-down")),
    ]
    .map(|(v, words)| choice("days", v, words))
    .into();
    NewPage {
        once,
        wrong,
        title: typed.get("title").to_owned(),
        body: typed.get("body").to_owned(),
        kinds,
        days,
        f,
    }
}

/// The empty form.
pub async fn new(State(app): State<App>, visit: RequestContext) -> Response {
    if !visit.is_chief() {
        return app.error_page(
            &visit,
            StatusCode::FORBIDDEN,
            "refused-title",
            "refused-not-permitted",
        );
    }
    let Ok(once) = crate::keys::secret::token() else {
        return app.error_page(
            &visit,
            StatusCode::SERVICE_UNAVAILABLE,
            "refused-title",
            "cannot-now",
        );
    };
    render(&form(
        &app,
        &visit,
        once,
        &FormFields::default(),
        String::new(),
    ))
}

/// Publishes the notice in the form. The form's own random id makes a double tap harmless.
pub async fn publish(
    State(app): State<App>,
    visit: RequestContext,
    AnyAge(fields): AnyAge,
) -> Response {
    if visit.user.is_none() {
        return redirect_see_other("/sign-in");
    }
    // The typed text is shown again with the reason, under a fresh id: nobody types it twice.
    let again = |status, wrong: String| match crate::keys::secret::token() {
        Ok(once) => render_with(status, &form(&app, &visit, once, &fields, wrong)),
        Err(_) => app.error_page(
            &visit,
            StatusCode::SERVICE_UNAVAILABLE,
            "refused-title",
            "cannot-now",
        ),
    };
    if !app.verify_csrf(&visit, fields.get("form")) {
        return again(StatusCode::FORBIDDEN, visit.lang.t("form-again"));
    }
    if fields.deadline().is_none() {
        return again(StatusCode::CONFLICT, visit.lang.t("order-late"));
    }
    let (title, body) = normalize(fields.get("title"), fields.get("body"));
    if !visit.is_chief() {
        return app.error_page(
            &visit,
            StatusCode::FORBIDDEN,
            "refused-title",
            "refused-not-permitted",
        );
    }
    let (Ok(id), Ok(once)) = (
        NoticeId::new(fields.get("once")),
        CommandId::new(fields.get("once")),
    ) else {
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
        return redirect_see_other(&format!("/notices/{id}?said=published"));
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
    let kind = match fields.get("kind") {
        "urgent" => NoticeKind::Urgent,
        "event" => NoticeKind::Event,
        "document" => NoticeKind::Document,
        _ => NoticeKind::Notice,
    };
    // A gateway whose clock is dead believes in 1970: a notice that is published then must still be
    // valid for days to come.
    let now = app.supervisor.clock().trusted_ms();
    let until = fields
        .get("days")
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
    let Some(actor) = visit.actor() else {
        return redirect_see_other("/sign-in");
    };
    let request = CommandRequest::new(
        actor,
        notice::Command::Publish {
            id: id.clone(),
            text,
            kind,
            until,
        },
    )
    .idempotent(once, now + DAY_MS)
    .before(fields.deadline());
    match app.journal.submit(request).await {
        Ok(_) => redirect_see_other(&format!("/notices/{id}?said=published")),
        Err(SubmitError::Rejected(why)) => again(StatusCode::CONFLICT, visit.lang.t(why.key())),
        Err(SubmitError::Closed(_)) => again(
            StatusCode::SERVICE_UNAVAILABLE,
            visit.lang.t("journal-closed-do"),
        ),
    }
}

#[derive(askama::Template)]
#[template(path = "notice.html")]
struct NoticePage {
    f: PageContext,
    id: String,
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
    Path(id): Path<String>,
) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let Some(notice) = NoticeId::new(&id)
        .ok()
        .and_then(|id| state.notices.get(&id))
    else {
        return app.error_page(
            &visit,
            StatusCode::NOT_FOUND,
            "notice-no-longer",
            "notice-no-longer-do",
        );
    };
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
    render(&NoticePage {
        id: notice.id.to_string(),
        title,
        when: posted_when(f.lang, notice),
        paragraphs,
        receipt,
        can_take_down: f.is_chief,
        f,
    })
}

/// Takes one down.
pub async fn take_down(
    State(app): State<App>,
    visit: RequestContext,
    Path(id): Path<String>,
    fields: FormFields,
) -> Response {
    if !app.verify_csrf(&visit, fields.get("form")) {
        return app.error_page(&visit, StatusCode::FORBIDDEN, "form-old", "form-old-do");
    }
    let Ok(id) = NoticeId::new(&id) else {
        return app.error_page(&visit, StatusCode::NOT_FOUND, "not-found", "not-found-do");
    };
    match app
        .submit_before(&visit, fields.deadline(), notice::Command::TakeDown { id })
        .await
    {
        Ok(_) => redirect_see_other("/notices?said=taken-down"),
        Err(page) => page,
    }
}
