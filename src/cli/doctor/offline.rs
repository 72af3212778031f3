//! The checks of `doctor` that do not need the running gateway: the data folder, the machine, and
//! keys and certificates.

use std::path::Path;

use super::{Finding, error, note};
use crate::cli::{cert, file_modes, key};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::keys::authority::CertificateFiles;
use crate::keys::ring::KeyRing;
use crate::store::disk_space;
use crate::supervisor::clock::{Clock, Trust};

/// The checks that do not need the running gateway.
pub(super) fn check(config: &Config, layout: &Layout, found: &mut Vec<Finding>) {
    if config.village.is_none() {
        found.push(error(
            "D-CFG-02",
            "Cấu hình chưa có phần [village]",
            "thêm id, name, commune của thôn",
        ));
    }
    check_space(layout, found);
    check_writable(layout, found);
    check_file_modes(layout, found);
    let clock = Clock::system(0);
    check_clock(&clock, found);
    check_speech(config, found);
    check_keys(config, layout, found);
    let keys = layout.data.join("keys");
    check_broker_certificate(config, &keys, &clock, found);
    check_uplink_certificate(config, &keys, &clock, found);
    check_https_certificate(config, &keys, &clock, found);
}

/// Free space and free inodes of the data folder.
fn check_space(layout: &Layout, found: &mut Vec<Finding>) {
    match disk_space::free_and_total(&layout.data) {
        Ok((free, total)) if disk_space::is_low(free, total) => {
            // A disk that is nine tenths full of other files is no urgent fault; a disk without
            // space is.
            let grade = if free < disk_space::LOW_BYTES {
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
    if let Ok((free, all)) = disk_space::inodes(&layout.data)
        && disk_space::is_low_on_inodes(free, all)
    {
        let sentence = format!(
            "Ổ đĩa sắp hết chỗ cho tệp mới: chỉ tạo được thêm {free} tệp ở {}",
            layout.data.display()
        );
        found.push(error("D-DSK-04", sentence, "xóa bớt tệp nhỏ không thuộc phần mềm này (df -i cho biết còn bao nhiêu), hoặc thay thẻ lớn hơn"));
    }
}

/// Whether a file can be written in the data folder.
fn check_writable(layout: &Layout, found: &mut Vec<Finding>) {
    let probe = layout.data.join(".doctor");
    if let Err(cause) = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
        found.push(error(
            "D-DSK-03",
            format!("Không ghi được vào {}: {cause}", layout.data.display()),
            "thẻ nhớ có thể đã khóa hoặc hỏng; chạy bằng đúng người dùng; thay thẻ",
        ));
    }
}

/// Whether other users of the machine can read the data folder.
fn check_file_modes(layout: &Layout, found: &mut Vec<Finding>) {
    let (secret, rest) = file_modes::world_accessible(&layout.data);
    let todo = format!("chmod -R go= {}", layout.data.display());
    if !secret.is_empty() {
        found.push(error(
            "D-PRM-01",
            format!(
                "Người khác trên máy này đọc được khóa: {}",
                file_modes::summarize_paths(&secret)
            ),
            todo.clone(),
        ));
    }
    if !rest.is_empty() {
        found.push(note(
            "D-PRM-02",
            format!(
                "Người khác trên máy này vào được dữ liệu: {}",
                file_modes::summarize_paths(&rest)
            ),
            todo,
        ));
    }
}

/// Whether the clock can be right.
fn check_clock(clock: &Clock, found: &mut Vec<Finding>) {
    if clock.trust() == Trust::None {
        found.push(note(
            "D-CLK-01",
            "Giờ của máy chưa đúng: trước ngày làm ra phần mềm, hoặc xa nhiều năm sau đó",
            "nối mạng để máy tự chỉnh giờ; xem: timedatectl",
        ));
    }
}

/// Whether the speech program is there.
fn check_speech(config: &Config, found: &mut Vec<Finding>) {
    let speaks = std::env::var_os("PATH").is_some_and(|p| {
        std::env::split_paths(&p).any(|d| d.join(&config.speech.program).exists())
    }) || Path::new(&config.speech.program).is_absolute();
    if !speaks {
        found.push(note(
            "D-SPK-01",
            format!("Chưa có chương trình đọc “{}”", config.speech.program),
            "apt install espeak-ng",
        ));
    }
}

/// Whether each key is there and is the right one.
fn check_keys(config: &Config, layout: &Layout, found: &mut Vec<Finding>) {
    let ring = KeyRing::inspect(&layout.data);
    for name in key::keys_of(config) {
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
                    key::problem_text(lack),
                    key::consequence_of_loss(*name)
                ),
                todo,
            ));
        }
    }
}

/// Whether the broker's certificate, which renews itself, has been renewed in time.
fn check_broker_certificate(config: &Config, keys: &Path, clock: &Clock, found: &mut Vec<Finding>) {
    let (mqtt, house_ca) = (CertificateFiles::named(keys, "mqtt"), keys.join("house-ca"));
    if config.broker.tls.is_some() && house_ca.exists() {
        let standing = mqtt.status(&house_ca, clock);
        if standing.days_left().is_none_or(|d| d < 14) {
            let todo =
                "xem giờ của máy; conglang cert show; journalctl -u conglang | grep certificate";
            found.push(error(
                "D-KEY-03",
                format!(
                    "Chứng thư MQTT của thiết bị: {}, mà chưa tự gia hạn",
                    cert::status_text(standing)
                ),
                todo,
            ));
        }
    }
}

/// How long the certificate of the link to the commune is valid.
fn check_uplink_certificate(config: &Config, keys: &Path, clock: &Clock, found: &mut Vec<Finding>) {
    if let (Some(certificate), Some(key)) = (&config.uplink.certificate, &config.uplink.key) {
        let given = CertificateFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }
        .remaining_days(clock);
        let renewed = CertificateFiles::named(keys, "commune").remaining_days(clock);
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
}

/// How long the dashboard's HTTPS certificate is valid.
fn check_https_certificate(config: &Config, keys: &Path, clock: &Clock, found: &mut Vec<Finding>) {
    if config.listeners.dashboard_tls.is_some() {
        let files = CertificateFiles::named(keys, "public");
        match files.remaining_days(clock) {
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
