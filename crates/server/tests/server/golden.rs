//! Exact text of all successes and failures of sections 2, 3 and 7: keys and their order, types, literals, no spaces,
//! no escapes. Only variable parts are patterns.

use serde_json::{Value, json};

use crate::fixture::Server;
use crate::http::{Answer, Api, JSON, coded, plain};
use crate::pictures::{base64, biden, no_face, obama, obama2};
use crate::template::assert_matches;

const NO_FEATURE: &str = "80018,extract feature decode pictrue! get feature failed";
const UNUSABLE: &str = "Base64编码错误或图片原始数据错误或特征图片都为空";

fn getimage_link(api: &Api, app: &str, group: &str) -> String {
    let host = api.address;
    format!("http://{host}/face/getimage?app_id={app}&app_secret=<sig>&groupId={group}&faceId=<int>")
}

fn moment_link(api: &Api) -> String {
    format!("http://{}/group1/default/<day>/<2>/<2>/<int>/<millis>?download=0&sig=<sig>", api.address)
}

fn file_link(api: &Api) -> String {
    format!("http://{}/person/<day>/<id>.png?sig=<sig>", api.address)
}

/// Checks a success against a template; returns the variable parts.
#[track_caller]
fn golden(answer: &Answer, template: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some(JSON));
    assert_matches(answer.text(), template)
}

/// Enrolment with all fields of the manual's tables.
fn full_profile(group: &str) -> Value {
    json!({
        "groupId": group, "image": base64(&obama()), "name": "客户姓名", "sex": 1, "birthday": 20190601,
        "province": "吉林", "duty": "高工", "type": "1", "imageUrl": "http://example.com/x.jpg",
        "idIccid": "220112****0551", "custId": "119020199000", "remark": "备注\"/\\", "company": "思特奇",
    })
}

/// Template of the `data` of 2.2 and 3.2 for [`full_profile`].
fn top_hit(api: &Api) -> String {
    format!(
        concat!(
            r#"{{"personID":"<id>","faceFlag":"Y","similarity":"<unit>","personinfo":{{"id":<int>,"personId":"<id>","#,
            r#""name":"客户姓名","sex":1,"sexCN":"男","birthday":20190601,"idIccid":"220112****0551","#,
            r#""custId":"119020199000","company":"思特奇","duty":"高工","province":"吉林","imageUrl":"{}","type":1,"#,
            r#""typeCN":"运营商","remark":"备注\"/\\"}}}}"#
        ),
        file_link(api)
    )
}

#[test]
fn section_2() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let enrol = "/interactiveability/face/faceentry";
    let recognise = "/InteractiveAbility/face/FaceRecognition";
    let compare = "/InteractiveAbility/face/personwitnessratio";

    let answer = api.post(enrol, &full_profile("200000"));
    let enrolled =
        golden(&answer, r#"{"flag":true,"resultCode":0,"message":"人脸录入成功","data":{"personID":"<id>"}}"#);
    api.post(enrol, &json!({"groupId": "200000", "image": base64(&no_face())})).assert(200, &coded(NO_FEATURE));

    let request = json!({"groupId": "200000", "image": base64(&obama2())});
    let answer = api.post(recognise, &request);
    let template = format!(r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{}}}"#, top_hit(&api));
    let found = golden(&answer, &template);
    assert_eq!((&found[0], &found[3]), (&enrolled[0], &enrolled[0]), "personID and personId name who was enrolled");
    assert_ne!(found[5], enrolled[0], "the file id is not the personID");
    let answer = api.post(recognise, &json!({"groupId": "200000", "image": base64(&biden())}));
    golden(
        &answer,
        concat!(
            r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"personID":null,"faceFlag":"N","#,
            r#""similarity":"<unit>","personinfo":null}}"#
        ),
    );
    api.post(recognise, &json!({"groupId": "200000", "image": "?"})).assert(200, &coded(UNUSABLE));

    let pair = |b: &[u8]| json!([{"image": base64(&obama())}, {"image": base64(b)}]);
    for (second, same) in [(obama2(), "true"), (biden(), "false")] {
        golden(
            &api.post(compare, &pair(&second)),
            &format!(
                r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{{"onePerson":"{same}","similarity":"<unit>"}}}}"#
            ),
        );
    }
    api.post(compare, &pair(b"no picture")).assert(200, &coded(UNUSABLE));
}

#[test]
fn section_3() {
    let server = Server::auto();
    let api = server.anonymous(0);

    let answer = api.post("/aicp/face/add", &full_profile("200000"));
    let enrolled = golden(&answer, r#"{"flag":true,"message":"人脸录入成功","data":{"personID":"<id>"}}"#);
    let person = &enrolled[0];
    api.post("/aicp/face/add", &json!({"groupId": "200000", "image": base64(&no_face())}))
        .assert(200, &plain(NO_FEATURE));

    let answer = api.post("/aicp/face/recognition", &json!({"groupId": "200000", "image": base64(&obama2())}));
    let template = format!(r#"{{"flag":true,"message":"系统处理正常","data":{}}}"#, top_hit(&api));
    let found = golden(&answer, &template);
    assert_eq!((&found[0], &found[3]), (person, person));
    let answer = api.post("/aicp/face/recognition", &json!({"groupId": "200000", "image": base64(&biden())}));
    golden(
        &answer,
        r#"{"flag":true,"message":"系统处理正常","data":{"personID":null,"faceFlag":"N","similarity":"<unit>","personinfo":null}}"#,
    );
    api.post("/aicp/face/recognition", &json!({"groupId": "200000", "image": ""})).assert(200, &plain(UNUSABLE));

    let pair = |b: &[u8]| json!({"imageA": base64(&obama()), "imageB": base64(b)});
    for (second, same) in [(obama2(), "true"), (biden(), "false")] {
        golden(
            &api.post("/aicp/face/couple", &pair(&second)),
            &format!(
                r#"{{"flag":true,"message":"系统处理正常","data":{{"onePerson":"{same}","similarity":"<unit>"}}}}"#
            ),
        );
    }
    api.post("/aicp/face/couple", &pair(b"no picture")).assert(200, &plain(UNUSABLE));

    let answer = api.post("/aicp/face/query", &json!({"groupId": "200000", "userId": person}));
    let link = getimage_link(&api, "legacy", "200000");
    let template = format!(
        r#"{{"flag":true,"message":"系统处理正常","data":{{"faceDBURL":"{link}","personID":"{person}","faceId":"<int>"}}}}"#
    );
    let values = golden(&answer, &template);
    assert_eq!(values[1], values[2], "the link and the answer name the same face");
    api.post("/aicp/face/query", &json!({"groupId": "200000", "userId": "1"}))
        .assert(200, &plain("查询人脸错误,错误信息[record not found]"));

    let answer = api.post("/aicp/face/quality", &json!({"image": base64(&obama())}));
    golden(
        &answer,
        r#"{"flag":true,"message":"系统处理正常","data":{"qualityFlag":"Y","feature":"<base64>","qualityScores":"<unit>"}}"#,
    );
    api.post("/aicp/face/quality", &json!({"image": base64(&no_face())})).assert(200, &plain(NO_FEATURE));

    api.post("/aicp/face/remove", &json!({"groupId": "200000", "userId": "7885743058546360320"}))
        .assert(200, &plain("人脸库[200000]删除人脸[7885743058546360320]错误,错误信息[人脸不存在]"));
    api.post("/aicp/face/remove", &json!({"groupId": "200000", "userId": person}))
        .assert(200, &format!(r#"{{"flag":true,"message":"系统处理正常","data":{{"personID":"{person}"}}}}"#));
}

#[test]
fn section_7_libraries() {
    let server = Server::auto();
    let api = server.admin(0);
    let ok = |data: &str| format!(r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{data}}}"#);
    let failed = coded("服务端报错");

    golden(&api.post("/aicp/face/queryBaseAll", &json!({})), &ok(r#"{"records":[]}"#));
    let answer = api.post("/aicp/face/addBase", &json!({"groupId": "200000", "dbName": "测试库", "dbDesc": "描述/"}));
    let first = golden(&answer, &ok(r#"{"dbDesc":"描述/","dbName":"测试库","personDbLib":"<hex>"}"#));
    let answer = api.post("/aicp/face/addBase", &json!({"groupId": "200001", "dbName": "b"}));
    let second = golden(&answer, &ok(r#"{"dbDesc":null,"dbName":"b","personDbLib":"<hex>"}"#));
    assert_ne!(first, second);
    api.post("/aicp/face/addBase", &json!({"groupId": "200000", "dbName": "again"})).assert(200, &failed);
    api.post("/aicp/face/addBase", &json!({"groupId": "200002"})).assert(200, &failed);

    let template = format!(
        concat!(
            r#"{{"records":[{{"dbDesc":"描述/","dbName":"测试库","id":<int>,"personDbLib":"{}"}},"#,
            r#"{{"dbDesc":null,"dbName":"b","id":<int>,"personDbLib":"{}"}}]}}"#
        ),
        first[0], second[0]
    );
    golden(&api.post("/aicp/face/queryBaseAll", &json!({"pageNo": "1", "pageSize": "10"})), &ok(&template));
    api.post("/aicp/face/queryBaseAll", &json!({"pageNo": "x", "pageSize": "10"})).assert(200, &failed);

    api.post("/aicp/face/deleteBase", &json!({"groupId": "200001"})).assert(200, &ok(r#"{"message":"ok"}"#));
    api.post("/aicp/face/deleteBase", &json!({"groupId": "200001"})).assert(200, &failed);
}

#[test]
fn section_7_faces() {
    let server = Server::auto();
    let api = server.admin(0);
    let ok = |data: &str| format!(r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{data}}}"#);
    let group = "200000";
    api.post("/aicp/face/addBase", &json!({"groupId": group, "dbName": "库"})).data();

    let answer = api.post("/aicp/face/add", &full_profile(group));
    let link = moment_link(&api);
    let enrolled = golden(&answer, &ok(&format!(r#"{{"personNo":"<hex>","url":"{link}"}}"#)));
    let person = &enrolled[0];
    api.post("/aicp/face/add", &json!({"groupId": group, "image": base64(&no_face())})).assert(200, &coded(NO_FEATURE));

    let hit =
        format!(r#"{{"score":<score>,"id":"<id>","faceId":"koala-{person}-","personNo":"{person}","url":"{link}"}}"#);
    let probe = json!({"groupId": group, "image": base64(&obama2())});
    let values = golden(&api.post("/aicp/face/recognition", &probe), &ok(&format!(r#"{{"records":[{hit}]}}"#)));
    assert_eq!(values[2..], enrolled[1..], "the link is that of the enrolment");
    golden(&api.post("/aicp/face/recognitionmn", &probe), &ok(&format!(r#"{{"records":[[{hit}]]}}"#)));
    let other = json!({"groupId": group, "image": base64(&biden())});
    api.post("/aicp/face/recognition", &other).assert(200, &ok(r#"{"records":[]}"#));
    api.post("/aicp/face/recognitionmn", &other).assert(200, &ok(r#"{"records":[[]]}"#));
    let bad = json!({"groupId": group, "image": base64(&no_face())});
    api.post("/aicp/face/recognition", &bad).assert(200, &coded(UNUSABLE));
    api.post("/aicp/face/recognitionmn", &bad).assert(200, &coded(NO_FEATURE));

    let pair = |b: &[u8]| json!({"imageA": base64(&obama()), "imageB": base64(b)});
    for (second, msg) in [(obama2(), "ok"), (biden(), "no")] {
        let template = ok(&format!(r#"{{"msg":"{msg}","score":"<score>"}}"#));
        golden(&api.post("/aicp/face/couple", &pair(&second)), &template);
    }
    api.post("/aicp/face/couple", &pair(b"")).assert(200, &coded(UNUSABLE));

    let template =
        format!(r#"{{"faceDBURL":"{}","personID":"{person}","faceId":"<int>"}}"#, getimage_link(&api, "admin", group));
    let template = format!(r#"{{"flag":true,"message":"系统处理正常","data":{template}}}"#);
    golden(&api.post("/aicp/face/query", &json!({"groupId": group, "userId": person})), &template);
    api.post("/aicp/face/query", &json!({"groupId": group, "userId": "x"}))
        .assert(200, &plain("查询人脸错误,错误信息[record not found]"));

    let answer = api.post("/aicp/face/quality", &json!({"image": base64(&obama())}));
    let grades = golden(&answer, &ok(r#"{"qualityFlag":"Y","qualities":[<int>,<int>,<int>,<int>,<int>]}"#));
    assert!(grades.iter().all(|grade| ["0", "1", "2"].contains(&grade.as_str())), "{grades:?}");
    api.post("/aicp/face/quality", &json!({"image": base64(&no_face())})).assert(200, &coded(NO_FEATURE));

    golden(
        &api.post("/aicp/face/detect", &json!({"image": base64(&obama())})),
        &ok(r#"{"records":[[{"width":<int>,"x":<int>,"y":<int>,"height":<int>}]]}"#),
    );
    api.post("/aicp/face/detect", &json!({"image": base64(&no_face())})).assert(200, &ok(r#"{"records":[[]]}"#));
    api.post("/aicp/face/detect", &json!({"image": base64(b"no picture")})).assert(200, &coded(NO_FEATURE));

    api.post("/aicp/face/remove", &json!({"groupId": group, "userId": "x"}))
        .assert(200, &coded("人脸库[200000]删除人脸[x]错误,错误信息[人脸不存在]"));
    api.post("/aicp/face/remove", &json!({"groupId": group, "userId": person}))
        .assert(200, &ok(r#"{"request":"Request successful"}"#));
}

#[test]
fn a_person_enrolled_with_nothing_but_a_picture_has_nulls() {
    let server = Server::auto();
    let api = server.anonymous(0);
    let request = json!({"groupId": "g", "image": base64(&obama())});
    api.post("/aicp/face/add", &request).data();
    let template = format!(
        concat!(
            r#"{{"flag":true,"message":"系统处理正常","data":{{"personID":"<id>","faceFlag":"Y","similarity":"<unit>","#,
            r#""personinfo":{{"id":<int>,"personId":"<id>","name":null,"sex":null,"sexCN":null,"birthday":null,"#,
            r#""idIccid":null,"custId":null,"company":null,"duty":null,"province":null,"imageUrl":"{}","type":null,"#,
            r#""typeCN":null,"remark":null}}}}}}"#
        ),
        file_link(&api)
    );
    golden(&api.post("/aicp/face/recognition", &request), &template);
}
