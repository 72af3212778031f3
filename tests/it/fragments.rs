//! Live updates as a page takes them: each fragment has one place on its page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::house::{House, Lamp};

/// Elements without an end tag.
const VOID: [&str; 3] = ["img", "input", "br"];

/// The outermost elements of some HTML: the name and the attributes of each.
fn outermost(html: &str) -> Vec<(String, String)> {
    let (mut out, mut depth) = (Vec::new(), 0);
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        if tag.starts_with('/') {
            depth -= 1;
            continue;
        }
        let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        if depth == 0 {
            out.push((name.to_owned(), attributes.to_owned()));
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            depth += 1;
        }
    }
    assert_eq!(depth, 0, "every element ends: {html}");
    out
}

fn id_of(attributes: &str) -> Option<&str> {
    let (_, rest) = attributes.split_once("id=\"")?;
    rest.split('"').next()
}

/// The HTML of the first fragments of a live page.
fn first_fragments(house: &House, address: &str, cookie: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    write!(
        stream,
        "GET {address} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {cookie}\r\n\
         accept: text/event-stream\r\n\r\n",
        house.dashboard
    )
    .expect("written");
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8_192]);
    loop {
        let text = String::from_utf8_lossy(&bytes);
        // A message of fragments has the number of an entry; a heartbeat has none.
        let message = text
            .split_once("id: ")
            .and_then(|(_, r)| r.split_once("\n\n"));
        if let Some((message, _)) = message {
            let lines = message.lines().filter_map(|l| l.strip_prefix("data: "));
            return lines.collect::<Vec<_>>().join("\n");
        }
        let n = stream.read(&mut buffer).expect("read");
        assert!(n > 0, "{address}: closed after {text}");
        bytes.extend_from_slice(&buffer[..n]);
    }
}

#[test]
fn each_fragment_has_one_place_on_its_page() {
    let mut house = House::new("[[camera]]\nid = \"cam-1\"\nname = \"Cổng chợ\"\n");
    house.start();
    let cookie = house.sign_in();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is there", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    for (path, live, least) in [
        ("/", "today", 9),
        ("/lights", "lights", 3),
        ("/sensors", "sensors", 2),
        ("/devices", "devices", 6),
        ("/cameras", "cameras", 3),
        ("/cameras/cam-1", "camera-cam-1", 3),
        ("/speakers", "speakers", 4),
        ("/notices", "other", 1),
    ] {
        let page = house.get(path, &cookie).body;
        assert!(
            page.contains(&format!("data-live=\"/live/{live}\"")),
            "{path}"
        );
        let fragments = outermost(&first_fragments(&house, &format!("/live/{live}"), &cookie));
        assert!(fragments.len() >= least, "{path}: {fragments:?}");
        let mut ids: Vec<&str> = Vec::new();
        for (name, attributes) in &fragments {
            let id = id_of(attributes).unwrap_or_else(|| panic!("{path}: <{name} {attributes}>"));
            assert!(!ids.contains(&id), "{path} sends {id} once");
            ids.push(id);
            let places: Vec<&str> = page
                .split('<')
                .filter(|tag| id_of(tag.split('>').next().unwrap_or_default()) == Some(id))
                .collect();
            assert_eq!(places.len(), 1, "{path} has one place for {id}: {places:?}");
            assert!(places[0].starts_with(name), "{path}: {id} stays a {name}");
        }
    }
}
