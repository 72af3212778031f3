//! The cameras: a real RTSP server that is not ours (`cameras.py`), kept running as long as the
//! village plays.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Cameras that cannot be reached: a village where everything works shows nothing.
pub const LOST: [&str; 2] = ["cam-08", "cam-11"];

/// Serves all cameras of the village until it is dropped.
pub async fn run(dir: &Path) -> anyhow::Result<()> {
    let config: toml::Table =
        std::fs::read_to_string(dir.join("conglang.d/30-cameras.toml"))?.parse()?;
    let cameras = config
        .get("camera")
        .and_then(|c| c.as_array())
        .map_or(0, Vec::len);
    let first = config["camera"][0]["url"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let port = first
        .rsplit(':')
        .next()
        .and_then(|p| p.split('/').next())
        .unwrap_or_default()
        .to_owned();
    let password = std::fs::read_to_string(dir.join("camera.password"))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/village/cameras.py");
    loop {
        let mut server = tokio::process::Command::new("/usr/bin/python3")
            .arg(&script)
            .args([
                "--port",
                &port,
                "--count",
                &cameras.to_string(),
                "--user",
                "village",
                "--password",
                password.trim(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        // It plays as long as its stdin stays open; waiting for its end would close it.
        let _held = server.stdin.take();
        tracing::warn!(
            "the cameras ended ({}); they are started again",
            server.wait().await?
        );
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
