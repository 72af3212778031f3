//! `doctor`: thirteen checks. Each finding has a code, a severity, a sentence, and an advice. It
//! works when the gateway is not running: everything that only the running gateway can answer is
//! then one finding, and the rest is checked directly.

mod offline;
mod things;

use serde::Serialize;

use super::status::{exit_code, head, wrap};
use super::{Cli, client, print};
use crate::config::layout::Layout;
use crate::i18n::locale::Lang;
use crate::i18n::refusal_text::refusal_text;
use crate::protocol::broker::{AdminReply, RefusalReason};
use crate::protocol::control::StatusReport;
use crate::supervisor::health::{HealthPart, HealthStatus};

/// How severe a finding is.
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

/// Checks in all: one of the configuration, eight of the disk and the machine, and four that only
/// a running gateway can answer.
const CHECK_COUNT: usize = 13;
const OFFLINE_CHECK_COUNT: usize = 9;

/// Runs the checks, prints the findings and gives the exit code.
pub fn doctor(cli: &Cli) -> anyhow::Result<u8> {
    let mut found = Vec::new();
    let (mut made, mut broken, mut sentence) = (1, 0, None);
    match super::load(cli) {
        Err(_) => found.push(error(
            "D-CFG-01",
            format!("Cấu hình {} có lỗi", cli.config.display()),
            "conglang config check",
        )),
        Ok(config) => {
            let layout = Layout::of(&config);
            offline::check(&config, &layout, &mut found);
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
                    broken = exit_code(&status);
                    sentence = Some(head(Lang::Vi, &status));
                    check_online(&status, &mut found);
                    things::check(Lang::Vi, &status, &mut found);
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
    // The first line is the answer, the same as that of `status`.
    if let Some(first) = &sentence {
        text = format!("{first}\n");
    }
    for f in &found {
        let word = if f.severity == Severity::Error {
            "LỖI"
        } else {
            "NHẮC"
        };
        text.push_str(&format!(
            "{word:<5} {:<9} {}\n                Làm: {}\n",
            f.code,
            f.what,
            wrap(&f.todo, 21)
        ));
    }
    let code = if errors > 0 { 2 } else { broken };
    text.push_str(&format!(
        "Đã kiểm tra {made}/{CHECK_COUNT} mục: {errors} lỗi, {notes} nhắc. Mã thoát {code}."
    ));
    print(
        cli,
        &serde_json::json!({ "checks": made, "errors": errors, "notes": notes, "findings": found, "sentence": sentence }),
        &text,
    );
    Ok(code)
}

/// The advice for a health part that is amber.
fn amber_advice(part: &HealthPart) -> &'static str {
    match part {
        HealthPart::Space => "xóa bớt hình ghi, hoặc thay thẻ lớn hơn",
        HealthPart::Recordings => {
            "conglang camera list; xem ổ ghi hình có gắn không, còn chỗ không"
        }
        HealthPart::Pictures => {
            "chạy được; nâng cấp nhân Linux hoặc tệp conglang.service khi có dịp"
        }
        HealthPart::Queues => {
            "conglang broker clients: dòng có “đã bỏ…” là thiết bị nhận chậm; xem mạng của nó"
        }
        HealthPart::Texts => {
            "chép lại tệp trong people/ từ bản sao lưu; không có thì gỡ thông báo, hoặc: conglang user pin TÊN. Hay gặp thì thay thẻ nhớ"
        }
        HealthPart::Commune => {
            "hỏi xã; xem có hai máy cùng tên không, thẻ có bị chép từ bản cũ không. Không xóa gì ở xã"
        }
        HealthPart::Journal | HealthPart::History => "conglang journal check",
        HealthPart::Samples => "số đo mới vẫn được ghi; hay gặp thì thay thẻ nhớ",
        HealthPart::PersistenceLog => {
            "thiết bị nói lại trạng thái khi nối lại; đèn, loa: ra lệnh lại. Hay gặp thì thay thẻ nhớ"
        }
        HealthPart::Index => {
            "xóa index.redb trong thư mục dữ liệu rồi khởi động lại; máy tự dựng lại"
        }
        HealthPart::Certificate => "xem giờ của máy; conglang cert show",
        _ => "journalctl -u conglang -n 50",
    }
}

/// The checks of the health parts and of the link, as the running gateway reports them.
fn check_online(status: &StatusReport, found: &mut Vec<Finding>) {
    for (part, light, why) in &status.health {
        match light {
            HealthStatus::Red => found.push(error(
                "D-RUN-02",
                format!("Phần “{part}” có lỗi: {why}"),
                if *part == HealthPart::Queues {
                    "giải phóng chỗ, gắn lại thẻ cho ghi, hoặc thay thẻ nhớ"
                } else if *part == HealthPart::Keys {
                    "conglang key show"
                } else {
                    "journalctl -u conglang -n 50"
                },
            )),
            HealthStatus::Amber if *part != HealthPart::DashboardTls => found.push(note(
                "D-RUN-03",
                format!("Phần “{part}” cần xem: {why}"),
                amber_advice(part),
            )),
            HealthStatus::Amber | HealthStatus::Green => {}
        }
    }
    if status.sync.configured && !status.sync.up {
        found.push(note(
            "D-SYN-01",
            format!("Mất kết nối với xã, chờ gửi {}", status.sync.waiting),
            "kiểm tra mạng ngoài; việc trong thôn vẫn chạy",
        ));
    }
}

/// Most names in a sentence; the rest is given as a number.
const MAX_NAMES: usize = 3;

/// Devices that the broker refused or disconnected since it started, newest first, and devices in
/// quarantine.
fn check_refusals(cli: &Cli, found: &mut Vec<Finding>) {
    let answer = client::request(cli, "GET", "/broker/why", None)
        .ok()
        .and_then(|value| serde_json::from_value(value).ok());
    let Some(AdminReply::Refusals(rows)) = answer else {
        // Without an answer the technician must not think that no device was refused.
        found.push(note(
            "D-MQT-03",
            "Chưa hỏi được máy chủ MQTT nên chưa biết thiết bị nào bị từ chối",
            "conglang status; journalctl -u conglang",
        ));
        return;
    };
    let mut names: Vec<&str> = Vec::new();
    let (mut quarantined, mut others, mut unused): (Vec<String>, Vec<String>, Vec<String>) =
        Default::default();
    let mut unused_of: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|r| r.reason.is_about_discovery()) {
        if !unused_of.contains(&row.client.as_str()) {
            unused_of.push(&row.client);
            unused.push(format!(
                "{}: {}",
                row.client,
                refusal_text(Lang::Vi, &row.reason)
            ));
        }
    }
    for row in rows
        .iter()
        .rev()
        .filter(|r| !r.reason.is_about_discovery())
        .filter(|r| !r.client.starts_with('@'))
    {
        if names.contains(&row.client.as_str()) {
            continue;
        }
        names.push(&row.client);
        if row.reason == RefusalReason::Quarantined {
            quarantined.push(row.client.clone());
        } else {
            others.push(format!(
                "{} ({})",
                row.client,
                refusal_text(Lang::Vi, &row.reason)
            ));
        }
    }
    let first_names = |all: &[String]| {
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
                first_names(&others)
            ),
            "conglang broker why TÊN",
        ));
    }
    if !unused.is_empty() {
        found.push(note(
            "D-MQT-03",
            format!(
                "Có thiết bị khai thứ mà máy không dùng được: {}",
                first_names(&unused)
            ),
            "conglang broker why TÊN; sửa ở thiết bị rồi cho khai lại",
        ));
    }
    if !quarantined.is_empty() {
        found.push(note(
            "D-MQT-02",
            format!("Thiết bị lạ chờ nhận: {}", first_names(&quarantined)),
            "conglang device add TÊN \"Tên gọi\"",
        ));
    }
}
