//! Cameras as they are: a real RTSP server that is not ours, broken on the wire; pictures read by
//! ffprobe and seen by a real Chromium.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest as _};

use crate::support::house::House;
use crate::support::http::http;

/// A Python helper of the simulator; it ends with its stdin.
pub struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    out: BufReader<std::process::ChildStdout>,
    pub port: u16,
}

impl Script {
    fn start(name: &str, args: &[&str]) -> Self {
        Self::run(&format!("examples/village/{name}"), args)
    }

    /// Starts a script of this repository and reads its port.
    pub fn run(path: &str, args: &[&str]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let mut child = Command::new("/usr/bin/python3")
            .arg(path)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let (stdin, mut out) = (
            child.stdin.take(),
            BufReader::new(child.stdout.take().expect("stdout")),
        );
        let mut line = String::new();
        out.read_line(&mut line)
            .expect("its first line (packages python3-gi, gir1.2-gst-rtsp-server-1.0, ffmpeg)");
        let said: Value = serde_json::from_str(&line).expect("its port");
        Self {
            child,
            stdin,
            out,
            port: u16::try_from(said["port"].as_u64().expect("port")).expect("port"),
        }
    }

    /// `count` cameras with a user and a password.
    pub fn cameras(count: u32) -> Self {
        Self::start(
            "cameras.py",
            &[
                "--count",
                &count.to_string(),
                "--user",
                "thon",
                "--password",
                "mat khau 1",
            ],
        )
    }

    fn proxy(target: u16) -> Self {
        Self::start(
            "fault_proxy.py",
            &["--target", &format!("127.0.0.1:{target}"), "--control"],
        )
    }

    /// Breaks the wire; back when it is in force.
    fn order(&mut self, what: &str) {
        writeln!(self.stdin.as_mut().expect("stdin"), "{what}").expect("written");
        let mut line = String::new();
        self.out.read_line(&mut line).expect("answered");
        assert!(
            line.contains("ok") || line.starts_with('{'),
            "{what}: {line}"
        );
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of configuration for cameras `cam-01`… at `port`.
pub fn configured(count: u32, port: u16) -> String {
    let password = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("camera-{port}.password"));
    std::fs::write(&password, "mat khau 1\n").expect("password");
    (1..=count)
        .map(|n| {
            format!(
                "[[camera]]\nid = \"cam-{n:02}\"\nname = \"Camera số {n}\"\n\
                 url = \"rtsp://127.0.0.1:{port}/cam-{n:02}\"\nuser = \"thon\"\n\
                 password_file = \"{}\"\n",
                password.display()
            )
        })
        .collect()
}

/// A house with a signed-in chief, whose camera `cam-01` shows a picture.
pub fn showing() -> (Script, House) {
    let script = Script::cameras(1);
    let mut house = House::new(&configured(1, script.port));
    house.start();
    house.sign_in();
    house.until("a picture", Duration::from_secs(30), |h| h.shows(1));
    (script, house)
}

impl House {
    pub fn camera(&self, n: usize) -> Value {
        let (_, text) = self.cli(&["camera", "list", "--json"]);
        serde_json::from_str::<Value>(&text)
            .map(|v| v[n - 1].clone())
            .unwrap_or_default()
    }

    fn shows(&self, n: usize) -> bool {
        self.camera(n)["signal"]["is"] == "here"
    }

    pub fn pieces(&self, camera: &str) -> Vec<PathBuf> {
        let mut out = Vec::new();
        for day in std::fs::read_dir(self.dir.join("data/recordings").join(camera))
            .into_iter()
            .flatten()
            .flatten()
        {
            out.extend(
                std::fs::read_dir(day.path())
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|e| e.path()),
            );
        }
        out.sort();
        out
    }
}

/// Frames and seconds that ffprobe finds; it must find no error.
pub fn probe(file: &Path) -> (u64, f64) {
    let out = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            "stream=nb_read_frames:format=duration",
            "-of",
            "json",
        ])
        .arg(file)
        .output()
        .expect("ffprobe (package ffmpeg)");
    assert!(
        out.stderr.is_empty(),
        "{}: {}",
        file.display(),
        String::from_utf8_lossy(&out.stderr)
    );
    let said: Value = serde_json::from_slice(&out.stdout).expect("json");
    (
        said["streams"][0]["nb_read_frames"]
            .as_str()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0),
        said["format"]["duration"]
            .as_str()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0.0),
    )
}

pub fn watch(
    house: &House,
    cookie: &str,
    path: &str,
) -> Result<tungstenite::WebSocket<std::net::TcpStream>, u16> {
    let mut request = format!("ws://127.0.0.1:{}{path}", house.dashboard)
        .into_client_request()
        .expect("request");
    request
        .headers_mut()
        .insert("cookie", cookie.parse().expect("cookie"));
    request.headers_mut().insert(
        "origin",
        format!("http://127.0.0.1:{}", house.dashboard)
            .parse()
            .expect("origin"),
    );
    let stream = std::net::TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn a_camera_is_recorded_seen_live_and_whole_after_kill_9() {
    let cams = Script::cameras(2);
    let mut house = House::new(&configured(2, cams.port));
    house.start();
    house.until(
        "both cameras show a picture",
        Duration::from_secs(30),
        |h| h.shows(1) && h.shows(2),
    );
    let cookie = house.sign_in();

    // Live: what a browser's player gets, put together, is a film that ffprobe reads.
    let mut socket = watch(&house, &cookie, "/cameras/cam-01/live").expect("opens");
    let about = socket.read().expect("words about the stream");
    let about: Value = serde_json::from_str(about.to_text().expect("text")).expect("json");
    assert!(
        about["codec"].as_str().expect("codec").starts_with("avc1."),
        "{about}"
    );
    let mut film = Vec::new();
    for _ in 0..46 {
        match socket.read().expect("a fragment") {
            Message::Binary(part) => film.extend_from_slice(&part),
            other => panic!("{other:?}"),
        }
    }
    let path = house.dir.join("live.mp4");
    std::fs::write(&path, &film).expect("film");
    let (frames, seconds) = probe(&path);
    assert_eq!(frames, 45);
    assert!((2.0..5.0).contains(&seconds), "{seconds}");

    // A still, and who looked.
    let still = house.get("/cameras/cam-02/still", &cookie);
    assert_eq!(
        (still.status, still.head.contains("image/jpeg")),
        (200, true),
        "{}",
        still.head
    );
    let head = |key: &str| {
        still
            .head
            .lines()
            .find_map(|l| {
                l.to_ascii_lowercase()
                    .strip_prefix(key)?
                    .trim()
                    .parse::<i64>()
                    .ok()
            })
            .unwrap_or_else(|| panic!("{key} {}", still.head))
    };
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("now")
            .as_millis(),
    )
    .expect("now");
    assert!(
        (0..120).contains(&head("still-age:"))
            && (now - 120_000..=now).contains(&head("still-at:")),
        "{}",
        still.head
    );
    let looks = house.state()["cameras"]["cam-01"]["looks"].clone();
    assert_eq!(
        looks[0]["who"],
        serde_json::json!({ "is": "user", "id": "mau" })
    );
    assert_eq!(
        looks.as_array().map(Vec::len),
        Some(1),
        "one look, however often it is asked"
    );

    // Visitors and strangers see nothing.
    for path in ["/cameras/cam-01/still", "/cameras/cam-01"] {
        assert_eq!(house.get(path, "").status, 303, "{path}");
        assert!(
            !http(house.portal, "GET", path, &cookie, "")
                .head
                .contains("image/jpeg"),
            "{path}"
        );
    }
    assert!(watch(&house, "cl=stolen", "/cameras/cam-01/live").is_err());
    assert_eq!(
        watch(&house, &cookie, "/cameras/cam-77/live").err(),
        Some(404)
    );

    // Kill -9 in the middle of a piece: what is on disk plays, to within the last seconds.
    house.until("some seconds are on disk", Duration::from_secs(30), |h| {
        h.camera(1)["recorded_until"].as_i64().unwrap_or(0) > 0
    });
    std::thread::sleep(Duration::from_secs(4));
    let promised = house.camera(1)["recorded_until"].as_i64().expect("number");
    house.kill();
    assert!(
        house
            .pieces("cam-01")
            .iter()
            .any(|p| p.extension().is_some_and(|e| e == "part")),
        "a piece was open"
    );
    house.start();
    house.until("the picture is back", Duration::from_secs(30), |h| {
        h.shows(1)
            && h.pieces("cam-01")
                .iter()
                .any(|p| p.extension().is_some_and(|e| e == "mp4"))
    });
    let mended = house
        .pieces("cam-01")
        .into_iter()
        .find(|p| p.extension().is_some_and(|e| e == "mp4"))
        .expect("mended");
    let (frames, seconds) = probe(&mended);
    let name = mended
        .file_stem()
        .expect("name")
        .to_string_lossy()
        .into_owned();
    let start: i64 = name
        .split('-')
        .next()
        .expect("start")
        .parse()
        .expect("number");
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
    let ends = start + (seconds * 1000.0) as i64;
    assert!(
        ends >= promised,
        "it said that pictures until {promised} are kept; they end at {ends}"
    );
    assert!(frames >= 60, "{frames} frames in {seconds} s");
    assert_eq!(house.stop(), Some(0));
    assert!(
        house
            .pieces("cam-01")
            .iter()
            .all(|p| p.extension().is_some_and(|e| e == "mp4")),
        "a polite end leaves nothing open"
    );
    for piece in house.pieces("cam-02") {
        probe(&piece);
    }
}

#[test]
fn a_frozen_and_a_cut_camera_are_told_and_come_back_as_new_pieces() {
    let cams = Script::cameras(2);
    let mut proxy = Script::proxy(cams.port);
    let mut house = House::new(
        &(configured(1, proxy.port)
            + &configured(2, cams.port)
                .split_once("[[camera]]\nid = \"cam-02\"")
                .map(|(_, rest)| format!("[[camera]]\nid = \"cam-02\"{rest}"))
                .expect("two")),
    );
    house.start();
    house.until("both show a picture", Duration::from_secs(30), |h| {
        h.shows(1) && h.shows(2)
    });
    proxy.order("freeze");
    house.until("the frozen camera is told", Duration::from_secs(40), |h| {
        h.camera(1)["signal"]["is"] == "gone"
    });
    let loss = house.camera(1)["stream_loss"]["is"].clone();
    assert!(loss == "frozen" || loss == "no_answer", "{loss}");
    assert!(house.shows(2), "the other goes on");
    let said = house.cli(&["status"]).1;
    assert!(said.contains("Camera số 1: mất hình"), "{said}");
    proxy.order("thaw");
    house.until("it is back", Duration::from_secs(60), |h| h.shows(1));
    let before = house.pieces("cam-01").len();
    house.until("it records", Duration::from_secs(20), |h| {
        h.pieces("cam-01").len() > before || before >= 2
    });
    proxy.order("cut");
    house.until("a cut is healed by itself", Duration::from_secs(60), |h| {
        h.shows(1) && h.pieces("cam-01").len() >= 3
    });
    assert_eq!(house.stop(), Some(0));
    for piece in house.pieces("cam-01") {
        let (frames, seconds) = probe(&piece);
        assert!(
            seconds < 61.0 && frames > 0,
            "{}: {frames} frames, {seconds} s",
            piece.display()
        );
    }
}

#[test]
fn the_media_worker_may_die_and_a_wrong_password_is_said_in_words() {
    let cams = Script::cameras(1);
    let wrong = configured(1, cams.port)
        .replace("cam-01", "cam-02")
        .replace("/cam-02\"", "/cam-01\"")
        .replace("user = \"thon\"", "user = \"khac\"");
    let mut house = House::new(&(configured(1, cams.port) + &wrong));
    house.start();
    house.until("it shows a picture", Duration::from_secs(30), |h| {
        h.shows(1)
    });
    house.until("the other refuses", Duration::from_secs(30), |h| {
        h.camera(2)["stream_loss"]["is"] == "credentials_refused"
            && h.camera(2)["why"] == "camera không nhận tên hoặc mật khẩu"
    });
    let cookie = house.sign_in();
    let media = |h: &House| {
        let status: Value =
            serde_json::from_str(&h.cli(&["status", "--json"]).1).unwrap_or_default();
        let pids = status["pids"].as_array().cloned().unwrap_or_default();
        pids.iter()
            .find(|p| p[0] == "media")
            .and_then(|p| p[1].as_u64())
            .unwrap_or(0)
    };
    house.until("a still", Duration::from_secs(20), |h| {
        h.get("/cameras/cam-01/still", &cookie).status == 200
    });
    let about = std::fs::read_to_string(format!("/proc/{}/status", media(&house)))
        .expect("the worker runs");
    assert!(
        about.contains("Seccomp:\t2"),
        "who decodes strangers' pictures is shut in"
    );
    // Green where the kernel has Landlock, amber where it has not; never unsaid.
    let colour = if conglang::supervisor::sandbox::is_landlock_available() {
        "green"
    } else {
        "amber"
    };
    house.until("it says how it is shut in", Duration::from_secs(10), |h| {
        h.cli(&["status", "--json"])
            .1
            .contains(&format!("[\"pictures\",\"{colour}\""))
    });
    for _ in 0..3 {
        let old = media(&house);
        assert_ne!(old, 0);
        let pid = rustix::process::Pid::from_raw(i32::try_from(old).expect("pid")).expect("pid");
        rustix::process::kill_process(pid, rustix::process::Signal::ABORT).expect("killed");
        house.until("another worker came", Duration::from_secs(20), |h| {
            ![0, old].contains(&media(h))
        });
        let began = Instant::now();
        house.until("a fresh still", Duration::from_secs(20), |h| {
            h.get("/cameras/cam-01/still", &cookie).status == 200
        });
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(house.shows(1), "the camera goes on");
    }
    assert_eq!(house.stop(), Some(0));
}
