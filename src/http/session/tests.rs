//! Sign-in by PIN: attempts that are let in, that must wait, and that count as wrong.

use super::pin_attempts::MAX_WRONG_PINS_A_DAY;
use super::*;
use crate::domain::event::{Entry, Event};
use crate::domain::user::{self, Role};

/// The chief's PIN.
const PIN: &str = "135790";

/// A village with one chief, in a folder of its own.
struct Fixture {
    folder: tempfile::TempDir,
    clock: Clock,
    files: PeopleFiles,
    sign_ins: SignIns,
    state: VillageState,
    chief: UserId,
    record: BlobRef,
}

fn open(folder: &Path, files: &PeopleFiles, clock: &Clock) -> SignIns {
    SignIns::open(
        folder,
        Some(vec![2; 32]),
        Some(vec![3; 32]),
        files.clone(),
        clock.clone(),
    )
    .expect("opens")
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let clock = Clock::manual(1_000_000);
        let files = PeopleFiles::open(&folder.path().join("files"), vec![1; 32]).expect("files");
        let sign_ins = open(folder.path(), &files, &clock);
        let record = sign_ins.make_person("Ông Mẫu", PIN).await.expect("person");
        let mut fixture = Self {
            folder,
            clock,
            files,
            sign_ins,
            state: VillageState::default(),
            chief: UserId::new("mau").expect("id"),
            record: record.clone(),
        };
        fixture.put_chief(record, 1);
        fixture
    }

    /// Writes into history that the chief has this file and this generation.
    fn put_chief(&mut self, record: BlobRef, generation: u64) {
        let event = Event::User(user::Event::Put {
            user: User {
                id: self.chief.clone(),
                role: Role::Chief,
                record,
                generation,
            },
        });
        let entry = Entry {
            lane_seq: 1,
            ..Entry::sample(self.state.seq + 1, event)
        };
        self.state.apply(&entry);
    }

    async fn sign_in(
        &self,
        pin: &str,
        address: IpAddr,
        known: Option<&str>,
    ) -> Result<String, SignInError> {
        self.sign_ins
            .sign_in(&self.state, &self.chief, pin, address, known)
            .await
    }

    fn known_phone(&self) -> String {
        self.sign_ins.known_phone(&self.state, &self.chief)
    }
}

#[tokio::test]
async fn a_prankster_locks_himself_out_and_never_the_chief() {
    let f = Fixture::new().await;
    let (bad, good) = (IpAddr::from([10, 0, 0, 66]), IpAddr::from([10, 0, 0, 5]));
    let token = f.sign_in(PIN, good, None).await.expect("in");
    assert_eq!(
        f.sign_ins.user_of(&f.state, &token).expect("known").id,
        f.chief
    );
    for left in (1..MAX_WRONG_PINS).rev() {
        assert_eq!(
            f.sign_in("000000", bad, None).await,
            Err(SignInError::WrongPin(left))
        );
    }
    assert_eq!(
        f.sign_in("000000", bad, None).await,
        Err(SignInError::Locked(300))
    );
    assert!(
        matches!(f.sign_in(PIN, bad, None).await, Err(SignInError::Locked(_))),
        "even with the right PIN"
    );
    assert!(
        f.sign_in(PIN, good, None).await.is_ok(),
        "the chief is not locked out"
    );
    f.clock
        .advance(std::time::Duration::from_millis(LOCKOUT_MS + 1));
    assert!(f.sign_in(PIN, bad, None).await.is_ok());
}

#[tokio::test]
async fn the_tries_left_go_down_one_by_one_whatever_else_is_typed() {
    let f = Fixture::new().await;
    let address = IpAddr::from([10, 0, 0, 7]);
    assert_eq!(
        f.sign_in("12345", address, None).await,
        Err(SignInError::NotAPin(MAX_WRONG_PINS)),
        "five digits are no guess"
    );
    for left in (1..MAX_WRONG_PINS).rev() {
        assert_eq!(
            f.sign_in("000000", address, None).await,
            Err(SignInError::WrongPin(left))
        );
        for text in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(
                f.sign_in(text, address, None).await,
                Err(SignInError::NotAPin(left)),
                "“{text}” is not counted and changes no number"
            );
        }
    }
    assert_eq!(
        f.sign_in("000000", address, None).await,
        Err(SignInError::Locked(300))
    );
    assert_eq!(
        f.sign_in("12345", address, None).await,
        Err(SignInError::Locked(300)),
        "who waits is told of the wait"
    );
    // After the wait the count begins again, in the first millisecond too.
    f.clock
        .advance(std::time::Duration::from_millis(LOCKOUT_MS));
    assert_eq!(
        f.sign_in("000000", address, None).await,
        Err(SignInError::WrongPin(MAX_WRONG_PINS - 1))
    );
    let nobody = UserId::new("nobody").expect("id");
    assert_eq!(
        f.sign_ins
            .sign_in(&f.state, &nobody, PIN, address, None)
            .await,
        Err(SignInError::UnknownUser),
        "nobody's tries are counted"
    );
}

#[tokio::test]
async fn one_network_of_ipv6_is_one_address_and_another_network_is_another() {
    let f = Fixture::new().await;
    let of = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, n]);
    for left in (1..MAX_WRONG_PINS).rev() {
        assert_eq!(
            f.sign_in("000000", of(u16::try_from(left).expect("small")), None)
                .await,
            Err(SignInError::WrongPin(left))
        );
    }
    assert_eq!(
        f.sign_in("000000", of(77), None).await,
        Err(SignInError::Locked(300))
    );
    assert!(
        matches!(
            f.sign_in(PIN, of(78), None).await,
            Err(SignInError::Locked(_))
        ),
        "an address of its own does not help"
    );
    let other = IpAddr::from([0x2001, 0xdb8, 0, 2, 1, 0, 0, 1]);
    assert!(f.sign_in(PIN, other, None).await.is_ok());
    let own = f.known_phone();
    assert!(
        f.sign_in(PIN, of(79), Some(&own)).await.is_ok(),
        "the chief's own phone in that network is not locked"
    );
    assert!(
        matches!(
            f.sign_in(PIN, of(78), Some("x")).await,
            Err(SignInError::Locked(_))
        ),
        "nor is a stranger let in for that"
    );
}

#[tokio::test]
async fn after_many_wrong_pins_only_known_phones_may_try_and_a_lost_one_is_none() {
    let f = Fixture::new().await;
    let good = IpAddr::from([10, 0, 0, 5]);
    let token = f.sign_in(PIN, good, None).await.expect("in");
    for n in 0..MAX_WRONG_PINS_A_DAY {
        let address = IpAddr::from([10, 1, 0, u8::try_from(n).expect("small")]);
        let _ = f.sign_in("111111", address, None).await;
    }
    assert_eq!(
        f.sign_in(PIN, IpAddr::from([10, 2, 0, 1]), None).await,
        Err(SignInError::UnknownPhone)
    );
    let known = f.known_phone();
    assert!(f.sign_in(PIN, good, Some(&known)).await.is_ok());
    // A lost phone is signed out from another phone, which stays signed in.
    let lost = f.sign_in(PIN, good, Some(&known)).await.expect("in");
    let before = f.sign_ins.count(&f.state, &f.chief);
    assert_eq!(
        f.sign_ins.sign_out_others(&f.state, &f.chief, &token),
        before - 1
    );
    assert!(
        f.sign_ins.user_of(&f.state, &lost).is_none()
            && f.sign_ins.user_of(&f.state, &token).is_some()
    );
    assert_eq!(f.sign_ins.count(&f.state, &f.chief), 1);
    assert_eq!(
        f.sign_in(PIN, IpAddr::from([10, 3, 0, 1]), Some(&known))
            .await,
        Err(SignInError::UnknownPhone),
        "what the lost phone kept is worth nothing"
    );
}

#[tokio::test]
async fn a_sign_in_outlives_the_process_and_ends_with_a_new_pin() {
    let mut f = Fixture::new().await;
    let good = IpAddr::from([10, 0, 0, 5]);
    let token = f.sign_in(PIN, good, None).await.expect("in");
    let again = open(f.folder.path(), &f.files, &f.clock);
    assert!(again.user_of(&f.state, &token).is_some());
    f.put_chief(f.record.clone(), 2);
    assert_eq!(
        again.count(&f.state, &f.chief),
        0,
        "a new PIN puts every phone out"
    );
    assert!(again.user_of(&f.state, &token).is_none());
}

#[tokio::test]
async fn a_pin_that_cannot_be_verified_is_not_wrong() {
    let mut f = Fixture::new().await;
    // First the hash is damaged, then the file is gone.
    let broken = serde_json::to_vec(&Person {
        name: "Ông Mẫu".into(),
        pin: "$argon2id$v=19$m=19456".into(),
    })
    .expect("JSON");
    let record = f.files.put(broken).await.expect("put");
    f.put_chief(record.clone(), 2);
    let address = IpAddr::from([10, 4, 0, 1]);
    for round in 0..2 * MAX_WRONG_PINS {
        assert_eq!(
            f.sign_in(PIN, address, None).await,
            Err(SignInError::Internal),
            "round {round}"
        );
        if round == MAX_WRONG_PINS {
            f.files.erase(&record.id).expect("erased");
        }
    }
}
