//! Why a command was rejected, as a sentence with its particulars.

use super::locale::Lang;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::decide::Rejection;

/// The sentence for programs and the technician; pages have their own, shorter sentences
/// ([`Rejection::key`]).
#[must_use]
pub fn rejection_text(lang: Lang, why: &Rejection, actor: &Actor, command: &str) -> String {
    match why {
        Rejection::NotPermitted => match actor {
            Actor::Program { id } => lang.f(
                "refused-program",
                &[("name", id.as_str()), ("command", command)],
            ),
            _ => lang.f("refused-console", &[("command", command)]),
        },
        Rejection::Invalid { what, most } if !what.is_empty() => {
            let part = lang.t(&format!("part-{what}"));
            if *most > 0 {
                lang.f(
                    "refused-text",
                    &[("part", &part), ("most", &most.to_string())],
                )
            } else {
                lang.f("refused-number", &[("part", &part)])
            }
        }
        Rejection::NotSwitchable { .. }
        | Rejection::EmptyZone
        | Rejection::Expired
        | Rejection::LastChief
        | Rejection::Invalid { .. } => lang.t(why.key()),
        Rejection::Unknown { id, .. } => lang.f("refused-unknown-id", &[("id", id)]),
        Rejection::TooMany { most } => {
            lang.f("refused-too-many-most", &[("most", &most.to_string())])
        }
        Rejection::Exists { id } => lang.f("refused-exists-id", &[("id", id)]),
    }
}

/// The name of a command, as it is sent.
#[must_use]
pub fn command_name(command: &Command) -> String {
    serde_json::to_value(command)
        .ok()
        .and_then(|v| v["do"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::validation;

    #[test]
    fn what_is_beyond_its_bounds_is_named_in_both_languages() {
        for lang in [Lang::Vi, Lang::En] {
            let why = validation::name(&"x".repeat(15_000)).expect_err("too long");
            let said = rejection_text(lang, &why, &Actor::LocalAdmin, "DeclareVillage");
            assert!(said.contains("120") && !said.contains("part-"), "{said}");
            for part in validation::FIELD_NAMES {
                let part = lang.t(&format!("part-{part}"));
                assert!(!part.starts_with("part-"), "{part}");
            }
        }
    }
}
