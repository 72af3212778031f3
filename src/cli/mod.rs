//! The technician's commands. The first line that a command prints is its answer; `--json` prints
//! the same as JSON. Exit codes: 0 well, 1 the command failed, 2 something is broken, 64 wrong
//! usage, 78 wrong configuration.

mod broker;
mod cert;
mod client;
mod config;
mod device;
mod doctor;
mod file_modes;
mod journal;
mod key;
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
    pub command: CliCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
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
    Journal(journal::JournalCommand),
    /// Devices
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Look into the MQTT broker: who is there, what is kept, why somebody is refused
    #[command(subcommand)]
    Broker(broker::BrokerCommand),
    /// Cameras
    #[command(subcommand)]
    Camera(device::CameraCommand),
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
    /// Six questions, one configuration file
    Setup,
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Carries out a command that is not a role of the process, and gives the exit code.
#[must_use]
pub fn run(cli: &Cli) -> u8 {
    let done = match &cli.command {
        CliCommand::Run | CliCommand::Commune | CliCommand::Worker { .. } => Ok(64),
        CliCommand::Status => status::status(cli),
        CliCommand::Doctor => doctor::doctor(cli),
        CliCommand::Journal(what) => journal::run(cli, what),
        CliCommand::Device(what) => device::run_device(cli, what),
        CliCommand::Broker(what) => broker::run(cli, what),
        CliCommand::Camera(what) => device::run_camera(cli, what),
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

/// Reads the configuration; prints all its mistakes when it has any.
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
fn print(cli: &Cli, json: &serde_json::Value, text: &str) {
    use std::io::Write as _;
    // Names that devices and people chose must not steer the terminal.
    let plain = |c: char| {
        if crate::domain::text::is_hidden(c) && !matches!(c, '\n' | '\u{200d}') {
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
