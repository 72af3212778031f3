//! Requests before servers that mean no good, over real sockets of this machine.

#![expect(
    clippy::disallowed_methods,
    reason = "servers of a test end with its runtime"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::keys::authority::Authority;
use crate::supervisor::clock::Clock;

/// A server that answers each request as a function says, and counts who came.
struct Server {
    port: u16,
    came: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

impl Server {
    async fn new(answer: impl Fn(&str) -> String + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let server = Self {
            port: listener.local_addr().expect("address").port(),
            came: Arc::default(),
            heads: Arc::default(),
        };
        let (came, heads) = (server.came.clone(), server.heads.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                came.fetch_add(1, Ordering::SeqCst);
                let (answer, heads) = (answer.clone(), heads.clone());
                tokio::spawn(async move {
                    let head = head_of(&mut stream).await;
                    let answer = answer(&head);
                    heads.lock().expect("whole").push(head);
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        server
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).expect("an address")
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("whole").clone()
    }
}

fn page(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

async fn get(fetcher: &Fetcher, url: &Url) -> Result<Bytes, FetchError> {
    match fetcher.get(url, 1_000, &VersionMarks::default()).await? {
        Fetched::Page(bytes, _) => Ok(bytes),
        Fetched::Same => panic!("nothing was known"),
    }
}

#[tokio::test]
async fn nobody_leads_the_gateway_into_the_house() {
    let server = Server::new(|_| page("secret")).await;
    let port = server.port;
    let fetcher = Fetcher::internet();
    for inside in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://172.16.0.1/".to_owned(),
        "http://192.168.1.1/".to_owned(),
        "http://100.64.0.1/".to_owned(),
        "http://[fd00::1]/".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://[64:ff9b::a00:1]/".to_owned(),
    ] {
        let url = Url::parse(&inside).expect("an address");
        assert_eq!(
            get(&fetcher, &url).await,
            Err(FetchError::Inside),
            "{inside}"
        );
        assert_eq!(
            fetcher.look(&url).await,
            Err(FetchError::Inside),
            "{inside}"
        );
    }
    for other in [
        "file:///etc/passwd",
        "ftp://x.example/",
        "data:text/plain,x",
    ] {
        let url = Url::parse(other).expect("an address");
        assert_eq!(
            get(&fetcher, &url).await,
            Err(FetchError::NoAddress),
            "{other}"
        );
    }
    assert_eq!(server.came(), 0, "nobody knocked at all");
    let named = fetcher.and_from(&server.url("/"));
    assert_eq!(
        get(&named, &server.url("/x")).await.expect("named"),
        "secret"
    );
}

#[tokio::test]
async fn a_redirection_leads_no_further_than_an_address() {
    let other = Server::new(|_| page("secret")).await;
    let there = other.url("/").to_string();
    let server = Server::new(move |head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path {
            "/other" => moved(&there),
            "/file" => moved("file:///etc/passwd"),
            "/metadata" => moved("http://169.254.169.254/"),
            "/loop" => moved("/loop"),
            "/none" => "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "/own" => moved("/page"),
            _ => page("page"),
        }
    })
    .await;
    let fetcher = Fetcher::internet().and_from(&server.url("/"));
    for (path, outcome) in [
        ("/own", Ok(Bytes::from("page"))),
        ("/other", Err(FetchError::Inside)),
        ("/metadata", Err(FetchError::Inside)),
        ("/file", Err(FetchError::NoAddress)),
        ("/loop", Err(FetchError::Redirections)),
        ("/none", Err(FetchError::Redirections)),
    ] {
        assert_eq!(get(&fetcher, &server.url(path)).await, outcome, "{path}");
    }
    assert_eq!(other.came(), 0);
}

#[tokio::test]
async fn a_version_that_is_known_is_not_sent_again() {
    let server = Server::new(|head| {
        let head = head.to_ascii_lowercase();
        if head.contains("if-none-match: \"v1\"") && head.contains("if-modified-since: yesterday") {
            "HTTP/1.1 304 Not Modified\r\netag: \"v1\"\r\n\r\n".to_owned()
        } else {
            let marks = "etag: \"v1\"\r\nlast-modified: yesterday\r\n";
            page("x").replacen("content-length", &format!("{marks}content-length"), 1)
        }
    })
    .await;
    let fetcher = Fetcher::internet().and_from(&server.url("/"));
    let none = VersionMarks::default();
    let first = fetcher.get(&server.url("/"), 10, &none).await;
    let Ok(Fetched::Page(_, marks)) = first else {
        panic!("{first:?}");
    };
    let again = fetcher.get(&server.url("/"), 10, &marks).await;
    assert_eq!(again, Ok(Fetched::Same));
    let long = format!("HTTP/1.1 304 X\r\netag: \"{}\"\r\n\r\n", "x".repeat(300));
    let odd = Server::new(move |_| long.clone()).await;
    let fetcher = fetcher.and_from(&odd.url("/"));
    let answer = fetcher.get(&odd.url("/"), 10, &none).await;
    assert_eq!(
        answer,
        Err(FetchError::Redirections),
        "nobody asked for that"
    );
}

#[tokio::test]
async fn an_answer_without_an_end_costs_no_more_than_its_bound() {
    let large = Server::new(|_| page(&"x".repeat(50_000_000))).await;
    let lies = Server::new(|_| "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_owned()).await;
    let heads =
        Server::new(|_| format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(200_000))).await;
    let noise = Server::new(|_| "\u{1}".repeat(1_000)).await;
    let mut fetcher = Fetcher::internet();
    for server in [&large, &lies, &heads, &noise] {
        fetcher = fetcher.and_from(&server.url("/"));
    }
    assert_eq!(
        get(&fetcher, &large.url("/")).await,
        Err(FetchError::TooLarge)
    );
    assert_eq!(
        get(&fetcher, &lies.url("/")).await,
        Err(FetchError::TooLarge)
    );
    assert_eq!(
        get(&fetcher, &heads.url("/")).await,
        Err(FetchError::Unreachable)
    );
    assert_eq!(
        get(&fetcher, &noise.url("/")).await,
        Err(FetchError::Unreachable)
    );

    // A byte now and then, for ever.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let at = listener.local_addr().expect("address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // An answer before its question is no answer.
                let mut question = [0; 1_024];
                let _ = stream.read(&mut question).await;
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head).await;
                while stream.write_all(b"1\r\nx\r\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    let url = Url::parse(&format!("http://{at}/")).expect("an address");
    let mut fetcher = fetcher.and_from(&url);
    fetcher.patience = Duration::from_millis(400);
    assert_eq!(get(&fetcher, &url).await, Err(FetchError::TooSlow));
}

#[tokio::test]
async fn a_page_opens_by_its_head_or_else_by_its_beginning() {
    let server = Server::new(|head| {
        let is_head = head.starts_with("HEAD ");
        match head.split(' ').nth(1).unwrap_or_default() {
            "/good" if is_head => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".to_owned(),
            "/no-head" if is_head => "HTTP/1.1 405 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "/no-head" => page("there"),
            _ => "HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
        }
    })
    .await;
    let fetcher = Fetcher::internet().and_from(&server.url("/"));
    assert_eq!(fetcher.look(&server.url("/good")).await, Ok(()));
    assert_eq!(fetcher.look(&server.url("/no-head")).await, Ok(()));
    let gone = fetcher.look(&server.url("/gone")).await;
    assert_eq!(gone, Err(FetchError::Status(404)));
    let methods: Vec<String> = server
        .heads()
        .iter()
        .map(|head| head.split(" HTTP").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        methods,
        [
            "HEAD /good",
            "HEAD /no-head",
            "GET /no-head",
            "HEAD /gone",
            "GET /gone"
        ]
    );
}

#[tokio::test]
async fn a_certificate_is_good_for_its_name_by_an_authority_that_is_known() {
    let folder = tempfile::tempdir().expect("folder");
    let now = Clock::system(0).wall_ms().ms() / 1_000;
    let now = u64::try_from(now).expect("after 1970");
    let authority = Authority::load_or_make(folder.path(), "test", now).expect("an authority");
    let identity = authority
        .issue_server("localhost", &["localhost".to_owned()], now)
        .expect("a certificate");
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
    let chain: Vec<_> = chain
        .map(|c| c.expect("a certificate").into_owned())
        .collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(chain, key).expect("a pair");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    head_of(&mut stream).await;
                    let _ = stream.write_all(page("over TLS").as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    let url = |host: &str| Url::parse(&format!("https://{host}:{port}/")).expect("an address");
    let (named, bare) = (url("localhost"), url("127.0.0.1"));
    let fetcher = Fetcher::internet().and_from(&named).and_from(&bare);
    assert_eq!(get(&fetcher, &named).await, Err(FetchError::Untrusted));
    let fetcher = fetcher.trusting(&folder.path().join("ca.pem"));
    assert_eq!(get(&fetcher, &named).await.expect("trusted"), "over TLS");
    assert_eq!(get(&fetcher, &bare).await, Err(FetchError::Untrusted));
}
