//! The form of the wifi's rules: when it is open, how much and how quick, what is kept.
//!
//! Invariants: the form names the rules that are wanted, so that sending it twice changes nothing
//! more; a form that is not accepted comes back with everything that was typed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::rules_wrong::{wrong_field, wrong_part};
use crate::domain::guest::{self, KEEP_DAYS, OpenHours, WifiRules};
use crate::domain::rejection::Rejection;
use crate::http::form::{FormContent, FormFields};
use crate::http::page_error::{ErrorPages as _, PageError, PageResult};
use crate::http::render::{PageContext, redirect_see_other, render_with};
use crate::http::select_option::SelectOption;
use crate::http::wrong_input::WrongInput;
use crate::i18n::amounts;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::web::kit::app::{App, RequestContext};
use crate::web::kit::form::Post;

/// The lengths of a session that the form offers, minutes; 0 = until it closes.
const SESSIONS: [u16; 5] = [0, 60, 120, 240, 480];

/// The fields of the form that people fill in.
pub(in crate::web::dashboard) const RULES_FIELDS: &[&str] = &[
    "on",
    "always",
    "from",
    "until",
    "session",
    "device",
    "house",
    "speed",
    "house-speed",
    "most",
    "metered",
    "keep",
    "garden",
    "block",
];

#[derive(askama::Template)]
#[template(path = "wifi_rules.html")]
struct RulesFormPage {
    f: PageContext,
    wrong: WrongInput,
    typed: RulesForm,
    sessions: Vec<SelectOption>,
    keep: Vec<SelectOption>,
    /// There is a block list that can be switched on.
    has_block_list: bool,
}

/// The rules as they were typed.
#[derive(Debug, Clone, Default)]
pub struct RulesForm {
    on: bool,
    always: bool,
    from: String,
    until: String,
    session: String,
    device: String,
    house: String,
    speed: String,
    house_speed: String,
    most: String,
    metered: String,
    keep: String,
    garden: String,
    block: bool,
}

impl FormContent<App> for RulesForm {
    fn read(fields: FormFields) -> Self {
        let text = |name: &str| fields.get(name).trim().to_owned();
        let is_ticked = |name: &str| fields.get(name) == "1";
        Self {
            on: is_ticked("on"),
            always: is_ticked("always"),
            from: text("from"),
            until: text("until"),
            session: text("session"),
            device: text("device"),
            house: text("house"),
            speed: text("speed"),
            house_speed: text("house-speed"),
            most: text("most"),
            metered: text("metered"),
            keep: text("keep"),
            garden: text("garden"),
            block: is_ticked("block"),
        }
    }

    async fn refused(self, app: &App, visit: RequestContext, why: PageError) -> Response {
        let Some(key) = why.form_key() else {
            return app.page_of(&visit, why).await;
        };
        self.again(app, &visit, why.status(), visit.lang.t(key).into(), None)
    }
}

impl RulesForm {
    /// The form of rules as they are.
    fn of(lang: Lang, rules: &WifiRules) -> Self {
        let number = |n: Option<u32>| n.map_or_else(String::new, |n| n.to_string());
        let speed = |kbit: Option<u32>| {
            kbit.map_or_else(String::new, |kbit| {
                dates::number(lang, f64::from(kbit) / 1_000.0, 3)
            })
        };
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let hours = rules.hours.or(WifiRules::default().hours);
        let at = |minute: fn(OpenHours) -> u16| hours.map_or_else(String::new, |h| time(minute(h)));
        Self {
            on: rules.is_on,
            always: rules.hours.is_none(),
            from: at(|h| h.from),
            until: at(|h| h.until),
            session: rules.session_minutes.unwrap_or(0).to_string(),
            device: number(rules.device_mb),
            house: number(rules.house_mb),
            speed: speed(rules.device_kbit),
            house_speed: speed(rules.house_kbit),
            most: rules.most_devices.to_string(),
            metered: rules.metered_mb.to_string(),
            keep: rules.keep_days.to_string(),
            garden: rules.garden.join("\n"),
            block: rules.block_list,
        }
    }

    /// The rules that the form says.
    fn rules(&self, lang: Lang) -> Result<WifiRules, WrongInput> {
        let wrong = |field, text: &str| wrong_field(lang, field, text);
        let number = |field: &'static str, text: &str| {
            text.replace(['.', ' '], "")
                .parse::<u32>()
                .map_err(|_| wrong(field, text))
        };
        let bound = |field, text: &str| (!text.is_empty()).then(|| number(field, text)).transpose();
        let speed = |field, text: &str| {
            (!text.is_empty())
                .then(|| kbit(text).ok_or_else(|| wrong(field, text)))
                .transpose()
        };
        let time = |field, text: &str| minute(text).ok_or_else(|| wrong(field, text));
        let hours = if self.always {
            None
        } else {
            Some(OpenHours {
                from: time("from", &self.from)?,
                until: time("until", &self.until)?,
            })
        };
        let small = |field, text: &str| {
            let n = number(field, text)?;
            u16::try_from(n).map_err(|_| wrong(field, text))
        };
        let session = small("session", &self.session)?;
        Ok(WifiRules {
            is_on: self.on,
            hours,
            session_minutes: (session > 0).then_some(session),
            device_mb: bound("device", &self.device)?,
            house_mb: bound("house", &self.house)?,
            device_kbit: speed("speed", &self.speed)?,
            house_kbit: speed("house-speed", &self.house_speed)?,
            most_devices: small("most", &self.most)?,
            metered_mb: number("metered", &self.metered)?,
            keep_days: small("keep", &self.keep)?,
            garden: garden(&self.garden),
            block_list: self.block,
        })
    }

    /// The text in a field that people type into.
    fn typed(&self, field: &str) -> String {
        let text = match field {
            "from" => &self.from,
            "until" => &self.until,
            "device" => &self.device,
            "house" => &self.house,
            "speed" => &self.speed,
            "house-speed" => &self.house_speed,
            "most" => &self.most,
            "metered" => &self.metered,
            _ => "",
        };
        text.to_owned()
    }

    /// The form again, with what was typed and the reason.
    fn again(
        self,
        app: &App,
        visit: &RequestContext,
        status: StatusCode,
        wrong: WrongInput,
        note: Option<String>,
    ) -> Response {
        let mut f = app.page_context(visit, &app.journal.state(), "more");
        f.flash = note.or(f.flash);
        let lang = f.lang;
        let mut sessions = SESSIONS.to_vec();
        // A length that the technician set stays as it is.
        sessions.extend(
            self.session
                .parse::<u16>()
                .ok()
                .filter(|m| !SESSIONS.contains(m)),
        );
        let choice = |value: u16, words: String, typed: &str| {
            let value = value.to_string();
            SelectOption {
                chosen: typed == value,
                value,
                words,
            }
        };
        let session_words = |minutes: u16| match minutes {
            0 => lang.t("wifi-rule-until-closing"),
            _ => amounts::how_long(lang, u64::from(minutes) * 60),
        };
        let keep_words = |days: u16| match days {
            0 => lang.t("wifi-keep-none"),
            _ => lang.f("for-days", &[("n", &days.to_string())]),
        };
        let sessions = sessions.into_iter();
        let page = RulesFormPage {
            has_block_list: app.live.guests.get().has_block_list,
            wrong,
            sessions: sessions
                .map(|m| choice(m, session_words(m), &self.session))
                .collect(),
            keep: KEEP_DAYS
                .into_iter()
                .map(|d| choice(d, keep_words(d), &self.keep))
                .collect(),
            typed: self,
            f,
        };
        render_with(status, &page)
    }
}

/// A speed in Mbit/s as people type it, with comma or full stop: kbit/s.
fn kbit(text: &str) -> Option<u32> {
    let mbit = text.replace(',', ".").parse::<f64>().ok()?;
    let kbit = (mbit * 1_000.0).round();
    if !(0.0..=4e9).contains(&kbit) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    let whole = kbit as u32;
    Some(whole)
}

/// A time of the day as a phone's form sends it: minutes after midnight.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Names of the garden as people type them: one a line, with or without `https://` and a path.
fn garden(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for word in text.split([',', ';', ' ', '\n', '\r', '\t']) {
        let word = word.trim().to_lowercase();
        let bare = word.split_once("://").map_or(&*word, |(_, rest)| rest);
        let host = bare.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.trim_end_matches('.');
        if !host.is_empty() && !names.iter().any(|n| n == host) {
            names.push(host.to_owned());
        }
    }
    names
}

/// The form with what was typed into it before a sign-in ended, and a note about that.
pub(in crate::web::dashboard) fn typed_again(
    app: &App,
    visit: &RequestContext,
    fields: FormFields,
    note: String,
) -> Response {
    let form = <RulesForm as FormContent<App>>::read(fields);
    form.again(
        app,
        visit,
        StatusCode::OK,
        WrongInput::default(),
        Some(note),
    )
}

/// The form with the rules as they are.
pub async fn form(State(app): State<App>, visit: RequestContext) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let typed = RulesForm::of(visit.lang, &app.journal.state().wifi.rules);
    Ok(typed.again(&app, &visit, StatusCode::OK, WrongInput::default(), None))
}

/// Sets the rules.
pub async fn set(
    State(app): State<App>,
    Post {
        visit,
        deadline,
        form,
        ..
    }: Post<RulesForm>,
) -> PageResult {
    if !visit.is_chief() {
        return Err(PageError::NotPermitted);
    }
    let refused = StatusCode::BAD_REQUEST;
    let rules = match form.rules(visit.lang) {
        Ok(rules) => rules,
        Err(wrong) => return Ok(form.again(&app, &visit, refused, wrong, None)),
    };
    // A form of before may still have the tick.
    if rules.block_list && !app.live.guests.get().has_block_list {
        let wrong = WrongInput::in_field("block", visit.lang.t("wifi-form-block-none"));
        return Ok(form.again(&app, &visit, refused, wrong, None));
    }
    let command = guest::Command::SetRules {
        rules: rules.clone(),
    };
    if let Err(Rejection::Invalid { what, .. }) = guest::validate(&command) {
        let wrong = wrong_part(visit.lang, &rules, &what, |field| form.typed(field));
        return Ok(form.again(&app, &visit, refused, wrong, None));
    }
    let order = visit.request(command)?.before(deadline);
    app.journal.submit(order).await?;
    Ok(redirect_see_other("/wifi?said=wifi-rules-set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_rules_says_the_same_rules() {
        let odd = WifiRules {
            is_on: false,
            hours: None,
            session_minutes: Some(90),
            device_mb: None,
            house_mb: Some(20_000),
            device_kbit: Some(2_500),
            house_kbit: Some(30_000),
            most_devices: 40,
            metered_mb: 500,
            keep_days: 0,
            garden: vec!["dichvucong.gov.vn".to_owned(), "vneid.gov.vn".to_owned()],
            block_list: true,
        };
        for rules in [WifiRules::default(), odd] {
            let said = RulesForm::of(Lang::Vi, &rules)
                .rules(Lang::Vi)
                .expect("sound");
            // The hours of a wifi that is always open are only offered.
            assert_eq!(said, rules);
        }
    }

    #[test]
    fn what_people_type_is_understood_or_refused_at_its_field() {
        assert_eq!(kbit("2,5"), Some(2_500));
        assert_eq!(kbit("2.5"), Some(2_500));
        assert!(kbit("-1").is_none() && kbit("nhanh").is_none() && kbit("nan").is_none());
        assert_eq!(minute("05:30"), Some(330));
        assert!(minute("24:00").is_none() && minute("5").is_none());
        assert_eq!(
            garden("https://DichVuCong.gov.vn/p/home\n vneid.gov.vn, vneid.gov.vn."),
            ["dichvucong.gov.vn", "vneid.gov.vn"]
        );
        let field = |change: fn(&mut RulesForm)| {
            let mut form = RulesForm::of(Lang::Vi, &WifiRules::default());
            change(&mut form);
            form.rules(Lang::Vi).err().map(|wrong| wrong.field)
        };
        assert_eq!(field(|_| {}), None);
        assert_eq!(field(|f| f.from = "sáng".to_owned()), Some("from"));
        assert_eq!(field(|f| f.device = "-5".to_owned()), Some("device"));
        assert_eq!(
            field(|f| f.house_speed = "x".to_owned()),
            Some("house-speed")
        );
        assert_eq!(field(|f| f.most = "70000".to_owned()), Some("most"));
    }
}
