//! A receiver for a speaker cluster that plays into a WAV file: for a bench without horns, and as
//! the model of a real one. `receiver --id loa-01 --secret … --key … --out loa-01.wav [--host H
//! --port P]`.

#![allow(
    clippy::disallowed_methods,
    clippy::unnecessary_debug_formatting,
    clippy::unused_async,
    reason = "a simulator beside the house, not a part of it"
)]

#[path = "../village/receiver.rs"]
mod receiver;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "receiver", about = "A horn cluster that plays into a file")]
struct Args {
    /// Device id
    #[arg(long)]
    id: String,
    /// Its secret
    #[arg(long)]
    secret: String,
    /// The village's voice key (base64), from `<data>/keys/voice.pub`
    #[arg(long)]
    key: String,
    /// WAV to play into
    #[arg(long)]
    out: PathBuf,
    /// Broker
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Its port
    #[arg(long, default_value_t = 1883)]
    port: u16,
}

fn main() -> ExitCode {
    conglang::supervisor::panics::install_hook();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let a = Args::parse();
    let receiver = receiver::Receiver {
        id: a.id,
        host: a.host,
        port: a.port,
        secret: a.secret,
        key: a.key,
        out: a.out,
    };
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::new)
        .and_then(|runtime| runtime.block_on(receiver.run()));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A sentence, whatever RUST_BACKTRACE says.
            eprintln!("Không làm được: {error:#}");
            ExitCode::FAILURE
        }
    }
}
