//! The technician's commands. First line is the answer; `--json` beside it; exit codes are honest:
//! 0 well, 1 could not, 2 something is broken, 64 wrong use, 78 wrong configuration.

mod broker;
mod cert;
mod client;
mod config;
mod device;
mod doctor;
mod journal;
mod key;
mod modes;
mod setup;
mod status;
mod token;
mod user;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "conglang",
    version,
    about = "Cổng Làng: the village gate",
    arg_required_else_help = true
)]
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
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway
    Run,
    /// Run the commune's server
    Commune,
    /// Run a worker (started by the gateway itself)
    #[command(hide = true)]
    Worker {
        /// Which
        role: String,
    },
    /// How the village is, in one screen
    Status,
    /// Ten checks: what is wrong and what to do; works with the daemon dead
    Doctor,
    /// Read or check the history
    #[command(subcommand)]
    Journal(journal::Journal),
    /// Devices
    #[command(subcommand)]
    Device(device::Device),
    /// Look into the MQTT broker: who is there, what is kept, why somebody is refused
    #[command(subcommand)]
    Broker(broker::Broker),
    /// Cameras
    #[command(subcommand)]
    Camera(device::Camera),
    /// The link to the commune
    #[command(subcommand)]
    Sync(status::Sync),
    /// People who may sign in
    #[command(subcommand)]
    User(user::User),
    /// Tokens of programs
    #[command(subcommand)]
    Token(token::Token),
    /// Certificates
    #[command(subcommand)]
    Cert(cert::Cert),
    /// Secret keys of the data folder
    #[command(subcommand)]
    Key(key::Key),
    /// Six questions, one configuration file
    Setup,
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::Config),
}

/// Carries out a command that is not a role; gives the exit code.
#[must_use]
pub fn run(cli: &Cli) -> u8 {
    let done = match &cli.command {
        Command::Run | Command::Commune | Command::Worker { .. } => Ok(64),
        Command::Status => status::status(cli),
        Command::Doctor => doctor::doctor(cli),
        Command::Journal(what) => journal::run(cli, what),
        Command::Device(what) => device::device(cli, what),
        Command::Broker(what) => broker::run(cli, what),
        Command::Camera(what) => device::camera(cli, what),
        Command::Sync(what) => status::sync(cli, what),
        Command::User(what) => user::run(cli, what),
        Command::Token(what) => token::run(cli, what),
        Command::Cert(what) => cert::run(cli, what),
        Command::Key(what) => key::run(cli, what),
        Command::Setup => setup::run(cli),
        Command::Config(what) => config::run(cli, what),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            if cli.json {
                println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            } else {
                eprintln!("Không làm được: {error:#}");
            }
            1
        }
    }
}

/// The configuration, or all mistakes printed and exit code 78.
///
/// # Errors
/// Exit code 78 after the mistakes were printed.
pub fn load(cli: &Cli) -> Result<crate::config::Config, u8> {
    match crate::config::load(&cli.config, std::env::vars()) {
        Ok(config) => Ok(config),
        Err(problems) => {
            if cli.json {
                println!("{}", serde_json::json!({ "problems": problems }));
            } else {
                eprintln!("Cấu hình có {} chỗ sai:", problems.len());
                for problem in &problems {
                    eprintln!("  {problem}");
                }
            }
            Err(78)
        }
    }
}

/// Prints JSON or text.
fn say(cli: &Cli, json: &serde_json::Value, text: &str) {
    use std::io::Write as _;
    // What devices and people called themselves must not steer the terminal.
    let plain = |c: char| {
        if crate::domain::words::is_hidden(c) && !matches!(c, '\n' | '\u{200d}') {
            '\u{fffd}'
        } else {
            c
        }
    };
    let line = if cli.json {
        json.to_string()
    } else {
        text.trim_end().chars().map(plain).collect()
    };
    // A closed pipe (`| head`) is no error.
    let _ = writeln!(std::io::stdout(), "{line}");
}
