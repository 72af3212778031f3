//! `broker status|clients|topics|sub|pub|kick|why`: how the technician looks into the broker.

use std::time::Duration;

use clap::Subcommand;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, Transport};

use super::{Cli, client, print};
use crate::i18n::locale::Lang;
use crate::i18n::refusal_text::refusal_text;
use crate::i18n::{data_loss, dates};
use crate::protocol::broker::{AdminReply, ClientRow, Counters, GATEWAY_ACCOUNT, RetainedRow};
use crate::protocol::broker_endpoint::BrokerEndpoint;

/// The broker.
#[derive(Debug, Subcommand)]
pub enum BrokerCommand {
    /// What it counted
    Status,
    /// Who is connected, and whose session waits
    Clients,
    /// Retained messages: `broker topics 'd/#'`
    Topics {
        /// MQTT filter
        #[arg(default_value = "#")]
        filter: String,
    },
    /// Listen as the house until Ctrl-C
    Sub {
        /// MQTT filter
        topic: String,
        /// End after so many messages
        #[arg(short = 'n', long)]
        count: Option<usize>,
        /// 0, 1 or 2
        #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
        qos: u8,
    },
    /// Publish as the house
    Pub {
        /// Topic
        topic: String,
        /// Text; an empty one with --retain forgets what is retained
        payload: String,
        /// Keep it for later subscribers
        #[arg(short, long)]
        retain: bool,
        /// 0, 1 or 2
        #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
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
fn escaped(text: &str) -> String {
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

fn format_age(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} giây"),
        120..=7_199 => format!("{} phút", seconds / 60),
        7_200..=172_799 => format!("{} giờ", seconds / 3_600),
        _ => format!("{} ngày", seconds / 86_400),
    }
}

fn client_line(c: &ClientRow) -> String {
    let how = if c.connected {
        format!(
            "đang kết nối {} · MQTT {} · {} · {}",
            format_age(c.state_age_s),
            c.version,
            c.listener,
            if c.address.is_empty() {
                "máy này"
            } else {
                &c.address
            }
        )
    } else {
        format!("vắng {}, phiên được giữ", format_age(c.state_age_s))
    };
    let mut line = format!("  {:<18}{:<22}{how}", c.account, c.client_id);
    if c.queued + c.inflight > 0 {
        line.push_str(&format!(
            " · chờ {}, chưa xác nhận {}",
            c.queued, c.inflight
        ));
    }
    if c.dropped > 0 {
        line.push_str(&format!(" · đã bỏ {} gói tin vì hàng đợi đầy", c.dropped));
    }
    line + "\n"
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
    let c: Counters = serde_json::from_value(value.clone())?;
    let storage = if c.storage_failing {
        "KHÔNG ghi được"
    } else {
        "tốt"
    };
    let text = format!(
        "{} máy đang kết nối (nhiều nhất {}), giữ chỗ cho {} thiết bị vắng, {} thiết bị lạ đang nối.\n  gói tin  nhận {}, gửi {}, đang đợi {}, bỏ vì hàng đợi đầy {}, bỏ vì hết hạn {}\n  giữ lại  {} gói tin, {} kB\n  từ chối  {} lần vào, {} lần ngắt, {} gói tin ngoài quyền\n  thẻ nhớ  {storage}, đã ghi {} kB, chờ ghi {} thay đổi\n",
        c.connected,
        c.connected_max,
        c.disconnected,
        c.quarantined,
        c.received,
        c.delivered,
        c.queued,
        c.dropped,
        c.expired_messages,
        c.retained,
        c.retained_bytes / 1024,
        c.rejected_connects,
        c.disconnected_with_error,
        c.denied_publishes,
        c.bytes_written / 1024,
        c.pending_changes
    );
    let text = match &c.loss {
        Some(loss) => format!("{text}  đã mất   {}\n", data_loss::broker_loss_text(loss)),
        None => text,
    };
    print(cli, &value, &text);
    Ok(if c.storage_failing { 2 } else { 0 })
}

/// Prints the connected clients and the persistent sessions of disconnected ones.
fn show_clients(cli: &Cli) -> anyhow::Result<u8> {
    let value = client::request(cli, "GET", "/broker/clients", None)?;
    let rows: Vec<ClientRow> = serde_json::from_value(value.clone())?;
    let here = rows.iter().filter(|c| c.connected).count();
    let text = format!(
        "{here} máy đang kết nối, {} vắng mặt\n{}",
        rows.len() - here,
        rows.iter().map(client_line).collect::<String>()
    );
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
    let rows: Vec<RetainedRow> = serde_json::from_value(value.clone())?;
    let mut text = format!("{} gói tin được giữ lại\n", rows.len());
    for t in &rows {
        let more = if t.bytes > t.payload.len() {
            format!("… ({} byte)", t.bytes)
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
    let AdminReply::Kicked(n) = serde_json::from_value(value.clone())? else {
        anyhow::bail!("máy chủ MQTT trả lời lạ")
    };
    print(
        cli,
        &value,
        &if n == 0 {
            format!("Không có phiên nào của “{id}”; xem “conglang broker clients”.")
        } else {
            format!("Đã ngắt {n} phiên của “{id}”. Thiết bị có tài khoản sẽ tự nối lại.")
        },
    );
    Ok(u8::from(n == 0))
}

/// Prints the last refusals of `id`, or of all clients when `id` is empty.
fn show_refusals(cli: &Cli, id: &str) -> anyhow::Result<u8> {
    let value = client::request(cli, "GET", &format!("/broker/why?id={}", escaped(id)), None)?;
    let AdminReply::Refusals(rows) = serde_json::from_value(value.clone())? else {
        anyhow::bail!("máy chủ MQTT trả lời lạ")
    };
    let mut text = match (rows.is_empty(), id.is_empty()) {
        (true, true) => "Từ khi chạy, máy chủ MQTT chưa từ chối ai.\n".to_owned(),
        (true, false) => format!(
            "Không nhớ lần nào từ chối “{id}”. Thiết bị gõ sai tên thì tìm theo địa chỉ: conglang broker why 192.168.…\n"
        ),
        _ => String::new(),
    };
    for r in &rows {
        let times = if r.count > 1 {
            format!(" ({} lần)", r.count)
        } else {
            String::new()
        };
        let from = if r.address.is_empty() || r.address == r.client {
            String::new()
        } else {
            format!(" từ {}", r.address)
        };
        text.push_str(&format!(
            "  {} {}  {}{from}: {}{times}\n",
            dates::date(r.at_s * 1000),
            dates::clock(r.at_s * 1000),
            r.client,
            refusal_text(Lang::Vi, &r.reason)
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

/// Connects to the broker as the gateway's own client, over the broker's private socket.
fn run_mqtt(cli: &Cli, what: MqttAction<'_>) -> anyhow::Result<u8> {
    let way = client::request(cli, "GET", "/broker/way", None)?;
    let Ok(BrokerEndpoint {
        socket,
        password: secret,
        max_packet_bytes: packet,
    }) = serde_json::from_value(way)
    else {
        anyhow::bail!("máy chủ MQTT chưa sẵn sàng; xem “conglang doctor”")
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
            MqttAction::Sub { topic, qos, .. } => client.try_subscribe(topic, mqtt_qos(qos))?,
            MqttAction::Pub { topic, payload, retain, qos } => client.try_publish(topic, mqtt_qos(qos), retain, payload)?,
        }
        loop {
            let event = events.poll().await.map_err(|cause| anyhow::anyhow!("mất kết nối với máy chủ MQTT: {cause}"))?;
            match (&event, &what) {
                (Event::Incoming(Packet::SubAck(ack)), MqttAction::Sub { topic, .. }) if ack.return_codes.iter().any(|c| matches!(c, rumqttc::SubscribeReasonCode::Failure)) => {
                    anyhow::bail!("“{topic}” không phải bộ lọc chủ đề hợp lệ")
                }
                (Event::Incoming(Packet::Publish(p)), MqttAction::Sub { count, .. }) => {
                    let text = String::from_utf8_lossy(&p.payload);
                    let json = serde_json::json!({ "topic": p.topic, "payload": text, "qos": p.qos as u8, "retain": p.retain });
                    print(cli, &json, &format!("{} {text}", p.topic));
                    received += 1;
                    if count.is_some_and(|n| received >= n) {
                        return Ok(0);
                    }
                }
                (Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)), MqttAction::Pub { .. }) => break,
                (Event::Outgoing(rumqttc::Outgoing::Publish(_)), MqttAction::Pub { qos: 0, .. }) => break,
                _ => {}
            }
        }
        client.try_disconnect()?;
        // Polls until DISCONNECT is written, so that it and everything before it are sent.
        while !matches!(events.poll().await, Err(_) | Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect))) {}
        print(cli, &serde_json::json!({ "published": true }), "Đã gửi.");
        Ok(0)
    })
}
