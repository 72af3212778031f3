//! A notice as a reader sees it: kind, risk, days by both calendars, body, pictures, papers. The
//! portal, the chief's page and the preview show the same sheet.
//!
//! Invariants: a text that was erased or is damaged is a sentence about that, a file that is not
//! stored any more is not offered, and a link that does not open is its words alone.

use crate::domain::calendar::day_number;
use crate::domain::notice::{
    Attachment, AttachmentKind, Notice, NoticeDetails, NoticeLanguage, NoticeWords, Occasion,
};
use crate::domain::text;
use crate::http::notice_body::{NoticeBlock, blocks};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::store::attachments::extension;
use crate::time::WallMs;
use crate::view::risk_sign::{RiskSign, risk_sign};
use crate::web::kit::app::App;
use crate::web::kit::notices::{Posting, kind_key, posted_text, words_of};

/// A picture of a notice.
#[derive(Debug, Clone)]
pub struct SheetPicture {
    /// Where the small size is.
    pub small: String,
    /// Where the whole is.
    pub whole: String,
    /// In words, for whoever does not see it.
    pub words: String,
    /// Width of the small size, pixels.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// A paper of a notice.
#[derive(Debug, Clone)]
pub struct SheetFile {
    /// Where it is.
    pub href: String,
    /// Its name: “Quy ước thôn”.
    pub title: String,
    /// The words to tap where it is not read on a page: “Mở: Quy ước thôn”.
    pub name: String,
    /// The words to tap beside those that read it on a page: “Mở tệp PDF”.
    pub open: String,
    /// “PDF, 3 trang, 1,2 MB”.
    pub about: String,
    /// Where its text can be read; empty = it has not been read, or not here.
    pub read_href: String,
}

/// A notice as a reader sees it.
#[derive(Debug, Clone, Default)]
pub struct ShownNotice {
    /// Title.
    pub title: String,
    /// Its kind in words.
    pub kind: String,
    /// It stands first on every page.
    pub is_urgent: bool,
    /// The risk.
    pub risk: Option<RiskSign>,
    /// Its days and its place: the label, and the words.
    pub facts: Vec<(String, String)>,
    /// When and where it takes place, as lines of a box; empty = it takes place at no time.
    pub held: Vec<String>,
    /// When it was posted, by whom, and until when it is shown.
    pub posted: String,
    /// When it was corrected; empty = it is as it was posted.
    pub corrected: String,
    /// Its time is over, since when; empty = it is in force.
    pub over: String,
    /// The tag of the language of the body; empty = that of the page's names.
    pub language: &'static str,
    /// The body.
    pub body: Vec<NoticeBlock>,
    /// Pictures.
    pub pictures: Vec<SheetPicture>,
    /// Papers.
    pub files: Vec<SheetFile>,
}

/// A day by both calendars: “Thứ Bảy 12/12/2026 (mùng 4 tháng Mười một âm lịch)”.
#[must_use]
pub fn day_in_both(lang: Lang, at: WallMs) -> String {
    let moon = dates::lunar_words(lang, at);
    format!("{} ({moon})", dates::long(lang, at))
}

/// A moment with its day by both calendars; midnight is a whole day.
#[must_use]
pub fn moment_in_both(lang: Lang, at: WallMs) -> String {
    let (day, clock) = (day_in_both(lang, at), dates::clock(at));
    if clock == "00:00" {
        day
    } else {
        format!("{clock}, {day}")
    }
}

/// When it was posted, by whom and until when, as people say it now.
fn posted_near(lang: Lang, now: WallMs, posting: Posting) -> String {
    posted_text(lang, posting, |at| {
        let day = dates::near(lang, now, at);
        let is_lately = at == posting.at && (0..=1).contains(&(day_number(now) - day_number(at)));
        if is_lately {
            format!("{day}, {}", dates::clock(at))
        } else {
            day
        }
    })
}

/// When it takes place, for a box: the day and the time; by the moon and how far off; the place.
fn occasion_lines(lang: Lang, now: WallMs, occasion: Occasion, place: &str) -> Vec<String> {
    let moment = |at: WallMs| match dates::clock(at).as_str() {
        "00:00" => dates::long(lang, at),
        _ => format!(
            "{}, {}",
            dates::long(lang, at),
            dates::spoken_clock(lang, at)
        ),
    };
    let is_one_day = |ends: WallMs| day_number(ends) == day_number(occasion.at);
    let when = match occasion.ends {
        None => moment(occasion.at),
        Some(ends) if is_one_day(ends) => {
            format!(
                "{} – {}",
                moment(occasion.at),
                dates::spoken_clock(lang, ends)
            )
        }
        Some(ends) => format!("{} – {}", moment(occasion.at), moment(ends)),
    };
    let far = match day_number(occasion.at) - day_number(now) {
        _ if occasion.is_past(now) => lang.t("notice-past").to_lowercase(),
        days @ 2.. => lang.f("days-left", &[("n", &days.to_string())]),
        0 | 1 => dates::near(lang, now, occasion.at),
        _ => String::new(),
    };
    let moon = dates::lunar_words(lang, occasion.at);
    let beside = [moon, far].into_iter().filter(|words| !words.is_empty());
    let beside = beside.collect::<Vec<_>>().join(" · ");
    let place = (!place.is_empty()).then(|| lang.verbatim(place));
    [when, beside].into_iter().chain(place).collect()
}

fn occasion_words(lang: Lang, occasion: Occasion) -> String {
    let begins = moment_in_both(lang, occasion.at);
    match occasion.ends {
        None => begins,
        Some(ends) if dates::date(ends) == dates::date(occasion.at) => {
            let (from, to) = (dates::clock(occasion.at), dates::clock(ends));
            format!("{from}–{to}, {}", day_in_both(lang, occasion.at))
        }
        Some(ends) => format!("{begins} – {}", moment_in_both(lang, ends)),
    }
}

/// The bytes of a file, as people say them.
fn size_words(lang: Lang, bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a file is far smaller")]
    let kilobytes = bytes as f64 / 1_000.0;
    if kilobytes < 1_000.0 {
        format!("{} kB", dates::number(lang, kilobytes.ceil(), 0))
    } else {
        format!("{} MB", dates::number(lang, kilobytes / 1_000.0, 1))
    }
}

/// A name that somebody chose for people to read, and no scanner's: “Quy ước thôn”, not “quy-uoc”
/// or “IMG_2034”.
fn is_for_people(name: &str) -> bool {
    name.contains(' ') || !name.is_ascii()
}

/// The name of a paper of a notice on every page: as somebody named it for people, or else the
/// notice's title where it is the only one, or the kind of the file.
#[must_use]
pub fn paper_title(
    lang: Lang,
    words: &NoticeWords,
    details: &NoticeDetails,
    number: usize,
) -> String {
    let papers = details.attachments.iter();
    let papers = papers.filter(|file| file.kind != AttachmentKind::Picture);
    let is_only = papers.count() == 1;
    let end = details.attachments.get(number);
    let end = end.map_or("", |file| extension(file.kind));
    let given = words.files.get(number).map_or("", String::as_str);
    let given = given.strip_suffix(&*format!(".{end}")).unwrap_or(given);
    if is_only && !is_for_people(given) {
        lang.verbatim(&words.title)
    } else if given.is_empty() {
        end.to_uppercase()
    } else {
        lang.verbatim(given)
    }
}

impl ShownNotice {
    /// A sheet of what is not published, or not any more: without the line of its posting. Files
    /// are found beneath `files`, an address with its slash.
    #[must_use]
    pub fn of(
        app: &App,
        lang: Lang,
        words: &NoticeWords,
        details: &NoticeDetails,
        files: &str,
    ) -> Self {
        let is_foreign = details.language != NoticeLanguage::Vietnamese;
        let shown = |typed: &str| {
            if is_foreign {
                typed.to_owned()
            } else {
                lang.verbatim(typed)
            }
        };
        let mut sheet = Self {
            title: shown(&words.title),
            kind: lang.t(kind_key(details.kind)),
            is_urgent: details.urgent,
            risk: details
                .risk
                .map(|risk| risk_sign(lang, risk, &words.source)),
            language: if is_foreign {
                details.language.tag()
            } else {
                ""
            },
            body: blocks(&words.body, shown),
            ..Self::default()
        };
        sheet.hide_dead_links(app, lang);
        sheet.say_facts(lang, words, details);
        let now = app.supervisor.clock().wall_ms();
        let held = details.occasion;
        let held = held.map(|occasion| occasion_lines(lang, now, occasion, &words.place));
        sheet.held = held.unwrap_or_default();
        sheet.offer_files(app, lang, words, details, files);
        sheet
    }

    /// The same, as it will be when it is posted so.
    #[must_use]
    pub fn to_be_posted(self, lang: Lang, posting: Posting) -> Self {
        Self {
            posted: posted_text(lang, posting, |at| dates::long(lang, at)),
            ..self
        }
    }

    /// A published notice, or one whose time is over.
    #[must_use]
    pub fn published(app: &App, lang: Lang, notice: &Notice, files: &str) -> Self {
        let now = app.supervisor.clock().wall_ms();
        let words = match words_of(app, notice) {
            Ok(words) => words,
            Err(lost) => {
                return Self {
                    title: lang.t(lost.key()),
                    kind: lang.t(kind_key(notice.details.kind)),
                    posted: posted_near(lang, now, notice.into()),
                    ..Self::default()
                };
            }
        };
        let mut sheet = Self::of(app, lang, &words, &notice.details, files);
        sheet.posted = posted_near(lang, now, notice.into());
        if let Some(at) = notice.corrected_at() {
            let when = dates::moment(lang, at);
            sheet.corrected = lang.f("notice-corrected-at", &[("when", &when)]);
        }
        if let Some(until) = notice.details.until
            && notice.details.is_over(app.supervisor.clock().trusted_ms())
        {
            let when = dates::long(lang, until);
            sheet.over = lang.f("notice-expired-at", &[("when", &when)]);
        }
        sheet
    }

    /// The facts that are not in the box of when and where it takes place.
    #[must_use]
    pub fn other_facts(&self) -> &[(String, String)] {
        // The time, its line by the moon, and the place are two facts.
        let in_box = self.held.len().saturating_sub(1);
        self.facts.get(in_box..).unwrap_or_default()
    }

    /// The risk with its source, and each fact, as lines.
    #[must_use]
    pub fn fact_lines(&self) -> Vec<String> {
        let risk = self.risk.iter();
        let risk = risk.flat_map(|risk| [risk.words.clone(), risk.source.clone()]);
        let facts = self.facts.iter();
        let facts = facts.map(|(label, words)| format!("{label}: {words}"));
        let lines = risk.chain(facts);
        lines.filter(|line| !line.is_empty()).collect()
    }

    /// A link that does not open leads nowhere, and says so; its words stay.
    fn hide_dead_links(&mut self, app: &App, lang: Lang) {
        let dead = app.live.dead_links.all();
        let items = self.body.iter_mut().flat_map(|block| &mut block.items);
        for item in items {
            for n in 0..item.len() {
                if !dead.contains_key(&item[n].href) {
                    continue;
                }
                let href = std::mem::take(&mut item[n].href);
                // The last span of a link says it.
                if item.get(n + 1).is_none_or(|next| next.href != href) {
                    item[n].words.push(' ');
                    item[n].words.push_str(&lang.t("link-dead"));
                }
            }
        }
    }

    fn say_facts(&mut self, lang: Lang, words: &NoticeWords, details: &NoticeDetails) {
        let fact = |key: &str, words: String| (lang.t(key), words);
        if let Some(occasion) = details.occasion {
            self.facts
                .push(fact("notice-when", occasion_words(lang, occasion)));
        }
        if !words.place.is_empty() {
            self.facts
                .push(fact("notice-where", lang.verbatim(&words.place)));
        }
        if let Some(from) = details.from {
            self.facts
                .push(fact("notice-in-force", day_in_both(lang, from)));
        }
        if details.risk.is_none() && !words.source.is_empty() {
            let source = lang.verbatim(&words.source);
            self.facts.push(fact("notice-from-whom", source));
        }
    }

    fn offer_files(
        &mut self,
        app: &App,
        lang: Lang,
        words: &NoticeWords,
        details: &NoticeDetails,
        files: &str,
    ) {
        for (number, file) in details.attachments.iter().enumerate() {
            if !app.attachments.path(file).exists() {
                continue;
            }
            let href = format!("{files}{}", file.sha256);
            if file.kind == AttachmentKind::Picture {
                let (width, height) = file.size.unwrap_or((480, 270));
                let longest = width.max(height).max(480);
                self.pictures.push(SheetPicture {
                    small: format!("{href}/small"),
                    whole: href,
                    words: lang.f("notice-picture-of", &[("title", &self.title)]),
                    width: width * 480 / longest,
                    height: height * 480 / longest,
                });
                continue;
            }
            let kind = extension(file.kind).to_uppercase();
            let title = paper_title(lang, words, details, number);
            let [named, plain] = if file.kind == AttachmentKind::Pdf {
                ["paper-open", "paper-open-file"]
            } else {
                ["paper-fetch", "paper-fetch-file"]
            };
            self.files.push(SheetFile {
                href,
                name: lang.f(named, &[("name", &title)]),
                open: lang.f(plain, &[("kind", &kind)]),
                title,
                about: format!("{kind}, {}", size_words(lang, file.bytes)),
                read_href: String::new(),
            });
        }
    }
}

impl ShownNotice {
    /// Offers to read its papers as pages, those that have been read, and says how many pages they
    /// have; `q` = the query of addresses.
    pub async fn offer_reading(&mut self, app: &App, lang: Lang, papers: &[Attachment], q: &str) {
        for file in &mut self.files {
            let sha256 = file.href.rsplit('/').next().unwrap_or_default();
            let Some(paper) = papers.iter().find(|paper| paper.sha256 == sha256) else {
                continue;
            };
            let Some(pages) = app.papers.pages_of(paper).await else {
                continue;
            };
            file.read_href = format!("{}/read{q}", file.href);
            if paper.kind == AttachmentKind::Pdf && pages > 0 {
                let pages = lang.f("paper-pages", &[("n", pages)]);
                let size = size_words(lang, paper.bytes);
                file.about = format!("PDF, {pages}, {size}");
            }
        }
    }
}

/// A notice as a message: title, days, first lines, address.
#[must_use]
pub fn as_message(sheet: &ShownNotice, words: &NoticeWords, address: &str) -> String {
    // “Mời họp thôn” says its kind itself.
    let says_kind = words
        .title
        .to_lowercase()
        .starts_with(&sheet.kind.to_lowercase());
    let first = if says_kind {
        words.title.clone()
    } else {
        format!("{}: {}", sheet.kind, words.title)
    };
    let mut lines = vec![first];
    lines.extend(sheet.fact_lines());
    lines.extend(crate::http::notice_body::paragraphs(&words.body));
    if !address.is_empty() {
        lines.push(address.to_owned());
    }
    lines.join("\n")
}

/// A notice as it is read out: all of the message but its address, a line that ends as a sentence
/// that ends.
#[must_use]
pub fn as_speech(sheet: &ShownNotice, words: &NoticeWords) -> String {
    let message = as_message(sheet, words, "");
    let sentences: Vec<String> = message.lines().map(text::sentence).collect();
    sentences.join("\n")
}
