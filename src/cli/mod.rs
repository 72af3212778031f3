//! The technician's commands. The first line that a command prints is its answer; `--json` prints
//! the same as JSON. Every sentence is in the locale files; a test checks that none is in the code.
//! Exit codes: 0 well, 1 the command failed, 2 something is broken, 64 wrong usage, 65 a file with
//! mistakes, 66 the control socket is elsewhere, 69 the gateway does not run, 77 no permission, 78
//! wrong configuration
//! (`sysexits.h`).

mod broker;
mod camera;
mod cert;
mod client;
mod commune;
mod config;
mod device;
mod directory;
mod doctor;
mod file_modes;
mod guest;
mod help;
mod journal;
mod key;
mod language;
mod layout;
mod net;
mod print;
mod procedures;
mod setup;
mod status;
mod system_user;
mod token;
mod user;

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{FromArgMatches as _, Parser, Subcommand};

use crate::i18n::io_text::io_text;
use crate::i18n::locale::{Arg, Lang};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "conglang", version, arg_required_else_help = true)]
pub struct Cli {
    /// Configuration file.
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "/etc/conglang/conglang.toml",
        global = true
    )]
    pub config: PathBuf,
    /// Answer as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Language of the answers; none = the environment's.
    #[arg(long, global = true, value_parser = ["vi", "en"])]
    pub lang: Option<String>,
    /// The command.
    #[command(subcommand)]
    pub command: CliCommand,
}

/// For a sentence without arguments.
const NO_ARGS: &[(&str, &str)] = &[];

/// Why a command could not be carried out, in the reader's language, with the exit code that tells
/// it from other reasons.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Failure {
    code: u8,
    text: String,
}

impl Cli {
    /// Parses the arguments of the process.
    ///
    /// # Errors
    /// The exit code, after help or what is wrong was printed.
    pub fn parse_arguments() -> Result<Self, u8> {
        let arguments: Vec<_> = std::env::args_os().collect();
        // Words are for who reads them: all texts of a language take two megabytes, and workers are
        // started with arguments that are right.
        if let Ok(cli) = Self::try_parse_from(&arguments) {
            return Ok(cli);
        }
        let option = language::option_of(&arguments);
        let lang = language::choose(option.as_deref(), |name| std::env::var(name).ok());
        let parsed = help::command(lang)
            .try_get_matches_from(arguments)
            .and_then(|matches| Self::from_arg_matches(&matches));
        match parsed {
            Ok(cli) => Ok(cli),
            Err(wrong)
                if matches!(
                    wrong.kind(),
                    ErrorKind::DisplayHelp
                        | ErrorKind::DisplayVersion
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                ) =>
            {
                let _ = wrong.print();
                // Help and version that were asked for are no error.
                Err(if wrong.use_stderr() { 64 } else { 0 })
            }
            Err(wrong) => {
                eprintln!("{}", help::usage_text(lang, &wrong));
                Err(64)
            }
        }
    }

    /// The reader's language.
    #[must_use]
    pub fn lang(&self) -> Lang {
        language::choose(self.lang.as_deref(), |name| std::env::var(name).ok())
    }

    /// The text of a key.
    fn t(&self, key: &str) -> String {
        self.lang().t(key)
    }

    /// The text of a key with arguments.
    fn f<'a, A: Into<Arg<'a>> + Copy>(&self, key: &str, values: &[(&str, A)]) -> String {
        self.lang().f(key, values)
    }

    /// A failure in the words of a key.
    fn failure<'a, A: Into<Arg<'a>> + Copy>(
        &self,
        key: &str,
        values: &[(&str, A)],
    ) -> anyhow::Error {
        Failure {
            code: 1,
            text: self.f(key, values),
        }
        .into()
    }

    /// A failure with a file: the attempt (in the sentence of `key`), and why it failed.
    fn file_failure(&self, key: &str, path: &Path, cause: &std::io::Error) -> anyhow::Error {
        let (path, why) = (path.display().to_string(), io_text(self.lang(), cause));
        self.failure(key, &[("path", &path), ("why", &why)])
    }
}

/// The command.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Run the gateway
    Run,
    /// Run the commune's server, or say who may sign in at its console
    Commune {
        /// The command; none = run the server
        #[command(subcommand)]
        what: Option<commune::CommuneCommand>,
    },
    /// Run a worker (started by the gateway itself)
    #[command(hide = true)]
    Worker {
        /// Which
        role: String,
    },
    /// Run the network helper (started by its own unit, with CAP_NET_ADMIN)
    #[command(hide = true)]
    Netd {
        /// Where it listens
        #[arg(long)]
        socket: PathBuf,
        /// The user that may ask, by its number or its name
        #[arg(long, value_parser = system_user::number)]
        gateway_user: u32,
        /// First put the rules of the configuration in force, with nobody let in
        #[arg(long)]
        base: bool,
    },
    /// Give out addresses on the segments of the box (started by its own unit)
    #[command(hide = true)]
    Dhcp,
    /// How the village is, in one screen
    Status,
    /// Faults, and what to do about them; works with the gateway stopped
    Doctor,
    /// Read or check the history
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Devices
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Look into the MQTT broker: who is there, what is kept, why somebody is refused
    #[command(subcommand)]
    Broker(broker::BrokerCommand),
    /// Cameras
    #[command(subcommand)]
    Camera(camera::CameraCommand),
    /// Addresses of the networks that the box serves, and what other programs are told about them
    #[command(subcommand)]
    Net(net::NetCommand),
    /// The free wifi: who is in, the rules
    #[command(subcommand)]
    Guest(guest::GuestCommand),
    /// The map of roads, alleys and houses
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// Sheets with codes, as PDF
    #[command(subcommand)]
    Print(print::PrintCommand),
    /// Administrative procedures
    #[command(subcommand)]
    Procedures(procedures::ProceduresCommand),
    /// The link to the commune
    #[command(subcommand)]
    Sync(status::SyncCommand),
    /// People who may sign in
    #[command(subcommand)]
    User(user::UserCommand),
    /// Tokens of programs
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Certificates
    #[command(subcommand)]
    Cert(cert::CertCommand),
    /// Secret keys of the data folder
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Questions whose answers make a configuration file
    Setup,
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Carries out a command that is not a role of the process, and gives the exit code.
#[must_use]
pub fn run(cli: &Cli) -> u8 {
    let done = match &cli.command {
        CliCommand::Run
        | CliCommand::Commune { what: None }
        | CliCommand::Worker { .. }
        | CliCommand::Netd { .. }
        | CliCommand::Dhcp => Ok(64),
        CliCommand::Commune { what: Some(what) } => commune::run(cli, what),
        CliCommand::Status => status::status(cli),
        CliCommand::Doctor => doctor::doctor(cli),
        CliCommand::Journal(what) => journal::run(cli, what),
        CliCommand::Device(what) => device::run_device(cli, what),
        CliCommand::Broker(what) => broker::run(cli, what),
        CliCommand::Camera(what) => camera::run(cli, what),
        CliCommand::Net(what) => net::run(cli, what),
        CliCommand::Guest(what) => guest::run(cli, what),
        CliCommand::Directory(what) => directory::run(cli, what),
        CliCommand::Print(what) => print::run(cli, what),
        CliCommand::Procedures(what) => procedures::run(cli, what),
        CliCommand::Sync(what) => status::sync(cli, what),
        CliCommand::User(what) => user::run(cli, what),
        CliCommand::Token(what) => token::run(cli, what),
        CliCommand::Cert(what) => cert::run(cli, what),
        CliCommand::Key(what) => key::run(cli, what),
        CliCommand::Setup => setup::run(cli),
        CliCommand::Config(what) => config::run(cli, what),
    };
    match done {
        Ok(code) => code,
        Err(error) => fail(cli, &error),
    }
}

/// Prints why the command failed and gives the exit code.
fn fail(cli: &Cli, error: &anyhow::Error) -> u8 {
    let (code, text) = match error.downcast_ref::<Failure>() {
        Some(failure) => (failure.code, failure.text.clone()),
        // An error that nobody foresaw is in the words of a library: it is quoted, not mixed in.
        None => (
            1,
            cli.f("cli-unforeseen", &[("cause", &format!("{error:#}"))]),
        ),
    };
    if cli.json {
        println!("{}", serde_json::json!({ "error": text, "code": code }));
    } else {
        let text = cli.f("cli-failed", &[("why", &text)]);
        eprintln!("{}", layout::wrap(&text, layout::width()));
    }
    code
}

/// Reads the configuration; prints all its mistakes when it has any.
///
/// # Errors
/// Exit code 78 after the mistakes were printed.
pub fn load(cli: &Cli) -> Result<crate::config::Config, u8> {
    match crate::config::load(&cli.config, std::env::vars()) {
        Ok(config) => Ok(config),
        Err(problems) => {
            if cli.json {
                let problems = config::problems_json(cli.lang(), &problems);
                println!("{}", serde_json::json!({ "problems": problems }));
            } else {
                let mut text = cli.f("cli-config-wrong", &[("n", problems.len())]);
                for problem in &problems {
                    text.push_str("\n  ");
                    text.push_str(&config::problem_text(cli.lang(), problem));
                }
                eprintln!("{}", layout::wrap(&text, layout::width()));
            }
            Err(78)
        }
    }
}

/// Prints JSON or text.
fn print(cli: &Cli, json: &serde_json::Value, text: &str) {
    if cli.json {
        print_line(&json.to_string());
    } else {
        print_line(&layout::wrap(&plain(text.trim_end()), layout::width()));
    }
}

/// The text without what would steer the terminal: devices and people chose the names in it.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if crate::domain::text::is_hidden(c) && !matches!(c, '\n' | '\u{200d}') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn print_line(line: &str) {
    use std::io::Write as _;
    // A closed pipe (`| head`) is no error.
    let _ = writeln!(std::io::stdout(), "{line}");
}
