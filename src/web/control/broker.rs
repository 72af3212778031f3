//! The broker for technicians and their programs: clients, topics, refusals, counters.

use axum::Json;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::commands::error_response;
use super::terminal_lang::TerminalLang;
use crate::i18n::locale::Lang;
use crate::live::guests::GuestsNow;
use crate::protocol::broker::{AdminQuery, AdminReply, Counters, Refusal, RefusalReason};
use crate::protocol::control::NameCounts;
use crate::time::WallMs;
use crate::web::kit::app::App;

/// Routes of the control socket.
pub fn router() -> Router<App> {
    Router::new()
        .route(
            "/broker",
            get(|State(app): State<App>| async move { Json(app.live.broker.counters()) }),
        )
        .route("/broker/clients", get(clients))
        .route("/broker/topics", get(topics))
        .route("/broker/why", get(why))
        .route(
            "/broker/kick",
            post(
                |State(app): State<App>,
                 TerminalLang(lang): TerminalLang,
                 Json(q): Json<IdQuery>| async move {
                    query_broker(&app, lang, AdminQuery::Kick { id: q.id }).await
                },
            ),
        )
        .route("/broker/way", get(endpoint))
        .route("/metrics", get(metrics))
}

#[derive(Debug, Deserialize)]
struct IdQuery {
    #[serde(default)]
    id: String,
}

#[derive(Debug, Deserialize)]
struct FilterQuery {
    filter: String,
}

fn broker_unavailable(lang: Lang) -> Response {
    error_response(StatusCode::SERVICE_UNAVAILABLE, lang.t("cli-broker-silent"))
}

async fn query_broker(app: &App, lang: Lang, question: AdminQuery) -> Response {
    match app.ports.broker.query(question).await {
        Some(answer) => Json(answer).into_response(),
        None => broker_unavailable(lang),
    }
}

/// Clients that the broker refused or disconnected, and discovery messages that the gateway cannot
/// use.
async fn why(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Query(q): Query<IdQuery>,
) -> Response {
    let Some(AdminReply::Refusals(mut rows)) = app
        .ports
        .broker
        .query(AdminQuery::Refusals { id: q.id.clone() })
        .await
    else {
        return broker_unavailable(lang);
    };
    for device in app
        .live
        .rejected_discovery
        .devices()
        .into_iter()
        .filter(|d| q.id.is_empty() || d.as_str() == q.id)
    {
        let (rejected, more) = app.live.rejected_discovery.of(&device);
        let row = |at: WallMs, reason, times: u64| Refusal {
            at_s: at.ms() / 1000,
            client: device.to_string(),
            address: String::new(),
            reason,
            count: times,
        };
        let last = rejected.last().map_or(WallMs::default(), |t| t.at);
        rows.extend(rejected.into_iter().map(|t| {
            row(
                t.at,
                RefusalReason::DiscoveryUnusable {
                    topic: t.topic,
                    error: Box::new(t.why),
                },
                t.times,
            )
        }));
        rows.extend((more > 0).then(|| {
            row(
                last,
                RefusalReason::MoreDiscoveryUnusable { number: more },
                1,
            )
        }));
    }
    Json(AdminReply::Refusals(rows)).into_response()
}

/// All sessions, in as many queries as they need.
async fn clients(State(app): State<App>, TerminalLang(lang): TerminalLang) -> Response {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Some(AdminReply::Clients(rows, more)) =
            app.ports.broker.query(AdminQuery::Clients { after }).await
        else {
            return broker_unavailable(lang);
        };
        after = rows
            .last()
            .map(|r| (r.account.clone(), r.client_id.clone()));
        all.extend(rows);
        if !more || after.is_none() {
            return Json(all).into_response();
        }
    }
}

/// All retained messages that match.
async fn topics(
    State(app): State<App>,
    TerminalLang(lang): TerminalLang,
    Query(q): Query<FilterQuery>,
) -> Response {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Some(AdminReply::Topics(rows, more)) = app
            .ports
            .broker
            .query(AdminQuery::Topics {
                filter: q.filter.clone(),
                after,
            })
            .await
        else {
            return broker_unavailable(lang);
        };
        after = rows.last().map(|r| r.topic.clone());
        all.extend(rows);
        if !more || after.is_none() {
            return Json(all).into_response();
        }
    }
}

/// How the technician's own tools connect to the broker as the gateway; the permissions of the
/// control socket protect this.
async fn endpoint(State(app): State<App>, TerminalLang(lang): TerminalLang) -> Response {
    match app.live.broker.endpoint() {
        Some(way) => Json(way).into_response(),
        None => broker_unavailable(lang),
    }
}

/// The counters in the text format of Prometheus. Source:
/// prometheus.io/docs/instrumenting/exposition_formats.
pub async fn metrics(State(app): State<App>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        exposition(&app.live.broker.counters())
            + &names_exposition(app.live.names.get())
            + &guests_exposition(&app.live.guests.get()),
    )
        .into_response()
}

/// The counts of the forwarder of names, each by what became of a question; nothing where the
/// gateway answers no names.
fn names_exposition(names: Option<NameCounts>) -> String {
    let counts = names.and_then(|names| serde_json::to_value(names).ok());
    let Some(serde_json::Value::Object(counts)) = counts else {
        return String::new();
    };
    let mut text =
        "# HELP conglang_names Questions for names by what became of them, and the cache\n\
         # TYPE conglang_names gauge\n"
            .to_owned();
    for (name, value) in counts {
        text.push_str(&format!("conglang_names{{count=\"{name}\"}} {value}\n"));
    }
    text
}

/// The figures of the free wifi; nothing where the gateway serves none.
fn guests_exposition(guests: &GuestsNow) -> String {
    if !guests.is_configured {
        return String::new();
    }
    format!(
        "# HELP conglang_guests Devices in the free wifi, and taps of newcomers that had to wait\n\
         # TYPE conglang_guests gauge\n\
         conglang_guests{{count=\"in\"}} {}\n\
         conglang_guests{{count=\"newcomers_waited\"}} {}\n",
        guests.count_in(),
        guests.newcomers_waited,
    )
}

/// A figure for Prometheus.
struct Metric {
    /// Its name, without the prefix of the program.
    name: &'static str,
    /// How it moves, in the words of the format.
    kind: &'static str,
    help: &'static str,
    value: u64,
}

/// A figure that rises and falls.
const fn gauge(name: &'static str, help: &'static str, value: u64) -> Metric {
    Metric {
        name,
        kind: "gauge",
        help,
        value,
    }
}

/// A figure that only rises.
const fn counter(name: &'static str, help: &'static str, value: u64) -> Metric {
    Metric {
        name,
        kind: "counter",
        help,
        value,
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            kind,
            help,
            value,
        } = self;
        writeln!(f, "# HELP conglang_mqtt_{name} {help}")?;
        writeln!(f, "# TYPE conglang_mqtt_{name} {kind}")?;
        writeln!(f, "conglang_mqtt_{name} {value}")
    }
}

/// The clients, and those that were turned away.
fn client_metrics(c: &Counters) -> [Metric; 7] {
    [
        gauge("clients_connected", "Connected clients", c.connected),
        gauge(
            "clients_connected_max",
            "Most clients that were connected at once",
            c.connected_max,
        ),
        gauge(
            "sessions_away",
            "Persistent sessions of disconnected clients",
            c.disconnected,
        ),
        counter(
            "sessions_expired_total",
            "Sessions that expired",
            c.expired_sessions,
        ),
        gauge(
            "quarantined",
            "Devices without an account that announce themselves",
            c.quarantined,
        ),
        counter(
            "clients_refused_total",
            "Clients refused",
            c.rejected_connects,
        ),
        counter(
            "clients_cut_total",
            "Clients disconnected with an error",
            c.disconnected_with_error,
        ),
    ]
}

/// The messages and bytes that went through the broker.
fn traffic_metrics(c: &Counters) -> [Metric; 12] {
    [
        counter(
            "packets_received_total",
            "Packets received",
            c.traffic.packets_in,
        ),
        counter("bytes_received_total", "Bytes received", c.traffic.bytes_in),
        counter("packets_sent_total", "Packets sent", c.traffic.packets_out),
        counter("bytes_sent_total", "Bytes sent", c.traffic.bytes_out),
        counter("messages_received_total", "Messages received", c.received),
        counter(
            "messages_received_bytes_total",
            "Bytes of payload of received messages",
            c.received_bytes,
        ),
        counter("messages_sent_total", "Messages delivered", c.delivered),
        counter(
            "messages_sent_bytes_total",
            "Bytes of payload of delivered messages",
            c.delivered_bytes,
        ),
        counter(
            "messages_dropped_total",
            "Messages dropped because a queue was full",
            c.dropped,
        ),
        counter(
            "messages_outlived_total",
            "Messages dropped because they expired",
            c.expired_messages,
        ),
        counter(
            "messages_too_large_total",
            "Messages that were not sent because they are larger than their client takes",
            c.oversized,
        ),
        counter(
            "publishes_forbidden_total",
            "Publishes outside of a permission",
            c.denied_publishes,
        ),
    ]
}

/// The sessions and messages that the broker holds now, and its storage.
fn holding_metrics(c: &Counters) -> [Metric; 11] {
    [
        gauge("subscriptions", "Subscriptions", c.subscriptions),
        gauge("subscriptions_shared", "Shared subscriptions", c.shared),
        gauge("messages_queued", "Messages that wait in queues", c.queued),
        gauge(
            "messages_queued_bytes",
            "Bytes of messages that wait in queues",
            c.queued_bytes,
        ),
        gauge("retained", "Retained messages", c.retained),
        gauge(
            "retained_bytes",
            "Bytes of retained messages",
            c.retained_bytes,
        ),
        counter(
            "retained_refused_total",
            "Retained messages refused because of a bound",
            c.retained_refused,
        ),
        counter(
            "card_written_bytes_total",
            "Bytes written to storage",
            c.bytes_written,
        ),
        gauge(
            "card_owed",
            "Changes that are not on storage yet",
            c.pending_changes,
        ),
        gauge(
            "card_failing",
            "1 while storage takes no changes",
            u64::from(c.storage_failing),
        ),
        gauge(
            "uptime_seconds",
            "Seconds since the broker began",
            c.uptime_s,
        ),
    ]
}

fn exposition(c: &Counters) -> String {
    let metrics = client_metrics(c)
        .into_iter()
        .chain(traffic_metrics(c))
        .chain(holding_metrics(c));
    metrics.map(|m| m.to_string()).collect()
}
