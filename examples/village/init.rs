//! Writing the throw-away village: configuration, secrets, certificates.

use std::fmt::Write as _;
use std::path::Path;

use conglang::keys::authority::{Authority, CertificateFiles};
use conglang::keys::secret;
use conglang::supervisor::clock::Clock;
use conglang::time::WallMs;

/// Writes everything that the demo needs into `dir`.
#[expect(clippy::too_many_lines, reason = "the program's steps in their order")]
pub fn init(dir: &Path, base: u16, bind: &str, data: &Path) -> anyhow::Result<()> {
    let parts = dir.join("conglang.d");
    std::fs::create_dir_all(&parts)?;
    let port = |n: u16| format!("{bind}:{}", base + n);
    let now_s = super::now().seconds();

    // Devices, each with a fresh secret of 128 bits.
    let mut devices: toml::Table = std::fs::read_to_string(data.join("devices.toml"))?.parse()?;
    let mut secrets = serde_json::Map::new();
    for device in devices
        .get_mut("device")
        .and_then(|d| d.as_array_mut())
        .into_iter()
        .flatten()
    {
        let Some(table) = device.as_table_mut() else {
            continue;
        };
        let id = table["id"].as_str().unwrap_or_default().to_owned();
        let token = secret::token()?;
        table.insert(
            "secret_sha256".into(),
            secret::sha256(token.as_bytes()).into(),
        );
        secrets.insert(id, token.into());
    }
    // An account for programs that want to act as a new device.
    let guest = secret::token()?;
    let mut extra = toml::Table::new();
    extra.insert("id".into(), "guest-01".into());
    extra.insert("name".into(), "Thiết bị thử".into());
    extra.insert(
        "secret_sha256".into(),
        secret::sha256(guest.as_bytes()).into(),
    );
    if let Some(list) = devices.get_mut("device").and_then(|d| d.as_array_mut()) {
        list.push(extra.into());
    }
    std::fs::write(parts.join("20-devices.toml"), toml::to_string(&devices)?)?;
    // A copy would have the wide file permissions of its original.
    std::fs::write(
        parts.join("10-village.toml"),
        std::fs::read(data.join("village.toml"))?,
    )?;
    secret::write_file(
        &dir.join("secrets.json"),
        serde_json::to_string_pretty(&serde_json::json!({ "devices": secrets, "guest": guest }))?
            .as_bytes(),
    )?;

    // Cameras: all that the demo's RTSP server plays, and two that are lost.
    let village: toml::Table = std::fs::read_to_string(data.join("village.toml"))?.parse()?;
    let password = dir.join("camera.password");
    secret::write_file(&password, secret::token()?.as_bytes())?;
    let mut text = String::new();
    for camera in village
        .get("camera")
        .and_then(|c| c.as_array())
        .into_iter()
        .flatten()
    {
        let (id, name) = (
            camera["id"].as_str().unwrap_or_default(),
            camera["name"].as_str().unwrap_or_default(),
        );
        let path = if crate::cameras::LOST.contains(&id) {
            "lost"
        } else {
            id
        };
        writeln!(
            text,
            "[[camera]]\nid = {id:?}\nname = {name:?}\nurl = \"rtsp://127.0.0.1:{}/{path}\"\n\
             user = \"village\"\npassword_file = {password:?}",
            base + 54
        )?;
    }
    std::fs::write(parts.join("30-cameras.toml"), text)?;

    let (ca, village) = (
        dir.join("commune/keys/ca"),
        CertificateFiles::named(dir, "village"),
    );
    certificates(dir, now_s)?;

    // A socket's path has room for 108 bytes.
    let run = if dir.as_os_str().len() > 70 {
        std::env::temp_dir().join(format!("conglang-run-{}", &secret::token()?[..12]))
    } else {
        dir.join("run")
    };
    std::fs::create_dir_all(&run)?;
    std::fs::write(
        dir.join("control.path"),
        run.join("control.sock").display().to_string(),
    )?;
    let mut text = String::new();
    writeln!(text, "# A throw-away village, made by the demo.")?;
    writeln!(text, "[data]\nfolder = {:?}", dir.join("data"))?;
    writeln!(
        text,
        "[doors]\nportal = {:?}\ndashboard = {:?}\ndashboard_tls = {:?}\ncontrol = {:?}\n\
         names = [\"benthoc.example\"]\ntechnician_phone = \"0000 000 014\"",
        port(80),
        port(81),
        port(82),
        run.join("control.sock")
    )?;
    writeln!(text, "[links]\npublic_base = \"https://benthoc.example\"")?;
    writeln!(
        text,
        "[broker]\nplain = {:?}\ntls = {:?}\nwebsocket = {:?}",
        port(83),
        port(88),
        port(84)
    )?;
    writeln!(text, "[speech]\nurl = \"http://127.0.0.1:{}\"", base + 80)?;
    writeln!(
        text,
        "[commune]\nserver = \"mqtts://127.0.0.1:{}\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}",
        base + 98,
        ca.join("ca.pem"),
        village.certificate,
        village.key
    )?;
    std::fs::write(dir.join("conglang.toml"), text)?;

    let mut text = String::new();
    writeln!(text, "# The commune of the throw-away village.")?;
    writeln!(text, "[data]\nfolder = {:?}", dir.join("commune"))?;
    writeln!(
        text,
        "[doors]\ncontrol = {:?}",
        run.join("commune.d/control.sock")
    )?;
    writeln!(
        text,
        "[office]\nname = \"xã Đồng Nếp\"\nconsole = {:?}\nmqtt = {:?}",
        port(91),
        port(98)
    )?;
    writeln!(
        text,
        "[[office.village]]\nid = \"ben-thoc\"\nname = \"Bến Thóc\"\nchief = \"Ông Mẫu\"\n\
         phone = \"0000 000 011\"\npeople = 1240\n[[office.village]]\nid = \"go-mit\"\n\
         name = \"Gò Mít\""
    )?;
    std::fs::create_dir_all(dir.join("commune-conf"))?;
    std::fs::write(dir.join("commune-conf/commune.toml"), text)?;
    Ok(())
}

/// Issues again the certificates that ended while the demo's folder was not used: a running gateway
/// renews certificates itself, but not once they have ended.
pub fn renew(dir: &Path, now: WallMs) -> anyhow::Result<()> {
    let now_s = now.seconds();
    let clock = Clock::manual(now.ms());
    let lasts = |files: CertificateFiles| {
        let lifetime = files.lifetime_of_own_leaf(&clock);
        lifetime.is_some_and(|lifetime| !lifetime.is_due())
    };
    let keys = dir.join("data/keys");
    let linked = lasts(CertificateFiles::named(dir, "village"))
        || lasts(CertificateFiles::named(&keys, "commune"));
    if linked && lasts(CertificateFiles::named(&keys, "public")) {
        Ok(())
    } else {
        certificates(dir, now_s)
    }
}

/// The village's certificate from the commune's CA, and that of the throw-away dashboard's HTTPS,
/// so that programs can try it; a real village installs a publicly valid one.
fn certificates(dir: &Path, now_s: u64) -> anyhow::Result<()> {
    let authority = Authority::load_or_make(&dir.join("commune/keys/ca"), "xã Đồng Nếp", now_s)?;
    CertificateFiles::named(dir, "village").write(&authority.issue_client("ben-thoc", now_s)?)?;
    let keys = dir.join("data/keys");
    let house = Authority::load_or_make(&keys.join("house-ca"), "Cổng Làng, nhà văn hóa", now_s)?;
    CertificateFiles::named(&keys, "public").write(&house.issue_server(
        "localhost",
        &["localhost".to_owned(), "127.0.0.1".to_owned()],
        now_s,
    )?)?;
    Ok(())
}
