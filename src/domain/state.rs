//! The village as it is now: one immutable value made from the entries.
//!
//! Invariants: `apply` is total and needs nothing but the entry; replaying all entries gives the
//! same value as a snapshot plus the rest. The state holds only current things; ended ones are read
//! from the journal. Each noun is an `Arc` map of `Arc` values, so that a commit copies the
//! pointers of the touched nouns once.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::blob::BlobRef;
use super::camera::Camera;
use super::configuration::Thing;
use super::device::Device;
use super::directory::Directory;
use super::entity::Entity;
use super::guest::Wifi;
use super::hardware_address::MacAddress;
use super::id::{
    AnnouncementId, BlobId, CameraId, DeviceId, EntityId, GroupId, HouseId, NoticeId, PlaceId,
    TokenId, UserId,
};
use super::light::{Light, LightGroup};
use super::network::Reservation;
use super::notice::{Attachment, EndedNotice, Notice, NoticeCode, NoticeDraft};
use super::place::Place;
use super::procedure::ProcedureCatalogue;
use super::sensor::Sensor;
use super::speaker::{Announcement, Speaker};
use super::storm::StormPlan;
use super::things::Things;
use super::token::Token;
use super::user::User;
use super::village::Village;
use crate::time::WallMs;

/// Ended announcements that stay in the state, the newest ones: the page shows them as “vừa phát”.
pub const ENDED_ANNOUNCEMENTS_KEPT: usize = 20;

/// Number of notices above which the expired ones are removed from the state (history still has
/// them).
pub const NOTICES_KEPT: usize = 6_000;

/// Notices that are not up any more and stay readable, the newest ones (history still has the
/// others).
pub const ENDED_NOTICES_KEPT: usize = 5_000;

/// Most erased blobs that the state remembers; no village is asked to erase so many.
pub const ERASED_KEPT: usize = 10_000;

/// Most ranges of damage in the state; the oldest are removed first.
pub const DAMAGE_KEPT: usize = 100;

/// The thing whose text a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobUse<'a> {
    /// A person's name and PIN hash.
    Person(&'a UserId),
    /// A notice, also a draft, one that is not up any more, and what it said before a correction.
    Notice(&'a NoticeId),
    /// An announcement.
    Announcement(&'a AnnouncementId),
    /// The map of the village.
    Map,
    /// The label of a house.
    HouseLabel(&'a HouseId),
    /// The list of procedures.
    Procedures,
    /// The storm plan.
    StormPlan,
}

/// The village as it is after entry `seq`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VillageState {
    /// The seq of the last entry applied; 0 = none.
    pub seq: u64,
    /// How often the gateway's machine has booted.
    pub boot: u64,
    /// The name and the position of the village.
    pub village: Option<Arc<Village>>,
    /// Roads, alleys.
    pub places: Things<PlaceId, Place>,
    /// Devices.
    pub devices: Things<DeviceId, Device>,
    /// MQTT accounts.
    pub accounts: Things<DeviceId, Account>,
    /// Accounts that people revoked: the configuration does not grant them again.
    #[serde(default)]
    pub revoked: Arc<BTreeSet<DeviceId>>,
    /// Entities: what the devices do.
    pub entities: Things<EntityId, Entity>,
    /// Lamps.
    pub lights: Things<EntityId, Light>,
    /// Light groups.
    pub groups: Things<GroupId, LightGroup>,
    /// Sensors.
    pub sensors: Things<EntityId, Sensor>,
    /// Speaker clusters.
    pub speakers: Things<DeviceId, Speaker>,
    /// Announcements on air, and a few that ended.
    pub announcements: Things<AnnouncementId, Announcement>,
    /// Cameras.
    pub cameras: Things<CameraId, Camera>,
    /// Notices that are published.
    pub notices: Things<NoticeId, Notice>,
    /// Notices that were taken down, or whose time is over.
    #[serde(default, rename = "taken_down")]
    pub ended: Things<NoticeId, EndedNotice>,
    /// Notices that are not published yet.
    #[serde(default)]
    pub drafts: Things<NoticeId, NoticeDraft>,
    /// Users.
    pub users: Things<UserId, User>,
    /// Tokens of programs.
    #[serde(default)]
    pub tokens: Things<TokenId, Token>,
    /// The free wifi: its rules, and devices on which a person decided.
    #[serde(default)]
    pub wifi: Arc<Wifi>,
    /// Addresses that devices keep for ever.
    #[serde(default)]
    pub reservations: Things<MacAddress, Reservation>,
    /// The directory of roads and houses.
    #[serde(default)]
    pub directory: Arc<Directory>,
    /// The list of procedures; none = nobody has given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedures: Option<Arc<ProcedureCatalogue>>,
    /// The list of procedures that was in force before: it may be put in force again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedures_before: Option<Arc<ProcedureCatalogue>>,
    /// The storm plan; none = nobody has written one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm_plan: Option<Arc<StormPlan>>,
    /// The things that the configuration named at the last start.
    #[serde(default)]
    pub configured: Arc<BTreeSet<Thing>>,
    /// The last “Dừng tất cả”: the seq of its entry and when it was.
    #[serde(default)]
    pub silenced: Option<(u64, WallMs)>,
    /// Erased blobs, which may exist nowhere any more.
    #[serde(default)]
    pub erased: Arc<BTreeSet<BlobId>>,
    /// Ranges of damage, oldest first: the last good entry, the last missing entry. While there is
    /// one, the health stays amber.
    pub damage: Arc<Vec<(u64, u64)>>,
}

impl VillageState {
    pub(super) fn group_of(&self, light: &EntityId) -> Option<GroupId> {
        self.groups
            .values()
            .find(|g| g.lights.contains(light))
            .map(|g| g.id.clone())
    }

    /// The id of a thing, and the ids of its entities when it is a device: what history tells of
    /// either is about it.
    #[must_use]
    pub fn with_parts(&self, id: &str) -> Vec<String> {
        let parts = self
            .entities
            .values()
            .filter(|e| e.device.as_str() == id)
            .map(|e| e.id.to_string());
        std::iter::once(id.to_owned()).chain(parts).collect()
    }

    /// The device of a lamp or a sensor.
    #[must_use]
    pub fn device_of(&self, entity: &EntityId) -> Option<&Arc<Device>> {
        self.devices.get(&self.entities.get(entity)?.device)
    }

    /// True for an entity whose device has an account, so that its state can be reported.
    #[must_use]
    pub fn has_account(&self, entity: &EntityId) -> bool {
        self.entities
            .get(entity)
            .is_some_and(|e| self.accounts.contains_key(&e.device))
    }

    /// True for a device whose account people revoked. Its last report does not count any more, and
    /// its silence is no fault.
    #[must_use]
    pub fn is_revoked(&self, device: &DeviceId) -> bool {
        self.revoked.contains(device)
    }

    /// Announcements on air, oldest first.
    #[must_use]
    pub fn on_air(&self) -> Vec<Arc<Announcement>> {
        let mut out: Vec<_> = self
            .announcements
            .values()
            .filter(|a| !a.is_over())
            .cloned()
            .collect();
        out.sort_by_key(|a| a.order);
        out
    }

    /// The blobs that the village uses now, each with the thing whose text it is. A blob is no
    /// orphan while it is one of these, however long ago its entry was trimmed.
    pub fn blobs(&self) -> impl Iterator<Item = (BlobUse<'_>, &BlobRef)> {
        let people = self
            .users
            .values()
            .map(|u| (BlobUse::Person(&u.id), &u.record));
        let ended = self.ended.values().map(|t| &t.notice);
        let notices = self.notices.values().map(|n| &**n).chain(ended);
        let notices = notices.flat_map(|n| n.texts().map(|text| (BlobUse::Notice(&n.id), text)));
        let drafts = self.drafts.values();
        let drafts = drafts.map(|d| (BlobUse::Notice(&d.id), &d.text));
        let announcements = self.announcements.values();
        let announcements = announcements.map(|a| (BlobUse::Announcement(&a.id), &a.text));
        let map = self.directory.map.iter().chain(&self.directory.before);
        let map = map.map(|map| (BlobUse::Map, &map.file));
        let labels = self.directory.labels.values();
        let labels = labels.map(|l| (BlobUse::HouseLabel(&l.house), &l.text));
        let procedures = self.procedures.iter().chain(&self.procedures_before);
        let procedures = procedures.map(|p| (BlobUse::Procedures, &p.file));
        let plan = self.storm_plan.iter();
        let plan = plan.map(|p| (BlobUse::StormPlan, &p.text));
        let files = procedures.chain(plan);
        let people = people.chain(notices).chain(drafts);
        people
            .chain(announcements)
            .chain(map)
            .chain(labels)
            .chain(files)
    }

    /// The files of all notices: published, ended, drafts, and what was before corrections. An
    /// erased text has none: what was erased is erased with its pictures and papers.
    pub fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.files_of_texts()
            .filter(move |(text, _)| !self.erased.contains(&text.id))
            .flat_map(|(_, files)| files)
    }

    /// The files of notices whose text is erased, also those that another notice has too.
    pub fn erased_attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.files_of_texts()
            .filter(move |(text, _)| self.erased.contains(&text.id))
            .flat_map(|(_, files)| files)
    }

    fn files_of_texts(&self) -> impl Iterator<Item = (&BlobRef, &Vec<Attachment>)> {
        let ended = self.ended.values().map(|e| &e.notice);
        let notices = self.notices.values().map(|n| &**n).chain(ended);
        let drafts = self.drafts.values();
        let drafts = drafts.map(|d| (&d.text, &d.details.attachments));
        notices.flat_map(Notice::files_of_texts).chain(drafts)
    }

    /// The notice that everybody may read under a name that stands in a public link: its code, or
    /// its id, with which links were printed before there were codes.
    #[must_use]
    pub fn notice_linked(&self, name: &str) -> Option<&Notice> {
        let of_code = |code: NoticeCode| {
            let ended = self.ended.values().filter(|ended| ended.is_expired);
            let ended = ended.map(|ended| &ended.notice);
            let up = self.notices.values().map(|notice| &**notice);
            up.chain(ended).find(|notice| notice.code() == code)
        };
        let of_id = |id: NoticeId| {
            let over = || self.ended.get(&id).filter(|ended| ended.is_expired);
            let up = self.notices.get(&id).map(|notice| &**notice);
            up.or_else(|| over().map(|ended| &ended.notice))
        };
        NoticeCode::parse(name)
            .and_then(of_code)
            .or_else(|| NoticeId::new(name).ok().and_then(of_id))
    }

    /// The newest notices in force at `now`, urgent ones apart, so many of each.
    #[must_use]
    pub fn newest_notices(
        &self,
        now: WallMs,
        most_urgent: usize,
        most: usize,
    ) -> (Vec<&Notice>, Vec<&Notice>) {
        let (mut urgent, mut others): (Vec<&Notice>, Vec<&Notice>) = (Vec::new(), Vec::new());
        for notice in self.notices.values().filter(|n| !n.details.is_over(now)) {
            let (list, most) = if notice.details.urgent {
                (&mut urgent, most_urgent)
            } else {
                (&mut others, most)
            };
            let place = list.partition_point(|n| n.order > notice.order);
            if place < most {
                list.insert(place, notice);
                list.truncate(most);
            }
        }
        (urgent, others)
    }

    /// Notices in force at `now`: urgent first, then newest.
    #[must_use]
    pub fn notices_at(&self, now: WallMs) -> Vec<Arc<Notice>> {
        let mut out: Vec<_> = self
            .notices
            .values()
            .filter(|n| !n.details.is_over(now))
            .cloned()
            .collect();
        out.sort_by_key(|n| (!n.details.urgent, std::cmp::Reverse(n.order)));
        out
    }
}
