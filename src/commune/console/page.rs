//! The page: all villages, what they told, bulletins, who is signed in; or the door, for whoever is
//! not.
//!
//! Invariant: what is behind the door is made in turn and off the async threads: each page reads
//! hundreds of records of each village.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::office::{Console, language_of};
use super::villages::VillageRow;
use crate::doors::dates;
use crate::doors::locale::Lang;
use crate::doors::page::{Frame, show_with};
use crate::keys::secret;

pub(super) const STYLE: &str = include_str!("../../web/assets/village.css");

/// What a page says besides what it always shows.
#[derive(Default)]
pub(in crate::commune) struct Said {
    /// Why something was not done.
    pub wrong: String,
    /// What was done.
    pub done: Option<String>,
    /// A bulletin that was typed and not taken.
    pub typed: Typed,
}

/// A bulletin as the officer typed it.
#[derive(Default)]
pub(in crate::commune) struct Typed {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) urgent: bool,
    /// None = nothing was typed yet: all are chosen.
    pub(super) villages: Option<Vec<String>>,
}

#[derive(askama::Template)]
#[template(path = "console.html")]
struct Page {
    f: Frame,
    css: &'static str,
    signed_in: bool,
    wrong: String,
    summary: String,
    villages: Vec<VillageRow>,
    reported: Vec<String>,
    bulletins: Vec<String>,
    /// What the officer typed, when it was not taken.
    typed: Typed,
    /// The form's own name: a second tap sends nothing again.
    once: String,
    /// Who is signed in, this one first.
    inside: Vec<String>,
    /// The language that this page is not in.
    other: &'static str,
}

impl Console {
    /// Makes the page; what is behind the door only in turn and off the async threads.
    pub(in crate::commune) async fn answer(
        &self,
        headers: HeaderMap,
        status: StatusCode,
        said: Said,
    ) -> Response {
        let token = self.sessions.token(&headers);
        let lang = language_of(&headers);
        let Some(token) = token else {
            return self.page(lang, status, said, None);
        };
        let Ok(turn) = self.pages.clone().acquire_owned().await else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let console = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, also when the browser has left.
            let _turn = turn;
            console.page(lang, status, said, Some(&token))
        });
        made.await
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    fn page(&self, lang: Lang, status: StatusCode, said: Said, token: Option<&str>) -> Response {
        let Said { wrong, done, typed } = said;
        let form = token.map_or_else(String::new, |t| self.sessions.form(t));
        let f = Frame {
            lang,
            village: self.name.clone(),
            form,
            said: done,
            ..Frame::default()
        };
        let now = self.clock.wall_ms();
        let signed_in = token.is_some();
        let mut rows = if signed_in {
            self.rows(lang, now)
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
        let good = rows
            .iter()
            .filter(|r| r.mark.is_empty())
            .count()
            .to_string();
        let summary = lang.f(
            "commune-summary",
            &[("n", &good), ("all", &rows.len().to_string())],
        );
        let (mut reported, bulletins) = if signed_in {
            (self.reported(lang, now), self.bulletins(lang, now))
        } else {
            Default::default()
        };
        if let Some(why) = self.store.today(now).why().filter(|_| signed_in) {
            reported.insert(0, crate::doors::page::plain_row("bad", &lang.t(why), ""));
        }
        let inside = token.map(|t| self.inside(lang, now, t)).unwrap_or_default();
        let other = if lang.tag() == "vi" { "en" } else { "vi" };
        show_with(
            status,
            &Page {
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

    /// Who is signed in.
    fn inside(&self, lang: Lang, now: i64, token: &str) -> Vec<String> {
        let row = |(session, mine): (super::super::sessions::Session, bool)| {
            let words = if mine {
                lang.f("commune-this-one", &[("address", &session.address)])
            } else {
                session.address
            };
            crate::doors::page::plain_row("", &words, &dates::since(now, session.began_at))
        };
        self.sessions.list(token).into_iter().map(row).collect()
    }
}
