//! The pages that an officer reads: all villages, one village, all bulletins, one bulletin. Their
//! changing parts are made in one place for the page and for its live updates ([`Followed`]).

use axum::extract::State;
use axum::http::Uri;
use serde::Deserialize;

use super::bulletin_rows::{BULLETINS_A_PAGE, BULLETINS_ON_HOME};
use super::context::{Console, Reader};
use super::frame::{Frame, RowList, Summary};
use super::official::OfficialSign;
use super::village_rows::{VillageView, call, names_text};
use crate::domain::id::VillageId;
use crate::http::address::{PathId, Query};
use crate::http::fragment::Fragment;
use crate::http::page_error::{PageError, PageResult};
use crate::http::render::render;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::time::WallMs;

/// A page with parts that change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Followed {
    Home,
    /// The newest bulletins.
    Bulletins,
    Bulletin(u64),
    Village(String),
}

impl Followed {
    /// The page that a path below `/live/` names.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        match path.split_once('/') {
            None if path == "home" => Some(Self::Home),
            None if path == "bulletins" => Some(Self::Bulletins),
            Some(("bulletins", number)) => number.parse().ok().map(Self::Bulletin),
            Some(("villages", id)) => Some(Self::Village(id.to_owned())),
            _ => None,
        }
    }

    /// Where its live updates come from.
    pub(super) fn live(&self) -> String {
        match self {
            Self::Home => "/live/home".to_owned(),
            Self::Bulletins => "/live/bulletins".to_owned(),
            Self::Bulletin(number) => format!("/live/bulletins/{number}"),
            Self::Village(id) => format!("/live/villages/{id}"),
        }
    }
}

fn list(id: &str, rows: &[String], empty: &str) -> Fragment {
    RowList { id, rows, empty }.fragment()
}

impl Console {
    /// The parts of a page that change, in the order in which its template has them; none = there
    /// is no such page. Blocks on the store.
    pub(super) fn fragments(
        &self,
        lang: Lang,
        now: WallMs,
        page: &Followed,
    ) -> Option<Vec<Fragment>> {
        match page {
            Followed::Home => Some(self.home_fragments(lang, now)),
            Followed::Bulletins => {
                let (rows, _) = self.bulletin_rows(lang, now, u64::MAX, BULLETINS_A_PAGE);
                Some(vec![list(
                    "bulletins",
                    &rows,
                    &lang.t("commune-no-bulletins"),
                )])
            }
            Followed::Bulletin(number) => {
                let sent = self.store.sent_bulletin(*number).ok()??;
                let receipts = self.store.receipts(&sent, now).ok()?;
                let rows = self.receipt_rows(lang, now, &receipts);
                Some(vec![
                    self.bulletin_summary(lang, now, &sent, &receipts),
                    list("receipts", &rows, ""),
                ])
            }
            Followed::Village(id) => {
                let village = self.village(id)?;
                let view = self.village_view(lang, now, village);
                let reported = self.report_rows(lang, now, std::slice::from_ref(village));
                Some(vec![
                    view.summary(lang).fragment(),
                    list(
                        "bulletins",
                        &self.bulletins_of_village(lang, now, id),
                        &lang.t("commune-no-bulletins"),
                    ),
                    list("reported", &reported, &lang.t("no-history")),
                ])
            }
        }
    }

    fn home_fragments(&self, lang: Lang, now: WallMs) -> Vec<Fragment> {
        let views = self.village_views(lang, now);
        let silent: Vec<String> = views
            .iter()
            .filter(|v| !v.is_in_touch())
            .map(|v| v.silent_since(lang, now))
            .collect();
        let touched = views.len() - silent.len();
        let quota = self.store.daily_quota(now).reason_key();
        let (mark, banner) = match quota {
            Some(why) => ("bad", lang.t(why)),
            None if silent.is_empty() => ("", String::new()),
            None => {
                let names = names_text(lang, &silent);
                ("warn", lang.f("commune-silent", &[("names", &names)]))
            }
        };
        let summary = Summary {
            title: lang.f(
                "commune-summary",
                &[
                    ("n", &touched.to_string()),
                    ("all", &views.len().to_string()),
                ],
            ),
            mark,
            banner,
            ..Summary::default()
        };
        let (bulletins, _) = self.bulletin_rows(lang, now, u64::MAX, BULLETINS_ON_HOME);
        let reported = self.report_rows(lang, now, &self.villages);
        let villages: Vec<String> = views.iter().map(VillageView::row).collect();
        vec![
            summary.fragment(),
            list("bulletins", &bulletins, &lang.t("commune-no-bulletins")),
            list("villages", &villages, ""),
            list("reported", &reported, &lang.t("no-history")),
        ]
    }
}

#[derive(askama::Template)]
#[template(path = "console_home.html")]
struct ConsoleHomePage {
    f: Frame,
    summary: String,
    bulletins: String,
    villages: String,
    reported: String,
}

#[derive(askama::Template)]
#[template(path = "bulletins.html")]
struct BulletinsPage {
    f: Frame,
    rows: String,
    /// The number below which there are more; 0 = there are none.
    older: u64,
}

#[derive(askama::Template)]
#[template(path = "bulletin.html")]
struct BulletinPage {
    f: Frame,
    summary: String,
    rows: String,
    heading: String,
    body: String,
    urgent: bool,
    sign: Option<OfficialSign>,
}

#[derive(askama::Template)]
#[template(path = "console_village.html")]
struct VillagePage {
    f: Frame,
    summary: String,
    bulletins: String,
    reported: String,
    name: String,
    call: String,
    dial: String,
}

/// All villages.
pub(super) async fn home(
    State(console): State<Console>,
    Reader { officer, lang }: Reader,
) -> PageResult {
    console
        .page(lang, officer, |console, mut f| {
            f.live = Followed::Home.live();
            let now = console.clock.wall_ms();
            let mut parts = console.home_fragments(f.lang, now).into_iter();
            let mut next = || parts.next().unwrap_or_default().html;
            Ok(render(&ConsoleHomePage {
                summary: next(),
                bulletins: next(),
                villages: next(),
                reported: next(),
                f,
            }))
        })
        .await
}

/// Which page of the bulletins is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct BulletinsQuery {
    /// Only bulletins with lower numbers.
    before: Option<u64>,
}

/// All bulletins, a page at a time.
pub(super) async fn bulletins(
    State(console): State<Console>,
    Reader { officer, lang }: Reader,
    Query(BulletinsQuery { before }): Query<BulletinsQuery>,
) -> PageResult {
    console
        .page(lang, officer, move |console, mut f| {
            if before.is_none() {
                f.live = Followed::Bulletins.live();
            }
            let (rows, older) = console.bulletin_rows(
                f.lang,
                console.clock.wall_ms(),
                before.unwrap_or(u64::MAX),
                BULLETINS_A_PAGE,
            );
            let rows = list("bulletins", &rows, &f.t("commune-no-bulletins")).html;
            Ok(render(&BulletinsPage { f, rows, older }))
        })
        .await
}

/// One bulletin with what became of it in each village; also what an officer sees after sending.
pub(super) async fn bulletin(
    State(console): State<Console>,
    Reader { officer, lang }: Reader,
    PathId(number): PathId<u64>,
    uri: Uri,
) -> PageResult {
    let said = match uri.query() {
        Some("said=sent") => Some("commune-sent"),
        Some("said=sent-others") => Some("commune-sent-others"),
        Some("said=present") => Some("commune-present"),
        _ => None,
    };
    console
        .page(lang, officer, move |console, mut f| {
            let page = Followed::Bulletin(number);
            let now = console.clock.wall_ms();
            let sent = console.store.sent_bulletin(number);
            let sent = sent.map_err(|_| PageError::Unavailable)?;
            let sent = sent.ok_or(PageError::NotFound)?;
            let parts = console.fragments(f.lang, now, &page);
            let mut parts = parts.ok_or(PageError::Unavailable)?.into_iter();
            let mut next = || parts.next().unwrap_or_default().html;
            f.live = page.live();
            f.flash = said.map_or_else(String::new, |key| f.t(key));
            Ok(render(&BulletinPage {
                summary: next(),
                rows: next(),
                heading: f.verbatim(&sent.bulletin.title),
                body: f.verbatim(&sent.bulletin.body),
                urgent: sent.bulletin.urgent,
                sign: OfficialSign::of(f.lang, &sent.bulletin),
                f,
            }))
        })
        .await
}

/// One village: how it is, whom to call, its bulletins, what it reported.
pub(super) async fn village(
    State(console): State<Console>,
    Reader { officer, lang }: Reader,
    PathId(id): PathId<VillageId>,
) -> PageResult {
    console
        .page(lang, officer, move |console, mut f| {
            let page = Followed::Village(id.to_string());
            let now = console.clock.wall_ms();
            let parts = console.fragments(f.lang, now, &page);
            let mut parts = parts.ok_or(PageError::NotFound)?.into_iter();
            let mut next = || parts.next().unwrap_or_default().html;
            f.live = page.live();
            let (call, dial) = call(f.lang, console.village(id.as_str()));
            Ok(render(&VillagePage {
                summary: next(),
                bulletins: next(),
                reported: next(),
                name: console.village_name(f.lang, id.as_str()),
                call,
                dial,
                f,
            }))
        })
        .await
}

/// The time of a live update, as its page shows it when the link is lost.
pub(super) fn update_time(now: WallMs) -> String {
    dates::clock(now)
}
