#!/usr/bin/env python3
"""Drive the server's LinkVisual dialect (`/?Action=...`) with one of Alibaba Cloud's official, unmodified SDKs.

Usage: conformance/linkvisual.py CLIENT, a name of CLIENTS below; `run.py` sets the environment.

Only the SDKs' endpoint is set, by the means each offers. Every SDK makes all 31 calls. The server fetches the sample
pictures from this process, on the loopback interface.
"""

import hashlib
import json
import logging
import re
import sys
import time
import urllib.request

from journey import SECONDS, Bridge, Journey, Pictures, Setting, picture, text

REGION = "cn-shanghai"
SITE = "Headquarters1"
DEVICE = {"ProductKey": "a1product", "DeviceName": "gate1", "IotInstanceId": "iot-1"}


class OlderSdk:
    """PyPI `aliyun-python-sdk-linkvisual` 1.5.8: V1, POST with everything in the query."""

    def __init__(self, setting: Setting, key: dict):
        from aliyunsdkcore.client import AcsClient
        from aliyunsdkcore.http import protocol_type

        logging.getLogger("aliyunsdkcore").setLevel(logging.ERROR)
        self.host = setting.host
        # It compares by identity: a text of ours that says "https" would be plain HTTP.
        self.protocol = protocol_type.HTTPS if setting.scheme == "https" else protocol_type.HTTP
        self.client = AcsClient(key["accessKeyId"], key["accessKeySecret"], REGION, timeout=SECONDS)

    def call(self, action: str, parameters: dict) -> tuple[int, dict]:
        from aliyunsdkcore.acs_exception.exceptions import ServerException

        module = __import__(f"aliyunsdklinkvisual.request.v20180120.{action}Request", fromlist=["*"])
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            getattr(request, f"set_{name}s" if isinstance(value, list) else f"set_{name}")(value)
        request.set_endpoint(self.host)
        request.set_protocol_type(self.protocol)
        try:
            return 200, json.loads(self.client.do_action_with_exception(request))
        except ServerException as error:
            told = {"Code": error.error_code, "Message": error.message, "RequestId": error.request_id}
            return error.http_status, told


class NewerSdk:
    """PyPI `alibabacloud_linkvisual20180120` 2.3.0: V3, its default."""

    algorithm: str | None = None

    def __init__(self, setting: Setting, key: dict):
        from alibabacloud_linkvisual20180120.client import Client
        from alibabacloud_tea_openapi.models import Config

        config = Config(
            access_key_id=key["accessKeyId"],
            access_key_secret=key["accessKeySecret"],
            region_id=REGION,
            endpoint=setting.host,
            protocol=setting.scheme.upper(),
            ca=setting.roots,
            read_timeout=SECONDS * 1000,
        )
        if self.algorithm:
            config.signature_algorithm = self.algorithm
        self.client = Client(config)

    def call(self, action: str, parameters: dict) -> tuple[int, dict]:
        from alibabacloud_linkvisual20180120 import models
        from darabonba.exceptions import DaraException

        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", action).lower()
        request = getattr(models, f"{action}Request")().from_map(parameters)
        try:
            answer = getattr(self.client, method)(request)
        except DaraException as error:
            if not error.data:
                raise
            return error.status_code, error.data
        return answer.status_code, answer.body.to_map()


class NewerSdkV1(NewerSdk):
    """The same with `signature_algorithm` set to `v2`, the SDK's name for V1."""

    algorithm = "v2"


class PopCore:
    """npm `@alicloud/pop-core` 1.8.0: V1, everything in the query or in a form."""

    method = "GET"

    def __init__(self, setting: Setting, key: dict):
        self.bridge = Bridge("@alicloud/pop-core", key | {"base": setting.base})

    def call(self, action: str, parameters: dict) -> tuple[int, dict]:
        told = self.bridge.call(action=action, params=parameters, method=self.method)
        return told.get("status", 200), told.get("answer") or told["error"]


class PopCorePost(PopCore):
    """The same by POST."""

    method = "POST"


CLIENTS = {
    "aliyun-python-sdk-linkvisual": OlderSdk,
    "alibabacloud_linkvisual20180120": NewerSdk,
    "alibabacloud_linkvisual20180120 (V1)": NewerSdkV1,
    "@alicloud/pop-core (GET)": PopCore,
    "@alicloud/pop-core (POST)": PopCorePost,
}


class Life(Journey):
    def __init__(self, client: str, sdk):
        super().__init__("linkvisual", client)
        self.sdk = sdk

    def ask(self, action: str, parameters: dict, sdk=None) -> tuple[int, dict]:
        """Returns the HTTP status and the answer. Parameters that are None are omitted."""
        sent = {name: value for name, value in ({"IsolationId": SITE} | parameters).items() if value is not None}
        return (sdk or self.sdk).call(action, sent)

    def ok(self, action: str, **parameters):
        """Returns the `Data` of a call that must succeed; None for a call without data."""
        status, answer = self.ask(action, parameters)
        right = status == 200 and answer.get("Success") is True and answer.get("Code") == "200"
        if not right or not re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", answer.get("RequestId", "")):
            self.check(action, f"unexpected answer: {status} {json.dumps(answer, ensure_ascii=False)[:300]}", False)
        return answer.get("Data")

    def done(self, action: str, what: str, **parameters) -> None:
        """Makes a call that must succeed without data."""
        self.same(action, what, self.ok(action, **parameters), None)

    def fails(self, code: str, words: str, action: str, **parameters) -> None:
        """Makes a call whose business part must fail with this code and message."""
        status, answer = self.ask(action, parameters)
        found = (status, answer.get("Success"), answer.get("Code"), answer.get("ErrorMessage"))
        self.same(action, f"{code} {words}", found, (200, False, code, words))
        # The newer SDK turns an absent list into an empty one.
        self.check(action, f"{code} {words}: no data", answer.get("Data", []) == [])

    def refused(self, code: str, action: str, sdk=None, http: int = 400, **parameters) -> None:
        """Makes a call that the gateway must refuse with this code."""
        status, answer = self.ask(action, parameters, sdk)
        self.same(action, f"{http} {code}", (status, answer.get("Code")), (http, code))
        self.check(action, f"{http} {code}: words", bool(answer.get("Message")), "Data" not in answer)


def is_id(value, length: int) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(f"[a-z0-9]{{{length}}}", value))


def is_time(value) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value))


def recognised(setting: Setting, name: str) -> list[bytes]:
    """The enrolled pictures of the people that AICP's own call identifies in the site's library."""
    body = json.dumps({"groupId": SITE, "image": text(picture(name))}).encode()
    headers = {"Content-Type": "application/json", "token": setting.token}
    request = urllib.request.Request(f"{setting.base}/aicp/face/recognition", body, headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        records = json.load(response)["data"]["records"]
    pictures = []
    for record in records:
        with urllib.request.urlopen(record["url"], timeout=SECONDS) as response:
            pictures.append(response.read())
    return pictures


def users(life: Life, pictures: Pictures, setting: Setting) -> str:
    """Checks the life cycle of users and their pictures. Returns the id of a remaining user."""
    check, same, ok, done, fails, refused = life.check, life.same, life.ok, life.done, life.fails, life.refused
    obama, obama2, biden = (
        pictures.url(f"people/{name}.jpg") for name in ("obama/obama", "obama/obama2", "biden/biden")
    )
    md5 = {name: hashlib.md5(picture(f"people/{name}.jpg")).hexdigest() for name in ("obama/obama", "obama/obama2")}
    name, params = "张三-_1", '{"key 1":"值*~+"}'

    added = ok("AddFaceUser", CustomUserId="OBAMA1", FacePicUrl=obama, Name=name, Params=params)
    user = added["UserId"]
    check("AddFaceUser", "a user", is_id(user, 16))
    same(
        "AddFaceUser",
        "what was sent",
        added,
        {"UserId": user, "CustomUserId": "OBAMA1", "Name": name, "Params": params},
    )
    other = ok("AddFaceUser", CustomUserId="BIDEN1", FacePicUrl=biden, Name="李四")["UserId"]
    check("AddFaceUser", "another one", is_id(other, 16), other != user)
    fails("466", "face user already exist", "AddFaceUser", CustomUserId="OBAMA1", FacePicUrl=obama2)
    fails("466", "can not find this face", "AddFaceUser", CustomUserId="GREY1", FacePicUrl=pictures.url("nobody.jpg"))
    fails(
        "460",
        "picture type error.",
        "AddFaceUser",
        CustomUserId="PNG1",
        FacePicUrl=pictures.url("probes/obama_32bit.png"),
    )
    fails(
        "466", "face picture download error", "AddFaceUser", CustomUserId="GONE1", FacePicUrl=pictures.url("gone.jpg")
    )
    refused("MissingCustomUserId", "AddFaceUser", FacePicUrl=obama)
    refused("MissingFacePicUrl", "AddFaceUser", CustomUserId="NEW1")
    refused("MissingIsolationId", "AddFaceUser", IsolationId=None, CustomUserId="NEW1", FacePicUrl=obama)
    refused("InvalidIsolationId", "AddFaceUser", IsolationId="not-good", CustomUserId="NEW1", FacePicUrl=obama)
    refused("InvalidName", "AddFaceUser", CustomUserId="NEW1", FacePicUrl=obama, Name="n" * 65)

    told = ok("QueryFaceUser", UserId=user)
    same("QueryFaceUser", "its keys", set(told), {"UserId", "CustomUserId", "Name", "Params", "FacePicList"})
    pic = told["FacePicList"][0]
    same("QueryFaceUser", "one picture", [one["FaceMd5"] for one in told["FacePicList"]], [md5["obama/obama"]])
    check("QueryFaceUser", "where it is", set(pic) == {"FaceMd5", "FaceUrl", "FeatureDTOList"}, bool(pic["FaceUrl"]))
    feature = pic["FeatureDTOList"][0]
    check(
        "QueryFaceUser", "its feature", feature["ErrorCode"] == "200", re.fullmatch("[0-9a-f]{32}", feature["FaceMd5"])
    )
    named = {"AlgorithmVersion", "AlgorithmProvider", "AlgorithmName"}
    check("QueryFaceUser", "who made it", named <= set(feature), all(feature[key] for key in named))
    fails("466", "face user not exist", "QueryFaceUser", UserId="0000000000000000")
    fails("466", "face user not exist", "QueryFaceUser", IsolationId="Elsewhere1", UserId=user)

    same(
        "(recognition)",
        "found by AICP",
        [hashlib.md5(data).hexdigest() for data in recognised(setting, "people/obama/obama3.jpg")],
        [md5["obama/obama"]],
    )

    found = ok("QueryFaceUserBatch", UserIdList=[other, "0000000000000000", user, other])
    same("QueryFaceUserBatch", "in the order asked", [one["UserId"] for one in found], [other, user])
    keys = {"ModifyTime", "UserId", "CreateTime", "Params", "CustomUserId", "Name", "FacePicList"}
    check("QueryFaceUserBatch", "their keys", all(set(one) == keys for one in found))
    same("QueryFaceUserBatch", "unset is empty", found[0]["Params"], "")
    now = time.time() * 1000
    times = [one[key] for one in found for key in ("CreateTime", "ModifyTime")]
    check(
        "QueryFaceUserBatch",
        "times are numbers",
        all(isinstance(one, int) and abs(now - one) < 600_000 for one in times),
    )
    fails("466", "face user not exist", "QueryFaceUserBatch", UserIdList=["0000000000000000"])
    refused("InvalidUserIdList", "QueryFaceUserBatch", UserIdList=[f"user{number:012}" for number in range(51)])
    refused("MissingUserIdList", "QueryFaceUserBatch")

    page = {"PageNo": 1, "PageSize": 50}
    found = ok("QueryFaceUserByName", **page)
    same("QueryFaceUserByName", "all", (found["Page"], found["PageSize"], found["Total"]), (1, 50, 2))
    check("QueryFaceUserByName", "their keys", all(set(one) == keys for one in found["List"]))
    found = ok("QueryFaceUserByName", Name="三", **page)
    same("QueryFaceUserByName", "a part of the name", [one["UserId"] for one in found["List"]], [user])
    found = ok("QueryFaceUserByName", Params=params, **page)
    same("QueryFaceUserByName", "by params", [one["UserId"] for one in found["List"]], [user])
    pages = [ok("QueryFaceUserByName", PageNo=number, PageSize=1)["List"] for number in (1, 2)]
    same("QueryFaceUserByName", "pages", {one["UserId"] for one in sum(pages, [])}, {user, other})
    refused("InvalidPageSize", "QueryFaceUserByName", PageNo=1, PageSize=51)
    refused("InvalidPageNo", "QueryFaceUserByName", PageNo=0, PageSize=10)
    refused("MissingPageNo", "QueryFaceUserByName", PageSize=10)

    told = ok("QueryFaceUserIdByCustomUserId", CustomUserId="BIDEN1")
    same("QueryFaceUserIdByCustomUserId", "the user", (told["UserId"], told["Name"]), (other, "李四"))
    fails("466", "customuserid not exist", "QueryFaceUserIdByCustomUserId", CustomUserId="NOBODY")
    same("QueryFaceCustomUserIdByUserId", "the id", ok("QueryFaceCustomUserIdByUserId", UserId=other), "BIDEN1")
    fails("466", "face user not exist", "QueryFaceCustomUserIdByUserId", UserId="0000000000000000")

    same("AddFaceUserPicture", "its MD5", ok("AddFaceUserPicture", UserId=user, FacePicUrl=obama2), md5["obama/obama2"])
    fails("466", "face user not exist", "AddFaceUserPicture", UserId="0000000000000000", FacePicUrl=obama2)
    fails("466", "can not find this face", "AddFaceUserPicture", UserId=user, FacePicUrl=pictures.url("nobody.jpg"))
    pics = ok("QueryFaceUser", UserId=user)["FacePicList"]
    same("AddFaceUserPicture", "both", {one["FaceMd5"] for one in pics}, set(md5.values()))
    done("DeleteFaceUserPicture", "the first", UserId=user, FacePicMd5=md5["obama/obama"])
    fails("466", "face picture not exist", "DeleteFaceUserPicture", UserId=user, FacePicMd5=md5["obama/obama"])
    fails(
        "466", "face user not exist", "DeleteFaceUserPicture", UserId="0000000000000000", FacePicMd5=md5["obama/obama"]
    )
    pics = ok("QueryFaceUser", UserId=user)["FacePicList"]
    same("DeleteFaceUserPicture", "the other stays", [one["FaceMd5"] for one in pics], [md5["obama/obama2"]])

    done("UpdateFaceUser", "name and picture", UserId=user, Name="王五", FacePicUrl=obama)
    told = ok("QueryFaceUser", UserId=user)
    same("UpdateFaceUser", "what is new, and what stays", (told["Name"], told["Params"]), ("王五", params))
    same(
        "UpdateFaceUser", "the new picture alone", [one["FaceMd5"] for one in told["FacePicList"]], [md5["obama/obama"]]
    )
    fails("466", "face user not exist", "UpdateFaceUser", UserId="0000000000000000", Name="x")
    fails("466", "face user already exist", "UpdateFaceUser", UserId=user, CustomUserId="BIDEN1")

    done("DeleteFaceUser", "one", UserId=user)
    fails("466", "face user not exist", "DeleteFaceUser", UserId=user)
    same("DeleteFaceUser", "nobody finds it", recognised(setting, "people/obama/obama3.jpg"), [])
    return other


def user_groups(life: Life, user: str) -> str:
    """Checks the life cycle of user groups. Returns the id of a remaining group, which contains the user."""
    check, same, ok, done, fails, refused = life.check, life.same, life.ok, life.done, life.fails, life.refused
    made = ok("AddFaceUserGroup", UserGroupName="员工 A")
    group = made["UserGroupId"]
    check(
        "AddFaceUserGroup", "a group", is_id(group, 8), made["UserGroupName"] == "员工 A", is_time(made["ModifiedTime"])
    )
    second = ok("AddFaceUserGroup", UserGroupName="guests")["UserGroupId"]
    fails("466", "group already exist", "AddFaceUserGroup", UserGroupName="guests")
    refused("MissingUserGroupName", "AddFaceUserGroup")
    refused("InvalidUserGroupName", "AddFaceUserGroup", UserGroupName="n" * 129)
    done("AddFaceUserToUserGroup", "a user", UserGroupId=group, UserId=user)
    done("AddFaceUserToUserGroup", "into another one too", UserGroupId=second, UserId=user)
    fails("466", "face user not exist", "AddFaceUserToUserGroup", UserGroupId=group, UserId="0000000000000000")
    fails("466", "face group not exist", "AddFaceUserToUserGroup", UserGroupId="00000000", UserId=user)

    page = {"PageNo": 1, "PageSize": 20}
    found = ok("QueryFaceUserGroup", UserId=user, **page)
    same("QueryFaceUserGroup", "a page", (found["PageNo"], found["PageSize"], found["Total"]), (1, 20, 2))
    same("QueryFaceUserGroup", "both", {one["UserGroupId"] for one in found["UserGroupList"]}, {group, second})
    fails("466", "face user not exist", "QueryFaceUserGroup", UserId="0000000000000000", **page)
    found = ok("QueryFaceAllUserGroup", PageNo=1, PageSize=1)
    same("QueryFaceAllUserGroup", "a page", (found["PageNo"], found["Total"], len(found["UserGroupList"])), (1, 2, 1))
    same(
        "QueryFaceAllUserGroup",
        "its keys",
        set(found["UserGroupList"][0]),
        {"UserGroupId", "UserGroupName", "ModifiedTime"},
    )
    refused("InvalidPageSize", "QueryFaceAllUserGroup", PageNo=1, PageSize=101)
    found = ok("QueryFaceAllUserIdsByGroupId", UserGroupId=group, **page)
    same("QueryFaceAllUserIdsByGroupId", "a page", (found["Page"], found["PageSize"], found["Total"]), (1, 20, 1))
    wanted = [{"UserId": user, "CustomUserId": "BIDEN1", "Name": "李四", "Params": ""}]
    same("QueryFaceAllUserIdsByGroupId", "its users", found["List"], wanted)
    fails("466", "face group not exist", "QueryFaceAllUserIdsByGroupId", UserGroupId="00000000", **page)

    done("RemoveFaceUserFromUserGroup", "one", UserGroupId=second, UserId=user)
    same("RemoveFaceUserFromUserGroup", "it is out", ok("QueryFaceUserGroup", UserId=user, **page)["Total"], 1)
    fails("466", "face user not exist", "RemoveFaceUserFromUserGroup", UserGroupId=group, UserId="0000000000000000")
    fails("466", "face group not exist", "RemoveFaceUserFromUserGroup", UserGroupId="00000000", UserId=user)
    done("DeleteFaceUserGroup", "one", UserGroupId=second)
    fails("466", "face group not exist", "DeleteFaceUserGroup", UserGroupId=second)
    same("DeleteFaceUserGroup", "the other stays", ok("QueryFaceAllUserGroup", **page)["Total"], 1)
    return group


def devices(life: Life, user: str, group: str) -> None:
    """Checks device groups, their devices and the synchronisation; removes everything at the end."""
    check, same, ok, done, fails, refused = life.check, life.same, life.ok, life.done, life.fails, life.refused
    page = {"PageNo": 1, "PageSize": 20}
    made = ok("AddFaceDeviceGroup", DeviceGroupName="一楼")
    gates = made["DeviceGroupId"]
    check(
        "AddFaceDeviceGroup",
        "a group",
        is_id(gates, 8),
        made["DeviceGroupName"] == "一楼",
        is_time(made["ModifiedTime"]),
    )
    fails("466", "group already exist", "AddFaceDeviceGroup", DeviceGroupName="一楼")
    refused("MissingDeviceGroupName", "AddFaceDeviceGroup")
    done("AddFaceDeviceToDeviceGroup", "a device", DeviceGroupId=gates, **DEVICE)
    fails("466", "group not exist", "AddFaceDeviceToDeviceGroup", DeviceGroupId="00000000", **DEVICE)
    refused("MissingDeviceName", "AddFaceDeviceToDeviceGroup", DeviceGroupId=gates, ProductKey="a1product")
    found = ok("QueryFaceAllDeviceGroup", **page)
    same("QueryFaceAllDeviceGroup", "a page", (found["PageNo"], found["PageSize"], found["Total"]), (1, 20, 1))
    same(
        "QueryFaceAllDeviceGroup",
        "its keys",
        set(found["DeviceGroupList"][0]),
        {"DeviceGroupId", "DeviceGroupName", "ModifiedTime"},
    )
    found = ok("QueryFaceDeviceGroupsByDevice", **DEVICE, **page)
    same(
        "QueryFaceDeviceGroupsByDevice",
        "its groups",
        [one["DeviceGroupId"] for one in found["DeviceGroupList"]],
        [gates],
    )
    refused("MissingIotInstanceId", "QueryFaceDeviceGroupsByDevice", ProductKey="a1product", DeviceName="gate1", **page)

    relation = {"UserGroupId": group, "DeviceGroupId": gates, "Relation": "SYNC_INFO_PICTURE"}
    asked = {"UserId": user} | DEVICE
    same("CheckFaceUserDoExistOnDevice", "not yet", ok("CheckFaceUserDoExistOnDevice", **asked), {"DoExist": False})
    fails("466", "face user not exist", "CheckFaceUserDoExistOnDevice", **asked | {"UserId": "0000000000000000"})
    add = "AddFaceUserGroupAndDeviceGroupRelation"
    made = ok(add, **relation)
    control = made["ControlId"]
    check(add, "a relation", is_id(control, 16), is_time(made["ModifiedTime"]))
    fails("466", "face group not exist", add, **relation | {"UserGroupId": "00000000"})
    refused("InvalidRelation", add, **relation | {"Relation": "SYNC_NOTHING"})
    told = ok("QueryFaceUserGroupAndDeviceGroupRelation", ControlId=control)
    wanted = {"ControlId": control, "ControlType": "SYNC_INFO_PICTURE", "UserGroupId": group, "DeviceGroupId": gates}
    same("QueryFaceUserGroupAndDeviceGroupRelation", "all of it", {key: told.get(key) for key in wanted}, wanted)
    check("QueryFaceUserGroupAndDeviceGroupRelation", "its time", is_time(told["ModifiedTime"]))
    found = ok("QueryFaceAllUserGroupAndDeviceGroupRelation", **page)
    same(
        "QueryFaceAllUserGroupAndDeviceGroupRelation",
        "all",
        (found["Page"], found["Total"], found["List"]),
        (1, 1, [told]),
    )
    made = ok("UpdateFaceUserGroupAndDeviceGroupRelation", ControlId=control, Relation="SYNC_INFO_PICTURE")
    same("UpdateFaceUserGroupAndDeviceGroupRelation", "the same one", made["ControlId"], control)
    unknown = "0000000000000000"
    fails(
        "466",
        "access control not exist",
        "UpdateFaceUserGroupAndDeviceGroupRelation",
        ControlId=unknown,
        Relation="SYNC_INFO_PICTURE",
    )
    fails("466", "access control not exist", "QueryFaceUserGroupAndDeviceGroupRelation", ControlId=unknown)
    same("CheckFaceUserDoExistOnDevice", "it is there", ok("CheckFaceUserDoExistOnDevice", **asked), {"DoExist": True})
    same("ClearFaceDeviceDB", "a device", ok("ClearFaceDeviceDB", **DEVICE), "")
    fails("466", "device not found", "ClearFaceDeviceDB", **DEVICE | {"DeviceName": "nowhere"})
    same("ClearFaceDeviceDB", "and all comes back", ok("CheckFaceUserDoExistOnDevice", **asked), {"DoExist": True})
    done("DeleteFaceUserGroupAndDeviceGroupRelation", "one", ControlId=control)
    fails("466", "access control not exist", "DeleteFaceUserGroupAndDeviceGroupRelation", ControlId=control)
    same(
        "DeleteFaceUserGroupAndDeviceGroupRelation",
        "it is gone from the device",
        ok("CheckFaceUserDoExistOnDevice", **asked),
        {"DoExist": False},
    )

    done("RemoveFaceDeviceFromDeviceGroup", "a device", DeviceGroupId=gates, **DEVICE)
    fails("466", "group not exist", "RemoveFaceDeviceFromDeviceGroup", DeviceGroupId="00000000", **DEVICE)
    done("DeleteFaceDeviceGroup", "one", DeviceGroupId=gates)
    fails("466", "group not exist", "DeleteFaceDeviceGroup", DeviceGroupId=gates)
    same("QueryFaceAllDeviceGroup", "none is left", ok("QueryFaceAllDeviceGroup", **page)["DeviceGroupList"] or [], [])
    done("DeleteFaceUserGroup", "with all users in it", UserGroupId=group)
    fails("466", "face user not exist", "QueryFaceUser", UserId=user)


def detection(life: Life, pictures: Pictures) -> None:
    action = "DetectUserFaceByUrl"
    faces = life.ok(action, IsolationId=None, FacePicUrl=pictures.url("people/obama/obama.jpg"))["data"]
    face = faces[0]
    scores = [face[key] for key in ("BlurScore", "OcclusionScore", "PoseScore", "FaceProbability")]
    life.check(action, "scores", len(faces) == 1, all(0 <= score <= 1 for score in scores))
    life.check(action, "age and gender", isinstance(face["Age"], int), face["Gender"] in (0, 1, 2))
    life.check(action, "good for a library", face["GoodForLibrary"] is True, face["GoodForRecognition"] is True)
    left, top, width, height = (float(part) for part in face["FaceRects"]["FaceRectsData"][0].split(","))
    life.check(action, "where it is", 0 <= left < left + width <= 1, 0 <= top < top + height <= 1)
    life.same(action, "its feature", len(json.loads(face["Landmarks"]["LandmarksData"][0])), 512)
    nobody = pictures.url("nobody.jpg")
    life.fails("466", "can not find this face", action, IsolationId=None, FacePicUrl=nobody)
    life.refused("MissingFacePicUrl", action, IsolationId=None)


def gateway_errors(life: Life, sdk_class, setting: Setting, key: dict) -> None:
    """Errors of the gateway: wrong signatures, unknown keys, unknown actions."""
    page = {"PageNo": 1, "PageSize": 20}
    wrong = sdk_class(setting, key | {"accessKeySecret": "x" + key["accessKeySecret"]})
    # The older SDK compares the answer's text to sign with its own and concludes this error.
    code = "InvalidAccessKeySecret" if sdk_class is OlderSdk else "SignatureDoesNotMatch"
    life.refused(code, "QueryFaceAllUserGroup", sdk=wrong, **page)
    stranger = sdk_class(setting, key | {"accessKeyId": "NOBODYNOBODYNOBODY"})
    life.refused("InvalidAccessKeyId.NotFound", "QueryFaceAllUserGroup", sdk=stranger, http=404, **page)
    if isinstance(life.sdk, PopCore):
        # The only SDK that lets the caller choose nonce and time.
        nonce = f"{life.client}-{time.time_ns()}"
        life.ok("QueryFaceAllUserGroup", SignatureNonce=nonce, **page)
        life.refused("SignatureNonceUsed", "QueryFaceAllUserGroup", SignatureNonce=nonce, **page)
        life.refused("InvalidTimeStamp.Expired", "QueryFaceAllUserGroup", Timestamp="2020-01-01T00:00:00Z", **page)
        life.refused("InvalidTimeStamp.Format", "QueryFaceAllUserGroup", Timestamp="yesterday", **page)
        life.refused("InvalidVersion", "QueryFaceAllUserGroup", Version="2017-01-01", **page)
        status, answer = life.sdk.call("QueryFaceNobody", {})
        life.same("(action)", "an unknown one", (status, answer.get("Code")), (404, "InvalidAction.NotFound"))
        once = life.ok("QueryFaceUserByName", Params="a b+c~*'()!", **page)
        life.same("QueryFaceUserByName", "odd characters", once["Total"], 0)


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in CLIENTS:
        raise SystemExit(__doc__ + f"\nCLIENT: {', '.join(CLIENTS)}")
    name = sys.argv[1]
    setting = Setting()
    key = setting.keys["alibaba"]
    life = Life(name, CLIENTS[name](setting, key))
    with Pictures() as pictures:
        with life.to_the_end():
            user = users(life, pictures, setting)
            devices(life, user, user_groups(life, user))
            detection(life, pictures)
    with life.to_the_end():
        gateway_errors(life, CLIENTS[name], setting, key)
    return life.finish()


if __name__ == "__main__":
    sys.exit(main())
