//! A village with its free wifi: the whole gateway in the box's namespace, the network helper, a
//! resolver and hosts in the internet, phones that know nothing of the village.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use super::house::House;
use super::names;
use super::segments::{BOX, GARDEN_HOST, HOST, Segments};

/// Where the portal listens on the box.
pub const PORTAL_PORT: u16 = 8_080;
/// What a host of the internet answers.
pub const ONLINE: u16 = 204;

/// The village; all of it goes when it is dropped, the gateway before the namespaces.
pub struct GuestVillage {
    pub house: House,
    /// What the gateway's environment has besides.
    pub environment: Vec<(&'static str, String)>,
    pub segments: Segments,
}

/// An answer over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhoneAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl PhoneAnswer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl GuestVillage {
    /// Starts all of it; `extra` is added to the configuration.
    pub fn start(extra: &str) -> Self {
        let segments = Segments::new();
        segments.address("net", "lo", &["11.22.33.53/32"]);
        names::serve(&segments, "11.22.33.53:53");
        for host in HOST.iter().chain(&GARDEN_HOST) {
            segments.serve("net", &at(host, 80), "204 No Content", 0);
            segments.serve("net", &at(host, 443), "200 OK", 40_000_000);
        }
        let network = format!(
            "[network]\nhelper = {:?}\nresolvers = [\"11.22.33.53:53\"]\n\
             guest = {{ interface = \"guest0\", v4 = \"10.7.0.1/22\", v6 = \"fd00:7::1/64\" }}\n\
             device = {{ interface = \"dev0\", v4 = \"10.8.0.1/24\" }}\n\
             staff = {{ interface = \"staff0\", v4 = \"10.9.0.1/24\" }}\n\
             [[network.uplink]]\ninterface = \"up0\"\n\
             [[network.uplink]]\ninterface = \"up1\"\nmetered = true\n{extra}",
            segments.socket().display().to_string(),
        );
        let mut house = House::new(&network);
        house.namespace = Some(segments.name("box"));
        let mut village = Self {
            house,
            environment: Vec::new(),
            segments,
        };
        village.start_gateway();
        village
    }

    /// Starts the gateway and waits until the guest network is in force.
    pub fn start_gateway(&mut self) {
        self.start_gateway_alone();
        self.until_in_force();
    }

    /// Starts the gateway and waits until it answers the technician.
    pub fn start_gateway_alone(&mut self) {
        let listen = |key: &str, at: &str| (key.to_owned(), at.to_owned());
        let environment = [
            listen("CONGLANG__DOORS__PORTAL", &format!("[::]:{PORTAL_PORT}")),
            listen("CONGLANG__DOORS__DASHBOARD", "[::]:8081"),
            listen("CONGLANG__SPEECH__URL", "http://10.8.0.1:8080"),
        ];
        let environment: Vec<(&str, String)> = environment
            .iter()
            .map(|(key, value)| (key.as_str(), value.clone()))
            .chain(self.environment.iter().cloned())
            .collect();
        self.house.start_with(&environment);
    }

    /// Waits until the kernel's rules are the gateway's.
    pub fn until_in_force(&self) {
        self.house
            .until("the guest network", Duration::from_secs(20), |h| {
                let status = h.cli(&["status", "--json"]).1;
                let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
                let parts = status["health"].as_array().cloned().unwrap_or_default();
                let is_green = |name: &str| {
                    let mut rows = parts.iter();
                    rows.any(|row| row[0] == name && row[1] == "green")
                };
                is_green("guests") && is_green("names")
            });
    }

    /// One request from a namespace over a connection of its own.
    pub fn request(&self, place: &str, to: &str, request: &str) -> Option<PhoneAnswer> {
        self.try_request(place, to, request).ok()
    }

    /// The same; the error says how far it came.
    fn try_request(&self, place: &str, to: &str, request: &str) -> Result<PhoneAnswer, String> {
        let connected = self.segments.connect(place, to);
        let mut stream = connected.map_err(|kind| format!("not connected: {kind}"))?;
        let limit = Some(Duration::from_secs(5));
        stream.set_read_timeout(limit).expect("timeout");
        let sent = stream.write_all(request.as_bytes());
        sent.map_err(|cause| format!("not sent: {cause}"))?;
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
        match (answer.split_once("\r\n\r\n"), status) {
            (Some((head, body)), Some(status)) => Ok(PhoneAnswer {
                status,
                head: head.to_owned(),
                body: body.to_owned(),
            }),
            _ => Err(format!("no answer: {answer:?}, {end:?}")),
        }
    }

    /// A page by its host and path, at an address.
    pub fn get(&self, place: &str, to: &str, host: &str, path: &str) -> Option<PhoneAnswer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        self.request(place, to, &request)
    }

    /// A phone's own way to a page: it asks the box for the name, and the address for the page.
    /// `family` is 4 or 6.
    pub fn visit(&self, place: &str, family: u8, host: &str, path: &str) -> Option<PhoneAnswer> {
        let resolver = at(BOX[usize::from(family == 6)], 53);
        let addresses = names::ask(&self.segments, place, &resolver, host)?;
        let of_family = |a: &&IpAddr| a.is_ipv4() == (family == 4);
        let address = addresses.iter().find(of_family)?;
        self.get(place, &at(&address.to_string(), 80), host, path)
    }

    /// The tap on the portal's button, over this family.
    pub fn tap(&self, place: &str, family: u8) -> PhoneAnswer {
        let box_address = BOX[usize::from(family == 6)];
        let host = if family == 6 {
            format!("[{box_address}]")
        } else {
            box_address.to_owned()
        };
        let request = format!(
            "POST /in?lang=vi HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: 0\r\n\r\n"
        );
        let answer = self.try_request(place, &at(box_address, 80), &request);
        answer.expect("the portal answers")
    }

    /// Sets the rules; what is not named is as at the start, and there are no hours.
    pub fn set_rules(&self, change: &serde_json::Value) {
        let rules = serde_json::json!({
            "is_on": true, "hours": null, "session_minutes": null, "device_mb": 1024,
            "house_mb": null, "device_kbit": null, "house_kbit": null, "most_devices": 60,
            "metered_mb": 0, "keep_days": 30, "garden": [names::GARDEN_NAME], "block_list": false,
        });
        let mut rules = rules.as_object().expect("an object").clone();
        rules.extend(change.as_object().expect("an object").clone());
        self.command(&serde_json::json!({ "do": "SetWifiRules", "rules": rules }));
    }

    /// A tap that lets the device in, as its page says.
    pub fn enter(&self, place: &str, family: u8) {
        let page = self.tap(place, family);
        assert_eq!(page.status, 200, "{}", page.head);
        let main = page.body.split_once("<main").map_or("", |(_, main)| main);
        assert!(main.contains("Đã vào mạng"), "{main}");
    }

    /// A long download that the first phone has begun.
    pub fn download(&self) -> TcpStream {
        let connected = self.segments.connect("phone", &at(HOST[0], 443));
        let mut stream = connected.expect("in");
        let asked = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        asked.expect("asked");
        stream
    }

    /// The first page as a device sees it now.
    pub fn page(&self, place: &str) -> String {
        let page = self.get(place, &at(BOX[0], 80), BOX[0], "/");
        page.map_or_else(String::new, |page| page.body)
    }

    /// The devices that are in, as the technician's list has them.
    pub fn devices_in(&self) -> Vec<serde_json::Value> {
        let list = self.house.cli(&["guest", "list", "--json"]).1;
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        let devices = list["devices"].as_array().expect("devices").iter();
        devices.filter(|d| !d["since"].is_null()).cloned().collect()
    }

    /// Whether plain HTTP reaches the internet from there.
    pub fn is_online(&self, place: &str) -> bool {
        self.visit(place, 4, "example.com", "/")
            .is_some_and(|a| a.status == ONLINE)
    }

    /// Gives a command of the village.
    pub fn command(&self, command: &serde_json::Value) {
        let answer = self.house.command(command);
        assert_eq!(answer.status, 200, "{command} {}", answer.body);
    }
}

/// An address with a port.
pub fn at(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
