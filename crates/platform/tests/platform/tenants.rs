//! Apps, their grants and statistics, console users, and what each role may do.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use aicp_platform::settings::{Console, RegistrationPolicy};
use aicp_platform::{
    Area, BadInput, CallFilter, CallRecord, Caller, Error, Existing, KeyOptions, KeyScheme, KeyState, KeyText, Missing,
    OutboxEntry, OutboxFilter, Page, Refusal, Registration, Settings, TokenError,
};
use aicp_store::{OutboxAction, OutboxRow};
use aicp_types::{Clock, LibraryId, OutboxId};

use crate::fixture::{ADMIN_TOKEN, Fixture, LIBRARY, START, picture};

const RECOGNITION: &str = "C10000000002";
const QUALITY: &str = "C10000000004";
const HOUR: Duration = Duration::from_secs(3600);
const KEYS: KeyScheme = KeyScheme {
    name: "letters",
    id: KeyText::Random { prefix: "K-", alphabet: "ABC", length: 32 },
    secret: KeyText::Random { prefix: "", alphabet: "0123456789abcdef", length: 32 },
};

fn administrator(fixture: &Fixture) -> Caller {
    fixture.platform.caller_of_token(ADMIN_TOKEN).expect("the administrator")
}

/// Grants a capability to an app and returns the app by its token.
async fn app(fixture: &Fixture, id: &str) -> Caller {
    let admin = administrator(fixture);
    let granted = fixture.platform.grant(&admin, id, START.saturating_add(HOUR), vec![RECOGNITION.to_owned()]).await;
    fixture.platform.caller_of_token(&granted.expect("a token")).expect("an app")
}

/// A caller of each role.
struct Roles {
    administrator: Caller,
    operator: Caller,
    anonymous: Caller,
    /// An app with a token: `kiosk`.
    app: Caller,
}

impl Roles {
    async fn of(fixture: &Fixture) -> Self {
        Self {
            administrator: administrator(fixture),
            operator: fixture.platform.local_caller(),
            anonymous: fixture.platform.anonymous_caller().expect("such calls are allowed"),
            app: app(fixture, "kiosk").await,
        }
    }

    /// Makes a call as each caller, and checks that all may make it but an app.
    async fn assert_administrative<T: Debug>(&self, call: impl AsyncFn(&Caller) -> aicp_platform::Result<T>) {
        for caller in [&self.administrator, &self.operator, &self.anonymous] {
            let done = call(caller).await;
            assert!(done.is_ok(), "{caller:?}: {done:?}");
        }
        assert_forbidden(call(&self.app).await);
    }
}

#[track_caller]
fn assert_forbidden<T: Debug>(result: aicp_platform::Result<T>) {
    assert!(matches!(result, Err(Error::Refused(Refusal::Forbidden))), "{result:?}");
}

fn registration() -> Registration {
    Registration {
        username: "ann".to_owned(),
        password: "a long password".to_owned(),
        telephone: String::new(),
        mail: String::new(),
        department: String::new(),
    }
}

#[tokio::test]
async fn a_grant_opens_its_areas_until_it_expires() {
    let fixture = Fixture::start().await;
    let admin = administrator(&fixture);
    let due = START.saturating_add(HOUR);
    let token = fixture.platform.grant(&admin, "kiosk", due, vec![RECOGNITION.to_owned()]).await.expect("a token");
    let app = fixture.platform.caller_of_token(&token).expect("an app");
    assert_eq!(app.app_id(), "kiosk");
    assert!(app.require_area(Area::Recognition).is_ok());
    assert_eq!(app.require_area(Area::Quality), Err(TokenError::NotGranted));
    fixture.clock.advance(HOUR);
    assert!(fixture.platform.caller_of_token(&token).is_ok());
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(fixture.platform.caller_of_token(&token).err(), Some(TokenError::Expired));
    let later = fixture.clock.now().saturating_add(HOUR);
    let extended =
        fixture.platform.extend_grant(&admin, "kiosk", later, vec![QUALITY.to_owned()]).await.expect("a grant");
    assert!(extended.token == token && extended.added == [QUALITY] && extended.held.is_empty());
    assert!(fixture.platform.caller_of_token(&token).expect("an app").require_area(Area::Quality).is_ok());
}

#[tokio::test]
async fn a_revoked_token_is_unknown_even_after_a_restart() {
    let fixture = Fixture::start().await;
    let admin = administrator(&fixture);
    let due = START.saturating_add(HOUR);
    let token = fixture.platform.grant(&admin, "kiosk", due, vec![RECOGNITION.to_owned()]).await.expect("a token");
    let kept = fixture.platform.grant(&admin, "gate", due, vec![RECOGNITION.to_owned()]).await.expect("a token");
    fixture.platform.revoke(&admin, "kiosk").await.expect("it is revoked");
    assert_eq!(fixture.platform.caller_of_token(&token).err(), Some(TokenError::Unknown));
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.platform.caller_of_token(&token).err(), Some(TokenError::Unknown));
    assert!(fixture.platform.caller_of_token(&kept).is_ok());
    assert!(administrator(&fixture).is_administrator());
    assert!(matches!(fixture.platform.revoke(&admin, "kiosk").await, Err(Error::Missing(Missing::App))));
}

#[tokio::test]
async fn grants_have_rules() {
    let fixture = Fixture::start().await;
    let admin = administrator(&fixture);
    let due = START.saturating_add(HOUR);
    let grant = |app: &'static str, id: &str| fixture.platform.grant(&admin, app, due, vec![id.to_owned()]);
    grant("kiosk", RECOGNITION).await.expect("a token");
    assert!(matches!(grant("kiosk", RECOGNITION).await, Err(Error::Exists(Existing::App))));
    assert!(matches!(grant("admin", RECOGNITION).await, Err(Error::Exists(Existing::App))));
    assert!(matches!(grant("", RECOGNITION).await, Err(Error::BadInput(BadInput::AppId))));
    assert!(matches!(grant("other", "C99").await, Err(Error::Missing(Missing::Capability))));
}

#[tokio::test]
async fn an_app_sees_its_own_libraries_alone() {
    let fixture = Fixture::start().await;
    fixture.enrol(picture("alice", 1)).await;
    let other = fixture.platform.local_caller_for("other").await.expect("an app");
    let found = fixture.platform.identify(&other, LIBRARY, picture("alice", 2), Some(1)).await;
    assert!(matches!(found, Err(Error::Missing(Missing::Library))));
    fixture.platform.open_library(&other, LIBRARY).await.expect("a library of the same id");
    let found = fixture.platform.identify(&other, LIBRARY, picture("alice", 2), Some(1)).await.expect("an answer");
    assert!(found.matches.is_empty());
    let found = fixture.platform.identify_many(&other, None, picture("alice", 2), Some(1)).await.expect("an answer");
    assert!(found[0].matches.is_empty());
}

#[tokio::test]
async fn calls_are_counted_by_app_and_method() {
    let fixture = Fixture::start().await;
    let shop = app(&fixture, "shop").await;
    let call = |app: &str, method: &str, cost_ms| CallRecord {
        app_id: app.to_owned(),
        method: method.to_owned(),
        label: "a label",
        source: "a source".to_owned(),
        engine: None,
        url: "/a/path".to_owned(),
        began_at: fixture.clock.now(),
        cost_ms,
        client: None,
        ok: true,
        code: None,
        message: None,
    };
    for (app, method, cost_ms) in
        [("shop", "search", 3), ("shop", "search", 4), ("shop", "enrol", 1), ("x", "search", 5)]
    {
        fixture.platform.record(call(app, method, cost_ms));
    }
    let totals = async |app: &Caller| {
        let totals = fixture.platform.call_totals(app, &CallFilter::default()).await.expect("an answer");
        totals.into_iter().map(|total| (total.method, total.count, total.cost_ms)).collect::<Vec<_>>()
    };
    let total = |method: &str, count, cost_ms| (method.to_owned(), count, cost_ms);
    assert_eq!(totals(&shop).await, [total("enrol", 1, 1), total("search", 2, 7)]);
    for caller in [administrator(&fixture), fixture.platform.local_caller()] {
        assert_eq!(totals(&caller).await, [total("enrol", 1, 1), total("search", 3, 12)]);
    }
    let later = CallFilter { from: Some(START.saturating_add(HOUR)), ..CallFilter::default() };
    assert!(fixture.platform.call_totals(&shop, &later).await.expect("an answer").is_empty());
    assert_eq!(fixture.platform.calls(&shop, &CallFilter::default()).await.expect("an answer").rows.len(), 3);
}

#[tokio::test]
async fn a_console_user_logs_in_by_face() {
    let fixture = Fixture::start().await;
    let admin = administrator(&fixture);
    fixture.platform.register(&admin, registration(), picture("ann", 1), None).await.expect("it is registered");
    let again = fixture.platform.register(&admin, registration(), picture("ann", 1), None).await;
    assert!(matches!(again, Err(Error::Exists(Existing::User))));
    let session = fixture.platform.login_with_face(picture("ann", 2), None).await.expect("a session");
    assert_eq!(fixture.platform.session(&session.token).await.expect("an answer").as_deref(), Some("ann"));
    fixture.platform.log_out(&session.token).await.expect("an answer");
    assert_eq!(fixture.platform.session(&session.token).await.expect("an answer"), None);
    let stranger = fixture.platform.login_with_face(picture("mallory", 1), None).await;
    assert!(matches!(stranger, Err(Error::Refused(Refusal::Login))));
}

#[tokio::test]
async fn only_who_administers_manages_grants() {
    let fixture = Fixture::start().await;
    let (platform, roles) = (&fixture.platform, Roles::of(&fixture).await);
    let due = START.saturating_add(HOUR);
    let capability = || vec![RECOGNITION.to_owned()];
    let ids = Cell::new(0);
    let new_id = || format!("app-{}", ids.replace(ids.get() + 1));
    let grant = async |caller: &Caller| platform.grant(caller, &new_id(), due, capability()).await;
    roles.assert_administrative(grant).await;
    let known = platform.app_ids(&roles.administrator).await.expect("an answer");
    assert!(known.contains(&"app-2".to_owned()) && !known.contains(&"app-3".to_owned()), "{known:?}");

    let extend = async |caller: &Caller| {
        let extended = platform.extend_grant(caller, "kiosk", due, vec![QUALITY.to_owned()]).await;
        extended.map(|extended| extended.token.len())
    };
    roles.assert_administrative(extend).await;

    let revoke = async |caller: &Caller| {
        let id = new_id();
        platform.grant(&roles.administrator, &id, due, capability()).await?;
        platform.revoke(caller, &id).await
    };
    roles.assert_administrative(revoke).await;
    let kept = platform.grant(&roles.administrator, "kept", due, capability()).await.expect("a token");
    assert_forbidden(platform.revoke(&roles.app, "kept").await);
    assert!(platform.caller_of_token(&kept).is_ok());
}

#[tokio::test]
async fn only_who_administers_manages_keys_and_reads_thresholds() {
    let fixture = Fixture::start().await;
    let (platform, roles) = (&fixture.platform, Roles::of(&fixture).await);
    let id = |key: aicp_platform::NewKey| key.id;
    let make = async |caller: &Caller| platform.make_key(caller, "kiosk", &KEYS, KeyOptions::default()).await.map(id);
    roles.assert_administrative(make).await;
    roles.assert_administrative(async |caller: &Caller| platform.keys(caller, "kiosk").await).await;
    let keys = platform.keys(&roles.administrator, "kiosk").await.expect("an answer");
    assert_eq!(keys.len(), 3, "the app made none");

    let kept = make(&roles.administrator).await.expect("a key");
    assert_forbidden(platform.revoke_key(&roles.app, "kiosk", &kept).await);
    assert_eq!(platform.state_of_key(&platform.access_key(&KEYS, &kept).expect("a key")), KeyState::Good);
    roles.assert_administrative(async |caller: &Caller| platform.revoke_key(caller, "kiosk", &kept).await).await;
    assert_eq!(platform.state_of_key(&platform.access_key(&KEYS, &kept).expect("a key")), KeyState::Revoked);

    roles.assert_administrative(async |caller: &Caller| platform.thresholds(caller, "kiosk").await).await;
}

#[tokio::test]
async fn only_who_administers_manages_the_outbox() {
    let fixture = Fixture::start().await;
    let (platform, roles) = (&fixture.platform, Roles::of(&fixture).await);
    let list = async |caller: &Caller| {
        let listed = platform.outbox(caller, OutboxFilter::default(), Page::first(10)).await;
        listed.map(|(total, _)| total)
    };
    roles.assert_administrative(list).await;
    let ids = BTreeSet::from([OutboxId::new(1)]);
    roles.assert_administrative(async |caller: &Caller| platform.resume(caller, ids.clone()).await).await;
    let row = OutboxRow {
        id: OutboxId::new(1),
        library_id: LibraryId::new(1),
        app_id: "kiosk".to_owned(),
        engine: "an engine".to_owned(),
        action: OutboxAction::CreateLibrary,
        engine_key: "a key".to_owned(),
        public_id: None,
        number: None,
        face_id: None,
        engine_ref: None,
        picture_key: None,
        made_person: false,
        endpoint: String::new(),
        operation: String::new(),
        created_at: START,
        in_doubt: false,
        was_in_doubt: false,
        listed: true,
        rejected: false,
        attempts: 1,
        last_error: None,
        solved_at: None,
        solved_by: None,
        dropped: None,
    };
    let entry = OutboxEntry { row, picture: None };
    let file = async |caller: &Caller| platform.outbox_file(caller, &entry, "a.jpg".to_owned()).await;
    roles.assert_administrative(file).await;
}

#[tokio::test]
async fn an_app_sees_no_other_app() {
    let fixture = Fixture::start().await;
    let (platform, roles) = (&fixture.platform, Roles::of(&fixture).await);
    fixture.library().await;
    for caller in [&roles.administrator, &roles.operator] {
        assert_eq!(platform.app_ids(caller).await.expect("an answer"), ["admin", "kiosk", "legacy", "shop"]);
        assert_eq!(platform.library_count(caller, "shop").await.expect("an answer"), 1);
        let shop = platform.act_as(caller, "shop").expect("an app");
        assert_eq!(platform.library(&shop, LIBRARY).await.expect("a library").app_id, "shop");
        assert!(!shop.is_administrator() && !shop.may_administer(), "who acts as an app has its role");
    }
    for (caller, id) in [(&roles.anonymous, "legacy"), (&roles.app, "kiosk")] {
        assert_eq!(platform.app_ids(caller).await.expect("an answer"), [id]);
        assert_eq!(platform.library_count(caller, id).await.expect("an answer"), 0);
        assert_eq!(platform.act_as(caller, id).expect("an app").app_id(), id);
        assert_forbidden(platform.library_count(caller, "shop").await);
        assert_forbidden(platform.act_as(caller, "shop"));
    }
}

#[tokio::test]
async fn who_may_register_is_a_setting() {
    for policy in [RegistrationPolicy::Off, RegistrationPolicy::Admin, RegistrationPolicy::Open] {
        let fixture = Fixture::with(Settings {
            console: Console { registration: Some(policy), ..Console::default() },
            ..Settings::default()
        })
        .await;
        let roles = Roles::of(&fixture).await;
        for (role, caller) in [
            ("administrator", &roles.administrator),
            ("operator", &roles.operator),
            ("anonymous", &roles.anonymous),
            ("console", &fixture.platform.console_caller()),
            ("app", &roles.app),
        ] {
            let new = Registration { username: role.to_owned(), ..registration() };
            let registered = fixture.platform.register(caller, new, picture(role, 1), None).await;
            let session = fixture.platform.login_with_face(picture(role, 2), None).await;
            let is_known = session.is_ok_and(|session| session.username == role);
            let with_credentials = matches!(role, "administrator" | "operator");
            match (policy, registered) {
                (RegistrationPolicy::Open, Ok(_)) => assert!(is_known, "{role}"),
                (RegistrationPolicy::Admin, Ok(_)) => assert!(with_credentials && is_known, "{role}"),
                (RegistrationPolicy::Admin, Err(Error::Refused(Refusal::Forbidden))) => {
                    assert!(!with_credentials && !is_known, "{role}");
                }
                (RegistrationPolicy::Off, Err(Error::Refused(Refusal::NoRegistration))) => assert!(!is_known, "{role}"),
                (policy, registered) => panic!("{policy:?}, {role}: {:?}", registered.err()),
            }
        }
    }
}
