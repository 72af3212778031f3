//! The house on a card that is full, may not be written, or dies under it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::house::House;
use crate::support::lamp::Lamp;
use crate::support::worker::{card_dies, may_mount, mount_card};

/// A gateway whose data folder is a file system of its own, made in a private mount namespace.
struct Walled(Child);

impl Walled {
    /// `mount` puts the file system onto `$DATA`.
    fn start(house: &House, mount: &str) -> Self {
        let can = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "true"])
            .status()
            .is_ok_and(|s| s.success());
        assert!(
            can,
            "this test needs user and mount namespaces: “unshare --user --map-root-user --mount \
             true” fails here"
        );
        Self::start_as(house, mount, &["--user", "--map-root-user"])
    }

    fn start_as(house: &House, mount: &str, who: &[&str]) -> Self {
        let data = house.dir.join("data");
        std::fs::create_dir_all(&data).expect("folder");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(house.dir.join("log.txt"))
            .expect("log");
        // Like systemd: it is started again after its end, once somebody has made room.
        let script = format!(
            "{mount} \
             && {{ \"$0\" --config \"$1\" run; echo $? > \"$1.code\"; exec \"$0\" --config \"$1\" run; }}"
        );
        let flags = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let child = Command::new("unshare")
            .args(who)
            .args(flags)
            .args(["sh", "-c", &script, env!("CARGO_BIN_EXE_conglang")])
            .arg(house.config())
            .env("DATA", &data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("unshare (util-linux)");
        Self(child)
    }

    /// Stops the gateway politely; it is started again at once.
    fn stop(&self, house: &House) {
        let child_of = |pid: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
                .expect("children")
                .split_whitespace()
                .next()
                .expect("a child")
                .to_owned()
        };
        let gateway = child_of(&child_of(&self.0.id().to_string()));
        let pid = rustix::process::Pid::from_raw(gateway.parse().expect("pid")).expect("pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signal");
        house.until("it ends", Duration::from_secs(20), |h| h.ended() == "0");
    }

    /// The data folder as the gateway sees it.
    fn data(&self, house: &House) -> std::path::PathBuf {
        Path::new("/proc")
            .join(self.0.id().to_string())
            .join("root")
            .join(house.dir.join("data").strip_prefix("/").expect("absolute"))
    }
}

impl House {
    /// The exit code of the first run behind the wall; empty = it runs.
    fn ended(&self) -> String {
        let mut path = self.config().into_os_string();
        path.push(".code");
        std::fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    }
}

impl Drop for Walled {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_full_disk_spends_the_ballast_then_refuses_commands_and_starts_anew_with_room() {
    let house = House::new("");
    house.expect_errors(&[
        "No space left on device",
        "broker persistence",
        "red health",
    ]);
    let walled = Walled::start(&house, "mount -t tmpfs -o size=320m tmpfs \"$DATA\"");
    house.until("the gateway answers", Duration::from_secs(20), |h| {
        h.answers()
    });
    let data = walled.data(&house);
    house.until("the ballast lies", Duration::from_secs(20), |_| {
        std::fs::metadata(data.join("ballast")).is_ok_and(|m| m.len() == 32 << 20)
    });
    let road = |n: usize| {
        house
            .command(&serde_json::json!({
                "do": "DeclarePlace",
                "place": { "id": format!("p{n}"), "name": "Ngõ Cầu Tre ".repeat(9).trim() }
            }))
            .status
    };
    let fill = |name: &str| {
        let mut file = std::fs::File::create(data.join(name)).expect("filler");
        let block = vec![7; 65_536];
        while file.write_all(&block).is_ok() {}
        while file.write_all(&[7; 512]).is_ok() {}
    };
    fill("filler");
    house.until("the ballast is given back", Duration::from_secs(20), |_| {
        !data.join("ballast").exists()
    });
    assert!(
        (0..2_000).all(|n| road(n) == 200),
        "commands go on from the reserve"
    );
    house.until("it is said", Duration::from_secs(15), |h| {
        h.cli(&["status"]).1.contains("! space")
    });
    // Now really nothing is left: what cannot be kept is not answered as if it were.
    fill("filler-2");
    let mut answered = 2_000;
    while road(answered) == 200 {
        answered += 1;
        assert!(answered < 60_000, "a full disk must end somewhere");
    }
    house.until("it is said", Duration::from_secs(20), |h| {
        h.cli(&["status"]).1.contains("! journal (có lỗi)")
    });
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.contains("journal failed"), "it says why");
    // What needs no card goes on: devices hear each other, and a command is refused in words.
    let _lamp = Lamp::start(&house, "den-01");
    house.until("it is switched", Duration::from_secs(20), |h| {
        h.cli(&["broker", "pub", "c/den-01/set", "ON"]).0 == 0
            && h.cli(&["broker", "topics", "d/den-01/state"])
                .1
                .contains("ON")
    });
    let refused = house.command(
        &serde_json::json!({ "do": "DeclarePlace", "place": { "id": "late", "name": "Ngõ" } }),
    );
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(house.ended(), "", "it goes on");
    // Somebody makes room: it ends, is started again, and what was answered is there.
    for name in ["filler", "filler-2"] {
        std::fs::remove_file(data.join(name)).expect("room");
    }
    house.until("it begins anew", Duration::from_secs(20), |h| {
        h.ended() == "74"
    });
    house.until("the gateway answers", Duration::from_secs(20), |h| {
        h.answers()
    });
    let places = house.state()["places"].clone();
    let lost = (0..answered)
        .filter(|n| places[format!("p{n}")].is_null())
        .count();
    assert_eq!(lost, 0, "of {answered} answered commands");
    assert_eq!(road(100_000), 200);
}

#[test]
fn a_disk_that_may_not_be_written_is_said_at_once() {
    let house = House::new("");
    house.expect_errors(&["Read-only file system"]);
    std::fs::create_dir_all(house.dir.join("data")).expect("folder");
    let _walled = Walled::start(&house, "mount -t tmpfs -o ro tmpfs \"$DATA\"");
    house.until("it ends", Duration::from_secs(20), |h| h.ended() == "1");
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.to_lowercase().contains("read-only"), "{log}");
}

#[test]
fn a_card_that_dies_under_the_house_stops_commands_and_nothing_else() {
    if !may_mount() {
        return;
    }
    let house = House::new("");
    house.expect_errors(&["Read-only file system", "broker persistence", "red health"]);
    let mount = mount_card(&house.dir, 512, "errors=remount-ro");
    let walled = Walled::start_as(&house, &mount, &[]);
    house.until("the gateway answers", Duration::from_secs(20), |h| {
        h.answers()
    });
    let cookie = house.sign_in();
    let road = |n: usize| {
        house
            .command(&serde_json::json!({
                "do": "DeclarePlace", "place": { "id": format!("p{n}"), "name": "Ngõ Cầu Tre" }
            }))
            .status
    };
    assert!((0..100).all(|n| road(n) == 200));
    let _lamp = Lamp::start(&house, "den-01");
    let switched = |to: &'static str| {
        let says = format!(" {to}");
        move |h: &House| {
            h.cli(&["broker", "pub", "c/den-01/set", to]).0 == 0
                && h.cli(&["broker", "topics", "d/den-01/state"])
                    .1
                    .contains(&says)
        }
    };
    house.until("it is switched", Duration::from_secs(20), switched("ON"));
    card_dies(walled.0.id(), &house.dir);
    assert_eq!(
        road(100),
        503,
        "what cannot be kept is not answered as if it were"
    );
    house.until("it is said", Duration::from_secs(20), |h| {
        h.cli(&["status"]).1.contains("! journal (có lỗi)")
    });
    let today = house.get("/", &cookie);
    assert!(
        today.body.contains("Máy của nhà văn hóa có trục trặc"),
        "{}",
        today.body
    );
    assert_eq!(
        crate::support::http::http(house.portal, "GET", "/", "", "").status,
        200,
        "visitors get in"
    );
    house.until("it is switched", Duration::from_secs(20), switched("OFF"));
    // It rests: neither is the broker taken for dead because the house's own link is, nor are
    // services started again and again.
    let broker = house.pid_of("broker");
    std::thread::sleep(Duration::from_secs(35));
    assert_eq!(house.pid_of("broker"), broker, "the broker lives on");
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.matches("restarting").count() < 5, "{log}");
    house.until("it is switched", Duration::from_secs(20), switched("ON"));
    // The broker is killed, and begins on a card that can only be read.
    let before = house.pid_of("broker");
    let kill = Command::new("nsenter")
        .args([
            &format!("--pid=/proc/{}/ns/pid_for_children", walled.0.id()),
            "kill",
            "-9",
            &before.to_string(),
        ])
        .status();
    assert!(
        kill.expect("nsenter (util-linux)").success(),
        "{before} was to be killed"
    );
    house.until("it begins again", Duration::from_secs(20), |h| {
        ![0, before].contains(&h.pid_of("broker"))
    });
    house.until("it is switched", Duration::from_secs(20), switched("OFF"));
    assert_eq!(house.ended(), "", "it goes on");
    // Power off, the card is checked, power on.
    drop(walled);
    let _walled = Walled::start_as(&house, &mount, &[]);
    house.until("the gateway answers", Duration::from_secs(20), |h| {
        h.answers()
    });
    let places = house.state()["places"].clone();
    assert!(
        (0..100).all(|n| !places[format!("p{n}")].is_null()) && places["p100"].is_null(),
        "what was answered, and only that"
    );
    assert_eq!(road(100), 200);
}

/// A house whose card was filled to the last byte while it was off; `before` is shell that does
/// more harm.
fn filled(house: &House, mount: &str, before: &str) -> Walled {
    let fill = "{ cat /dev/zero > \"$DATA/filler\"; sync; true; } 2>/dev/null";
    Walled::start_as(
        house,
        &format!("{{ {mount}; }} && {{ {before} }} && {fill}"),
        &[],
    )
}

#[test]
fn a_card_that_is_full_at_the_start_gives_the_ballast_back_and_without_one_the_house_still_runs() {
    if !may_mount() {
        return;
    }
    let house = House::new("");
    house.expect_errors(&[
        "No space left on device",
        "broker persistence",
        "red health",
    ]);
    let mount = mount_card(&house.dir, 512, "errors=remount-ro");
    let walled = Walled::start_as(&house, &mount, &[]);
    let answers = |h: &House| h.answers();
    house.until("the gateway answers", Duration::from_secs(20), answers);
    let road = |n: usize| {
        house
            .command(&serde_json::json!({
                "do": "DeclarePlace", "place": { "id": format!("p{n}"), "name": "Ngõ Cầu Tre" }
            }))
            .status
    };
    assert!((0..50).all(|n| road(n) == 200));
    house.until("the ballast lies", Duration::from_secs(20), |h| {
        std::fs::metadata(walled.data(h).join("ballast")).is_ok_and(|m| m.len() == 32 << 20)
    });
    let lamp = Lamp::start(&house, "den-01");
    let switched = |to: &'static str| {
        move |h: &House| {
            h.cli(&["broker", "pub", "c/den-01/set", to]).0 == 0
                && h.cli(&["broker", "topics", "d/den-01/state"])
                    .1
                    .contains(&format!(" {to}"))
        }
    };
    house.until("it is switched", Duration::from_secs(20), switched("ON"));
    drop(walled);

    // The room that was held is used.
    let walled = filled(&house, &mount, "true;");
    house.until("the gateway answers", Duration::from_secs(20), answers);
    assert!(!walled.data(&house).join("ballast").exists() && house.ended().is_empty());
    assert!(
        (50..100).all(|n| road(n) == 200),
        "commands go on from the reserve"
    );
    walled.stop(&house);
    drop(walled);

    // Nothing is left, not even a file of the log that could be written over: all that stood there
    // is packed.
    std::fs::remove_file(format!("{}.code", house.config().display())).expect("it ended once");
    let walled = filled(
        &house,
        &mount,
        "rm -f \"$DATA\"/log/*.seg \"$DATA/ballast\";",
    );
    house.until("the gateway answers", Duration::from_secs(20), answers);
    house.until("it is said", Duration::from_secs(20), |h| {
        h.cli(&["status"]).1.contains("! journal (có lỗi)")
    });
    assert_eq!(house.cli(&["doctor"]).0, 2);
    let refused = house.command(
        &serde_json::json!({ "do": "DeclarePlace", "place": { "id": "late", "name": "Ngõ" } }),
    );
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(
        crate::support::http::http(house.portal, "GET", "/", "", "").status,
        200,
        "visitors get in"
    );
    house.until("it is switched", Duration::from_secs(20), switched("OFF"));
    assert!(
        (0..100).all(|n| !house.state()["places"][format!("p{n}")].is_null()),
        "what is known is shown"
    );
    assert_eq!(house.ended(), "", "it goes on");
    // Somebody makes room: it ends, is started again, and all is there.
    std::fs::remove_file(walled.data(&house).join("filler")).expect("room");
    house.until("it begins anew", Duration::from_secs(30), |h| {
        h.ended() == "74"
    });
    house.until("the gateway answers", Duration::from_secs(20), answers);
    assert!((0..100).all(|n| !house.state()["places"][format!("p{n}")].is_null()));
    assert_eq!(road(100), 200);
    house.until("it is switched", Duration::from_secs(20), switched("ON"));
    drop(lamp);
}
