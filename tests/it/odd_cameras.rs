//! Cameras that are odd in the ways of the field: each must be recorded, and every file must
//! decode.
//!
//! A server of our own (`tests/cameras/odd_camera.py`) plays real H.264 and H.265 made by others;
//! ffmpeg judges.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use crate::cameras::{Script, probe, watch};
use crate::support::house::House;

/// The server's pictures a second.
const RATE: f64 = 15.0;

/// Clips of four seconds with a keyframe every two.
fn clips(folder: &Path) {
    std::fs::create_dir_all(folder).expect("folder");
    for (name, codec, settings) in [
        ("plain.264", "libx264", "keyint=30:scenecut=0:bframes=0"),
        (
            "b.264",
            "libx264",
            "keyint=30:scenecut=0:bframes=2:b-adapt=0:b-pyramid=0:open-gop=0",
        ),
        ("rare.264", "libx264", "keyint=600:scenecut=0:bframes=0"),
        (
            "cra.265",
            "libx265",
            "keyint=30:min-keyint=30:scenecut=0:bframes=0:open-gop=1:log-level=none",
        ),
    ] {
        let seconds = if name == "rare.264" { "40" } else { "4" };
        let params = if codec == "libx264" {
            "-x264-params"
        } else {
            "-x265-params"
        };
        let made = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                &format!("testsrc2=size=320x180:rate=15:duration={seconds}"),
                "-pix_fmt",
                "yuv420p",
                "-c:v",
                codec,
                "-preset",
                "ultrafast",
                params,
                settings,
            ])
            .arg(folder.join(name))
            .output()
            .expect("ffmpeg");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    }
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cameras/two-pps.264"),
        folder.join("two-pps.264"),
    )
    .expect("copied");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "odd-{}",
        conglang::keys::secret::token().expect("random")
    ))
}

/// A server and configuration lines for a camera at each path.
fn serve(folder: &Path, paths: &[&str]) -> (Script, String) {
    clips(folder);
    let script = Script::run(
        "tests/cameras/odd_camera.py",
        &[&folder.display().to_string()],
    );
    let lines = paths.iter().enumerate().map(|(n, path)| {
        let n = n + 1;
        format!(
            "[[camera]]\nid = \"cam-{n:02}\"\nname = \"Camera số {n}\"\n\
             url = \"rtsp://127.0.0.1:{}/{path}\"\n",
            script.port
        )
    });
    let lines = lines.collect();
    (script, lines)
}

/// What a file's name promises: start and end, ms.
fn named(piece: &Path) -> (i64, i64) {
    let name = piece
        .file_stem()
        .expect("name")
        .to_string_lossy()
        .into_owned();
    let mut parts = name.split('-').map(|p| p.parse::<i64>().expect("number"));
    let (start, duration) = (
        parts.next().expect("start"),
        parts.next().expect("duration"),
    );
    (start, start + duration)
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn odd_cameras_are_recorded_and_every_file_decodes() {
    // The path, and how much of the time at least is kept.
    let odd = [
        ("two-pps.264/plain", 0.99),
        ("two-pps.264/nosets", 0.99),
        ("two-pps.264/onlysdp", 0.99),
        ("two-pps.264/stopsets", 0.99),
        ("b.264/plain", 0.99),
        ("cra.265/plain", 0.99),
        ("rare.264/plain", 0.99),
        ("plain.264/jitter=55", 0.99),
        ("plain.264/stands", 0.99),
        ("plain.264/jump=5", 0.99),
        ("plain.264/stall=9", 0.99),
        ("plain.264/wrongseq", 0.99),
        ("plain.264/skips", 0.99),
        ("plain.264/closes=5", 0.7),
        ("plain.264/bye=5", 0.7),
        ("plain.264/deaf", 0.7),
    ];
    let paths: Vec<&str> = odd.iter().map(|(p, _)| *p).collect();
    let clips = folder();
    let (_server, lines) = serve(&clips, &paths);
    let mut house = House::new(&lines);
    house.start();
    let at = |h: &House, key: &str| {
        (1..=odd.len())
            .map(|n| h.camera(n)[key].as_i64().unwrap_or(0))
            .collect::<Vec<_>>()
    };
    house.until("each is on disk", Duration::from_secs(60), |h| {
        at(h, "recorded_until").iter().all(|t| *t > 0)
    });
    let from = at(&house, "recorded_until")
        .into_iter()
        .max()
        .expect("some");
    house.until("half a minute more of each", Duration::from_secs(90), |h| {
        at(h, "recorded_until").iter().all(|t| *t > from + 25_000)
    });

    // Live is what the files are: a browser's player decodes it.
    let cookie = house.sign_in();
    for camera in ["cam-01", "cam-05"] {
        let mut socket = watch(&house, &cookie, &format!("/cameras/{camera}/live")).expect("opens");
        let mut film = Vec::new();
        let mut parts = 0;
        while parts < 41 {
            if let Message::Binary(part) = socket.read().expect("a fragment") {
                film.extend_from_slice(&part);
                parts += 1;
            }
        }
        let path = house.dir.join("live.mp4");
        std::fs::write(&path, &film).expect("film");
        assert_eq!(probe(&path).0, 40, "{camera}");
    }
    // Whose packets seem to be lost is told; what came whole is kept all the same.
    let lossy = 1 + odd
        .iter()
        .position(|(p, _)| p.ends_with("skips"))
        .expect("one");
    house.until("it is told", Duration::from_secs(90), |h| {
        h.camera(lossy)["loss"].as_u64() > Some(90)
    });
    let (code, said) = house.cli(&["camera", "list"]);
    assert!(said.contains("đồng hồ của camera"), "{said}");
    assert_eq!(
        (code, said.matches("mất gói trên đường truyền").count()),
        (2, 1),
        "{said}"
    );
    assert!(
        house
            .get(&format!("/cameras/cam-{lossy:02}"), &cookie)
            .body
            .contains("mất gói")
    );
    assert!(
        !house
            .get("/cameras/cam-01", &cookie)
            .body
            .contains("mất gói")
    );
    house.until("health says so", Duration::from_secs(30), |h| {
        is_recordings_reason(h, "camera_packet_loss", &format!("cam-{lossy:02}"))
    });
    assert!(!said.contains("không giải mã được"), "{said}");
    assert_eq!(house.stop(), Some(0));

    for (n, (path, least)) in odd.iter().enumerate() {
        let pieces = house.pieces(&format!("cam-{:02}", n + 1));
        let spans: Vec<(i64, i64)> = pieces.iter().map(|p| named(p)).collect();
        assert!(
            spans.windows(2).all(|w| w[0].1 <= w[1].0),
            "{path}: pieces overlap: {spans:?}"
        );
        let (first, last) = (
            spans.first().expect("recorded").0,
            spans.last().expect("recorded").1,
        );
        let mut frames = 0;
        for piece in &pieces {
            frames += probe(piece).0;
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let kept = frames as f64 / RATE / ((last - first) as f64 / 1000.0);
        println!("{path}: {frames} frames, {:.1} % kept", kept * 100.0);
        assert!(
            kept >= *least && kept < 1.05,
            "{path}: {frames} frames in {} ms: {spans:?}",
            last - first
        );
    }
    let _ = std::fs::remove_dir_all(clips);
}

/// True when the health part of the recordings has this reason about this camera.
fn is_recordings_reason(house: &House, is: &str, camera: &str) -> bool {
    let report: serde_json::Value =
        serde_json::from_str(&house.cli(&["status", "--json"]).1).unwrap_or_default();
    let reason = &report["reasons"]["recordings"];
    let one = std::slice::from_ref(reason);
    reason["reasons"]
        .as_array()
        .map_or(one, Vec::as_slice)
        .iter()
        .any(|r| r["is"] == is && r["camera"] == camera)
}

#[test]
fn pictures_that_nobody_can_decode_are_told() {
    let clips = folder();
    let (_server, lines) = serve(&clips, &["plain.264/garbage", "plain.264/plain"]);
    let mut house = House::new(&lines);
    house.start();
    house.until("it is found out", Duration::from_secs(60), |h| {
        !h.camera(1)["undecodable"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
    });
    house.until("the other has a still", Duration::from_secs(30), |h| {
        h.camera(2)["undecodable"] == "" && h.camera(2)["signal"]["is"] == "here"
    });
    let (code, said) = house.cli(&["camera", "list"]);
    assert_eq!(
        (code, said.matches("không giải mã được").count()),
        (2, 1),
        "{said}"
    );
    house.until("health says so", Duration::from_secs(30), |h| {
        is_recordings_reason(h, "camera_undecodable", "cam-01")
    });
    let cookie = house.sign_in();
    assert!(
        house
            .get("/cameras/cam-01", &cookie)
            .body
            .contains("không giải mã được")
    );
    let first = house.get("/", &cookie).body;
    assert!(
        first.contains("Camera số 1 ghi mà không xem lại được")
            && !first.contains("Mọi thiết bị chạy tốt"),
        "{first}"
    );
    assert!(
        house
            .cli(&["status"])
            .1
            .contains("Camera số 1: hình ghi được")
    );
    assert!(
        house
            .get("/cameras", &cookie)
            .body
            .contains("Camera số 1: ")
    );
    assert!(
        !house
            .get("/cameras/cam-02", &cookie)
            .body
            .contains("không giải mã được")
    );
    assert_eq!(house.stop(), Some(0));
    let _ = std::fs::remove_dir_all(clips);
}

#[test]
fn a_camera_that_was_taken_out_is_gone_and_its_recordings_are_not() {
    let clips = folder();
    let (_server, lines) = serve(&clips, &["plain.264/plain"]);
    let mut house = House::new(&lines);
    house.start();
    house.until("some of it is on disk", Duration::from_secs(60), |h| {
        h.camera(1)["recorded_until"].as_i64().unwrap_or(0) > 0
    });
    house.kill();
    assert!(
        house
            .pieces("cam-01")
            .iter()
            .any(|p| p.extension().is_some_and(|e| e == "part")),
        "a piece was open"
    );
    let text = std::fs::read_to_string(house.config()).expect("configuration");
    std::fs::write(house.config(), text.replace(&lines, "")).expect("configuration");
    house.start();
    house.until(
        "what was open is mended without any camera",
        Duration::from_secs(30),
        |h| {
            h.pieces("cam-01")
                .iter()
                .all(|p| p.extension().is_some_and(|e| e == "mp4"))
        },
    );
    assert!(
        house.state()["cameras"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty),
        "{}",
        house.state()["cameras"]
    );
    let (code, said) = house.cli(&["camera", "list"]);
    assert!(
        code == 0
            && said.starts_with("0 camera, 0 mất hình")
            && said.contains("đã gỡ khỏi cấu hình"),
        "{code}: {said}"
    );
    assert!(
        house.camera(1)["removed"] == true
            && house.camera(1)["recorded_bytes"].as_u64() > Some(10_000),
        "{}",
        house.camera(1)
    );
    assert!(!house.cli(&["status"]).1.contains("mất hình"));
    for piece in house.pieces("cam-01") {
        assert!(probe(&piece).0 > 30);
    }
    // Back in the configuration it is as it was, beside one that was never connected.
    std::fs::write(
        house.config(),
        text + "[[camera]]\nid = \"cam-03\"\nname = \"Camera chưa nối\"\n",
    )
    .expect("configuration");
    assert_eq!(house.stop(), Some(0));
    house.start();
    house.until("it shows a picture again", Duration::from_secs(30), |h| {
        h.camera(1)["signal"]["is"] == "here"
    });
    let cookie = house.sign_in();
    assert!(
        house
            .get("/", &cookie)
            .body
            .contains("1 camera chưa có hình lần nào"),
        "one that is well does not make the other so"
    );
    assert_eq!(house.stop(), Some(0));
    let _ = std::fs::remove_dir_all(clips);
}
