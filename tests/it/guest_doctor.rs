//! `doctor` about the networks of the box: each part really broken once, its sentence and its
//! advice read, and gone again with the cause. Addresses and the time are in `dhcp`, too.

use std::io::Write as _;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conglang::config::network::NetworkConfig;
use rustix::process::{Signal, kill_process};
use serde_json::json;

use crate::support::guest_village::{GuestVillage, at};
use crate::support::names;
use crate::support::segments::{BOX, PORTAL_PORT, until};

/// The technician's `doctor`, in the box's own network.
fn doctor(village: &GuestVillage) -> String {
    let config = village.house.config().display().to_string();
    let program = env!("CARGO_BIN_EXE_conglang");
    let command = [
        "env",
        "COLUMNS=10000",
        program,
        "--config",
        &config,
        "--lang",
        "vi",
        "doctor",
    ];
    village.segments.exec("box", &command).1
}

/// Waits until a finding has this code, this sentence and this advice.
fn until_found(village: &GuestVillage, code: &str, what: &str, todo: &str) {
    until(what, || {
        let text = doctor(village);
        let mut lines = text.lines();
        let found = lines.find(|line| line.contains(what)).map(str::to_owned);
        let advice = lines.next().unwrap_or_default();
        found.is_some_and(|line| line.contains(code)) && advice.contains(todo)
    });
}

fn until_gone(village: &GuestVillage, what: &str) {
    until(what, || !doctor(village).contains(what));
}

#[test]
fn a_cable_a_line_or_a_helper_that_is_gone_is_found() {
    let mut village = GuestVillage::start("");
    let errors = ["network helper", "guests", "segments"];
    village.house.expect_errors(&errors);
    // Neither dnsmasq nor chrony runs here.
    until_found(
        &village,
        "D-NET-02",
        "Không có ai cấp địa chỉ",
        "restart conglang-dhcp",
    );
    until_found(
        &village,
        "D-NET-03",
        "Không có ai cấp giờ",
        "restart conglang-time chrony",
    );
    // Something read settings again that switch it off.
    let forward = |setting: &str| {
        let setting = format!("net.ipv4.ip_forward={setting}");
        assert!(village.segments.exec("box", &["sysctl", "-qw", &setting]).0);
    };
    forward("0");
    let shut = "Nhân hệ điều hành không chuyển tiếp";
    until_found(&village, "D-NET-04", shut, "restart conglang-netd");
    forward("1");
    until_gone(&village, shut);
    let link = |args: &[&str]| village.segments.ip("box", args);
    link(&["link", "del", "dev0"]);
    let missing = "không thấy cổng mạng dev0";
    until_found(&village, "D-RUN-02", missing, "xem dây mạng");
    link(&["link", "add", "dev0", "type", "bridge"]);
    until_gone(&village, missing);
    link(&["link", "set", "up0", "down"]);
    let down = "mất đường ra internet";
    until_found(&village, "D-RUN-03", down, "xem modem có đèn không");
    village.segments.route_by(1);
    let metered = "đang dùng 4G tính tiền theo dung lượng";
    until_found(&village, "D-RUN-03", metered, "xem đường cáp quang");
    // The rules say how much of it guests may use.
    village.set_rules(&json!({ "metered_mb": 500 }));
    let open = "đang dùng 4G; khách vẫn được dùng đến 500 MB hôm nay";
    until_found(&village, "D-RUN-03", open, "xem đường cáp quang");
    until_gone(&village, metered);
    link(&["link", "set", "up0", "up"]);
    village
        .segments
        .address("box", "up0", &["2001:db8:1::2/64"]);
    village.segments.route_by(0);
    until_gone(&village, metered);
    village.segments.kill_helper();
    let away = "không nói chuyện được với chương trình giữ tường lửa";
    until_found(&village, "D-RUN-02", away, "systemctl status conglang-netd");
    // The helper comes back with a section of before.
    let config = std::fs::read_to_string(village.house.config()).expect("configuration");
    let before = config.replace("10.9.0.1/24", "10.9.0.1/25");
    village.segments.start_helper_of(&before);
    let other = "đang chạy theo mục [network] cũ";
    until_found(
        &village,
        "D-RUN-02",
        other,
        "systemctl restart conglang-netd",
    );
    village.segments.kill_helper();
    village.segments.start_helper();
    until_gone(&village, other);
    village.until_in_force();
}

#[test]
fn names_lists_and_addresses_that_cannot_be_used_are_found() {
    let mut village = GuestVillage::start("");
    village.set_rules(&json!({ "block_list": true }));
    let missing = "cấu hình chưa chỉ tệp nào";
    until_found(
        &village,
        "D-RUN-03",
        missing,
        "ghi đường dẫn vào block_list",
    );
    assert_eq!(village.house.stop(), Some(0));
    // Somebody else has the port, the list is not there, and a file is where a folder should be.
    let list = village.house.dir.join("blocked.txt");
    let no_folder = village.house.config().join("dhcp");
    let config = std::fs::read_to_string(village.house.config()).expect("configuration");
    let head = format!(
        "[network]\nblock_list = \"{}\"\ndhcp = \"{}\"\n",
        list.display(),
        no_folder.display()
    );
    let changed = config.replace("[network]\n", &head);
    std::fs::write(village.house.config(), changed).expect("configuration");
    let address = format!("10.9.0.1:{}", NetworkConfig::default().dns_port);
    let bind = || UdpSocket::bind(&address).expect("a port");
    let other = village.segments.inside("box", bind);
    village.house.expect_errors(&["names"]);
    village.start_gateway_alone();
    let reserve = ["net", "reserve", "aa:bb:cc:00:08:20", "10.8.0.20", "Camera"];
    assert_eq!(village.house.cli(&reserve).0, 0);
    let deaf = format!("chưa nghe được câu hỏi tên miền ở {address}");
    until_found(&village, "D-RUN-02", &deaf, "ss -ulpn");
    let unread = format!("không đọc được danh sách chặn {}", list.display());
    until_found(&village, "D-RUN-03", &unread, "đặt lại tệp này");
    let unwritten = "không ghi được các địa chỉ giữ riêng";
    until_found(&village, "D-RUN-03", unwritten, "");
    drop(other);
    until_gone(&village, &deaf);
    // Put back, it is read by itself.
    std::fs::write(&list, "quangcao.example\n").expect("written");
    until_gone(&village, &unread);
    let asked = || {
        names::ask(
            &village.segments,
            "staff",
            "10.9.0.1:53",
            "quangcao.example",
        )
    };
    until("it is left unanswered", || asked() == Some(Vec::new()));
    village.until_in_force();
}

/// Somebody else's program, which holds a table of our name in the kernel as long as it runs.
struct TableOwner(Child);

impl TableOwner {
    fn start(village: &GuestVillage) -> Self {
        let program = ["netns", "exec", &village.segments.name("box"), "nft", "-i"];
        let child = Command::new("ip")
            .args(program)
            .stdin(Stdio::piped())
            .spawn();
        let mut child = child.expect("nft runs");
        let input = child.stdin.as_mut().expect("a pipe");
        let lines = "flush ruleset\nadd table inet conglang { flags owner; }\n";
        input.write_all(lines.as_bytes()).expect("written");
        Self(child)
    }
}

impl Drop for TableOwner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn rules_that_the_kernel_does_not_take_are_found_with_its_words() {
    let village = GuestVillage::start("");
    village.set_rules(&json!({}));
    village.house.expect_errors(&["network helper", "guests"]);
    let owner = TableOwner::start(&village);
    until("the table is another's", || {
        let table = ["nft", "list", "table", "inet", "conglang"];
        !village.segments.exec("box", &table).1.contains("slots")
    });
    // Without rules of ours nothing leads a name to the box: the phone knows its port.
    let page = village.get("phone", &at(BOX[0], PORTAL_PORT), BOX[0], "/");
    assert_eq!(page.map(|p| p.status), Some(200));
    let to = at(BOX[0], PORTAL_PORT);
    let tap = format!(
        "POST /in HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n",
        BOX[0]
    );
    let told = village.request("phone", &to, &tap).map(|p| p.body);
    assert!(told.is_some_and(|page| page.contains("Wifi đang trục trặc")));
    let refused = "nhân hệ điều hành không nhận luật tường lửa mới";
    until_found(&village, "D-RUN-02", refused, "journalctl -u conglang-netd");
    until("the kernel's words", || {
        doctor(&village).contains("Operation not permitted")
    });
    drop(owner);
    until_gone(&village, refused);
    village.until_in_force();
    village.enter("phone", 4);
    assert!(village.is_online("phone"));
}

/// The gateway waits half a minute for an answer.
#[test]
fn a_helper_that_stands_still_is_found() {
    if std::env::var_os("CONGLANG_LONG").is_none() {
        return;
    }
    let village = GuestVillage::start("");
    village.house.expect_errors(&["network helper", "guests"]);
    let helper = village.segments.helper_pid();
    kill_process(helper, Signal::STOP).expect("stopped");
    let silent = "chương trình giữ tường lửa không trả lời";
    village.house.until(silent, Duration::from_secs(60), |_| {
        let text = doctor(&village);
        text.contains(silent) && text.contains("systemctl status conglang-netd")
    });
    kill_process(helper, Signal::CONT).expect("goes on");
    until_gone(&village, silent);
    village.until_in_force();
}
