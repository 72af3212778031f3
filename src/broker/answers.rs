//! What a technician asks of the running broker.

use tokio::time::Instant;

use super::access::Identity;
use super::guard::Guard;
use super::session::Session;
use crate::protocol::broker::{Answer, ClientRow, Question, TopicRow};

/// Bytes of one answer: a line of facts is bounded (`supervisor/worker`), whatever clients call
/// themselves.
const LARGEST: usize = 128 * 1024;
/// Characters of payload and of a filter shown.
const SHOWN: usize = 80;

/// The beginning of a text.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// As many rows as fit, the first one always; true = there are more.
fn fitting<T: serde::Serialize>(rows: impl Iterator<Item = T>) -> (Vec<T>, bool) {
    let (mut out, mut bytes) = (Vec::new(), 0);
    for row in rows {
        bytes += serde_json::to_vec(&row).map_or(LARGEST, |r| r.len() + 1);
        if bytes > LARGEST && !out.is_empty() {
            return (out, true);
        }
        out.push(row);
    }
    (out, false)
}

fn row(session: &Session, now: Instant) -> ClientRow {
    let (queued, inflight) = session.queue.len();
    let here = !session.is_away();
    ClientRow {
        account: session.who.name().to_owned(),
        client_id: session.client_id.clone(),
        connected: here,
        address: if here {
            session.peer.address.clone()
        } else {
            String::new()
        },
        version: if here {
            session.peer.version.to_owned()
        } else {
            String::new()
        },
        door: if here {
            session.peer.door.to_owned()
        } else {
            String::new()
        },
        seconds: now.saturating_duration_since(session.since).as_secs(),
        filters: session
            .subscriptions
            .keys()
            .take(20)
            .map(|f| shown(f))
            .collect(),
        queued,
        inflight,
        dropped: session.queue.dropped,
        kept: session.is_kept(),
    }
}

/// Answers a question.
pub fn answer(guard: &Guard, ask: &Question) -> Answer {
    let now = Instant::now();
    match ask {
        Question::Clients { after } => {
            let core = guard.lock();
            let all = core.by_client.iter().filter(|((who, client), _)| {
                after
                    .as_ref()
                    .is_none_or(|(a, c)| (who.name(), client.as_str()) > (a.as_str(), c.as_str()))
            });
            let mut rows: Vec<ClientRow> = all
                .filter_map(|(_, slot)| {
                    core.sessions
                        .get(*slot as usize)?
                        .as_ref()
                        .map(|s| row(s, now))
                })
                .collect();
            rows.sort_by(|a, b| (&a.account, &a.client_id).cmp(&(&b.account, &b.client_id)));
            let (rows, more) = fitting(rows.into_iter());
            Answer::Clients(rows, more)
        }
        Question::Topics { filter, after } => {
            let core = guard.lock();
            let sys = core
                .sys
                .values()
                .filter(|m| {
                    filter.starts_with('$')
                        && crate::protocol::mqtt::topic::matches(filter, &m.topic)
                })
                .map(|m| ("", m));
            let kept = core
                .retained
                .matching(filter, now)
                .chain(sys)
                .filter(|(_, m)| after.as_ref().is_none_or(|a| *m.topic > **a));
            let rows = kept.map(|(owner, m)| TopicRow {
                topic: m.topic.to_string(),
                owner: owner.to_owned(),
                payload: shown(&String::from_utf8_lossy(
                    m.payload.get(..4 * SHOWN).unwrap_or(&m.payload),
                )),
                bytes: m.payload.len(),
                qos: m.qos,
            });
            let (rows, more) = fitting(rows);
            Answer::Topics(rows, more)
        }
        Question::Kick { id } => {
            let mut core = guard.lock();
            let found: Vec<_> = core
                .by_client
                .iter()
                .filter(|((who, client), _)| {
                    *who != Identity::House && (who.name() == id || client == id)
                })
                .map(|(_, slot)| *slot)
                .collect();
            for slot in &found {
                let line = core.session(*slot).and_then(|s| s.line.clone());
                match line {
                    Some(line) => {
                        if let Some(session) = core.session(*slot) {
                            session.keep_for = std::time::Duration::ZERO;
                        }
                        line.cut.now(0x98, "a technician ended it");
                    }
                    None => core.remove(*slot, now),
                }
            }
            Answer::Kicked(found.len())
        }
        Question::Why { id } => {
            // The newest that fit, oldest first.
            let (mut rows, _) = fitting(guard.why(id).into_iter().rev());
            rows.reverse();
            Answer::Why(rows)
        }
    }
}
