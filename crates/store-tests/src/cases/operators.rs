//! Operators, their sessions and tokens, and the audit log.

use std::sync::{Arc, Mutex};

use aicp_store::{
    Act, AuditEntry, AuditFilter, Change, Error, FIRST_AUDIT_HASH, NewOperatorToken, Observer, Operator, OperatorFace,
    OperatorTokenKind, SealedKind, SealedSecret,
};
use aicp_types::{AuditId, OperatorId, Sequence, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, algorithm};

pub(super) fn operator(name: &str) -> Operator {
    Operator {
        id: OperatorId::new(0),
        name: name.to_owned(),
        role: "viewer".to_owned(),
        app_id: Some(APP.to_owned()),
        password_hash: Some("hash".to_owned()),
        sign_in: "password".to_owned(),
        face: None,
        is_disabled: false,
        created_at: UnixMillis::new(10),
        updated_at: UnixMillis::new(10),
    }
}

pub(super) fn token(operator_id: Option<OperatorId>, byte: u8, expires_at: i64) -> NewOperatorToken {
    NewOperatorToken {
        operator_id,
        kind: OperatorTokenKind::Token,
        hash: [byte; 32],
        name: "report".to_owned(),
        address: Some("192.0.2.1".to_owned()),
        by_face: false,
        created_at: UnixMillis::new(20),
        expires_at: UnixMillis::new(expires_at),
    }
}

pub async fn operators_are_kept_and_have_names_of_their_own(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let ada = f.store.create_operator(operator("ada")).await.expect("created");
    assert_eq!(ada, Operator { id: ada.id, ..operator("ada") });
    assert!(matches!(f.store.create_operator(operator("ada")).await, Err(Error::Exists)));
    let of_none = Operator { app_id: Some("nobody".to_owned()), ..operator("eve") };
    assert!(matches!(f.store.create_operator(of_none.clone()).await, Err(Error::NotFound)));
    let eve = f.store.create_operator(operator("eve")).await.expect("created");
    for (changed, expected) in [
        (Operator { name: "ada".to_owned(), ..eve.clone() }, "Exists"),
        (Operator { id: eve.id, ..of_none }, "NotFound"),
        (Operator { id: OperatorId::new(99), ..operator("zoe") }, "NotFound"),
    ] {
        let written = f.store.write_operator(changed).await;
        assert_eq!(format!("{:?}", written.expect_err("refused")), expected);
    }
    let changed = Operator {
        name: "eva".to_owned(),
        role: "admin".to_owned(),
        app_id: None,
        password_hash: None,
        sign_in: "passwordAndFace".to_owned(),
        face: Some(face(b"sealed")),
        is_disabled: true,
        updated_at: UnixMillis::new(11),
        ..eve
    };
    f.store.write_operator(changed.clone()).await.expect("written");
    assert_eq!(f.store.operators().await.expect("read"), [ada.clone(), changed.clone()]);
    assert_eq!(f.store.operator(changed.id).await.expect("read"), Some(changed));
    f.store.delete_operator(ada.id).await.expect("deleted");
    assert!(matches!(f.store.delete_operator(ada.id).await, Err(Error::NotFound)));
    assert_eq!(f.store.operator_named("ada").await.expect("read"), None);
}

pub async fn tokens_end_with_their_operator_and_their_time(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let ada = f.store.create_operator(operator("ada")).await.expect("created").id;
    let first = f.store.create_operator_token(token(Some(ada), 1, 100)).await.expect("created");
    let second = f.store.create_operator_token(token(Some(ada), 2, 200)).await.expect("created");
    let session = NewOperatorToken { kind: OperatorTokenKind::Session, by_face: true, ..token(None, 3, 300) };
    let session = f.store.create_operator_token(session).await.expect("created");
    assert!(session.made.by_face);
    assert_eq!(first.made, token(Some(ada), 1, 100));
    let alive = async |now| f.store.operator_tokens(UnixMillis::new(now)).await.expect("read");
    assert_eq!(alive(99).await, [first.clone(), second.clone(), session.clone()]);
    assert_eq!(alive(100).await, [second.clone(), session.clone()]);
    let of_none = f.store.create_operator_token(token(Some(OperatorId::new(99)), 4, 100)).await;
    assert!(matches!(of_none, Err(Error::NotFound)));
    f.store.create_operator_token(token(None, 1, 100)).await.expect_err("a hash is unique");

    let late = NewOperatorToken { created_at: UnixMillis::new(150), ..token(None, 1, 400) };
    let late = f.store.create_operator_token(late).await.expect("what has expired is gone");
    assert_eq!(alive(0).await, [second, session.clone(), late.clone()]);
    f.store.delete_operator_token(session.id).await.expect("ended");
    assert!(matches!(f.store.delete_operator_token(session.id).await, Err(Error::NotFound)));
    f.store.delete_operator(ada).await.expect("deleted");
    assert_eq!(alive(0).await, [late]);
}

/// The operators that the observer was told of, and their faces.
#[derive(Default)]
struct Faces(Mutex<Vec<(OperatorId, Option<OperatorFace>)>>);

impl Observer for Faces {
    fn committed(&self, _: Sequence, changes: &[Change]) {
        let mut told = self.0.lock().expect("not poisoned");
        for change in changes {
            let Change::OperatorChanged { operator_id, operator: Some(operator) } = change else { continue };
            told.push((*operator_id, operator.face.clone()));
        }
    }
}

pub async fn a_face_is_sealed_anew_and_goes_with_its_operator(harness: Box<dyn Harness>) {
    let told = Arc::<Faces>::default();
    let f = Fixture::observed(harness, told.clone()).await;
    let ada = f.store.create_operator(operator("ada")).await.expect("created");
    let eve = Operator { face: Some(face(b"eve's")), ..operator("eve") };
    let eve = f.store.create_operator(eve).await.expect("created");
    let secret = |sealed: &[u8]| SealedSecret {
        kind: SealedKind::OperatorFace,
        first: eve.id.to_string(),
        second: String::new(),
        sealed: sealed.to_vec(),
    };
    let sealed = f.store.sealed(SealedKind::OperatorFace).await.expect("read");
    assert_eq!(sealed, [secret(b"eve's")], "ada has no face");
    assert_eq!(f.store.rows().await.expect("rows").sealed_count().await.expect("read"), 1);
    assert!(!format!("{eve:?}").contains("101"), "the bytes are not shown");

    told.0.lock().expect("not poisoned").clear();
    f.store.reseal(secret(b"anew")).await.expect("written");
    assert_eq!(*told.0.lock().expect("not poisoned"), [(eve.id, Some(face(b"anew")))]);
    let resealed = Operator { face: Some(face(b"anew")), ..eve.clone() };
    let f = f.reopen().await;
    assert_eq!(f.store.operators().await.expect("read"), [ada.clone(), resealed.clone()]);

    // Who lost the face meanwhile gets none.
    f.store.write_operator(Operator { face: None, ..resealed }).await.expect("written");
    f.store.reseal(secret(b"late")).await.expect("written");
    assert_eq!(f.store.operators().await.expect("read"), [ada.clone(), Operator { face: None, ..eve.clone() }]);
    f.store.write_operator(Operator { face: Some(face(b"ada's")), ..ada.clone() }).await.expect("written");
    assert_eq!(f.store.sealed(SealedKind::OperatorFace).await.expect("read").len(), 1);
    f.store.delete_operator(ada.id).await.expect("deleted");
    assert_eq!(f.store.sealed(SealedKind::OperatorFace).await.expect("read"), []);
}

fn face(sealed: &[u8]) -> OperatorFace {
    OperatorFace { algorithm: algorithm("1"), sealed: sealed.to_vec() }
}

fn act(actor: &str, action: &str, at: i64) -> Act {
    Act {
        at: UnixMillis::new(at),
        actor: actor.to_owned(),
        address: None,
        request_id: Some("r".to_owned()),
        app_id: Some(APP.to_owned()),
        action: action.to_owned(),
        target: "library 1".to_owned(),
        before: None,
        after: Some(r#"{"name":"staff"}"#.to_owned()),
    }
}

pub async fn acts_are_chained_and_found(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let acts = [act("ada", "library.create", 10), act("eve", "library.update", 20), act("ada", "libraryx", 30)];
    for act in &acts {
        f.store.append_act(act.clone()).await.expect("appended");
    }
    let entries = f.store.audit_after(AuditId::new(0), 10).await.expect("read");
    assert_eq!(entries.iter().map(|entry| entry.id.get()).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(entries.iter().map(|entry| &entry.act).eq(&acts));
    assert!(entries[0].follows(&FIRST_AUDIT_HASH));
    assert!(entries.windows(2).all(|pair| pair[1].follows(&pair[0].hash)));
    assert_eq!(f.store.audit_after(AuditId::new(1), 1).await.expect("read"), entries[1..2]);

    let find = async |filter: AuditFilter<'static>, below: Option<i64>, limit| {
        let found = f.store.audit_entries(filter, below.map(AuditId::new), limit).await.expect("read");
        found.iter().map(|entry: &AuditEntry| entry.id.get()).collect::<Vec<_>>()
    };
    let all = AuditFilter::default();
    assert_eq!(find(all, None, 2).await, [3, 2]);
    assert_eq!(find(all, Some(2), 9).await, [1]);
    assert_eq!(find(AuditFilter { actor: Some("ada"), ..all }, None, 9).await, [3, 1]);
    assert_eq!(find(AuditFilter { action: Some("library.update"), ..all }, None, 9).await, [2]);
    assert_eq!(find(AuditFilter { action: Some("library."), ..all }, None, 9).await, [2, 1]);
    assert_eq!(find(AuditFilter { target: Some("library"), ..all }, None, 9).await, Vec::<i64>::new());
    assert_eq!(find(AuditFilter { app_id: Some(APP), target: Some("library 1"), ..all }, None, 9).await, [3, 2, 1]);
    let (from, to) = (Some(UnixMillis::new(20)), Some(UnixMillis::new(30)));
    assert_eq!(find(AuditFilter { from, to, ..all }, None, 9).await, [2]);
}
