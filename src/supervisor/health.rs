//! The health of all parts, in a form that pages, `doctor` and systemd can show.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::watch;

use super::clock::Clock;
use super::health_reason::HealthReason;
use crate::time::WallMs;

macro_rules! health_parts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A part of the gateway or of the commune's server, whose health is known.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HealthPart {
            $($(#[$doc])* $variant,)*
            /// One camera, by its id.
            Camera(String),
            /// A part that this program does not know; another version reported it.
            Unknown(String),
        }

        impl HealthPart {
            /// Its name in logs and answers, which never changes.
            #[must_use]
            pub fn name(&self) -> Cow<'_, str> {
                match self {
                    $(Self::$variant => Cow::Borrowed($name),)*
                    Self::Camera(id) => Cow::Owned(format!("camera {id}")),
                    Self::Unknown(name) => Cow::Borrowed(name),
                }
            }

            /// The part of this name.
            #[must_use]
            pub fn named(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    _ => name.strip_prefix("camera ").map_or_else(
                        || Self::Unknown(name.to_owned()),
                        |id| Self::Camera(id.to_owned()),
                    ),
                }
            }
        }
    };
}

health_parts! {
    /// The broker's accounts follow the village's.
    Access = "access",
    /// Addresses that are kept for devices, as the DHCP role reads them.
    Addresses = "addresses",
    /// The block list of names.
    BlockList = "block_list",
    /// The broker's worker.
    Broker = "broker",
    /// Queries to the broker, and what it reports of itself.
    BrokerAdmin = "desk",
    /// A message through the broker every two seconds.
    Canary = "canary",
    /// The DHCP option that tells phones where they may ask how they stand.
    CaptiveOption = "captive_option",
    /// The certificate of the broker.
    Certificate = "certificate",
    /// Renewal of the certificate of the commune's broker.
    CertificateRenewal = "certificates",
    /// Whether the commune's copy of history is the same as this one.
    Commune = "commune",
    /// The commune's console.
    Console = "console",
    /// The control socket.
    Control = "control",
    /// The dashboard over HTTP.
    Dashboard = "dashboard",
    /// The dashboard over HTTPS.
    DashboardTls = "dashboard_tls",
    /// The gateway's own MQTT client.
    DeviceLink = "south",
    /// Orders to devices until they are answered.
    DeviceOrders = "desired",
    /// The map of roads and houses, ready for pages.
    Directory = "directory",
    /// Erasing of blobs.
    Erasure = "erasure",
    /// News of other pages, which become drafts.
    Feeds = "feeds",
    /// The guest network: the network helper, and the sessions in it.
    Guests = "guests",
    /// Whether all of history can be read.
    History = "history",
    /// The index of history.
    Index = "index",
    /// The way to the internet.
    Internet = "internet",
    /// The journal.
    Journal = "journal",
    /// The key ring.
    Keys = "keys",
    /// Links that lead out of the village.
    Links = "links",
    /// Periodic work.
    Maintenance = "housekeeping",
    /// The worker that decodes stills.
    Media = "media",
    /// The forwarder of names.
    Names = "names",
    /// Texts as sound, for phones.
    Listening = "listening",
    /// Publishing of scheduled notices, and the end of those whose time is over.
    Notices = "notices",
    /// Reading of papers: their text, pictures of their pages.
    Papers = "papers",
    /// Whether all that the broker stored can be read.
    PersistenceLog = "ledger",
    /// Whether the media worker is confined.
    Pictures = "pictures",
    /// Announcements on their way to the clusters.
    Playback = "playback",
    /// The portal.
    Portal = "portal",
    /// The portal over HTTPS.
    PortalTls = "portal_tls",
    /// The watch on silent devices.
    Presence = "presence",
    /// The broker's persistence log and its queues.
    Queues = "queues",
    /// Recordings of the cameras.
    Recordings = "recordings",
    /// Readings on disk.
    Samples = "samples",
    /// The slow check of stored data.
    Scrub = "walk",
    /// The interfaces of the segments.
    Segments = "segments",
    /// Free space.
    Space = "space",
    /// Deleting of rows of the wifi's sessions.
    SessionRows = "session_rows",
    /// The service that reads sentences aloud.
    Speech = "speech",
    /// Requests for stills.
    Stills = "stills",
    /// Texts and names of people on disk.
    Texts = "people",
    /// The link to the commune.
    Uplink = "uplink",
    /// The commune's link to its villages.
    Villages = "villages",
    /// Whether a sentence can be read aloud.
    Voice = "voice",
}

impl fmt::Display for HealthPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Serialize for HealthPart {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HealthPart {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::named(&String::deserialize(from)?))
    }
}

/// How well a part works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It works.
    Green,
    /// It works, but somebody should check.
    Amber,
    /// It does not work.
    Red,
}

/// One part's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHealth {
    /// How it is.
    pub status: HealthStatus,
    /// Why; none = it is green.
    pub reason: Option<HealthReason>,
    /// Since when.
    pub since_ms: WallMs,
    /// How often the part was started again in this boot.
    pub restarts: u64,
}

/// The health of all parts; clones are the same.
#[derive(Debug, Clone)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<HealthPart, PartHealth>>>,
    changed: watch::Sender<u64>,
    clock: Clock,
}

impl Health {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            parts: Arc::default(),
            changed: watch::Sender::new(0),
            clock,
        }
    }

    /// Sets that a part works.
    pub fn set_green(&self, part: &HealthPart) {
        self.set(part, HealthStatus::Green, None);
    }

    /// Sets that a part works and somebody should check it.
    pub fn set_amber(&self, part: &HealthPart, reason: HealthReason) {
        self.set(part, HealthStatus::Amber, Some(reason));
    }

    /// Sets that a part does not work.
    pub fn set_red(&self, part: &HealthPart, reason: HealthReason) {
        self.set(part, HealthStatus::Red, Some(reason));
    }

    /// Sets that somebody should check a part, if there is a reason; otherwise that it works.
    pub fn set_amber_or_green(&self, part: &HealthPart, reason: Option<HealthReason>) {
        match reason {
            Some(reason) => self.set_amber(part, reason),
            None => self.set_green(part),
        }
    }

    /// Sets that a part does not work, if there is a reason; otherwise that it works.
    pub fn set_red_or_green(&self, part: &HealthPart, reason: Option<HealthReason>) {
        match reason {
            Some(reason) => self.set_red(part, reason),
            None => self.set_green(part),
        }
    }

    /// Sets how well a part works; `since_ms` stays while the status stays.
    fn set(&self, part: &HealthPart, status: HealthStatus, reason: Option<HealthReason>) {
        let now = self.clock.wall_ms();
        {
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            let old = parts.get(part);
            if old.is_some_and(|o| o.status == status && o.reason == reason) {
                return;
            }
            let since_ms = old
                .filter(|o| o.status == status)
                .map_or(now, |o| o.since_ms);
            let restarts = old.map_or(0, |o| o.restarts);
            parts.insert(
                part.clone(),
                PartHealth {
                    status,
                    reason,
                    since_ms,
                    restarts,
                },
            );
        }
        self.changed.send_modify(|n| *n += 1);
    }

    /// Counts a restart of a part.
    pub fn record_restart(&self, part: &HealthPart) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(condition) = parts.get_mut(part) {
            condition.restarts += 1;
        }
    }

    /// All parts.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<HealthPart, PartHealth> {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The worst status of all parts.
    #[must_use]
    pub fn worst(&self) -> HealthStatus {
        self.parts()
            .values()
            .map(|c| c.status)
            .max()
            .unwrap_or(HealthStatus::Green)
    }

    /// Wakes when something changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
