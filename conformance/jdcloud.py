#!/usr/bin/env python3
"""Drive the server's JD Cloud dialect (`/jdai/...`) with one of JD Cloud's official, unmodified SDKs.

Usage: conformance/jdcloud.py CLIENT, a name of CLIENTS below; `run.py` sets the environment.

Only the SDKs' endpoint is set, by the means each offers. Every SDK runs the same steps: groups, faces, searches,
comparisons, attributes, liveness, the later groups of the V1 calls, and errors.
"""

import hashlib
import json
import re
import sys
import time

from journey import SECONDS, Bridge, Journey, Setting, grey_jpeg, picture, text

# These six calls repeat the overall status next to the code.
WITH_STATUS = (
    "getFaceGroupList",
    "faceGroupCreate",
    "faceGroupDelete",
    "faceCreate",
    "face_create",
    "faceDelete",
    "faceSearch",
)
# The business parameters of these calls are JSON; those of the others look like a form.
IN_JSON = ("mask_detect",)


class Quiet:
    """A logger for the SDKs; it stores the last answer, which two of them do not return."""

    answer: dict

    def log(self, _level, message) -> None:
        if isinstance(message, bytes):
            self.answer = json.loads(message)


def is_json(api: str) -> bool:
    return api.endswith("V1") or api in IN_JSON


def form(body: dict) -> str:
    """Parameters as in the vendor's samples: base64 with unescaped `+`, `/` and `=`."""
    return "&".join(f"{name}={value}" for name, value in body.items())


class ApimSdk:
    """PyPI `jdcloud-apim-sdk-core` 2.0.2, and `jdcloud-apim-sdk` 1.0.1, which sends texts as JSON strings."""

    def __init__(self, setting: Setting, key: dict):
        from jdcloud_apim_sdk.core.config import Config
        from jdcloud_apim_sdk.core.credential import Credential
        from jdcloud_apim_sdk.simpleclient import SimpleClient

        config = Config(setting.host, scheme=setting.scheme, timeout=SECONDS)
        self.client = SimpleClient(config, Credential(key["accessKey"], key["secretKey"]), Quiet())

    def send(self, api: str, query: dict, body: dict, method: str = "POST"):
        from jdcloud_apim_sdk.simplerequest import SimpleRequest

        content = (body if is_json(api) else form(body)) if body else None
        return self.client.send(SimpleRequest(f"/jdai/{api}", method, query, content, {}))

    def call(self, api: str, query: dict, body: dict) -> dict:
        return self.send(api, query, body).json()


class GeneralSdk:
    """PyPI `jdcloud-sdk` 1.6.354 (JDCLOUD3), and `jdcloud-sdk-core` 1.3.3: every parameter in a JSON body."""

    def __init__(self, setting: Setting, key: dict):
        from jdcloud_sdk.core.config import Config
        from jdcloud_sdk.core.credential import Credential
        from jdcloud_sdk.core.jdcloudclient import JDCloudClient

        config = Config(setting.host, scheme=setting.scheme, timeout=SECONDS)
        self.logger = Quiet()
        credential = Credential(key["accessKey"], key["secretKey"])
        self.client = JDCloudClient(credential, config, "aiapi", "1.0.0", self.logger)

    def call(self, api: str, query: dict, body: dict) -> dict:
        from jdcloud_sdk.core.jdcloudrequest import JDCloudRequest

        request = JDCloudRequest(f"/{api}", "POST", version="jdai")
        request.parameters = query | body
        self.client.send(request)
        return self.logger.answer


class JavaScriptSdk:
    """npm `jdcloud-sdk-js` 1.2.202: JSON bodies, `accept` signed."""

    def __init__(self, setting: Setting, key: dict):
        self.bridge = Bridge("jdcloud-sdk-js", key | {"scheme": setting.scheme, "host": setting.host})

    def call(self, api: str, query: dict, body: dict) -> dict:
        return self.bridge.call(path=f"/jdai/{api}", query=query, body=body or None, method="POST")["answer"]


class MarketSdk:
    """PyPI `wx-sdk` 1.0.5: MD5 in the query (style B), no Content-Type."""

    def __init__(self, setting: Setting, key: dict):
        self.base = setting.base
        self.key = key

    def signed(self, milliseconds: int) -> dict:
        sign = hashlib.md5(f"{self.key['secretKey']}{milliseconds}".encode()).hexdigest()
        return {"appkey": self.key["accessKey"], "timestamp": milliseconds, "sign": sign}

    def send(self, api: str, query: dict, body: dict) -> dict:
        from wx_sdk.wx_sdk import wx_post_req

        content = (json.dumps(body) if is_json(api) else form(body)) if body else ""
        return wx_post_req(f"{self.base}/jdai/{api}", query, bodyStr=content).json()

    def call(self, api: str, query: dict, body: dict) -> dict:
        return self.send(api, self.signed(int(time.time() * 1000)) | query, body)


CLIENTS = {
    "jdcloud-apim-sdk-core": ApimSdk,
    "jdcloud-apim-sdk": ApimSdk,
    "jdcloud-sdk": GeneralSdk,
    "jdcloud-sdk-core": GeneralSdk,
    "jdcloud-sdk-js": JavaScriptSdk,
    "wx-sdk": MarketSdk,
}


def is_hex(value, length: int) -> bool:
    return isinstance(value, str) and len(value) == length and set(value) <= set("0123456789abcdef")


def is_uuid(value) -> bool:
    return isinstance(value, str) and len(value) == 36 and is_hex(value.replace("-", ""), 32)


class Life(Journey):
    def __init__(self, client: str, sdk):
        super().__init__("jdcloud", client)
        self.sdk = sdk

    def ask(self, api: str, query: dict | None = None, body: dict | None = None) -> dict:
        """Makes one call and returns the answer, which must have the keys of the envelope in order."""
        answer = self.sdk.call(api, query or {}, body or {})
        keys = ["code", "status", "charge", "remain", "remainTimes", "remainSeconds", "msg", "result"]
        if api not in WITH_STATUS:
            keys.remove("status")
        if list(answer)[: len(keys)] != keys or answer["code"] != "10000" or answer["msg"] != "查询成功":
            self.check(api, f"unexpected answer: {json.dumps(answer, ensure_ascii=False)[:300]}", False)
        return answer

    def ok(self, api: str, query: dict | None = None, body: dict | None = None) -> dict:
        """Returns the `result` of a call that must succeed."""
        answer = self.ask(api, query, body)
        result = answer["result"]
        if api in WITH_STATUS:
            good = answer["status"] == 0 == result["status"] and is_hex(result["requestid"], 32)
        else:
            good = result.get("status", result.get("code")) == 0
        if not good:
            self.check(api, f"failed: {json.dumps(answer, ensure_ascii=False)[:300]}", False)
        return result

    def fails(self, status: int, message: str, api: str, query: dict | None = None, body: dict | None = None):
        """Makes a call whose business part must fail with this status and message."""
        answer = self.ask(api, query, body)
        result = answer["result"]
        told = next((result[name] for name in ("message", "msg", "errorMsg") if name in result), None)
        found = (result.get("status", result.get("code")), told)
        self.same(api, f"{status} {message}", found, (status, message))
        if api in WITH_STATUS:
            right = list(result) == ["requestid", "message", "status"] and answer["status"] == status
            self.check(api, f"{status} in the shape of a failure", right)
        if api.endswith("V1"):
            self.same(
                api,
                f"{status} in the shape of a failure",
                list(result),
                ["code", "msg", "processTimeInMs", "timestamp"],
            )

    def groups(self, **query) -> list[dict]:
        return json.loads(self.ok("getFaceGroupList", query)["result"])


def live(life: Life) -> None:
    check, same, ok, fails = life.check, life.same, life.ok, life.fails
    obama, obama2, obama3 = (text(picture(f"people/obama/{name}.jpg")) for name in ("obama", "obama2", "obama3"))
    biden = text(picture("people/biden/biden.jpg"))
    # The largest face of sample1 is turned too far for comparison and enrolment, that of sample5 is not.
    others, stranger = (text(picture(f"groups/{name}.jpg")) for name in ("sample1", "sample5"))
    no_face, tiny = text(grey_jpeg(200)), text(grey_jpeg(20))

    # Groups.
    answer = life.ask("getFaceGroupList", {"start": 0, "length": 5})
    same("getFaceGroupList", "none yet", answer["result"]["result"], "[]")
    same("getFaceGroupList", "its keys", list(answer["result"]), ["result", "requestid", "message", "status"])
    quota = (answer["charge"], answer["remain"], answer["remainTimes"], answer["remainSeconds"])
    same("getFaceGroupList", "no quota", quota, (False, 0, -1, -1))
    created = ok("faceGroupCreate", {"groupName": "staff", "groupInfo": "一楼 前台"})
    staff = created["message"]
    check("faceGroupCreate", "a group", is_uuid(staff), list(created) == ["requestid", "message", "status"])
    guests = ok("faceGroupCreate", {"groupName": "guests"})["message"]
    check("faceGroupCreate", "another one", is_uuid(guests), guests != staff)
    fails(12002, "missing param", "faceGroupCreate")
    fails(12003, "groupName must consists of only letters and numbers", "faceGroupCreate", {"groupName": "no_good"})
    fails(13315, "groupName has existed", "faceGroupCreate", {"groupName": "staff"})
    third, fourth, fifth = (ok("faceGroupCreate", {"groupName": name})["message"] for name in ("g3", "g4", "g5"))
    check("faceGroupCreate", "all five", len({staff, guests, third, fourth, fifth}) == 5)
    fails(13327, "group num exceed limit", "faceGroupCreate", {"groupName": "g6"})
    found = life.groups(start=0, length=2)
    same("getFaceGroupList", "the first page", [group["groupName"] for group in found], ["staff", "guests"])
    keys = ["createTime", "groupId", "groupInfo", "groupName", "maxNumUser", "subIndex", "updateTime"]
    check("getFaceGroupList", "keys in order", all(list(group) == keys for group in found))
    told = [(group["groupId"], group["groupInfo"], group["maxNumUser"], group["subIndex"]) for group in found]
    same("getFaceGroupList", "what they tell", told, [(staff, "一楼 前台", 100000, 1), (guests, "", 100000, 2)])
    times = [(group["createTime"], group["updateTime"]) for group in found]
    check("getFaceGroupList", "their times", all(made == changed > 1_600_000_000_000 for made, changed in times))
    names = [group["groupName"] for start in (0, 2, 4) for group in life.groups(start=start, length=2)]
    same("getFaceGroupList", "all pages", names, ["staff", "guests", "g3", "g4", "g5"])
    same("getFaceGroupList", "past the end", life.groups(start=5, length=5), [])
    same("getFaceGroupList", "without parameters", len(life.groups()), 5)
    same("getFaceGroupList", "numbers as texts", len(life.groups(start="1", length="3")), 3)
    range_of = "start must be number [0 ~ 100], length must be number [1 ~ 5]"
    for start, length in ((0, 6), (0, 0), (101, 5), (-1, 5)):
        fails(12003, range_of, "getFaceGroupList", {"start": start, "length": length})
    fails(400, "start and length must be int", "getFaceGroupList", {"start": "one", "length": 5})
    same("faceGroupDelete", "by name", ok("faceGroupDelete", {"groupName": "g5"})["message"], fifth)
    same("faceGroupDelete", "by id", ok("faceGroupDelete", {"groupId": third})["message"], third)
    fails(13312, "groupId not found", "faceGroupDelete", {"groupId": third})
    fails(12002, "groupId, groupName is null", "faceGroupDelete")
    ok("faceGroupCreate", {"groupName": "again"})
    slots = {group["groupName"]: group["subIndex"] for group in life.groups(start=0, length=5)}
    same("getFaceGroupList", "the lowest free slot", slots, {"staff": 1, "guests": 2, "g4": 4, "again": 3})

    # Faces.
    created = ok("faceCreate", {"groupName": "staff", "outerId": "张三"}, {"imageBase64": obama})
    same("faceCreate", "its keys", list(created), ["requestid", "message", "status", "result"])
    face = json.loads(created["result"])["faceId"]
    check("faceCreate", "a face", is_hex(face, 32), created["message"] == "success")
    created = ok("faceCreate", {"groupId": staff, "outerId": "biden"}, {"imageBase64": biden})
    check("faceCreate", "by the group's id", is_hex(json.loads(created["result"])["faceId"], 32))
    created = ok("face_create", {"groupId": guests, "outerId": "guest"}, {"imageBase64": obama2})
    check("faceCreate", "as face_create", is_hex(json.loads(created["result"])["faceId"], 32))
    place = {"groupName": "staff", "outerId": "new"}
    fails(
        12002,
        "groupId, groupName is null, or outerId is null",
        "faceCreate",
        {"groupId": staff},
        {"imageBase64": obama},
    )
    fails(12003, "image base64 is invalid", "faceCreate", place, {"imageBase64": "no*base64"})
    fails(13111, "image quality is bad", "faceCreate", place, {"imageBase64": tiny})
    fails(13112, "face quality is not stardard", "faceCreate", place, {"imageBase64": others})
    fails(13134, "face not found", "faceCreate", place, {"imageBase64": no_face})
    fails(13312, "groupId not found", "faceCreate", {"groupName": "nobody", "outerId": "x"}, {"imageBase64": obama})
    fails(13321, "outerId has exists", "faceCreate", {"groupId": staff, "outerId": "张三"}, {"imageBase64": obama2})

    # Identification.
    answer = life.ask("faceSearch", {"groupName": "staff"}, {"imageBase64": obama3})
    same("faceSearch", "copies beside the result", list(answer)[-3:], ["result", "requestid", "message"])
    same("faceSearch", "the same request", answer["requestid"], answer["result"]["requestid"])
    found = json.loads(answer["result"]["result"])["faceSearchResults"]
    best = found[0]["faceID"]
    same("faceSearch", "the right person", (best["outerId"], best["faceId"], best["index"]), ("张三", face, 0))
    check("faceSearch", "surely", 0.6 < best["sim"] <= 1, 0 < found[0]["conf"] <= 1)
    keys = ["conf", "faceID", "height", "left", "top", "width"]
    same("faceSearch", "keys in order", (list(found[0]), list(best)), (keys, ["faceId", "index", "outerId", "sim"]))
    similarities = [one["faceID"]["sim"] for one in found]
    check("faceSearch", "the best first", similarities == sorted(similarities, reverse=True), len(found) <= 5)
    found = json.loads(ok("faceSearch", {"groupId": staff}, {"imageBase64": biden})["result"])["faceSearchResults"]
    same("faceSearch", "another person", found[0]["faceID"]["outerId"], "biden")
    fails(13312, "groupId not found", "faceSearch", {"groupName": "nobody"}, {"imageBase64": obama})
    fails(13134, "face not found", "faceSearch", {"groupId": staff}, {"imageBase64": no_face})
    fails(12003, "image base64 is invalid", "faceSearch", {"groupId": staff}, {"imageBase64": "no*base64"})

    # Removal of faces, by either call; the group remains.
    fails(13320, "outerId not found", "faceDelete", {"groupId": staff, "outerId": "nobody"})
    gone = ok("faceDelete", {"groupName": "staff", "outerId": "张三"})
    same("faceDelete", "one", list(gone), ["requestid", "message", "status"])
    same("faceDelete", "its words", gone["message"], "success")
    fails(13320, "outerId not found", "faceDelete", {"groupId": staff, "outerId": "张三"})
    same(
        "faceDelete",
        "as faceGroupDelete",
        ok("faceGroupDelete", {"groupId": guests, "outerId": "guest"})["message"],
        "success",
    )
    check(
        "faceGroupDelete",
        "keeps the group",
        "guests" in [group["groupName"] for group in life.groups(start=0, length=5)],
    )
    found = json.loads(ok("faceSearch", {"groupId": guests}, {"imageBase64": obama})["result"])["faceSearchResults"]
    same("faceSearch", "nobody is left", found, [])
    ok("faceCreate", {"groupName": "staff", "outerId": "张三"}, {"imageBase64": obama3})
    found = json.loads(ok("faceSearch", {"groupId": staff}, {"imageBase64": obama})["result"])["faceSearchResults"]
    same("faceCreate", "once more", found[0]["faceID"]["outerId"], "张三")
    changed = life.groups(start=0, length=1)[0]
    check("getFaceGroupList", "the time of a change", changed["updateTime"] > changed["createTime"])

    # Two pictures.
    item = ["blurScore", "boundingBox", "isValidPosture", "posture"]
    result = ok("faceCompareV1", {}, {"imgBase64A": obama, "imgBase64B": obama2})
    keys = ["code", "faceItemsA", "faceItemsB", "msg", "processTimeInMs", "score", "timestamp"]
    same("faceCompareV1", "keys in order", (list(result), list(result["faceItemsA"][0])), (keys, item))
    check(
        "faceCompareV1",
        "numbers are texts",
        bool(re.fullmatch(r"\d\.\d\d", result["score"])),
        result["msg"] == "Accept",
    )
    same_score = float(result["score"])
    result = ok("faceCompareV1", {}, {"imgBase64A": obama, "imgBase64B": stranger})
    check("faceCompareV1", "the threshold lies between", float(result["score"]) < 0.49 < same_score)
    fails(1, "NoRequiredFields", "faceCompareV1", {}, {"imgBase64A": obama})
    fails(4, "Base64IsInvalid", "faceCompareV1", {}, {"imgBase64A": obama, "imgBase64B": "no*base64"})
    fails(10, "NoFaceDetected", "faceCompareV1", {}, {"imgBase64A": obama, "imgBase64B": no_face})
    fails(2, "ImageIsTooSmall", "faceCompareV1", {}, {"imgBase64A": tiny, "imgBase64B": obama})
    fails(3, "ImageIsTooLarge", "faceCompareV1", {}, {"imgBase64A": obama, "imgBase64B": obama3})
    result = ok("face_compare", {}, {"imageBase64_1": obama, "imageBase64_2": obama3})
    check("face_compare", "the same person", result["message"] == "success", 0.49 < result["score"] <= 1)
    result = ok("face_compare", {}, {"imageBase64_1": obama, "imageBase64_2": biden})
    check("face_compare", "two people", result["score"] < 0.49)
    fails(12002, "参数缺失", "face_compare", {}, {"imageBase64_1": obama})
    fails(13134, "未检测到脸", "face_compare", {}, {"imageBase64_1": obama, "imageBase64_2": no_face})

    # Attributes.
    result = ok("facePropV1", {"maxFaceCount": 10}, {"imgBase64": others})
    keys = ["code", "faceCount", "faceItems", "maxFaceCount", "msg", "processTimeInMs", "props", "timestamp"]
    same("facePropV1", "keys in order", (list(result), list(result["faceItems"][0])), (keys, item))
    count = result["faceCount"]
    check("facePropV1", "several faces", count == len(result["faceItems"]) == len(result["props"]) > 1)
    result = ok("facePropV1", {"maxFaceCount": 1}, {"imgBase64": others})
    same("facePropV1", "as many as wanted", (result["maxFaceCount"], len(result["faceItems"])), (1, 1))
    fails(9, "ParamTypeIsInvalid", "facePropV1", {"maxFaceCount": "many"}, {"imgBase64": others})
    fails(10, "NoFaceDetected", "facePropV1", {}, {"imgBase64": no_face})
    shown = {"return_landmark": 1, "return_attr": 1, "face_detect_num": 0}
    result = ok("face_detect_attr", {}, {"imageBase64": others} | shown)
    keys = ["requestid", "errorMsg", "faceNum", "faces", "serialNo", "status", "usedTime"]
    same("face_detect_attr", "keys in order", list(result), keys)
    check("face_detect_attr", "several faces", result["faceNum"] == len(result["faces"]) == count)
    same("face_detect_attr", "the points there are", len(result["faces"][0]["faceDetectionResult"]["points"]), 5)
    result = ok(
        "face_detect_attr", {}, {"imageBase64": others, "return_landmark": 0, "return_attr": 0, "face_detect_num": 1}
    )
    same("face_detect_attr", "as many as wanted", (result["faceNum"], len(result["faces"])), (1, 1))
    fails(13134, "未检测到脸", "face_detect_attr", {}, {"imageBase64": no_face})
    answer = life.sdk.call("mask_detect", {}, {"imageBase64Str": obama})
    same("mask_detect", "no model for it", (answer["code"], "result" in answer), ("10048", False))

    # Liveness: a higher score means live in the later call, and not live in the earlier one.
    result = ok("detectHacknessV1", {}, {"isVisual": True, "imgBase64Visual": obama})
    keys = ["code", "faceItemsNir", "faceItemsVisual", "msg", "processTimeInMs", "score", "timestamp"]
    same("detectHacknessV1", "keys in order", list(result), keys)
    check("detectHacknessV1", "a live face", float(result["score"]) >= 0.38)
    visible = {"isVisual": False, "imgBase64Visual": obama}
    result = ok("detectHacknessV1", {}, visible | {"imgBase64Nir": obama2})
    same("detectHacknessV1", "both pictures", (len(result["faceItemsNir"]), len(result["faceItemsVisual"])), (1, 1))
    fails(1, "NoRequiredFields", "detectHacknessV1", {}, visible)
    fails(1, "NoRequiredFields", "detectHacknessV1", {}, {"imgBase64Visual": obama})
    result = ok("face_AntiSpoof", {}, {"imageBase64": obama})
    check("face_AntiSpoof", "a live face", result["score"] <= 0.2, is_hex(result["request_id"], 32))
    fails(12002, "missing param", "face_AntiSpoof")

    # The later groups: the same libraries, with ids of another length.
    made = json.dumps(ok("groupCreateV1", {"groupName": "later"}))
    later = re.search(r'"([0-9a-f]{24})"', made)[1]
    check("groupCreateV1", "a group", is_hex(later, 24))
    listed = json.dumps(ok("groupFetchV1"))
    check("groupFetchV1", "it is listed", later in listed, '"later"' in listed)
    ok("groupUpdateV1", {"groupId": later, "groupName": "renamed"})
    check("groupUpdateV1", "its new name", '"renamed"' in json.dumps(ok("groupFetchV1")))
    made = json.dumps(ok("faceCreateV1", {}, {"groupId": later, "imgBase64": obama}))
    face = next(one for one in re.findall(r'"([0-9a-f]{24})"', made) if one != later)
    check("faceCreateV1", "a face", is_hex(face, 24))
    fails(1, "NoRequiredFields", "faceCreateV1", {}, {"groupId": later})
    fails(12, "InvalidFacePosture", "faceCreateV1", {}, {"groupId": later, "imgBase64": others})
    page = {"groupId": later, "pageId": 0, "pageSize": 10}
    check("faceFetchV1", "it is listed", face in json.dumps(ok("faceFetchV1", page)))
    check("faceFetchV1", "the page after", face not in json.dumps(ok("faceFetchV1", page | {"pageId": 1})))
    result = ok("faceSearchV1", {}, {"groupId": later, "imgBase64": obama2})
    same("faceSearchV1", "the right face", result["faceMatches"][0]["faceId"], face)
    keys = {"createTime", "customInfo", "faceId", "groupId", "imgBase64", "score", "updateTime"}
    same("faceSearchV1", "its keys", set(result["faceMatches"][0]), keys)
    fails(10, "NoFaceDetected", "faceSearchV1", {}, {"groupId": later, "imgBase64": no_face})
    ok("faceUpdateV1", {}, {"faceId": face, "imgBase64": stranger, "groupId": later})
    matches = ok("faceSearchV1", {}, {"groupId": later, "imgBase64": stranger})["faceMatches"]
    same("faceUpdateV1", "another picture", [one["faceId"] for one in matches], [face])
    matches = ok("faceSearchV1", {}, {"groupId": later, "imgBase64": obama2})["faceMatches"]
    same("faceUpdateV1", "instead of the first", matches, [])
    ok("faceDeleteV1", {"faceId": face})
    check("faceDeleteV1", "it is gone", face not in json.dumps(ok("faceFetchV1", page)))
    ok("groupDeleteV1", {"groupId": later})
    check("groupDeleteV1", "it is gone", later not in json.dumps(ok("groupFetchV1")))

    # Removal.
    for name in ("staff", "guests", "g4", "again"):
        ok("faceGroupDelete", {"groupName": name})
    same("faceGroupDelete", "nothing is left", life.groups(start=0, length=5), [])


def gateway_errors(life: Life, sdk_class, setting: Setting, key: dict) -> None:
    """Errors of the gateway, before any business: wrong signatures and unknown addresses."""

    def refused(what: str, sdk, api: str, *wanted) -> None:
        answer = sdk.call(api, {}, {})
        error = answer["error"]
        right = (error["code"], error["status"], error["message"])
        life.same("(signature)", what, right, wanted)
        life.check(
            "(signature)", f"{what}: its shape", list(answer) == ["error", "requestId"], bool(answer["requestId"])
        )

    wrong = sdk_class(setting, key | {"secretKey": key["secretKey"][::-1] + "x"})
    refused("a wrong secret", wrong, "getFaceGroupList", 401, "ACCESS_ERROR", "sign result is not same")
    stranger = sdk_class(setting, key | {"accessKey": "NOBODYNOBODYNOBODY"})
    refused("an unknown key", stranger, "getFaceGroupList", 401, "ACCESS_ERROR", "Invalid accessKey")
    words = "no route and no API found with those values"
    refused("an unknown API", life.sdk, "faceGuess", 404, "NOT_FOUND", words)


def apim_errors(life: Life, setting: Setting) -> None:
    """Checks that need this SDK, which returns the request it sent and allows bodies of any kind."""
    import requests
    from jdcloud_apim_sdk.simplerequest import SimpleRequest

    sent = life.sdk.send("getFaceGroupList", {"start": 0}, {})
    again = requests.Session().send(sent.request, timeout=SECONDS, verify=setting.roots or True)
    life.same("(signature)", "a repeated request", again.status_code, 403)
    life.same("(signature)", "its words", again.json()["error"]["status"], "APIGW_NONCE_CONFLICT")
    got = life.sdk.send("getFaceGroupList", {"start": 0, "length": 5}, {}, method="GET")
    life.same("getFaceGroupList", "by GET", got.json()["code"], "10000")
    got = life.sdk.client.send(SimpleRequest("/jdai/faceCompareV1", "POST", {}, "imgBase64A=AA==", {})).json()
    life.same("faceCompareV1", "not JSON", (got["result"]["code"], got["result"]["msg"]), (31, "RequestBodyIsNotJson"))


def quota(life: Life, setting: Setting) -> None:
    """A key with a daily quota."""
    key = setting.keys["limited"]
    calls = key["callsPerDay"]
    sdk = ApimSdk(setting, key)
    answers = [sdk.call("getFaceGroupList", {}, {}) for _ in range(calls)]
    told = [(answer["code"], answer["remain"], answer["remainTimes"]) for answer in answers]
    life.same("(quota)", "falls", told, [("10000", left, left) for left in reversed(range(calls))])
    over = sdk.call("getFaceGroupList", {}, {})
    life.same("(quota)", "is used up", (over["code"], over["msg"]), ("10040", "超过每天限量，请明天继续"))
    life.check("(quota)", "no result", "result" not in over)


def market_errors(life: Life, setting: Setting, key: dict) -> None:
    """Errors of style B, in the order in which the server checks for them."""
    sdk = life.sdk
    now = int(time.time() * 1000)
    good = sdk.signed(now)
    cases = [
        ("no appkey", {name: good[name] for name in ("timestamp", "sign")}, "10004", "URL上appkey参数不能为空"),
        ("no timestamp", {name: good[name] for name in ("appkey", "sign")}, "10041", "URL上timestamp参数不能为空"),
        ("no sign", {name: good[name] for name in ("appkey", "timestamp")}, "10042", "URL上sign参数不能为空"),
        ("the secret instead", {"appkey": good["appkey"], "secretkey": key["secretKey"]}, "10041", None),
        ("a timestamp of letters", good | {"timestamp": "now"}, "10046", "timestamp参数格式错误"),
        ("a timestamp of before", sdk.signed(now - 400_000), "10045", None),
        ("an unknown key", good | {"appkey": "NOBODYNOBODYNOBODY"}, "10001", "错误的请求appkey"),
        ("a wrong sign", good | {"sign": "0" * 32}, "10047", "请求签名sign无效，请检查签名信息"),
    ]
    for what, query, code, words in cases:
        answer = sdk.send("getFaceGroupList", query, {})
        life.same("(style B)", what, (answer["code"], answer["msg"]), (code, words or answer["msg"]))
    closed = MarketSdk(setting, setting.keys["jdcloud"]).call("getFaceGroupList", {}, {})
    life.same("(style B)", "a key that does not allow it", closed["code"], "10001")
    life.same("(style B)", "the same request twice", sdk.send("getFaceGroupList", good, {})["code"], "10000")


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in CLIENTS:
        raise SystemExit(__doc__ + f"\nCLIENT: {', '.join(CLIENTS)}")
    name = sys.argv[1]
    setting = Setting()
    sdk_class = CLIENTS[name]
    key = setting.keys["md5" if sdk_class is MarketSdk else "jdcloud"]
    life = Life(name, sdk_class(setting, key))
    with life.to_the_end():
        live(life)
    with life.to_the_end():
        if sdk_class is MarketSdk:
            market_errors(life, setting, key)
        else:
            gateway_errors(life, sdk_class, setting, key)
        if name == "jdcloud-apim-sdk-core":
            apim_errors(life, setting)
            quota(life, setting)
    return life.finish()


if __name__ == "__main__":
    sys.exit(main())
