//! Who is let in, who waits, and what counts as wrong.

use super::*;
use crate::domain::actor::{Actor, Role};
use crate::domain::event::{ClockQuality, Entry, Event};

#[tokio::test]
async fn a_prankster_locks_himself_out_and_never_the_chief() {
    let folder = std::env::temp_dir().join(format!(
        "conglang-session-{}",
        getrandom::u64().expect("random")
    ));
    std::fs::create_dir_all(&folder).expect("folder");
    let clock = Clock::manual(1_000_000);
    let files = PeopleFiles::open(&folder.join("files"), vec![1; 32]).expect("files");
    let open = |clock| {
        SignIns::open(
            &folder,
            Some(vec![2; 32]),
            Some(vec![3; 32]),
            files.clone(),
            clock,
        )
    };
    let sessions = open(clock.clone()).expect("opens");
    let record = sessions
        .make_person("Ông Mẫu", "135790")
        .await
        .expect("person");
    let chief = UserId::new("mau").expect("id");
    let mut state = VillageState::default();
    let put = |state: &mut VillageState, generation| {
        let event = Event::UserPut {
            user: User {
                id: chief.clone(),
                role: Role::Chief,
                record: record.clone(),
                generation,
            },
        };
        state.apply(&Entry {
            seq: state.seq + 1,
            mono_ms: 0,
            wall_ms: 0,
            clock: ClockQuality::Synced,
            actor: Actor::System,
            cause: None,
            lane: event.lane(),
            lane_seq: 1,
            event,
        });
    };
    put(&mut state, 1);
    let (bad, good): (IpAddr, IpAddr) = (
        "10.0.0.66".parse().expect("ip"),
        "10.0.0.5".parse().expect("ip"),
    );
    let token = sessions
        .sign_in(&state, &chief, "135790", good, None)
        .await
        .expect("in");
    assert_eq!(sessions.user_of(&state, &token).expect("known").id, chief);
    for left in (1..MAX_WRONG_PINS).rev() {
        assert_eq!(
            sessions.sign_in(&state, &chief, "000000", bad, None).await,
            Err(SignInError::WrongPin(left))
        );
    }
    assert_eq!(
        sessions.sign_in(&state, &chief, "000000", bad, None).await,
        Err(SignInError::Locked(300))
    );
    assert!(
        matches!(
            sessions.sign_in(&state, &chief, "135790", bad, None).await,
            Err(SignInError::Locked(_))
        ),
        "even with the right PIN"
    );
    assert!(
        sessions
            .sign_in(&state, &chief, "135790", good, None)
            .await
            .is_ok(),
        "the chief is not locked out"
    );
    clock.advance(std::time::Duration::from_millis(LOCKOUT_MS + 1));
    assert!(
        sessions
            .sign_in(&state, &chief, "135790", bad, None)
            .await
            .is_ok()
    );
    // One network of IPv6 is one address; another network is another.
    let of = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, n]);
    for left in (1..MAX_WRONG_PINS).rev() {
        assert_eq!(
            sessions
                .sign_in(
                    &state,
                    &chief,
                    "000000",
                    of(u16::try_from(left).expect("small")),
                    None
                )
                .await,
            Err(SignInError::WrongPin(left))
        );
    }
    assert_eq!(
        sessions
            .sign_in(&state, &chief, "000000", of(77), None)
            .await,
        Err(SignInError::Locked(300))
    );
    assert!(
        matches!(
            sessions
                .sign_in(&state, &chief, "135790", of(78), None)
                .await,
            Err(SignInError::Locked(_))
        ),
        "an address of its own does not help"
    );
    assert!(
        sessions
            .sign_in(
                &state,
                &chief,
                "135790",
                IpAddr::from([0x2001, 0xdb8, 0, 2, 1, 0, 0, 1]),
                None
            )
            .await
            .is_ok()
    );
    let own = sessions.known_phone(&state, &chief);
    assert!(
        sessions
            .sign_in(&state, &chief, "135790", of(79), Some(&own))
            .await
            .is_ok(),
        "the chief's own phone in that network is not locked"
    );
    assert!(
        matches!(
            sessions
                .sign_in(&state, &chief, "135790", of(78), Some("x"))
                .await,
            Err(SignInError::Locked(_))
        ),
        "nor is a stranger let in for that"
    );
    // Many addresses: strangers are refused, the remembered phone still gets in.
    for n in 0..MAX_WRONG_PINS_A_DAY {
        let _ = sessions
            .sign_in(
                &state,
                &chief,
                "111111",
                IpAddr::from([10, 1, 0, u8::try_from(n).expect("small")]),
                None,
            )
            .await;
    }
    assert_eq!(
        sessions
            .sign_in(
                &state,
                &chief,
                "135790",
                "10.2.0.1".parse().expect("ip"),
                None
            )
            .await,
        Err(SignInError::UnknownPhone)
    );
    assert!(
        sessions
            .sign_in(
                &state,
                &chief,
                "135790",
                good,
                Some(&sessions.known_phone(&state, &chief))
            )
            .await
            .is_ok()
    );
    // A lost phone is signed out from another; that one stays.
    let known = sessions.known_phone(&state, &chief);
    let lost = sessions
        .sign_in(&state, &chief, "135790", good, Some(&known))
        .await
        .expect("in");
    sessions.sign_out_others(&chief, &token);
    assert!(
        sessions.user_of(&state, &lost).is_none() && sessions.user_of(&state, &token).is_some()
    );
    assert_eq!(sessions.count(&state, &chief), 1);
    let far = "10.3.0.1".parse().expect("ip");
    assert_eq!(
        sessions
            .sign_in(&state, &chief, "135790", far, Some(&known))
            .await,
        Err(SignInError::UnknownPhone),
        "what the lost phone kept is worth nothing"
    );
    // A new process knows the phone; a new PIN ends the session.
    let again = open(clock).expect("opens");
    assert!(again.user_of(&state, &token).is_some());
    put(&mut state, 2);
    assert_eq!(
        again.count(&state, &chief),
        0,
        "a new PIN puts every phone out"
    );
    assert!(again.user_of(&state, &token).is_none());
    // What cannot be looked at is not wrong: a hash that is damaged, a file that is gone.
    let broken = serde_json::to_vec(&Person {
        name: "Ông Mẫu".into(),
        pin: "$argon2id$v=19$m=19456".into(),
    })
    .expect("JSON");
    let record = files.put(broken).await.expect("put");
    let event = Event::UserPut {
        user: User {
            id: chief.clone(),
            role: Role::Chief,
            record: record.clone(),
            generation: 3,
        },
    };
    state.apply(&Entry {
        seq: state.seq + 1,
        mono_ms: 0,
        wall_ms: 0,
        clock: ClockQuality::Synced,
        actor: Actor::System,
        cause: None,
        lane: event.lane(),
        lane_seq: 1,
        event,
    });
    let fresh = IpAddr::from([10, 4, 0, 1]);
    for round in 0..2 * MAX_WRONG_PINS {
        assert_eq!(
            again.sign_in(&state, &chief, "135790", fresh, None).await,
            Err(SignInError::Internal),
            "round {round}"
        );
        if round == MAX_WRONG_PINS {
            files.erase(&record.id).expect("erased");
        }
    }
    std::fs::remove_dir_all(folder).expect("clean");
}
