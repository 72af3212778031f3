//! The village simulator: devices that nobody has to plug in, for the demo, tests and benches.
//!
//! `village init` writes a throw-away village Bến Thóc with fresh secrets; `village run` plays its
//! devices: real MQTT clients that announce themselves, answer, are slow, fail and publish wrong
//! values as real ones do.

#![allow(
    clippy::disallowed_methods,
    clippy::unnecessary_debug_formatting,
    clippy::unused_async,
    reason = "a simulator beside the house, not a part of it"
)]

mod board;
mod cameras;
mod days;
mod devices;
mod init;
mod internet;
mod receiver;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use conglang::time::WallMs;

#[derive(Debug, Parser)]
#[command(name = "village", about = "Thôn Bến Thóc, simulated")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a throw-away village and its commune
    Init {
        /// Folder
        #[arg(long)]
        dir: PathBuf,
        /// First port
        #[arg(long, default_value_t = 8000)]
        port_base: u16,
        /// Address to listen on
        #[arg(long, default_value = "127.0.0.1")]
        bind: String,
        /// Data of the demo village
        #[arg(long, default_value = "config/demo")]
        data: PathBuf,
    },
    /// Stand in for the internet: a host that answers over HTTP
    Internet,
    /// Publish the demo's notices
    Notices {
        /// Folder
        #[arg(long)]
        dir: PathBuf,
        /// Data of the demo village
        #[arg(long, default_value = "config/demo")]
        data: PathBuf,
    },
    /// Print addresses, PINs and a QR code
    Show {
        /// Folder
        #[arg(long)]
        dir: PathBuf,
    },
    /// Make anew what ends with time: certificates that are over or soon will be
    Renew {
        /// Folder
        #[arg(long)]
        dir: PathBuf,
    },
    /// Print the moment that words mean, seconds since 1970: “next 29 February, 9:00”
    When {
        /// As in the demo's notices
        words: String,
    },
    /// Play the devices until a signal
    Run {
        /// Folder
        #[arg(long)]
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    conglang::supervisor::panics::install_hook();
    // The files that it writes contain secrets and PINs.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .init();
    match run(Args::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A sentence, whatever RUST_BACKTRACE says.
            eprintln!("Không làm được: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: What) -> anyhow::Result<()> {
    match what {
        What::Init {
            dir,
            port_base,
            bind,
            data,
        } => init::init(&dir, port_base, &bind, &data),
        What::Internet => internet::serve(),
        What::Notices { dir, data } => show::notices(&dir, &data),
        What::Show { dir } => show::show(&dir),
        What::Renew { dir } => init::renew(&dir, now()),
        What::When { words } => {
            println!("{}", days::Moment::parse(&words, now())?.begin().seconds());
            Ok(())
        }
        What::Run { dir } => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            runtime.block_on(devices::run(&dir))
        }
    }
}

/// Now, and never before this program was made.
fn now() -> WallMs {
    conglang::supervisor::clock::Clock::system(0).trusted_ms()
}
