//! Device groups, and the relations that assign users to devices.

use serde_json::{Value, json};

use super::pictures::PictureServer;
use super::{APP, Client, NOBODY, server};
use crate::pictures::obama;

const PAGE: [(&str, &str); 2] = [("PageNo", "1"), ("PageSize", "100")];
const GATE: [(&str, &str); 2] = [("ProductKey", "a1product"), ("DeviceName", "gate1")];
const OTHER: [(&str, &str); 3] = [("ProductKey", "a1product"), ("DeviceName", "gate1"), ("IotInstanceId", "iot-2")];
const PICTURES: (&str, &str) = ("Relation", "SYNC_INFO_PICTURE");

fn with<'a>(given: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [given, more].concat()
}

#[test]
fn devices_are_in_groups() {
    let server = server();
    let client = Client::new(&server, APP);
    let made = client.ok("AddFaceDeviceGroup", &[("DeviceGroupName", "一楼")]);
    let group = made["DeviceGroupId"].as_str().expect("an id").to_owned();
    assert_eq!((group.len(), &made["DeviceGroupName"]), (8, &json!("一楼")));
    client.fails("466", "group already exist", "AddFaceDeviceGroup", &[("DeviceGroupName", "一楼")]);
    client.ok("AddFaceUserGroup", &[("UserGroupName", "一楼")]);
    let of_group = [("DeviceGroupId", group.as_str())];
    client.fails("466", "device not found", "ClearFaceDeviceDB", &GATE);
    client.fails("466", "device not exist", "RemoveFaceDeviceFromDeviceGroup", &with(&GATE, &of_group));
    client.ok("AddFaceDeviceToDeviceGroup", &with(&GATE, &of_group));
    client.ok("AddFaceDeviceToDeviceGroup", &with(&GATE, &of_group));
    let unknown = [("DeviceGroupId", "00000000")];
    client.fails("466", "group not exist", "AddFaceDeviceToDeviceGroup", &with(&GATE, &unknown));
    client.fails("466", "group not exist", "RemoveFaceDeviceFromDeviceGroup", &with(&GATE, &unknown));
    client.refused(400, "MissingProductKey", "AddFaceDeviceToDeviceGroup", &of_group);
    client.refused(400, "MissingDeviceName", "ClearFaceDeviceDB", &[("ProductKey", "p")]);
    assert_eq!(client.ok("ClearFaceDeviceDB", &GATE), json!(""));
    assert_eq!(client.ok("ClearFaceDeviceDB", &OTHER), json!(""), "one without an instance is found under any");

    let listed = client.ok("QueryFaceAllDeviceGroup", &PAGE);
    assert_eq!(listed, json!({"PageNo": 1, "PageSize": 100, "Total": 1, "DeviceGroupList": [made]}));
    let groups = |device: &[(&str, &str)]| client.ok("QueryFaceDeviceGroupsByDevice", &with(device, &PAGE));
    client.refused(400, "MissingIotInstanceId", "QueryFaceDeviceGroupsByDevice", &with(&GATE, &PAGE));
    assert_eq!(groups(&OTHER)["DeviceGroupList"], json!([made]), "one without an instance is found under any");
    client.ok("RemoveFaceDeviceFromDeviceGroup", &with(&OTHER, &of_group));
    client.fails("466", "device not exist", "RemoveFaceDeviceFromDeviceGroup", &with(&GATE, &of_group));
    client.ok("AddFaceDeviceToDeviceGroup", &with(&GATE, &of_group));
    client.ok("AddFaceDeviceToDeviceGroup", &with(&OTHER, &of_group));
    client.ok("RemoveFaceDeviceFromDeviceGroup", &with(&OTHER, &of_group));
    assert_eq!(groups(&OTHER)["Total"], 0);
    let stranger = [("ProductKey", "p"), ("DeviceName", "d"), ("IotInstanceId", "i")];
    assert_eq!(groups(&stranger), json!({"PageNo": 1, "PageSize": 100, "Total": 0, "DeviceGroupList": []}));
    client.fails("466", "device not exist", "RemoveFaceDeviceFromDeviceGroup", &with(&OTHER, &of_group));
    client.ok("DeleteFaceDeviceGroup", &of_group);
    client.fails("466", "group not exist", "DeleteFaceDeviceGroup", &of_group);
    assert_eq!(client.ok("ClearFaceDeviceDB", &GATE), json!(""), "the device stays known");
    client.refused(400, "InvalidDeviceGroupName", "AddFaceDeviceGroup", &[("DeviceGroupName", "a\nb")]);
}

#[test]
fn relations_say_who_is_on_a_device() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let user = client.add("A", &pictures.put("a.jpg", obama()));
    let users = client.text("AddFaceUserGroup", &[("UserGroupName", "u")], "UserGroupId");
    let devices = client.text("AddFaceDeviceGroup", &[("DeviceGroupName", "d")], "DeviceGroupId");
    client.ok("AddFaceUserToUserGroup", &[("UserGroupId", &users), ("UserId", &user)]);
    let asked = with(&GATE, &[("UserId", user.as_str())]);
    client.fails("466", "device not exist", "CheckFaceUserDoExistOnDevice", &asked);
    client.ok("AddFaceDeviceToDeviceGroup", &with(&GATE, &[("DeviceGroupId", devices.as_str())]));
    let of_other = with(&OTHER, &[("UserId", user.as_str())]);
    let is_there = || {
        let told = [&asked, &of_other].map(|asked| client.ok("CheckFaceUserDoExistOnDevice", asked)["DoExist"].take());
        assert_eq!(told[0], told[1], "the device without an instance is found under any");
        told[0] == Value::Bool(true)
    };
    assert!(!is_there());
    client.fails("466", "face user not exist", "CheckFaceUserDoExistOnDevice", &with(&GATE, &[("UserId", NOBODY)]));

    let add = "AddFaceUserGroupAndDeviceGroupRelation";
    let bound = [("UserGroupId", users.as_str()), ("DeviceGroupId", &devices), PICTURES];
    let made = client.ok(add, &bound);
    let control = made["ControlId"].as_str().expect("an id").to_owned();
    assert_eq!(control.len(), 16);
    assert_eq!(client.ok(add, &bound)["ControlId"], made["ControlId"], "it is there already");
    client.fails("466", "face group not exist", add, &[("UserGroupId", "00000000"), bound[1], PICTURES]);
    client.fails("466", "group not exist", add, &[bound[0], ("DeviceGroupId", "00000000"), PICTURES]);
    client.refused(400, "InvalidRelation", add, &[bound[0], bound[1], ("Relation", "SYNC")]);
    client.refused(400, "MissingRelation", add, &bound[..2]);
    assert!(is_there());

    let of_control = [("ControlId", control.as_str())];
    let told = client.ok("QueryFaceUserGroupAndDeviceGroupRelation", &of_control);
    let expected = json!({
        "ControlId": control, "ControlType": "SYNC_INFO_PICTURE", "UserGroupId": users, "DeviceGroupId": devices,
        "ModifiedTime": told["ModifiedTime"],
    });
    assert_eq!(told, expected);
    let all = client.ok("QueryFaceAllUserGroupAndDeviceGroupRelation", &PAGE);
    assert_eq!(all, json!({"Page": 1, "PageSize": 100, "Total": 1, "List": [told]}));
    let updated = client.ok("UpdateFaceUserGroupAndDeviceGroupRelation", &[of_control[0], PICTURES]);
    assert_eq!(updated["ControlId"], json!(control));
    let unknown = ("ControlId", NOBODY);
    for action in ["QueryFace", "DeleteFace", "UpdateFace"] {
        let action = format!("{action}UserGroupAndDeviceGroupRelation");
        client.fails("466", "access control not exist", &action, &[unknown, PICTURES]);
        let elsewhere = [of_control[0], PICTURES, ("IsolationId", "Elsewhere1")];
        client.fails("466", "access control not exist", &action, &elsewhere);
    }
    client.ok("ClearFaceDeviceDB", &GATE);
    assert!(is_there(), "all of it comes back");
    client.ok("DeleteFaceUserGroupAndDeviceGroupRelation", &of_control);
    assert!(!is_there());
    client.ok(add, &bound);
    assert!(is_there());
    client.ok("DeleteFaceDeviceGroup", &[("DeviceGroupId", &devices)]);
    assert!(!is_there());
    assert_eq!(client.ok("QueryFaceAllUserGroupAndDeviceGroupRelation", &PAGE)["Total"], 0);
}
