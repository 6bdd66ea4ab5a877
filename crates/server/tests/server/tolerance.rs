//! Leniency of the contract: one test for each kind of input that clients of the manual send.

use serde_json::{Value, json};

use crate::fixture::{Server, Setup};
use crate::http::Api;
use crate::pictures::{base64, biden, obama};

const OLD_ENROL: &str = "/interactiveability/face/faceentry";

/// Enrols with additional fields; returns the person's data from a recognition.
#[track_caller]
fn person_info(api: &Api, more: &Value) -> Value {
    let image = base64(&obama());
    let mut request = json!({"groupId": "g", "image": image});
    let fields = more.as_object().expect("fields").clone();
    request.as_object_mut().expect("an object").extend(fields);
    person_info_of(api, &request.to_string())
}

#[track_caller]
fn person_info_of(api: &Api, enrolment: &str) -> Value {
    let answer = api.post_bytes("/aicp/face/add", enrolment.as_bytes());
    let person = answer.data_text("personID");
    let mut found = api.post("/aicp/face/recognition", &json!({"groupId": "g", "image": base64(&obama())})).data();
    assert_eq!(found["personID"], person, "the only person of the library");
    api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": person})).data();
    found["personinfo"].take()
}

#[test]
fn unknown_fields_are_ignored() {
    let server = Server::auto();
    let info = person_info(&server.anonymous(0), &json!({"x": {"y": [1]}, "name": "n", "Name": "other"}));
    assert_eq!(info["name"], "n");
}

#[test]
fn null_counts_as_absent() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let info = person_info(&api, &json!({"name": null, "cust_name": "alias", "sex": null, "birthday": null}));
    assert_eq!((&info["name"], &info["sex"], &info["birthday"]), (&json!("alias"), &json!(null), &json!(null)));
    api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": null}))
        .assert(200, r#"{"flag":false,"message":"userId不能为空","data":null}"#);
}

#[test]
fn texts_and_numbers_stand_for_each_other() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let info = person_info(
        &api,
        &json!({"name": 7, "sex": "2", "birthday": "20190601", "type": 3, "custId": 119020199000_u64, "idIccid": 5}),
    );
    assert_eq!(
        [&info["name"], &info["sex"], &info["sexCN"], &info["birthday"], &info["type"], &info["typeCN"]],
        [&json!("7"), &json!(2), &json!("女"), &json!(20190601), &json!(3), &json!("内部人员")]
    );
    assert_eq!((&info["custId"], &info["idIccid"]), (&json!("119020199000"), &json!("5")));

    // Ids, too: the same library and person by number.
    let request = json!({"groupId": 200000, "image": base64(&obama())});
    let person: u64 = api.post("/aicp/face/add", &request).data_text("personID").parse().expect("a number");
    api.post("/aicp/face/query", &json!({"groupId": "200000", "userId": person})).data();
    let admin = server.admin(0);
    for group in ["a", "b", "c"] {
        admin.post("/aicp/face/addBase", &json!({"groupId": group, "dbName": group})).data();
    }
    for (page, size) in [(json!("2"), json!("2")), (json!(2), json!(2)), (json!("2"), json!(2))] {
        let page = admin.post("/aicp/face/queryBaseAll", &json!({"pageNo": page, "pageSize": size})).data();
        assert_eq!(names(&page), ["c"]);
    }
}

#[test]
fn names_of_the_curl_samples_are_known() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let info = person_info(&api, &json!({"cust_name": "n", "id_iccid": "i", "cust_id": "c"}));
    assert_eq!([&info["name"], &info["idIccid"], &info["custId"]], ["n", "i", "c"]);

    let request = json!({"group_id": "g", "image": base64(&obama())});
    let person = api.post("/aicp/face/add", &request).data_text("personID");
    for name in ["userId", "user_id", "personID", "personId", "personNo"] {
        api.post("/aicp/face/query", &json!({"group_id": "g", name: person})).data();
    }
}

#[test]
fn the_tables_name_wins_over_an_alias() {
    let server = Server::auto();
    let api = server.anonymous(0);
    for text in [
        r#""name":"own","cust_name":"alias","idIccid":"own","id_iccid":"alias","custId":"own","cust_id":"alias""#,
        r#""cust_name":"alias","name":"own","id_iccid":"alias","idIccid":"own","cust_id":"alias","custId":"own""#,
    ] {
        let enrolment = format!(r#"{{"group_id":"other","groupId":"g","image":"{}",{text}}}"#, base64(&obama()));
        let info = person_info_of(&api, &enrolment);
        assert_eq!([&info["name"], &info["idIccid"], &info["custId"]], ["own", "own", "own"]);
    }
    let person = api.post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&obama())})).data_text("personID");
    let answer = api.post("/aicp/face/query", &json!({"groupId": "g", "personNo": "x", "userId": person}));
    assert_eq!(answer.data_text("personID"), person);
}

#[test]
fn of_a_repeated_key_the_last_counts() {
    let server = Server::auto();
    // As in the samples of 2.1, 3.1 and 7.4, where the second idIccid is a custId.
    let enrolment = format!(
        r#"{{"groupId":"x","groupId":"g","image":"*","image":"{}","idIccid":"220112****0551","idIccid":"119020199000"}}"#,
        base64(&obama())
    );
    let info = person_info_of(&server.anonymous(0), &enrolment);
    assert_eq!((&info["idIccid"], &info["custId"]), (&json!("119020199000"), &json!(null)));
}

#[test]
fn company_is_accepted() {
    let server = Server::auto();
    assert_eq!(person_info(&server.anonymous(0), &json!({"company": "思特奇"}))["company"], "思特奇");
}

#[test]
fn a_sex_or_type_outside_its_list_is_kept_without_a_name() {
    let server = Server::auto();
    let api = server.anonymous(0);
    for (sex, kind) in [(0, 0), (3, 5), (-1, 99)] {
        let info = person_info(&api, &json!({"sex": sex, "type": kind}));
        assert_eq!(
            [&info["sex"], &info["sexCN"], &info["type"], &info["typeCN"]],
            [&json!(sex), &json!(null), &json!(kind), &json!(null)]
        );
    }
    for (kind, name) in [(1, "运营商"), (2, "客户"), (3, "内部人员"), (4, "陌生人")] {
        assert_eq!(person_info(&api, &json!({"type": kind}))["typeCN"], name);
    }
    for (sex, name) in [(1, "男"), (2, "女")] {
        assert_eq!(person_info(&api, &json!({"sex": sex}))["sexCN"], name);
    }
}

#[test]
fn image_url_is_kept_but_never_answered() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let request = json!({"groupId": "g", "image": base64(&obama()), "imageUrl": "http://example.com/evil.png"});
    api.post(OLD_ENROL, &request).data();
    let found = api.post("/aicp/face/recognition", &request).data();
    let url = found["personinfo"]["imageUrl"].as_str().expect("a link");
    assert!(url.starts_with(&format!("http://{}/person/", api.address)), "{url}");
}

#[test]
fn base64_may_have_a_prefix_and_white_space() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let text = base64(&obama());
    let lines: Vec<&str> = text.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
    for image in [
        format!("data:image/jpeg;base64,{text}"),
        format!("data:image/png;base64,{text}"),
        format!("data:;base64,{text}"),
        format!("data:image/jpeg;charset=utf-8;base64,{text}"),
        lines.join("\r\n"),
        lines.join("\n"),
        format!(" {} ", lines.join(" \t")),
        format!("data:image/jpeg;base64,\n{}\n", lines.join("\n")),
    ] {
        let answer = api.post("/aicp/face/couple", &json!({"imageA": image, "imageB": text}));
        assert_eq!(answer.data_text("onePerson"), "true", "{:?}", &image[..40]);
    }
}

#[test]
fn any_charset_or_no_content_type_will_do() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let body = json!({"groupId": "g", "userId": "1"}).to_string();
    let expected = r#"{"flag":false,"message":"查询人脸错误,错误信息[record not found]","data":null}"#;
    api.send("POST", "/aicp/face/query", &[], body.as_bytes()).assert(200, expected);
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json; charset=GBK",
        "application/json; charset=\"iso-8859-1\"",
        "Application/JSON",
        "application/json ;charset=utf-8",
    ] {
        let headers = [("Content-Type", content_type)];
        api.send("POST", "/aicp/face/query", &headers, body.as_bytes()).assert(200, expected);
    }
}

#[test]
fn paths_are_found_in_any_case_with_a_space_or_slash_behind() {
    let server = Server::auto();
    let body = json!({"groupId": "g", "userId": "1", "imageA": "", "imageB": ""});
    let not_found = "查询人脸错误,错误信息[record not found]";
    for path in [
        "/aicp/face/query%20",
        "/aicp/face/query%20%20",
        "/aicp/face/query/",
        "/AICP/FACE/QUERY",
        "/Aicp/Face/Query/",
        "/aicp/face/quer%79",
        "/aicp/face/query?x=1",
    ] {
        assert_eq!(server.anonymous(0).post(path, &body).message(), not_found, "{path}");
        assert_eq!(server.admin(0).post(path, &body).message(), not_found, "{path}");
    }
    for path in [
        "/interactiveability/face/faceentry",
        "/InteractiveAbility/face/FaceEntry",
        "/INTERACTIVEABILITY/FACE/FACEENTRY%20",
        "/interactiveability/face/facerecognition",
        "/InteractiveAbility/face/FaceRecognition%20",
        "/InteractiveAbility/face/personwitnessratio%20",
        "/interactiveability/face/PersonWitnessRatio/",
    ] {
        let answer = server.anonymous(0).post(path, &body);
        assert_eq!((answer.status, answer.json()["resultCode"].clone()), (200, json!(1)), "{path}: {}", answer.text());
    }
    for path in ["/aicp/face/querybaseall", "/AICP/face/QueryBaseAll/", "/aicp/face/queryBaseAll%20"] {
        assert_eq!(server.admin(0).post(path, &json!({})).data()["records"], json!([]), "{path}");
    }
}

#[test]
fn comparisons_take_an_object_or_a_list_on_every_path() {
    let server = Server::auto();
    let (a, b) = (base64(&obama()), base64(&biden()));
    let object = json!({"imageA": a, "imageB": b});
    let list = json!([{"image": a}, {"image": b}]);
    for (api, path, key, no) in [
        (server.anonymous(0), "/InteractiveAbility/face/personwitnessratio", "onePerson", "false"),
        (server.anonymous(0), "/aicp/face/couple", "onePerson", "false"),
        (server.admin(0), "/aicp/face/couple", "msg", "no"),
    ] {
        let by_object = api.post(path, &object);
        assert_eq!(by_object.data_text(key), no);
        assert_eq!(api.post(path, &list).text(), by_object.text());
        let unusable = "Base64编码错误或图片原始数据错误或特征图片都为空";
        for wrong in [
            json!([]),
            json!([{"image": a}]),
            json!([{"image": a}, {"image": b}, {"image": a}]),
            json!([{"image": a}, "x"]),
            json!([{"image": a}, null]),
            json!([a, b]),
        ] {
            assert_eq!(api.post(path, &wrong).message(), unusable);
        }
    }
}

#[test]
fn a_person_is_found_by_each_of_their_ids() {
    let server = Setup::new(&["legacy", "micro"]).start();
    // With the token, both listeners use the same libraries.
    let (old, new) = (server.admin(0), server.admin(1));
    new.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    for id in ["personID", "personNo"] {
        let (by, key) = if id == "personID" { (&old, "personID") } else { (&new, "personNo") };
        let person = by.post("/aicp/face/add", &enrolment).data_text(key);
        for api in [&old, &new] {
            assert_eq!(
                api.post("/aicp/face/query", &json!({"groupId": "g", "userId": person})).data_text("personID"),
                person
            );
        }
        let other = if id == "personID" { &new } else { &old };
        other.post("/aicp/face/remove", &json!({"groupId": "g", "userId": person})).data();
        assert_eq!(
            by.post("/aicp/face/query", &json!({"groupId": "g", "userId": person})).message(),
            "查询人脸错误,错误信息[record not found]"
        );
    }
}

#[test]
fn a_library_is_deleted_by_its_engine_id_too() {
    let server = Server::auto();
    let api = server.admin(0);
    let made = api.post("/aicp/face/addBase", &json!({"groupId": "a", "dbName": "a"})).data_text("personDbLib");
    api.post("/aicp/face/deleteBase", &json!({"groupId": made})).data();
    assert_eq!(api.post("/aicp/face/queryBaseAll", &json!({})).data()["records"], json!([]));

    // The caller's own name of a library takes precedence.
    let first = api.post("/aicp/face/addBase", &json!({"groupId": "a", "dbName": "a"})).data_text("personDbLib");
    api.post("/aicp/face/addBase", &json!({"groupId": first, "dbName": "b"})).data();
    api.post("/aicp/face/deleteBase", &json!({"groupId": first})).data();
    assert_eq!(names(&api.post("/aicp/face/queryBaseAll", &json!({})).data()), ["a"]);
}

#[test]
fn pages_have_defaults_and_an_end() {
    let server = Server::auto();
    let api = server.admin(0);
    let all: Vec<String> = (0..23).map(|n| format!("库{n}")).collect();
    for name in &all {
        api.post("/aicp/face/addBase", &json!({"groupId": name, "dbName": name})).data();
    }
    let page = |request: &Value| names(&api.post("/aicp/face/queryBaseAll", request).data());
    assert_eq!(page(&json!({})), all[..20]);
    // As in the curl sample of 7.3.
    assert_eq!(page(&json!({"groupId": "200000"})), all[..20]);
    assert_eq!(page(&json!({"pageNo": null, "pageSize": null})), all[..20]);
    assert_eq!(page(&json!({"pageNo": "2"})), all[20..]);
    assert_eq!(page(&json!({"pageSize": "5"})), all[..5]);
    assert_eq!(page(&json!({"pageNo": 3, "pageSize": 5})), all[10..15]);
    assert_eq!(page(&json!({"pageNo": 1, "pageSize": 1_000_000})), all);
    assert!(page(&json!({"pageNo": "3"})).is_empty());
    assert!(page(&json!({"pageNo": i64::MAX, "pageSize": i64::MAX})).is_empty());
    let ids = api.post("/aicp/face/queryBaseAll", &json!({"pageSize": 100})).data();
    let ids: Vec<i64> = ids["records"].as_array().expect("a list").iter().filter_map(|r| r["id"].as_i64()).collect();
    assert!(ids.len() == 23 && ids.is_sorted(), "{ids:?}");
}

#[test]
fn a_library_may_have_any_name() {
    let server = Server::auto();
    let (anonymous, admin) = (server.anonymous(0), server.admin(0));
    let long = "库".repeat(300);
    for group in
        ["测试 库", r#"a"b\c"#, "a/b?c=d&e#f%20+", "😀\u{200b}", "'; DROP TABLE library; --", "<b>", " x ", &long]
    {
        let enrolment = json!({"groupId": group, "image": base64(&obama())});
        let person = anonymous.post("/aicp/face/add", &enrolment).data_text("personID");
        let answer = anonymous.post("/aicp/face/query", &json!({"groupId": group, "userId": person}));
        assert_eq!(crate::http::status_of(&answer.data_text("faceDBURL")), 200, "{group}");
        admin.post("/aicp/face/addBase", &json!({"groupId": group, "dbName": group, "dbDesc": group})).data();
        let row = admin.post("/aicp/face/queryBaseAll", &json!({})).data()["records"][0].take();
        assert_eq!((&row["dbName"], &row["dbDesc"]), (&json!(group), &json!(group)));
        admin.post("/aicp/face/deleteBase", &json!({"groupId": group})).data();
        let unknown = anonymous.post("/aicp/face/remove", &json!({"groupId": group, "userId": group}));
        assert_eq!(unknown.message(), format!("人脸库[{group}]删除人脸[{group}]错误,错误信息[人脸不存在]"));
    }
}

fn names(page: &Value) -> Vec<String> {
    let rows = page["records"].as_array().expect("a list");
    rows.iter().map(|row| row["dbName"].as_str().expect("a name").to_owned()).collect()
}
