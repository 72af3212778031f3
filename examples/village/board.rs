//! The demo's notice board, made for the day of the run: `config/demo/notices.toml` with its days
//! and placeholders filled in.
//!
//! A notice has `id`, `kind`, `title`, `body`; it may have `urgent`, `risk` (1–5), `source`,
//! `place`, `occasion` (the name of the day of an event) and `files` beside the board; and days by
//! name (see `days.rs`), of which `until` is also the last moment that the gateway shows it. In its
//! texts `{name}` is that day in words, “Thứ Bảy 12/12/2026”; `{name.short}` the same without the
//! year, `{name.lunar}` the lunar day, and `{name.time}`, `{name.month}`, `{name.quarter}`,
//! `{name.year}` that part of it. A placeholder that cannot be filled in, a day that no text uses,
//! and a notice that the gateway would reject are errors with a sentence: the whole board is
//! published or nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use conglang::domain::notice::{
    NoticeDetails, NoticeKind, NoticeWords, Occasion, Risk, RiskLevel, text_problem,
};
use conglang::time::WallMs;
use serde::Deserialize;

use super::days::Moment;

/// A notice that can be published now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub id: String,
    pub words: NoticeWords,
    pub details: NoticeDetails,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    notice: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    id: String,
    kind: NoticeKind,
    #[serde(default)]
    urgent: bool,
    /// A level of disaster risk; its moment is the day `from`.
    risk: Option<u8>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    place: String,
    /// The name of the day on which it takes place.
    occasion: Option<String>,
    /// Files beside the board.
    #[serde(default)]
    files: Vec<String>,
    title: String,
    body: String,
    #[serde(flatten)]
    days: BTreeMap<String, String>,
}

/// All notices of `text` for a village in which it is `now`.
///
/// # Errors
/// A sentence that names the notice and what is wrong with it.
pub fn compose(text: &str, now: WallMs) -> anyhow::Result<Vec<Notice>> {
    let file: File = toml::from_str(text)
        .context("bảng tin không đúng dạng TOML, hoặc thiếu id, kind, title, body")?;
    ensure!(!file.notice.is_empty(), "bảng tin không có thông báo nào");
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for written in &file.notice {
        ensure!(
            seen.insert(&written.id),
            "hai thông báo cùng mang mã {}",
            written.id
        );
        out.push(
            fill(written, now)
                .with_context(|| format!("thông báo {} “{}”", written.id, written.title))?,
        );
    }
    Ok(out)
}

fn fill(written: &Written, now: WallMs) -> anyhow::Result<Notice> {
    let mut days = BTreeMap::new();
    for (name, words) in &written.days {
        days.insert(
            name.as_str(),
            Moment::parse(words, now).with_context(|| format!("ngày “{name}”"))?,
        );
    }
    let mut used = BTreeSet::from(["until".to_owned()]);
    let title = said(&written.title, &days, &mut used)?;
    let body = said(&written.body, &days, &mut used)?;
    if let Some(idle) = days.keys().find(|name| !used.contains(**name)) {
        bail!("không chỗ nào dùng đến ngày “{idle}”; bỏ nó đi, hoặc viết {{{idle}}} vào lời");
    }
    ensure!(
        text_problem(&title, &body).is_none(),
        "lời trống hoặc dài quá mức nhà văn hóa nhận"
    );
    let until = days.get("until").map(|m| m.end());
    ensure!(
        until.is_none_or(|u| u > now),
        "“until” đã qua rồi: cổng không nhận thông báo đã hết hạn"
    );
    let moment = |name: &str| days.get(name).map(|m| m.begin());
    let mut details = NoticeDetails::of(written.kind).until(until);
    details.urgent = written.urgent;
    if let Some(number) = written.risk {
        let level = RiskLevel::new(number).context("cấp độ rủi ro là số từ 1 đến 5")?;
        let at = moment("from");
        details.risk = Some(Risk { level, at });
    }
    if let Some(name) = &written.occasion {
        let at = moment(name).with_context(|| format!("“occasion”: không có ngày “{name}”"))?;
        details.occasion = Some(Occasion { at, ends: None });
    }
    let words = NoticeWords {
        title,
        body,
        place: written.place.clone(),
        source: written.source.clone(),
        files: written.files.clone(),
    };
    Ok(Notice {
        id: written.id.clone(),
        words: words.cleaned(),
        details,
    })
}

/// `text` with its placeholders filled in.
fn said(
    text: &str,
    days: &BTreeMap<&str, Moment>,
    used: &mut BTreeSet<String>,
) -> anyhow::Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after
            .split_once('}')
            .context("có dấu “{” mà không có dấu “}”")?;
        let (name, part) = inside.split_once('.').unwrap_or((inside, ""));
        let Some(moment) = days.get(name) else {
            let known = days.keys().copied().collect::<Vec<_>>().join(", ");
            bail!(
                "không biết {{{inside}}} là ngày nào; thông báo này có các ngày: {}",
                if known.is_empty() {
                    "(không có)"
                } else {
                    &known
                }
            );
        };
        let Some(words) = moment.words(part) else {
            bail!(
                "{{{inside}}}: không có phần “{part}”, hoặc ngày ấy không có giờ; có short, lunar, \
                 time, month, quarter, year"
            );
        };
        used.insert(name.to_owned());
        out.push_str(before);
        out.push_str(&words);
        rest = after;
    }
    ensure!(
        !rest.contains('}') && !out.contains('}'),
        "có dấu “}}” mà không có dấu “{{”"
    );
    out.push_str(rest);
    Ok(out)
}
