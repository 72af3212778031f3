//! The checks of `doctor` that do not need the running gateway: the data folder, the machine, and
//! keys and certificates.

use std::path::Path;

use super::{Finding, error, note};
use crate::cli::{cert, file_modes, key};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::{Arg, Lang};
use crate::keys::authority::CertificateFiles;
use crate::keys::certificate_status::CertificateStatus;
use crate::keys::lifetime::RemainingLifetime;
use crate::keys::ring::KeyRing;
use crate::store::disk_space;
use crate::supervisor::clock::{Clock, Trust};
use crate::supervisor::recogniser;

/// The checks that do not need the running gateway.
pub(super) fn check(lang: Lang, config: &Config, layout: &Layout, found: &mut Vec<Finding>) {
    if config.declared.village.is_none() {
        found.push(error(
            "D-CFG-02",
            lang.t("doctor-no-village"),
            lang.t("doctor-no-village-do"),
        ));
    }
    let clock = Clock::system(0);
    check_machine(lang, layout, &clock, found);
    check_programs(lang, config, found);
    check_keys(lang, config, layout, found);
    let keys = layout.keys();
    if config.broker.tls.is_some() && keys.join("house-ca").exists() {
        check_broker_certificate(
            lang,
            "doctor-mqtt-certificate",
            &keys,
            "house-ca",
            &clock,
            found,
        );
    }
    check_uplink_certificate(lang, config, &keys, &clock, found);
    check_https_certificate(lang, config, &keys, &clock, found);
}

/// The checks of the machine and of the data folder, whoever runs on it.
pub(super) fn check_machine(lang: Lang, layout: &Layout, clock: &Clock, found: &mut Vec<Finding>) {
    check_space(lang, layout, found);
    check_writable(lang, layout, found);
    check_file_modes(lang, layout, found);
    check_clock(lang, clock, found);
}

/// Free space and free inodes of the data folder.
fn check_space(lang: Lang, layout: &Layout, found: &mut Vec<Finding>) {
    let data = layout.data.display().to_string();
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
                lang.f(
                    "doctor-disk-low",
                    &[("mb", Arg::from(free >> 20)), ("path", (&data).into())],
                ),
                lang.t("advice-space"),
            ));
        }
        Ok(_) => {}
        Err(cause) => found.push(error(
            "D-DSK-02",
            lang.f(
                "doctor-no-data",
                &[("path", &data), ("why", &io_text(lang, &cause))],
            ),
            lang.t("doctor-no-data-do"),
        )),
    }
    if let Ok((free, all)) = disk_space::inodes(&layout.data)
        && disk_space::is_low_on_inodes(free, all)
    {
        found.push(error(
            "D-DSK-04",
            lang.f(
                "doctor-inodes",
                &[("n", Arg::from(free)), ("path", (&data).into())],
            ),
            lang.t("doctor-inodes-do"),
        ));
    }
}

/// Whether a file can be written in the data folder.
fn check_writable(lang: Lang, layout: &Layout, found: &mut Vec<Finding>) {
    let probe = layout.data.join(".doctor");
    if let Err(cause) = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
        found.push(error(
            "D-DSK-03",
            lang.f(
                "doctor-not-writable",
                &[
                    ("path", &layout.data.display().to_string()),
                    ("why", &io_text(lang, &cause)),
                ],
            ),
            lang.t("doctor-not-writable-do"),
        ));
    }
}

/// Whether other users of the machine can read the data folder.
fn check_file_modes(lang: Lang, layout: &Layout, found: &mut Vec<Finding>) {
    let (secret, rest) = file_modes::world_accessible(&layout.data);
    let todo = format!("chmod -R go= {}", layout.data.display());
    if !secret.is_empty() {
        found.push(error(
            "D-PRM-01",
            lang.f(
                "doctor-keys-open",
                &[("names", &file_modes::summarize_paths(lang, &secret))],
            ),
            todo.clone(),
        ));
    }
    if !rest.is_empty() {
        found.push(note(
            "D-PRM-02",
            lang.f(
                "doctor-data-open",
                &[("names", &file_modes::summarize_paths(lang, &rest))],
            ),
            todo,
        ));
    }
}

/// Whether the clock can be right.
fn check_clock(lang: Lang, clock: &Clock, found: &mut Vec<Finding>) {
    if clock.trust() == Trust::None {
        found.push(note(
            "D-CLK-01",
            lang.t("doctor-clock"),
            lang.t("doctor-clock-do"),
        ));
    }
}

/// Whether the programs that speak and that read letters are there.
fn check_programs(lang: Lang, config: &Config, found: &mut Vec<Finding>) {
    let speaks = std::env::var_os("PATH").is_some_and(|p| {
        std::env::split_paths(&p).any(|d| d.join(&config.speech.program).exists())
    }) || Path::new(&config.speech.program).is_absolute();
    if !speaks {
        found.push(note(
            "D-SPK-01",
            lang.f("doctor-speech", &[("name", &config.speech.program)]),
            "apt install espeak-ng",
        ));
    }
    if recogniser::letters().is_none() {
        found.push(note(
            "D-PAP-01",
            lang.t("doctor-letters"),
            "apt install tesseract-ocr tesseract-ocr-vie",
        ));
    }
}

/// Whether each key is there and is the right one.
pub(super) fn check_keys(lang: Lang, config: &Config, layout: &Layout, found: &mut Vec<Finding>) {
    let ring = KeyRing::inspect(&layout.data);
    for name in key::keys_of(config) {
        if let Some(lack) = ring.problem(*name) {
            let path = ring.path(*name).display().to_string();
            let todo = lang.f(
                "doctor-key-do",
                &[("path", path.as_str()), ("name", name.name)],
            );
            found.push(error(
                "D-KEY-07",
                lang.f(
                    "doctor-key",
                    &[
                        ("file", name.file),
                        ("problem", &key::problem_text(lang, lack)),
                        ("loss", &key::consequence_of_loss(lang, *name)),
                    ],
                ),
                todo,
            ));
        }
    }
}

/// Whether the broker's certificate, which the authority in `authority` signs and which renews
/// itself, has been renewed in time; `key` is the sentence when it was not.
pub(super) fn check_broker_certificate(
    lang: Lang,
    key: &str,
    keys: &Path,
    authority: &str,
    clock: &Clock,
    found: &mut Vec<Finding>,
) {
    let files = CertificateFiles::named(keys, "mqtt");
    let status = files.status(&keys.join(authority), clock);
    let lifetime = files.lifetime_of_own_leaf(clock);
    let (finding, state): (NewFinding, String) = match (status, lifetime) {
        (CertificateStatus::Valid(_), _) => return,
        (CertificateStatus::ExpiringSoon(_), Some(lifetime)) => {
            (graded(lifetime), cert::ends_text(lang, lifetime))
        }
        _ => (error, cert::status_text(lang, status)),
    };
    found.push(finding(
        "D-KEY-03",
        lang.f(key, &[("state", &state)]),
        lang.t("doctor-mqtt-certificate-do"),
    ));
}

/// Makes a finding of a grade: its code, what was found, what to do.
type NewFinding = fn(&'static str, String, String) -> Finding;

/// The grade of a certificate that is due: an error when it has ended.
fn graded(lifetime: RemainingLifetime) -> NewFinding {
    if lifetime.is_over() { error } else { note }
}

/// How long the certificate of the link to the commune is valid.
fn check_uplink_certificate(
    lang: Lang,
    config: &Config,
    keys: &Path,
    clock: &Clock,
    found: &mut Vec<Finding>,
) {
    if let (Some(certificate), Some(key)) = (&config.uplink.certificate, &config.uplink.key) {
        let given = CertificateFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }
        .lifetime_of_own_leaf(clock);
        let renewed = CertificateFiles::named(keys, "commune").lifetime_of_own_leaf(clock);
        let lifetimes = given.into_iter().chain(renewed);
        match lifetimes.max_by_key(|lifetime| lifetime.ends()) {
            None => found.push(error(
                "D-KEY-04",
                lang.f(
                    "doctor-village-certificate",
                    &[("path", &certificate.display().to_string())],
                ),
                lang.t("doctor-village-certificate-do"),
            )),
            Some(lifetime) if lifetime.is_due() => {
                found.push(graded(lifetime)(
                    "D-KEY-05",
                    lang.f(
                        "doctor-uplink-certificate",
                        &[("days", &cert::ends_text(lang, lifetime))],
                    ),
                    lang.t("doctor-uplink-certificate-do"),
                ));
            }
            Some(_) => {}
        }
    }
}

/// How long the HTTPS certificate of the pages is valid.
fn check_https_certificate(
    lang: Lang,
    config: &Config,
    keys: &Path,
    clock: &Clock,
    found: &mut Vec<Finding>,
) {
    let doors = &config.listeners;
    if doors.dashboard_tls.is_some() || doors.portal_tls.is_some() {
        let files = CertificateFiles::named(keys, "public");
        match files.lifetime(clock) {
            None if files.certificate.exists() => {
                found.push(error(
                    "D-KEY-06",
                    lang.t("doctor-https-unusable"),
                    lang.t("doctor-https-unusable-do"),
                ));
            }
            None => found.push(note(
                "D-KEY-01",
                lang.t("doctor-https-none"),
                lang.t("doctor-https-do"),
            )),
            Some(lifetime) if lifetime.is_due() => {
                found.push(graded(lifetime)(
                    "D-KEY-02",
                    lang.f(
                        "doctor-https-old",
                        &[("days", &cert::ends_text(lang, lifetime))],
                    ),
                    lang.t("doctor-https-old-do"),
                ));
            }
            Some(_) => {}
        }
    }
}
