//! The answers to a technician's questions about the running broker.

use tokio::time::Instant;

use super::core::acl::Identity;
use super::core::session::Session;
use super::shared::SharedBroker;
use crate::protocol::broker::{AdminQuery, AdminReply, ClientRow, RefusalReason, RetainedRow};

/// Bytes of one answer. `supervisor/worker` limits a line of events, and client identifiers may be
/// long.
const REPLY_BYTES_MAX: usize = 128 * 1024;
/// Characters of payload and of a filter shown.
const PREVIEW_CHARS: usize = 80;

fn preview(text: &str) -> String {
    text.chars().take(PREVIEW_CHARS).collect()
}

/// As many rows as fit into one answer, and at least one; true = there are more.
fn fit_rows<T: serde::Serialize>(rows: impl Iterator<Item = T>) -> (Vec<T>, bool) {
    let (mut out, mut bytes) = (Vec::new(), 0);
    for row in rows {
        bytes += serde_json::to_vec(&row).map_or(REPLY_BYTES_MAX, |r| r.len() + 1);
        if bytes > REPLY_BYTES_MAX && !out.is_empty() {
            return (out, true);
        }
        out.push(row);
    }
    (out, false)
}

fn client_row(session: &Session, now: Instant) -> ClientRow {
    let (queued, inflight) = session.queue().len();
    let is_connected = !session.is_disconnected();
    ClientRow {
        account: session.identity().name().to_owned(),
        client_id: session.client_id().to_owned(),
        connected: is_connected,
        address: if is_connected {
            session.peer.address.to_string()
        } else {
            String::new()
        },
        version: if is_connected {
            session.peer.version.to_owned()
        } else {
            String::new()
        },
        listener: if is_connected {
            session.peer.listener.to_owned()
        } else {
            String::new()
        },
        state_age_s: now.saturating_duration_since(session.state_since).as_secs(),
        filters: session
            .subscriptions
            .names()
            .take(20)
            .map(preview)
            .collect(),
        queued,
        inflight,
        dropped: session.queue().dropped,
        persistent: session.is_persistent(),
    }
}

/// Answers a technician's question.
pub fn handle_query(broker: &SharedBroker, query: &AdminQuery) -> AdminReply {
    let now = Instant::now();
    match query {
        AdminQuery::Clients { after } => {
            let core = broker.lock();
            let wanted = core.sessions.iter().filter(|(_, s)| {
                after.as_ref().is_none_or(|(a, c)| {
                    (s.identity().name(), s.client_id()) > (a.as_str(), c.as_str())
                })
            });
            let mut rows: Vec<ClientRow> = wanted.map(|(_, s)| client_row(s, now)).collect();
            rows.sort_by(|a, b| (&a.account, &a.client_id).cmp(&(&b.account, &b.client_id)));
            let (rows, more) = fit_rows(rows.into_iter());
            AdminReply::Clients(rows, more)
        }
        AdminQuery::Topics { filter, after } => {
            let core = broker.lock();
            let sys = core
                .sys_topics
                .values()
                .filter(|m| {
                    filter.starts_with('$')
                        && crate::protocol::mqtt::topic::matches(filter, &m.topic)
                })
                .map(|m| ("", m));
            let retained = core
                .retained
                .matching(filter, now)
                .chain(sys)
                .filter(|(_, m)| after.as_ref().is_none_or(|a| *m.topic > **a));
            let rows = retained.map(|(owner, m)| RetainedRow {
                topic: m.topic.to_string(),
                owner: owner.to_owned(),
                payload: preview(&String::from_utf8_lossy(
                    m.payload.get(..4 * PREVIEW_CHARS).unwrap_or(&m.payload),
                )),
                bytes: m.payload.len(),
                qos: m.qos.bits(),
            });
            let (rows, more) = fit_rows(rows);
            AdminReply::Topics(rows, more)
        }
        AdminQuery::Kick { id } => {
            let mut core = broker.lock();
            let found: Vec<_> = core
                .sessions
                .in_client_order()
                .filter(|(_, s)| {
                    *s.identity() != Identity::Gateway
                        && (s.identity().name() == id || s.client_id() == id)
                })
                .map(|(slot, _)| slot)
                .collect();
            for slot in &found {
                let connection = core.session(*slot).and_then(|s| s.connection.clone());
                match connection {
                    Some(connection) => {
                        if let Some(session) = core.session(*slot) {
                            session.expiry_interval = std::time::Duration::ZERO;
                        }
                        connection
                            .signal
                            .disconnect(RefusalReason::AdministrativeAction);
                    }
                    None => core.remove_session(*slot, now),
                }
            }
            AdminReply::Kicked(found.len())
        }
        AdminQuery::Refusals { id } => {
            // The newest refusals that fit, in the order oldest first.
            let (mut rows, _) = fit_rows(broker.refusals_of(id).into_iter().rev());
            rows.reverse();
            AdminReply::Refusals(rows)
        }
    }
}
