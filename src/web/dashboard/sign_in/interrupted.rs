//! A form that was sent after its sign-in had ended: what was typed comes back after the next one.
//!
//! The page that asks for the PIN carries the typed fields as hidden ones, and the sign-in hands
//! them to the page of the form. The gateway stores nothing of them. So a request without a sign-in
//! costs one page and no memory, what was typed outlives a restart of the gateway, two forms in two
//! tabs do not meet, and no script is needed. A bounded store in memory, with a cookie that names
//! the draft, would have let anybody on the wifi push out what the chief typed.
//!
//! Invariants: nothing is carried out: the text stands in its form again and waits for a button of
//! the new sign-in. Only the fields that people type into are carried; the tokens of the old form
//! stay behind. The text is shown to the person who typed it and may still send it, to nobody else.

use crate::domain::id::UserId;
use crate::http::form::FormFields;
use crate::http::page_error::PageResult;
use crate::http::render::redirect_see_other;
use crate::web::dashboard::{directory, notices, speakers, storm, wifi};
use crate::web::kit::app::{App, RequestContext};

/// The field with the name of the form.
const FORM_FIELD: &str = "typed-form";
/// The field with the person who typed.
const OWNER_FIELD: &str = "typed-by";
/// The beginning of the names of typed fields.
const TYPED_PREFIX: &str = "typed.";
/// Most fields that are carried: a sentence names its clusters one by one.
const MAX_FIELDS: usize = 128;

/// A form that people type into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypedForm {
    /// A notice.
    Notice,
    /// A sentence for the loudspeakers.
    Sentence,
    /// The rules of the free wifi.
    WifiRules,
    /// The name of a device of the free wifi.
    WifiDevice,
    /// The label of a house.
    HouseLabel,
    /// The storm plan.
    StormPlan,
}

impl TypedForm {
    /// The form that is sent to a path; none = nobody types into it.
    pub(super) fn sent_to(path: &str) -> Option<Self> {
        match path {
            "/notices" | "/notices/preview" | "/notices/new" | "/notices/drafts" => {
                Some(Self::Notice)
            }
            "/speakers/hear" => Some(Self::Sentence),
            "/wifi/rules" => Some(Self::WifiRules),
            "/wifi/decide" => Some(Self::WifiDevice),
            "/directory/label" => Some(Self::HouseLabel),
            "/storm" => Some(Self::StormPlan),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Sentence => "sentence",
            Self::WifiRules => "wifi-rules",
            Self::WifiDevice => "wifi-device",
            Self::HouseLabel => "house-label",
            Self::StormPlan => "storm-plan",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Notice,
            Self::Sentence,
            Self::WifiRules,
            Self::WifiDevice,
            Self::HouseLabel,
            Self::StormPlan,
        ];
        all.into_iter().find(|form| form.name() == name)
    }

    /// The fields that people fill in.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Notice => notices::NOTICE_FIELDS,
            Self::Sentence => &["text", "zone"],
            Self::WifiRules => wifi::RULES_FIELDS,
            Self::WifiDevice => &["device", "name"],
            Self::HouseLabel => directory::LABEL_FIELDS,
            Self::StormPlan => &storm::PLAN_FIELDS,
        }
    }

    /// Those of the fields that people fill in.
    fn typed(self, fields: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
        fields
            .filter(|(name, _)| self.fields().contains(&name.as_str()))
            .take(MAX_FIELDS)
            .collect()
    }
}

/// A form whose sign-in had ended when it was sent.
#[derive(Debug)]
pub(super) struct InterruptedForm {
    form: TypedForm,
    /// The person whose sign-in ended.
    owner: UserId,
    typed: Vec<(String, String)>,
}

impl InterruptedForm {
    /// The form as it was sent.
    pub(super) fn new(form: TypedForm, owner: UserId, fields: FormFields) -> Self {
        let typed = form.typed(fields.into_pairs().into_iter());
        Self { form, owner, typed }
    }

    /// The form that the fields of a sign-in carry; none = they carry none.
    pub(super) fn carried_by(fields: FormFields) -> Option<Self> {
        let form = TypedForm::named(fields.get(FORM_FIELD))?;
        let owner = UserId::new(fields.get(OWNER_FIELD)).ok()?;
        let typed = fields
            .into_pairs()
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(TYPED_PREFIX)?.to_owned(), value)));
        let typed = form.typed(typed);
        Some(Self { form, owner, typed })
    }

    /// The person who typed.
    pub(super) const fn owner(&self) -> &UserId {
        &self.owner
    }

    /// The hidden fields that carry the form.
    pub(super) fn hidden_fields(&self) -> Vec<(String, String)> {
        let mut fields = vec![
            (FORM_FIELD.to_owned(), self.form.name().to_owned()),
            (OWNER_FIELD.to_owned(), self.owner.to_string()),
        ];
        let typed = self.typed.iter();
        fields.extend(typed.map(|(name, value)| (format!("{TYPED_PREFIX}{name}"), value.clone())));
        fields
    }

    /// The page of the form with what was typed, for the person who signed in just now.
    pub(super) fn show(self, app: &App, visit: &RequestContext) -> PageResult {
        let is_owner = visit.user.as_ref().is_some_and(|u| u.id == self.owner);
        if !is_owner || !visit.is_chief() {
            return Ok(redirect_see_other("/?said=typed-not-yours"));
        }
        let note = visit.lang.t("typed-kept");
        let fields = FormFields::from_pairs(self.typed);
        match self.form {
            TypedForm::Notice => notices::typed_again(app, visit, fields, note),
            TypedForm::Sentence => Ok(speakers::typed_again(app, visit, fields, note)),
            TypedForm::WifiRules => Ok(wifi::rules_typed_again(app, visit, fields, note)),
            TypedForm::WifiDevice => wifi::decision_typed_again(app, visit, fields, note),
            TypedForm::HouseLabel => Ok(directory::typed_again(app, visit, fields, note)),
            TypedForm::StormPlan => Ok(storm::typed_again(app, visit, fields, note)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        fields.iter().map(owned).collect()
    }

    #[test]
    fn only_what_people_type_is_carried_and_no_proof_or_pin() {
        let sent = pairs(&[
            ("form", "0a"),
            ("once", "0b"),
            ("tap", "0c.1"),
            ("pin", "135790"),
            ("title", "Họp thôn"),
            ("body", "Tối nay."),
        ]);
        let owner = UserId::new("mau").expect("id");
        let form = InterruptedForm::new(TypedForm::Notice, owner, FormFields::from_pairs(sent));
        let mut carried = form.hidden_fields();
        assert_eq!(
            carried,
            pairs(&[
                ("typed-form", "notice"),
                ("typed-by", "mau"),
                ("typed.title", "Họp thôn"),
                ("typed.body", "Tối nay."),
            ])
        );
        carried.extend(pairs(&[
            ("user", "mau"),
            ("pin", "135790"),
            ("typed.pin", "1"),
        ]));
        let back = InterruptedForm::carried_by(FormFields::from_pairs(carried)).expect("a form");
        assert_eq!(back.owner().as_str(), "mau");
        assert_eq!(
            back.typed,
            pairs(&[("title", "Họp thôn"), ("body", "Tối nay.")])
        );
    }

    #[test]
    fn a_form_with_thousands_of_fields_is_cut() {
        let owner = UserId::new("mau").expect("id");
        let many = FormFields::from_pairs(vec![("zone".to_owned(), "a".to_owned()); 5_000]);
        let form = InterruptedForm::new(TypedForm::Sentence, owner, many);
        assert_eq!(form.hidden_fields().len(), MAX_FIELDS + 2);
    }
}
