//! The real gateway with devices that answer, a signed-in phone and, where asked, cameras that are
//! recorded.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use conglang::keys::secret;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

use crate::ms;

const PIN: &str = "135790";

/// A running gateway.
pub struct House {
    dir: PathBuf,
    child: Child,
    cameras: Option<Child>,
    heard: mpsc::Receiver<Instant>,
    shown: mpsc::Receiver<(String, Instant)>,
    client: Client,
    sensors: usize,
    door: u16,
    cookie: String,
    form: String,
    line: Option<TcpStream>,
}

fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .expect("port")
        .local_addr()
        .expect("address")
        .port()
}

fn token(id: &str) -> String {
    format!("bench-secret-of-{id}-0123456789")
}

fn spawn(dir: &Path, environment: &[(&str, &str)]) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("log.txt"))
        .expect("log");
    Command::new(env!("CARGO_BIN_EXE_conglang"))
        .arg("--config")
        .arg(dir.join("conglang.toml"))
        .arg("run")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("starts")
}

/// Milliseconds until systemd would receive `READY=1`; the gateway is killed then.
pub fn time_to_ready(dir: &Path) -> f64 {
    let socket = dir.join("notify");
    let _ = std::fs::remove_file(&socket);
    let listener = std::os::unix::net::UnixDatagram::bind(&socket).expect("socket");
    listener
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("timeout");
    let began = Instant::now();
    let mut child = spawn(dir, &[("NOTIFY_SOCKET", &socket.display().to_string())]);
    let mut buffer = [0; 512];
    loop {
        let n = listener.recv(&mut buffer).expect("the house becomes ready");
        if String::from_utf8_lossy(&buffer[..n]).contains("READY=1") {
            break;
        }
    }
    let took = ms(began);
    let _ = child.kill();
    let _ = child.wait();
    took
}

/// Requests a path of the control socket of the gateway in `dir`; empty = it does not answer.
pub fn ask(dir: &Path, method: &str, path: &str, body: &str) -> String {
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(dir.join("run/control.sock"))
    else {
        return String::new();
    };
    let _ = write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// Starts the program on a folder that is already set up.
pub fn start_again(dir: &Path) -> Child {
    spawn(dir, &[])
}

/// Writes a configuration with `sensors` gauges and lamp `den-01`; gives the MQTT and dashboard
/// ports.
pub fn configure(dir: &Path, sensors: usize, more: &str) -> (u16, u16) {
    std::fs::create_dir_all(dir.join("run")).expect("folder");
    let (mqtt, door) = (port(), port());
    let mut text = format!(
        "[village]\nid = \"v\"\nname = \"Thôn V\"\ncommune = \"xã X\"\n[data]\nfolder = {:?}\n\
         [doors]\ncontrol = {:?}\ndashboard = \"127.0.0.1:{door}\"\n[broker]\n\
         plain = \"127.0.0.1:{mqtt}\"\n",
        dir.join("data").display().to_string(),
        dir.join("run/control.sock").display().to_string(),
    );
    for id in std::iter::once("den-01".to_owned()).chain((0..sensors).map(|n| format!("cb-{n:03}")))
    {
        text.push_str(&format!(
            "[[device]]\nid = \"{id}\"\nname = \"Thiết bị {id}\"\nsecret_sha256 = \"{}\"\n",
            secret::sha256(token(&id).as_bytes())
        ));
    }
    text.push_str(more);
    std::fs::write(dir.join("conglang.toml"), text).expect("configuration");
    (mqtt, door)
}

fn client(id: &str, port: u16, then: impl Fn(&Client, Event) + Send + 'static) -> Client {
    let mut options = MqttOptions::new(format!("bench-{id}"), "127.0.0.1", port);
    options
        .set_credentials(id, token(id))
        .set_keep_alive(Duration::from_secs(30));
    let (client, mut connection) = Client::new(options, 512);
    let own = client.clone();
    std::thread::spawn(move || {
        for event in connection.iter() {
            match event {
                Ok(event) => then(&own, event),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    });
    client
}

/// A server of so many cameras, and their lines of configuration.
fn start_cameras(cameras: u32) -> (Option<Child>, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/village/cameras.py");
    let mut child = Command::new("/usr/bin/python3")
        .arg(path)
        .args(["--count", &cameras.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout"))
        .read_line(&mut line)
        .expect("its port (packages python3-gi, gir1.2-gst-rtsp-server-1.0, ffmpeg)");
    let told: serde_json::Value = serde_json::from_str(&line).expect("json");
    let port = told["port"].as_u64().expect("port");
    let lines = (1..=cameras)
        .map(|n| {
            format!(
                "[[camera]]\nid = \"cam-{n:02}\"\nname = \"Camera {n}\"\n\
                 url = \"rtsp://127.0.0.1:{port}/cam-{n:02}\"\n"
            )
        })
        .collect();
    (Some(child), lines)
}

impl House {
    /// A gateway with `cameras` recorded cameras and `sensors` gauges, and a signed-in phone that
    /// shows the gauges.
    pub fn start(dir: &Path, cameras: u32, sensors: usize) -> Self {
        let (server, more) = match cameras {
            0 => (None, String::new()),
            _ => start_cameras(cameras),
        };
        let (mqtt, door) = configure(dir, sensors, &more);
        let child = spawn(dir, &[]);
        let (say, heard) = mpsc::channel();
        client("den-01", mqtt, move |client, event| match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                let config = serde_json::json!({
                    "name": "Đèn", "stat_t": "d/den-01/state", "cmd_t": "c/den-01/set"
                });
                client
                    .try_publish(
                        "homeassistant/light/den-01/light/config",
                        QoS::AtLeastOnce,
                        true,
                        config.to_string(),
                    )
                    .expect("queued");
                client
                    .try_subscribe("c/den-01/#", QoS::AtLeastOnce)
                    .expect("queued");
                client
                    .try_publish("d/den-01/state", QoS::AtLeastOnce, false, "OFF")
                    .expect("queued");
            }
            Event::Incoming(Packet::Publish(p)) => {
                let _ = say.send(Instant::now());
                let _ = client.try_publish(
                    "d/den-01/state",
                    QoS::AtLeastOnce,
                    false,
                    p.payload.to_vec(),
                );
            }
            _ => {}
        });
        // Each gauge announces itself by its own account; one client then publishes for the bench.
        let gauges: Vec<Client> = (0..sensors)
            .map(|n| {
                let id = format!("cb-{n:03}");
                client(&id.clone(), mqtt, move |client, event| {
                    if matches!(event, Event::Incoming(Packet::ConnAck(_))) {
                        for k in 0..12 {
                            let config = serde_json::json!({
                                "name": format!("Mực {k}"), "stat_t": format!("d/{id}/v{k}"),
                                "unit_of_meas": "cm"
                            });
                            let _ = client.try_publish(
                                format!("homeassistant/sensor/{id}/v{k}/config"),
                                QoS::AtLeastOnce,
                                true,
                                config.to_string(),
                            );
                            let _ = client.try_publish(
                                format!("d/{id}/v{k}"),
                                QoS::AtLeastOnce,
                                false,
                                "0",
                            );
                        }
                    }
                })
            })
            .collect();
        let client = gauges.into_iter().next().expect("a gauge");
        let mut house = Self {
            dir: dir.to_owned(),
            child,
            cameras: server,
            heard,
            shown: mpsc::channel().1,
            client,
            sensors: 12,
            door,
            cookie: String::new(),
            form: String::new(),
            line: None,
        };
        let end = Instant::now() + Duration::from_secs(60);
        let last = format!("\"cb-{:03}.v11\"", sensors - 1);
        while !house.ask("GET", "/state", "").contains("\"den-01.light\"")
            || !house.ask("GET", "/state", "").contains(&last)
        {
            assert!(Instant::now() < end, "the devices were not adopted");
            std::thread::sleep(Duration::from_millis(100));
        }
        house.sign_in();
        house.look();
        house
    }

    fn sign_in(&mut self) {
        self.ask(
            "POST",
            "/users",
            &serde_json::json!({ "id": "mau", "name": "Ông Mẫu", "role": "chief", "pin": PIN })
                .to_string(),
        );
        let answer = self.http("POST", "/sign-in", &format!("user=mau&pin={PIN}"));
        self.cookie = answer
            .lines()
            .find_map(|l| l.strip_prefix("set-cookie: "))
            .and_then(|c| c.split(';').next())
            .map(str::to_owned)
            .expect("cookie");
        // The page has a form as soon as the lamp has said that it is there.
        let end = Instant::now() + Duration::from_secs(60);
        self.form = loop {
            let page = self.http("GET", "/lights", "");
            let form = page.split_once("name=\"form\" value=\"");
            if let Some(form) = form.and_then(|(_, rest)| rest.split('"').next()) {
                break form.to_owned();
            }
            assert!(
                Instant::now() < end,
                "no form on the page of the lamps: {page}"
            );
            std::thread::sleep(Duration::from_millis(100));
        };
    }

    /// The phone's page of gauges, live: fragments and when they arrived.
    fn look(&mut self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.door)).expect("dashboard");
        write!(
            stream,
            "GET /live/sensors HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {}\r\n\r\n",
            self.door, self.cookie
        )
        .expect("asked");
        let (say, shown) = mpsc::channel();
        std::thread::spawn(move || {
            // An event is all its lines of data, up to an empty line.
            let mut event = String::new();
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else { return };
                if let Some(data) = line.strip_prefix("data:") {
                    event.push_str(data);
                } else if line.is_empty()
                    && say
                        .send((std::mem::take(&mut event), Instant::now()))
                        .is_err()
                {
                    return;
                }
            }
        });
        self.shown = shown;
    }

    /// One request on the phone's standing connection, a new one when the gateway closed it; gives
    /// the complete response.
    fn http(&mut self, method: &str, path: &str, body: &str) -> String {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {}\r\nx-live: 1\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            self.door,
            self.cookie,
            body.len()
        );
        if let Some(answer) = self
            .line
            .take()
            .and_then(|line| self.exchange(line, &request))
        {
            return answer;
        }
        let fresh = TcpStream::connect(("127.0.0.1", self.door)).expect("dashboard");
        fresh.set_nodelay(true).expect("nodelay");
        self.exchange(fresh, &request).expect("answered")
    }

    fn exchange(&mut self, mut line: TcpStream, request: &str) -> Option<String> {
        line.write_all(request.as_bytes()).ok()?;
        let (mut answer, mut buffer) = (Vec::new(), vec![0; 65_536]);
        loop {
            let n = line.read(&mut buffer).ok().filter(|n| *n > 0)?;
            answer.extend_from_slice(&buffer[..n]);
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, rest)) = text.split_once("\r\n\r\n") {
                let len = head
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "))
                    .and_then(|l| l.parse::<usize>().ok())
                    .unwrap_or(0);
                if rest.len() >= len {
                    let out = text.into_owned();
                    self.line = Some(line);
                    return Some(out);
                }
            }
        }
    }

    /// Requests a path of the control socket.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> String {
        ask(&self.dir, method, path, body)
    }

    /// Waits until every camera is being recorded.
    pub fn until_recorded(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let cameras = self.ask("GET", "/cameras", "");
            let all = cameras.matches("\"recorded_until\":").count();
            if all > 0 && cameras.matches("\"recorded_until\":0").count() == 0 {
                return;
            }
            assert!(
                Instant::now() < end,
                "not every camera is recorded after a minute; without python3-gi, \
                 gir1.2-gst-rtsp-server-1.0 and ffmpeg there is no picture to record"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Milliseconds from the button's request to the lamp's command on the wire; waits for the
    /// lamp's answer after it.
    pub fn press(&mut self, on: bool) -> f64 {
        while self.heard.try_recv().is_ok() {}
        let body = format!("on={}&form={}", u8::from(on), self.form);
        let began = Instant::now();
        self.http("POST", "/lights/den-01.light", &body);
        let took = self
            .heard
            .recv_timeout(Duration::from_secs(5))
            .map_or(5_000.0, |at| {
                at.duration_since(began).as_secs_f64() * 1000.0
            });
        let end = Instant::now() + Duration::from_secs(5);
        while self.reported() != Some(on) {
            // A press whose answer never comes would make every figure one of waiting.
            assert!(Instant::now() < end, "the lamp did not answer");
            std::thread::sleep(Duration::from_millis(2));
        }
        took
    }

    /// Whether the lamp is lit, as it reported last.
    fn reported(&self) -> Option<bool> {
        let answer = self.ask("GET", "/state", "");
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let state: serde_json::Value = serde_json::from_str(body).ok()?;
        state["lights"]["den-01.light"]["reported"]["on"].as_bool()
    }

    /// Milliseconds from a gauge's publish to the fragment with its value on the phone.
    pub fn publish(&mut self, i: usize) -> f64 {
        while self.shown.try_recv().is_ok() {}
        let (gauge, value) = (i % self.sensors, 100 + i % 7_919);
        // The gateway sends a fragment at most twice a second, and collects changes for 40 ms:
        // neither is to be measured.
        std::thread::sleep(Duration::from_millis(45));
        let began = Instant::now();
        self.client
            .try_publish(
                format!("d/cb-000/v{gauge}"),
                QoS::AtLeastOnce,
                false,
                value.to_string(),
            )
            .expect("queued");
        let (name, words) = (format!("cb-000.v{gauge}\""), format!("{value}"));
        let end = began + Duration::from_secs(5);
        while let Ok((line, at)) = self
            .shown
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            if line.contains(&name) && line.contains(&words) {
                return at.duration_since(began).as_secs_f64() * 1000.0;
            }
        }
        5_000.0
    }

    /// PSS of gateway and broker, bytes.
    pub fn memory(&self) -> (u64, u64) {
        let status: serde_json::Value = serde_json::from_str(
            self.ask("GET", "/status", "")
                .split_once("\r\n\r\n")
                .map_or("", |(_, b)| b),
        )
        .expect("status");
        let of = |name: &str| {
            let pid = status["pids"]
                .as_array()
                .and_then(|p| p.iter().find(|p| p[0] == name))
                .and_then(|p| p[1].as_u64())
                .unwrap_or(0);
            conglang::supervisor::worker::pss_of(pid as u32).unwrap_or(0)
        };
        (of("gateway"), of("broker"))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in std::iter::once(&mut self.child).chain(self.cameras.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
