//! Section 10: console users register with a face, and log in by face or password.

use serde_json::{Value, json};

use crate::fixture::{Server, Setup};
use crate::http::{Answer, Api, JSON, coded, fetch, send};
use crate::pictures::{base64, biden, no_face, obama, obama2, sample};
use crate::template::assert_matches;

const REGISTER: &str = "/user/register";
const FACE_LOGIN: &str = "/user/facelogin.json";
const LOGIN: &str = "/user/login";
const LOG_OUT: &str = "/user/logout";
const INDEX: &str = "/pages/index.html";
const NO_FEATURE: &str = "80018,extract feature decode pictrue! get feature failed";
const NOT_RECOGNISED: &str = "人脸识别未通过";
const WRONG_PASSWORD: &str = "用户名或密码错误";
const TOO_OFTEN: &str = "尝试过于频繁";
const PASSWORD: &str = "a-password-like-no-other";
const LOGGED_IN: &str = r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":"/pages/index.html"}"#;

/// Checks the failure of 10.2 as the manual prints it: with the Shanghai date only.
#[track_caller]
fn assert_not_recognised(answer: &Answer, path: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (500, Some(JSON)), "{}", answer.text());
    let template = format!(
        r#"{{"timestamp":"<int>-<2>-<2>","status":500,"error":"Internal Server Error","message":"{NOT_RECOGNISED}","path":"{path}"}}"#
    );
    assert_matches(answer.text(), &template);
}

/// Sets a limit of attempts that tests do not reach.
fn setup() -> Setup {
    Setup::new(&["auto"]).env("AICP_CONSOLE__ATTEMPTS_PER_MINUTE", "100000")
}

fn registration(username: &str, picture: &[u8]) -> Value {
    json!({
        "username": username, "password": PASSWORD, "telephone": "13800000000", "mail": "a@example.com",
        "deptId": "7", "image": base64(picture),
    })
}

fn face_login(api: &Api, picture: &[u8]) -> Answer {
    api.post(FACE_LOGIN, &json!({"image": base64(picture)}))
}

fn password_login(api: &Api, username: &str, password: &str) -> Answer {
    api.post(LOGIN, &json!({"username": username, "password": password}))
}

/// Checks a successful login and returns the session's token.
#[track_caller]
fn session(answer: &Answer) -> String {
    answer.assert(200, LOGGED_IN);
    let cookie = answer.header("set-cookie").expect("a cookie");
    let template = "aicp_session=<hex>; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict";
    assert_matches(cookie, template).swap_remove(0)
}

/// Requests the console page with a cookie.
fn page(api: &Api, cookie: &str) -> Answer {
    api.send("GET", INDEX, &[("Cookie", cookie)], b"")
}

#[track_caller]
fn assert_sent_to_login(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location"), answer.text()), (302, Some("/pages/login.html"), ""));
}

fn is_in(api: &Api, token: &str) -> bool {
    page(api, &format!("aicp_session={token}")).status == 200
}

#[test]
fn a_registration_answers_as_the_manual_shows() {
    let server = setup().start();
    let api = server.anonymous(0);
    let answer = api.post(REGISTER, &registration("张三", &obama()));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)), "{}", answer.text());
    let link = format!("http://{}/group1/default/<day>/<2>/<2>/<int>/<millis>?download=0&sig=<sig>", api.address);
    let template = format!(
        r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{{"personNo":"<hex>","url":"{link}"}}}}"#
    );
    assert_matches(answer.text(), &template);
    assert_eq!(answer.header("set-cookie"), None, "a registration is no login");
    let (status, media_type, bytes) = fetch(&answer.data_text("url"));
    assert_eq!((status, media_type.as_str()), (200, "image/jpeg"));
    assert!(bytes == obama(), "the picture as it was sent");

    api.post(REGISTER, &registration("张三", &biden())).assert(200, &coded("用户名已存在"));
    assert_not_recognised(&face_login(&api, &biden()), FACE_LOGIN);
    api.post(REGISTER, &registration("李四", &biden())).data();
    face_login(&api, &biden()).assert(200, LOGGED_IN);
}

#[test]
fn every_field_of_a_registration_is_needed() {
    let server = setup().start();
    let api = server.anonymous(0);
    for field in ["username", "password", "telephone", "mail", "deptId"] {
        for (value, message) in [
            (None, format!("{field}不能为空")),
            (Some(Value::Null), format!("{field}不能为空")),
            (Some(json!("")), format!("{field}不能为空")),
            (Some(json!(" ")), format!("{field}不能为空")),
            (Some(json!({})), format!("{field}格式错误")),
            (Some(json!(true)), format!("{field}格式错误")),
        ] {
            let mut body = registration("u", &obama());
            let fields = body.as_object_mut().expect("an object");
            fields.remove(field);
            fields.extend(value.map(|value| (field.to_owned(), value)));
            api.post(REGISTER, &body).assert(200, &coded(&message));
        }
    }
    for image in [
        Value::Null,
        json!(""),
        json!("*"),
        json!(7),
        json!(base64(b"no picture")),
        json!(base64(&no_face())),
        json!(base64(&obama()[..10_000])),
    ] {
        let mut body = registration("u", &obama());
        body["image"] = image.clone();
        api.post(REGISTER, &body).assert(200, &coded(NO_FEATURE));
    }
    // The manual allows 2 MiB of base64, including data behind the end of a JPEG.
    let of_size = |size: usize| {
        let mut bytes = obama();
        bytes.resize(size, 0);
        registration("u", &bytes)
    };
    api.post(REGISTER, &of_size((2 << 20) / 4 * 3 + 1)).assert(200, &coded("图片大小超过2M"));
    // None of the failed registrations took the name.
    api.post(REGISTER, &of_size((2 << 20) / 4 * 3)).data();
}

#[test]
fn numbers_may_be_sent_as_numbers() {
    let server = setup().start();
    let api = server.anonymous(0);
    let mut body = registration("1001", &obama());
    for (field, value) in [("username", 1001), ("telephone", 13_800_000_000_i64), ("deptId", 7)] {
        body[field] = json!(value);
    }
    api.post(REGISTER, &body).data();
    password_login(&api, "1001", PASSWORD).assert(200, LOGGED_IN);
}

#[test]
fn a_console_users_face_is_in_no_library() {
    let server = setup().start();
    let (admin, anonymous) = (server.admin(0), server.anonymous(0));
    let registered = admin.post(REGISTER, &registration("u", &obama())).data_text("personNo");
    let image = base64(&obama());
    let no_one = |answer: Answer| assert_eq!(answer.data()["records"], json!([[]]), "{}", answer.text());
    no_one(admin.post("/aicp/face/recognitionmn", &json!({"image": image})));
    assert_eq!(admin.post("/aicp/face/queryBaseAll", &json!({})).data()["records"], json!([]));
    let result = |path: &str, body: Value| admin.post(&format!("/face-api/{path}"), &body).json();
    assert_eq!(result("v3/group/list", json!({}))["result"], json!({"group_id_list": []}));
    assert_eq!(result("facehub/statapp", json!({}))["admin"], json!({"group_num": 0}));
    assert_eq!(result("v3/user/get", json!({"user_id": registered, "group_id": "@ALL"}))["error_code"], 223_103);

    // Nor by the internal name of its library, which callers can't use.
    let hidden = "\u{1}console";
    for group in [hidden, "console", ""] {
        let by_name = json!({"groupId": group, "userId": registered, "image": image, "dbName": "x"});
        for path in ["addBase", "add", "recognition", "recognitionmn", "query", "remove", "deleteBase"] {
            for api in [&admin, &anonymous] {
                let answer = api.post(&format!("/aicp/face/{path}"), &by_name);
                assert!(!answer.text().contains(&registered) || path == "remove", "{path}: {}", answer.text());
            }
        }
    }
    assert_eq!(result("v3/user/delete", json!({"user_id": registered, "group_id": "@ALL"}))["error_code"], 223_103);
    // Nor can a picture outside all libraries be addressed by its token.
    let detected = result("v3/face/detect", json!({"image": image, "image_type": "BASE64"}));
    let token = detected["result"]["face_list"][0]["face_token"].as_str().expect("a token").to_owned();
    let by_token = json!({"image": token, "image_type": "FACE_TOKEN", "group_id_list": hidden});
    assert_eq!(result("v3/face/detect", by_token)["error_code"], 222_209);

    // With people in a library, only they are found.
    admin.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    no_one(admin.post("/aicp/face/recognitionmn", &json!({"image": image})));
    let enrolled = admin.post("/aicp/face/add", &json!({"groupId": "g", "image": image})).data_text("personNo");
    let found = admin.post("/aicp/face/recognitionmn", &json!({"image": image})).data();
    assert_eq!(found["records"][0][0]["personNo"], enrolled);
    assert_eq!(found["records"][0].as_array().map(Vec::len), Some(1));
    assert_ne!(enrolled, registered);
    // People of a library can't log in.
    admin.post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&biden())})).data();
    assert_not_recognised(&face_login(&anonymous, &biden()), FACE_LOGIN);
    session(&face_login(&anonymous, &obama2()));
}

#[test]
fn a_face_logs_in() {
    let server = setup().start();
    let api = server.anonymous(0);
    let nobody_yet = face_login(&api, &obama());
    assert_not_recognised(&nobody_yet, FACE_LOGIN);
    api.post(REGISTER, &registration("<b>\"Tom\" & 'Jerry'</b>", &obama())).data();
    api.post(REGISTER, &registration("joe", &biden())).data();

    let token = session(&face_login(&api, &obama2()));
    let mine = page(&api, &format!("other=1; aicp_session={token}; more=2"));
    assert_eq!((mine.status, mine.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(mine.text().contains("&lt;b&gt;&quot;Tom&quot; &amp; &#39;Jerry&#39;&lt;/b&gt;"), "{}", mine.text());
    assert!(!mine.text().contains("<b>") && !mine.text().contains("{{"), "{}", mine.text());
    let theirs = session(&face_login(&api, &biden()));
    assert!(page(&api, &format!("aicp_session={theirs}")).text().contains(">joe<"));

    // A session opens the page but no calls: a photograph must not make anybody an administrator.
    let cookie = [("Cookie", &*format!("aicp_session={token}")), ("Content-Type", "application/json")];
    for call in ["/api/v1/apps/app/keys", "/authorize/grantAuthorize", "/asynchrony/getall"] {
        assert_eq!(api.send("POST", call, &cookie, br#"{"kind":"jdcloud"}"#).status, 401, "{call}");
    }

    // The alias, and the path in another case.
    session(&api.post("/user/facelogin", &json!({"image": base64(&obama2())})));
    session(&api.post("/User/FaceLogin.JSON", &json!({"image": base64(&obama2())})));

    for cookie in ["", "aicp_session=", "aicp_session=x", &format!("aicp_session={}", &token[1..]), &token] {
        assert_sent_to_login(&page(&api, cookie));
    }
    let address = server.addresses()[0];
    assert_sent_to_login(&send(address, "GET", INDEX, &[], b"").expect("an answer"));
    let login = send(address, "GET", "/pages/login.html", &[], b"").expect("an answer");
    assert_eq!((login.status, login.header("content-type")), (200, Some("text/html; charset=utf-8")));
}

#[test]
fn who_is_not_let_in_is_told_one_thing() {
    let server = setup().start();
    let api = server.anonymous(0);
    api.post(REGISTER, &registration("u", &obama())).data();
    for path in [FACE_LOGIN, "/user/facelogin", "/USER/facelogin.json"] {
        for body in [
            json!({"image": base64(&biden())}),
            json!({"image": base64(&no_face())}),
            json!({"image": base64(b"no picture")}),
            json!({"image": "*"}),
            json!({"image": ""}),
            json!({"image": {}}),
            json!({}),
        ] {
            let answer = api.post(path, &body);
            assert_not_recognised(&answer, path);
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    // Only the size of a picture has its own message.
    let large = json!({"image": "A".repeat((2 << 20) + 4)});
    api.post(FACE_LOGIN, &large).assert(200, &coded("图片大小超过2M"));
    api.post_bytes(FACE_LOGIN, b"{").assert(400, &coded("请求格式错误"));
    api.send("GET", FACE_LOGIN, &[], b"").assert(405, &coded("请求方法不支持"));
}

#[test]
fn a_password_logs_in_until_the_log_out() {
    let server = setup().start();
    let api = server.anonymous(0);
    api.post(REGISTER, &registration("u", &obama())).data();
    for (username, password) in [("u", "wrong"), ("nobody", PASSWORD), ("U", PASSWORD), ("u", " ")] {
        let answer = password_login(&api, username, password);
        let message = if password == " " { "password不能为空" } else { WRONG_PASSWORD };
        answer.assert(200, &coded(message));
        assert_eq!(answer.header("set-cookie"), None);
    }
    api.post(LOGIN, &json!({"password": PASSWORD})).assert(200, &coded("username不能为空"));

    let (first, second) = (password_login(&api, "u", PASSWORD), password_login(&api, "u", PASSWORD));
    let (first, second) = (session(&first), session(&second));
    assert_ne!(first, second);
    assert!(is_in(&api, &first) && is_in(&api, &second));
    let cookie = format!("aicp_session={first}");
    let headers = [("Cookie", cookie.as_str()), ("Content-Type", "application/json")];
    let answer = api.send("POST", LOG_OUT, &headers, b"{}");
    answer.assert(200, r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":"/pages/login.html"}"#);
    let cleared = "aicp_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(answer.header("set-cookie"), Some(cleared));
    assert!(!is_in(&api, &first), "the server has ended the session");
    assert!(is_in(&api, &second), "this one goes on");
    // Without a session, logging out does nothing.
    assert_eq!(api.post(LOG_OUT, &json!({})).status, 200);

    // Users and sessions survive a restart.
    server.stop();
    let server = setup().data_dir(server.data_dir()).start();
    let api = server.anonymous(0);
    assert!(is_in(&api, &second) && !is_in(&api, &first));
    session(&password_login(&api, "u", PASSWORD));
    session(&face_login(&api, &obama2()));
    api.post(REGISTER, &registration("u", &biden())).assert(200, &coded("用户名已存在"));
}

#[test]
fn over_tls_the_cookie_stays_there() {
    let server = setup().env("AICP_PUBLIC_URL", "https://example.com").start();
    let api = server.anonymous(0);
    let registered = api.post(REGISTER, &registration("u", &obama()));
    assert!(registered.data_text("url").starts_with("https://example.com/group1/default/"));
    let cookie = password_login(&api, "u", PASSWORD).header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
}

#[test]
fn pages_of_other_sites_can_not_log_in() {
    let server = setup().start();
    let api = server.anonymous(0);
    api.post(REGISTER, &registration("u", &obama())).data();
    let body = json!({"username": "u", "password": PASSWORD}).to_string();
    let answer = api.send("POST", LOGIN, &[("Origin", "http://example.org")], body.as_bytes());
    answer.assert(401, &coded("token不能为空"));
    assert_eq!(answer.header("set-cookie"), None);
}

/// Allows one attempt per minute, so that no second one becomes due during a test, even on a slow machine.
fn one_attempt() -> Setup {
    Setup::new(&["auto"]).env("AICP_CONSOLE__ATTEMPTS_PER_MINUTE", "1")
}

#[track_caller]
fn assert_too_often(answer: &Answer) {
    answer.assert(429, &coded(TOO_OFTEN));
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(answer.header("set-cookie"), None);
}

#[test]
fn an_address_has_so_many_attempts() {
    let wrong = |api: &Api| password_login(api, "nobody", "wrong");
    let server = one_attempt().start();
    let api = server.anonymous(0);
    wrong(&api).assert(200, &coded(WRONG_PASSWORD));
    assert_too_often(&wrong(&api));
    // All kinds of attempts share the limit, and a refused one is not evaluated.
    assert_too_often(&api.post(REGISTER, &registration("u", &obama())));
    assert_too_often(&face_login(&api, &obama()));
    // `X-Forwarded-For` is ignored without a trusted proxy. Other calls are not limited.
    let body = json!({"username": "other", "password": "wrong"}).to_string();
    assert_too_often(&api.send("POST", LOGIN, &[("X-Forwarded-For", "203.0.113.7")], body.as_bytes()));
    assert_eq!(api.post(LOG_OUT, &json!({})).status, 200);
    api.post("/aicp/face/quality", &json!({"image": base64(&obama())})).data();
    // Refused attempts are not counted as calls.
    let called = server.admin(0).post("/method/call", &json!({"call_Name": "passwordLogin"})).data();
    assert_eq!(called[0]["count"], "1");
    for name in ["faceLogin", "userRegister"] {
        assert_eq!(server.admin(0).post("/method/call", &json!({"call_Name": name})).data(), json!([]));
    }
    // With a limit of 2, two attempts pass.
    let server = Setup::new(&["auto"]).env("AICP_CONSOLE__ATTEMPTS_PER_MINUTE", "2").start();
    let api = server.anonymous(0);
    for username in ["a", "b"] {
        password_login(&api, username, "wrong").assert(200, &coded(WRONG_PASSWORD));
    }
    assert_too_often(&password_login(&api, "c", "wrong"));
}

#[test]
fn a_trusted_proxy_says_whose_attempt_it_is() {
    let server = one_attempt().env("AICP_HTTP__TRUSTED_PROXIES", r#"["127.0.0.1"]"#).start();
    let api = server.anonymous(0);
    let attempt = |username: &str, forwarded: &str| {
        let body = json!({"username": username, "password": "wrong"}).to_string();
        api.send("POST", LOGIN, &[("X-Forwarded-For", forwarded)], body.as_bytes())
    };
    attempt("a", "203.0.113.7").assert(200, &coded(WRONG_PASSWORD));
    assert_too_often(&attempt("b", "203.0.113.7"));
    // Only the last address counts: the one that the proxy itself saw.
    assert_too_often(&attempt("c", "198.51.100.1, 203.0.113.7"));
    attempt("d", "198.51.100.1").assert(200, &coded(WRONG_PASSWORD));
    // A user name has the same limit across all addresses.
    assert_too_often(&attempt("d", "198.51.100.11"));
    // Without the header, the proxy's own address counts.
    password_login(&api, "e", "wrong").assert(200, &coded(WRONG_PASSWORD));
    assert_too_often(&password_login(&api, "f", "wrong"));
}

#[test]
fn a_face_must_be_as_live_as_is_set() {
    // Cut off at the edge, the picture has a low liveness but shows the same person.
    let doubtful = sample("probes/obama_partial_face2.jpg");
    let first = setup().env("AICP_CONSOLE__LOGIN_LIVENESS", "high").start();
    let api = first.anonymous(0);
    let liveness = |picture: &[u8]| {
        let body = json!({"image": base64(picture), "image_type": "BASE64", "face_field": "liveness"});
        let detected = first.admin(0).post("/face-api/v3/face/detect", &body).json();
        let live = detected["result"]["face_list"][0]["liveness"]["livemapscore"].as_f64();
        live.unwrap_or_else(|| panic!("no liveness in {detected}"))
    };
    assert!(liveness(&doubtful) < 0.9 && liveness(&obama2()) > 0.9, "the samples are as they are meant to be");
    api.post(REGISTER, &registration("u", &obama())).data();
    assert_not_recognised(&face_login(&api, &doubtful), FACE_LOGIN);
    session(&face_login(&api, &obama2()));
    first.stop();
    let second = setup().env("AICP_CONSOLE__LOGIN_LIVENESS", "none").data_dir(first.data_dir()).start();
    session(&face_login(&second.anonymous(0), &doubtful));
}

#[test]
fn passwords_and_sessions_are_nowhere_in_clear() {
    let server = setup().env("AICP_LOG__LEVEL", "trace").start();
    let api = server.anonymous(0);
    let mut answers = vec![
        api.post(REGISTER, &registration("the-name-of-u", &obama())),
        api.post(REGISTER, &registration("the-name-of-u", &obama())),
        api.post(REGISTER, &json!({"username": "v", "password": PASSWORD})),
        password_login(&api, "nobody", PASSWORD),
        api.post_bytes(LOGIN, format!(r#"{{"username":"u","password":"{PASSWORD}""#).as_bytes()),
    ];
    let wrong = "another-password-like-no-other";
    answers.push(password_login(&api, "the-name-of-u", wrong));
    let face = session(&face_login(&api, &obama2()));
    let logged_in = password_login(&api, "the-name-of-u", PASSWORD);
    let token = session(&logged_in);
    answers.extend([logged_in, page(&api, &format!("aicp_session={token}"))]);
    answers.push(server.admin(0).post("/method/call/all", &json!({})));
    for answer in &answers {
        assert!(!answer.text().contains(PASSWORD) && !answer.text().contains("argon2"), "{}", answer.text());
    }
    let check = |server: &Server| {
        let kept = server.kept();
        for secret in [PASSWORD, wrong, &token, &face] {
            kept.assert_without(secret.as_bytes());
        }
        assert!(kept.has(b"the-name-of-u"), "what is not secret is found");
        assert!(kept.has(b"$argon2id$v=19$m=19456,t=2,p=1$"), "the hash is a good one");
    };
    check(&server);
    server.stop();
    check(&server);
    assert!(!server.has_logged("argon2id"), "not even the hash is in the log");
    assert!(server.has_logged("\"level\":\"DEBUG\""), "the log is talkative");
}
