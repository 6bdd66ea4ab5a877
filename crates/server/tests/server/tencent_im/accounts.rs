//! Accounts.

use serde_json::json;

use super::{Im, assert_body, assert_fails, assert_fails_elsewhere};
use crate::fixture::{Server, Setup};

const END: &str = r#""ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#;

#[test]
fn accounts_come_and_go_byte_for_byte() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    let bare = format!("{{{END}");
    let longest = "~".repeat(32);
    assert_body(&im.login("account_import", &json!({"UserID": "a b", "Identifier": 1, "Nick": null})), &bare);
    assert_body(&im.login("account_import", &json!({"Identifier": "ada", "Nick": "x".repeat(500)})), &bare);
    assert_body(&im.login("account_import", &json!({"UserID": null, "Identifier": "ada", "FaceUrl": ""})), &bare);
    assert_body(&im.login("account_import", &json!({"UserID": longest})), &bare);
    assert_body(&im.login("account_import", &json!({"UserID": "", "Identifier": "zed"})), &bare);
    let import = json!({"Accounts": ["bob", "张三", "", "bob", "x".repeat(33)]});
    let failed = format!(r#"{{"FailAccounts":["张三","","{}"],{END}"#, "x".repeat(33));
    assert_body(&im.login("multiaccount_import", &import), &failed);
    let import = json!({"Accounts": null, "AccountList": [{"UserID": "cyd", "Nick": "C", "FaceUrl": "u"},
        {"UserID": "dan", "Nick": "x".repeat(501)}]});
    assert_body(&im.login("multiaccount_import", &import), &format!(r#"{{"FailAccounts":["dan"],{END}"#));
    let all: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
    let none = format!(r#"{{"FailAccounts":[],{END}"#);
    assert_body(&im.login("multiaccount_import", &json!({"Accounts": all})), &none);

    let check = json!({"CheckItem": [{"UserID": "ada"}, {"UserID": "Ada"}, {"UserID": ""}, {"UserID": "a b"},
        {"UserID": "ada"}, {"UserID": "dan"}, {"UserID": longest}, {"UserID": "zed"}]});
    let item = |name: &str, status: &str| {
        format!(r#"{{"UserID":"{name}","ResultCode":0,"ResultInfo":"","AccountStatus":"{status}"}}"#)
    };
    let (yes, no) = ("Imported", "NotImported");
    let items =
        [("ada", yes), ("Ada", no), ("", no), ("a b", yes), ("ada", yes), ("dan", no), (&longest, yes), ("zed", yes)];
    let items = items.map(|(name, status)| item(name, status)).join(",");
    assert_body(&im.login("account_check", &check), &format!(r#"{{"ResultItem":[{items}],{END}"#));

    let delete = json!({"DeleteItem": [{"UserID": "ada"}, {"UserID": "nobody"}, {"UserID": "ada"},
        {"UserID": "administrator"}]});
    let items = [
        r#"{"ResultCode":0,"ResultInfo":"","UserID":"ada"}"#,
        r#"{"ResultCode":70107,"ResultInfo":"Err_TLS_PT_Open_Login_Account_Not_Exist","UserID":"nobody"}"#,
        r#"{"ResultCode":0,"ResultInfo":"","UserID":"ada"}"#,
        r#"{"ResultCode":70402,"ResultInfo":"Err_TLS_PT_Open_Login_Account_Is_Admin","UserID":"administrator"}"#,
    ];
    let expected = format!(r#"{{"ResultItem":[{}],{END}"#, items.join(","));
    assert_body(&im.login("account_delete", &delete), &expected);
    assert_fails(&im.sns("group_get", &json!({"From_Account": "ada"})), 30003);
    im.import(&["ada"]);
    im.ok("group_get", &json!({"From_Account": "ada"}));
}

#[test]
fn admins_are_those_that_are_set() {
    let server = Setup::new(&["auto"]).env("AICP_TENCENT_IM__ADMINS", "[\"boss\"]").start();
    let im = Im::of_app(&server, "shop");
    let check = json!({"CheckItem": [{"UserID": "boss"}]});
    assert_fails_elsewhere(&im.login("account_check", &check), 60010);
    let boss = Im { query: im.signed("boss"), ..im };
    boss.import(&["boss", "administrator"]);
    let delete = json!({"DeleteItem": [{"UserID": "boss"}, {"UserID": "administrator"}]});
    let told = boss.login("account_delete", &delete).json();
    assert_eq!(
        (&told["ResultItem"][0]["ResultCode"], &told["ResultItem"][1]["ResultCode"]),
        (&json!(70402), &json!(0))
    );
    assert_eq!(boss.login("account_check", &check).json()["ResultItem"][0]["AccountStatus"], "Imported");
}
