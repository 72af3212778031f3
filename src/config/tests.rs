//! Every mistake at once, with file, line and key.

use proptest::prelude::*;

use super::{ConfigMistake, load_from};

const GOOD: &str = "[village]\nid = \"ben-thoc\"\nname = \"Thôn Bến Thóc\"\n\
    commune = \"xã Đồng Nếp\"\n[doors]\nportal = \"127.0.0.1:8080\"\n[[group]]\nid = \"truc\"\n\
    name = \"Đường trục\"\nlights = [\"den-01.light\"]\n[[sensor]]\nid = \"cb-01.level\"\n\
    name = \"Mực nước\"\nmarks = [180, 230.5]\n";

fn one(text: &str) -> Result<super::Config, Vec<super::ConfigError>> {
    load_from(&[("a.toml".into(), text.into())])
}

#[test]
fn a_good_file_says_where_each_value_came_from() {
    let config = load_from(&[
        ("a.toml".into(), GOOD.into()),
        (
            "b.toml".into(),
            "[doors]\nportal = \"127.0.0.1:9090\"\n".into(),
        ),
    ])
    .expect("good");
    assert_eq!(config.listeners.portal.expect("set").port(), 9090);
    assert_eq!(config.origins["doors.portal"], "b.toml:2");
    assert_eq!(config.origins["village.name"], "a.toml:3");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "[village]\nid = \"Bến\"\nname = 3\n[doors]\nportal = \"here\"\nporttal = 1\n\
        [[camera]]\nid = \"c\"\nname = \"x\"\nurl = \"rtsp://me:pw@h/x\"\n[nonsense]\n";
    let problems = one(text).expect_err("bad");
    let told: Vec<(usize, &str)> = problems.iter().map(|p| (p.line, p.key.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "village.commune"),
            (2, "village.id"),
            (3, "village.name"),
            (5, "doors.portal"),
            (6, "doors.porttal"),
            (10, "camera[0].url"),
            (11, "nonsense")
        ]
    );
    assert!(
        problems
            .iter()
            .all(|p| !format!("{:?}", p.mistake).contains("pw@")),
        "a password is never repeated"
    );
}

#[test]
fn broken_toml_is_a_line_not_a_crash() {
    let problems = one("[village\nid = \n").expect_err("bad");
    assert!(problems.iter().all(|p| p.line >= 1) && !problems.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn a_mutated_file_is_read_or_refused_never_more(
        at in any::<prop::sample::Index>(),
        byte in "[\\x20-\\x7e\\n\\[\\]=\"]",
        cut in any::<bool>(),
    ) {
        let mut text: Vec<char> = GOOD.chars().collect();
        let at = at.index(text.len());
        if cut { text.truncate(at); } else { text[at] = byte.chars().next().unwrap_or('x'); }
        let text: String = text.into_iter().collect();
        if let Err(problems) = one(&text) {
            prop_assert!(
                problems.iter().all(|p| p.line > 0 || p.file.is_empty()),
                "{:?}",
                problems
            );
        }
    }
}

#[test]
fn the_examples_are_right_as_they_stand() {
    for (name, text) in [
        ("conglang.toml", include_str!("../../config/conglang.toml")),
        ("commune.toml", include_str!("../../config/commune.toml")),
    ] {
        let found = load_from(&[(name.to_owned(), text.to_owned())]);
        assert!(found.is_ok(), "{name}: {:?}", found.err());
        // The commented-out settings are also right, as an administrator would enable them.
        let all: String = text
            .lines()
            .map(|l| {
                l.strip_prefix("# ")
                    .filter(|l| {
                        l.starts_with("[[")
                            || l.split_once(" = ").is_some_and(|(k, _)| {
                                k.bytes().all(|b| {
                                    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'
                                })
                            })
                    })
                    .unwrap_or(l)
            })
            .map(|l| format!("{l}\n"))
            .collect();
        let found = load_from(&[(name.to_owned(), all)]);
        assert!(found.is_ok(), "{name}, all of it: {:?}", found.err());
    }
}

#[test]
fn a_later_file_changes_the_limits_that_it_names_and_every_limit_is_judged() {
    let limits = |file: &str, text: &str| (file.to_owned(), format!("[broker.limits]\n{text}\n"));
    let config = load_from(&[
        ("a.toml".into(), GOOD.into()),
        limits("b.toml", "packet = 65536\nfilters = 10"),
        limits("c.toml", "filters = 20"),
    ])
    .expect("good");
    let (l, usual) = (
        &config.broker.limits,
        crate::protocol::broker::Limits::default(),
    );
    assert_eq!((l.packet, l.filters, l.queued), (65_536, 20, usual.queued));
    // Of the values 0 and 4,000,000,000, which limits accept them; all others report them as wrong.
    for (value, good) in [
        (
            "0",
            vec![
                "aliases",
                "keep_alive_s",
                "quarantined",
                "retained",
                "retained_bytes",
                "retained_bytes_per_device",
                "retained_per_device",
            ],
        ),
        (
            "4000000000",
            vec!["bytes_per_second", "messages_per_second", "session_s"],
        ),
    ] {
        let all = serde_json::to_value(&usual).expect("json");
        let mut taken = Vec::new();
        for key in all.as_object().expect("an object").keys() {
            match load_from(&[
                ("a.toml".into(), GOOD.into()),
                limits("b.toml", &format!("{key} = {value}")),
            ]) {
                Ok(_) => taken.push(key.clone()),
                Err(problems) => assert!(
                    problems.iter().any(|p| p.key.starts_with("broker.limits")),
                    "{key} = {value}: {problems:?}"
                ),
            }
        }
        taken.sort();
        assert_eq!(taken, good, "{value}");
    }
}

#[test]
fn names_and_numbers_beyond_their_bounds_are_told_with_their_line() {
    let long = "x".repeat(15_000);
    let text = format!(
        "[village]\nid = \"v\"\nname = \"{long}\"\ncommune = \"\\u200b\"\nlatitude = 91.0\n\
         longitude = 1e308\n[[place]]\nid = \"p\"\nname = \"{long}\"\n[[sensor]]\nid = \"a.b\"\n\
         name = \"x\"\nunit = \"{long}\"\nmarks = [1e308]\ndecimals = 7\n[[speaker]]\nid = \"l\"\n\
         name = \"x\"\nhorns = 200\n[[program]]\nid = \"q\"\nsecret_sha256 = \"{}\"\n\
         publish = [\"{long}\"]\n[doors]\nportal = \"127.0.0.1:1\"\n",
        "0".repeat(64)
    );
    let problems = one(&text).expect_err("bad");
    let told: Vec<(usize, &str)> = problems.iter().map(|p| (p.line, p.key.as_str())).collect();
    let lines = [
        (3, "village.name"),
        (4, "village.commune"),
        (5, "village.latitude"),
        (6, "village.longitude"),
        (9, "place[0].name"),
        (13, "sensor[0].unit"),
        (14, "sensor[0].marks"),
        (15, "sensor[0].decimals"),
        (19, "speaker[0].horns"),
    ];
    assert_eq!(told[..lines.len()], lines, "{problems:?}");
    assert_eq!(
        problems[0].mistake,
        ConfigMistake::TooLong {
            n: 15_000,
            most: 120
        }
    );
    assert!(
        problems.iter().any(|p| p.key == "program")
            && problems
                .iter()
                .all(|p| format!("{:?}", p.mistake).len() < 2_000)
    );
    // Hidden characters are removed, and a letter that was typed as two characters becomes one.
    let config =
        one(&GOOD.replace("Thôn Bến Thóc", "Tho\u{302}n \u{202e} Bến Thóc")).expect("good");
    assert_eq!(
        config.declared.village.expect("there").name,
        "Thôn Bến Thóc"
    );
}

#[test]
fn the_base_of_public_links_is_a_name_and_perhaps_a_folder() {
    let base = |text: &str| {
        let config = one(&format!("{GOOD}[links]\npublic_base = \"{text}\"\n"));
        config.map(|c| c.links.public_base.expect("set"))
    };
    for (good, kept) in [
        ("https://benthoc.example", "https://benthoc.example"),
        (
            "https://xa.example/ben-thoc/",
            "https://xa.example/ben-thoc",
        ),
        ("HTTP://BenThoc.example:8080", "http://benthoc.example:8080"),
    ] {
        assert_eq!(base(good).expect("good"), kept);
    }
    let long = format!("https://{}.example", "x".repeat(60).repeat(2));
    for bad in [
        "benthoc.example",
        "ftp://benthoc.example",
        "https://nhavanhoa",
        "https://10.7.0.1",
        "https://me:pw@benthoc.example",
        "https://benthoc.example/?a",
        "https://benthoc.example/#a",
        &long,
    ] {
        let problems = base(bad).expect_err("bad");
        assert_eq!(problems[0].mistake, ConfigMistake::NotPublicBase, "{bad}");
    }
}
