//! All literal messages of sections 2, 3 and 7 in the contract, byte for byte, each where it belongs.

use serde_json::json;

use crate::fixture::Server;
use crate::http::{coded, plain};
use crate::pictures::{base64, no_face, obama};

const NO_FEATURE: &str = "80018,extract feature decode pictrue! get feature failed";
const UNUSABLE: &str = "Base64编码错误或图片原始数据错误或特征图片都为空";

const OLD_ENROL: &str = "/interactiveability/face/faceentry";
const OLD_RECOGNISE: &str = "/interactiveability/face/FaceRecognition";
const OLD_COMPARE: &str = "/interactiveability/face/personwitnessratio";

#[test]
fn ok() {
    let server = Server::auto();
    let picture = base64(&obama());
    let pair = json!({"imageA": picture, "imageB": picture});
    for (api, path) in [
        (server.anonymous(0), OLD_COMPARE),
        (server.anonymous(0), "/aicp/face/couple"),
        (server.admin(0), "/aicp/face/couple"),
        (server.admin(0), "/aicp/face/queryBaseAll"),
    ] {
        let answer = api.post(path, &pair);
        assert_eq!((answer.status, answer.message().as_str()), (200, "系统处理正常"), "{path}");
    }
}

#[test]
fn ok_of_an_enrolment() {
    let server = Server::auto();
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    assert_eq!(server.anonymous(0).post(OLD_ENROL, &enrolment).message(), "人脸录入成功");
    assert_eq!(server.anonymous(0).post("/aicp/face/add", &enrolment).message(), "人脸录入成功");
    server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    assert_eq!(server.admin(0).post("/aicp/face/add", &enrolment).message(), "系统处理正常", "7.4 differs");
}

#[test]
fn e1_no_feature() {
    let server = Server::auto();
    let (anonymous, admin) = (server.anonymous(0), server.admin(0));
    admin.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    for image in [json!(base64(&no_face())), json!(base64(b"text")), json!("*"), json!(""), json!(5), json!(null)] {
        let request = json!({"groupId": "g", "image": image});
        anonymous.post(OLD_ENROL, &request).assert(200, &coded(NO_FEATURE));
        anonymous.post("/aicp/face/add", &request).assert(200, &plain(NO_FEATURE));
        anonymous.post("/aicp/face/quality", &request).assert(200, &plain(NO_FEATURE));
        for path in ["/aicp/face/add", "/aicp/face/quality", "/aicp/face/recognitionmn"] {
            admin.post(path, &request).assert(200, &coded(NO_FEATURE));
        }
    }
    for image in [json!(base64(b"text")), json!("*"), json!(""), json!(5), json!(null)] {
        admin.post("/aicp/face/detect", &json!({"image": image})).assert(200, &coded(NO_FEATURE));
    }
}

#[test]
fn e2_unusable_picture() {
    let server = Server::auto();
    let (anonymous, admin) = (server.anonymous(0), server.admin(0));
    let good = base64(&obama());
    anonymous.post("/aicp/face/add", &json!({"groupId": "g", "image": good})).data();
    admin.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    for image in [json!(base64(&no_face())), json!(base64(b"text")), json!("*"), json!(" "), json!([]), json!(null)] {
        let probe = json!({"groupId": "g", "image": image});
        anonymous.post(OLD_RECOGNISE, &probe).assert(200, &coded(UNUSABLE));
        anonymous.post("/aicp/face/recognition", &probe).assert(200, &plain(UNUSABLE));
        admin.post("/aicp/face/recognition", &probe).assert(200, &coded(UNUSABLE));
        for pair in [json!({"imageA": image, "imageB": good}), json!({"imageA": good, "imageB": image})] {
            anonymous.post("/aicp/face/couple", &pair).assert(200, &plain(UNUSABLE));
            admin.post("/aicp/face/couple", &pair).assert(200, &coded(UNUSABLE));
        }
        anonymous.post(OLD_COMPARE, &json!([{"image": good}, {"image": image}])).assert(200, &coded(UNUSABLE));
    }
    anonymous.post("/aicp/face/couple", &json!({"imageA": good})).assert(200, &plain(UNUSABLE));
}

#[test]
fn e3_not_removed() {
    let server = Server::auto();
    let text = "人脸库[200000]删除人脸[7885743058546360320]错误,错误信息[人脸不存在]";
    let request = json!({"groupId": "200000", "userId": "7885743058546360320"});
    server.anonymous(0).post("/aicp/face/remove", &request).assert(200, &plain(text));
    server.admin(0).post("/aicp/face/remove", &request).assert(200, &coded(text));
    server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "200000", "dbName": "g"})).data();
    server.admin(0).post("/aicp/face/remove", &request).assert(200, &coded(text));
}

#[test]
fn e4_record_not_found() {
    let server = Server::auto();
    let text = "查询人脸错误,错误信息[record not found]";
    let request = json!({"groupId": "200000", "userId": "7885743058546360320"});
    server.anonymous(0).post("/aicp/face/query", &request).assert(200, &plain(text));
    server.admin(0).post("/aicp/face/query", &request).assert(200, &plain(text));
    server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "200000", "dbName": "g"})).data();
    server.admin(0).post("/aicp/face/query", &request).assert(200, &plain(text));
}

#[test]
fn e5_any_failure_of_a_library_call() {
    let server = Server::auto();
    let api = server.admin(0);
    api.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    for (path, request) in [
        ("/aicp/face/addBase", json!({})),
        ("/aicp/face/addBase", json!({"groupId": "h"})),
        ("/aicp/face/addBase", json!({"dbName": "h"})),
        ("/aicp/face/addBase", json!({"groupId": " ", "dbName": "h"})),
        ("/aicp/face/addBase", json!({"groupId": {}, "dbName": "h"})),
        ("/aicp/face/addBase", json!({"groupId": "g", "dbName": "taken"})),
        ("/aicp/face/deleteBase", json!({})),
        ("/aicp/face/deleteBase", json!({"groupId": "unknown"})),
        ("/aicp/face/queryBaseAll", json!({"pageNo": "one"})),
        ("/aicp/face/queryBaseAll", json!({"pageSize": []})),
    ] {
        api.post(path, &request).assert(200, &coded("服务端报错"));
    }
}

/// Returns the failure format of section 7: 7.8 has no `resultCode`.
fn micro(path: &str) -> fn(&str) -> String {
    if path == "/aicp/face/query" { plain } else { coded }
}

#[test]
fn a_field_is_missing_or_blank() {
    let server = Server::auto();
    let (anonymous, admin) = (server.anonymous(0), server.admin(0));
    let image = base64(&obama());
    for group in [json!(null), json!(""), json!("  ")] {
        let request = json!({"groupId": group, "image": image, "userId": "1"});
        let text = "groupId不能为空";
        for path in [OLD_ENROL, OLD_RECOGNISE] {
            anonymous.post(path, &request).assert(200, &coded(text));
        }
        for path in ["/aicp/face/add", "/aicp/face/recognition", "/aicp/face/remove", "/aicp/face/query"] {
            anonymous.post(path, &request).assert(200, &plain(text));
            admin.post(path, &request).assert(200, &micro(path)(text));
        }
    }
    for user in [json!(null), json!(""), json!("\t")] {
        for path in ["/aicp/face/remove", "/aicp/face/query"] {
            let request = json!({"groupId": "g", "userId": user});
            anonymous.post(path, &request).assert(200, &plain("userId不能为空"));
            admin.post(path, &request).assert(200, &micro(path)("userId不能为空"));
        }
    }
}

#[test]
fn a_field_has_the_wrong_format() {
    let server = Server::auto();
    let (anonymous, admin) = (server.anonymous(0), server.admin(0));
    admin.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    for (field, value) in [
        ("groupId", json!({"a": 1})),
        ("groupId", json!([1])),
        ("name", json!(["x"])),
        ("sex", json!("male")),
        ("sex", json!(true)),
        ("birthday", json!("2019-06-01")),
        ("birthday", json!(1.5)),
        ("custId", json!({})),
        ("remark", json!([])),
    ] {
        let mut request = json!({"groupId": "g", "image": base64(&obama())});
        request[field] = value;
        let text = format!("{field}格式错误");
        anonymous.post(OLD_ENROL, &request).assert(200, &coded(&text));
        anonymous.post("/aicp/face/add", &request).assert(200, &plain(&text));
        admin.post("/aicp/face/add", &request).assert(200, &coded(&text));
    }
    let request = json!({"groupId": "g", "userId": {}});
    anonymous.post("/aicp/face/remove", &request).assert(200, &plain("userId格式错误"));
    admin.post("/aicp/face/query", &request).assert(200, &plain("userId格式错误"));
}

#[test]
fn a_picture_is_larger_than_2m_of_base64() {
    let server = Server::auto();
    let (anonymous, admin) = (server.anonymous(0), server.admin(0));
    let text = "图片大小超过2M";
    let mut padded = obama();
    // A JPEG may have trailing data, so only the size is wrong.
    padded.resize((2 << 20) / 4 * 3 + 1, 0);
    let large = base64(&padded);
    assert!(large.len() > 2 << 20);
    admin.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    anonymous.post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&obama())})).data();
    let request = json!({"groupId": "g", "image": large, "imageA": large, "imageB": large});
    for path in [OLD_ENROL, OLD_RECOGNISE, OLD_COMPARE] {
        anonymous.post(path, &request).assert(200, &coded(text));
    }
    for path in ["/aicp/face/add", "/aicp/face/recognition", "/aicp/face/couple", "/aicp/face/quality"] {
        anonymous.post(path, &request).assert(200, &plain(text));
        admin.post(path, &request).assert(200, &coded(text));
    }
    for path in ["/aicp/face/detect", "/aicp/face/recognitionmn"] {
        admin.post(path, &request).assert(200, &coded(text));
    }
    // White space and a prefix do not count towards the limit.
    padded.truncate((2 << 20) / 4 * 3);
    let most = format!("data:image/jpeg;base64,{}\n ", base64(&padded));
    let answer = anonymous.post("/aicp/face/couple", &json!({"imageA": most, "imageB": base64(&obama())}));
    assert_eq!(answer.data_text("onePerson"), "true");
}

#[test]
fn the_library_is_unknown() {
    let server = Server::auto();
    let (anonymous, admin) = (server.anonymous(0), server.admin(0));
    let request = json!({"groupId": "无此库", "image": base64(&obama())});
    let text = "人脸库[无此库]不存在";
    anonymous.post(OLD_RECOGNISE, &request).assert(200, &coded(text));
    anonymous.post("/aicp/face/recognition", &request).assert(200, &plain(text));
    for path in ["/aicp/face/add", "/aicp/face/recognition", "/aicp/face/recognitionmn"] {
        admin.post(path, &request).assert(200, &coded(text));
    }
}

#[test]
fn the_token_is_missing() {
    let server = Server::auto();
    let text = coded("token不能为空");
    for path in ["/aicp/face/addBase", "/aicp/face/deleteBase", "/aicp/face/queryBaseAll", "/aicp/face/detect"] {
        server.anonymous(0).post(path, &json!({})).assert(401, &text);
    }
    server.anonymous(0).with_token("").post("/aicp/face/add", &json!({})).assert(401, &text);
}

#[test]
fn the_token_is_unknown() {
    let server = Server::auto();
    let api = server.anonymous(0).with_token("wrong");
    for path in [OLD_ENROL, "/aicp/face/add", "/aicp/face/queryBaseAll", "/aicp/face/recognitionmn"] {
        api.post(path, &json!({})).assert(401, &coded("token无效"));
    }
}

#[test]
fn the_path_is_unknown() {
    let server = Server::auto();
    let api = server.anonymous(0);
    for path in ["/aicp/face/nothing", "/aicp", "/authorize/saveOrUpdateAuthorize", "/interactiveability/face"] {
        api.post(path, &json!({})).assert(404, &coded("接口不存在"));
        api.send("GET", path, &[], b"").assert(404, &coded("接口不存在"));
    }
    for path in ["/nothing", "/aicpx/face/add", "//aicp/face/add"] {
        api.post(path, &json!({})).assert(404, &plain("接口不存在"));
    }
}

#[test]
fn the_method_is_not_supported() {
    let server = Server::auto();
    let text = "请求方法不支持";
    for method in ["GET", "PUT", "DELETE"] {
        for (api, path, body) in [
            (server.anonymous(0), OLD_ENROL, coded(text)),
            (server.anonymous(0), "/aicp/face/add", plain(text)),
            (server.admin(0), "/aicp/face/add", coded(text)),
            // The method is checked before the token.
            (server.anonymous(0), "/aicp/face/addBase", coded(text)),
        ] {
            let answer = api.send(method, path, &[], b"");
            answer.assert(405, &body);
            assert_eq!(answer.header("allow"), Some("POST"), "RFC 9110 wants it");
        }
    }
}

#[test]
fn the_body_is_too_large() {
    let server = Server::auto();
    let body = vec![b' '; (8 << 20) + 1];
    let text = "请求体过大";
    server.anonymous(0).post_bytes(OLD_ENROL, &body).assert(413, &coded(text));
    server.anonymous(0).post_bytes("/aicp/face/add", &body).assert(413, &plain(text));
    server.admin(0).post_bytes("/aicp/face/add", &body).assert(413, &coded(text));
}

#[test]
fn the_content_type_is_not_supported() {
    let server = Server::auto();
    let text = "请求类型不支持";
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"] {
        let headers = [("Content-Type", content_type)];
        server.anonymous(0).send("POST", OLD_ENROL, &headers, b"{}").assert(415, &coded(text));
        server.anonymous(0).send("POST", "/aicp/face/add", &headers, b"{}").assert(415, &plain(text));
        server.admin(0).send("POST", "/aicp/face/add", &headers, b"{}").assert(415, &coded(text));
        // The token is checked before the content type.
        server.anonymous(0).send("POST", "/aicp/face/detect", &headers, b"{}").assert(401, &coded("token不能为空"));
    }
}

#[test]
fn the_body_is_malformed() {
    let server = Server::auto();
    let text = "请求格式错误";
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 9] = [
        b"",
        b" ",
        b"{",
        b"{\"groupId\":\"g\",}",
        b"nonsense",
        b"\"text\"",
        b"5",
        b"{\"groupId\":\"\xff\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        server.anonymous(0).post_bytes(OLD_ENROL, body).assert(400, &coded(text));
        server.anonymous(0).post_bytes("/aicp/face/couple", body).assert(400, &plain(text));
        server.admin(0).post_bytes("/aicp/face/recognition", body).assert(400, &coded(text));
    }
    // Only comparisons accept a list.
    server.anonymous(0).post_bytes(OLD_ENROL, b"[]").assert(400, &coded(text));
    server.anonymous(0).post_bytes("/aicp/face/query", b"[{}]").assert(400, &plain(text));
    server.admin(0).post_bytes("/aicp/face/detect", b"[]").assert(400, &coded(text));
}
