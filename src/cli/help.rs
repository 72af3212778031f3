//! Help and wrong usage in the reader's language. clap parses; what it would print in English is
//! made here, from the locale files: `cmd…` for a command, `cmd…--…` for its arguments, `value-…`
//! for the names of values. A test checks that each has its text.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _};

use super::{Cli, layout};
use crate::i18n::locale::Lang;

/// The widest column of names.
const MAX_NAME_COLUMNS: usize = 26;

/// The command line, with help in `lang`.
#[must_use]
pub fn command(lang: Lang) -> Command {
    let root = Cli::command();
    let common = options(lang, &root, "cmd");
    translate(root, lang, "cmd", "conglang", &common)
}

fn translate(
    mut command: Command,
    lang: Lang,
    key: &str,
    path: &str,
    common: &[(String, String)],
) -> Command {
    let text = help_text(&command, lang, key, path, common);
    let names: Vec<String> = command
        .get_subcommands()
        .map(|s| s.get_name().to_owned())
        .collect();
    for name in names {
        let (key, path) = (format!("{key}-{name}"), format!("{path} {name}"));
        command = command.mut_subcommand(&name, |sub| translate(sub, lang, &key, &path, common));
    }
    command.override_help(StyledStr::from(text))
}

fn value_name(lang: Lang, arg: &Arg) -> String {
    lang.t(&format!(
        "value-{}",
        arg.get_id().as_str().replace('_', "-")
    ))
}

fn arg_text(lang: Lang, key: &str, arg: &Arg) -> String {
    lang.t(&format!(
        "{key}--{}",
        arg.get_id().as_str().replace('_', "-")
    ))
}

/// The options of a command as rows.
fn options(lang: Lang, command: &Command, key: &str) -> Vec<(String, String)> {
    let shown = |arg: &&Arg| !arg.is_positional() && !arg.is_hide_set();
    command
        .get_arguments()
        .filter(shown)
        .map(|arg| {
            let short = arg
                .get_short()
                .map_or_else(|| "    ".to_owned(), |c| format!("-{c}, "));
            let long = arg.get_long().unwrap_or_default();
            let value = if arg.get_action().takes_values() {
                format!(" <{}>", value_name(lang, arg))
            } else {
                String::new()
            };
            (format!("{short}--{long}{value}"), arg_text(lang, key, arg))
        })
        .collect()
}

fn help_text(
    command: &Command,
    lang: Lang,
    key: &str,
    path: &str,
    common: &[(String, String)],
) -> String {
    let commands: Vec<(String, String)> = command
        .get_subcommands()
        .filter(|s| !s.is_hide_set())
        .map(|s| {
            let name = s.get_name().to_owned();
            let text = lang.t(&format!("{key}-{name}"));
            (name, text)
        })
        .collect();
    let mut usage = path.to_owned();
    let mut positional = Vec::new();
    for arg in command.get_positionals() {
        let name = value_name(lang, arg);
        let name = if arg.is_required_set() {
            format!("<{name}>")
        } else {
            format!("[{name}]")
        };
        usage.push_str(&format!(" {name}"));
        positional.push((name, arg_text(lang, key, arg)));
    }
    if !commands.is_empty() {
        let name = lang.t("value-command");
        usage.push_str(&if command.is_subcommand_required_set() {
            format!(" <{name}>")
        } else {
            format!(" [{name}]")
        });
    }
    let own = if key == "cmd" {
        Vec::new()
    } else {
        options(lang, command, key)
    };
    usage.push_str(&format!(" [{}]", lang.t("value-options")));
    let mut always = common.to_vec();
    always.push(("-h, --help".to_owned(), lang.t("help-help")));
    if key == "cmd" {
        always.push(("-V, --version".to_owned(), lang.t("help-version")));
    }
    let mut text = format!("{}\n\n{} {usage}\n", lang.t(key), lang.t("help-usage"));
    for (heading, rows) in [
        ("help-commands", commands),
        ("help-arguments", positional),
        ("help-options", own),
        ("help-common", always),
    ] {
        if !rows.is_empty() {
            let rows = layout::rows(&rows, MAX_NAME_COLUMNS);
            text.push_str(&format!("\n{}\n{rows}", lang.t(heading)));
        }
    }
    if key == "cmd" {
        text.push_str(&format!("\n{}\n", lang.t("help-codes")));
    }
    layout::wrap(&text, layout::width()) + "\n"
}

/// The mistake in the arguments, and where the right ones are told.
#[must_use]
pub fn usage_text(lang: Lang, wrong: &clap::Error) -> String {
    let of = |kind| wrong.get(kind).map(text_of).unwrap_or_default();
    let (arg, value) = (
        named(lang, &of(ContextKind::InvalidArg)),
        of(ContextKind::InvalidValue),
    );
    let mut text = match wrong.kind() {
        ErrorKind::InvalidSubcommand => lang.f(
            "usage-no-command",
            &[("name", &of(ContextKind::InvalidSubcommand))],
        ),
        ErrorKind::UnknownArgument => lang.f("usage-unknown", &[("name", &arg)]),
        ErrorKind::MissingRequiredArgument => lang.f("usage-missing", &[("name", &arg)]),
        ErrorKind::InvalidValue if value.is_empty() => lang.f("usage-no-value", &[("name", &arg)]),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            lang.f("usage-value", &[("name", &arg), ("value", &value)])
        }
        ErrorKind::ArgumentConflict => lang.f("usage-twice", &[("name", &arg)]),
        _ => lang.t("usage-other"),
    };
    let valid = of(ContextKind::ValidValue);
    if !valid.is_empty() {
        text.push_str(&format!(
            " {}",
            lang.f("usage-valid", &[("values", &valid)])
        ));
    }
    let near = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg]
        .map(of)
        .concat();
    if !near.is_empty() {
        text.push_str(&format!(" {}", lang.f("usage-near", &[("name", &near)])));
    }
    text.push_str(&format!("\n{}", lang.t("usage-see")));
    layout::wrap(&text, layout::width())
}

fn text_of(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(all) => all.join(", "),
        other => other.to_string(),
    }
}

/// The names of values in `<…>` in the reader's language.
fn named(lang: Lang, text: &str) -> String {
    let mut parts = text.split('<');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('>').unwrap_or((part, ""));
        let key = format!("value-{}", name.to_lowercase().replace('_', "-"));
        out.push_str(&format!("<{}>{rest}", lang.t(&key)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lang: Lang, command: &Command, key: &str) {
        let text = lang.t(key);
        assert!(text != key && !text.is_empty(), "{key}");
        let help = command.clone().render_help().to_string();
        assert!(help.contains(&text.split(' ').next().unwrap_or_default().to_owned()));
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{key}: {line}");
        }
        for english in ["Usage:", "Options:", "Print help"] {
            assert!(lang == Lang::En || !help.contains(english), "{help}");
        }
        for arg in command.get_arguments() {
            let arg_key = format!("{key}--{}", arg.get_id().as_str().replace('_', "-"));
            assert_ne!(lang.t(&arg_key), arg_key);
            if arg.get_action().takes_values() {
                assert!(!value_name(lang, arg).starts_with("value-"), "{arg_key}");
            }
        }
        for sub in command.get_subcommands() {
            check(lang, sub, &format!("{key}-{}", sub.get_name()));
        }
    }

    #[test]
    fn every_command_and_argument_has_its_help_in_both_languages() {
        for lang in [Lang::Vi, Lang::En] {
            check(lang, &command(lang), "cmd");
        }
    }

    #[test]
    fn wrong_usage_is_told_in_the_readers_language() {
        let told = |lang, words: &[&str]| {
            let wrong = command(lang)
                .try_get_matches_from(words)
                .expect_err("wrong usage");
            usage_text(lang, &wrong)
        };
        let text = told(Lang::Vi, &["conglang", "user", "add"]);
        assert!(text.contains("<MÃ>") && text.contains("<TÊN>"), "{text}");
        let text = told(Lang::En, &["conglang", "user", "add"]);
        assert!(text.contains("<ID>") && text.contains("<NAME>"), "{text}");
        for words in [
            &["conglang", "chạy"][..],
            &["conglang", "device", "set", "den-01.light", "maybe"],
            &["conglang", "broker", "sub", "#", "-q", "3"],
            &["conglang", "token", "add", "x", "--scope", "all"],
            &["conglang", "journal", "tail", "--nope"],
            &["conglang", "journal", "tail", "-n"],
            &["conglang", "--lang", "fr", "status"],
        ] {
            let text = told(Lang::Vi, words);
            assert!(text.contains("conglang"), "{text}");
            for english in ["error", "invalid", "argument", "value", "usage", "For more"] {
                assert!(!text.contains(english), "{text}");
            }
            assert!(
                !text.contains("usage-") && !text.contains("value-"),
                "{text}"
            );
        }
    }
}
