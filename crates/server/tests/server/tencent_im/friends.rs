//! Friends.

use serde_json::{Value, json};

use super::{Im, assert_body};
use crate::fixture::{Server, Setup};

const END: &str = r#""ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;

#[test]
fn friends_are_added_byte_for_byte() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["id", "id1", "id2", "id3"]);
    let add = json!({"From_Account": "id", "AddType": "Add_Type_Both", "ForceAddFlags": 1, "AddFriendItem": [
        {"To_Account": "id1", "Remark": "remark1", "GroupName": "同学", "AddSource": "AddSource_Type_XXXXXXXX",
            "AddWording": "I'm Test1"},
        {"To_Account": "id", "AddSource": ""}, {"To_Account": "nobody"}, {"To_Account": "id1"}]});
    let items = r#"{"To_Account":"id1","ResultCode":0,"ResultInfo":""},{"To_Account":"id","ResultCode":30001,"ResultInfo":"Err_SNS_FriendAdd_Add_Self"},{"To_Account":"nobody","ResultCode":30003,"ResultInfo":"Err_SNS_FriendAdd_Account_Not_Exist"},{"To_Account":"id1","ResultCode":0,"ResultInfo":""}"#;
    let expected = format!(r#"{{"ResultItem":[{items}],"Fail_Account":["id","nobody"],{END}"#);
    assert_body(&im.sns("friend_add", &add), &expected);
    let again = json!({"From_Account": "id", "AddFriendItem": [{"To_Account": "id1", "GroupName": ["x"]}]});
    let known = r#"{"ResultItem":[{"To_Account":"id1","ResultCode":30001,"ResultInfo":"Err_SNS_FriendAdd_Friend_Exist"}],"Fail_Account":["id1"],"#;
    assert_body(&im.sns("friend_add", &again), &format!("{known}{END}"));
    assert_eq!(im.groups("id"), (vec![("同学".to_owned(), vec!["id1".to_owned()])], 1), "no group was made");
    let single = json!({"From_Account": "id", "AddType": "Add_Type_Single", "AddFriendItem": [
        {"To_Account": "id2", "GroupName": ["朋友"]}]});
    assert_eq!(im.codes("friend_add", &single), [0]);

    // The other side gets source and wording, but neither remark nor group.
    let tags = json!(["Tag_SNS_IM_Group", "Tag_SNS_IM_Remark", "Tag_SNS_IM_AddSource", "Tag_SNS_IM_AddWording"]);
    let list = |from: &str, to: Value| {
        im.sns("friend_get_list", &json!({"From_Account": from, "To_Account": to, "TagList": tags}))
    };
    let met = r#"{"Tag":"Tag_SNS_IM_AddSource","Value":"AddSource_Type_XXXXXXXX"},{"Tag":"Tag_SNS_IM_AddWording","Value":"I'm Test1"}"#;
    let own = r#"{"Tag":"Tag_SNS_IM_Group","Value":["同学"]},{"Tag":"Tag_SNS_IM_Remark","Value":"remark1"}"#;
    let told = |to: &str, tags: &str| {
        format!(r#"{{"To_Account":"{to}","SnsProfileItem":[{tags}],"ResultCode":0,"ResultInfo":""}}"#)
    };
    let first = told("id1", &format!("{own},{met}"));
    let not = r#"{"To_Account":"id3","ResultCode":30001,"ResultInfo":"Err_SNS_FriendGetList_Friend_Not_Exist"}"#;
    let nobody = r#"{"To_Account":"nobody","ResultCode":30003,"ResultInfo":"Err_SNS_FriendGetList_Account_Not_Exist"}"#;
    assert_body(
        &list("id", json!(["id1", "id3", "nobody"])),
        &format!(r#"{{"InfoItem":[{first},{not},{nobody}],"Fail_Account":["id3","nobody"],{END}"#),
    );
    assert_body(&list("id1", json!(["id"])), &format!(r#"{{"InfoItem":[{}],{END}"#, told("id", met)));

    let check = |from: &str, kind: &str| {
        let body = json!({"From_Account": from, "To_Account": ["id1", "id2", "id", "nobody"], "CheckType": kind});
        let told = im.ok("friend_check", &body);
        let items = told["InfoItem"].as_array().expect("a list").clone();
        items.iter().map(|item| item["Relation"].as_str().expect("a text").replace("CheckResult_Type_", "")).collect()
    };
    let (single, both) = ("CheckResult_Type_Single", "CheckResult_Type_Both");
    let relations: [(&str, &str, Vec<String>); 4] = [
        ("id", single, check("id", single)),
        ("id", both, check("id", both)),
        ("id2", single, check("id2", single)),
        ("id2", both, check("id2", both)),
    ];
    assert_eq!(relations[0].2, ["AWithB", "AWithB", "NoRelation", "NoRelation"]);
    assert_eq!(relations[1].2, ["BothWay", "AWithB", "NoRelation", "NoRelation"]);
    assert_eq!(relations[2].2, ["NoRelation"; 4]);
    assert_eq!(relations[3].2, ["NoRelation", "NoRelation", "BWithA", "NoRelation"]);
    let body = json!({"From_Account": "id", "To_Account": ["id1", "nobody"], "CheckType": both});
    let items = r#"{"InfoItem":[{"To_Account":"id1","Relation":"CheckResult_Type_BothWay","ResultCode":0,"ResultInfo":""},{"To_Account":"nobody","Relation":"CheckResult_Type_NoRelation","ResultCode":30003,"ResultInfo":"Err_SNS_FriendCheck_Account_Not_Exist"}],"Fail_Account":["nobody"],"#;
    assert_body(&im.sns("friend_check", &body), &format!("{items}{END}"));

    let delete = |from: &str, to: Value, kind: &str| {
        im.sns("friend_delete", &json!({"From_Account": from, "To_Account": to, "DeleteType": kind}))
    };
    let gone = r#"{"ResultItem":[{"To_Account":"id1","ResultCode":0,"ResultInfo":""},{"To_Account":"id3","ResultCode":31704,"ResultInfo":"Err_SNS_FriendDelete_Not_Friend"}],"Fail_Account":["id3"],"#;
    assert_body(&delete("id", json!(["id1", "id3"]), ""), &format!("{gone}{END}"));
    assert_eq!(check("id", both), ["BWithA", "AWithB", "NoRelation", "NoRelation"]);
    let alone = format!(r#"{{"ResultItem":[{{"To_Account":"id2","ResultCode":0,"ResultInfo":""}}],{END}"#);
    assert_body(&delete("id", json!(["id2"]), "Delete_Type_Both"), &alone);
    let all = json!({"From_Account": "id1", "DeleteType": "Delete_Type_Both"});
    assert_body(&im.sns("friend_delete_all", &all), &format!("{{{END}"));
    assert_eq!(check("id", both), ["NoRelation"; 4]);
    assert_body(&im.sns("friend_delete_all", &all), &format!("{{{END}"));
}

#[test]
fn friends_are_listed_byte_for_byte() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada", "bob", "cyd", "dan"]);
    let get = |more: Value| {
        let mut body = json!({"From_Account": "ada", "StartIndex": 0});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        im.sns("friend_get", &body)
    };
    let none = r#"{"StandardSequence":0,"CustomSequence":0,"FriendNum":0,"CompleteFlag":1,"NextStartIndex":0,"#;
    assert_body(&get(json!({})), &format!("{none}{END}"));
    let import = json!({"From_Account": "ada", "AddFriendItem": [
        {"To_Account": "cyd", "AddSource": "AddSource_Type_Web", "Remark": "C", "RemarkTime": 1, "AddWording": "hi",
            "AddTime": 20, "GroupName": ["z", "a"],
            "CustomItem": [{"Tag": "Tag_SNS_Custom_Test", "Value": "x"}, {"Tag": "Tag_SNS_Custom_Level", "Value": -3}]},
        {"To_Account": "dan", "AddTime": 10, "AddSource": "", "GroupName": null},
        {"To_Account": "bob", "AddTime": 10, "CustomItem": [{"Tag": "Tag_SNS_Custom_Test", "Value": "y"}]}]});
    let items = r#"{"ResultItem":[{"To_Account":"cyd","ResultCode":0,"ResultInfo":""},{"To_Account":"dan","ResultCode":0,"ResultInfo":""},{"To_Account":"bob","ResultCode":0,"ResultInfo":""}],"#;
    assert_body(&im.sns("friend_import", &import), &format!("{items}{END}"));

    let time = |time: u32| format!(r#"{{"Tag":"Tag_SNS_IM_AddTime","Value":{time}}}"#);
    let custom = r#"{"Tag":"Tag_SNS_Custom_Level","Value":-3},{"Tag":"Tag_SNS_Custom_Test","Value":"x"}"#;
    let bob_custom = r#"{"Tag":"Tag_SNS_Custom_Test","Value":"y"}"#;
    let cyd = format!(
        r#"{{"Tag":"Tag_SNS_IM_Group","Value":["z","a"]}},{{"Tag":"Tag_SNS_IM_Remark","Value":"C"}},{{"Tag":"Tag_SNS_IM_AddSource","Value":"AddSource_Type_Web"}},{{"Tag":"Tag_SNS_IM_AddWording","Value":"hi"}},{}"#,
        time(20)
    );
    let item = |name: &str, tags: &str| format!(r#"{{"To_Account":"{name}","ValueItem":[{tags}]}}"#);
    let page = |items: &[String]| {
        let items = items.join(",");
        let rest = r#""StandardSequence":1,"CustomSequence":1,"FriendNum":3,"CompleteFlag":1,"NextStartIndex":0,"#;
        format!(r#"{{"UserDataItem":[{items}],{rest}{END}"#)
    };
    let full = page(&[
        item("bob", &format!("{},{bob_custom}", time(10))),
        item("dan", &time(10)),
        item("cyd", &format!("{cyd},{custom}")),
    ]);
    let standard = page(&[item("bob", &time(10)), item("dan", &time(10)), item("cyd", &cyd)]);
    let only_custom = page(&[item("bob", bob_custom), item("cyd", custom)]);
    assert_body(&get(json!({})), &full);
    assert_body(&get(json!({"StandardSequence": 0, "CustomSequence": 0})), &full);
    assert_body(&get(json!({"StandardSequence": 2})), &full);
    assert_body(&get(json!({"CustomSequence": 1})), &standard);
    assert_body(&get(json!({"StandardSequence": 1, "CustomSequence": 0})), &only_custom);
    assert_body(&get(json!({"StandardSequence": 1, "CustomSequence": 1})), &page(&[]));
    assert_body(&get(json!({"StandardSequence": 1})), &page(&[]));
    assert_body(&get(json!({"StartIndex": 3, "StandardSequence": 1})), &page(&[]));
    let rest = page(&[item("cyd", &format!("{cyd},{custom}"))]);
    assert_body(&get(json!({"StartIndex": 2, "StandardSequence": 1, "CustomSequence": 1})), &rest);

    im.login("account_import", &json!({"UserID": "cyd", "Nick": "Cy", "FaceUrl": "http://example.com/c"}));
    let tags = json!([
        "Tag_Profile_IM_Image",
        "Tag_SNS_Custom_Test",
        "Tag_Profile_IM_Nick",
        "Tag_SNS_Custom_Test",
        "Tag_Profile_IM_Gender",
        "Tag_SNS_IM_AddTime",
        "Nothing",
        ""
    ]);
    let list = json!({"From_Account": "ada", "To_Account": ["cyd", "dan"], "TagList": tags});
    let cyd = r#"{"To_Account":"cyd","SnsProfileItem":[{"Tag":"Tag_Profile_IM_Image","Value":"http://example.com/c"},{"Tag":"Tag_SNS_Custom_Test","Value":"x"},{"Tag":"Tag_Profile_IM_Nick","Value":"Cy"},{"Tag":"Tag_SNS_IM_AddTime","Value":20}],"ResultCode":0,"ResultInfo":""}"#;
    let dan = r#"{"To_Account":"dan","SnsProfileItem":[{"Tag":"Tag_SNS_IM_AddTime","Value":10}],"ResultCode":0,"ResultInfo":""}"#;
    assert_body(&im.sns("friend_get_list", &list), &format!(r#"{{"InfoItem":[{cyd},{dan}],{END}"#));
}

#[test]
fn many_friends_come_in_pages_and_end_at_the_limit() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    let names: Vec<String> = (0..3001).map(|number| format!("user{number:04}")).collect();
    im.import(&names.iter().map(String::as_str).collect::<Vec<_>>());
    im.import(&["ada"]);
    for some in names.chunks(1000) {
        let items: Vec<Value> = some.iter().map(|to| json!({"To_Account": to, "AddTime": 7})).collect();
        let codes = im.codes("friend_import", &json!({"From_Account": "ada", "AddFriendItem": items}));
        let expected: Vec<u64> = some.iter().map(|to| if to == "user3000" { 30010 } else { 0 }).collect();
        assert_eq!(codes, expected);
    }
    let over = json!({"From_Account": "ada", "AddFriendItem": [{"To_Account": "user3000"}]});
    let told = im.ok("friend_import", &over);
    let info = "Err_SNS_FriendImport_My_Friend_Num_Exceed_Threshold";
    assert_eq!(told["ResultItem"][0], json!({"To_Account": "user3000", "ResultCode": 30010, "ResultInfo": info}));
    let back = json!({"From_Account": "user3000", "ForceAddFlags": 1, "AddFriendItem": [{"To_Account": "ada"}]});
    assert_eq!(im.codes("friend_add", &back), [30014]);

    let (mut seen, mut start) = (Vec::new(), 0);
    loop {
        let page = im.ok("friend_get", &json!({"From_Account": "ada", "StartIndex": start, "StandardSequence": 0}));
        let items = page["UserDataItem"].as_array().expect("a list").clone();
        assert_eq!((items.len(), &page["FriendNum"]), (100, &json!(3000)));
        seen.extend(items.iter().map(|item| item["To_Account"].as_str().expect("a text").to_owned()));
        let next = page["NextStartIndex"].as_u64().expect("a number");
        assert_eq!(page["CompleteFlag"], u64::from(next == 0));
        if next == 0 {
            break;
        }
        assert_eq!(next, start + 100);
        start = next;
    }
    assert_eq!(seen, names[..3000]);
}

#[test]
fn what_is_given_about_a_friend_has_bounds() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada", "bob", "cyd"]);
    let (fits, bad) = (json!({"x": 0}), json!({"x": 1}));
    for (field, value, kind) in [
        ("Remark", json!("x".repeat(96)), &fits),
        ("Remark", json!("x".repeat(97)), &bad),
        ("AddWording", json!("x".repeat(256)), &fits),
        ("AddWording", json!("x".repeat(257)), &bad),
        ("AddSource", json!("AddSource_Type_Abcdefgh"), &fits),
        ("AddSource", json!("AddSource_Type_Abcdefghi"), &bad),
        ("AddSource", json!("AddSource_Type_"), &bad),
        ("AddSource", json!("AddSource_Type_Web1"), &bad),
        ("AddSource", json!("Web"), &bad),
        ("GroupName", json!("x".repeat(30)), &fits),
        ("GroupName", json!("x".repeat(31)), &bad),
        ("GroupName", json!(["x".repeat(31)]), &bad),
    ] {
        for (command, rest) in [("friend_add", json!({"AddType": "Add_Type_Single"})), ("friend_import", json!({}))] {
            let mut body = rest.clone();
            body["From_Account"] = json!("ada");
            body["AddFriendItem"] = json!([{"To_Account": "bob", field: value}, {"To_Account": "cyd"}]);
            let expected = if *kind == fits { [0, 0] } else { [30001, 0] };
            assert_eq!(im.codes(command, &body), expected, "{command} {field} {value}");
            im.ok("friend_delete_all", &json!({"From_Account": "ada"}));
        }
    }
    let groups_before = im.groups("ada");
    // More groups than an account may have are refused before anything else is checked.
    let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
    let groups = |to: &str| json!({"To_Account": to, "GroupName": many, "AddSource": "Web"});
    let items = json!([groups("nobody"), groups("ada"), {"To_Account": "cyd"}, groups("cyd"), groups("bob")]);
    let over = json!({"From_Account": "ada", "AddFriendItem": items});
    assert_eq!(im.codes("friend_import", &over), [30011, 30011, 0, 0, 30011]);
    let tag = json!({"Tag": "Tag_SNS_IM_Group", "Value": vec!["x"; 33]});
    let over = json!({"From_Account": "ada", "UpdateItem": [{"To_Account": "cyd", "SnsItem": [tag]}]});
    assert_eq!(im.codes("friend_update", &over), [30011]);
    assert_eq!(im.groups("ada"), groups_before);
    im.ok("friend_delete_all", &json!({"From_Account": "ada"}));
    let two = json!({"From_Account": "ada", "AddFriendItem": [{"To_Account": "bob", "GroupName": ["a", "b"]}]});
    assert_eq!(im.codes("friend_add", &two), [30001], "one group only");
    assert_eq!(im.codes("friend_import", &two), [0]);

    let update = |tag: &str, value: Value| {
        json!({"From_Account": "ada", "UpdateItem": [{"To_Account": "bob", "SnsItem": [
            {"Tag": "Tag_SNS_IM_Remark", "Value": "changed"}, {"Tag": tag, "Value": value}]}]})
    };
    let mut custom = 0;
    for (tag, value, code) in [
        ("Tag_SNS_IM_Remark", json!("x".repeat(97)), 30001),
        ("Tag_SNS_IM_Remark", json!(1), 30001),
        ("Tag_SNS_IM_AddSource", json!("AddSource_Type_Web"), 30001),
        ("Tag_SNS_IM_AddWording", json!("x"), 30001),
        ("Tag_SNS_IM_AddTime", json!(1), 30001),
        ("Tag_Profile_IM_Nick", json!("x"), 30001),
        ("Tag_SNS_IM_Group", json!([1]), 30001),
        ("Tag_SNS_IM_Group", json!(["x".repeat(31)]), 30001),
        ("Tag_SNS_IM_Group", json!([""]), 30001),
        ("Tag_SNS_IM_Group", json!((0..33).map(|n| n.to_string()).collect::<Vec<_>>()), 30011),
        ("Tag_SNS_Custom_", json!(1), 30001),
        ("Tag_SNS_Custom_Abcdefghi", json!(1), 30001),
        ("Tag_SNS_Custom_A1", json!(1), 30001),
        ("Tag_SNS_Custom_A", json!(1.5), 30001),
        ("Tag_SNS_Custom_A", json!([1]), 30001),
        ("Tag_SNS_Custom_A", json!(null), 30001),
        ("Tag_SNS_Custom_A", json!("x".repeat(501)), 30001),
        ("Tag_SNS_Custom_A", json!("x".repeat(500)), 0),
        ("Tag_SNS_Custom_A", json!(""), 0),
        ("Tag_SNS_Custom_Abcdefgh", json!(i64::MIN), 0),
    ] {
        let before = im.ok("friend_get", &json!({"From_Account": "ada", "StartIndex": 0}));
        assert_eq!(im.codes("friend_update", &update(tag, value.clone())), [code], "{tag} {value}");
        let after = im.ok("friend_get", &json!({"From_Account": "ada", "StartIndex": 0}));
        if code != 0 {
            assert_eq!(before, after, "{tag} {value}: untouched");
        } else {
            custom += 1;
            assert_eq!(after["CustomSequence"], custom, "{tag} {value}");
            assert_eq!(after["StandardSequence"].as_u64() > before["StandardSequence"].as_u64(), custom == 1);
        }
    }
    let strangers = json!({"From_Account": "ada", "UpdateItem": [
        {"To_Account": "cyd", "SnsItem": [{"Tag": "Tag_SNS_IM_Remark", "Value": "x"}]},
        {"To_Account": "nobody", "SnsItem": [{"Tag": "Tag_SNS_IM_Remark", "Value": "x"}]},
        {"To_Account": "ada", "SnsItem": [{"Tag": "Tag_SNS_IM_Remark", "Value": "x"}]}]});
    let told = im.ok("friend_update", &strangers);
    assert_eq!(told["ResultItem"][0]["ResultInfo"], "Err_SNS_FriendUpdate_Friend_Not_Exist");
    assert_eq!(im.codes("friend_update", &strangers), [30001, 30003, 30001]);
    let full = update("Tag_SNS_IM_Group", json!((0..33).map(|n| n.to_string()).collect::<Vec<_>>()));
    let told = im.ok("friend_update", &full);
    assert_eq!(told["ResultItem"][0]["ResultInfo"], "Err_SNS_FriendUpdate_Group_Num_Exceed_Threshold");
}

#[test]
fn wishes_are_granted_kept_or_refused() {
    for (allow_type, code, info) in [
        ("NeedConfirm", 30539, "Err_SNS_FriendAdd_Friend_Allow_Type_Need_Confirm"),
        ("DenyAny", 30516, "Err_SNS_FriendAdd_Friend_Allow_Type_Forbid"),
    ] {
        let server = Setup::new(&["auto"]).env("AICP_TENCENT_IM__ALLOW_TYPE", allow_type).start();
        let im = Im::of_app(&server, "shop");
        im.import(&["ada", "bob"]);
        let add = |forced: Value| {
            let item = json!({"To_Account": "bob", "GroupName": "x"});
            im.ok("friend_add", &json!({"From_Account": "ada", "AddFriendItem": [item], "ForceAddFlags": forced}))
        };
        for forced in [json!(null), json!(0), json!(0)] {
            let told = add(forced);
            assert_eq!(told["ResultItem"], json!([{"To_Account": "bob", "ResultCode": code, "ResultInfo": info}]));
            assert_eq!(told["Fail_Account"], json!(["bob"]));
        }
        assert_eq!(im.groups("ada"), (Vec::new(), 0));
        assert_eq!(add(json!(1))["ResultItem"][0]["ResultCode"], 0);
        assert_eq!(im.groups("ada").0, [("x".to_owned(), vec!["bob".to_owned()])]);
    }
}
