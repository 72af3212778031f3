//! The commune's link over a broker that is not ours: rumqttd (`examples/rumqttd`), which keeps
//! nothing over its death.
//!
//! The village is the real house; the commune's end is its own link in this process, over its own
//! store. Between them the foreign broker is killed often. What holds here holds because village
//! and commune rely on no broker's promises.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use conglang::commune::link::{self, CertificateSigner};
use conglang::commune::sent_bulletins::BulletinOrder;
use conglang::commune::store::{BulletinOutcome, CommuneStore};
use conglang::domain::id::CommandId;
use conglang::keys::authority::{Authority, CertificateFiles};
use conglang::keys::holders::HolderStore;
use conglang::keys::tls::{self, ReloadableCertificate};
use conglang::protocol::commune::Bulletin;
use conglang::supervisor::Stop;
use conglang::supervisor::clock::Clock;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::commune::{equal_record_by_record, received};
use crate::support::house::{House, free_port, kind};

/// No password: the village proves itself by its certificate, which only the door before it sees.
const PASSWORD: &str = "-";

struct Foreign {
    address: SocketAddr,
    child: Option<Child>,
}

impl Foreign {
    fn new() -> Self {
        Self {
            address: ([127, 0, 0, 1], free_port()).into(),
            child: None,
        }
    }

    /// Starts it and waits until it takes connections.
    fn start(&mut self) {
        let program = Path::new(env!("CARGO_BIN_EXE_conglang"))
            .with_file_name("examples")
            .join("rumqttd");
        let child = Command::new(program)
            .args([&self.address.to_string(), PASSWORD, "defaults"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.expect("rumqttd starts: cargo build --example rumqttd"));
        let until = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < until, "rumqttd does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Doors to the foreign broker as both ends know them: TLS for the village, a socket of the machine
/// for the commune.
async fn doors(
    tls: TcpListener,
    served: Arc<ReloadableCertificate>,
    socket: UnixListener,
    broker: SocketAddr,
) {
    let acceptor = tokio_rustls::TlsAcceptor::from(
        tls::server_config(served, None, Clock::system(0)).expect("TLS"),
    );
    loop {
        tokio::select! {
            come = tls.accept() => {
                let (stream, acceptor) = (come.expect("accepted").0, acceptor.clone());
                tokio::spawn(async move {
                    let near = acceptor.accept(stream).await;
                    let far = TcpStream::connect(broker).await;
                    if let (Ok(mut near), Ok(mut far)) = (near, far) {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
            come = socket.accept() => {
                let mut near = come.expect("accepted").0;
                tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(broker).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        }
    }
}

/// The commune's end: tried again whenever it broke, as its own supervisor does.
async fn commune(socket: PathBuf, store: CommuneStore, signer: CertificateSigner, stop: Stop) {
    while !stop.soft.is_cancelled() {
        let _ = link::run(
            socket.clone(),
            PASSWORD.to_owned(),
            store.clone(),
            signer.clone(),
            vec!["ben-thoc".to_owned()],
            Clock::system(0),
            stop.clone(),
        )
        .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn over_a_foreign_broker_that_dies_often_nothing_is_lost_or_doubled() {
    let mut house = House::new("");
    let ca = house.dir.join("ca");
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_secs();
    let authority = Authority::load_or_make(&ca, "xã Đồng Nếp", now_s).expect("CA");
    let (village, server) = (
        CertificateFiles::named(&house.dir, "village"),
        CertificateFiles::named(&house.dir, "server"),
    );
    village
        .write(
            &authority
                .issue_client("ben-thoc", now_s)
                .expect("certificate"),
        )
        .expect("written");
    server
        .write(
            &authority
                .issue_server("xã Đồng Nếp", &["127.0.0.1".to_owned()], now_s)
                .expect("certificate"),
        )
        .expect("written");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let mut text = std::fs::read_to_string(house.config()).expect("configuration");
    let path = |p: &Path| format!("{:?}", p.display().to_string());
    text.push_str(&format!(
        "[commune]\nserver = \"mqtts://{}\"\nca = {}\ncertificate = {}\nkey = {}\n",
        listener.local_addr().expect("address"),
        path(&ca.join("ca.pem")),
        path(&village.certificate),
        path(&village.key)
    ));
    std::fs::write(house.config(), text).expect("configuration");

    let mut foreign = Foreign::new();
    foreign.start();
    let socket = house.dir.join("foreign.sock");
    let inner = {
        let _inside = runtime.enter();
        UnixListener::bind(&socket).expect("socket")
    };
    let store = CommuneStore::open(&house.dir.join("commune.redb")).expect("store");
    let signer = CertificateSigner {
        authority: Some(Arc::new(authority)),
        holders: HolderStore::of(&house.dir),
    };
    let hard = CancellationToken::new();
    let stop = Stop {
        soft: hard.child_token(),
        hard,
    };
    runtime.spawn(doors(
        listener,
        ReloadableCertificate::load(&server).expect("certificate"),
        inner,
        foreign.address,
    ));
    let ended = runtime.spawn(commune(socket, store.clone(), signer, stop.clone()));
    house.start();
    house.until("the link stands", Duration::from_secs(40), received);

    for round in 0..6 {
        let bulletin = Bulletin {
            title: format!("Bản tin {round}"),
            body: "Kê cao đồ đạc.".into(),
            urgent: false,
            until: None,
            risk: None,
            source: String::new(),
        };
        store
            .send_bulletin(&BulletinOrder {
                villages: vec!["ben-thoc".to_owned()],
                bulletin,
                at: conglang::time::WallMs::default(),
                expires_at: conglang::time::WallMs::MAX,
                officer: String::new(),
                by: String::new(),
                once: CommandId::new(&format!("form-{round}")).expect("id"),
            })
            .expect("queued");
        for n in 0..40 {
            house.command(&serde_json::json!({
                "do": "DeclarePlace", "place": { "id": format!("r{round}-{n}"), "name": "Ngõ" }
            }));
            if n == 7 * round % 40 {
                foreign.kill();
            }
        }
        foreign.start();
    }
    house.until(
        "every bulletin is a notice",
        Duration::from_secs(120),
        |h| {
            h.state()["notices"]
                .as_object()
                .is_some_and(|n| n.len() == 6)
        },
    );
    house.until(
        "the commune has everything",
        Duration::from_secs(120),
        received,
    );
    house.until(
        "the commune knows what became of its bulletins",
        Duration::from_secs(60),
        |_| {
            store
                .queued("ben-thoc")
                .expect("sent")
                .iter()
                .all(|b| b.outcome == BulletinOutcome::Done)
        },
    );
    let published = house
        .entries()
        .iter()
        .filter(|e| kind(e) == "notice.published" && e["actor"]["is"] == "commune")
        .count();
    assert_eq!(published, 6, "each once");
    house.until(
        "what the outcomes led to is there too",
        Duration::from_secs(60),
        received,
    );
    assert_eq!(house.stop(), Some(0));
    stop.soft.cancel();
    runtime.block_on(ended).expect("the commune's end ends");
    let (records, boots) = equal_record_by_record(&house.dir.join("data"), &store);
    assert!(
        records > 240 && boots == 1,
        "{records} records of {boots} boots"
    );
}
