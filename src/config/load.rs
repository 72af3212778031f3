//! Reads the layers into one configuration. Every mistake of every layer is reported, not only the
//! first.

use std::path::{Path, PathBuf};

use super::read::TomlSource;
use super::sections::apply_layer;
use super::{Config, ConfigError, ConfigMistake};

/// Largest file of configuration, bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Reads all layers for the configuration file `main`; `environment` is the process's variables.
///
/// # Errors
/// All mistakes of all layers at once.
pub fn load(
    main: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, Vec<ConfigError>> {
    let mut layers = Vec::new();
    let mut problems = Vec::new();
    for path in folder(Path::new("/usr/lib/conglang")) {
        read_layer(&path, &mut layers, &mut problems);
    }
    read_layer(main, &mut layers, &mut problems);
    for path in folder(&main.with_file_name("conglang.d")) {
        read_layer(&path, &mut layers, &mut problems);
    }
    layers.extend(environment.filter_map(|(name, value)| env_layer(&name, &value)));
    match load_from(&layers) {
        Ok(config) if problems.is_empty() => Ok(config),
        Ok(_) => Err(problems),
        Err(mut more) => {
            problems.append(&mut more);
            Err(problems)
        }
    }
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut out: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|x| x == "toml"))
        .collect();
    out.sort();
    out
}

fn read_layer(path: &Path, layers: &mut Vec<(String, String)>, problems: &mut Vec<ConfigError>) {
    let unreadable = |cause: std::io::Error| ConfigMistake::Unreadable {
        cause: cause.into(),
    };
    let text = std::fs::metadata(path).map_err(unreadable).and_then(|m| {
        if m.len() > MAX_CONFIG_BYTES {
            Err(ConfigMistake::FileTooLarge {
                most_mib: MAX_CONFIG_BYTES >> 20,
            })
        } else {
            std::fs::read_to_string(path).map_err(unreadable)
        }
    });
    match text {
        Ok(text) => layers.push((path.display().to_string(), text)),
        Err(mistake) => problems.push(ConfigError {
            file: path.display().to_string(),
            line: 0,
            key: String::new(),
            mistake,
        }),
    }
}

/// An environment variable such as `CONGLANG__DOORS__PORTAL=…` as a layer with one key.
fn env_layer(name: &str, value: &str) -> Option<(String, String)> {
    let (section, key) = name.strip_prefix("CONGLANG__")?.split_once("__")?;
    let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
    let plain = value.parse::<i64>().is_ok()
        || value == "true"
        || value == "false"
        // A list, and not an address of IPv6 with its port.
        || value.starts_with('[') && value.ends_with(']');
    let value = if plain {
        value.to_owned()
    } else {
        format!("{value:?}")
    };
    Some((name.to_owned(), format!("[{section}]\n{key} = {value}\n")))
}

/// Reads layers, given as (name, TOML); each overrides the ones before.
///
/// # Errors
/// All mistakes of all layers at once.
pub fn load_from(layers: &[(String, String)]) -> Result<Config, Vec<ConfigError>> {
    let mut config = Config::default();
    let mut problems = Vec::new();
    for (file, source) in layers {
        let text = TomlSource::new(file, source);
        apply_layer(text.root(), &mut config);
        let (mut wrong, origins) = text.finish();
        problems.append(&mut wrong);
        config.origins.extend(origins);
    }
    check(&config, &mut problems);
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}

fn check(config: &Config, problems: &mut Vec<ConfigError>) {
    let mut wrong = |key: &str, mistake: ConfigMistake| {
        problems.push(ConfigError {
            file: String::new(),
            line: 0,
            key: key.to_owned(),
            mistake,
        });
    };
    if config.uplink.server.is_some()
        && (config.uplink.ca.is_none()
            || config.uplink.certificate.is_none()
            || config.uplink.key.is_none())
    {
        wrong("commune", ConfigMistake::UplinkFilesMissing);
    }
    if !config.declared.speakers.is_empty()
        && config.speech.url.is_none()
        && config
            .listeners
            .portal
            .is_some_and(|p| p.ip().is_unspecified())
    {
        wrong("speech.url", ConfigMistake::SpeechUrlMissing);
    }
    super::bounds::check_broker(config, &mut wrong);
    super::network::check(config, &mut wrong);
    let mut seen = std::collections::BTreeSet::new();
    for id in config.declared.devices.iter().map(|d| d.id.to_string()) {
        if !seen.insert(id.clone()) {
            wrong("device", ConfigMistake::DeclaredTwice { id });
        }
    }
    let listeners = [
        ("doors.portal", config.listeners.portal),
        ("doors.portal_tls", config.listeners.portal_tls),
        ("doors.dashboard", config.listeners.dashboard),
        ("doors.dashboard_tls", config.listeners.dashboard_tls),
        ("broker.plain", config.broker.plain),
        ("broker.tls", config.broker.tls),
        ("broker.websocket", config.broker.websocket),
        ("broker.websocket_tls", config.broker.websocket_tls),
    ];
    for (key, address) in listeners {
        if let Some(address) = address.filter(|a| a.port() != 0)
            && !seen.insert(address.to_string())
        {
            wrong(
                key,
                ConfigMistake::AddressUsedTwice {
                    address: address.to_string(),
                },
            );
        }
    }
}
