//! The reasons of the broker's refusals in Vietnamese; the broker itself writes them in English,
//! for logs.

/// The broker's sentences with their translations. The text behind a colon (a topic, a cause)
/// follows unchanged.
const REFUSAL_TEXTS: [(&str, &str); 52] = [
    ("wrong user name or password", "sai tên hoặc mật khẩu"),
    (
        "a user name and a password are needed",
        "không gửi tên và mật khẩu",
    ),
    (
        crate::protocol::broker::QUARANTINE_REASON,
        "chưa có tài khoản: chỉ được tự giới thiệu (nhận vào: conglang device add)",
    ),
    (
        "too many devices without an account are here at once",
        "quá nhiều thiết bị lạ cùng lúc",
    ),
    (
        "the certificate's name has no account",
        "tên trong chứng thư số không có tài khoản",
    ),
    (
        "its certificate is not the newest of this name",
        "chứng thư số này đã bị thay bằng chứng thư mới hơn của cùng tên",
    ),
    (
        "enhanced authentication is not offered",
        "đòi kiểu xác thực không hỗ trợ",
    ),
    (
        "the client id is longer than allowed or holds control characters",
        "mã kết nối (client id) quá dài hoặc có ký tự lạ",
    ),
    (
        "a session that is kept needs a client id",
        "muốn giữ phiên thì phải có mã kết nối (client id)",
    ),
    (
        "MQTT 3.1 needs a client id",
        "MQTT 3.1 phải có mã kết nối (client id)",
    ),
    (
        "its will is about a topic that it may not publish to",
        "lời nhắn cuối (last will) nằm ngoài quyền",
    ),
    (
        "the will's topic is longer or deeper than allowed",
        "lời nhắn cuối có chủ đề quá dài",
    ),
    (
        "the will's topic is not a topic",
        "lời nhắn cuối có chủ đề sai",
    ),
    (
        "this account has too many connections",
        "một tài khoản mở quá nhiều kết nối",
    ),
    (
        "it published outside of its permission",
        "gửi vào chủ đề không được phép",
    ),
    (
        "it subscribed outside of its permission",
        "xin nhận chủ đề không được phép",
    ),
    (
        "it has more filters than allowed, or too much of it waits for the card",
        "xin nhận quá nhiều chủ đề, hoặc thẻ nhớ chưa ghi kịp",
    ),
    ("the session is gone", "phiên đã hết"),
    (
        "its filter is not one, or longer or deeper than allowed",
        "chủ đề xin nhận viết sai hoặc quá dài",
    ),
    (
        "a bound of retained messages or of a queue was reached",
        "tin giữ lại hoặc hàng chờ đã đầy",
    ),
    ("it says more than it may", "gửi quá nhiều trong một gói"),
    (
        "it leaves more messages unfinished than agreed",
        "bỏ dở quá nhiều tin",
    ),
    (
        "it leaves too many messages unreleased",
        "bỏ dở quá nhiều tin",
    ),
    (
        "it was silent longer than its keep alive",
        "im lặng quá lâu (keep alive)",
    ),
    (
        "another connection took its session over",
        "có kết nối mới trùng mã, kết nối cũ bị thay (hai thiết bị dùng chung mã?)",
    ),
    (
        "account changed; disconnecting",
        "tài khoản đã đổi hoặc bị thu hồi",
    ),
    ("a technician ended it", "kỹ thuật viên ngắt"),
    (
        "it does not take its messages",
        "không chịu nhận tin gửi đến",
    ),
    (
        "it did not say who it is in time",
        "kết nối rồi không gửi CONNECT",
    ),
    (
        "it had not said who it is when its place was needed",
        "chưa gửi CONNECT khi người khác cần chỗ",
    ),
    (
        "it left before it said who it is",
        "rời đi khi chưa gửi CONNECT",
    ),
    ("it does not speak MQTT", "không dùng giao thức MQTT"),
    (
        "it speaks an MQTT version that is not served",
        "dùng phiên bản MQTT không hỗ trợ",
    ),
    (
        "it takes no packet as large as the answer to CONNECT",
        "khai chỉ nhận gói nhỏ hơn cả lời đáp CONNECT",
    ),
    (
        "it takes no packet as large as the answer to what it asked",
        "khai chỉ nhận gói nhỏ hơn lời đáp cho điều nó hỏi",
    ),
    ("the packet is larger than allowed", "gói tin quá lớn"),
    ("a topic longer or deeper than allowed", "chủ đề quá dài"),
    (
        "a topic alias beyond the agreed number",
        "bí danh chủ đề (topic alias) vượt mức",
    ),
    (
        "a topic alias that stands for nothing",
        "bí danh chủ đề (topic alias) chưa được gán",
    ),
    (
        "a payload says that it is text, and is not UTF-8",
        "nội dung khai là chữ nhưng không phải UTF-8",
    ),
    ("storage unavailable", "thẻ nhớ không ghi được"),
    (
        "too many connections of this address have not said who they are",
        "quá nhiều kết nối từ một địa chỉ chưa xưng tên",
    ),
    (
        "too many connections of this address",
        "quá nhiều kết nối từ một địa chỉ",
    ),
    (
        "the broker has no place for more connections",
        "máy chủ MQTT hết chỗ cho kết nối mới",
    ),
    (
        "a topic or an announcement longer or deeper than allowed",
        "chủ đề hoặc lời giới thiệu quá dài",
    ),
    (
        "the card has so much of this account to write that it must wait",
        "tài khoản này gửi quá nhiều thứ phải ghi vào thẻ nhớ, phải chờ",
    ),
    (
        "a session that was not to be kept cannot be kept now",
        "lúc vào xin không giữ phiên, lúc ra lại xin giữ",
    ),
    ("the broker ends", "máy chủ MQTT dừng"),
    ("the TLS handshake failed", "bắt tay TLS không thành"),
    (
        "the WebSocket handshake failed",
        "bắt tay WebSocket không thành",
    ),
    (
        "the WebSocket over TLS handshake failed",
        "bắt tay WebSocket qua TLS không thành",
    ),
    ("a second CONNECT", "gửi CONNECT hai lần"),
];

/// Why a discovery message cannot be used, in the same way: the sentences of `protocol::discovery`
/// and `devices`.
const ANNOUNCEMENT_TEXTS: [(&str, &str); 23] = [
    (
        "more of its announcements are not used",
        "còn lời tự giới thiệu khác không dùng được",
    ),
    ("it is no discovery topic", "chủ đề tự giới thiệu viết sai"),
    (
        "its component is not used in this house",
        "máy không dùng loại này",
    ),
    (
        "its node id is no id of this house",
        "mã thiết bị trong chủ đề có ký tự lạ",
    ),
    (
        "its object id is no id of this house",
        "mã của thứ được khai có ký tự lạ hoặc quá dài",
    ),
    (
        "the announcement is not JSON",
        "lời tự giới thiệu không phải JSON",
    ),
    (
        "the announcement is not a JSON object",
        "lời tự giới thiệu không phải một đối tượng JSON",
    ),
    ("state_topic is missing", "thiếu state_topic"),
    ("command_topic is missing", "thiếu command_topic"),
    (
        "on and off are the same word",
        "payload của bật và tắt giống nhau",
    ),
    (
        "a payload is neither a text nor a number nor true or false",
        "payload không phải chữ, số, true hay false",
    ),
    ("a payload is too long", "payload quá dài"),
    (
        "its schema is not understood, only the default one is",
        "máy chỉ hiểu schema mặc định, không hiểu",
    ),
    (
        "a template for its orders is not understood",
        "máy không hiểu command_template",
    ),
    (
        "what should be a text is none",
        "chỗ phải ghi chữ lại không phải chữ",
    ),
    (
        "the template is not understood",
        "máy chỉ hiểu mẫu {{ value }} và {{ value_json.tên }}, không hiểu",
    ),
    (
        "the announcement is larger than is read, in bytes",
        "lời tự giới thiệu dài quá 16 KiB, số byte",
    ),
    (
        "it names topics that are not its own, which begin with",
        "dùng chủ đề của thiết bị khác; chủ đề của nó phải bắt đầu bằng",
    ),
    (
        "too many of its announcements wait",
        "khai quá nhiều cùng lúc; một giờ nữa khai lại phần còn thiếu",
    ),
    (
        "this account has too many entities, at most",
        "tài khoản này đã khai đủ, nhiều nhất",
    ),
    (
        "under this id it is announced as something else; take that announcement back and announce again",
        "mã này đã được khai là loại khác; gỡ lời khai kia rồi khai lại",
    ),
    (
        "what should be a number of seconds is none",
        "chỗ phải ghi số giây lại không phải số",
    ),
    ("the house refuses it", "máy không nhận"),
];

/// Begins the reason why a discovery message is not used; the topic stands at the end in brackets.
const UNUSED_PREFIX: &str = "its announcement is not used, ";

/// A discovery message that is not used, as a reason among the broker's.
#[must_use]
pub fn unused_announcement(topic: &str, why: &str) -> String {
    format!("{UNUSED_PREFIX}{why} [{topic}]")
}

/// The number of further discovery messages that are not used.
#[must_use]
pub fn more_unused_announcements(n: usize) -> String {
    format!("more of its announcements are not used: {n}")
}

/// True for the texts of [`unused_announcement`] and [`more_unused_announcements`].
#[must_use]
pub fn is_about_announcement(why: &str) -> bool {
    why.starts_with(UNUSED_PREFIX) || why.starts_with("more of its announcements are not used")
}

/// The sentence in Vietnamese; an unknown sentence stays as it is, behind a word for its kind.
#[must_use]
pub fn vietnamese(why: &str) -> String {
    if let Some(rest) = why.strip_prefix(UNUSED_PREFIX) {
        let (reason, topic) = rest
            .rsplit_once(" [")
            .map_or((rest, ""), |(r, t)| (r, t.trim_end_matches(']')));
        return format!(
            "lời tự giới thiệu {topic} không dùng được: {}",
            vietnamese(reason)
        );
    }
    for (english, vietnamese) in REFUSAL_TEXTS.into_iter().chain(ANNOUNCEMENT_TEXTS) {
        if let Some(rest) = why.strip_prefix(english)
            && (rest.is_empty() || rest.starts_with(':'))
        {
            return format!("{vietnamese}{rest}");
        }
    }
    format!("sai quy cách MQTT ({why})")
}

#[cfg(test)]
mod tests {
    use super::vietnamese;

    /// Sentences in a source that follow a reason code, or are refused, or end a connection.
    fn sentences(source: &str) -> Vec<&str> {
        let parts: Vec<&str> = source.split('"').collect();
        let coded = |before: &str| {
            before
                .trim_end()
                .strip_suffix(',')
                .and_then(|b| b.get(b.len().checked_sub(4)?..))
                .is_some_and(|c| c.starts_with("0x"))
        };
        let refused = |before: &str| {
            before.rsplit(['\n', ';']).next().is_some_and(|line| {
                line.contains("refused(")
                    || line.contains("nobody(")
                    || line.trim_end().ends_with("Err(")
            })
        };
        parts
            .windows(2)
            .step_by(2)
            .filter(|w| (coded(w[0]) || refused(w[0])) && w[1].contains(' ') && !w[1].contains('{'))
            .map(|w| w[1])
            .collect()
    }

    #[test]
    fn every_sentence_of_the_broker_has_its_words() {
        let mut found = 0;
        for source in [
            include_str!("../broker/client.rs"),
            include_str!("../broker/handshake.rs"),
            include_str!("../broker/inbound.rs"),
            include_str!("../broker/inbound_publish.rs"),
            include_str!("../broker/pending_acks.rs"),
            include_str!("../broker/core.rs"),
            include_str!("../broker/session_lifecycle.rs"),
            include_str!("../broker/shared.rs"),
            include_str!("../broker/subscribe.rs"),
            include_str!("../broker/admin.rs"),
            include_str!("../broker/worker.rs"),
            include_str!("../broker/edge.rs"),
        ] {
            for sentence in sentences(source) {
                found += 1;
                assert!(
                    !vietnamese(sentence).starts_with("sai quy cách"),
                    "no words for “{sentence}”"
                );
            }
        }
        assert!(found > 20, "the sources are read: {found}");
    }

    #[test]
    fn every_reason_against_an_announcement_has_its_words() {
        for (topic, json) in [
            ("homeassistant/x", "{}"),
            ("homeassistant/fan/a/b/config", "{}"),
            ("homeassistant/light/đ/b/config", "{}"),
            ("homeassistant/light/a/đ/config", "{}"),
            ("homeassistant/light/a/b/config", "{"),
            ("homeassistant/light/a/b/config", "[]"),
            ("homeassistant/light/a/b/config", "{}"),
            ("homeassistant/light/a/b/config", r#"{"stat_t":"s"}"#),
            ("homeassistant/light/a/b/config", r#"{"stat_t":7}"#),
            (
                "homeassistant/light/a/b/config",
                r#"{"stat_t":"s","cmd_t":"c","pl_on":"x","pl_off":"x"}"#,
            ),
            (
                "homeassistant/light/a/b/config",
                r#"{"stat_t":"s","cmd_t":"c","pl_on":null}"#,
            ),
            (
                "homeassistant/light/a/b/config",
                r#"{"stat_t":"s","schema":"json"}"#,
            ),
            (
                "homeassistant/light/a/b/config",
                r#"{"stat_t":"s","cmd_tpl":"{{ x }}"}"#,
            ),
            (
                "homeassistant/sensor/a/b/config",
                r#"{"stat_t":"s","val_tpl":"{{ value_json['x'] }}"}"#,
            ),
        ] {
            let why = crate::protocol::discovery::read(topic, json.as_bytes()).expect_err(json);
            let said = vietnamese(&super::unused_announcement(topic, &why));
            assert!(
                said.starts_with("lời tự giới thiệu homeassistant/")
                    && !said.contains("sai quy cách"),
                "no words for “{why}”: {said}"
            );
            assert!(super::is_about_announcement(&super::unused_announcement(
                topic, &why
            )));
        }
        assert_eq!(
            vietnamese(&super::more_unused_announcements(228)),
            "còn lời tự giới thiệu khác không dùng được: 228"
        );
    }

    #[test]
    fn what_the_broker_says_is_said_in_words() {
        assert_eq!(
            vietnamese("wrong user name or password"),
            "sai tên hoặc mật khẩu"
        );
        assert_eq!(
            vietnamese("it published outside of its permission: d/den-02/x"),
            "gửi vào chủ đề không được phép: d/den-02/x"
        );
        assert_eq!(vietnamese("packet id 0"), "sai quy cách MQTT (packet id 0)");
    }
}
