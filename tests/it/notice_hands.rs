//! Forms of notices to which something happens before the button is pressed: the hour of a draft
//! comes, a file goes, another hand changes the same text.

use std::time::Duration;

use conglang::domain::actor::Actor;
use conglang::domain::notice::{Command, NoticeDetails, NoticeKind, NoticeWords};

use crate::notice_strains::{
    id, now, pages, paper, post, publish, submit, typed, visitor, with_fields,
};

#[test]
fn a_draft_that_goes_up_while_it_is_corrected_comes_back_as_a_correction() {
    let pages = pages();
    let cookie = pages.sign_in();
    let form = pages.get("/notices/new", &cookie);
    let once = form.field("once");
    let fields = with_fields(&form, &typed("Họp thôn", "Lúc 19 giờ."));
    assert_eq!(
        post(&pages, "/notices/drafts", &cookie, &fields).status,
        303
    );
    let draft = pages.get(&format!("/notices/drafts/{once}"), &cookie);
    assert_eq!(draft.field("notice"), once);

    // Its hour comes while the chief types.
    let saved = pages.app.journal.state().drafts[&id(&once)].clone();
    let schedule = Command::Schedule {
        id: id(&once),
        text: saved.text.clone(),
        details: saved.details.clone(),
        publish_at: now(&pages) + 1,
    };
    submit(&pages, Actor::LocalAdmin, schedule).expect("scheduled");
    std::thread::sleep(Duration::from_millis(5));
    let due = Command::PublishDue { id: id(&once) };
    submit(&pages, Actor::System, due).expect("published");

    for path in ["/notices", "/notices/drafts"] {
        let fields = with_fields(&draft, &typed("Họp thôn", "Lúc 20 giờ."));
        let late = post(&pages, path, &cookie, &fields);
        assert_eq!(late.status, 409, "{path}");
        for words in [
            "vừa lên bảng theo giờ hẹn",
            "Lúc 20 giờ.</textarea>",
            "<p>Lúc 19 giờ.</p>",
        ] {
            assert!(late.body.contains(words), "{path}: {words}: {}", late.body);
        }
        assert_eq!(late.field("correct"), "1");
        assert!(
            visitor(&pages, &format!("/t/{once}"))
                .body
                .contains("Lúc 19 giờ.")
        );
        if path == "/notices" {
            continue;
        }
        let fields = with_fields(&late, &typed("Họp thôn", "Lúc 20 giờ."));
        let corrected = post(&pages, "/notices", &cookie, &fields);
        let said = format!("/notices/{once}?said=corrected&undo=");
        let there = corrected.header("location");
        assert!(there.starts_with(&said), "{corrected:?}");
    }
    let read = visitor(&pages, &format!("/t/{once}")).body;
    assert!(
        read.contains("Lúc 20 giờ.") && read.contains("Đã sửa lúc"),
        "{read}"
    );
    // A second tap on the form that says the same is told that it is up.
    let same = with_fields(&draft, &typed("Họp thôn", "Lúc 20 giờ."));
    let again = post(&pages, "/notices", &cookie, &same);
    let said = format!("/notices/{once}?said=published");
    assert_eq!(again.header("location"), said);

    // Whoever threw it away learns that it is up, and how to take it down.
    let remove = format!("/notices/drafts/{once}/remove");
    let removed = post(&pages, &remove, &cookie, &with_fields(&draft, &[]));
    let said = format!("/notices/{once}?said=draft-went-up");
    assert_eq!(removed.header("location"), said);
    let page = pages.get(&said, &cookie).body;
    assert!(
        page.contains("Chưa bỏ được") && page.contains("/down\""),
        "{page}"
    );
    let opened = pages.get(&format!("/notices/drafts/{once}"), &cookie);
    assert_eq!(opened.header("location"), format!("/notices/{once}"));
}

#[test]
fn a_file_that_is_gone_when_the_button_is_pressed_is_named() {
    let pages = pages();
    let cookie = pages.sign_in();
    for path in ["/notices", "/notices/drafts", "/notices/preview"] {
        let list = paper(&pages, path);
        let field = format!("{} Giấy mời.pdf", list.sha256);
        let form = pages.get("/notices/new", &cookie);
        let mut fields = with_fields(&form, &typed("Họp thôn", path));
        fields.push(("file".to_owned(), field.clone()));
        let preview = post(&pages, "/notices/preview", &cookie, &fields);
        assert!(preview.body.contains("Giấy mời.pdf"), "{}", preview.body);
        std::fs::remove_file(pages.app.attachments.path(&list)).expect("removed");
        let refused = post(&pages, path, &cookie, &fields);
        assert_eq!(refused.status, 400, "{path}: {}", refused.body);
        assert!(
            refused.body.contains("Máy không còn “Giấy mời.pdf”")
                && refused.body.contains("</textarea>")
                && !refused.body.contains(&list.sha256),
            "{}",
            refused.body
        );
    }
    let state = pages.app.journal.state();
    assert!(state.notices.is_empty() && state.drafts.is_empty());
}

#[test]
fn two_hands_at_one_text_see_each_other() {
    let pages = pages();
    let cookie = pages.sign_in();
    let meeting = NoticeDetails::of(NoticeKind::Meeting);
    publish(
        &pages,
        "hop",
        &NoticeWords::of("Họp", "Lúc 19 giờ."),
        meeting,
    );
    let form = pages.get("/notices/new", &cookie);
    let draft = form.field("once");
    let fields = with_fields(&form, &typed("Quỹ", "Mỗi hộ 10 nghìn."));
    assert_eq!(
        post(&pages, "/notices/drafts", &cookie, &fields).status,
        303
    );
    let of_draft = format!("/notices/drafts/{draft}");
    for (opened, sent, first, second) in [
        (
            "/notices/hop/correct",
            "/notices",
            "Lúc 19 giờ 30.",
            "Lúc 19 giờ, nhà văn hóa.",
        ),
        (
            &*of_draft,
            "/notices/drafts",
            "Mỗi hộ 20 nghìn.",
            "Mỗi hộ 10 nghìn, nhé.",
        ),
    ] {
        let mine = pages.get(opened, &cookie);
        let theirs = pages.get(opened, &cookie);
        let fields = with_fields(&theirs, &typed("Việc", first));
        // A double tap of one hand is no second hand.
        for _ in 0..2 {
            assert_eq!(post(&pages, sent, &cookie, &fields).status, 303, "{opened}");
        }
        let late = post(
            &pages,
            sent,
            &cookie,
            &with_fields(&mine, &typed("Việc", second)),
        );
        assert_eq!(late.status, 409, "{opened}: {}", late.body);
        for words in [
            "Người khác vừa sửa",
            &format!("{second}</textarea>"),
            &format!("<p>{first}</p>"),
        ] {
            assert!(late.body.contains(words), "{words}: {}", late.body);
        }
        assert!(pages.get(opened, &cookie).body.contains(first));
        let fields = with_fields(&late, &typed("Việc", second));
        assert_eq!(post(&pages, sent, &cookie, &fields).status, 303, "{opened}");
        assert!(pages.get(opened, &cookie).body.contains(second));
    }
    // The same words with another hour are another text.
    let mine = pages.get("/notices/hop/correct", &cookie);
    let theirs = pages.get("/notices/hop/correct", &cookie);
    let mut fields = with_fields(&theirs, &typed("Việc", "Lúc 19 giờ, nhà văn hóa."));
    fields.push(("held-day".to_owned(), "2030-12-07".to_owned()));
    assert_eq!(post(&pages, "/notices", &cookie, &fields).status, 303);
    let fields = with_fields(&mine, &typed("Việc", "Lúc 19 giờ, nhà văn hóa."));
    assert_eq!(post(&pages, "/notices", &cookie, &fields).status, 409);

    // The storm plan.
    let plan = |boats| [("shelters", "Trường"), ("boats", boats), ("phones", "113")];
    let first = with_fields(&pages.get("/storm", &cookie), &plan("Bến A"));
    assert_eq!(post(&pages, "/storm", &cookie, &first).status, 303);
    let (mine, theirs) = (pages.get("/storm", &cookie), pages.get("/storm", &cookie));
    let fields = with_fields(&theirs, &plan("Bến B"));
    for _ in 0..2 {
        assert_eq!(post(&pages, "/storm", &cookie, &fields).status, 303);
    }
    let late = post(
        &pages,
        "/storm",
        &cookie,
        &with_fields(&mine, &plan("Bến C")),
    );
    assert_eq!(late.status, 409);
    assert!(
        late.body.contains("Người khác vừa sửa kế hoạch")
            && late.body.contains("<p>Bến B</p>")
            && late.body.contains("Bến C</textarea>"),
        "{}",
        late.body
    );
    assert_eq!(pages.app.storm_plan().boats, ["Bến B"]);
    let fields = with_fields(&late, &plan("Bến C"));
    assert_eq!(post(&pages, "/storm", &cookie, &fields).status, 303);
    assert_eq!(pages.app.storm_plan().boats, ["Bến C"]);
}

#[test]
fn a_plan_that_the_technician_gives_is_written_as_the_form_writes_it() {
    let pages = pages();
    let cookie = pages.sign_in();
    let plan = [
        ("shelters", "Trường"),
        ("boats", "Bến C"),
        ("phones", "113"),
    ];
    let form = pages.get("/storm", &cookie);
    let given = serde_json::json!({
        "shelters": ["Trường\nlàng", "  "], "boats": ["Bến A"], "phones": ["113"],
    });
    assert_eq!(pages.technician("/storm", &given).status, 200);
    assert_eq!(pages.app.storm_plan().shelters, ["Trường làng"]);
    let before = pages.entries().len();
    assert_eq!(pages.technician("/storm", &given).status, 200);
    assert_eq!(pages.entries().len(), before, "the same plan again");
    // The form was opened before.
    let late = post(&pages, "/storm", &cookie, &with_fields(&form, &plan));
    assert_eq!(late.status, 409);
    assert!(late.body.contains("<p>Bến A</p>"), "{}", late.body);
    let long = serde_json::json!({ "boats": ["x".repeat(161)] });
    let refused = pages.technician("/storm", &long);
    assert!(
        refused.status == 400 && refused.body.contains("160"),
        "{refused:?}"
    );
}

/// Three bytes a character, nine on their way.
#[test]
fn the_longest_text_in_any_script_goes_from_its_preview_to_the_board() {
    let pages = pages();
    let cookie = pages.sign_in();
    let long = "ខ".repeat(8_000);
    let form = pages.get("/notices/new", &cookie);
    let once = form.field("once");
    let mut fields = with_fields(&form, &typed("Khmer", &long));
    fields.push(("language".to_owned(), "km".to_owned()));
    let preview = post(&pages, "/notices/preview", &cookie, &fields);
    assert_eq!(preview.status, 200);
    let published = post(&pages, "/notices", &cookie, &with_fields(&preview, &[]));
    assert_eq!(published.status, 303, "{published:?}");
    assert!(visitor(&pages, &format!("/t/{once}")).body.contains(&long));
    let rows = vec!["ខ".repeat(160); 20].join("\n");
    let plan = [("shelters", &*rows), ("boats", &*rows), ("phones", &*rows)];
    let fields = with_fields(&pages.get("/storm", &cookie), &plan);
    assert_eq!(post(&pages, "/storm", &cookie, &fields).status, 303);
}
