//! `setup`: questions whose answers make a configuration file. Each answer is checked as soon as it
//! is given, by the same rules as the finished file, and asked again until it is right. An existing
//! file is never overwritten; Enter takes the default in brackets.

use std::io::{BufRead as _, Write as _};

use super::{Cli, NO_ARGS, layout, print};
use crate::i18n::locale::Arg;
use crate::i18n::slug::slug;

/// The questions: the key of the text, and the default. A default that is a name of this village is
/// a text of its own.
const QUESTIONS: [(&str, &str); 9] = [
    ("setup-name", "setup-name-default"),
    ("setup-commune", "setup-commune-default"),
    ("setup-place", "19.0, 107.0"),
    ("setup-chief", "setup-chief-default"),
    ("setup-phone", ""),
    ("setup-wifi", "thon.lan"),
    ("setup-devices", ""),
    ("setup-server", ""),
    ("setup-folder", "/var/lib/conglang"),
];

/// The answers in the order of the questions.
#[derive(Debug, Clone)]
struct Answers([String; 9]);

impl Answers {
    fn defaults(cli: &Cli) -> Self {
        Self(QUESTIONS.map(|(_, usual)| {
            if usual.starts_with("setup-") {
                cli.t(usual)
            } else {
                usual.to_owned()
            }
        }))
    }

    /// Latitude and longitude; none = the answer is no position.
    fn position(&self) -> Option<(f64, f64)> {
        let (a, b) = self.0[2].split_once(',')?;
        Some((a.trim().parse().ok()?, b.trim().parse().ok()?))
    }

    /// The configuration file; none = the position is none.
    fn toml(&self) -> Option<String> {
        let [name, commune, _, _, phone, wifi, fenced, server, folder] = &self.0;
        let (latitude, longitude) = self.position()?;
        let id = slug(name);
        let mut text = format!(
            "# Made by “conglang setup”.\n[village]\nid = {id:?}\nname = {name:?}\n\
             commune = {commune:?}\nlatitude = {latitude:?}\nlongitude = {longitude:?}\n\n[data]\n\
             folder = {folder:?}\n\n[doors]\nportal = \"0.0.0.0:80\"\n\
             dashboard_tls = \"0.0.0.0:443\"\ncontrol = \"/run/conglang/control.sock\"\n\
             names = [{wifi:?}]\n"
        );
        if !phone.is_empty() {
            text.push_str(&format!("technician_phone = {phone:?}\n"));
        }
        text.push_str("\n[broker]\ntls = \"0.0.0.0:8883\"\n");
        if !fenced.is_empty() {
            // MQTT without encryption only on the network where nobody but devices is. The speaker
            // clusters also fetch their sounds there.
            text.push_str(&format!(
                "plain = {:?}\n\n[speech]\nurl = {:?}\n",
                format!("{fenced}:1883"),
                format!("http://{fenced}:80")
            ));
        }
        if !server.is_empty() {
            text.push_str(&format!(
                "\n[commune]\nserver = {server:?}\nca = \"/etc/conglang/commune-ca.pem\"\n\
                     certificate = \"/etc/conglang/village.pem\"\n\
                     key = \"/etc/conglang/village.pem\"\n"
            ));
        }
        Some(text)
    }

    /// Why the answers so far cannot be used; none = they can.
    fn problem(&self, cli: &Cli) -> Option<String> {
        let Some(text) = self.toml() else {
            return Some(cli.f("setup-no-position", &[("answer", &self.0[2])]));
        };
        let problems =
            crate::config::load_from(&[(cli.config.display().to_string(), text)]).err()?;
        Some(
            problems
                .iter()
                .map(|p| super::config::problem_text(cli.lang(), p))
                .collect::<Vec<_>>()
                .join("; "),
        )
    }
}

/// Asks the questions and writes the file.
pub fn run(cli: &Cli) -> anyhow::Result<u8> {
    let file = cli.config.display().to_string();
    if cli.config.exists() {
        return Err(cli.failure("setup-exists", &[("file", &file)]));
    }
    let mut answers = Answers::defaults(cli);
    for n in 0..QUESTIONS.len() {
        loop {
            let usual = answers.0[n].clone();
            let mut tried = answers.clone();
            tried.0[n] = ask(cli, n, &usual)?;
            let Some(problem) = tried.problem(cli) else {
                answers = tried;
                break;
            };
            let text = cli.f("setup-again", &[("problem", &problem)]);
            eprintln!("{}", layout::wrap(&text, layout::width()));
        }
    }
    let Some(text) = answers.toml() else {
        return Err(cli.failure("setup-no-position", &[("answer", &answers.0[2])]));
    };
    if let Some(folder) = cli.config.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| cli.file_failure("cli-cannot-write", folder, &e))?;
    }
    crate::log::disk::write_atomic(&cli.config, text.as_bytes())
        .map_err(|e| cli.file_failure("cli-cannot-write", &cli.config, &e))?;
    let next = cli.f("setup-done", &[("file", &file), ("chief", &answers.0[3])]);
    print(
        cli,
        &serde_json::json!({ "file": cli.config, "village": slug(&answers.0[0]) }),
        &next,
    );
    Ok(0)
}

/// Asks one question; an empty line is the usual answer.
fn ask(cli: &Cli, n: usize, usual: &str) -> anyhow::Result<String> {
    let (key, _) = QUESTIONS[n];
    let question = cli.f(
        "setup-question",
        &[
            ("n", Arg::from(n + 1)),
            ("all", QUESTIONS.len().into()),
            ("question", (&cli.t(key)).into()),
        ],
    );
    let mut out = std::io::stderr();
    if usual.is_empty() {
        write!(out, "{question}: ")?;
    } else {
        write!(out, "{question} [{usual}]: ")?;
    }
    out.flush()?;
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(cli.failure("setup-ended", NO_ARGS));
    }
    let line = line.trim();
    Ok(if line.is_empty() {
        usual.to_owned()
    } else {
        line.to_owned()
    })
}
