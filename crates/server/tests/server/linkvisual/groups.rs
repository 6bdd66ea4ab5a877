//! Groups of users.

use serde_json::json;

use super::pictures::PictureServer;
use super::{APP, Client, NOBODY, server};
use crate::fixture::objects;
use crate::pictures::{biden, obama};

const PAGE: [(&str, &str); 2] = [("PageNo", "1"), ("PageSize", "100")];

#[test]
fn groups_hold_users() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let (a, b) = (client.add("A", &pictures.put("a.jpg", obama())), client.add("B", &pictures.put("b.jpg", biden())));
    let made = client.ok("AddFaceUserGroup", &[("UserGroupName", "员工 <A>")]);
    let group = made["UserGroupId"].as_str().expect("an id").to_owned();
    assert!(group.len() == 8 && group.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()), "{group}");
    assert_eq!(made["UserGroupName"], "员工 <A>");
    let time = made["ModifiedTime"].as_str().expect("a time");
    assert!(time.len() == 19 && time.as_bytes()[10] == b' ', "{time}");
    client.fails("466", "group already exist", "AddFaceUserGroup", &[("UserGroupName", "员工 <A>")]);
    client.ok("AddFaceUserGroup", &[("UserGroupName", "员工 <A>"), ("IsolationId", "Elsewhere1")]);
    let second = client.text("AddFaceUserGroup", &[("UserGroupName", &"长".repeat(128))], "UserGroupId");
    client.refused(400, "InvalidUserGroupName", "AddFaceUserGroup", &[("UserGroupName", &"n".repeat(129))]);
    client.refused(400, "MissingUserGroupName", "AddFaceUserGroup", &[]);

    for (group, user) in [(&group, &a), (&group, &b), (&group, &a), (&second, &a)] {
        assert_eq!(client.ok("AddFaceUserToUserGroup", &[("UserGroupId", group), ("UserId", user)]), json!(null));
    }
    let unknown = [("UserGroupId", "00000000"), ("UserId", a.as_str())];
    client.fails("466", "face group not exist", "AddFaceUserToUserGroup", &unknown);
    client.fails("466", "face group not exist", "RemoveFaceUserFromUserGroup", &unknown);
    let nobody = [("UserGroupId", group.as_str()), ("UserId", NOBODY)];
    client.fails("466", "face user not exist", "AddFaceUserToUserGroup", &nobody);
    client.fails("466", "face user not exist", "RemoveFaceUserFromUserGroup", &nobody);
    let elsewhere = [("UserGroupId", group.as_str()), ("UserId", &a), ("IsolationId", "Elsewhere1")];
    client.fails("466", "face user not exist", "AddFaceUserToUserGroup", &elsewhere);

    let of = |action: &str, more: &[(&str, &str)]| client.ok(action, &[more, &PAGE].concat());
    let groups = of("QueryFaceUserGroup", &[("UserId", &a)]);
    assert_eq!(groups["Total"], 2);
    assert_eq!(groups["UserGroupList"][0], made);
    let users = of("QueryFaceAllUserIdsByGroupId", &[("UserGroupId", &group)]);
    let shown = |user: &str, custom: &str| json!({"UserId": user, "CustomUserId": custom, "Name": "", "Params": ""});
    let expected = json!({"Page": 1, "PageSize": 100, "Total": 2, "List": [shown(&a, "A"), shown(&b, "B")]});
    assert_eq!(users, expected);
    let paged =
        client.ok("QueryFaceAllUserIdsByGroupId", &[("UserGroupId", &group), ("PageNo", "2"), ("PageSize", "1")]);
    assert_eq!((&paged["Page"], &paged["Total"], &paged["List"]), (&json!(2), &json!(2), &json!([shown(&b, "B")])));
    let all = client.ok("QueryFaceAllUserGroup", &[("PageNo", "1")]);
    assert_eq!(
        (&all["PageNo"], &all["PageSize"], &all["Total"]),
        (&json!(1), &json!(20), &json!(2)),
        "20 is the default"
    );
    assert_eq!(of("QueryFaceAllUserGroup", &[("IsolationId", "Nowhere1")])["UserGroupList"], json!([]));
    for (action, last) in [("QueryFaceUserGroup", 100), ("QueryFaceAllUserGroup", 1000)] {
        let page = |number: u32| [("UserId", a.clone()), ("PageNo", number.to_string())];
        let ask = |number: u32| {
            let page = page(number);
            client.ask(action, &page.each_ref().map(|(name, value)| (*name, value.as_str())))
        };
        assert_eq!(ask(last).json()["Success"], true);
        super::assert_refused(&ask(last + 1), 400, "InvalidPageNo");
    }
    client.refused(400, "InvalidPageSize", "QueryFaceAllUserGroup", &[("PageNo", "1"), ("PageSize", "101")]);
    client.fails("466", "face user not exist", "QueryFaceUserGroup", &[&[("UserId", NOBODY)][..], &PAGE].concat());
    let unknown = [&[("UserGroupId", "00000000")][..], &PAGE].concat();
    client.fails("466", "face group not exist", "QueryFaceAllUserIdsByGroupId", &unknown);

    client.ok("RemoveFaceUserFromUserGroup", &[("UserGroupId", &second), ("UserId", &a)]);
    let again = [("UserGroupId", second.as_str()), ("UserId", a.as_str())];
    client.fails("466", "face user not exist", "RemoveFaceUserFromUserGroup", &again);
    client.ok("DeleteFaceUserGroup", &[("UserGroupId", &second)]);
    client.fails("466", "face group not exist", "DeleteFaceUserGroup", &[("UserGroupId", &second)]);
    assert_eq!(client.total(), 2, "nobody was in it");
    client.ok("DeleteFaceUser", &[("UserId", &b)]);
    assert_eq!(of("QueryFaceAllUserIdsByGroupId", &[("UserGroupId", &group)])["Total"], 1);
    let third = client.add("C", &pictures.url("b.jpg"));
    client.ok("DeleteFaceUserGroup", &[("UserGroupId", &group)]);
    client.fails("466", "face user not exist", "QueryFaceUser", &[("UserId", &a)]);
    client.ok("QueryFaceUser", &[("UserId", &third)]);
    assert_eq!(objects(server.data_dir()).len(), 1, "the users of the group went with their pictures");
}
