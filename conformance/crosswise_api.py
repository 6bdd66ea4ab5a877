#!/usr/bin/env python3
"""Change people, libraries and apps through our REST API and look at them through every other interface, and back.

Usage: conformance/crosswise_api.py; `run.py` sets the environment.

The other interfaces are driven with an official SDK each; the AICP manual's section 7, which has none, by plain HTTP.
Each step is looked at with `Everywhere`: who is in a library, and whom a picture finds, must be the same in all
interfaces, in the call after the change.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message

import baidu_aip
import tencent_im
from baidu_aip import Life as FaceApiLife
from baidu_aip import PythonSdk as FaceApiSdk
from crosswise import find_all
from jdcloud import ApimSdk
from jdcloud import Life as JdCloudLife
from journey import SECONDS, Journey, Pictures, Setting, picture, text
from linkvisual import Life as LinkVisualLife
from linkvisual import NewerSdk
from tencent_im import Life as TencentImLife

CLIENT = "crosswise (API)"
LIBRARY, ANNEX = "site1", "annex1"
# Large pictures of four people, and more pictures of the first.
OBAMA, OBAMA2, OBAMA3 = (f"people/obama/{name}.jpg" for name in ("obama", "obama2", "obama3"))
BIDEN, FOURTH, FIFTH = "people/biden/biden.jpg", "groups/sample5.jpg", "groups/sample6.jpg"
# A similarity that no two pictures of a person have, and one that any two have.
TOO_HIGH, LOWEST = 0.9999, 0.0
# Events of recognitions are written with a delay.
EVENT_SECONDS = 5


class Refused(Exception):
    """A call that failed: HTTP status, and the answer."""

    def __init__(self, status: int, answer):
        super().__init__(f"{status} {json.dumps(answer, ensure_ascii=False)[:300]}")
        self.status = status
        self.answer = answer


def call(method: str, url: str, body, headers: dict[str, str]) -> tuple[object, Message]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            content = response.read()
            return json.loads(content) if content else None, response.headers
    except urllib.error.HTTPError as error:
        raise Refused(error.code, json.loads(error.read())) from None


class Api(Journey):
    """Our REST API with a token."""

    def __init__(self, setting: Setting, token: str):
        super().__init__("api", CLIENT)
        self.base = f"{setting.base}/api/v1"
        self.token = token

    def ask(self, method: str, path: str, body=None, **headers: str):
        return call(method, self.base + path, body, {"Authorization": f"Bearer {self.token}"} | headers)

    def get(self, path: str, **query):
        found, _ = self.ask("GET", path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else ""))
        return found

    def post(self, path: str, body):
        return self.ask("POST", path, body)[0]

    def patch(self, path: str, body, **headers: str):
        return self.ask("PATCH", path, body, **headers)[0]

    def put(self, path: str, body):
        return self.ask("PUT", path, body)[0]

    def delete(self, path: str):
        return self.ask("DELETE", path)[0]

    def refused(self, operation: str, what: str, status: int, code: str, method: str, path: str, body=None, **headers):
        """Checks that a call is refused with this status and code."""
        try:
            found = f"an answer: {self.ask(method, path, body, **headers)[0]}"
        except Refused as refused:
            found = (refused.status, refused.answer.get("code"))
        self.same(operation, f"{what}: {status} {code}", found, (status, code))

    def library(self, group: str) -> str | None:
        """The id of the library with a name of the other interfaces."""
        return next((one["id"] for one in self.get("/libraries", groupId=group)["items"]), None)


class Manual(Journey):
    """Section 7 of the AICP manual."""

    def __init__(self, setting: Setting):
        super().__init__("manual", CLIENT)
        self.setting = setting

    def ask(self, operation: str, body: dict) -> dict:
        return call("POST", f"{self.setting.base}/aicp/face/{operation}", body, {"token": self.setting.token})[0]

    def ok(self, operation: str, body: dict):
        answer = self.ask(operation, body)
        if not answer["flag"]:
            raise Refused(200, answer)
        return answer["data"]


class Everywhere:
    """All interfaces of one app."""

    def __init__(self, setting: Setting):
        baidu_aip.point_at(setting.base, "manual")
        tencent_im.point_at(setting.base)
        self.api = Api(setting, setting.token)
        self.admin = Api(setting, setting.admin_token)
        self.manual = Manual(setting)
        self.face_api = FaceApiLife(CLIENT, FaceApiSdk(setting.app_id, setting.app_id, setting.token))
        self.jd = JdCloudLife(CLIENT, ApimSdk(setting, setting.keys["jdcloud"]))
        self.visual = LinkVisualLife(CLIENT, NewerSdk(setting, setting.keys["alibaba"]))
        self.im = TencentImLife(CLIENT, tencent_im.python_client(setting.keys["tencent-im"]))
        self.journeys: list[Journey] = [self.api, self.manual, self.face_api, self.jd, self.visual, self.im]

    def in_api(self, group: str) -> list[str]:
        library = self.api.library(group)
        return sorted(one["externalId"] or one["id"] for one in self.api.get(f"/libraries/{library}/people")["items"])

    def in_face_api(self, group: str) -> list[str]:
        return sorted(one["userId"] for one in self.face_api.result("getGroupUsers", group)["user_id_list"])

    def in_visual(self, group: str) -> list[str]:
        found = self.visual.ok("QueryFaceUserByName", IsolationId=group, PageNo=1, PageSize=50)
        return sorted(one["CustomUserId"] for one in found["List"])

    def in_jd(self, group: str) -> int:
        groups = self.jd.ok("groupFetchV1")
        own = next((one["groupId"] for one in find_all(groups, "groupId") if group in one.values()), None)
        return len(find_all(self.jd.ok("faceFetchV1", {"groupId": own, "pageId": 0, "pageSize": 100}), "faceId"))

    def has(self, what: str, group: str, people: list[str]) -> None:
        """Checks who is in a library, by their external ids."""
        people = sorted(people)
        self.api.same("listPeople", what, self.in_api(group), people)
        self.face_api.same("getGroupUsers", what, self.in_face_api(group), people)
        self.visual.same("QueryFaceUserByName", what, self.in_visual(group), people)
        self.jd.same("faceFetchV1", what, self.in_jd(group), len(people))

    def by_api(self, group: str, image: str) -> list[str]:
        found = self.api.post(f"/libraries/{self.api.library(group)}/identify", {"image": image})
        return [one["person"]["externalId"] or one["person"]["id"] for one in found["faces"][0]["matches"]]

    def by_manual(self, group: str, image: str) -> list[str]:
        """The manual names people by number. Its query turns that into the id of the newest face, which the API has."""
        records = self.manual.ok("recognition", {"groupId": group, "image": image})["records"]
        faces = [self.manual.ok("query", {"groupId": group, "userId": one["personNo"]})["faceId"] for one in records]
        people = self.api.get(f"/libraries/{self.api.library(group)}/people")["items"]
        owners = {self.newest_face(one): one["externalId"] or one["id"] for one in people}
        return [owners.get(face, f"face {face}") for face in faces]

    def newest_face(self, person: dict) -> str:
        return self.api.get(f"/libraries/{person['libraryId']}/people/{person['id']}/faces")["items"][0]["id"]

    def by_face_api(self, group: str, image: str, **options) -> list[str]:
        answer = self.face_api.ask("search", image, "BASE64", group, options)
        # The manual's code for nobody.
        return [] if answer["error_code"] == 222207 else [one["user_id"] for one in answer["result"]["user_list"]]

    def by_jd(self, group: str, image: str) -> list[str]:
        result = self.jd.ok("faceSearch", {"groupName": group}, {"imageBase64": image})["result"]
        return [one["faceID"]["outerId"] for one in json.loads(result)["faceSearchResults"]]

    def finds(self, what: str, group: str, name: str, *people: str, threshold: int | None = 80) -> None:
        """Checks whom a picture finds, by their external ids. The threshold is for face-api alone, which has none for a
        library without one."""
        image, wanted = text(picture(name)), list(people)
        options = {} if threshold is None else {"match_threshold": threshold}
        self.api.same("identifyInLibrary", what, self.by_api(group, image), wanted)
        self.manual.same("recognition", what, self.by_manual(group, image), wanted)
        self.face_api.same("search", what, self.by_face_api(group, image, **options), wanted)
        self.jd.same("faceSearch", what, self.by_jd(group, image), wanted)

    def person(self, group: str, external_id: str) -> dict:
        """A person of the API, by external id."""
        library = self.api.library(group)
        found = self.api.get(f"/libraries/{library}/people", externalId=external_id)["items"]
        if len(found) != 1:
            raise ValueError(f"{len(found)} people are {external_id}")
        return found[0]

    def path(self, group: str, external_id: str) -> str:
        person = self.person(group, external_id)
        return f"/libraries/{person['libraryId']}/people/{person['id']}"

    def visual_id(self, group: str, external_id: str) -> str:
        found = self.visual.ok("QueryFaceUserIdByCustomUserId", IsolationId=group, CustomUserId=external_id)
        return found["UserId"]

    def visual_user(self, group: str, external_id: str) -> dict:
        return self.visual.ok("QueryFaceUser", IsolationId=group, UserId=self.visual_id(group, external_id))

    def finish(self) -> int:
        # One without a check has nothing to print; a part that broke off is a failed check of the API.
        return max(journey.finish() for journey in self.journeys if journey.rows)


def libraries(all_: Everywhere) -> None:
    """A library of the API is one of all interfaces, under the name that it has at the moment."""
    api, manual, face_api, jd = all_.api, all_.manual, all_.face_api, all_.jd

    def seen(what: str, operation: str, group: str, name: str, description: str) -> None:
        records = manual.ok("queryBaseAll", {})["records"]
        told = [(one["dbName"], one["dbDesc"]) for one in records]
        manual.same("queryBaseAll", f"{operation}: {what}", told, [(name, description)])
        groups = face_api.result("getGroupList")["group_id_list"]
        face_api.same("getGroupList", f"{operation}: {what}", groups, [group])
        told = [(one["groupName"], one["groupInfo"]) for one in jd.groups(start=0, length=5)]
        jd.same("getFaceGroupList", f"{operation}: {what}", told, [(group, description)])
        all_.has(f"{operation}: {what}", group, [])

    made = api.post("/libraries", {"name": "Site One", "groupId": "before1", "description": "大厅"})
    api.same("createLibrary", "its name elsewhere", (made["groupId"], made["name"]), ("before1", "Site One"))
    seen("as created", "createLibrary", "before1", "Site One", "大厅")
    path = f"/libraries/{made['id']}"
    api.patch(path, {"name": "Site Two", "description": "前台"})
    seen("another name", "updateLibrary", "before1", "Site Two", "前台")
    api.patch(path, {"groupId": LIBRARY})
    seen("another group id", "updateLibrary", LIBRARY, "Site Two", "前台")
    face_api.fails(223100, "group is not exist", "getGroupUsers", "before1")
    jd.fails(13312, "groupId not found", "faceSearch", {"groupName": "before1"}, {"imageBase64": text(picture(BIDEN))})

    # Made by the others, seen by the API.
    makers = {
        "addBase": lambda name: manual.ok("addBase", {"groupId": name, "dbName": name}),
        "groupAdd": lambda name: face_api.result("groupAdd", name),
        "faceGroupCreate": lambda name: jd.ok("faceGroupCreate", {"groupName": name}),
    }
    for number, (operation, make) in enumerate(makers.items()):
        name = f"made{number}"
        make(name)
        found = api.library(name)
        api.check("listLibraries", f"one made by {operation}", found is not None)
        api.same("getLibrary", f"one made by {operation}", api.get(f"/libraries/{found}")["groupId"], name)
    removers = {
        "deleteBase": lambda name: manual.ok("deleteBase", {"groupId": name}),
        "groupDelete": lambda name: face_api.result("groupDelete", name),
        "faceGroupDelete": lambda name: jd.ok("faceGroupDelete", {"groupName": name}),
    }
    for number, (operation, remove) in enumerate(removers.items()):
        name = f"made{number}"
        library = api.library(name)
        remove(name)
        api.refused("getLibrary", f"after {operation}", 404, "libraryNotFound", "GET", f"/libraries/{library}")
        api.same("listLibraries", f"after {operation}", api.library(name), None)


def enrolments(all_: Everywhere, pictures: Pictures) -> None:
    """Whoever is enrolled through one interface is in all of them, and found by all that search."""
    api, manual, face_api, jd, visual = all_.api, all_.manual, all_.face_api, all_.jd, all_.visual
    library = api.library(LIBRARY)
    before = api.get("/statistics/totals")["items"]

    new = {"externalId": "obama", "name": "张三", "info": '{"a":1}', "image": text(picture(OBAMA))}
    made = api.post(f"/libraries/{library}/people", new)
    api.same("createPerson", "one face", len(made["faces"]), 1)
    all_.has("enrolled by the API", LIBRARY, ["obama"])
    all_.finds("enrolled by the API", LIBRARY, OBAMA2, "obama")
    user = face_api.result("getUser", "obama", LIBRARY)["user_list"][0]
    face_api.same("getUser", "enrolled by the API", (user["userName"], user["userInfo"]), ("张三", '{"a":1}'))
    user = all_.visual_user(LIBRARY, "obama")
    visual.same("QueryFaceUser", "enrolled by the API", (user["Name"], user["Params"]), ("张三", '{"a":1}'))
    visual.same("QueryFaceUser", "its picture", len(user["FacePicList"]), 1)
    number = manual.ok("recognition", {"groupId": LIBRARY, "image": new["image"]})["records"][0]["personNo"]
    told = manual.ok("query", {"groupId": LIBRARY, "userId": number})["faceId"]
    manual.same("query", "enrolled by the API", told, made["faces"][0]["id"])

    # The manual's enrolment takes no id of the app: the id of the person stands for it.
    manual.ok("add", {"groupId": LIBRARY, "name": "李四", "image": text(picture(BIDEN))})
    biden = next(one["id"] for one in api.get(f"/libraries/{library}/people", name="李四")["items"])
    face_api.result("addUser", text(picture(FOURTH)), "BASE64", LIBRARY, "fourth", {"user_info": "v3"})
    ids = {"add": (biden, BIDEN), "addUser": ("fourth", FOURTH)}
    all_.has("enrolled by the manual and face-api", LIBRARY, ["obama", biden, "fourth"])
    for operation, (person, name) in ids.items():
        all_.finds(f"enrolled by {operation}", LIBRARY, name, person)
    api.delete(all_.path(LIBRARY, "fourth"))
    all_.has("deleted by the API, of face-api", LIBRARY, ["obama", biden])
    jd.ok("faceCreate", {"groupName": LIBRARY, "outerId": "fourth"}, {"imageBase64": text(picture(FOURTH))})
    all_.has("enrolled by JD Cloud", LIBRARY, ["obama", biden, "fourth"])
    all_.finds("enrolled by JD Cloud", LIBRARY, FOURTH, "fourth")
    api.delete(all_.path(LIBRARY, "fourth"))
    all_.has("deleted by the API, of JD Cloud", LIBRARY, ["obama", biden])
    all_.finds("deleted by the API, of JD Cloud", LIBRARY, FOURTH)
    added = {"CustomUserId": "fourth", "FacePicUrl": pictures.url(FOURTH), "Name": "王五"}
    visual.ok("AddFaceUser", IsolationId=LIBRARY, **added)
    all_.has("enrolled by LinkVisual", LIBRARY, ["obama", biden, "fourth"])
    all_.finds("enrolled by LinkVisual", LIBRARY, FOURTH, "fourth")
    person = api.get(all_.path(LIBRARY, "fourth"))
    api.same("getPerson", "enrolled by LinkVisual", (person["name"], person["tags"]), ("王五", []))
    api.same("getLibraryStatistics", "all of them", api.get(f"/libraries/{library}/statistics")["people"], 3)

    # What happened, whoever asked for it.
    events = api.get("/events/log", kind=["faceEnrolled", "personRemoved"], libraryId=library)["items"]
    kinds = [(one["kind"], one["data"]["personId"]) for one in events]
    api.same("listEvents", "each enrolment and removal", [kind for kind, _ in kinds],
             ["faceEnrolled"] * 3 + ["personRemoved", "faceEnrolled", "personRemoved", "faceEnrolled"])  # fmt: skip
    api.same("listEvents", "of the people", (kinds[0][1], kinds[1][1], kinds[-1][1]), (made["id"], biden, person["id"]))
    counts = {one["method"]: one["count"] for one in api.get("/statistics/totals")["items"]}
    earlier = {one["method"]: one["count"] for one in before}
    more = {method: count - earlier.get(method, 0) for method, count in counts.items()}
    wanted = {"createPerson": 1, "faceEntry": 1, "faceApiFaceAdd": 1, "faceCreate": 1, "AddFaceUser": 1}
    told = {method: more.get(method) for method in wanted}
    api.same("getCallTotals", "a call of each interface", told, wanted)
    until = time.monotonic() + EVENT_SECONDS
    manual.ok("recognition", {"groupId": LIBRARY, "image": text(picture(FOURTH))})
    seen: list = []
    while time.monotonic() < until and not seen[-1:] == [person["id"]]:
        recognitions = api.get("/events/log", kind="recognition", libraryId=library, limit=1000)["items"]
        seen = [match["personId"] for one in recognitions for face in one["data"]["faces"] for match in face["matches"]]
        time.sleep(0.1)
    api.same("listEvents", "a recognition by the manual", seen[-1:], [person["id"]])


def changes(all_: Everywhere, pictures: Pictures) -> None:
    """A change through one interface is seen by the next call of any other."""
    api, manual, face_api, jd, visual = all_.api, all_.manual, all_.face_api, all_.jd, all_.visual

    # By the API.
    api.patch(all_.path(LIBRARY, "fourth"), {"name": "赵六", "info": "new", "externalId": "renamed", "tags": ["vip"]})
    all_.finds("another external id", LIBRARY, FOURTH, "renamed")
    user = face_api.result("getUser", "renamed", LIBRARY)["user_list"][0]
    face_api.same("getUser", "changed by the API", (user["userName"], user["userInfo"]), ("赵六", "new"))
    face_api.fails(223103, "user is not exist", "getUser", "fourth", LIBRARY)
    user = all_.visual_user(LIBRARY, "renamed")
    visual.same("QueryFaceUser", "changed by the API", (user["Name"], user["Params"]), ("赵六", "new"))
    jd.fails(13320, "outerId not found", "faceDelete", {"groupName": LIBRARY, "outerId": "fourth"})
    visual.fails("466", "customuserid not exist", "QueryFaceUserIdByCustomUserId", IsolationId=LIBRARY,
                 CustomUserId="fourth")  # fmt: skip

    # By the others. Tags, which they don't know, stay.
    path = all_.path(LIBRARY, "renamed")
    _, headers = api.ask("GET", path)
    face_api.result("updateUser", text(picture(FOURTH)), "BASE64", LIBRARY, "renamed", {"user_info": "by face-api"})
    person = api.get(path)
    api.same("getPerson", "changed by face-api", (person["info"], person["tags"]), ("by face-api", ["vip"]))
    api.refused("updatePerson", "with the state before face-api's change", 412, "changedMeanwhile", "PATCH", path,
                {"name": "x"}, **{"If-Match": headers["ETag"]})  # fmt: skip
    visual.done("UpdateFaceUser", "a name", IsolationId=LIBRARY, UserId=all_.visual_id(LIBRARY, "renamed"), Name="孙七")
    api.same("getPerson", "changed by LinkVisual", api.get(path)["name"], "孙七")
    library = api.library(LIBRARY)
    named = [one["externalId"] for one in api.get(f"/libraries/{library}/people", tag="vip")["items"]]
    api.same("listPeople", "by tag, after changes of the others", named, ["renamed"])
    found = api.post(f"/libraries/{library}/identify", {"image": text(picture(FOURTH)), "tags": ["vip"]})
    matches = [one["person"]["externalId"] for one in found["faces"][0]["matches"]]
    api.same("identifyInLibrary", "by tag, after changes of the others", matches, ["renamed"])

    # Faces.
    obama = all_.path(LIBRARY, "obama")
    face = api.post(f"{obama}/faces", {"image": text(picture(OBAMA2))})
    listed = face_api.result("faceGetlist", "obama", LIBRARY)["face_list"]
    face_api.same("faceGetlist", "a face added by the API", len(listed), 2)
    visual.same("QueryFaceUser", "a face added by the API", len(all_.visual_user(LIBRARY, "obama")["FacePicList"]), 2)
    api.delete(f"{obama}/faces/{face['id']}")
    listed = face_api.result("faceGetlist", "obama", LIBRARY)["face_list"]
    face_api.same("faceGetlist", "a face deleted by the API", len(listed), 1)
    visual.same("QueryFaceUser", "a face deleted by the API", len(all_.visual_user(LIBRARY, "obama")["FacePicList"]), 1)
    options = {"action_type": "APPEND"}
    token = face_api.result("addUser", text(picture(OBAMA3)), "BASE64", LIBRARY, "obama", options)["face_token"]
    api.same("listFaces", "a face added by face-api", len(api.get(f"{obama}/faces")["items"]), 2)
    where = {"IsolationId": LIBRARY, "UserId": all_.visual_id(LIBRARY, "obama")}
    md5 = visual.ok("AddFaceUserPicture", FacePicUrl=pictures.url(OBAMA2), **where)
    api.same("listFaces", "a face added by LinkVisual", len(api.get(f"{obama}/faces")["items"]), 3)
    newest = api.get(f"{obama}/faces")["items"][0]["id"]
    visual.done("DeleteFaceUserPicture", "one", FacePicMd5=md5, **where)
    api.refused("getFace", "deleted by LinkVisual", 404, "faceNotFound", "GET", f"{obama}/faces/{newest}")
    newest = api.get(f"{obama}/faces")["items"][0]["id"]
    face_api.result("faceDelete", "obama", LIBRARY, token)
    api.refused("getFace", "deleted by face-api", 404, "faceNotFound", "GET", f"{obama}/faces/{newest}")
    api.same("listFaces", "those that are left", len(api.get(f"{obama}/faces")["items"]), 1)


def moves(all_: Everywhere) -> None:
    """People moved, copied and merged by the API, and copied by face-api."""
    api, face_api, visual = all_.api, all_.face_api, all_.visual
    annex = api.post("/libraries", {"name": ANNEX})["id"]
    biden = next(one for one in all_.in_api(LIBRARY) if one.isdecimal())
    group = visual.ok("AddFaceUserGroup", IsolationId=LIBRARY, UserGroupName="guests")["UserGroupId"]

    def members() -> list[str]:
        asked = {"IsolationId": LIBRARY, "UserGroupId": group, "PageNo": 1, "PageSize": 50}
        return [one["UserId"] for one in visual.ok("QueryFaceAllUserIdsByGroupId", **asked)["List"]]

    def join(person: str) -> str:
        user = all_.visual_id(LIBRARY, person)
        visual.ok("AddFaceUserToUserGroup", IsolationId=LIBRARY, UserGroupId=group, UserId=user)
        return user

    user = join("renamed")
    visual.same("QueryFaceAllUserIdsByGroupId", "one of the API's", members(), [user])
    api.post(f"{all_.path(LIBRARY, 'renamed')}/move", {"libraryId": annex})
    visual.same("QueryFaceAllUserIdsByGroupId", "moved away", members(), [])
    all_.has("moved away", LIBRARY, ["obama", biden])
    all_.has("moved here", ANNEX, ["renamed"])
    all_.finds("moved away", LIBRARY, FOURTH)
    all_.finds("moved here", ANNEX, FOURTH, "renamed")
    api.post(f"{all_.path(LIBRARY, 'obama')}/copy", {"libraryId": annex})
    all_.has("copied here", ANNEX, ["obama", "renamed"])
    all_.finds("copied here", ANNEX, OBAMA3, "obama")
    all_.finds("the original stays", LIBRARY, OBAMA3, "obama")
    options = {"src_group_id": ANNEX, "dst_group_id": LIBRARY}
    face_api.result("userCopy", "renamed", options)
    all_.has("copied by face-api", LIBRARY, ["obama", biden, "renamed"])
    all_.finds("copied by face-api", LIBRARY, FOURTH, "renamed")

    # The same person enrolled twice, by JD Cloud and by the API.
    all_.jd.ok("faceCreate", {"groupName": LIBRARY, "outerId": "twin"}, {"imageBase64": text(picture(OBAMA2))})
    twin = all_.person(LIBRARY, "twin")
    join("twin")
    api.post(f"{all_.path(LIBRARY, 'obama')}/merge", {"personId": twin["id"]})
    all_.has("merged", LIBRARY, ["obama", biden, "renamed"])
    all_.finds("the picture of the other", LIBRARY, OBAMA2, "obama")
    who = [all_.visual_id(LIBRARY, "obama")]
    visual.same("QueryFaceAllUserIdsByGroupId", "the place of the other", members(), who)
    listed = face_api.result("faceGetlist", "obama", LIBRARY)["face_list"]
    face_api.same("faceGetlist", "merged by the API", len(listed), 2)
    visual.same("QueryFaceUser", "merged by the API", len(all_.visual_user(LIBRARY, "obama")["FacePicList"]), 2)
    all_.jd.fails(13320, "outerId not found", "faceDelete", {"groupName": LIBRARY, "outerId": "twin"})
    api.refused("getPerson", "merged into another", 404, "personNotFound", "GET",
                f"/libraries/{twin['libraryId']}/people/{twin['id']}")  # fmt: skip


def removals(all_: Everywhere, pictures: Pictures) -> None:
    """Whoever is deleted through one interface is gone in all of them."""
    api, manual, face_api, jd, visual = all_.api, all_.manual, all_.face_api, all_.jd, all_.visual
    api.delete(all_.path(LIBRARY, "renamed"))
    biden = next(one for one in all_.in_api(LIBRARY) if one.isdecimal())
    all_.has("deleted by the API", LIBRARY, ["obama", biden])
    all_.finds("deleted by the API", LIBRARY, FOURTH)
    face_api.fails(223103, "user is not exist", "getUser", "renamed", LIBRARY)
    visual.fails("466", "customuserid not exist", "QueryFaceUserIdByCustomUserId", IsolationId=LIBRARY,
                 CustomUserId="renamed")  # fmt: skip

    def delete_by_visual(person: str) -> None:
        visual.done("DeleteFaceUser", "one of the API's", IsolationId=LIBRARY, UserId=all_.visual_id(LIBRARY, person))

    removers = {
        "remove": lambda person: manual.ok("remove", {"groupId": LIBRARY, "userId": all_.person(LIBRARY, person)["id"]}),
        "deleteUser": lambda person: face_api.result("deleteUser", LIBRARY, person),
        "faceDelete": lambda person: jd.ok("faceDelete", {"groupName": LIBRARY, "outerId": person}),
        "DeleteFaceUser": delete_by_visual,
    }
    for operation, remove in removers.items():
        person = f"leaves{operation}"
        new = {"externalId": person, "name": person, "image": text(picture(FOURTH))}
        made = api.post(f"/libraries/{api.library(LIBRARY)}/people", new)
        path = f"/libraries/{made['libraryId']}/people/{made['id']}"
        api.same("getPerson", f"before {operation}", api.get(path)["externalId"], person)
        remove(person)
        api.refused("getPerson", f"after {operation}", 404, "personNotFound", "GET", path)
        face = f"{path}/faces/{made['faces'][0]['id']}"
        api.refused("getFacePicture", f"after {operation}", 404, "personNotFound", "GET", f"{face}/picture")
        all_.has(f"after {operation}", LIBRARY, ["obama", biden])
        all_.finds(f"after {operation}", LIBRARY, FOURTH)

    # Everywhere at once. One of the two was made by LinkVisual.
    visual.ok("AddFaceUser", IsolationId=LIBRARY, CustomUserId="renamed", FacePicUrl=pictures.url(FOURTH), Name="孙七")
    all_.has("before the erasure", LIBRARY, ["obama", biden, "renamed"])
    all_.has("before the erasure", ANNEX, ["obama", "renamed"])
    report = api.post("/erasures", {"externalId": "renamed"})
    told = (report["people"], report["faces"], report["libraries"])
    api.same("erasePerson", "in both libraries", told, (2, 2, 2))
    all_.has("erased", LIBRARY, ["obama", biden])
    all_.has("erased", ANNEX, ["obama"])
    all_.finds("erased", LIBRARY, FOURTH)
    all_.finds("erased", ANNEX, FOURTH)


def thresholds(all_: Everywhere) -> None:
    """The threshold and the number of results of a library hold in every interface."""
    api, face_api = all_.api, all_.face_api
    path = f"/libraries/{api.library(LIBRARY)}"
    biden = next(one for one in all_.in_api(LIBRARY) if one.isdecimal())
    all_.finds("the usual threshold", LIBRARY, OBAMA3, "obama")
    api.patch(path, {"threshold": TOO_HIGH})
    all_.finds("a threshold that is too high", LIBRARY, OBAMA3, threshold=None)
    found = face_api.result("search", text(picture(OBAMA3)), "BASE64", LIBRARY, {"match_threshold": 80})
    users = [one["user_id"] for one in found.get("user_list", [])]
    face_api.same("search", "a threshold of the request", users, ["obama"])
    api.patch(path, {"threshold": LOWEST, "topN": 2})
    all_.finds("everybody, two results", LIBRARY, OBAMA3, "obama", biden, threshold=None)
    api.patch(path, {"topN": 1})
    all_.finds("everybody, one result", LIBRARY, OBAMA3, "obama", threshold=None)
    api.patch(path, {"threshold": None, "topN": None})
    all_.finds("the usual threshold again", LIBRARY, OBAMA3, "obama")
    all_.finds("the usual threshold again: a stranger", LIBRARY, FOURTH)


def grants(all_: Everywhere, setting: Setting) -> None:
    """What the administrator takes from an app by the API, it can't use in any interface, from the next call on."""
    api, admin, manual, face_api, jd, visual = all_.api, all_.admin, all_.manual, all_.face_api, all_.jd, all_.visual
    app = f"/apps/{setting.app_id}"
    image = text(picture(OBAMA3))
    library = api.library(LIBRARY)
    granted = admin.get(app)["capabilities"]

    def refused_by_manual(what: str, status: int, words: str, operation: str, body: dict) -> None:
        try:
            found = f"an answer: {manual.ask(operation, body)}"
        except Refused as refused:
            found = (refused.status, refused.answer["message"])
        manual.same(operation, what, found, (status, words))

    # Without recognition: libraries and people stay.
    admin.patch(app, {"capabilities": ["C10000000001"]})
    what = "recognition was taken away"
    search = f"/libraries/{library}/identify"
    api.refused("identifyInLibrary", what, 403, "notGranted", "POST", search, {"image": image})
    refused_by_manual(what, 403, "未授权该能力", "recognition", {"groupId": LIBRARY, "image": image})
    face_api.fails(6, "no permission to access data", "search", image, "BASE64", LIBRARY)
    answer = jd.sdk.call("faceSearch", {"groupName": LIBRARY}, {"imageBase64": image})
    jd.same("faceSearch", what, answer["code"], "10048")
    all_.has("recognition was taken away, people were not", LIBRARY, all_.in_api(LIBRARY))
    # Without people and libraries.
    admin.patch(app, {"capabilities": ["C10000000002"]})
    what = "people were taken away"
    api.refused("listPeople", what, 403, "notGranted", "GET", f"/libraries/{library}/people")
    refused_by_manual(what, 403, "未授权该能力", "query", {"groupId": LIBRARY, "userId": "1"})
    face_api.fails(6, "no permission to access data", "getGroupUsers", LIBRARY)
    page = {"PageNo": 1, "PageSize": 5}
    visual.refused("Forbidden.RAM", "QueryFaceUserByName", http=403, IsolationId=LIBRARY, **page)
    told = all_.im.sns.friend_get("ann")
    all_.im.same("friend_get", "accounts were taken away", told["ErrorCode"], 60017)
    admin.patch(app, {"capabilities": granted})
    all_.finds("granted again", LIBRARY, OBAMA3, "obama")

    # A grant that is over, and one that was revoked.
    admin.patch(app, {"dueAt": "2020-01-01T00:00:00Z"})
    api.refused("listLibraries", "the grant is over", 401, "tokenExpired", "GET", "/libraries")
    refused_by_manual("the grant is over", 401, "授权已过期", "queryBaseAll", {})
    face_api.fails(111, "Access token expired", "getGroupList")
    answer = jd.sdk.call("getFaceGroupList", {}, {})
    jd.same("getFaceGroupList", "the grant is over", answer["code"], "10050")
    visual.refused("InvalidAccessKeyId.Inactive", "QueryFaceUserByName", IsolationId=LIBRARY, **page)
    told = all_.im.sns.friend_get("ann")
    all_.im.same("friend_get", "the grant is over", told["ErrorCode"], 60016)
    admin.patch(app, {"dueAt": "2099-12-31T00:00:00Z"})
    all_.finds("granted once more", LIBRARY, OBAMA3, "obama")

    # A revoked key.
    key = setting.keys["jdcloud"]["accessKey"]
    admin.delete(f"{app}/keys/{key}")
    answer = jd.sdk.call("getFaceGroupList", {}, {})
    jd.same("getFaceGroupList", "the key was revoked", answer["code"], "10050")


def accounts(all_: Everywhere, setting: Setting) -> None:
    """Accounts, friends and friend groups, which the API shares with Tencent IM."""
    api, im = all_.api, all_.im
    sns, login = im.sns, im.accounts
    app = f"/apps/{setting.app_id}/accounts"

    def status(account: str) -> str:
        told = im.ok("account_check", login.account_check([account]))
        return told["ResultItem"][0]["AccountStatus"]

    im.same("account_check", "before", status("ann"), "NotImported")
    api.put(f"{app}/ann", {"nick": "安妮"})
    api.put(f"{app}/bob", {})
    im.same("account_check", "made by the API", [status("ann"), status("bob")], ["Imported", "Imported"])
    im.ok("account_import", login.account_import("cat"))
    api.same("getAccount", "made by Tencent IM", api.get(f"{app}/cat"), {"id": "cat", "friends": 0})

    api.put(f"{app}/ann/friends/bob", {"remark": "鲍勃", "groups": ["close"]})
    told = im.ok("friend_get_list", sns.friend_get_list("ann", ["bob"], ["Tag_SNS_IM_Remark", "Tag_SNS_IM_Group"]))
    fields = {field["Tag"]: field["Value"] for field in told["InfoItem"][0]["SnsProfileItem"]}
    wanted = {"Tag_SNS_IM_Remark": "鲍勃", "Tag_SNS_IM_Group": ["close"]}
    im.same("friend_get_list", "a friend made by the API", fields, wanted)
    im.ok("friend_add", sns.friend_add("ann", [{"To_Account": "cat", "AddSource": "AddSource_Type_Web"}]))
    friends = [(one["id"], one["remark"], one["groups"]) for one in api.get(f"{app}/ann/friends")["items"]]
    api.same("listFriends", "of both", friends, [("bob", "鲍勃", ["close"]), ("cat", "", [])])
    told = im.ok("friend_get_list", sns.friend_get_list("cat", ["ann"], ["Tag_Profile_IM_Nick"]))
    nick = [field["Value"] for field in told["InfoItem"][0]["SnsProfileItem"]]
    im.same("friend_get_list", "a nickname given by the API", nick, ["安妮"])

    api.put(f"{app}/ann/friend-groups/chess", {"members": ["cat"]})
    asked = {"From_Account": "ann", "LastSequence": 0, "NeedFriend": "Need_Friend_Type_Yes"}
    groups = im.ok("group_get", sns._post("sns/group_get", data=asked))["ResultItem"]
    named = [(one["GroupName"], one["To_Account"]) for one in groups]
    im.same("group_get", "of the API", named, [("close", ["bob"]), ("chess", ["cat"])])
    im.ok("group_add", sns.group_add("ann", ["work"], ["bob"]))
    im.ok("group_delete", sns.group_delete("ann", ["close"]))
    listed = [(one["name"], one["members"]) for one in api.get(f"{app}/ann/friend-groups")["items"]]
    api.same("listFriendGroups", "of both", listed, [("chess", ["cat"]), ("work", ["bob"])])
    api.delete(f"{app}/ann/friend-groups/chess")
    groups = im.ok("group_get", sns._post("sns/group_get", data=asked))["ResultItem"]
    im.same("group_get", "deleted by the API", [one["GroupName"] for one in groups], ["work"])

    api.delete(f"{app}/ann/friends/bob")
    told = im.ok("friend_check", sns.friend_check("ann", ["bob"], sns.CHECK_RESULT_TYPE_SINGLE))
    im.same("friend_check", "removed by the API", told["InfoItem"][0]["Relation"], "CheckResult_Type_NoRelation")
    im.ok("friend_delete", sns.friend_delete("ann", ["cat"]))
    api.same("listFriends", "removed by Tencent IM", api.get(f"{app}/ann/friends")["items"], [])
    im.ok("account_delete", login.account_delete(["cat"]))
    api.refused("getAccount", "deleted by Tencent IM", 404, "accountNotFound", "GET", f"{app}/cat")
    api.delete(f"{app}/bob")
    im.same("account_check", "deleted by the API", status("bob"), "NotImported")


def last_removal(all_: Everywhere) -> None:
    """A library that is deleted by the API is gone in all interfaces."""
    api, manual, face_api, jd, visual = all_.api, all_.manual, all_.face_api, all_.jd, all_.visual
    image = text(picture(OBAMA3))
    api.delete(f"/libraries/{api.library(ANNEX)}")
    names = [one["dbName"] for one in manual.ok("queryBaseAll", {})["records"]]
    manual.same("queryBaseAll", "deleted by the API", names, ["Site Two"])
    told = manual.ask("recognition", {"groupId": ANNEX, "image": image})
    manual.check("recognition", "of a library deleted by the API", not told["flag"], ANNEX in told["message"])
    face_api.same("getGroupList", "deleted by the API", face_api.result("getGroupList")["group_id_list"], [LIBRARY])
    face_api.fails(223100, "group is not exist", "search", image, "BASE64", ANNEX)
    jd.same("getFaceGroupList", "deleted by the API", [one["groupName"] for one in jd.groups()], [LIBRARY])
    jd.fails(13312, "groupId not found", "faceSearch", {"groupName": ANNEX}, {"imageBase64": image})
    asked = {"IsolationId": ANNEX, "CustomUserId": "obama"}
    visual.fails("466", "customuserid not exist", "QueryFaceUserIdByCustomUserId", **asked)


def main() -> int:
    setting = Setting()
    all_ = Everywhere(setting)
    parts = (
        lambda: libraries(all_),
        lambda: enrolments(all_, pictures),
        lambda: changes(all_, pictures),
        lambda: moves(all_),
        lambda: removals(all_, pictures),
        lambda: thresholds(all_),
        lambda: last_removal(all_),
        lambda: accounts(all_, setting),
        lambda: grants(all_, setting),
    )
    with Pictures() as pictures, all_.api.to_the_end():
        # Each part goes on where the one before stopped.
        for part in parts:
            part()
    return all_.finish()


if __name__ == "__main__":
    sys.exit(main())
