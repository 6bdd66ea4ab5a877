//! Users of the console, and their sessions.

use aicp_store::{ConsoleUser, Counts, Error, Library, NewConsoleUser};
use aicp_types::{ConsoleUserId, LibraryId, UnixMillis};

use crate::Harness;
use crate::fixture::{Fixture, bytes, key, named, new_face, new_person};

fn new_user(username: &str) -> NewConsoleUser {
    NewConsoleUser {
        username: username.into(),
        password_hash: "$hash$".into(),
        telephone: "1".into(),
        mail: "a@b".into(),
        department: "7".into(),
        created_at: UnixMillis::new(5),
    }
}

async fn register(f: &Fixture, library: &Library, username: &str) -> ConsoleUser {
    let register = f.store.register_user(new_user(username), library.id, new_person(), new_face(), bytes(username));
    register.await.expect("register").0
}

pub async fn a_user_comes_with_a_person_and_survives_it(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (user, person, face) =
        f.store.register_user(new_user("ann"), library.id, named("u"), new_face(), bytes("p")).await.expect("register");
    let NewConsoleUser { username, password_hash, telephone, mail, department, created_at } = new_user("ann");
    let person_id = Some(person.id);
    let expected =
        ConsoleUser { id: user.id, username, password_hash, telephone, mail, department, person_id, created_at };
    assert_eq!(user, expected);
    assert!(!format!("{user:?} {:?}", new_user("ann")).contains("$hash$"));
    let f = f.reopen().await;
    assert_eq!(f.store.user_by_name("ann").await.expect("read").as_ref(), Some(&user));
    assert_eq!(f.store.user_by_name("Ann").await.expect("read"), None);
    assert_eq!(f.store.user_by_person(person.id).await.expect("read").as_ref(), Some(&user));
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), [face]);

    f.store.remove_person(person.id).await.expect("remove");
    let faceless = ConsoleUser { person_id: None, ..user };
    assert_eq!(f.store.user_by_name("ann").await.expect("read"), Some(faceless));
    assert_eq!(f.store.user_by_person(person.id).await.expect("read"), None);
}

pub async fn a_refused_registration_leaves_nothing_behind(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    register(&f, &library, "ann").await;
    f.store.enrol(library.id, named("taken"), new_face(), bytes("q")).await.expect("enrol");
    let refused = [
        f.store.register_user(new_user("ann"), library.id, new_person(), new_face(), bytes("r")).await,
        f.store.register_user(new_user("bob"), library.id, named("taken"), new_face(), bytes("r")).await,
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
    }
    let nowhere =
        f.store.register_user(new_user("bob"), LibraryId::new(99), new_person(), new_face(), bytes("r")).await;
    assert!(matches!(nowhere, Err(Error::NotFound)), "{nowhere:?}");
    assert_eq!(f.store.user_by_name("bob").await.expect("read"), None);
    assert_eq!(f.store.user_count().await.expect("count"), 1);
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 2, faces: 2 });
    assert_eq!(f.pictures().await, [key("ann"), key("q")].into());
}

pub async fn sessions_end_when_they_expire_or_are_closed(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (ann, bob) = (register(&f, &library, "ann").await, register(&f, &library, "bob").await);
    f.store.open_session([1; 32], ann.id, UnixMillis::new(100), UnixMillis::new(0)).await.expect("open");
    f.store.open_session([2; 32], bob.id, UnixMillis::new(200), UnixMillis::new(0)).await.expect("open");
    let f = f.reopen().await;
    let user = async |token: u8, now| {
        let user = f.store.session_user(&[token; 32], now).await.expect("read");
        user.map(|user| user.username)
    };
    assert_eq!(user(1, UnixMillis::new(99)).await.as_deref(), Some("ann"));
    assert_eq!(user(1, UnixMillis::new(100)).await, None);
    assert_eq!(user(2, UnixMillis::new(100)).await.as_deref(), Some("bob"));
    assert_eq!(user(3, UnixMillis::new(0)).await, None);

    f.store.open_session([3; 32], ann.id, UnixMillis::new(300), UnixMillis::new(100)).await.expect("open");
    assert_eq!(user(1, UnixMillis::new(0)).await, None, "deleted, not only expired");
    assert_eq!(user(2, UnixMillis::new(100)).await.as_deref(), Some("bob"));
    f.store.open_session([3; 32], bob.id, UnixMillis::new(400), UnixMillis::new(100)).await.expect("replace");
    assert_eq!(user(3, UnixMillis::new(399)).await.as_deref(), Some("bob"));
    f.store.close_session(&[3; 32]).await.expect("close");
    f.store.close_session(&[3; 32]).await.expect("again");
    assert_eq!(user(3, UnixMillis::new(0)).await, None);
    let nobody =
        f.store.open_session([4; 32], ConsoleUserId::new(99), UnixMillis::new(300), UnixMillis::new(100)).await;
    assert!(matches!(nobody, Err(Error::NotFound)), "{nobody:?}");
}
