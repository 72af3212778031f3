//! The list of notices: drafts, then what is up, each with the day that counts and a way to correct
//! it. A mark stands only at what is urgent or ends soon.
//!
//! Invariant: a mark never stands alone, its words stand beside it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::{ARCHIVE_PATH, outside};
use crate::domain::calendar::{day, day_number, minute_of_day, weekday};
use crate::domain::id::NoticeId;
use crate::domain::notice::{Notice, NoticeDraft, NoticeKind};
use crate::http::address::Query;
use crate::http::fragment::html;
use crate::http::render::{PageContext, render};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::time::WallMs;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::components::{ListPage, PageSection};
use crate::web::kit::notices::{kind_key, summarize};

/// Notices on one page of the list.
const PAGE_NOTICES: usize = 100;
/// Most characters of a draft's title in the list.
const MAX_TITLE_CHARS: usize = 120;

/// The list: drafts, then what is up, a hundred a page.
pub async fn page(
    State(app): State<App>,
    visit: RequestContext,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let state = app.journal.state();
    let f = app.page_context(&visit, &state, "more");
    let from = query.iter().find(|(name, _)| name == "from");
    let from = from.and_then(|(_, n)| n.parse::<usize>().ok()).unwrap_or(0);
    let up = state.notices_at(app.supervisor.clock().trusted_ms());
    let rows = up.iter().skip(from).take(PAGE_NOTICES);
    let rows = rows.map(|n| row(&app, &f, n)).collect();
    let mut parts = Vec::new();
    if f.is_chief {
        parts.extend(outside::troubles(&app, &f));
    }
    if f.is_chief && !state.drafts.is_empty() {
        let mut drafts: Vec<_> = state.drafts.values().collect();
        drafts.sort_by_key(|draft| (draft.publish_at, std::cmp::Reverse(draft.order)));
        parts.push(PageSection {
            name: f.t("notice-drafts"),
            controls: waiting_for_time(&app, &f, &drafts),
            rows: drafts.iter().map(|d| draft_row(&app, &f, d)).collect(),
            ..PageSection::default()
        });
    }
    parts.push(PageSection {
        name: if parts.is_empty() {
            String::new()
        } else {
            f.t("notices-up")
        },
        rows,
        empty: f.t("no-notices"),
        ..PageSection::default()
    });
    let mut links = Vec::new();
    if up.len() > from.saturating_add(PAGE_NOTICES) {
        let next = format!("/notices?from={}", from.saturating_add(PAGE_NOTICES));
        links.push((next, f.t("notices-older")));
    }
    if f.is_chief {
        links.push((ARCHIVE_PATH.to_owned(), f.t("notice-archive")));
    }
    render(&ListPage {
        title: f.t("notices"),
        live: "/live/other",
        summary: if f.is_chief {
            format!(
                "<p><a class=\"button go huge\" href=\"/notices/new\">{}</a></p>",
                f.t("write-notice")
            )
        } else {
            String::new()
        },
        parts,
        links,
        refresh: 0,
        f,
    })
}

#[derive(askama::Template)]
#[template(path = "notice_row.html")]
struct NoticeRow<'a> {
    f: &'a PageContext,
    id: String,
    /// The class of its mark; empty = it has none.
    mark: &'static str,
    title: String,
    words: String,
    can_correct: bool,
}

fn row(app: &App, f: &PageContext, notice: &Notice) -> String {
    let now = app.supervisor.clock().wall_ms();
    let (mark, words) = row_words(f.lang, now, notice);
    let summary = summarize(app, f.lang, notice);
    html(&NoticeRow {
        f,
        id: summary.id,
        mark,
        title: summary.title,
        words,
        can_correct: f.is_chief && !notice.from_commune,
    })
}

/// “12/12”; of another year “2/1/2027”.
fn short_date(now: WallMs, at: WallMs) -> String {
    let that = day(at);
    if that.year == day(now).year {
        format!("{}/{}", that.day, that.month)
    } else {
        dates::date(at)
    }
}

/// “Thứ Bảy 12/12, 19:30”; midnight is a whole day.
fn occasion_text(lang: Lang, now: WallMs, at: WallMs) -> String {
    let name = lang.t(&format!("weekday-{}", weekday(at)));
    let date = short_date(now, at);
    if minute_of_day(at) == 0 {
        format!("{name} {date}")
    } else {
        format!("{name} {date}, {}", dates::clock(at))
    }
}

/// The class of a notice's mark, and its words: what it is about and when, or when it was posted;
/// until when it hangs.
fn row_words(lang: Lang, now: WallMs, notice: &Notice) -> (&'static str, String) {
    let details = &notice.details;
    let kind = lang.t(kind_key(details.kind));
    let mut words = Vec::new();
    if details.urgent {
        words.push(lang.t("notice-urgent"));
    }
    match details.occasion {
        Some(held) if details.kind == NoticeKind::Meeting => {
            let when = occasion_text(lang, now, held.at);
            words.push(lang.f("notice-row-meeting", &[("when", &when)]));
        }
        Some(held) => words.extend([kind, occasion_text(lang, now, held.at)]),
        None => {
            let when = short_date(now, notice.at);
            let key = if notice.from_commune {
                "posted-by-commune"
            } else {
                "posted"
            };
            words.extend([kind, lang.f(key, &[("when", &when)])]);
        }
    }
    let days_left = details.until.map(|u| day_number(u) - day_number(now));
    match (days_left, details.until) {
        (Some(..=0), _) => words.push(lang.t("notice-ends-today")),
        (Some(1), _) => words.push(lang.t("notice-ends-tomorrow")),
        (_, Some(until)) => {
            let when = short_date(now, until);
            words.push(lang.f("notice-hangs-until", &[("when", &when)]));
        }
        (_, None) => {}
    }
    let ends_soon = days_left.is_some_and(|days| days <= 1);
    let mark = if details.urgent || ends_soon {
        "warn"
    } else {
        ""
    };
    (mark, words.join(" · "))
}

#[derive(askama::Template)]
#[template(path = "notice_draft_row.html")]
struct DraftRow<'a> {
    f: &'a PageContext,
    id: &'a NoticeId,
    title: String,
    words: String,
    /// Its time is over before it went up; empty = it is not.
    late: String,
    /// The question before it is thrown away.
    sure: String,
}

fn draft_row(app: &App, f: &PageContext, draft: &NoticeDraft) -> String {
    let saved = dates::moment(f.lang, draft.at);
    // Its moment came when its own time was over already: nobody else tells the chief.
    let is_over = draft.details.is_over(app.supervisor.clock().trusted_ms());
    html(&DraftRow {
        f,
        id: &draft.id,
        title: app.text_on_page(f.lang, &draft.text, MAX_TITLE_CHARS),
        late: if is_over {
            f.t("notice-draft-over")
        } else {
            String::new()
        },
        sure: f.t(if draft.publish_at.is_some() {
            "notice-scheduled-remove-sure"
        } else {
            "notice-draft-remove-sure"
        }),
        words: draft.publish_at.map_or_else(
            || f.t1("notice-draft-saved-at", "when", &saved),
            |at| f.t1("notice-publish-at", "when", dates::moment(f.lang, at)),
        ),
    })
}

/// A sentence above scheduled drafts while the machine does not know the time.
fn waiting_for_time(app: &App, f: &PageContext, drafts: &[&Arc<NoticeDraft>]) -> String {
    let waits = drafts.iter().any(|draft| draft.publish_at.is_some());
    if waits && !app.supervisor.clock().may_act() {
        let words = f.t("notice-waits-for-time");
        format!("<p class=\"say warn\">{words}</p>")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::blob::BlobRef;
    use crate::domain::notice::{NoticeDetails, Occasion};

    /// 8/12/2026 at 10:00 in the village.
    const NOW: WallMs = WallMs::new(1_796_698_800_000);
    const DAY_MS: i64 = 86_400_000;

    fn words(details: NoticeDetails) -> (&'static str, String) {
        let text = serde_json::json!({ "id": "b-1", "mac": "00", "len": 1 });
        let text: BlobRef = serde_json::from_value(text).expect("a text");
        let notice = Notice {
            id: NoticeId::new("n-1").expect("id"),
            text,
            details,
            at: NOW - DAY_MS,
            order: 1,
            first_order: None,
            from_commune: false,
            versions: Vec::new(),
        };
        row_words(Lang::Vi, NOW, &notice)
    }

    fn held(kind: NoticeKind, days: i64, hours: i64) -> NoticeDetails {
        let mut details = NoticeDetails::of(kind);
        details.occasion = Some(Occasion {
            at: NOW + days * DAY_MS + hours * 3_600_000,
            ends: None,
        });
        details
    }

    #[test]
    fn a_row_says_the_day_that_counts_and_marks_only_what_needs_somebody() {
        let until = |days| Some(NOW + days * DAY_MS);
        let row = |mark: &'static str, words: &str| (mark, words.to_owned());
        assert_eq!(
            words(held(NoticeKind::Meeting, 4, 9).until(until(4))),
            row("", "Họp Thứ Bảy 12/12, 19:00 · treo đến hết 12/12")
        );
        assert_eq!(
            words(held(NoticeKind::Event, 30, -10)),
            row("", "Sự kiện · Thứ Năm 7/1/2027")
        );
        assert_eq!(
            words(NoticeDetails::of(NoticeKind::Notice)),
            row("", "Thông báo · đăng 7/12")
        );
        assert_eq!(
            words(NoticeDetails::of(NoticeKind::Notice).until(until(1))),
            row("warn", "Thông báo · đăng 7/12 · hết hạn ngày mai")
        );
        assert_eq!(
            words(
                NoticeDetails::of(NoticeKind::Warning)
                    .urgent()
                    .until(until(0))
            ),
            row("warn", "Tin khẩn · Cảnh báo · đăng 7/12 · hết hạn hôm nay")
        );
    }
}
