//! The page: all villages, what they reported, bulletins, sign-ins; or the sign-in form for a
//! visitor who is not signed in.
//!
//! Invariant: the page of a signed-in officer is made with a permit and off the async threads,
//! because it reads hundreds of records of each village.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::context::{Console, language_of};
use super::village_rows::VillageRow;
use crate::http::assets::STYLE;
use crate::http::form_token;
use crate::http::render::{PageContext, render_with};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::keys::secret;

/// Messages that a page shows besides its usual content.
#[derive(Default)]
pub(in crate::commune) struct PageMessage {
    /// The reason why something was not done.
    pub error: String,
    /// The action that was done.
    pub notice: Option<String>,
    /// A bulletin that was typed and rejected.
    pub draft: BulletinDraft,
}

/// A bulletin as the officer typed it.
#[derive(Default)]
pub(in crate::commune) struct BulletinDraft {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) urgent: bool,
    /// None = nothing was typed yet: all are chosen.
    pub(super) villages: Option<Vec<String>>,
}

#[derive(askama::Template)]
#[template(path = "console.html")]
struct ConsolePage {
    f: PageContext,
    css: &'static str,
    signed_in: bool,
    wrong: String,
    summary: String,
    villages: Vec<VillageRow>,
    reported: Vec<String>,
    bulletins: Vec<String>,
    /// The rejected bulletin as the officer typed it.
    typed: BulletinDraft,
    /// The form's token: posting the form a second time sends nothing again.
    once: String,
    /// The sign-ins, the newest first.
    inside: Vec<String>,
    /// The language that this page is not in.
    other: &'static str,
}

impl Console {
    /// Makes the page; for a signed-in officer, with a permit and off the async threads.
    pub(in crate::commune) async fn render(
        &self,
        headers: HeaderMap,
        status: StatusCode,
        said: PageMessage,
    ) -> Response {
        let token = self.sessions.token(&headers);
        let lang = language_of(&headers);
        let Some(token) = token else {
            return self.render_page(lang, status, said, None);
        };
        let Ok(turn) = self.page_permits.clone().acquire_owned().await else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let console = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            // The permit lasts as long as the work, also when the browser has disconnected.
            let _turn = turn;
            console.render_page(lang, status, said, Some(&token))
        });
        made.await
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    fn render_page(
        &self,
        lang: Lang,
        status: StatusCode,
        said: PageMessage,
        token: Option<&str>,
    ) -> Response {
        let PageMessage {
            error: wrong,
            notice: done,
            draft: typed,
        } = said;
        let form = token.map_or_else(String::new, |t| {
            form_token::mask(&self.sessions.csrf_token(t))
        });
        let f = PageContext {
            lang,
            village: self.name.clone(),
            csrf: form,
            flash: done,
            ..PageContext::default()
        };
        let now = self.clock.wall_ms();
        let signed_in = token.is_some();
        let mut rows = if signed_in {
            self.village_rows(lang, now)
        } else {
            Vec::new()
        };
        for village in &mut rows {
            village.chosen = typed
                .villages
                .as_ref()
                .is_none_or(|chosen| chosen.contains(&village.id));
        }
        let Ok(once) = secret::token() else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let good = rows.iter().filter(|r| r.in_touch).count().to_string();
        let summary = lang.f(
            "commune-summary",
            &[("n", &good), ("all", &rows.len().to_string())],
        );
        let (mut reported, bulletins) = if signed_in {
            (self.report_rows(lang, now), self.bulletin_rows(lang, now))
        } else {
            Default::default()
        };
        if let Some(why) = self
            .store
            .daily_quota(now)
            .reason_key()
            .filter(|_| signed_in)
        {
            reported.insert(0, crate::http::render::plain_row("bad", &lang.t(why), ""));
        }
        let inside = token
            .map(|t| self.sign_in_rows(lang, now, t))
            .unwrap_or_default();
        let other = if lang.tag() == "vi" { "en" } else { "vi" };
        render_with(
            status,
            &ConsolePage {
                css: STYLE,
                signed_in,
                wrong,
                summary,
                villages: rows,
                reported,
                bulletins,
                typed,
                once,
                inside,
                other,
                f,
            },
        )
    }

    /// Rows of the sign-ins.
    fn sign_in_rows(&self, lang: Lang, now: i64, token: &str) -> Vec<String> {
        let row = |(session, mine): (super::super::sessions::ConsoleSignIn, bool)| {
            let words = if mine {
                lang.f("commune-this-one", &[("address", &session.address)])
            } else {
                session.address
            };
            crate::http::render::plain_row("", &words, &dates::since(now, session.began_at))
        };
        self.sessions.list(token).into_iter().map(row).collect()
    }
}
