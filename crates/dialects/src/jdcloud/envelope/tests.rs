use std::task::{Context, Poll, Waker};

use aicp_types::LibraryId;
use http_body_util::BodyExt;
use serde_json::json;

use super::*;
use crate::jdcloud::answers::{Compared, FaceId, Group, SearchResults};
use aicp_platform::Library;

const ID: &str = "081b1c5fe6dc465a9a54d75cedf78051";

fn stamp() -> RequestStamp {
    RequestStamp { id: ID.to_owned(), received: UnixMillis::new(1_700_000_000_000), begun: Instant::now() }
}

/// Reads a body in memory, so collecting it never waits.
fn text(response: Response) -> String {
    let mut collected = std::pin::pin!(response.into_body().collect());
    match collected.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(body) => String::from_utf8(body.expect("a body").to_bytes().to_vec()).expect("UTF-8"),
        Poll::Pending => panic!("a body in memory is ready"),
    }
}

fn success(api: Api, family: Family, left: CallsLeft, answer: Result<Answer, Failure>) -> String {
    assert!(answer.is_ok());
    text(render(api, family, left, &answer, &stamp()))
}

fn failed(api: Api, family: Family, left: CallsLeft, failure: impl Into<Failure>) -> String {
    text(render(api, family, left, &Err(failure.into()), &stamp()))
}

fn library() -> Library {
    Library {
        id: LibraryId::new(7),
        app_id: "shop".into(),
        external_id: "test".into(),
        name: "test".into(),
        description: Some("test".into()),
        engine_key: "3127005976984af182d57fd66ce772e1".into(),
        engine: "builtin".into(),
        created_at: UnixMillis::new(1_543_415_835_000),
        updated_at: UnixMillis::new(1_543_415_835_000),
        threshold: None,
        top_n: None,
        slot: Some(1),
        hidden: false,
    }
}

#[test]
fn the_list_of_groups_is_the_contracts() {
    let groups = inner_text(&[Group::new(&library(), 100_000)]).expect("serialises");
    let answer = Answer::new(&ListResult { result: &groups, requestid: ID, message: "success", status: 0 });
    assert_eq!(
        success(Api::GroupList, Family::Search, Some(97), answer),
        r#"{"code":"10000","status":0,"charge":false,"remain":97,"remainTimes":97,"remainSeconds":-1,"msg":"查询成功","result":{"result":"[{\"createTime\":1543415835000,\"groupId\":\"31270059-7698-4af1-82d5-7fd66ce772e1\",\"groupInfo\":\"test\",\"groupName\":\"test\",\"maxNumUser\":100000,\"subIndex\":1,\"updateTime\":1543415835000}]","requestid":"081b1c5fe6dc465a9a54d75cedf78051","message":"success","status":0}}"#
    );
    assert_eq!(
        failed(Api::GroupList, Family::Search, Some(97), codes::BAD_RANGE),
        r#"{"code":"10000","status":12003,"charge":false,"remain":97,"remainTimes":97,"remainSeconds":-1,"msg":"查询成功","result":{"requestid":"081b1c5fe6dc465a9a54d75cedf78051","message":"start must be number [0 ~ 100], length must be number [1 ~ 5]","status":12003}}"#
    );
    let bare = Library { description: None, ..library() };
    assert_eq!(
        inner_text(&[Group::new(&bare, 7)]).expect("serialises"),
        r#"[{"createTime":1543415835000,"groupId":"31270059-7698-4af1-82d5-7fd66ce772e1","groupInfo":"","groupName":"test","maxNumUser":7,"subIndex":1,"updateTime":1543415835000}]"#
    );
}

#[test]
fn a_comparison_has_its_score_after_the_eleventh_colon() {
    let answer = Answer::new(&Compared {
        status: 0,
        message: "success",
        requestid: "2a686d2c1688490bb63703daac6a315b",
        score: 0.684_835_55,
    });
    let body = success(Api::Compare, Family::Plain, None, answer);
    assert_eq!(
        body,
        r#"{"code":"10000","charge":false,"remain":0,"remainTimes":-1,"remainSeconds":-1,"msg":"查询成功","result":{"status":0,"message":"success","requestid":"2a686d2c1688490bb63703daac6a315b","score":0.68483555}}"#
    );
    assert_eq!(body.split(':').nth(11), Some("0.68483555}}"));
}

#[test]
fn other_successes_of_face_search_are_the_contracts() {
    let told = |message, result| Answer::new(&MessageResult { requestid: ID, message, status: 0, result });
    let made = success(Api::GroupCreate, Family::Search, None, told("8b94af03-67d7-47ec-ae56-bc5d50333076", None));
    assert!(
        made.ends_with(r#""msg":"查询成功","result":{"requestid":"081b1c5fe6dc465a9a54d75cedf78051","message":"8b94af03-67d7-47ec-ae56-bc5d50333076","status":0}}"#),
        "{made}"
    );
    let face = inner_text(&FaceId { face_id: "daf9e9bd79b944b49e0d6e74079d5098" }).expect("serialises");
    let created = success(Api::FaceCreate, Family::Search, None, told("success", Some(&face)));
    assert!(
        created.ends_with(r#""result":{"requestid":"081b1c5fe6dc465a9a54d75cedf78051","message":"success","status":0,"result":"{\"faceId\":\"daf9e9bd79b944b49e0d6e74079d5098\"}"}}"#),
        "{created}"
    );
    let nobody = inner_text(&SearchResults { face_search_results: Vec::new() }).expect("serialises");
    let answer = Answer::new(&ListResult { result: &nobody, requestid: ID, message: "success", status: 0 });
    let searched = success(Api::FaceSearch, Family::Search, None, answer.map(|a| a.copied_outside("success")));
    assert!(
        searched.ends_with(r#""result":{"result":"{\"faceSearchResults\":[]}","requestid":"081b1c5fe6dc465a9a54d75cedf78051","message":"success","status":0},"requestid":"081b1c5fe6dc465a9a54d75cedf78051","message":"success"}"#),
        "{searched}"
    );
}

#[test]
fn each_family_fails_in_its_own_shape() {
    let head =
        r#"{"code":"10000","charge":false,"remain":0,"remainTimes":-1,"remainSeconds":-1,"msg":"查询成功","result":"#;
    for (api, result) in [
        (Api::Compare, json!({"requestid": ID, "message": "未检测到脸", "status": 13134})),
        (Api::DetectAttributes, json!({"requestid": ID, "errorMsg": "未检测到脸", "status": 13134})),
        (Api::AntiSpoof, json!({"status": 13134, "message": "未检测到脸", "request_id": ID})),
    ] {
        let body = failed(api, Family::Plain, None, codes::NO_FACE_SEEN);
        assert!(body.starts_with(head), "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["result"], result);
    }
    let body = failed(Api::CompareV1, Family::V1, None, codes::V1_NO_FACE);
    assert!(body.starts_with(head), "{body}");
    assert!(body.contains(r#""result":{"code":10,"msg":"NoFaceDetected","processTimeInMs":"#), "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["result"].as_object().map(serde_json::Map::len), Some(4));
    assert!(body["result"]["timestamp"].as_i64().is_some_and(|timestamp| timestamp > 1_500_000_000_000));
}

#[test]
fn system_failures_have_no_result() {
    assert_eq!(
        failed(Api::Compare, Family::Plain, Some(0), codes::DAILY_QUOTA_EXCEEDED),
        r#"{"code":"10040","charge":false,"remain":0,"remainTimes":0,"remainSeconds":-1,"msg":"超过每天限量，请明天继续"}"#
    );
    assert_eq!(
        failed(Api::FaceSearch, Family::Search, None, codes::BUSY),
        r#"{"code":"10020","status":10020,"charge":false,"remain":0,"remainTimes":-1,"remainSeconds":-1,"msg":"系统繁忙，请稍后再试"}"#
    );
}

#[test]
fn the_gateway_answers_in_its_own_shape() {
    let response = render_gateway(Gateway::denied("sign result is not same"), &stamp());
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["x-jdcloud-request-id"], ID);
    assert_eq!(
        text(response),
        r#"{"error":{"message":"sign result is not same","status":"ACCESS_ERROR","code":401},"requestId":"081b1c5fe6dc465a9a54d75cedf78051"}"#
    );
}
