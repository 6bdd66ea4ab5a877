//! Sign-in of operators by face.

use std::time::Duration;

use aicp_platform::{
    Caller, Control, Error, Missing, NewOperator, NewSecret, NewSession, OperatorChanges, OperatorInfo, OperatorRole,
    OperatorTokenKind, Origin, Refusal, Result, Settings, SignInOffer, SignInPolicy,
};
use aicp_types::OperatorId;
use aicp_vision::FakeFace;
use bytes::Bytes;

use crate::fixture::{ADMIN_TOKEN, Fixture, START, group, no_picture, nobody, picture, picture_of};

const PASSWORD: &str = "correct horse battery";

fn session() -> NewSession {
    NewSession { origin: Origin::default(), program: "a browser".to_owned(), life: Duration::from_secs(3600) }
}

/// Settings without a limit of attempts that these tests reach.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.console.attempts_per_minute = 10_000u32.try_into().expect("not 0");
    settings
}

impl Fixture {
    fn admin(&self) -> Caller {
        self.platform.caller_of_token(ADMIN_TOKEN).expect("the administrator")
    }

    async fn operator(&self, name: &str, role: OperatorRole) -> OperatorId {
        let (name, password) = (name.to_owned(), Some(PASSWORD.to_owned()));
        let new = NewOperator { name, role, app_id: None, password, sign_in: SignInPolicy::Password };
        self.platform.create_operator(&self.admin(), new).await.expect("created").id
    }

    async fn set_face(&self, id: OperatorId, picture: Bytes) -> Result<OperatorInfo> {
        self.platform.set_operator_face(&self.admin(), id, picture).await
    }

    async fn change(&self, id: OperatorId, changes: OperatorChanges) -> Result<Option<OperatorInfo>> {
        self.platform.update_operator(&self.admin(), id, changes, |_| true).await
    }

    async fn by_face(&self, name: Option<&str>, picture: Bytes) -> Result<Caller> {
        self.caller(self.platform.sign_in_by_face(name, picture, session()).await?)
    }

    async fn by_password(&self, name: &str, picture: Option<Bytes>) -> Result<Caller> {
        self.caller(self.platform.sign_in(name, PASSWORD.to_owned(), picture, session()).await?)
    }

    fn caller(&self, opened: NewSecret) -> Result<Caller> {
        Ok(self.platform.caller_of_operator_token(OperatorTokenKind::Session, &opened.secret).expect("a caller"))
    }
}

#[track_caller]
fn assert_refused<T>(result: Result<T>, refusal: &Refusal) {
    match result {
        Err(Error::Refused(found)) => assert_eq!(found, *refusal),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test]
async fn a_face_alone_makes_a_viewer_of_everybody() {
    let f = Fixture::with(settings()).await;
    let ada = f.operator("ada", OperatorRole::Admin).await;
    let eve = f.operator("eve", OperatorRole::Operator).await;
    assert_eq!(f.platform.sign_in_offer(), SignInOffer { is_set_up: true, by_face: false });
    assert_refused(f.by_face(None, picture("ada", 1)).await, &Refusal::FaceUnknown);
    assert!(f.set_face(ada, picture("ada", 1)).await.expect("set").has_face);
    f.set_face(eve, picture("eve", 1)).await.expect("set");
    assert_eq!(f.platform.sign_in_offer(), SignInOffer { is_set_up: true, by_face: true });

    for (name, number, caller_name) in [(None, 2, "operator:ada"), (Some("ada"), 3, "operator:ada")] {
        let caller = f.by_face(name, picture("ada", number)).await.expect("a session");
        assert_eq!((caller.name(), caller.operator_role()), (caller_name, Some(OperatorRole::Viewer)));
        assert!(caller.is_by_face() && !caller.is_administrator());
    }
    let eves = f.by_face(None, picture("eve", 9)).await.expect("a session");
    assert_eq!(eves.name(), "operator:eve");
    for (name, face) in [(None, "mallory"), (Some("eve"), "ada"), (Some("nobody"), "ada"), (Some("ada"), "mallory")] {
        assert_refused(f.by_face(name, picture(face, 4)).await, &Refusal::FaceUnknown);
    }
    // By the password, the role is the operator's own.
    let full = f.by_password("ada", None).await.expect("a session");
    assert!(full.is_administrator() && !full.is_by_face());

    // Of the largest face.
    let caller = f.by_face(None, group(&["eve", "ada"])).await.expect("a session");
    assert_eq!(caller.name(), "operator:eve");

    // A session by face can't get more than it is.
    let platform = &f.platform;
    let caller = f.by_face(None, picture("ada", 2)).await.expect("a session");
    let password = || PASSWORD.to_owned();
    assert_refused(platform.change_own_password(&caller, password(), "x".repeat(20)).await, &Refusal::PasswordWanted);
    assert_refused(platform.set_own_face(&caller, password(), picture("ada", 5)).await, &Refusal::PasswordWanted);
    assert_refused(platform.remove_own_face(&caller).await, &Refusal::PasswordWanted);
    let due = START.saturating_add(Duration::from_secs(3600));
    assert_refused(platform.create_operator_token(&caller, "t", due).await, &Refusal::PasswordWanted);
    let sessions = platform.operator_tokens(&caller, OperatorTokenKind::Session).await.expect("listed");
    assert_eq!(sessions.len(), 4);
    for other in &sessions {
        let ended = platform.end_operator_token(&caller, OperatorTokenKind::Session, other.id).await;
        assert_refused(ended, &Refusal::PasswordWanted);
    }
    assert_refused(platform.operators(&caller).await, &Refusal::Forbidden);
    assert_refused(platform.set_operator_face(&caller, ada, picture("eve", 1)).await, &Refusal::Forbidden);
    platform.sign_out(&caller).await.expect("signed out");
}

#[tokio::test]
async fn a_face_is_wanted_beside_the_password_where_the_policy_says_so() {
    let f = Fixture::with(settings()).await;
    let ada = f.operator("ada", OperatorRole::Admin).await;
    let wants_face = || OperatorChanges { sign_in: Some(SignInPolicy::PasswordAndFace), ..OperatorChanges::default() };
    assert_refused(f.change(ada, wants_face()).await, &Refusal::FaceMissing);
    let new = NewOperator {
        name: "eve".to_owned(),
        role: OperatorRole::Viewer,
        app_id: None,
        password: None,
        sign_in: SignInPolicy::PasswordAndFace,
    };
    assert_refused(f.platform.create_operator(&f.admin(), new).await, &Refusal::FaceMissing);

    f.set_face(ada, picture("ada", 1)).await.expect("set");
    let before = f.platform.sign_in("ada", PASSWORD.to_owned(), None, session()).await.expect("a session");
    let changed = f.change(ada, wants_face()).await.expect("changed").expect("admitted");
    assert_eq!((changed.sign_in, changed.has_face), (SignInPolicy::PasswordAndFace, true));
    let known = f.platform.caller_of_operator_token(OperatorTokenKind::Session, &before.secret);
    assert!(known.is_err(), "it was opened without the face");

    assert_refused(f.by_password("ada", None).await, &Refusal::FaceWanted);
    let wrong = f.platform.sign_in("ada", "wrong".to_owned(), Some(picture("ada", 2)), session()).await;
    assert_refused(wrong, &Refusal::Login);
    assert_refused(f.by_password("ada", Some(picture("eve", 2))).await, &Refusal::FaceUnknown);
    assert_refused(f.by_password("ada", Some(nobody())).await, &Refusal::NoFace);
    let full = f.by_password("ada", Some(picture("ada", 2))).await.expect("a session");
    assert!(full.is_administrator() && !full.is_by_face());

    // The face stays as long as it is wanted.
    assert_refused(f.platform.remove_operator_face(&f.admin(), ada).await, &Refusal::FaceMissing);
    assert_refused(f.platform.remove_own_face(&full).await, &Refusal::FaceMissing);
    assert!(f.by_face(None, picture("ada", 3)).await.expect("a session").is_viewer());
    let by_password = OperatorChanges { sign_in: Some(SignInPolicy::Password), ..OperatorChanges::default() };
    f.change(ada, by_password).await.expect("changed");
    f.platform.remove_own_face(&full).await.expect("removed");
    let again = f.platform.remove_own_face(&full).await;
    assert!(matches!(again, Err(Error::Missing(Missing::Face))));
    assert!(f.by_password("ada", None).await.is_ok());
    assert_refused(f.by_face(None, picture("ada", 3)).await, &Refusal::FaceUnknown);
    // A face that is sent counts, wanted or not.
    assert_refused(f.by_password("ada", Some(picture("ada", 2))).await, &Refusal::FaceUnknown);
}

#[tokio::test]
async fn who_is_like_another_operator_says_the_name() {
    let f = Fixture::with(settings()).await;
    for name in ["ada", "ada-too"] {
        let id = f.operator(name, OperatorRole::Operator).await;
        f.set_face(id, picture("ada", 1)).await.expect("set");
    }
    assert_refused(f.by_face(None, picture("ada", 2)).await, &Refusal::FaceUnknown);
    for name in ["ada", "ada-too"] {
        let caller = f.by_face(Some(name), picture("ada", 2)).await.expect("a session");
        assert_eq!(caller.name(), format!("operator:{name}"));
    }
}

#[tokio::test]
async fn who_is_locked_out_or_lost_the_face_can_not_sign_in_by_it() {
    let f = Fixture::with(settings()).await;
    let ada = f.operator("ada", OperatorRole::Operator).await;
    f.set_face(ada, picture("ada", 1)).await.expect("set");
    let opened = f.platform.sign_in_by_face(None, picture("ada", 2), session()).await.expect("a session");
    let full = f.platform.sign_in("ada", PASSWORD.to_owned(), None, session()).await.expect("a session");
    let is_open =
        |opened: &NewSecret| f.platform.caller_of_operator_token(OperatorTokenKind::Session, &opened.secret).is_ok();
    let lock_out = |is_disabled| OperatorChanges { is_disabled: Some(is_disabled), ..OperatorChanges::default() };
    f.change(ada, lock_out(true)).await.expect("changed");
    assert!(!is_open(&opened));
    assert_eq!(f.platform.sign_in_offer(), SignInOffer { is_set_up: false, by_face: false });
    for name in [None, Some("ada")] {
        assert_refused(f.by_face(name, picture("ada", 2)).await, &Refusal::FaceUnknown);
    }
    f.change(ada, lock_out(false)).await.expect("changed");
    assert!(is_open(&opened) && is_open(&full));
    f.set_face(ada, picture("ada", 7)).await.expect("set anew");
    assert!(!is_open(&opened) && is_open(&full), "only what the face alone opened ends");
    let opened = f.platform.sign_in_by_face(None, picture("ada", 2), session()).await.expect("a session");
    f.platform.remove_operator_face(&f.admin(), ada).await.expect("removed");
    assert!(!is_open(&opened) && is_open(&full));
}

#[tokio::test]
async fn a_face_passes_the_gates_when_it_is_set_and_when_it_signs_in() {
    let f = Fixture::with(settings()).await;
    let ada = f.operator("ada", OperatorRole::Operator).await;
    let ada_as = |change: fn(&mut FakeFace)| {
        let mut face = FakeFace::of("ada");
        change(&mut face);
        picture_of(face)
    };
    let (dead, poor) = (ada_as(|face| face.live = 0.2), ada_as(|face| face.quality = 0.2));
    let spoilt = ada_as(|face| face.recognisability = 0.4);
    assert_refused(f.set_face(ada, dead.clone()).await, &Refusal::NotLive);
    assert_refused(f.set_face(ada, nobody()).await, &Refusal::NoFace);
    assert!(matches!(f.set_face(ada, poor.clone()).await, Err(Error::Refused(Refusal::Quality(_)))));
    assert!(matches!(f.set_face(ada, spoilt.clone()).await, Err(Error::Refused(Refusal::NotRecognisable(_)))));
    assert!(matches!(f.set_face(ada, no_picture()).await, Err(Error::BadInput(_))));
    assert!(matches!(f.set_face(OperatorId::new(99), picture("ada", 1)).await, Err(Error::Missing(Missing::Operator))));
    f.set_face(ada, picture("ada", 1)).await.expect("set");

    assert_refused(f.by_face(None, dead.clone()).await, &Refusal::NotLive);
    assert_refused(f.by_face(None, nobody()).await, &Refusal::NoFace);
    assert!(matches!(f.by_face(None, spoilt.clone()).await, Err(Error::Refused(Refusal::NotRecognisable(_)))));
    assert!(matches!(f.by_face(None, no_picture()).await, Err(Error::BadInput(_))));
    assert!(f.by_face(None, poor).await.is_ok(), "quality counts when the face is set");

    // The gate of recognition is another one; the control of liveness is this one.
    let mut loose = settings();
    loose.recognition.gate = aicp_platform::RecognitionGate::Off;
    loose.console.login_liveness = Control::None;
    let f = f.reopened_with(loose).await;
    assert!(matches!(f.by_face(None, spoilt).await, Err(Error::Refused(Refusal::NotRecognisable(_)))));
    assert!(f.by_face(None, dead).await.is_ok());
}

#[tokio::test]
async fn sign_ins_by_face_alone_are_switched_off_without_the_second_factor() {
    let f = Fixture::with(settings()).await;
    let ada = f.operator("ada", OperatorRole::Operator).await;
    f.set_face(ada, picture("ada", 1)).await.expect("set");
    let wants_face = OperatorChanges { sign_in: Some(SignInPolicy::PasswordAndFace), ..OperatorChanges::default() };
    f.change(ada, wants_face).await.expect("changed");
    let mut off = settings();
    off.console.face_sign_in = false;
    let f = f.reopened_with(off).await;
    assert_eq!(f.platform.sign_in_offer(), SignInOffer { is_set_up: true, by_face: false });
    assert_refused(f.by_face(None, picture("ada", 2)).await, &Refusal::FaceSignInOff);
    assert_refused(f.by_password("ada", None).await, &Refusal::FaceWanted);
    assert!(f.by_password("ada", Some(picture("ada", 2))).await.is_ok());
}

#[tokio::test]
async fn faces_alone_have_few_attempts_all_together() {
    let mut few = Settings::default();
    few.console.attempts_per_minute = 3u32.try_into().expect("not 0");
    let f = Fixture::with(few).await;
    let ada = f.operator("ada", OperatorRole::Operator).await;
    f.set_face(ada, picture("ada", 1)).await.expect("set");
    let from = |last: u8| {
        let address = Some([192, 0, 2, last].into());
        NewSession { origin: Origin { address, request_id: None }, ..session() }
    };
    for last in 1..=3 {
        let stranger = f.platform.sign_in_by_face(None, picture("mallory", 1), from(last)).await;
        assert_refused(stranger, &Refusal::FaceUnknown);
    }
    let late = f.platform.sign_in_by_face(None, picture("ada", 2), from(4)).await;
    assert_refused(late, &Refusal::TooManyAttempts);
    let by_password = f.platform.sign_in("ada", PASSWORD.to_owned(), None, from(5)).await;
    assert!(by_password.is_ok(), "passwords have attempts of their own");
}

#[tokio::test]
async fn few_faces_are_looked_at_at_a_time_and_none_in_vain() {
    let f = Fixture::with(settings()).await;
    let ada = f.operator("ada", OperatorRole::Operator).await;
    assert_refused(f.by_face(None, picture("ada", 2)).await, &Refusal::FaceUnknown);
    assert_eq!(f.biometrics.calls(), 0, "nobody has a face yet");
    f.set_face(ada, picture("ada", 1)).await.expect("set");
    let wrong = f.platform.sign_in("ada", "wrong".to_owned(), Some(picture("ada", 2)), session()).await;
    assert_refused(wrong, &Refusal::Login);
    assert_eq!(f.biometrics.calls(), 1, "a picture beside a wrong password");

    let hold = f.biometrics.hold();
    let attempt = || {
        let platform = f.platform.clone();
        tokio::spawn(async move { platform.sign_in_by_face(None, picture("ada", 2), session()).await.map(drop) })
    };
    let running = [attempt(), attempt()];
    f.biometrics.wait_for_calls(3).await;
    assert!(matches!(f.by_face(None, picture("ada", 2)).await, Err(Error::Busy)));
    let beside = tokio::spawn({
        let platform = f.platform.clone();
        async move { platform.sign_in("ada", PASSWORD.to_owned(), Some(picture("ada", 2)), session()).await.map(drop) }
    });
    f.biometrics.wait_for_calls(4).await;
    // Who is locked out while the picture is looked at gets no session.
    let lock_out = OperatorChanges { is_disabled: Some(true), ..OperatorChanges::default() };
    f.change(ada, lock_out).await.expect("changed");
    drop(hold);
    for attempt in running {
        assert_refused(attempt.await.expect("no panic"), &Refusal::FaceUnknown);
    }
    assert_refused(beside.await.expect("no panic"), &Refusal::Login);
}
