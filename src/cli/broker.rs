//! `broker status|clients|topics|sub|pub|kick|why`: how the technician looks into the broker.

use std::time::Duration;

use clap::Subcommand;
use rumqttc::{
    AsyncClient, ConnectionError, Event, MqttOptions, Packet, QoS, StateError, Transport,
};

use super::{Cli, NO_ARGS, client, plain, print, print_line};
use crate::i18n::dates;
use crate::i18n::io_text::io_text;
use crate::i18n::locale::{Arg, Lang};
use crate::i18n::reason_text::reason_text;
use crate::i18n::refusal_text::refusal_text;
use crate::protocol::broker::{AdminReply, ClientRow, Counters, GATEWAY_ACCOUNT, RetainedRow};
use crate::protocol::broker_endpoint::BrokerEndpoint;
use crate::supervisor::health_reason::HealthReason;
use crate::time::WallMs;

/// The broker.
#[derive(Debug, Subcommand)]
pub enum BrokerCommand {
    /// Its counters
    Status,
    /// Connected clients, and sessions that wait
    Clients,
    /// Retained messages: `broker topics 'd/#'`
    Topics {
        /// MQTT filter
        #[arg(default_value = "#")]
        filter: String,
    },
    /// Subscribe as the gateway until Ctrl-C
    Sub {
        /// MQTT filter
        topic: String,
        /// End after so many messages
        #[arg(short = 'n', long)]
        count: Option<usize>,
        /// 0, 1 or 2
        #[arg(
            short,
            long,
            default_value_t = 0,
            value_parser = clap::value_parser!(u8).range(0..=2)
        )]
        qos: u8,
    },
    /// Publish as the gateway
    Pub {
        /// Topic
        topic: String,
        /// Text; an empty one with --retain forgets what is retained
        payload: String,
        /// Keep it for later subscribers
        #[arg(short, long)]
        retain: bool,
        /// 0, 1 or 2
        #[arg(
            short,
            long,
            default_value_t = 1,
            value_parser = clap::value_parser!(u8).range(0..=2)
        )]
        qos: u8,
    },
    /// End the connections and sessions of an account or client id
    Kick {
        /// Account or client id
        id: String,
    },
    /// The last refusals of a device, in words; without an id, of all
    Why {
        /// Account, client id or address
        #[arg(default_value = "")]
        id: String,
    },
}

/// Percent-encodes a text for a query string.
pub(super) fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn format_age(cli: &Cli, seconds: u64) -> String {
    match seconds {
        0..=119 => cli.f("cli-seconds", &[("n", seconds)]),
        120..=7_199 => cli.f("cli-minutes", &[("n", seconds / 60)]),
        7_200..=172_799 => cli.f("cli-hours", &[("n", seconds / 3_600)]),
        _ => cli.f("cli-days", &[("n", seconds / 86_400)]),
    }
}

fn client_line(cli: &Cli, c: &ClientRow) -> String {
    let age = format_age(cli, c.state_age_s);
    let mut parts = if c.connected {
        vec![
            cli.f("cli-client-here", &[("age", &age)]),
            format!("MQTT {}", c.version),
            c.listener.clone(),
            if c.address.is_empty() {
                cli.t("cli-this-machine")
            } else {
                c.address.clone()
            },
        ]
    } else {
        vec![cli.f("cli-client-away", &[("age", &age)])]
    };
    if c.queued + c.inflight > 0 {
        parts.push(cli.f(
            "cli-client-waits",
            &[("queued", c.queued), ("inflight", c.inflight)],
        ));
    }
    if c.dropped > 0 {
        parts.push(cli.f("cli-client-dropped", &[("n", c.dropped)]));
    }
    format!(
        "  {:<18}{:<22}{}\n",
        c.account,
        c.client_id,
        parts.join(" · ")
    )
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &BrokerCommand) -> anyhow::Result<u8> {
    match what {
        BrokerCommand::Status => show_status(cli),
        BrokerCommand::Clients => show_clients(cli),
        BrokerCommand::Topics { filter } => show_topics(cli, filter),
        BrokerCommand::Kick { id } => kick(cli, id),
        BrokerCommand::Why { id } => show_refusals(cli, id),
        BrokerCommand::Sub { topic, count, qos } => run_mqtt(
            cli,
            MqttAction::Sub {
                topic,
                count: *count,
                qos: *qos,
            },
        ),
        BrokerCommand::Pub {
            topic,
            payload,
            retain,
            qos,
        } => run_mqtt(
            cli,
            MqttAction::Pub {
                topic,
                payload,
                retain: *retain,
                qos: *qos,
            },
        ),
    }
}

/// Prints the counters of the broker; exit code 2 while its storage fails.
fn show_status(cli: &Cli) -> anyhow::Result<u8> {
    let value = client::request(cli, "GET", "/broker", None)?;
    let c: Counters = client::understand(cli, &value)?;
    let storage = cli.t(if c.storage_failing {
        "cli-storage-failing"
    } else {
        "cli-storage-well"
    });
    let row = |name: &str, words: String| format!("  {:<10}{words}\n", cli.t(name));
    let mut text = cli.f(
        "cli-broker-clients",
        &[
            ("n", c.connected),
            ("most", c.connected_max),
            ("away", c.disconnected),
            ("quarantined", c.quarantined),
        ],
    ) + "\n";
    let messages = cli.f(
        "cli-broker-messages",
        &[
            ("received", c.received),
            ("sent", c.delivered),
            ("queued", c.queued),
            ("dropped", c.dropped),
            ("expired", c.expired_messages),
        ],
    );
    let retained = [("n", c.retained), ("kb", c.retained_bytes / 1024)];
    let refused = [
        ("connects", c.rejected_connects),
        ("cut", c.disconnected_with_error),
        ("denied", c.denied_publishes),
    ];
    let written = [
        ("state", Arg::Text(&storage)),
        ("kb", Arg::from(c.bytes_written / 1024)),
        ("n", Arg::from(c.pending_changes)),
    ];
    text.push_str(&row("cli-row-messages", messages));
    text.push_str(&row(
        "cli-row-retained",
        cli.f("cli-broker-retained", &retained),
    ));
    text.push_str(&row(
        "cli-row-refused",
        cli.f("cli-broker-refused", &refused),
    ));
    text.push_str(&row(
        "cli-row-storage",
        cli.f("cli-broker-storage", &written),
    ));
    if let Some(loss) = &c.loss {
        text.push_str(&row(
            "cli-row-lost",
            reason_text(cli.lang(), &HealthReason::from(&**loss)),
        ));
    }
    print(cli, &value, &text);
    Ok(if c.storage_failing { 2 } else { 0 })
}

/// Prints the connected clients and the persistent sessions of disconnected ones.
fn show_clients(cli: &Cli) -> anyhow::Result<u8> {
    let value = client::request(cli, "GET", "/broker/clients", None)?;
    let rows: Vec<ClientRow> = client::understand(cli, &value)?;
    let here = rows.iter().filter(|c| c.connected).count();
    let mut text = cli.f(
        "cli-clients",
        &[("n", here), ("away", rows.len().saturating_sub(here))],
    ) + "\n";
    text.extend(rows.iter().map(|c| client_line(cli, c)));
    print(cli, &value, &text);
    Ok(0)
}

/// Prints the retained messages whose topic matches `filter`.
fn show_topics(cli: &Cli, filter: &str) -> anyhow::Result<u8> {
    let value = client::request(
        cli,
        "GET",
        &format!("/broker/topics?filter={}", escaped(filter)),
        None,
    )?;
    let rows: Vec<RetainedRow> = client::understand(cli, &value)?;
    let mut text = cli.f("cli-topics", &[("n", rows.len())]) + "\n";
    for t in &rows {
        let more = if t.bytes > t.payload.len() {
            cli.f("cli-topic-more", &[("n", t.bytes)])
        } else {
            String::new()
        };
        let (topic, payload) = (t.topic.replace('\n', " "), t.payload.replace('\n', " "));
        text.push_str(&format!("  {topic:<44} {payload}{more}\n"));
    }
    print(cli, &value, &text);
    Ok(0)
}

/// Disconnects an account or client identifier and ends its sessions; exit code 1 when there is
/// none.
fn kick(cli: &Cli, id: &str) -> anyhow::Result<u8> {
    let value = client::request(
        cli,
        "POST",
        "/broker/kick",
        Some(&serde_json::json!({ "id": id })),
    )?;
    let AdminReply::Kicked(n) = client::understand(cli, &value)? else {
        return Err(cli.failure("cli-broker-odd", NO_ARGS));
    };
    let text = if n == 0 {
        cli.f("cli-kicked-none", &[("id", id)])
    } else {
        cli.f("cli-kicked", &[("n", Arg::from(n)), ("id", id.into())])
    };
    print(cli, &value, &text);
    Ok(u8::from(n == 0))
}

/// Prints the last refusals of `id`, or of all clients when `id` is empty.
fn show_refusals(cli: &Cli, id: &str) -> anyhow::Result<u8> {
    let value = client::request(cli, "GET", &format!("/broker/why?id={}", escaped(id)), None)?;
    let AdminReply::Refusals(rows) = client::understand(cli, &value)? else {
        return Err(cli.failure("cli-broker-odd", NO_ARGS));
    };
    let mut text = match (rows.is_empty(), id.is_empty()) {
        (true, true) => cli.t("cli-refused-none"),
        (true, false) => cli.f("cli-refused-none-of", &[("id", id)]),
        _ => String::new(),
    };
    for r in &rows {
        let from = if r.address.is_empty() || r.address == r.client {
            r.client.clone()
        } else {
            cli.f(
                "cli-refused-from",
                &[("client", &r.client), ("address", &r.address)],
            )
        };
        let times = if r.count > 1 {
            format!(" ({})", cli.f("cli-times", &[("n", r.count)]))
        } else {
            String::new()
        };
        text.push_str(&format!(
            "  {} {}  {from}: {}{times}\n",
            dates::date(WallMs::of_seconds(r.at_s)),
            dates::clock(WallMs::of_seconds(r.at_s)),
            refusal_text(cli.lang(), &r.reason)
        ));
    }
    print(cli, &value, &text);
    Ok(0)
}

#[derive(Clone, Copy)]
enum MqttAction<'a> {
    Sub {
        topic: &'a str,
        count: Option<usize>,
        qos: u8,
    },
    Pub {
        topic: &'a str,
        payload: &'a str,
        retain: bool,
        qos: u8,
    },
}

fn mqtt_qos(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// Why the connection to the broker ended, as a part of a sentence.
fn connection_text(lang: Lang, cause: &ConnectionError) -> String {
    match cause {
        ConnectionError::Io(cause) | ConnectionError::MqttState(StateError::Io(cause)) => {
            io_text(lang, cause)
        }
        ConnectionError::NetworkTimeout
        | ConnectionError::FlushTimeout
        | ConnectionError::MqttState(StateError::AwaitPingResp) => lang.t("io-late"),
        ConnectionError::MqttState(StateError::ConnectionAborted) => lang.t("io-cut"),
        other => lang.f("io-words", &[("words", &other.to_string())]),
    }
}

/// Connects to the broker as the gateway's own client, over the broker's private socket.
fn run_mqtt(cli: &Cli, what: MqttAction<'_>) -> anyhow::Result<u8> {
    let way = client::request(cli, "GET", "/broker/way", None)?;
    let Ok(BrokerEndpoint {
        socket,
        password: secret,
        max_packet_bytes: packet,
    }) = client::understand(cli, &way)
    else {
        return Err(cli.failure("cli-broker-not-ready", NO_ARGS));
    };
    let id = format!("cli-{}", crate::keys::secret::token()?);
    let mut options = MqttOptions::new(id, socket.display().to_string(), 0);
    options.set_transport(Transport::unix());
    options
        .set_credentials(GATEWAY_ACCOUNT, secret)
        .set_keep_alive(Duration::from_secs(30))
        .set_max_packet_size((packet + 4096).max(2 << 20), (packet + 4096).max(2 << 20));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, mut events) = AsyncClient::new(options, 16);
        let mut received = 0;
        match what {
            MqttAction::Sub { topic, qos, .. } => client
                .try_subscribe(topic, mqtt_qos(qos))
                .map_err(|_| cli.failure("cli-no-filter", &[("topic", topic)]))?,
            MqttAction::Pub {
                topic,
                payload,
                retain,
                qos,
            } => client
                .try_publish(topic, mqtt_qos(qos), retain, payload)
                .map_err(|_| cli.failure("cli-no-topic", &[("topic", topic)]))?,
        }
        loop {
            let event = events.poll().await.map_err(|cause| {
                let why = connection_text(cli.lang(), &cause);
                cli.failure("cli-broker-lost", &[("why", &why)])
            })?;
            match (&event, &what) {
                (Event::Incoming(Packet::SubAck(ack)), MqttAction::Sub { topic, .. })
                    if ack
                        .return_codes
                        .iter()
                        .any(|c| matches!(c, rumqttc::SubscribeReasonCode::Failure)) =>
                {
                    return Err(cli.failure("cli-no-filter", &[("topic", *topic)]));
                }
                (Event::Incoming(Packet::Publish(p)), MqttAction::Sub { count, .. }) => {
                    let text = String::from_utf8_lossy(&p.payload);
                    let json = serde_json::json!({
                        "topic": p.topic, "payload": text, "qos": p.qos as u8, "retain": p.retain
                    });
                    if cli.json {
                        print_line(&json.to_string());
                    } else {
                        // A published payload is shown as it is, however long.
                        print_line(&plain(&format!("{} {text}", p.topic)));
                    }
                    received += 1;
                    if count.is_some_and(|n| received >= n) {
                        return Ok(0);
                    }
                }
                (
                    Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)),
                    MqttAction::Pub { .. },
                ) => break,
                (
                    Event::Outgoing(rumqttc::Outgoing::Publish(_)),
                    MqttAction::Pub { qos: 0, .. },
                ) => break,
                _ => {}
            }
        }
        client.try_disconnect()?;
        // Polls until DISCONNECT is written, so that it and everything before it are sent.
        while !matches!(
            events.poll().await,
            Err(_) | Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect))
        ) {}
        print(
            cli,
            &serde_json::json!({ "published": true }),
            &cli.t("cli-published"),
        );
        Ok(0)
    })
}
