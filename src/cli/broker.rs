//! `broker status|clients|topics|sub|pub|kick|why`: the technician looks into the broker.

use std::time::Duration;

use clap::Subcommand;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, Transport};

use super::{Cli, client, say};
use crate::doors::{dates, losses, refusals};
use crate::protocol::broker::{Answer, ClientRow, Counters, HOUSE, TopicRow};
use crate::protocol::way::Way;

/// The broker.
#[derive(Debug, Subcommand)]
pub enum Broker {
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

/// A query's text in a path.
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

fn ago(seconds: u64) -> String {
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
            ago(c.seconds),
            c.version,
            c.door,
            if c.address.is_empty() {
                "máy này"
            } else {
                &c.address
            }
        )
    } else {
        format!("vắng {}, phiên được giữ", ago(c.seconds))
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

/// Carries it out.
pub fn run(cli: &Cli, what: &Broker) -> anyhow::Result<u8> {
    match what {
        Broker::Status => {
            let value = client::ask(cli, "GET", "/broker", None)?;
            let c: Counters = serde_json::from_value(value.clone())?;
            let card = if c.card_fails {
                "KHÔNG ghi được"
            } else {
                "tốt"
            };
            let text = format!(
                "{} máy đang kết nối (nhiều nhất {}), giữ chỗ cho {} thiết bị vắng, {} thiết bị lạ đang nối.\n  gói tin  nhận {}, gửi {}, đang đợi {}, bỏ vì hàng đợi đầy {}, bỏ vì hết hạn {}\n  giữ lại  {} gói tin, {} kB\n  từ chối  {} lần vào, {} lần ngắt, {} gói tin ngoài quyền\n  thẻ nhớ  {card}, đã ghi {} kB, chờ ghi {} thay đổi\n",
                c.connected,
                c.connected_max,
                c.away,
                c.quarantined,
                c.received,
                c.delivered,
                c.queued,
                c.dropped,
                c.outlived,
                c.retained,
                c.retained_bytes / 1024,
                c.refused,
                c.cut,
                c.forbidden,
                c.written / 1024,
                c.owed
            );
            let text = match &c.loss {
                Some(loss) => format!("{text}  đã mất   {}\n", losses::of_broker(loss)),
                None => text,
            };
            say(cli, &value, &text);
            Ok(if c.card_fails { 2 } else { 0 })
        }
        Broker::Clients => {
            let value = client::ask(cli, "GET", "/broker/clients", None)?;
            let rows: Vec<ClientRow> = serde_json::from_value(value.clone())?;
            let here = rows.iter().filter(|c| c.connected).count();
            let text = format!(
                "{here} máy đang kết nối, {} vắng mặt\n{}",
                rows.len() - here,
                rows.iter().map(client_line).collect::<String>()
            );
            say(cli, &value, &text);
            Ok(0)
        }
        Broker::Topics { filter } => {
            let value = client::ask(
                cli,
                "GET",
                &format!("/broker/topics?filter={}", escaped(filter)),
                None,
            )?;
            let rows: Vec<TopicRow> = serde_json::from_value(value.clone())?;
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
            say(cli, &value, &text);
            Ok(0)
        }
        Broker::Kick { id } => {
            let value = client::ask(
                cli,
                "POST",
                "/broker/kick",
                Some(&serde_json::json!({ "id": id })),
            )?;
            let Answer::Kicked(n) = serde_json::from_value(value.clone())? else {
                anyhow::bail!("máy chủ MQTT trả lời lạ")
            };
            say(
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
        Broker::Why { id } => {
            let value = client::ask(cli, "GET", &format!("/broker/why?id={}", escaped(id)), None)?;
            let Answer::Why(rows) = serde_json::from_value(value.clone())? else {
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
                let times = if r.times > 1 {
                    format!(" ({} lần)", r.times)
                } else {
                    String::new()
                };
                let from = if r.address.is_empty() || r.address == r.who {
                    String::new()
                } else {
                    format!(" từ {}", r.address)
                };
                text.push_str(&format!(
                    "  {} {}  {}{from}: {}{times}\n",
                    dates::date(r.at * 1000),
                    dates::clock(r.at * 1000),
                    r.who,
                    refusals::vietnamese(&r.why)
                ));
            }
            say(cli, &value, &text);
            Ok(0)
        }
        Broker::Sub { topic, count, qos } => talk(
            cli,
            Talk::Sub {
                topic,
                count: *count,
                qos: *qos,
            },
        ),
        Broker::Pub {
            topic,
            payload,
            retain,
            qos,
        } => talk(
            cli,
            Talk::Pub {
                topic,
                payload,
                retain: *retain,
                qos: *qos,
            },
        ),
    }
}

#[derive(Clone, Copy)]
enum Talk<'a> {
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

fn level(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// Speaks MQTT as the house, over its private socket.
fn talk(cli: &Cli, what: Talk<'_>) -> anyhow::Result<u8> {
    let way = client::ask(cli, "GET", "/broker/way", None)?;
    let Ok(Way {
        socket,
        secret,
        packet,
    }) = serde_json::from_value(way)
    else {
        anyhow::bail!("máy chủ MQTT chưa sẵn sàng; xem “conglang doctor”")
    };
    let id = format!("cli-{}", crate::keys::secret::token()?);
    let mut options = MqttOptions::new(id, socket.display().to_string(), 0);
    options.set_transport(Transport::unix());
    options
        .set_credentials(HOUSE, secret)
        .set_keep_alive(Duration::from_secs(30))
        .set_max_packet_size((packet + 4096).max(2 << 20), (packet + 4096).max(2 << 20));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, mut events) = AsyncClient::new(options, 16);
        let mut heard = 0;
        match what {
            Talk::Sub { topic, qos, .. } => client.try_subscribe(topic, level(qos))?,
            Talk::Pub { topic, payload, retain, qos } => client.try_publish(topic, level(qos), retain, payload)?,
        }
        loop {
            let event = events.poll().await.map_err(|cause| anyhow::anyhow!("mất kết nối với máy chủ MQTT: {cause}"))?;
            match (&event, &what) {
                (Event::Incoming(Packet::SubAck(ack)), Talk::Sub { topic, .. }) if ack.return_codes.iter().any(|c| matches!(c, rumqttc::SubscribeReasonCode::Failure)) => {
                    anyhow::bail!("“{topic}” không phải bộ lọc chủ đề hợp lệ")
                }
                (Event::Incoming(Packet::Publish(p)), Talk::Sub { count, .. }) => {
                    let text = String::from_utf8_lossy(&p.payload);
                    let json = serde_json::json!({ "topic": p.topic, "payload": text, "qos": p.qos as u8, "retain": p.retain });
                    say(cli, &json, &format!("{} {text}", p.topic));
                    heard += 1;
                    if count.is_some_and(|n| heard >= n) {
                        return Ok(0);
                    }
                }
                (Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)), Talk::Pub { .. }) => break,
                (Event::Outgoing(rumqttc::Outgoing::Publish(_)), Talk::Pub { qos: 0, .. }) => break,
                _ => {}
            }
        }
        client.try_disconnect()?;
        // The goodbye goes out with the last word.
        while !matches!(events.poll().await, Err(_) | Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect))) {}
        say(cli, &serde_json::json!({ "published": true }), "Đã gửi.");
        Ok(0)
    })
}
