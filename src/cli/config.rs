//! `config check|show`.

use clap::Subcommand;

use super::{Cli, print};
use crate::config::ConfigError;
use crate::i18n::locale::Lang;
use crate::i18n::reason_text::keyed_text;

/// Configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Find every mistake
    Check,
    /// Where each value comes from
    Show,
}

/// A mistake in the reader's language: where it stands, and what is wrong.
pub(super) fn problem_text(lang: Lang, problem: &ConfigError) -> String {
    let mut text = if problem.file.is_empty() {
        lang.t("config-all-layers")
    } else {
        problem.file.clone()
    };
    if problem.line > 0 {
        text.push_str(&format!(":{}", problem.line));
    }
    if !problem.key.is_empty() {
        text.push_str(&format!(": {}", problem.key));
    }
    text + ": " + &keyed_text(lang, &problem.mistake.keyed())
}

/// Mistakes for programs: each as a value, and in the reader's language.
pub(super) fn problems_json(lang: Lang, problems: &[ConfigError]) -> serde_json::Value {
    problems
        .iter()
        .map(|p| {
            serde_json::json!({
                "file": p.file,
                "line": p.line,
                "key": p.key,
                "mistake": p.mistake,
                "what": keyed_text(lang, &p.mistake.keyed()),
            })
        })
        .collect()
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &ConfigCommand) -> anyhow::Result<u8> {
    let config = match super::load(cli) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    match what {
        ConfigCommand::Check => print(
            cli,
            &serde_json::json!({ "problems": [] }),
            &cli.f("config-well", &[("n", config.origins.len())]),
        ),
        ConfigCommand::Show => {
            let text: String = config
                .origins
                .iter()
                .map(|(key, from)| format!("{key:<40}{from}\n"))
                .collect();
            print(cli, &serde_json::to_value(&config.origins)?, &text);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigMistake, load_from};
    use crate::i18n::reason_text::assert_worded;

    #[test]
    fn every_mistake_has_its_words_in_both_languages() {
        assert_worded(ConfigMistake::KEYS);
    }

    #[test]
    fn a_mistake_is_told_with_its_place_in_the_readers_language() {
        let text = "[doors]\nportal = \"here\"\n[broker]\nwebsocket_tls = \"127.0.0.1:8884\"\n";
        let problems = load_from(&[("a.toml".into(), text.into())]).expect_err("bad");
        let told =
            |lang| -> Vec<String> { problems.iter().map(|p| problem_text(lang, p)).collect() };
        assert_eq!(
            told(Lang::Vi),
            [
                "a.toml:2: doors.portal: “here” không phải địa chỉ như 0.0.0.0:80",
                "mọi tệp cấu hình: broker.tls: WebSocket qua TLS và chứng thư của thiết bị cần \
                 cổng tls",
            ]
        );
        assert_eq!(
            told(Lang::En)[0],
            "a.toml:2: doors.portal: “here” is not an address like 0.0.0.0:80"
        );
        assert_eq!(
            problems_json(Lang::En, &problems)[0]["mistake"],
            serde_json::json!({ "is": "not_address", "text": "here" })
        );
    }
}
