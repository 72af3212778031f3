//! The topic filters of one session, with their subscription options.
//!
//! A device has one or two, so they are in a sorted list of exact size: a map would have room for
//! eleven from the first one on. The gateway's own client may have thousands; adding one moves the
//! rest, which is cheap beside storing it.
//!
//! Invariants: a filter occurs once; filters are in order.

use super::subscriptions::SubscriptionOptions;

/// Filters and options, sorted by filter.
#[derive(Debug, Default)]
pub struct SessionFilters(Vec<(Box<str>, SubscriptionOptions)>);

impl SessionFilters {
    fn find(&self, filter: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(f, _)| (**f).cmp(filter))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn contains(&self, filter: &str) -> bool {
        self.find(filter).is_ok()
    }

    /// Adds a filter, or replaces its options; returns the options that it had.
    pub fn insert(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
    ) -> Option<SubscriptionOptions> {
        match self.find(filter) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, options)),
            Err(at) => {
                if self.0.len() < 4 {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (filter.into(), options));
                None
            }
        }
    }

    /// Removes a filter; true = it was there.
    pub fn remove(&mut self, filter: &str) -> bool {
        let found = self.find(filter);
        if let Ok(at) = found {
            self.0.remove(at);
        }
        found.is_ok()
    }

    /// Removes the filters that are not permitted, and returns them in order.
    pub fn remove_forbidden(&mut self, is_permitted: impl Fn(&str) -> bool) -> Vec<Box<str>> {
        self.0
            .extract_if(.., |(filter, _)| !is_permitted(filter))
            .map(|(filter, _)| filter)
            .collect()
    }

    /// Filters with their options, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SubscriptionOptions)> {
        self.0.iter().map(|(filter, options)| (&**filter, options))
    }

    /// The filters, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(filter, _)| filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mqtt::QoS;

    #[test]
    fn filters_are_in_order_once_each() {
        let options = |qos| SubscriptionOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            subscription_id: None,
        };
        let (low, high) = (options(QoS::AtMostOnce), options(QoS::AtLeastOnce));
        let mut filters = SessionFilters::default();
        for filter in ["d/b", "#", "d/a", "d/c", "c/#", "d/a/+"] {
            assert_eq!(filters.insert(filter, low), None);
        }
        assert_eq!(filters.insert("d/a", high), Some(low));
        let names: Vec<&str> = filters.names().collect();
        assert_eq!(names, ["#", "c/#", "d/a", "d/a/+", "d/b", "d/c"]);
        assert!(filters.remove("d/b") && !filters.remove("d/b") && !filters.contains("d/b"));
        let gone = filters.remove_forbidden(|filter| filter.starts_with("d/"));
        assert_eq!(gone, ["#".into(), "c/#".into()]);
        assert_eq!((filters.len(), filters.contains("d/a")), (3, true));
    }
}
