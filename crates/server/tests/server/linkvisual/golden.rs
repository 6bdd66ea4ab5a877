//! Complete responses, byte for byte except for variable parts.

use md5::{Digest, Md5};
use serde_json::Value;

use super::pictures::PictureServer;
use super::{APP, Client, NOBODY, server};
use crate::http::Answer;
use crate::pictures::{no_face, obama};

/// Replaces the request id of a response.
fn masked(answer: &Answer) -> String {
    let text = answer.text();
    let digits = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_lowercase();
    let at = text.find("RequestId").expect("a request id") + "RequestId".len();
    let begin = at + text[at..].find(digits).expect("an id");
    let (before, rest) = text.split_at(begin);
    let (id, after) = rest.split_at(36);
    assert!(
        id.chars().enumerate().all(|(i, c)| if [8, 13, 18, 23].contains(&i) { c == '-' } else { digits(c) }),
        "{id}"
    );
    format!("{before}ID{after}")
}

#[track_caller]
fn assert_json(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, &*masked(answer)), (status, body));
    assert_eq!(answer.header("content-type"), Some("application/json;charset=utf-8"));
}

#[track_caller]
fn assert_xml(answer: &Answer, status: u16, body: &str) {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}");
    assert_eq!((answer.status, masked(answer)), (status, body));
    assert_eq!(answer.header("content-type"), Some("text/xml;charset=utf-8"));
}

/// The call that the interface documents in full.
#[test]
fn users_are_shown_as_documented() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let url = pictures.put("obama.jpg", obama());
    let params = "{\"key1\":\"value1\", \"key2\":\"value2\"}";
    let added = client.ok(
        "AddFaceUser",
        &[("CustomUserId", "63f45472c2bf4cfa98b5649238fa"), ("FacePicUrl", &url), ("Name", "Tony"), ("Params", params)],
    );
    let user = added["UserId"].as_str().expect("an id");
    let listed = client.ok("QueryFaceUserBatch", &[("UserIdList.1", user)]);
    let pic = &listed[0]["FacePicList"][0];
    let (created, modified) = (&listed[0]["CreateTime"], &listed[0]["ModifyTime"]);
    assert_eq!(created.to_string().len(), 13);
    assert_eq!(created, modified);
    let link = pic["FaceUrl"].as_str().expect("a link");
    assert_eq!(crate::http::fetch(link).2, obama());
    let picture = hex::encode(Md5::digest(obama()));
    let feature = pic["FeatureDTOList"][0]["FaceMd5"].as_str().expect("a fingerprint");
    assert!(feature.len() == 32 && feature != picture);
    let [name, provider, version] = algorithm(&listed);

    let ids = format!("[\"{NOBODY}\",\"{user}\"]");
    let ask = |format: &str| client.ask("QueryFaceUserBatch", &[("UserIdList.1", &ids), ("Format", format)]);
    assert_json(
        &ask("JSON"),
        200,
        &format!(
            "{{\"RequestId\":\"ID\",\"Data\":[{{\"ModifyTime\":{modified},\"UserId\":\"{user}\",\"CreateTime\":{created},\
             \"Params\":\"{{\\\"key1\\\":\\\"value1\\\", \\\"key2\\\":\\\"value2\\\"}}\",\
             \"CustomUserId\":\"63f45472c2bf4cfa98b5649238fa\",\"Name\":\"Tony\",\"FacePicList\":[\
             {{\"FaceMd5\":\"{picture}\",\"FaceUrl\":\"{link}\",\"FeatureDTOList\":[\
             {{\"AlgorithmVersion\":\"{version}\",\"ErrorCode\":\"200\",\"AlgorithmProvider\":\"{provider}\",\
             \"FaceMd5\":\"{feature}\",\"AlgorithmName\":\"{name}\"}}]}}]}}],\"Code\":\"200\",\"Success\":true}}"
        ),
    );
    assert_xml(
        &ask("XML"),
        200,
        &format!(
            "<QueryFaceUserBatchResponse><RequestId>ID</RequestId><Data><ModifyTime>{modified}</ModifyTime>\
             <UserId>{user}</UserId><CreateTime>{created}</CreateTime>\
             <Params>{{\"key1\":\"value1\", \"key2\":\"value2\"}}</Params>\
             <CustomUserId>63f45472c2bf4cfa98b5649238fa</CustomUserId><Name>Tony</Name><FacePicList>\
             <FaceMd5>{picture}</FaceMd5><FaceUrl>{link}</FaceUrl><FeatureDTOList>\
             <AlgorithmVersion>{version}</AlgorithmVersion><ErrorCode>200</ErrorCode>\
             <AlgorithmProvider>{provider}</AlgorithmProvider><FaceMd5>{feature}</FaceMd5>\
             <AlgorithmName>{name}</AlgorithmName></FeatureDTOList></FacePicList></Data><Code>200</Code>\
             <Success>true</Success></QueryFaceUserBatchResponse>"
        ),
    );
    // A list in XML repeats its element.
    let second = client.add("B", &url);
    let both =
        client.ask("QueryFaceUserBatch", &[("UserIdList.1", &second), ("UserIdList.2", user), ("Format", "XML")]);
    let text = both.text();
    assert_eq!((text.matches("<Data>").count(), text.matches("</Data>").count()), (2, 2), "{text}");
    assert!(text.find(&second) < text.find(user), "in the order asked for");
    assert!(text.contains("<Params/>") && text.contains("<Name/>"), "{text}");
}

fn algorithm(listed: &Value) -> [String; 3] {
    let feature = &listed[0]["FacePicList"][0]["FeatureDTOList"][0];
    let found = ["AlgorithmName", "AlgorithmProvider", "AlgorithmVersion"]
        .map(|name| feature[name].as_str().unwrap_or_else(|| panic!("no {name} in {feature}")).to_owned());
    assert!(found.iter().all(|text| !text.is_empty()), "{found:?}");
    found
}

#[test]
fn every_kind_of_answer_has_both_formats() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let address = server.addresses()[0];
    let host = address.to_string();
    let user = client.add("A", &pictures.put("obama.jpg", obama()));
    let ask = |action: &str, more: &[(&str, &str)], format: &str| {
        let mut given = more.to_vec();
        given.push(("Format", format));
        client.ask(action, &given)
    };
    // No data.
    let update = [("UserId", user.as_str()), ("Name", "x")];
    assert_json(&ask("UpdateFaceUser", &update, "json"), 200, r#"{"RequestId":"ID","Code":"200","Success":true}"#);
    assert_xml(
        &ask("UpdateFaceUser", &update, "xml"),
        200,
        "<UpdateFaceUserResponse><RequestId>ID</RequestId><Code>200</Code><Success>true</Success></UpdateFaceUserResponse>",
    );
    // A text.
    let of_user = [("UserId", user.as_str())];
    assert_json(
        &ask("QueryFaceCustomUserIdByUserId", &of_user, "JSON"),
        200,
        r#"{"RequestId":"ID","Data":"A","Code":"200","Success":true}"#,
    );
    assert_xml(
        &ask("QueryFaceCustomUserIdByUserId", &of_user, ""),
        200,
        "<QueryFaceCustomUserIdByUserIdResponse><RequestId>ID</RequestId><Data>A</Data><Code>200</Code>\
         <Success>true</Success></QueryFaceCustomUserIdByUserIdResponse>",
    );
    // An empty text.
    let device = [("ProductKey", "p"), ("DeviceName", "d")];
    let group = client.text("AddFaceDeviceGroup", &[("DeviceGroupName", "n")], "DeviceGroupId");
    let mut into = device.to_vec();
    into.push(("DeviceGroupId", &group));
    client.ok("AddFaceDeviceToDeviceGroup", &into);
    assert_json(
        &ask("ClearFaceDeviceDB", &device, "JSON"),
        200,
        r#"{"RequestId":"ID","Data":"","Code":"200","Success":true}"#,
    );
    assert_xml(
        &ask("ClearFaceDeviceDB", &device, "XML"),
        200,
        "<ClearFaceDeviceDBResponse><RequestId>ID</RequestId><Data/><Code>200</Code><Success>true</Success>\
         </ClearFaceDeviceDBResponse>",
    );
    // A boolean.
    let mut is_there = device.to_vec();
    is_there.push(("UserId", &user));
    assert_xml(
        &ask("CheckFaceUserDoExistOnDevice", &is_there, "XML"),
        200,
        "<CheckFaceUserDoExistOnDeviceResponse><RequestId>ID</RequestId><Data><DoExist>false</DoExist></Data>\
         <Code>200</Code><Success>true</Success></CheckFaceUserDoExistOnDeviceResponse>",
    );
    // Pages.
    let page = [("PageNo", "1"), ("PageSize", "2")];
    assert_json(
        &ask("QueryFaceAllUserGroup", &page, "JSON"),
        200,
        r#"{"RequestId":"ID","Data":{"PageNo":1,"PageSize":2,"Total":0,"UserGroupList":[]},"Code":"200","Success":true}"#,
    );
    assert_xml(
        &ask("QueryFaceAllUserGroup", &page, "XML"),
        200,
        "<QueryFaceAllUserGroupResponse><RequestId>ID</RequestId><Data><PageNo>1</PageNo><PageSize>2</PageSize>\
         <Total>0</Total></Data><Code>200</Code><Success>true</Success></QueryFaceAllUserGroupResponse>",
    );
    let made = client.ok("AddFaceUserGroup", &[("UserGroupName", "员工")]);
    let (id, time) = (made["UserGroupId"].as_str().expect("an id"), made["ModifiedTime"].as_str().expect("a time"));
    assert_xml(
        &ask("QueryFaceAllUserGroup", &page, "XML"),
        200,
        &format!(
            "<QueryFaceAllUserGroupResponse><RequestId>ID</RequestId><Data><PageNo>1</PageNo><PageSize>2</PageSize>\
             <Total>1</Total><UserGroupList><UserGroupId>{id}</UserGroupId><UserGroupName>员工</UserGroupName>\
             <ModifiedTime>{time}</ModifiedTime></UserGroupList></Data><Code>200</Code><Success>true</Success>\
             </QueryFaceAllUserGroupResponse>"
        ),
    );
    // Business and gateway failures.
    let nobody = [("UserId", NOBODY)];
    assert_json(
        &ask("QueryFaceUser", &nobody, "JSON"),
        200,
        r#"{"RequestId":"ID","Code":"466","ErrorMessage":"face user not exist","Success":false}"#,
    );
    assert_xml(
        &ask("QueryFaceUser", &nobody, "XML"),
        200,
        "<QueryFaceUserResponse><RequestId>ID</RequestId><Code>466</Code>\
         <ErrorMessage>face user not exist</ErrorMessage><Success>false</Success></QueryFaceUserResponse>",
    );
    assert_json(
        &ask("QueryFaceUser", &[], "JSON"),
        400,
        &format!(
            r#"{{"RequestId":"ID","HostId":"{host}","Code":"MissingUserId","Message":"UserId is mandatory for this action."}}"#
        ),
    );
    assert_xml(
        &ask("QueryFaceUser", &[], "XML"),
        400,
        &format!(
            "<Error><RequestId>ID</RequestId><HostId>{host}</HostId><Code>MissingUserId</Code>\
             <Message>UserId is mandatory for this action.</Message></Error>"
        ),
    );
    // The wrapped lists of detection.
    let url = pictures.url("obama.jpg");
    let detected = ask("DetectUserFaceByUrl", &[("FacePicUrl", &url)], "XML");
    let text = detected.text();
    for part in [
        "<DetectUserFaceByUrlResponse><RequestId>",
        "<Data><data><Age>0</Age><Gender>0</Gender><BlurScore>",
        "<GoodForLibrary>true</GoodForLibrary><GoodForRecognition>true</GoodForRecognition><FaceRects><FaceRectsData>0.",
        "</FaceRectsData></FaceRects><Landmarks><LandmarksData>[",
        "]</LandmarksData></Landmarks></data></Data>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let detected = client.ok("DetectUserFaceByUrl", &[("FacePicUrl", &url)]);
    let feature = detected["data"][0]["Landmarks"]["LandmarksData"][0].as_str().expect("a text");
    let feature: Vec<f64> = serde_json::from_str(feature).expect("numbers");
    assert_eq!(feature.len(), 512);
    assert!((feature.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-4);
    let empty = pictures.put("nobody.jpg", no_face());
    client.fails("466", "can not find this face", "DetectUserFaceByUrl", &[("FacePicUrl", &empty)]);
}
