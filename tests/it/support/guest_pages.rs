//! Pages of a gateway that runs in the test, whose guest port the test answers: how each device
//! stands is what the test says. Journal, files and pages are the real ones.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use conglang::app::handles::Handles;
use conglang::app::secrets::Secrets;
use conglang::config::board::BoardConfig;
use conglang::config::layout::Layout;
use conglang::domain::id::GuestId;
use conglang::http::hosts::AllowedHosts;
use conglang::http::serve::{serve_tcp, serve_unix};
use conglang::live::guests::{GuestRow, GuestsNow};
use conglang::ports::guests::{GuestRequest, GuestVisitor};
use conglang::store::segments::{RetentionPolicy, Ring};
use conglang::supervisor::admission::AdmissionControl;
use conglang::supervisor::clock::Clock;
use conglang::supervisor::standstill::Standstill;
use conglang::time::WallMs;
use conglang::web::kit::app::App;
use conglang::web::kit::board_cache::{BoardSearch, ProcedureCache};
use conglang::web::kit::links::PublicLinks;
use conglang::web::kit::taps::TapClock;
use conglang::web::portal::{self, PortalSite};
use conglang::web::{control, dashboard};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::house::{CHIEF_PIN, free_ports};
use super::http::{Answer, encode, http, http_unix};

/// The name of the house in these tests.
pub const NAME: &str = "benthoc.example";

/// How the one device stands, and what was asked about it.
#[derive(Debug)]
pub struct Script {
    /// The answer to a look.
    pub looks: GuestVisitor,
    /// The answer to a tap, and to every look after it.
    pub taps: GuestVisitor,
    /// How many taps came.
    pub count: usize,
    /// The answer to the end of a session; none = the network helper does not answer.
    pub cuts: Option<bool>,
    /// The devices whose session was ended.
    pub cut: Vec<String>,
}

/// The pages.
pub struct GuestPages {
    pub app: App,
    pub script: Arc<Mutex<Script>>,
    pub portal: u16,
    pub dashboard: u16,
    runtime: Runtime,
    folder: TempDir,
}

fn app(data: &Path, site: &PortalSite) -> (App, Handles) {
    let layout = Layout {
        data: data.to_owned(),
        run: data.to_owned(),
        control: data.join("control.sock"),
    };
    let secrets = Secrets::open(data).expect("keys");
    let handles = Handles::open(None, &layout, &secrets, Clock::system(0)).expect("opens");
    let clock = handles.clock().clone();
    let policy = RetentionPolicy { bytes: 0, days: 1 };
    let app = App {
        journal: handles.journal.clone(),
        index: handles.index.clone(),
        live: handles.live.clone(),
        ports: handles.ports.clone(),
        samples: handles.samples.clone(),
        session_rows: handles.session_rows.clone(),
        files: handles.files.clone(),
        attachments: handles.attachments.clone(),
        papers: handles.papers.clone(),
        spoken: handles.spoken.clone(),
        sessions: handles.sign_ins.clone(),
        taps: TapClock::new("0", clock.clone(), Standstill::new(clock)),
        supervisor: handles.supervisor.clone(),
        viewer_slots: AdmissionControl::new(8),
        sse_slots: AdmissionControl::new(8),
        taken_down_titles: Arc::default(),
        guests_before: Arc::default(),
        ring: Ring::new(&data.join("recordings"), policy),
        keep_days: 1,
        configured: Arc::default(),
        technician: Arc::default(),
        portal_port: None,
        portal_address: Arc::new(site.typed().expect("a name")),
        links: PublicLinks::new(None, NAME),
        names: Arc::new(vec![NAME.to_owned()]),
        api_token: Arc::default(),
        board: Arc::new(BoardConfig::default()),
        procedures: ProcedureCache::default(),
        search: BoardSearch::default(),
    };
    (app, handles)
}

impl GuestPages {
    /// Pages of a house in whose wifi the device stands so.
    pub fn new(looks: GuestVisitor, taps: GuestVisitor) -> Self {
        let folder = super::aftermath::temporary_folder("conglang-it-");
        let runtime = Runtime::new().expect("runtime");
        let guard = runtime.enter();
        let site = PortalSite {
            names: vec![NAME.to_owned(), "nhavanhoa.lan".to_owned()],
            addresses: vec![[10, 77, 0, 1].into()],
            staff: None,
        };
        let (app, handles) = app(folder.path(), &site);
        let script = Arc::new(Mutex::new(Script {
            looks,
            taps,
            count: 0,
            cuts: Some(true),
            cut: Vec::new(),
        }));
        let (serves, is_served) = oneshot::channel();
        runtime.spawn(answer(app.clone(), script.clone(), serves));
        runtime.block_on(is_served).expect("the port is served");
        let router = portal::router(app.clone(), site, |_| None::<PathBuf>);
        let hosts = AllowedHosts::new([], None);
        let [portal, dashboard] = free_ports();
        for (port, router) in [
            (portal, router),
            (dashboard, dashboard::router(app.clone(), hosts)),
        ] {
            let listener = TcpListener::bind(("127.0.0.1", port)).expect("binds");
            let supervisor = handles.supervisor.clone();
            let stop = supervisor.stop().clone();
            runtime.spawn(serve_tcp(listener, None, router, supervisor, stop));
        }
        let socket = folder.path().join("control.sock");
        let config = format!(
            "[data]\nfolder = {:?}\n[doors]\ncontrol = {:?}\n",
            folder.path().display().to_string(),
            socket.display().to_string()
        );
        std::fs::write(folder.path().join("conglang.toml"), config).expect("configuration");
        let control = control::router(app.clone(), Vec::new);
        let supervisor = handles.supervisor.clone();
        let stop = supervisor.stop().clone();
        let listener = UnixListener::bind(&socket).expect("binds");
        runtime.spawn(serve_unix(listener, control, supervisor, stop));
        drop(guard);
        Self {
            app,
            script,
            portal,
            dashboard,
            runtime,
            folder,
        }
    }

    /// Runs something of a browser beside the pages.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs a command of the technician in a language: exit code, stdout, stderr.
    pub fn cli(&self, lang: &str, args: &[&str]) -> (i32, String, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(self.folder.path().join("conglang.toml"))
            .args(["--lang", lang])
            .args(args)
            .env_remove("COLUMNS")
            .output()
            .expect("runs");
        (
            out.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    }

    /// Adds the chief and signs in; gives the cookie.
    pub fn sign_in(&self) -> String {
        let added = self.cli("vi", &["user", "add", "mau", "Ông Mẫu", "--pin", CHIEF_PIN]);
        assert_eq!(added.0, 0, "{added:?}");
        let answer = self.post("/sign-in", "", &[("user", "mau"), ("pin", CHIEF_PIN)]);
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.cookie()
    }

    pub fn get(&self, path: &str, cookie: &str) -> Answer {
        http(self.dashboard, "GET", path, cookie, "")
    }

    pub fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs = fields.iter().map(|(k, v)| format!("{k}={}", encode(v)));
        let body = pairs.collect::<Vec<_>>().join("&");
        http(self.dashboard, "POST", path, cookie, &body)
    }

    /// Publishes the demo's notices as the demo does.
    pub fn publish_the_demos_notices(&self) {
        let socket = self.folder.path().join("control.sock");
        let now = self.app.supervisor.clock().wall_ms();
        for notice in crate::board::notices(now).iter().rev() {
            let body = serde_json::json!({
                "id": notice.id, "title": notice.words.title, "body": notice.words.body,
                "kind": notice.details.kind, "urgent": notice.details.urgent,
                "until": notice.details.until,
            });
            let answer = http_unix(&socket, "POST", "/notices", &body.to_string());
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }

    /// Loses all that people typed, as a broken disk does.
    pub fn lose_the_texts(&self) {
        let folder = self.folder.path().join("people");
        let files = walk(&folder);
        assert!(!files.is_empty(), "{}", folder.display());
        for file in files {
            std::fs::remove_file(file).expect("removed");
        }
    }

    /// Sends something over the control socket, as the technician.
    pub fn technician(&self, path: &str, body: &serde_json::Value) -> Answer {
        let socket = self.folder.path().join("control.sock");
        http_unix(&socket, "POST", path, &body.to_string())
    }

    /// Submits a command as the technician.
    pub fn command(&self, command: &serde_json::Value) -> Answer {
        let socket = self.folder.path().join("control.sock");
        let request = serde_json::json!({ "command": command }).to_string();
        http_unix(&socket, "POST", "/commands", &request)
    }

    /// The control socket.
    pub fn control(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// The entries of history.
    pub fn entries(&self) -> Vec<serde_json::Value> {
        let socket = self.folder.path().join("control.sock");
        let answer = http_unix(&socket, "GET", "/entries?limit=1000", "");
        serde_json::from_str(&answer.body).expect("entries")
    }

    /// The wifi is so from now on.
    pub fn shows(&self, guests: GuestsNow) {
        self.app.live.guests.replace(guests);
    }

    /// The device stands so from now on.
    pub fn stands(&self, looks: GuestVisitor) {
        self.script.lock().expect("whole").looks = looks;
    }

    /// How many taps came.
    pub fn taps(&self) -> usize {
        self.script.lock().expect("whole").count
    }
}

/// All files in and below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

async fn answer(app: App, script: Arc<Mutex<Script>>, serves: oneshot::Sender<()>) {
    let mut inbox = app.ports.guests.inbox().await;
    let _ = serves.send(());
    while let Some(request) = inbox.recv().await {
        let mut script = script.lock().expect("whole");
        // A page that gave up waiting needs no answer.
        match request {
            GuestRequest::Look(_, reply) => {
                let _ = reply.send(script.looks);
            }
            GuestRequest::Enter(_, reply) => {
                script.count += 1;
                script.looks = script.taps;
                let _ = reply.send(script.taps);
            }
            GuestRequest::Cut(device, reply) => {
                script.cut.push(device.to_string());
                if let Some(was_in) = script.cuts {
                    let _ = reply.send(was_in);
                }
            }
        }
    }
}

/// A device with this id, which is in since a moment or not, and used so many MB today.
pub fn guest(id: &str, since: Option<WallMs>, megabytes: u64) -> GuestRow {
    GuestRow {
        id: GuestId::new(id).expect("id"),
        since,
        seconds_left: if since.is_some() { 3_600 } else { 0 },
        used_today: megabytes * 1_000_000,
        is_random: false,
    }
}
