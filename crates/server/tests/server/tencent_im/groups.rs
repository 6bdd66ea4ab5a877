//! Friend groups.

use std::thread;

use serde_json::json;

use super::{Im, assert_body, assert_fails};
use crate::fixture::{Server, Setup};

#[test]
fn groups_are_told_byte_for_byte() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["id", "friend1", "friend2", "friend3", "stranger"]);
    let friends = ["friend1", "friend2", "friend3"].map(|to| json!({"To_Account": to}));
    im.ok("friend_add", &json!({"From_Account": "id", "AddFriendItem": friends, "ForceAddFlags": 1}));

    let add = json!({"From_Account": "id", "GroupName": ["group1"], "To_Account": ["friend1"]});
    assert_body(
        &im.sns("group_add", &add),
        r#"{"ResultItem":[{"To_Account":"friend1","ResultCode":0,"ResultInfo":""}],"CurrentSequence":1,"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#,
    );
    let add = json!({"From_Account": "id", "GroupName": ["group2", "group3"],
        "To_Account": ["friend2", "stranger", "friend1", "nobody", "friend2", "id"]});
    let not = |to: &str, code: u64, reason: &str| {
        format!(r#"{{"To_Account":"{to}","ResultCode":{code},"ResultInfo":"Err_SNS_GroupAdd_{reason}"}}"#)
    };
    let items = [
        r#"{"To_Account":"friend2","ResultCode":0,"ResultInfo":""}"#.to_owned(),
        not("stranger", 32216, "ToTinyId_Not_Friend"),
        r#"{"To_Account":"friend1","ResultCode":0,"ResultInfo":""}"#.to_owned(),
        not("nobody", 30003, "Account_Not_Exist"),
        r#"{"To_Account":"friend2","ResultCode":0,"ResultInfo":""}"#.to_owned(),
        not("id", 32216, "ToTinyId_Not_Friend"),
    ];
    let rest = r#""Fail_Account":["stranger","nobody","id"],"CurrentSequence":2,"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;
    assert_body(&im.sns("group_add", &add), &format!(r#"{{"ResultItem":[{}],{rest}"#, items.join(",")));
    assert_body(
        &im.sns("group_add", &json!({"From_Account": "id", "GroupName": ["空"]})),
        r#"{"CurrentSequence":3,"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#,
    );

    let end = r#""ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;
    let counted = |body: serde_json::Value| im.sns("group_get", &body);
    let all = r#"{"ResultItem":[{"GroupName":"group1","FriendNumber":1},{"GroupName":"group2","FriendNumber":2},{"GroupName":"group3","FriendNumber":2},{"GroupName":"空","FriendNumber":0}],"CurrentSequence":3,"#;
    for sequence in [json!(null), json!(0), json!(1), json!(4), json!(u64::MAX)] {
        let answer = counted(json!({"From_Account": "id", "LastSequence": sequence}));
        assert_body(&answer, &format!("{all}{end}"));
    }
    let nothing_new = format!(r#"{{"ResultItem":[],"CurrentSequence":3,{end}"#);
    assert_body(&counted(json!({"From_Account": "id", "LastSequence": 3})), &nothing_new);
    let listed = json!({"From_Account": "id", "NeedFriend": "Need_Friend_Type_Yes", "LastSequence": 3});
    assert_body(&counted(listed), &nothing_new);
    let listed = counted(json!({"From_Account": "id", "NeedFriend": "Need_Friend_Type_Yes"}));
    let members = r#"{"ResultItem":[{"GroupName":"group1","FriendNumber":1,"To_Account":["friend1"]},{"GroupName":"group2","FriendNumber":2,"To_Account":["friend2","friend1"]},{"GroupName":"group3","FriendNumber":2,"To_Account":["friend2","friend1"]},{"GroupName":"空","FriendNumber":0,"To_Account":[]}],"CurrentSequence":3,"#;
    assert_body(&listed, &format!("{members}{end}"));
    let named = json!({"From_Account": "id", "LastSequence": 3, "NeedFriend": "Need_Friend_Type_Yes",
        "GroupName": ["空", "nothing", "group1", "空", ""]});
    let some = r#"{"ResultItem":[{"GroupName":"空","FriendNumber":0,"To_Account":[]},{"GroupName":"group1","FriendNumber":1,"To_Account":["friend1"]}],"CurrentSequence":3,"#;
    assert_body(&counted(named), &format!("{some}{end}"));
    let named = counted(json!({"From_Account": "id", "GroupName": ["group1"]}));
    let one =
        r#"{"ResultItem":[{"GroupName":"group1","FriendNumber":1,"To_Account":["friend1"]}],"CurrentSequence":3,"#;
    assert_body(&named, &format!("{one}{end}"));
    let none = r#"{"ActionStatus":"FAIL","ErrorCode":30003,"ErrorInfo":"Err_SNS_GroupGet_Account_Not_Exist","ErrorDisplay":""}"#;
    assert_body(&counted(json!({"From_Account": "nobody"})), none);

    let delete = |names: &[&str]| im.sns("group_delete", &json!({"From_Account": "id", "GroupName": names}));
    assert_body(&delete(&["group2", "nothing"]), &format!(r#"{{"CurrentSequence":4,{end}"#));
    assert_body(&delete(&["group2", "nothing", ""]), &format!(r#"{{"CurrentSequence":4,{end}"#));
    let page = im.ok("friend_get", &json!({"From_Account": "id", "StartIndex": 0}));
    assert_eq!(page["FriendNum"], 3, "they stay friends");
}

#[test]
fn a_sequence_counts_what_changes_groups_and_nothing_else() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada", "bob", "cyd"]);
    let ada = |body: serde_json::Value| {
        let mut body = body;
        body["From_Account"] = json!("ada");
        body
    };
    let update = |tag: &str, value: serde_json::Value| {
        ada(json!({"UpdateItem": [{"To_Account": "bob", "SnsItem": [{"Tag": tag, "Value": value}]}]}))
    };
    for (command, body, sequence) in [
        ("friend_add", ada(json!({"AddFriendItem": [{"To_Account": "bob"}]})), 0),
        ("group_add", ada(json!({"GroupName": ["x", "y", "x"]})), 1),
        ("group_add", ada(json!({"GroupName": ["x"]})), 1),
        ("group_add", ada(json!({"GroupName": ["x"], "To_Account": ["cyd"]})), 1),
        ("group_add", ada(json!({"GroupName": ["x"], "To_Account": ["bob"]})), 2),
        ("group_add", ada(json!({"GroupName": ["x"], "To_Account": ["bob"]})), 2),
        ("friend_update", update("Tag_SNS_IM_Remark", json!("B")), 2),
        ("friend_update", update("Tag_SNS_IM_Group", json!(["x"])), 2),
        ("friend_update", update("Tag_SNS_IM_Group", json!(["y", "z"])), 3),
        ("friend_update", update("Tag_SNS_IM_Group", json!([])), 4),
        ("friend_import", ada(json!({"AddFriendItem": [{"To_Account": "cyd", "GroupName": ["w"]}]})), 5),
        ("friend_delete", ada(json!({"To_Account": ["bob"]})), 5),
        ("friend_delete", ada(json!({"To_Account": ["cyd"]})), 6),
        ("friend_add", ada(json!({"AddFriendItem": [{"To_Account": "cyd", "GroupName": "v"}]})), 7),
        ("friend_delete_all", ada(json!({})), 8),
        ("friend_delete_all", ada(json!({})), 8),
        ("group_delete", ada(json!({"GroupName": ["v", "w"]})), 9),
    ] {
        im.ok(command, &body);
        assert_eq!(im.groups("ada").1, sequence, "{command} {body}");
    }
    let empty = ["x", "y", "z"].map(|name| (name.to_owned(), Vec::new()));
    assert_eq!(im.groups("ada"), (empty.to_vec(), 9));
    // Bob still has ada as a friend, but her account is deleted.
    im.ok("group_add", &json!({"From_Account": "bob", "GroupName": ["g"], "To_Account": ["ada"]}));
    assert_eq!(im.groups("bob"), (vec![("g".to_owned(), vec!["ada".to_owned()])], 1));
    let before = im.ok("friend_get", &json!({"From_Account": "bob", "StartIndex": 0}));
    im.login("account_delete", &json!({"DeleteItem": [{"UserID": "ada"}]}));
    assert_eq!(im.groups("bob"), (vec![("g".to_owned(), Vec::new())], 2));
    let after = im.ok("friend_get", &json!({"From_Account": "bob", "StartIndex": 0}));
    assert_eq!((&before["FriendNum"], &after["FriendNum"]), (&json!(1), &json!(0)));
    assert_ne!(before["StandardSequence"], after["StandardSequence"]);
    im.import(&["ada"]);
    assert_eq!(im.groups("ada"), (Vec::new(), 0), "a new account");
    assert_eq!(im.groups("bob").0, [("g".to_owned(), Vec::new())]);
}

#[test]
fn two_clients_together_make_no_more_groups_than_allowed() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada"]);
    thread::scope(|scope| {
        for client in 0..4 {
            let im = &im;
            scope.spawn(move || {
                for number in 0..12 {
                    let name = format!("group {client} {number}");
                    let answer = im.sns("group_add", &json!({"From_Account": "ada", "GroupName": [name]}));
                    assert!([json!(0), json!(30011)].contains(&answer.json()["ErrorCode"]), "{}", answer.text());
                }
            });
        }
    });
    let (groups, sequence) = im.groups("ada");
    assert_eq!((groups.len(), sequence), (32, 32));
    let refused = im.sns("group_add", &json!({"From_Account": "ada", "GroupName": [groups[0].0, "one more"]}));
    assert_body(
        &refused,
        r#"{"ActionStatus":"FAIL","ErrorCode":30011,"ErrorInfo":"Err_SNS_GroupAdd_Group_Num_Exceed_Threshold","ErrorDisplay":""}"#,
    );
    assert_eq!(im.groups("ada"), (groups, 32));
}

#[test]
fn everything_lasts_and_lists_can_always_be_full() {
    let setup = || Setup::new(&["auto"]).env("AICP_TENCENT_IM__ALWAYS_FULL_LIST", "true");
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let server = setup().data_dir(&data_dir).start();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada", "bob"]);
    let friend = json!({"To_Account": "bob", "GroupName": ["x"], "Remark": "B", "AddTime": 5,
        "CustomItem": [{"Tag": "Tag_SNS_Custom_Level", "Value": 7}]});
    im.ok("friend_import", &json!({"From_Account": "ada", "AddFriendItem": [friend]}));
    let all = |im: &Im| {
        let last = json!({"From_Account": "ada", "LastSequence": 1, "NeedFriend": "Need_Friend_Type_Yes"});
        let page = json!({"From_Account": "ada", "StartIndex": 0});
        (im.ok("group_get", &last), im.ok("friend_get", &page))
    };
    let before = all(&im);
    assert_eq!(before.0["ResultItem"], json!([{"GroupName": "x", "FriendNumber": 1, "To_Account": ["bob"]}]));
    server.kill();
    let server = setup().data_dir(&data_dir).start();
    let im = Im { api: server.anonymous(0), ..im };
    assert_eq!(all(&im), before);
    assert_fails(&im.sns("group_get", &json!({"From_Account": "cyd"})), 30003);
}

#[test]
fn apps_see_their_own_accounts_alone() {
    let server = Server::auto();
    let (shop, other) = (Im::of_app(&server, "shop"), Im::of_app(&server, "other"));
    shop.import(&["ada", "bob"]);
    shop.ok("group_add", &json!({"From_Account": "ada", "GroupName": ["x"]}));
    assert_fails(&other.sns("group_get", &json!({"From_Account": "ada"})), 30003);
    other.import(&["ada"]);
    assert_eq!(other.groups("ada"), (Vec::new(), 0));
    let codes = other.codes("friend_add", &json!({"From_Account": "ada", "AddFriendItem": [{"To_Account": "bob"}]}));
    assert_eq!(codes, [30003]);
    other.login("account_delete", &json!({"DeleteItem": [{"UserID": "ada"}]}));
    assert_eq!(shop.groups("ada").1, 1);
    // A second key of the same app.
    let second = Im::of_app(&server, "shop");
    assert_eq!(second.groups("ada").1, 1);
}
