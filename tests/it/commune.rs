//! Village and commune as two processes over TLS: receipts, bulletins once, and equality after
//! kills.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conglang::commune::sent_bulletins::BulletinOrder;
use conglang::commune::store::{BulletinOutcome, CommuneStore};
use conglang::domain::id::CommandId;
use conglang::domain::notice::{Risk, RiskLevel};
use conglang::keys::authority::{Authority, CertificateFiles};
use conglang::protocol::commune::Bulletin;

use crate::support::house::{House, free_port, kind};

pub struct Office {
    dir: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Office {
    fn new(dir: &Path) -> Self {
        let port = free_port();
        let text = format!(
            "[data]\nfolder = {:?}\n[doors]\ncontrol = {:?}\n[office]\nname = \"xã Đồng Nếp\"\n\
             mqtt = \"127.0.0.1:{port}\"\n[[office.village]]\nid = \"ben-thoc\"\n\
             name = \"Bến Thóc\"\n",
            dir.join("commune").display().to_string(),
            dir.join("office/control.sock").display().to_string()
        );
        std::fs::create_dir_all(dir.join("office")).expect("folder");
        std::fs::write(dir.join("office/commune.toml"), text).expect("configuration");
        Self {
            dir: dir.to_owned(),
            port,
            child: None,
        }
    }

    pub fn start(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("office/log.txt"))
            .expect("log");
        self.child = Some(
            Command::new(env!("CARGO_BIN_EXE_conglang"))
                .arg("--config")
                .arg(self.dir.join("office/commune.toml"))
                .arg("commune")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("starts"),
        );
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
    }

    /// The store, while the commune does not run.
    pub fn store(&self) -> CommuneStore {
        CommuneStore::open(&self.dir.join("commune/commune.redb")).expect("store")
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn pair() -> (House, Office) {
    let scratch = House::new("");
    let dir = scratch.dir.clone();
    let office = Office::new(&dir);
    let ca = dir.join("commune/keys/ca");
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs();
    let authority = Authority::load_or_make(&ca, "xã Đồng Nếp", now_s).expect("CA");
    let village = CertificateFiles::named(&dir, "village");
    village
        .write(
            &authority
                .issue_client("ben-thoc", now_s)
                .expect("certificate"),
        )
        .expect("written");
    let mut text = std::fs::read_to_string(scratch.config()).expect("configuration");
    let path = |p: &Path| format!("{:?}", p.display().to_string());
    text.push_str(&format!(
        "[commune]\nserver = \"mqtts://127.0.0.1:{}\"\nca = {}\ncertificate = {}\nkey = {}\n",
        office.port,
        path(&ca.join("ca.pem")),
        path(&village.certificate),
        path(&village.key)
    ));
    std::fs::write(scratch.config(), text).expect("configuration");
    (scratch, office)
}

/// Waits until the commune has all that there is.
pub fn until_received(house: &House) {
    let most = Duration::from_secs(30);
    house.until("the commune has everything", most, received);
}

/// True when the commune has all that there is.
pub fn received(house: &House) -> bool {
    let status: serde_json::Value =
        serde_json::from_str(&house.cli(&["sync", "status", "--json"]).1).unwrap_or_default();
    status["up"] == true
        && status["waiting"] == 0
        && status["received"].as_u64().unwrap_or(0)
            >= house.state()["seq"].as_u64().unwrap_or(u64::MAX)
}

/// Record by record: what a house's journal holds for the wire is what the commune stored, byte for
/// byte, and so is the chain. The house has ended well, so that all is packed. Gives how many
/// records and how many boots there are.
pub fn equal_record_by_record(data: &Path, store: &CommuneStore) -> (usize, u64) {
    let (packs, damaged) = conglang::journal::pack::list(&data.join("journal")).expect("packs");
    assert!(damaged.is_empty());
    let mut ours = std::collections::BTreeMap::new();
    for pack in &packs {
        for block in &pack.blocks {
            for stored in conglang::journal::pack::read(&pack.path, block).expect("block") {
                if stored.entry.lane != conglang::domain::event::Lane::Local {
                    let key = (
                        conglang::journal::codec::epoch_text(&stored.epoch),
                        u8::try_from(stored.entry.lane.index()).expect("small"),
                        stored.entry.lane_seq,
                    );
                    assert!(
                        ours.insert(key, stored.bytes.to_vec()).is_none(),
                        "an identity is used once"
                    );
                }
            }
        }
    }
    let theirs: std::collections::BTreeMap<_, _> = store
        .records("ben-thoc")
        .expect("records")
        .into_iter()
        .map(|(e, l, n, b)| ((e, l, n), b))
        .collect();
    assert_eq!(ours.len(), theirs.len());
    assert!(ours == theirs, "record by record");
    // And the chain: what the commune can hash from its own records is what the house's journal
    // ends with.
    let mut epochs: Vec<[u8; 16]> = packs
        .iter()
        .flat_map(|p| p.blocks.iter().map(|b| b.epoch))
        .collect();
    epochs.dedup();
    let mut heads = conglang::journal::chain::Heads::default();
    for epoch in &epochs {
        heads = heads.start_epoch(epoch);
        let name = conglang::journal::codec::epoch_text(epoch);
        for lane in [
            conglang::domain::event::Lane::Alarm,
            conglang::domain::event::Lane::Log,
            conglang::domain::event::Lane::State,
        ] {
            let number = u8::try_from(lane.index()).expect("small");
            for bytes in theirs
                .range((name.clone(), number, 0)..=(name.clone(), number, u64::MAX))
                .map(|(_, b)| b)
            {
                heads.append(lane, bytes);
            }
        }
    }
    let end = packs.last().expect("packs").end;
    assert_eq!(
        heads.0[1..],
        end.0[1..],
        "the chain is the same on both sides"
    );
    (ours.len(), epochs.len() as u64)
}

/// The bulletin of level 3 stands first, and opens the storm page, like a warning of the village's.
fn opens_the_storm_page(house: &House, cookie: &str) {
    let splash = crate::support::http::http(house.portal, "GET", "/", "", "").body;
    let (_, main) = splash.split_once("<main").expect("main");
    assert!(main.contains("Mưa lớn"), "it stands on the portal: {main}");
    assert!(
        main.contains("class=\"button stop huge\" href=\"/khan"),
        "a level of 3 opens the storm page: {main}"
    );
    let storm = crate::support::http::http(house.portal, "GET", "/khan", "", "").body;
    for words in [
        "Mưa lớn",
        "Rủi ro thiên tai cấp 3",
        "Nguồn: Đài khí tượng tỉnh, văn bản số 12/CĐ-BCH",
    ] {
        assert!(storm.contains(words), "{words}: {storm}");
    }
    let first = house.get("/notices", cookie).body;
    let at = |words: &str| first.find(words).expect("there");
    assert!(
        at("Mưa lớn") < at("n-0001") && first.contains("Tin khẩn"),
        "{first}"
    );
}

#[test]
fn a_notice_reaches_the_commune_and_a_bulletin_the_village_once() {
    let (mut house, mut office) = pair();
    office.start();
    house.start();
    let cookie = house.sign_in();
    house.publish_notice(&cookie, "n-0001", "Họp thôn", "19 giờ 30 tối nay.", "event");
    until_received(&house);
    assert!(
        house
            .get("/notices/n-0001", &cookie)
            .body
            .contains("Xã đã nhận.")
    );

    office.kill();
    let store = office.store();
    let records = store.records("ben-thoc").expect("records");
    assert!(
        records
            .iter()
            .any(|r| String::from_utf8_lossy(&r.3).contains(r#"{"notice":{"t":"published""#))
    );
    assert!(
        !records
            .iter()
            .any(|r| String::from_utf8_lossy(&r.3).contains("secret_sha256")),
        "accounts never leave the box"
    );
    store
        .send_bulletin(&BulletinOrder {
            villages: vec!["ben-thoc".to_owned()],
            bulletin: Bulletin {
                title: "Mưa lớn".into(),
                body: "Kê cao đồ đạc.".into(),
                urgent: false,
                until: None,
                risk: RiskLevel::new(3).map(|level| Risk { level, at: None }),
                source: "Đài khí tượng tỉnh, văn bản số 12/CĐ-BCH".into(),
            },
            at: conglang::time::WallMs::default(),
            expires_at: conglang::time::WallMs::MAX,
            officer: String::new(),
            by: String::new(),
            once: CommandId::new("one-form").expect("id"),
        })
        .expect("queued");
    drop(store);
    house.until(
        "the page says that work is kept",
        Duration::from_secs(20),
        |h| h.get("/", &cookie).body.contains("Đã lưu tại chỗ"),
    );
    office.start();
    house.until("the bulletin is a notice", Duration::from_secs(40), |h| {
        h.state()["notices"]
            .as_object()
            .is_some_and(|n| n.len() == 2)
    });
    opens_the_storm_page(&house, &cookie);
    house.kill();
    house.start();
    house.until("all is received", Duration::from_secs(30), received);
    let published = house
        .entries()
        .iter()
        .filter(|e| kind(e) == "notice.published" && e["actor"]["is"] == "commune")
        .count();
    assert_eq!(published, 1, "once");
    // The commune asks again every five seconds until it knows what became of its bulletin.
    let known = (0..3).any(|_| {
        // Its store can be read only while it does not run; give it time for a connection and a
        // round.
        std::thread::sleep(Duration::from_secs(8));
        office.kill();
        let known =
            office.store().queued("ben-thoc").expect("sent")[0].outcome == BulletinOutcome::Done;
        office.start();
        known
    });
    assert!(known, "the outcome came");
}

#[test]
fn journal_and_commune_are_equal_after_both_were_killed_often() {
    let (mut house, mut office) = pair();
    let rounds = if std::env::var_os("CONGLANG_LONG").is_some() {
        100
    } else {
        40
    };
    house.start();
    office.start();
    for round in 0..rounds {
        for n in 0..20 {
            house.command(&serde_json::json!({
                "do": "DeclarePlace", "place": { "id": format!("r{round}-{n}"), "name": "Ngõ" }
            }));
        }
        std::thread::sleep(Duration::from_millis(150 + round * 37 % 400));
        if round % 2 == 0 {
            office.kill();
            office.start();
        } else {
            house.kill();
            house.start();
        }
    }
    house.until("all is received", Duration::from_secs(60), received);
    assert_eq!(house.stop(), Some(0));
    office.kill();
    let (records, boots) = equal_record_by_record(&house.dir.join("data"), &office.store());
    assert!(
        boots > rounds / 4,
        "the house was killed often: {boots} boots"
    );
    assert!(records > 100);
    assert_eq!(
        office
            .store()
            .divergence("ben-thoc", conglang::time::WallMs::default())
            .expect("read"),
        None,
        "deaths are no copies"
    );
}

#[test]
fn a_certificate_that_ends_soon_is_renewed_over_the_link_and_used() {
    let (mut house, mut office) = pair();
    let ca = house.dir.join("commune/keys/ca");
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs();
    let authority = Authority::load_or_make(&ca, "xã Đồng Nếp", now_s).expect("CA");
    // Made seventy days ago for ninety: twenty are left.
    let old = CertificateFiles::named(&house.dir, "village");
    old.write(
        &authority
            .issue_client("ben-thoc", now_s - 70 * 86_400)
            .expect("certificate"),
    )
    .expect("written");
    office.start();
    house.start();
    let renewed = CertificateFiles::named(&house.dir.join("data/keys"), "commune");
    house.until("it was renewed", Duration::from_secs(30), |_| {
        renewed.days_left(now_s).is_some_and(|d| d > 80)
    });
    until_received(&house);
    assert_eq!(house.stop(), Some(0));
    // The old one is of no use any more: the link stands by the new one.
    std::fs::write(&old.certificate, "ended").expect("written");
    house.start();
    house.until(
        "the link stands with the renewed certificate",
        Duration::from_secs(30),
        received,
    );
}
