//! `setup`: six questions, one TOML file. An existing file is never overwritten; Enter takes the
//! default in brackets.

use std::io::{BufRead as _, Write as _};

use super::{Cli, print};

/// Asks the questions and writes the file.
pub fn run(cli: &Cli) -> anyhow::Result<u8> {
    anyhow::ensure!(
        !cli.config.exists(),
        "{} đã có; sửa tệp đó hoặc chọn tệp khác bằng --config",
        cli.config.display()
    );
    let name = ask("1/6 Tên thôn", "Thôn Bến Thóc")?;
    let commune = ask("1/6 Thuộc xã", "xã Đồng Nếp")?;
    let place = ask("2/6 Tọa độ (vĩ độ, kinh độ)", "19.0, 107.0")?;
    let chief = ask("3/6 Trưởng thôn (tên để gọi)", "Ông Mẫu")?;
    let phone = ask("3/6 Điện thoại của kỹ thuật (để trống nếu chưa có)", "")?;
    let wifi = ask("4/6 Tên trang khi vào wifi", "thon.lan")?;
    let fenced = ask(
        "4/6 Địa chỉ của máy này ở mạng thiết bị, ví dụ 192.168.20.1 (để trống nếu chưa có)",
        "",
    )?;
    let server = ask("5/6 Máy chủ của xã (để trống nếu chưa có)", "")?;
    let folder = ask("6/6 Thư mục dữ liệu", "/var/lib/conglang")?;
    let (latitude, longitude) = place
        .split_once(',')
        .and_then(|(a, b)| Some((a.trim().parse::<f64>().ok()?, b.trim().parse::<f64>().ok()?)))
        .ok_or_else(|| anyhow::anyhow!("“{place}” không phải tọa độ, ví dụ: 19.0, 107.0"))?;
    let id = slug(&name);
    let mut text = format!(
        "# Made by “conglang setup”.\n[village]\nid = {id:?}\nname = {name:?}\ncommune = {commune:?}\nlatitude = {latitude:?}\nlongitude = {longitude:?}\n\n[data]\nfolder = {folder:?}\n\n[doors]\nportal = \"0.0.0.0:80\"\ndashboard_tls = \"0.0.0.0:443\"\ncontrol = \"/run/conglang/control.sock\"\nnames = [{wifi:?}]\n"
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
        text.push_str(&format!("\n[commune]\nserver = {server:?}\nca = \"/etc/conglang/commune-ca.pem\"\ncertificate = \"/etc/conglang/village.pem\"\nkey = \"/etc/conglang/village.pem\"\n"));
    }
    if let Err(problems) =
        crate::config::load_from(&[(cli.config.display().to_string(), text.clone())])
    {
        anyhow::bail!(
            "câu trả lời chưa dùng được: {}",
            problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        );
    }
    if let Some(folder) = cli.config.parent() {
        std::fs::create_dir_all(folder)?;
    }
    crate::log::disk::write_atomic(&cli.config, text.as_bytes())?;
    let next = format!(
        "Đã ghi {}. Tiếp theo: systemctl start conglang; conglang user add truong-thon {chief:?}; conglang doctor",
        cli.config.display()
    );
    print(
        cli,
        &serde_json::json!({ "file": cli.config, "village": id }),
        &next,
    );
    Ok(0)
}

fn ask(question: &str, usual: &str) -> anyhow::Result<String> {
    let mut out = std::io::stderr();
    if usual.is_empty() {
        write!(out, "{question}: ")?;
    } else {
        write!(out, "{question} [{usual}]: ")?;
    }
    out.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let line = line.trim();
    Ok(if line.is_empty() {
        usual.to_owned()
    } else {
        line.to_owned()
    })
}

/// “Thôn Bến Thóc” → `ben-thoc`.
fn slug(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let plain: String = name
        .trim_start_matches("Thôn ")
        .replace(['đ', 'Đ'], "d")
        .nfd()
        .filter(char::is_ascii)
        .collect();
    let words: Vec<String> = plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    if words.is_empty() {
        "thon".to_owned()
    } else {
        words.join("-").chars().take(60).collect()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_becomes_an_id() {
        assert_eq!(super::slug("Thôn Bến Thóc"), "ben-thoc");
        assert_eq!(super::slug("Thôn Đồng Nếp 2"), "dong-nep-2");
        assert_eq!(super::slug("…"), "thon");
    }
}
