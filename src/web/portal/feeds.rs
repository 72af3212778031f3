//! The village's notices for other programs: RSS 2.0 and JSON Feed 1.1.
//!
//! Invariants: both have the same notices, the newest first, at most [`MOST`]; the address of a
//! notice is its public link. Its id is the link with its whole id, as it was before notices had
//! codes: a reader shows nothing twice. Texts are those of the pages, as plain text or escaped
//! HTML. A feed is made once for each change (`made_once`), and a program that has it gets nothing
//! again. Deliberately absent: what is over or was taken down.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::Portal;
use super::made_once::{PageBytes, SharedPage};
use crate::domain::calendar::{rfc822, rfc3339};
use crate::domain::notice::Notice;
use crate::http::notice_body::paragraphs;
use crate::http::render::markup_escaped;
use crate::i18n::locale::Lang;
use crate::time::WallMs;
use crate::web::kit::links::PublicPage;
use crate::web::kit::notice_sheet::ShownNotice;
use crate::web::kit::notices::words_of;

/// Notices of a feed.
const MOST: usize = 40;
/// Where the RSS is.
pub(super) const RSS_PATH: &str = "/feed.xml";
/// Where the JSON Feed is.
pub(super) const JSON_PATH: &str = "/feed.json";

/// A notice in a feed.
struct NewsItem {
    /// Its name among the items, for ever; it opens the same page.
    guid: String,
    link: String,
    title: String,
    paragraphs: Vec<String>,
    at: WallMs,
}

impl NewsItem {
    fn html(&self) -> String {
        let paragraph = |p: &String| format!("<p>{}</p>", markup_escaped(p));
        self.paragraphs.iter().map(paragraph).collect()
    }
}

fn items(portal: &Portal) -> Vec<NewsItem> {
    let app = &portal.app;
    let state = app.journal.state();
    let mut notices = state.notices_at(app.supervisor.clock().trusted_ms());
    notices.sort_by_key(|n| std::cmp::Reverse(n.order));
    let item = |notice: &Arc<Notice>| {
        // Nobody subscribes to a text that cannot be read.
        let words = words_of(app, notice).ok()?;
        let facts = ShownNotice::of(app, Lang::Vi, &words, &notice.details, "").fact_lines();
        Some(NewsItem {
            guid: app.links.at(&format!("/t/{}", notice.id)),
            link: app.links.to(PublicPage::Notice(notice)),
            title: words.title,
            paragraphs: facts.into_iter().chain(paragraphs(&words.body)).collect(),
            at: notice.at,
        })
    };
    notices.iter().take(MOST).filter_map(item).collect()
}

fn village_name(portal: &Portal) -> String {
    let state = portal.app.journal.state();
    let village = state.village.as_ref();
    village.map_or_else(|| "Cổng Làng".to_owned(), |v| v.name.clone())
}

async fn answer(
    portal: &Portal,
    page: SharedPage,
    asked: &HeaderMap,
    make: impl FnOnce(&Portal) -> PageBytes + Send + 'static,
) -> Response {
    match portal.shared(page, |portal| Some(make(portal))).await {
        Ok(feed) => feed.answer_if_new(asked),
        Err(failed) => failed,
    }
}

/// The RSS.
pub async fn rss(State(portal): State<Portal>, asked: HeaderMap) -> Response {
    let make = |portal: &Portal| PageBytes::new("application/rss+xml; charset=utf-8", xml(portal));
    answer(&portal, SharedPage::Rss, &asked, make).await
}

/// The JSON Feed.
pub async fn json_feed(State(portal): State<Portal>, asked: HeaderMap) -> Response {
    let make = |portal: &Portal| PageBytes::new("application/feed+json", json(portal));
    answer(&portal, SharedPage::JsonFeed, &asked, make).await
}

fn xml(portal: &Portal) -> String {
    let links = &portal.app.links;
    let (name, items) = (village_name(portal), items(portal));
    let about = Lang::Vi.f("feed-about", &[("village", &name)]);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n\
         <title>{}</title>\n<link>{}</link>\n<description>{}</description>\n\
         <language>vi</language>\n\
         <atom:link href=\"{}\" rel=\"self\" type=\"application/rss+xml\"/>\n",
        markup_escaped(&name),
        markup_escaped(&links.to(PublicPage::Notices)),
        markup_escaped(&about),
        markup_escaped(&links.at(RSS_PATH)),
    );
    if let Some(newest) = items.first() {
        xml.push_str(&format!(
            "<lastBuildDate>{}</lastBuildDate>\n",
            rfc822(newest.at)
        ));
    }
    for item in &items {
        xml.push_str(&format!(
            "<item>\n<title>{}</title>\n<link>{}</link>\n\
             <guid isPermaLink=\"true\">{}</guid>\n<pubDate>{}</pubDate>\n\
             <description>{}</description>\n</item>\n",
            markup_escaped(&item.title),
            markup_escaped(&item.link),
            markup_escaped(&item.guid),
            rfc822(item.at),
            markup_escaped(&item.html()),
        ));
    }
    xml.push_str("</channel>\n</rss>\n");
    xml
}

fn json(portal: &Portal) -> String {
    let links = &portal.app.links;
    let name = village_name(portal);
    let items: Vec<_> = items(portal)
        .iter()
        .map(|item| {
            json!({
                "id": item.guid,
                "url": item.link,
                "title": item.title,
                "content_text": item.paragraphs.join("\n"),
                "content_html": item.html(),
                "date_published": rfc3339(item.at),
            })
        })
        .collect();
    let feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": name,
        "description": Lang::Vi.f("feed-about", &[("village", &name)]),
        "home_page_url": links.to(PublicPage::Notices),
        "feed_url": links.at(JSON_PATH),
        "language": "vi",
        "items": items,
    });
    feed.to_string()
}
