//! Topic names and filters: which are valid, which match, which filter covers which.

/// Longest topic or filter of the gateway itself, bytes; a broker's settings may have other bounds.
pub const TOPIC_BYTES_MAX: usize = 1024;
/// Most levels of a topic or filter of the gateway itself.
pub const TOPIC_LEVELS_MAX: usize = 32;

/// True when a topic or filter is within bounds.
#[must_use]
pub fn is_within_bounds(text: &str, max_bytes: usize, max_levels: usize) -> bool {
    text.len() <= max_bytes && text.bytes().filter(|b| *b == b'/').count() < max_levels
}

fn is_nonempty_without_nul(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

/// Share name and filter of a shared subscription `$share/<name>/<filter>`; none = it is not one,
/// or it is malformed [MQTT-4.8.2-1, -2].
#[must_use]
pub fn parse_shared(text: &str) -> Option<(&str, &str)> {
    let (group, filter) = text.strip_prefix("$share/")?.split_once('/')?;
    (!group.is_empty() && !group.contains(['+', '#']) && is_topic_filter(filter))
        .then_some((group, filter))
}

/// True for a name that may be published to [MQTT-3.3.2-2, MQTT-4.7.3-1].
#[must_use]
pub fn is_topic_name(text: &str) -> bool {
    is_nonempty_without_nul(text) && !text.contains(['+', '#'])
}

/// True for a filter that may be subscribed to [MQTT-4.7.1-1, -2, -3].
#[must_use]
pub fn is_topic_filter(text: &str) -> bool {
    if !is_nonempty_without_nul(text) {
        return false;
    }
    let mut levels = text.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "#" => return levels.peek().is_none(),
            "+" => {}
            other if other.contains(['+', '#']) => return false,
            _ => {}
        }
    }
    true
}

/// True when the filter has a wildcard.
#[must_use]
pub fn has_wildcard(filter: &str) -> bool {
    filter.contains(['+', '#'])
}

/// True when `topic` matches `filter`. A wildcard at the front does not match topics that begin
/// with `$` [MQTT-4.7.2-1].
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = topic.split('/');
    for level in filter.split('/') {
        match level {
            "#" => return true,
            "+" => {
                if topic_levels.next().is_none() {
                    return false;
                }
            }
            exact => {
                if topic_levels.next() != Some(exact) {
                    return false;
                }
            }
        }
    }
    topic_levels.next().is_none()
}

/// True when every topic that matches `asked` also matches `allowed`.
#[must_use]
pub fn covers(allowed: &str, asked: &str) -> bool {
    if asked.starts_with('$') != allowed.starts_with('$') && allowed.starts_with(['+', '#']) {
        return false;
    }
    let mut asked_levels = asked.split('/');
    for level in allowed.split('/') {
        let other = asked_levels.next();
        match (level, other) {
            ("#", _) => return true,
            ("+", Some(o)) if o != "#" => {}
            (exact, Some(o)) if exact == o => {}
            _ => return false,
        }
    }
    asked_levels.next().is_none()
}
