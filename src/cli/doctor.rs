//! `doctor`: twelve checks. Each finding has a code, a severity, a sentence, and what to do. Works
//! with the daemon dead: what needs the daemon is then one finding, the rest is looked at directly.

use serde::Serialize;

use super::{Cli, client, print};
use crate::config::layout::Layout;
use crate::http::refusal_text;
use crate::keys::authority::CertificateFiles;
use crate::keys::ring::KeyRing;
use crate::protocol::broker::{AdminReply, QUARANTINE_REASON};
use crate::protocol::control::StatusReport;

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Error,
    Note,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Finding {
    severity: Severity,
    code: &'static str,
    what: String,
    todo: String,
}

fn error(code: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        code,
        what: what.into(),
        todo: todo.into(),
    }
}

fn note(code: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Note,
        code,
        what: what.into(),
        todo: todo.into(),
    }
}

/// Checks in all: one of the configuration, eight of the disk and the machine, three that only a
/// running house answers.
const CHECK_COUNT: usize = 12;
const OFFLINE_CHECK_COUNT: usize = 9;

/// Carries it out.
pub fn doctor(cli: &Cli) -> anyhow::Result<u8> {
    let mut found = Vec::new();
    let mut made = 1;
    // 1 configuration
    match super::load(cli) {
        Err(_) => found.push(error(
            "D-CFG-01",
            format!("Cấu hình {} có lỗi", cli.config.display()),
            "conglang config check",
        )),
        Ok(config) => {
            let layout = Layout::of(&config);
            check_offline(&config, &layout, &mut found);
            // The daemon
            match client::request(cli, "GET", "/status", None)
                .and_then(|v| Ok(serde_json::from_value::<StatusReport>(v)?))
            {
                Err(cause) => {
                    made = OFFLINE_CHECK_COUNT;
                    found.push(error(
                        "D-RUN-01",
                        format!("{cause:#}"),
                        "systemctl restart conglang; journalctl -u conglang -n 50",
                    ));
                }
                Ok(status) => {
                    made = CHECK_COUNT;
                    check_online(&status, &mut found);
                    check_refusals(cli, &mut found);
                }
            }
        }
    }
    let errors = found
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count();
    let notes = found.len() - errors;
    let mut text = String::new();
    for f in &found {
        let word = if f.severity == Severity::Error {
            "LỖI"
        } else {
            "NHẮC"
        };
        text.push_str(&format!(
            "{word:<5} {:<9} {}\n                Làm: {}\n",
            f.code, f.what, f.todo
        ));
    }
    let code = if errors > 0 { 2 } else { 0 };
    text.push_str(&format!(
        "Đã kiểm tra {made}/{CHECK_COUNT} mục: {errors} lỗi, {notes} nhắc. Mã thoát {code}."
    ));
    print(
        cli,
        &serde_json::json!({ "checks": made, "errors": errors, "notes": notes, "findings": found }),
        &text,
    );
    Ok(code)
}

/// What can be seen without the daemon.
fn check_offline(config: &crate::config::Config, layout: &Layout, found: &mut Vec<Finding>) {
    // 2 village
    if config.village.is_none() {
        found.push(error(
            "D-CFG-02",
            "Cấu hình chưa có phần [village]",
            "thêm id, name, commune của thôn",
        ));
    }
    // 3 space
    match crate::store::disk_space::free_and_total(&layout.data) {
        Ok((free, total)) if crate::store::disk_space::is_low(free, total) => {
            // A disk that is nine tenths full of other things is no fault of today; one without
            // room is.
            let grade = if free < crate::store::disk_space::LOW_BYTES {
                error
            } else {
                note
            };
            found.push(grade(
                "D-DSK-01",
                format!(
                    "Ổ đĩa sắp đầy: còn {} MB ở {}",
                    free >> 20,
                    layout.data.display()
                ),
                "xóa bớt hình ghi, hoặc thay thẻ lớn hơn",
            ));
        }
        Ok(_) => {}
        Err(cause) => found.push(error(
            "D-DSK-02",
            format!(
                "Không thấy thư mục dữ liệu {}: {cause}",
                layout.data.display()
            ),
            "kiểm tra thẻ nhớ, quyền của thư mục",
        )),
    }
    if let Ok((free, all)) = crate::store::disk_space::inodes(&layout.data)
        && crate::store::disk_space::is_low_on_inodes(free, all)
    {
        let told = format!(
            "Ổ đĩa sắp hết chỗ cho tệp mới: chỉ tạo được thêm {free} tệp ở {}",
            layout.data.display()
        );
        found.push(error("D-DSK-04", told, "xóa bớt tệp nhỏ không thuộc phần mềm này (df -i cho biết còn bao nhiêu), hoặc thay thẻ lớn hơn"));
    }
    // 4 writable
    let probe = layout.data.join(".doctor");
    if let Err(cause) = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
        found.push(error(
            "D-DSK-03",
            format!("Không ghi được vào {}: {cause}", layout.data.display()),
            "thẻ nhớ có thể đã khóa hoặc hỏng; chạy bằng đúng người dùng; thay thẻ",
        ));
    }
    // 5 who else may read
    let (secret, rest) = super::file_modes::world_accessible(&layout.data);
    let todo = format!("chmod -R go= {}", layout.data.display());
    if !secret.is_empty() {
        found.push(error(
            "D-PRM-01",
            format!(
                "Người khác trên máy này đọc được khóa: {}",
                super::file_modes::summarize_paths(&secret)
            ),
            todo.clone(),
        ));
    }
    if !rest.is_empty() {
        found.push(note(
            "D-PRM-02",
            format!(
                "Người khác trên máy này vào được dữ liệu: {}",
                super::file_modes::summarize_paths(&rest)
            ),
            todo,
        ));
    }
    // 6 clock
    let clock = crate::supervisor::clock::Clock::system(0);
    if clock.trust() == crate::supervisor::clock::Trust::None {
        found.push(note(
            "D-CLK-01",
            "Giờ của máy chưa đúng: trước ngày làm ra phần mềm, hoặc xa nhiều năm sau đó",
            "nối mạng để máy tự chỉnh giờ; xem: timedatectl",
        ));
    }
    // 7 speech
    let speaks = std::env::var_os("PATH").is_some_and(|p| {
        std::env::split_paths(&p).any(|d| d.join(&config.speech.program).exists())
    }) || std::path::Path::new(&config.speech.program).is_absolute();
    if !speaks {
        found.push(note(
            "D-SPK-01",
            format!("Chưa có chương trình đọc “{}”", config.speech.program),
            "apt install espeak-ng",
        ));
    }
    // 8 certificates: of the devices' broker, of the link to the commune, of HTTPS
    let days = |files: &CertificateFiles| files.remaining_days(&clock);
    let ring = KeyRing::inspect(&layout.data);
    for name in super::key::keys_of(config) {
        if let Some(lack) = ring.problem(*name) {
            let todo = format!(
                "chép lại {} từ bản sao lưu; không có thì: conglang key renew {}",
                ring.path(*name).display(),
                name.name
            );
            found.push(error(
                "D-KEY-07",
                format!(
                    "Khóa {}: {}. {}",
                    name.file,
                    super::key::problem_text(lack),
                    super::key::consequence_of_loss(*name)
                ),
                todo,
            ));
        }
    }
    let keys = layout.data.join("keys");
    let (mqtt, house_ca) = (
        CertificateFiles::named(&keys, "mqtt"),
        keys.join("house-ca"),
    );
    if config.broker.tls.is_some() && house_ca.exists() {
        let standing = mqtt.status(&house_ca, &clock);
        if standing.days_left().is_none_or(|d| d < 14) {
            let todo =
                "xem giờ của máy; conglang cert show; journalctl -u conglang | grep certificate";
            found.push(error(
                "D-KEY-03",
                format!(
                    "Chứng thư MQTT của thiết bị: {}, mà chưa tự gia hạn",
                    super::cert::status_text(standing)
                ),
                todo,
            ));
        }
    }
    if let (Some(certificate), Some(key)) = (&config.uplink.certificate, &config.uplink.key) {
        let given = days(&CertificateFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        });
        let renewed = days(&CertificateFiles::named(&keys, "commune"));
        match given.max(renewed) {
            None => found.push(error(
                "D-KEY-04",
                format!(
                    "Chứng thư của thôn {} hỏng hoặc chưa đến ngày có hiệu lực",
                    certificate.display()
                ),
                "xin xã tệp mới: conglang cert village",
            )),
            Some(left) if left < 14 => found.push(error(
                "D-KEY-05",
                format!("Chứng thư nối với xã còn {left} ngày"),
                "nối mạng để máy tự gia hạn, hoặc xin xã tệp mới",
            )),
            Some(_) => {}
        }
    }
    if config.listeners.dashboard_tls.is_some() {
        let files = CertificateFiles::named(&keys, "public");
        match days(&files) {
            None if files.certificate.exists() => {
                found.push(error(
                    "D-KEY-06",
                    "Chứng thư HTTPS không dùng được: tệp hỏng, hoặc chưa đến ngày có hiệu lực",
                    "xem giờ của máy; conglang cert install CHỨNG-THƯ KHÓA",
                ));
            }
            None => found.push(note(
                "D-KEY-01",
                "Chưa cài chứng thư cho HTTPS",
                "conglang cert install CHỨNG-THƯ KHÓA",
            )),
            Some(days) if days < 14 => found.push(note(
                "D-KEY-02",
                format!("Chứng thư HTTPS còn {days} ngày"),
                "cài chứng thư mới",
            )),
            Some(_) => {}
        }
    }
}

/// What to do about a part that is amber.
fn amber_advice(part: &str) -> &'static str {
    match part {
        "space" => "xóa bớt hình ghi, hoặc thay thẻ lớn hơn",
        "recordings" => "conglang camera list; xem ổ ghi hình có gắn không, còn chỗ không",
        "pictures" => "chạy được; nâng cấp nhân Linux hoặc tệp conglang.service khi có dịp",
        "queues" => {
            "conglang broker clients: dòng có “đã bỏ…” là thiết bị nhận chậm; xem mạng của nó"
        }
        "people" => {
            "chép lại tệp trong people/ từ bản sao lưu; không có thì gỡ thông báo, hoặc: conglang user pin TÊN. Hay gặp thì thay thẻ nhớ"
        }
        "commune" => {
            "hỏi xã; xem có hai máy cùng tên không, thẻ có bị chép từ bản cũ không. Không xóa gì ở xã"
        }
        "journal" | "history" => "conglang journal check",
        "samples" => "số đo mới vẫn được ghi; hay gặp thì thay thẻ nhớ",
        "ledger" => {
            "thiết bị nói lại trạng thái khi nối lại; đèn, loa: ra lệnh lại. Hay gặp thì thay thẻ nhớ"
        }
        "index" => "xóa index.redb trong thư mục dữ liệu rồi khởi động lại; máy tự dựng lại",
        "certificate" => "xem giờ của máy; conglang cert show",
        _ => "journalctl -u conglang -n 50",
    }
}

/// What the daemon says.
fn check_online(status: &StatusReport, found: &mut Vec<Finding>) {
    // 9 parts of the house
    for (part, light, why) in &status.health {
        match light.as_str() {
            "red" => found.push(error(
                "D-RUN-02",
                format!("Phần “{part}” có lỗi: {why}"),
                if part == "queues" {
                    "giải phóng chỗ, gắn lại thẻ cho ghi, hoặc thay thẻ nhớ"
                } else if part == "keys" {
                    "conglang key show"
                } else {
                    "journalctl -u conglang -n 50"
                },
            )),
            "amber" if part != "dashboard_tls" => found.push(note(
                "D-RUN-03",
                format!("Phần “{part}” cần xem: {why}"),
                amber_advice(part),
            )),
            _ => {}
        }
    }
    // 10 commune
    if status.sync.configured && !status.sync.up {
        found.push(note(
            "D-SYN-01",
            format!("Mất kết nối với xã, chờ gửi {}", status.sync.waiting),
            "kiểm tra mạng ngoài; việc trong thôn vẫn chạy",
        ));
    }
}

/// Names that a sentence tells; the rest is a number.
const MAX_NAMES: usize = 3;

/// Devices that the broker refused or cut since it started, newest first, and those that wait for
/// an account.
fn check_refusals(cli: &Cli, found: &mut Vec<Finding>) {
    let answer = client::request(cli, "GET", "/broker/why", None)
        .ok()
        .and_then(|value| serde_json::from_value(value).ok());
    let Some(AdminReply::Refusals(rows)) = answer else {
        // Not to have been told is not to be well.
        found.push(note(
            "D-MQT-03",
            "Chưa hỏi được máy chủ MQTT nên chưa biết thiết bị nào bị từ chối",
            "conglang status; journalctl -u conglang",
        ));
        return;
    };
    let mut names: Vec<&str> = Vec::new();
    let (mut strangers, mut others, mut unused): (Vec<String>, Vec<String>, Vec<String>) =
        Default::default();
    let mut unused_of: Vec<&str> = Vec::new();
    for row in rows
        .iter()
        .filter(|r| refusal_text::is_about_announcement(&r.reason))
    {
        if !unused_of.contains(&row.client.as_str()) {
            unused_of.push(&row.client);
            unused.push(format!(
                "{}: {}",
                row.client,
                refusal_text::vietnamese(&row.reason)
            ));
        }
    }
    for row in rows
        .iter()
        .rev()
        .filter(|r| !refusal_text::is_about_announcement(&r.reason))
        .filter(|r| !r.client.starts_with('@'))
    {
        if names.contains(&row.client.as_str()) {
            continue;
        }
        names.push(&row.client);
        if row.reason == QUARANTINE_REASON {
            strangers.push(row.client.clone());
        } else {
            others.push(format!(
                "{} ({})",
                row.client,
                refusal_text::vietnamese(&row.reason)
            ));
        }
    }
    let told = |all: &[String]| {
        let more = all.len().saturating_sub(MAX_NAMES);
        let rest = if more > 0 {
            format!(" và {more} nữa")
        } else {
            String::new()
        };
        format!(
            "{}{rest}",
            all.iter()
                .take(MAX_NAMES)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        )
    };
    if !others.is_empty() {
        found.push(note(
            "D-MQT-01",
            format!(
                "Bị từ chối hoặc bị ngắt từ lúc máy chủ MQTT chạy: {}",
                told(&others)
            ),
            "conglang broker why TÊN",
        ));
    }
    if !unused.is_empty() {
        found.push(note(
            "D-MQT-03",
            format!(
                "Có thiết bị khai thứ mà máy không dùng được: {}",
                told(&unused)
            ),
            "conglang broker why TÊN; sửa ở thiết bị rồi cho khai lại",
        ));
    }
    if !strangers.is_empty() {
        found.push(note(
            "D-MQT-02",
            format!("Thiết bị lạ chờ nhận: {}", told(&strangers)),
            "conglang device add TÊN \"Tên gọi\"",
        ));
    }
}
