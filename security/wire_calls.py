"""Valid calls of every dialect, how to send each with another body, and the required format of each dialect's
answers."""

import functools
import xml.etree.ElementTree
from collections.abc import Callable
from typing import NamedTuple

import signers
from harness import ADMIN_TOKEN, Answer, Server

from journey import Pictures, picture, text  # isort: skip

FACE = "strangers/female/1.jpg"
FUTURE = "2099-12-31 23:59:59"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


class Call(NamedTuple):
    """A call: its valid body, a function that sends another body, and one that returns the error in an answer, or
    None."""

    dialect: str
    name: str
    body: dict | list
    send: Callable[..., Answer]
    judge: Callable[[Answer], str | None]


def told(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:200].decode(errors='replace')}"


def judged(answer: Answer, fits: Callable[[object], bool], statuses: range | tuple[int, ...] = range(200, 500)) -> str | None:
    try:
        return None if answer.status in statuses and fits(answer.json()) else told(answer)
    except (ValueError, KeyError, TypeError, AttributeError):
        return told(answer)


def is_flag(one: dict) -> bool:
    return (
        isinstance(one["flag"], bool)
        and isinstance(one["message"], str)
        and set(one) <= {"flag", "resultCode", "message", "data"}
        and "data" in one
    )


def manual(answer: Answer) -> str | None:
    return judged(answer, is_flag)


def manual_or_spring(answer: Answer) -> str | None:
    """Checks 6.1 and 10.2, for which the manual documents its framework's errors."""
    if answer.status == 500:
        return judged(answer, lambda one: list(one) == ["timestamp", "status", "error", "message", "path"] and one["status"] == 500, (500,))
    return manual(answer)


def nine(answer: Answer) -> str | None:
    return judged(answer, lambda one: isinstance(one["error_code"], int) and isinstance(one["error_msg"], str) and "result" in one)


def nine_bare(answer: Answer) -> str | None:
    """Checks the statistics of section 9, which have no envelope."""
    return judged(answer, lambda one: isinstance(one, dict) and ("error_code" not in one or isinstance(one["error_msg"], str)))


def exchange(answer: Answer) -> str | None:
    return judged(answer, lambda one: "access_token" in one or "error" in one)


def jd(answer: Answer) -> str | None:
    def fits(one: dict) -> bool:
        if "error" in one:
            return one["error"]["code"] == answer.status and isinstance(one["requestId"], str)
        if not isinstance(one["code"], str) or not isinstance(one["msg"], str) or answer.status != 200:
            return False
        result = one.get("result", {"status": 0})
        return isinstance(result.get("status", result.get("code")), int)

    return judged(answer, fits)


def visual(answer: Answer) -> str | None:
    try:
        if answer.body.startswith(b"<"):
            root = xml.etree.ElementTree.fromstring(answer.body)
            fits = root.find("RequestId") is not None and root.find("Code") is not None and 200 <= answer.status < 500
            return None if fits else told(answer)
    except xml.etree.ElementTree.ParseError as error:
        return f"{error}: {told(answer)}"
    return judged(answer, lambda one: isinstance(one["RequestId"], str) and isinstance(one["Code"], str))


def im(answer: Answer) -> str | None:
    def fits(one: dict) -> bool:
        return one["ActionStatus"] == ("OK" if one["ErrorCode"] == 0 else "FAIL") and isinstance(one["ErrorInfo"], str)

    return judged(answer, fits, (200,))


def own(answer: Answer) -> str | None:
    if answer.status in (201, 204) or answer.status == 200:
        return None
    return judged(answer, lambda one: one["status"] == answer.status and all(isinstance(one[name], str) for name in ("code", "title")))


class Caller:
    """An app with all kinds of credentials, and a library with a person in it."""

    def __init__(self, server: Server, served: Pictures):
        self.server, self.url = server, served.url(FACE)
        self.token = server.grant("wire")
        self.jd_key, self.visual_key, self.im_key = (server.key("wire", kind=kind) for kind in ("jdcloud", "alibaba", "tencent-im"))
        server.post("/aicp/face/addBase", {"groupId": "lib", "dbName": "lib"}, token=self.token)

    def post(self, path: str, headers: dict, body: bytes, **more: str) -> Answer:
        return self.server.call("POST", path, body, **JSON | headers | more)

    def jd(self, api: str, body: bytes, **more: str) -> Answer:
        target, headers = signers.jdcloud(self.jd_key, self.server.address, api, {}, body)
        return self.server.call("POST", target, body, **JSON | headers | more)

    def visual(self, action: str, pairs: dict) -> Answer:
        # All signed names are sent; the caller adds duplicates to the pairs.
        signed = signers.linkvisual(self.visual_key, action, pairs)
        body = "&".join(f"{signers.quoted(name)}={signers.quoted(value)}" for name, value in signed.items())
        return self.server.call("POST", "/", body.encode(), **FORM)

    def im(self, command: str, body: bytes, **more: str) -> Answer:
        return self.server.call("POST", signers.tencent_im(self.im_key, command), body, **JSON | more)

    def calls(self) -> list[Call]:
        face = text(picture(FACE))
        person = {"groupId": "lib", "image": face}
        about = {"name": "n", "sex": 1, "birthday": 20190601, "type": "1", "idIccid": "1", "custId": "2", "remark": "r", "company": "c"}
        user = {"group_id": "lib", "user_id": "u1", "image": face, "image_type": "BASE64"}
        range_ = {"call_Name": "faceQuery", "timeBefore": "2026-01-01", "timeAfter": "2099-01-01 00:00:00"}
        grant = {"appId": "other", "dueTime": FUTURE, "capabilityIdArray": ["C10000000001,C10000000002"]}
        console = {"username": "user", "password": "pass", "telephone": "1", "mail": "a@b", "deptId": "1", "image": face}
        both = {"imageA": face, "imageB": face}
        found: list[Call] = []

        def add(section: str, judge, headers: dict, **calls: dict | list) -> None:
            for name, body in calls.items():
                path = section + name.replace("__", "/")
                found.append(Call("manual", path, body, functools.partial(self.post, path, headers), judge))

        none, app, admin = {}, {"token": self.token}, {"token": ADMIN_TOKEN}
        add(
            "/interactiveability/face/",
            manual,
            none,
            faceentry=person | about,
            facerecognition=person,
            personwitnessratio=[{"image": face}, {"image": face}],
        )
        add("/aicp/face/", manual, none, add=person | about, recognition=person, couple=both, quality={"image": face})
        add("/aicp/face/", manual, none, remove={"groupId": "lib", "userId": "u"}, query={"groupId": "lib", "userId": "u"})
        add("/method/", manual, none, call=range_, call__getMethodCountByDay=range_, call__getMethodCountByWeek=range_, call__all=range_)
        add(
            "/aicp/face/",
            manual,
            app,
            addBase={"groupId": "b", "dbName": "n", "dbDesc": "d"},
            deleteBase={"groupId": "nobody"},
            queryBaseAll={"pageNo": "1", "pageSize": "20"},
        )
        add(
            "/aicp/face/",
            manual,
            app,
            add=person | about,
            recognition=person,
            couple=both,
            quality={"image": face},
            detect={"image": face},
            recognitionmn=person,
        )
        add("/aicp/face/", manual, app, remove={"groupId": "lib", "userId": "u"}, query={"groupId": "lib", "userId": "u"})
        add(
            "/method/",
            manual,
            app,
            call=range_,
            call__getMethodCountByMonth=range_,
            call__getChartByDay={"time": "2026-01"},
            call__getChartByMonth={"year": "2026"},
            call__all=range_,
        )
        add("/authorize/", manual_or_spring, admin, grantAuthorize=grant, updateAuthorize=grant, deleteAuthorizedUser={"appId": "nobody"})
        add(
            "/user/",
            manual_or_spring,
            none,
            **{"register": console, "facelogin.json": {"image": face}, "login": {"username": "u", "password": "p"}, "logout": {}},
        )
        record = {"id": "7965492027098472448", "engineUrl": "http://127.0.0.1/", "jsonParam": "{}", "issolved": 0}
        add(
            "/asynchrony/",
            manual,
            admin,
            getall={"issolved": "0", "timeBefore": "2026-01-01 00:00:00", "pageNo": 1, "pageSize": 10},
            resumedata={"asynchronyDataList": [record]},
        )
        add(
            "/face-api/v3/",
            nine,
            app,
            group__add={"group_id": "g"},
            group__delete={"group_id": "nobody"},
            group__list={"start": 0, "length": 10},
        )
        add(
            "/face-api/v3/",
            nine,
            app,
            user__get={"user_id": "u", "group_id": "@ALL"},
            user__list={"group_id": "lib", "start": "0", "length": "10"},
        )
        add(
            "/face-api/v3/",
            nine,
            app,
            user__copy={"user_id": "u", "src_group_id": "lib", "dst_group_id": "g"},
            user__delete={"user_id": "u", "group_id": "lib"},
            app__list={},
        )
        strict = user | {"user_info": "i", "quality_control": "LOW", "liveness_control": "NONE", "action_type": "APPEND"}
        token = {"user_id": "u1", "group_id": "lib", "face_token": "0" * 32}
        add(
            "/face-api/v3/",
            nine,
            app,
            face__add=strict,
            face__addNoDetect=user,
            face__update=strict,
            face__list={"user_id": "u1", "group_id": "lib"},
            face__delete=token,
        )
        picked = {"image": face, "image_type": "BASE64", "face_type": "LIVE"}
        lists = picked | {"group_id_list": "lib", "match_threshold": 80, "max_user_num": 1}
        add(
            "/face-api/v3/",
            nine,
            app,
            face__detect=picked | {"face_field": "landmark", "max_face_num": 1},
            face__match=[picked, picked],
            face__liveness=[picked],
        )
        add("/face-api/v3/", nine, app, face__identify=lists, face__midentify=lists | {"max_face_num": 2})
        add("/face-api/facehub/", nine_bare, app, statapp={"op_app_id_list": "wire"}, statgroup={"group_id_list": "lib,g"})
        add("/oauth/2.0/", exchange, none, token={"grant_type": "client_credentials", "client_id": "wire", "client_secret": "x"})
        for path, body in (("keys", {"kind": "jdcloud", "allowMd5": False, "allowReplay": False, "callsPerSecond": 5, "callsPerDay": 6}),):
            send = functools.partial(self.post, f"/api/v1/apps/wire/{path}", {"Authorization": f"Bearer {ADMIN_TOKEN}"})
            found.append(Call("own", f"/api/v1 {path}", body, send, own))
        return found + self.clouds(face)

    def clouds(self, face: str) -> list[Call]:
        group = {"groupName": "lib", "outerId": "o1", "imageBase64": face}
        later = {"groupId": "0" * 24, "imgBase64": face}
        jdcloud = {
            "getFaceGroupList": {"start": 0, "length": 5},
            "faceGroupCreate": {"groupName": "jd1", "groupInfo": "i"},
            "faceGroupDelete": {"groupName": "nobody", "groupId": ""},
            "faceCreate": group,
            "faceDelete": {"groupName": "lib", "outerId": "nobody"},
            "faceSearch": {"groupName": "lib", "imageBase64": face},
            "faceCompareV1": {"imgBase64A": face, "imgBase64B": face},
            "face_compare": {"imageBase64_1": face, "imageBase64_2": face},
            "facePropV1": {"imgBase64": face, "maxFaceCount": 5},
            "face_detect_attr": {"imageBase64": face, "return_landmark": 1, "return_attr": 1, "face_detect_num": 0},
            "mask_detect": {"imageBase64Str": face},
            "detectHacknessV1": {"isVisual": False, "imgBase64Visual": face, "imgBase64Nir": face},
            "face_AntiSpoof": {"imageBase64": face},
            "groupCreateV1": {"groupName": "jd2"},
            "groupFetchV1": {},
            "groupUpdateV1": {"groupId": "0" * 24, "groupName": "x"},
            "groupDeleteV1": {"groupId": "0" * 24},
            "faceCreateV1": later,
            "faceFetchV1": {"groupId": "0" * 24, "pageId": 0, "pageSize": 10},
            "faceUpdateV1": later | {"faceId": "0" * 24},
            "faceDeleteV1": {"faceId": "0" * 24},
            "faceSearchV1": later,
        }
        page, site, device = (
            {"PageNo": "1", "PageSize": "10"},
            {"IsolationId": "lib"},
            {"ProductKey": "p", "DeviceName": "d", "IotInstanceId": "i"},
        )
        users, groups, devices, control = (
            {"UserId": "0" * 16},
            {"UserGroupId": "0" * 8},
            {"DeviceGroupId": "0" * 8},
            {"ControlId": "0" * 16},
        )
        shown = {"FacePicUrl": self.url}
        actions = {
            "AddFaceUser": shown | {"CustomUserId": "C1", "Name": "n", "Params": "{}"},
            "UpdateFaceUser": users | {"Name": "n", "Params": "p", "CustomUserId": "C2"},
            "DeleteFaceUser": users,
            "QueryFaceUser": users,
            "QueryFaceUserBatch": {"UserIdList.1": "0" * 16, "UserIdList.2": '["a","b"]'},
            "QueryFaceUserByName": page | {"Name": "n", "Params": "p"},
            "QueryFaceUserIdByCustomUserId": {"CustomUserId": "C1"},
            "QueryFaceCustomUserIdByUserId": users,
            "AddFaceUserPicture": users | shown,
            "DeleteFaceUserPicture": users | {"FacePicMd5": "0" * 32},
            "AddFaceUserGroup": {"UserGroupName": "g"},
            "DeleteFaceUserGroup": groups,
            "AddFaceUserToUserGroup": groups | users,
            "RemoveFaceUserFromUserGroup": groups | users,
            "QueryFaceUserGroup": users | page,
            "QueryFaceAllUserGroup": page,
            "QueryFaceAllUserIdsByGroupId": groups | page,
            "AddFaceDeviceGroup": {"DeviceGroupName": "g"},
            "DeleteFaceDeviceGroup": devices,
            "QueryFaceAllDeviceGroup": page,
            "AddFaceDeviceToDeviceGroup": devices | device,
            "RemoveFaceDeviceFromDeviceGroup": devices | device,
            "QueryFaceDeviceGroupsByDevice": device | page,
            "CheckFaceUserDoExistOnDevice": users | device,
            "ClearFaceDeviceDB": device,
            "AddFaceUserGroupAndDeviceGroupRelation": groups | devices | {"Relation": "SYNC_INFO_PICTURE"},
            "UpdateFaceUserGroupAndDeviceGroupRelation": control | {"Relation": "SYNC_INFO_PICTURE"},
            "DeleteFaceUserGroupAndDeviceGroupRelation": control,
            "QueryFaceUserGroupAndDeviceGroupRelation": control,
            "QueryFaceAllUserGroupAndDeviceGroupRelation": page,
            "DetectUserFaceByUrl": shown,
        }
        one, named, both = {"From_Account": "a"}, {"GroupName": ["g1"]}, {"To_Account": ["b", "c"]}
        item = {"To_Account": "b", "Remark": "r", "GroupName": "g1", "AddSource": "AddSource_Type_A", "AddWording": "w"}
        tag = {"Tag": "Tag_SNS_Custom_A", "Value": "v"}
        commands = {
            "im_open_login_svc/account_import": {"UserID": "a", "Nick": "n", "FaceUrl": "u"},
            "im_open_login_svc/multiaccount_import": {"Accounts": ["b", "c"]},
            "im_open_login_svc/account_check": {"CheckItem": [{"UserID": "a"}]},
            "im_open_login_svc/account_delete": {"DeleteItem": [{"UserID": "nobody"}]},
            "sns/friend_add": one | {"AddFriendItem": [item], "AddType": "Add_Type_Both", "ForceAddFlags": 1},
            "sns/friend_import": one | {"AddFriendItem": [item | {"GroupName": ["g1"], "AddTime": 1, "CustomItem": [tag]}]},
            "sns/friend_update": one | {"UpdateItem": [{"To_Account": "b", "SnsItem": [tag]}]},
            "sns/friend_delete": one | both | {"DeleteType": "Delete_Type_Single"},
            "sns/friend_delete_all": one | {"DeleteType": "Delete_Type_Both"},
            "sns/friend_check": one | both | {"CheckType": "CheckResult_Type_Both"},
            "sns/friend_get": one | {"StartIndex": 0, "StandardSequence": 0, "CustomSequence": 0},
            "sns/friend_get_list": one | both | {"TagList": ["Tag_SNS_IM_Remark"]},
            "sns/group_add": one | named | both,
            "sns/group_delete": one | {"GroupName": ["nobody"]},
            "sns/group_get": one | {"LastSequence": 0, "NeedFriend": "Need_Friend_Type_Yes"},
        }
        calls = [Call("JD Cloud", api, body, functools.partial(self.jd, api), jd) for api, body in jdcloud.items()]
        no_isolation = ("DetectUserFaceByUrl",)
        for action, body in actions.items():
            pairs = body if action in no_isolation else site | body
            calls.append(Call("LinkVisual", action, pairs, functools.partial(self.visual, action), visual))
        return calls + [Call("Tencent IM", command, body, functools.partial(self.im, command), im) for command, body in commands.items()]
