//! Who may call what: every operation by every kind of caller.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Rest, operators, text};
use crate::fixture::{Server, TOKEN};
use crate::pictures::{base64, obama, obama2};

/// An operation, and the status for a caller without a token, with a wrong one, with an expired one, of an app without the
/// area, of another app with all areas, of the app itself, of the administrator, of a viewer, of an operator, and for the
/// session of an operator without the CSRF token, in this order. Bodies are `{}`, so a caller who may call may still be told
/// that something is missing.
const MATRIX: [(&str, &str, &str, [u16; 10]); 142] = [
    ("getOpenapi", "GET", "/openapi.json", [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("getSystem", "GET", "/system", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("getOverview", "GET", "/overview", [401, 401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("listSettings", "GET", "/settings", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("getSetting", "GET", "/settings/log.level", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("putSetting", "PUT", "/settings/log.level", [401, 401, 401, 403, 403, 403, 400, 403, 403, 403]),
    ("deleteSetting", "DELETE", "/settings/log.level?reason=x", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("listSettingChanges", "GET", "/setting-changes", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("undoSettingChange", "POST", "/setting-changes/9999/undo", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("listSecretKeys", "GET", "/secret-keys", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("rotateSecretKey", "POST", "/secret-keys", [401, 401, 401, 403, 403, 403, 201, 403, 403, 403]),
    ("resealSecrets", "POST", "/secret-keys/reseal", [401, 401, 401, 403, 403, 403, 201, 403, 403, 403]),
    ("forgetSecretKeys", "DELETE", "/secret-keys?breakLinks=x", [401, 401, 401, 403, 403, 403, 400, 403, 403, 403]),
    // The token of the tests is set by the environment.
    ("rotateAdminToken", "POST", "/admin-token", [401, 401, 401, 403, 403, 403, 409, 403, 403, 403]),
    ("listModels", "GET", "/models", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("getVersion", "GET", "/version", [401, 401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("getStorage", "GET", "/storage", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("listRetention", "GET", "/retention", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("listApps", "GET", "/apps", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("createApp", "POST", "/apps", [401, 401, 401, 403, 403, 403, 400, 403, 403, 403]),
    ("getApp", "GET", "/apps/shop", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("updateApp", "PATCH", "/apps/shop", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("deleteApp", "DELETE", "/apps/nobody", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("replaceToken", "POST", "/apps/nobody/token", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("getQuota", "GET", "/apps/shop/quota", [401, 401, 401, 404, 404, 200, 200, 200, 200, 200]),
    ("putQuota", "PUT", "/apps/other/quota", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("listCapabilities", "GET", "/capabilities", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("listKeys", "GET", "/apps/shop/keys", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("createKey", "POST", "/apps/shop/keys", [401, 401, 401, 403, 403, 403, 400, 403, 403, 403]),
    ("revokeKey", "DELETE", "/apps/shop/keys/none", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("listThresholds", "GET", "/apps/shop/libraries", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("listEngines", "GET", "/engines", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("listOutbox", "GET", "/outbox", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("getOutboxEntry", "GET", "/outbox/1", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("getOutboxPicture", "GET", "/outbox/1/picture", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("retryOutbox", "POST", "/outbox/retry", [401, 401, 401, 403, 403, 403, 202, 403, 403, 403]),
    ("retryOutboxEntry", "POST", "/outbox/1/retry", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("dropOutboxEntry", "POST", "/outbox/1/drop", [401, 401, 401, 403, 403, 403, 400, 403, 403, 403]),
    ("getCallTotals", "GET", "/statistics/totals", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("getCallSeries", "GET", "/statistics/series", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("listCalls", "GET", "/calls", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("listLibraries", "GET", "/libraries", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("createLibrary", "POST", "/libraries", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("getLibrary", "GET", "/libraries/{library}", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("updateLibrary", "PATCH", "/libraries/{library}", [401, 401, 401, 403, 404, 200, 200, 403, 200, 403]),
    (
        "getLibraryStatistics",
        "GET",
        "/libraries/{library}/statistics",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    ("copyLibrary", "POST", "/libraries/{library}/copies", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("listTags", "GET", "/libraries/{library}/tags", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("listPeople", "GET", "/libraries/{library}/people", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("countPeople", "GET", "/libraries/{library}/people/count", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("createPerson", "POST", "/libraries/{library}/people", [401, 401, 401, 403, 404, 400, 400, 403, 400, 403]),
    ("getPerson", "GET", "/libraries/{library}/people/{person}", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    (
        "updatePerson",
        "PATCH",
        "/libraries/{library}/people/{person}",
        [401, 401, 401, 403, 404, 200, 200, 403, 200, 403],
    ),
    (
        "copyPerson",
        "POST",
        "/libraries/{library}/people/{person}/copy",
        [401, 401, 401, 403, 400, 400, 400, 403, 400, 403],
    ),
    (
        "movePerson",
        "POST",
        "/libraries/{library}/people/{person}/move",
        [401, 401, 401, 403, 400, 400, 400, 403, 400, 403],
    ),
    (
        "mergePeople",
        "POST",
        "/libraries/{library}/people/{person}/merge",
        [401, 401, 401, 403, 400, 400, 400, 403, 400, 403],
    ),
    (
        "bulkUpdatePeople",
        "POST",
        "/libraries/{library}/people/bulk-update",
        [401, 401, 401, 403, 400, 400, 400, 403, 400, 403],
    ),
    (
        "bulkDeletePeople",
        "POST",
        "/libraries/{library}/people/bulk-delete",
        [401, 401, 401, 403, 400, 400, 400, 403, 400, 403],
    ),
    (
        "listFaces",
        "GET",
        "/libraries/{library}/people/{person}/faces",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "addFace",
        "POST",
        "/libraries/{library}/people/{person}/faces",
        [401, 401, 401, 403, 404, 400, 400, 403, 400, 403],
    ),
    (
        "replaceFaces",
        "PUT",
        "/libraries/{library}/people/{person}/faces",
        [401, 401, 401, 403, 404, 400, 400, 403, 400, 403],
    ),
    (
        "getFace",
        "GET",
        "/libraries/{library}/people/{person}/faces/{face}",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "getFacePicture",
        "GET",
        "/libraries/{library}/people/{person}/faces/{face}/picture",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "getFaceQuality",
        "GET",
        "/libraries/{library}/people/{person}/faces/{face}/quality",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "getFaceThumbnail",
        "GET",
        "/libraries/{library}/people/{person}/faces/{face}/thumbnail",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "getFaceTemplate",
        "GET",
        "/libraries/{library}/people/{person}/faces/{face}/template",
        [401, 401, 401, 403, 403, 403, 200, 403, 403, 403],
    ),
    ("erasePerson", "POST", "/erasures", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    (
        "verify",
        "POST",
        "/libraries/{library}/people/{person}/verify",
        [401, 401, 401, 403, 404, 400, 400, 403, 400, 403],
    ),
    (
        "listSimilarPeople",
        "GET",
        "/libraries/{library}/people/{person}/similar",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    ("identifyInLibrary", "POST", "/libraries/{library}/identify", [401, 401, 401, 403, 404, 400, 400, 403, 400, 403]),
    ("identify", "POST", "/identify", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("importArchive", "POST", "/libraries/{library}/imports", [401, 401, 401, 403, 415, 415, 415, 403, 415, 403]),
    ("importFolder", "POST", "/libraries/{library}/folder-imports", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    (
        "scanForDuplicates",
        "POST",
        "/libraries/{library}/duplicate-scans",
        [401, 401, 401, 403, 404, 201, 201, 403, 201, 403],
    ),
    ("groupUnknownFaces", "POST", "/libraries/{library}/groupings", [401, 401, 401, 403, 404, 201, 201, 403, 201, 403]),
    ("exportLibrary", "POST", "/libraries/{library}/exports", [401, 401, 401, 403, 404, 201, 201, 403, 201, 403]),
    ("getJobFile", "GET", "/jobs/{job}/file", [401, 401, 401, 403, 404, 404, 404, 404, 404, 404]),
    ("listJobs", "GET", "/jobs", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("getJob", "GET", "/jobs/{job}", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("listJobItems", "GET", "/jobs/{job}/items", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("getJobReport", "GET", "/jobs/{job}/report", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("pauseJob", "POST", "/jobs/{job}/pause", [401, 401, 401, 403, 404, 409, 409, 403, 409, 403]),
    ("resumeJob", "POST", "/jobs/{job}/resume", [401, 401, 401, 403, 404, 409, 409, 403, 409, 403]),
    ("cancelJob", "POST", "/jobs/{job}/cancel", [401, 401, 401, 403, 404, 409, 409, 403, 409, 403]),
    ("deleteJob", "DELETE", "/jobs/9999", [401, 401, 401, 403, 404, 404, 404, 403, 404, 403]),
    ("detect", "POST", "/detect", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("assessQuality", "POST", "/quality", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("assessLiveness", "POST", "/liveness", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("compare", "POST", "/compare", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("putAccount", "PUT", "/apps/shop/accounts/ada", [401, 401, 401, 403, 404, 204, 204, 403, 204, 403]),
    ("getAccount", "GET", "/apps/shop/accounts/ada", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("listFriends", "GET", "/apps/shop/accounts/ada/friends", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("putFriend", "PUT", "/apps/shop/accounts/ada/friends/nobody", [401, 401, 401, 403, 404, 404, 404, 403, 404, 403]),
    (
        "deleteFriend",
        "DELETE",
        "/apps/shop/accounts/ada/friends/nobody",
        [401, 401, 401, 403, 404, 404, 404, 403, 404, 403],
    ),
    (
        "listFriendGroups",
        "GET",
        "/apps/shop/accounts/ada/friend-groups",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "putFriendGroup",
        "PUT",
        "/apps/shop/accounts/ada/friend-groups/work",
        [401, 401, 401, 403, 404, 204, 204, 403, 204, 403],
    ),
    (
        "deleteFriendGroup",
        "DELETE",
        "/apps/shop/accounts/ada/friend-groups/work",
        [401, 401, 401, 403, 404, 204, 404, 403, 404, 403],
    ),
    ("deleteAccount", "DELETE", "/apps/shop/accounts/nobody", [401, 401, 401, 403, 404, 404, 404, 403, 404, 403]),
    (
        "deleteFace",
        "DELETE",
        "/libraries/{library}/people/{person}/faces/9999",
        [401, 401, 401, 403, 404, 404, 404, 403, 404, 403],
    ),
    ("deletePerson", "DELETE", "/libraries/{library}/people/9999", [401, 401, 401, 403, 404, 404, 404, 403, 404, 403]),
    ("deleteLibrary", "DELETE", "/libraries/9999", [401, 401, 401, 403, 404, 404, 404, 403, 404, 403]),
    ("getSignIn", "GET", "/sign-in", [200, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("signIn", "POST", "/session", [400, 400, 400, 400, 400, 400, 400, 400, 400, 400]),
    ("getSession", "GET", "/session", [401, 401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("changePassword", "PUT", "/session/password", [401, 401, 401, 400, 400, 400, 400, 400, 400, 403]),
    ("putOwnFace", "PUT", "/session/face", [401, 401, 401, 400, 400, 400, 400, 400, 400, 403]),
    ("deleteOwnFace", "DELETE", "/session/face", [401, 401, 401, 403, 403, 403, 403, 404, 404, 403]),
    ("listSessions", "GET", "/sessions", [401, 401, 401, 403, 403, 403, 200, 200, 200, 200]),
    ("endSession", "DELETE", "/sessions/9999", [401, 401, 401, 403, 403, 403, 404, 404, 404, 403]),
    ("listTokens", "GET", "/tokens", [401, 401, 401, 403, 403, 403, 200, 200, 200, 200]),
    ("createToken", "POST", "/tokens", [401, 401, 401, 400, 400, 400, 400, 400, 400, 403]),
    ("deleteToken", "DELETE", "/tokens/9999", [401, 401, 401, 403, 403, 403, 404, 404, 404, 403]),
    ("listOperators", "GET", "/operators", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("createOperator", "POST", "/operators", [401, 401, 401, 403, 403, 403, 400, 403, 403, 403]),
    ("getOperator", "GET", "/operators/9999", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("updateOperator", "PATCH", "/operators/9999", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("deleteOperator", "DELETE", "/operators/9999", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("putOperatorFace", "PUT", "/operators/9999/face", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("deleteOperatorFace", "DELETE", "/operators/9999/face", [401, 401, 401, 403, 403, 403, 404, 403, 403, 403]),
    ("listAuditLog", "GET", "/audit", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("exportAuditLog", "GET", "/audit/export", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("checkAuditLog", "GET", "/audit/check", [401, 401, 401, 403, 403, 403, 200, 403, 403, 403]),
    ("signOut", "DELETE", "/session", [401, 401, 401, 404, 404, 404, 404, 404, 404, 403]),
    (
        "getRecognitionLog",
        "GET",
        "/libraries/{library}/recognition-log",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "updateRecognitionLog",
        "PATCH",
        "/libraries/{library}/recognition-log",
        [401, 401, 401, 403, 404, 200, 200, 403, 200, 403],
    ),
    (
        "listRecognitions",
        "GET",
        "/libraries/{library}/recognitions",
        [401, 401, 401, 403, 404, 200, 200, 200, 200, 200],
    ),
    (
        "getRecognition",
        "GET",
        "/libraries/{library}/recognitions/9999",
        [401, 401, 401, 403, 404, 404, 404, 404, 404, 404],
    ),
    (
        "getRecognitionPicture",
        "GET",
        "/libraries/{library}/recognitions/9999/picture",
        [401, 401, 401, 403, 404, 404, 404, 404, 404, 404],
    ),
    (
        "enrolRecognition",
        "POST",
        "/libraries/{library}/recognitions/9999/person",
        [401, 401, 401, 403, 404, 404, 404, 403, 404, 403],
    ),
    (
        "deleteRecognition",
        "DELETE",
        "/libraries/{library}/recognitions/9999",
        [401, 401, 401, 403, 404, 404, 404, 403, 404, 403],
    ),
    ("streamEvents", "HEAD", "/events", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("listEvents", "GET", "/events/log", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("getEvent", "GET", "/events/{event}", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("listWebhooks", "GET", "/webhooks", [401, 401, 401, 403, 200, 200, 200, 200, 200, 200]),
    ("createWebhook", "POST", "/webhooks", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("getWebhook", "GET", "/webhooks/{webhook}", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    ("updateWebhook", "PATCH", "/webhooks/{webhook}", [401, 401, 401, 403, 404, 200, 200, 403, 200, 403]),
    ("listDeliveries", "GET", "/webhooks/{webhook}/deliveries", [401, 401, 401, 403, 404, 200, 200, 200, 200, 200]),
    (
        "replayDelivery",
        "POST",
        "/webhooks/{webhook}/deliveries/9999/replay",
        [401, 401, 401, 403, 404, 404, 404, 403, 404, 403],
    ),
    ("replayEvents", "POST", "/webhooks/{webhook}/replay", [401, 401, 401, 403, 400, 400, 400, 403, 400, 403]),
    ("testWebhook", "POST", "/webhooks/{webhook}/test", [401, 401, 401, 403, 404, 201, 201, 403, 201, 403]),
    ("deleteWebhook", "DELETE", "/webhooks/9999", [401, 401, 401, 403, 404, 404, 404, 403, 404, 403]),
];

const ALL: [&str; 5] = ["C10000000001", "C10000000002", "C10000000003", "C10000000006", "C10000000008"];

#[test]
fn every_operation_answers_every_caller_as_written_down() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let described = admin.get("/openapi.json").json();
    let described: BTreeSet<String> = described["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("methods").values().map(|operation| text(&operation["operationId"])))
        .collect();
    let known: BTreeSet<String> = MATRIX.iter().map(|(id, ..)| (*id).to_owned()).collect();
    assert_eq!(known, described, "every operation has a row");

    let token = server.grant("shop", &ALL);
    let make = |app: &str, due_at: &str, capabilities: &[&str]| {
        let app = json!({"appId": app, "dueAt": due_at, "capabilities": capabilities});
        text(&admin.json("POST", "/apps", &app).json()["token"])
    };
    let operator = |role: &str| {
        operators::create(&admin, role, role, None);
        let browser = operators::Browser::sign_in(&server, &operators::credentials(role));
        let token = browser.json("POST", "/tokens", &json!({"name": "t", "expiresAt": "2099-01-01T00:00:00Z"}));
        (Rest::new(&server, &text(&token.json()["token"])), browser)
    };
    let ((viewer, _), (operator, session)) = (operator("viewer"), operator("operator"));
    let callers = [
        Rest::new(&server, "wrong"),
        Rest::new(&server, &make("late", "2020-01-01T00:00:00Z", &ALL)),
        Rest::new(&server, &make("poor", "2099-01-01T00:00:00Z", &[])),
        Rest::new(&server, &server.grant("other", &ALL)),
        Rest::new(&server, &token),
        Rest::admin(&server),
        viewer,
        operator,
    ];
    let mut face_session = by_face(&server, &admin);
    let app = Rest::new(&server, &token);
    let library = app.library("staff");
    let person = app.person(&library, &[("name", "Ada")], &obama());
    let webhook = app.json("POST", "/webhooks", &json!({"url": "https://webhook.invalid/"}));
    let webhook = text(&webhook.json()["id"]);
    let (face, person) = (text(&person["faces"][0]["id"]), text(&person["id"]));
    let job = app.finished_import(&library, &[("Ada/1.jpg", &obama())]);
    let event = text(&app.get("/events/log").json()["items"][0]["id"]);
    let mut wrong = Vec::new();
    for (id, method, path, expected) in MATRIX {
        let path = path.replace("{library}", &library).replace("{person}", &person).replace("{face}", &face);
        let path = path.replace("{job}", &job).replace("{webhook}", &webhook).replace("{event}", &event);
        let body: &[u8] = if matches!(method, "GET" | "HEAD" | "DELETE") { b"" } else { b"{}" };
        let target = format!("/api/v1{path}");
        let without = crate::http::send(server.addresses()[0], method, &target, &[], body).expect("an answer");
        let mut got = vec![without.status];
        got.extend(callers.iter().map(|caller| caller.send(method, &path, &[], body).status));
        got.push(session.send(method, &path, None, body).status);
        if got != expected {
            wrong.push(format!("{id}: {got:?} instead of {expected:?}"));
        }
        // A face alone makes a viewer of an administrator, who may not even do what others do for themselves.
        let as_viewer = match id {
            "signOut" => 204,
            "signIn" => 400,
            _ if matches!(method, "GET" | "HEAD") => expected[7],
            _ => 403,
        };
        let got = face_session.send(method, &path, Some(&face_session.csrf_token), body).status;
        if got != as_viewer {
            wrong.push(format!("{id} by face: {got} instead of {as_viewer}"));
        }
        if id == "signOut" {
            face_session = by_face(&server, &admin);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Signs an administrator in by a face alone.
fn by_face(server: &Server, admin: &Rest) -> operators::Browser {
    let known = admin.get("/operators").json();
    let is_known = known["items"].as_array().expect("items").iter().any(|operator| operator["name"] == "admin");
    if !is_known {
        let id = operators::create(admin, "admin", "admin", None);
        let set = admin.form("PUT", &format!("/operators/{id}/face"), &[], &[("file", &obama())]);
        assert_eq!(set.status, 200, "{}", set.text());
    }
    operators::Browser::sign_in(server, &json!({"face": base64(&obama2())}))
}

#[test]
fn the_token_is_in_its_own_header() {
    let server = Server::auto();
    let headers = [("token", TOKEN)];
    let answer = crate::http::send(server.addresses()[0], "GET", "/api/v1/apps", &headers, b"").expect("an answer");
    assert_eq!(answer.status, 401, "the header of the manual is not ours");
    let lower = format!("bearer {TOKEN}");
    let headers = [("Authorization", lower.as_str())];
    let answer = crate::http::send(server.addresses()[0], "GET", "/api/v1/apps", &headers, b"").expect("an answer");
    assert_eq!(answer.status, 200, "the scheme is written in any case");
}
