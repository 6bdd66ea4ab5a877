//! Apps, their grants and statistics, and console users.

use std::time::Duration;

use aicp_platform::{Area, BadInput, Call, CallFilter, Error, Existing, Missing, Refusal, Registration, TokenError};
use aicp_types::Clock;

use crate::fixture::{ADMIN_TOKEN, Fixture, LIBRARY, START, picture};

const RECOGNITION: &str = "C10000000002";
const QUALITY: &str = "C10000000004";
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_grant_opens_its_areas_until_it_expires() {
    let fixture = Fixture::start().await;
    let due = START.saturating_add(HOUR);
    let token = fixture.platform.grant("kiosk", due, vec![RECOGNITION.to_owned()]).await.expect("a token");
    let app = fixture.platform.caller_of_token(&token).expect("an app");
    assert_eq!(app.app_id(), "kiosk");
    assert!(app.require(Area::Recognition).is_ok());
    assert_eq!(app.require(Area::Quality), Err(TokenError::NotGranted));
    fixture.clock.advance(HOUR);
    assert!(fixture.platform.caller_of_token(&token).is_ok());
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(fixture.platform.caller_of_token(&token).err(), Some(TokenError::Expired));
    let later = fixture.clock.now().saturating_add(HOUR);
    let extended = fixture.platform.extend_grant("kiosk", later, vec![QUALITY.to_owned()]).await.expect("a grant");
    assert!(extended.token == token && extended.added == [QUALITY] && extended.held.is_empty());
    assert!(fixture.platform.caller_of_token(&token).expect("an app").require(Area::Quality).is_ok());
}

#[tokio::test]
async fn a_revoked_token_is_unknown_even_after_a_restart() {
    let fixture = Fixture::start().await;
    let due = START.saturating_add(HOUR);
    let token = fixture.platform.grant("kiosk", due, vec![RECOGNITION.to_owned()]).await.expect("a token");
    let kept = fixture.platform.grant("gate", due, vec![RECOGNITION.to_owned()]).await.expect("a token");
    fixture.platform.revoke("kiosk").await.expect("it is revoked");
    assert_eq!(fixture.platform.caller_of_token(&token).err(), Some(TokenError::Unknown));
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.platform.caller_of_token(&token).err(), Some(TokenError::Unknown));
    assert!(fixture.platform.caller_of_token(&kept).is_ok());
    assert!(fixture.platform.caller_of_token(ADMIN_TOKEN).expect("the administrator").is_admin());
    assert!(matches!(fixture.platform.revoke("kiosk").await, Err(Error::Missing(Missing::App))));
}

#[tokio::test]
async fn grants_have_rules() {
    let fixture = Fixture::start().await;
    let due = START.saturating_add(HOUR);
    let grant = |app: &'static str, id: &str| fixture.platform.grant(app, due, vec![id.to_owned()]);
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
    let other = fixture.platform.operator_for("other").await.expect("an app");
    let found = fixture.platform.identify(&other, LIBRARY, picture("alice", 2), 1).await;
    assert!(matches!(found, Err(Error::Missing(Missing::Library))));
    fixture.platform.open_library(&other, LIBRARY).await.expect("a library of the same id");
    let found = fixture.platform.identify(&other, LIBRARY, picture("alice", 2), 1).await.expect("an answer");
    assert!(found.matches.is_empty());
    let found = fixture.platform.identify_many(&other, None, picture("alice", 2), 1).await.expect("an answer");
    assert!(found[0].matches.is_empty());
}

#[tokio::test]
async fn calls_are_counted_by_app_and_method() {
    let fixture = Fixture::start().await;
    let call = |app: &str, method: &str, cost_ms| Call {
        app_id: app.to_owned(),
        method: method.to_owned(),
        label: "a label",
        source: "a source".to_owned(),
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
    let totals = async |app| {
        let totals = fixture.platform.call_totals(app, &CallFilter::default()).await.expect("an answer");
        totals.into_iter().map(|total| (total.method, total.count, total.cost_ms)).collect::<Vec<_>>()
    };
    let total = |method: &str, count, cost_ms| (method.to_owned(), count, cost_ms);
    assert_eq!(totals(&fixture.app).await, [total("enrol", 1, 1), total("search", 2, 7)]);
    let admin = fixture.platform.caller_of_token(ADMIN_TOKEN).expect("the administrator");
    assert_eq!(totals(&admin).await, [total("enrol", 1, 1), total("search", 3, 12)]);
    let later = CallFilter { from: Some(START.saturating_add(HOUR)), ..CallFilter::default() };
    assert!(fixture.platform.call_totals(&fixture.app, &later).await.expect("an answer").is_empty());
    assert_eq!(fixture.platform.calls(&fixture.app, &CallFilter::default()).await.expect("an answer").rows.len(), 3);
}

#[tokio::test]
async fn a_console_user_logs_in_by_face() {
    let fixture = Fixture::start().await;
    let registration = || Registration {
        username: "ann".to_owned(),
        password: "a long password".to_owned(),
        telephone: String::new(),
        mail: String::new(),
        department: String::new(),
    };
    fixture.platform.register(registration(), picture("ann", 1), None).await.expect("it is registered");
    let again = fixture.platform.register(registration(), picture("ann", 1), None).await;
    assert!(matches!(again, Err(Error::Exists(Existing::User))));
    let session = fixture.platform.login_with_face(picture("ann", 2), None).await.expect("a session");
    assert_eq!(fixture.platform.session(&session.token).await.expect("an answer").as_deref(), Some("ann"));
    fixture.platform.log_out(&session.token).await.expect("an answer");
    assert_eq!(fixture.platform.session(&session.token).await.expect("an answer"), None);
    let stranger = fixture.platform.login_with_face(picture("mallory", 1), None).await;
    assert!(matches!(stranger, Err(Error::Refused(Refusal::Login))));
}
