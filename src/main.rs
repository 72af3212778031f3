//! The program: parses the arguments and becomes one role.

use std::process::ExitCode;

use conglang::app;
use conglang::cli::{self, Cli, CliCommand};
use conglang::protocol::netd::GuestRates;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    conglang::supervisor::panics::install_hook();
    let cli = match Cli::parse_arguments() {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    // Files in the data folders are private to the gateway's user, wherever the program was started
    // from. `setup` is excepted: its answers hold no secret, and the gateway's user must be able to
    // read them.
    if !matches!(cli.command, CliCommand::Setup) {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    }
    let filter = EnvFilter::try_from_env("CONGLANG_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,rumqttc=warn,retina=warn"));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal)
        .with_target(false)
        .init();
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::warn!("crypto provider already installed");
    }
    ExitCode::from(match &cli.command {
        CliCommand::Worker { role } => app::worker::run(role),
        CliCommand::Netd {
            socket,
            gateway_user,
            base,
        } => match base.then(|| cli::load(&cli)).transpose() {
            Ok(None) => app::netd::run(socket, *gateway_user, None),
            Ok(Some(config)) => match config.network_plan(GuestRates::default()) {
                Some(plan) => app::netd::run(socket, *gateway_user, Some(plan)),
                None => app::netd::stay_shut(78),
            },
            Err(code) => app::netd::stay_shut(code),
        },
        CliCommand::Dhcp => match cli::load(&cli) {
            Ok(config) => app::dhcp::run(&config.network),
            Err(code) => code,
        },
        CliCommand::Run => run_role(&cli, |config| Box::pin(app::gateway::run(config))),
        CliCommand::Commune { what: None } => {
            run_role(&cli, |config| Box::pin(app::commune::run(config)))
        }
        _ => cli::run(&cli),
    })
}

type RoleFuture = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<u8>>>>;

/// Most threads for files and PINs: with those of the workers they are fewer than the unit may have
/// (`TasksMax` in `systemd/`).
const MAX_BLOCKING_THREADS: usize = 128;

/// Loads the configuration and runs a role to its end.
fn run_role(cli: &Cli, run: impl FnOnce(conglang::config::Config) -> RoleFuture) -> u8 {
    let config = match cli::load(cli) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
    {
        Ok(runtime) => runtime,
        Err(cause) => {
            tracing::error!(%cause, "cannot start the runtime");
            return 71;
        }
    };
    let ended = runtime.block_on(run(config));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match ended {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(cause = %format_args!("{error:#}"), "the program ended with an error");
            1
        }
    }
}
