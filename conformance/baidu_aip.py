#!/usr/bin/env python3
"""Drive the server with the official, unmodified SDKs of face-api's public cloud: `baidu-aip`, npm `baidu-aip-sdk`.

Usage: conformance/baidu_aip.py CLIENT, a name of CLIENTS below; `run.py` sets the environment.

Runs the whole life cycle of groups and users with real pictures and checks the SDK's results. The app must be granted
all of face-api. Only the SDKs' addresses are changed: scheme and host, and for one client of `baidu-aip` also the
paths, to those of the manual under /face-api/v3.
"""

import functools
import inspect
import sys
import urllib.parse
from collections.abc import Callable

from aip import AipFace
from aip.base import AipBase

from journey import Bridge, Journey, Setting, grey_jpeg, text
from journey import picture as sample

# The client of the npm package; the others use the Python package, with these kinds of paths.
NPM = "baidu-aip-sdk"
CLIENTS = {"baidu-aip (cloud)": "cloud", "baidu-aip (manual)": "manual", NPM: "cloud"}

# The npm package's names for the Python package's calls. Its `mutilSearch` omits the slash after the host.
NPM_NAMES = {"getGroupList": "getGrouplist", "multiSearch": "faceMultiSearchV3"}
NPM_BROKEN = {"mutilSearch"}

# The manual's (and its later documents') names for the SDK's paths.
MANUAL = {
    "/rest/2.0/face/v3/detect": "face/detect",
    "/rest/2.0/face/v3/search": "face/identify",
    "/rest/2.0/face/v3/multi-search": "face/midentify",
    "/rest/2.0/face/v3/match": "face/match",
    "/rest/2.0/face/v3/faceverify": "face/liveness",
    "/rest/2.0/face/v3/faceset/user/add": "face/add",
    "/rest/2.0/face/v3/faceset/user/update": "face/update",
    "/rest/2.0/face/v3/faceset/user/get": "user/get",
    "/rest/2.0/face/v3/faceset/user/copy": "user/copy",
    "/rest/2.0/face/v3/faceset/user/delete": "user/delete",
    "/rest/2.0/face/v3/faceset/face/getlist": "face/list",
    "/rest/2.0/face/v3/faceset/face/delete": "face/delete",
    "/rest/2.0/face/v3/faceset/group/getusers": "user/list",
    "/rest/2.0/face/v3/faceset/group/add": "group/add",
    "/rest/2.0/face/v3/faceset/group/delete": "group/delete",
    "/rest/2.0/face/v3/faceset/group/getlist": "group/list",
}


def point_at(base: str, paths: str) -> None:
    """Redirect the SDK's classes from the public cloud to this server."""
    moved = set()
    for sdk_class in (AipBase, AipFace):
        for name, url in list(vars(sdk_class).items()):
            if not (isinstance(url, str) and urllib.parse.urlsplit(url).scheme):
                continue
            path = urllib.parse.urlsplit(url).path
            moved.add(path)
            if paths == "manual" and path in MANUAL:
                path = f"/face-api/v3/{MANUAL[path]}"
            setattr(sdk_class, name, base.rstrip("/") + path)
    unknown = {"/oauth/2.0/token", *MANUAL} - moved
    if unknown:
        raise SystemExit(f"error: the SDK has no call at {', '.join(sorted(unknown))}")


class PythonSdk:
    """The Python package with a set of keys: app id, API key and secret key."""

    def __init__(self, *keys: str):
        self.face = AipFace(*keys)

    def call(self, name: str, *arguments) -> dict:
        return getattr(self.face, name)(*arguments)

    def exchange(self) -> dict:
        """Exchanges the keys for an access token; returns the answer."""
        return self.face._auth(True)

    def methods(self) -> dict[str, int]:
        """The names of all calls, each with the number of its required arguments."""
        parameters = {
            name: inspect.signature(method).parameters.values()
            for name, method in vars(AipFace).items()
            if inspect.isfunction(method)
        }
        return {name: sum(one.default is one.empty for one in own) - 1 for name, own in parameters.items()}


class NpmSdk:
    """The npm package with a set of keys, called by the Python package's names."""

    def __init__(self, bridge: Bridge, *keys: str):
        self.bridge = bridge
        self.keys = keys

    def call(self, name: str, *arguments) -> dict:
        return self.bridge.call(keys=self.keys, name=NPM_NAMES.get(name, name), arguments=arguments)["answer"]

    def exchange(self) -> dict:
        return self.bridge.call(keys=self.keys)["answer"]

    def methods(self) -> dict[str, int]:
        python_names = {theirs: ours for ours, theirs in NPM_NAMES.items()}
        methods = self.bridge.call(methods=True)["answer"]
        return {python_names.get(name, name): count for name, count in methods.items() if name not in NPM_BROKEN}


Sdk = PythonSdk | NpmSdk


class Life(Journey):
    """Makes the calls of an SDK and checks the results."""

    def __init__(self, client: str, sdk: Sdk):
        super().__init__("face-api", client)
        self.sdk = sdk

    def ask(self, name: str, *arguments, sdk: Sdk | None = None) -> dict:
        """Makes one call of the SDK; the result must be in the envelope of section 9."""
        answer = (sdk or self.sdk).call(name, *arguments)
        keys = ["error_code", "error_msg", "log_id", "timestamp", "cached", "result"]
        if list(answer) != keys or (answer["error_code"] == 0) != (answer["error_msg"] == "SUCCESS"):
            self.check(name, f"unexpected answer: {answer}", False)
        return answer

    def result(self, name: str, *arguments):
        """Returns the result of a call that must succeed."""
        answer = self.ask(name, *arguments)
        if answer["error_code"] != 0:
            self.check(name, f"{answer['error_code']} {answer['error_msg']}", False)
            return {}
        return answer["result"]

    def fails(self, code: int, words: str, name: str, *arguments, sdk: Sdk | None = None) -> None:
        answer = self.ask(name, *arguments, sdk=sdk)
        right = (answer["error_code"], answer["error_msg"], answer["result"]) == (code, words, None)
        what = f"{code} {words}" if right else f"{answer['error_code']} {answer['error_msg']} instead of {code} {words}"
        self.check(name, what, right)


def is_token(text) -> bool:
    return isinstance(text, str) and len(text) == 32 and set(text) <= set("0123456789abcdef")


def is_location(location) -> bool:
    return list(location) == ["left", "top", "width", "height", "rotation"] and all(
        isinstance(number, int | float) for number in location.values()
    )


def live(life: Life) -> None:
    def picture(name: str) -> str:
        return text(sample(name))

    def image(name: str) -> dict:
        return {"image": picture(name), "image_type": "BASE64"}

    check, result = life.check, life.result
    obama, obama2, obama3 = (picture(f"people/obama/{name}.jpg") for name in ("obama", "obama2", "obama3"))
    biden, partial = picture("people/biden/biden.jpg"), picture("probes/obama_partial_face.jpg")
    png = picture("probes/obama_32bit.png")
    four_faces = picture("groups/sample5.jpg")

    # Groups.
    check("groupAdd", "a new group", result("groupAdd", "sdk_staff") is None)
    check("groupAdd", "another one", result("groupAdd", "sdk_guests") is None)
    life.fails(223101, "group is already exist", "groupAdd", "sdk_staff")
    life.fails(222006, "group_id format error", "groupAdd", "no-such-id!")
    groups = result("getGroupList")
    check("getGroupList", "both, in order", groups == {"group_id_list": ["sdk_staff", "sdk_guests"]})
    page = result("getGroupList", {"start": 1, "length": 1})
    check("getGroupList", "a page", page == {"group_id_list": ["sdk_guests"]})

    # Users and their faces.
    added = result("addUser", obama, "BASE64", "sdk_staff", "obama", {"user_info": "总统", "quality_control": "HIGH"})
    check("addUser", "a face", list(added) == ["face_token", "location"], is_token(added.get("face_token")))
    check("addUser", "its place", is_location(added.get("location", {})))
    first = added.get("face_token")
    second = result("addUser", obama2, "BASE64", "sdk_staff", "obama", {"action_type": "APPEND"}).get("face_token")
    check("addUser", "a second face", is_token(second), second != first)
    check(
        "addUser", "another user", is_token(result("addUser", biden, "BASE64", "sdk_staff", "biden").get("face_token"))
    )
    life.fails(223105, "face is already exist", "addUser", obama, "BASE64", "sdk_staff", "biden")
    options = {"quality_control": "NORMAL"}
    life.fails(223113, "face is covered", "addUser", partial, "BASE64", "sdk_staff", "partial", options)

    row_keys = ["id", "groupId", "userId", "userName", "userInfo", "createTime"]
    users = result("getUser", "obama", "sdk_staff").get("user_list", [])
    check("getUser", "one row", len(users) == 1, list(users[0]) == row_keys, users[0]["userInfo"] == "总统")
    faces = result("faceGetlist", "obama", "sdk_staff").get("face_list", [])
    check("faceGetlist", "both faces", [face["face_token"] for face in faces] == [first, second])
    check("faceGetlist", "their times", all(len(face["ctime"]) == 19 for face in faces))
    users = result("getGroupUsers", "sdk_staff").get("user_id_list", [])
    check("getGroupUsers", "both users", [user["userId"] for user in users] == ["obama", "biden"])
    users = result("getGroupUsers", "sdk_staff", {"start": 1, "length": 5}).get("user_id_list", [])
    check("getGroupUsers", "a page", [user["userId"] for user in users] == ["biden"])

    # Identification.
    found = result("search", obama3, "BASE64", "sdk_staff,sdk_guests", {"match_threshold": 80})
    users = found.get("user_list", [{}])
    check("search", "the right user", len(users) == 1, users[0].get("user_id") == "obama", users[0]["score"] > 80)
    check("search", "all keys", list(users[0]) == ["group_id", "user_id", "user_info", "score"])
    users = result("search", png, "BASE64", "sdk_staff", {"max_user_num": 2}).get("user_list", [])
    check("search", "a PNG; more users", [user["user_id"] for user in users] == ["obama", "biden"])
    users = result("search", first, "FACE_TOKEN", "sdk_staff").get("user_list", [{}])
    check("search", "by face token", users[0].get("user_id") == "obama", users[0]["score"] > 99)
    users = result("search", obama3, "BASE64", "sdk_staff", {"user_id": "biden"}).get("user_list", [{}])
    check("search", "one user alone (1:1)", users[0].get("user_id") == "biden", users[0]["score"] < 80)
    life.fails(222207, "match user is not found", "search", obama, "BASE64", "sdk_guests")
    options = {"max_face_num": 10, "max_user_num": 2}
    found = result("multiSearch", biden, "BASE64", "sdk_staff", options)
    faces = found.get("face_list", [{}])
    check(
        "multiSearch",
        "a face and its user",
        found.get("face_num") == len(faces) == 1,
        is_location(faces[0]["location"]),
    )
    check("multiSearch", "the right user", [user["user_id"] for user in faces[0]["user_list"]] == ["biden"])
    life.fails(222207, "match user is not found", "multiSearch", four_faces, "BASE64", "sdk_staff", options)

    # Pictures without groups.
    same = result("match", [image("people/obama/obama.jpg"), image("people/obama/obama2.jpg")])
    check(
        "match",
        "the same person",
        same["score"] > 80,
        [face["face_token"] for face in same["face_list"]] == [first, second],
    )
    different = result("match", [image("people/biden/biden.jpg"), {"image": first, "image_type": "FACE_TOKEN"}])
    check("match", "two people", different["score"] < 80)
    life.fails(222208, "the number of image is incorrect", "match", [image("people/biden/biden.jpg")])
    found = result("detect", four_faces, "BASE64", {"max_face_num": 10, "face_field": "landmark,quality,age"})
    faces = found.get("face_list", [{}])
    check(
        "detect",
        "several faces",
        found["face_num"] == len(faces) > 1,
        all(is_location(face["location"]) for face in faces),
    )
    sizes = [face["location"]["width"] * face["location"]["height"] for face in faces]
    check("detect", "the largest first", sizes == sorted(sizes, reverse=True))
    check(
        "detect",
        "what was asked for",
        len(faces[0]["landmark"]) == 4,
        "blur" in faces[0]["quality"],
        "yaw" in faces[0]["angle"],
    )
    verified = result("faceverify", [image("people/obama/obama.jpg") | {"face_field": "quality", "option": "COMMON"}])
    check("faceverify", "how live", 0 <= verified["face_liveness"] <= 1, len(verified["face_list"]) == 1)
    check("faceverify", "thresholds", list(verified["thresholds"]) == ["frr_1e-4", "frr_1e-3", "frr_1e-2"])

    # Changes.
    options = {"src_group_id": "sdk_staff", "dst_group_id": "sdk_guests"}
    check("userCopy", "to another group", result("userCopy", "obama", options) is None)
    life.fails(223102, "user is already exist", "userCopy", "obama", options)
    users = result("search", obama3, "BASE64", "sdk_guests", {"match_threshold": 80}).get("user_list", [{}])
    check("userCopy", "is found there", users[0].get("group_id") == "sdk_guests", users[0]["user_info"] == "总统")
    users = result("getUser", "obama", "@ALL").get("user_list", [])
    check("getUser", "in every group", [user["groupId"] for user in users] == ["sdk_staff", "sdk_guests"])
    third = result("updateUser", obama3, "BASE64", "sdk_staff", "obama", {"user_info": "前总统"}).get("face_token")
    faces = result("faceGetlist", "obama", "sdk_staff").get("face_list", [])
    check("updateUser", "the faces before are gone", [face["face_token"] for face in faces] == [third])
    life.fails(223103, "user is not exist", "updateUser", obama, "BASE64", "sdk_staff", "nobody")
    check("faceDelete", "one of two faces", result("faceDelete", "obama", "sdk_guests", first) is None)
    life.fails(223106, "face is not exist", "faceDelete", "obama", "sdk_guests", first)
    check("faceDelete", "the last face", result("faceDelete", "obama", "sdk_guests", second) is None)
    life.fails(223103, "user is not exist", "getUser", "obama", "sdk_guests")

    # Errors.
    life.fails(223100, "group is not exist", "getGroupUsers", "sdk_nobody")
    life.fails(223100, "group is not exist", "search", obama, "BASE64", "sdk_nobody")
    life.fails(223103, "user is not exist", "faceGetlist", "nobody", "sdk_staff")
    life.fails(222203, "image check fail", "detect", "bm8gcGljdHVyZQ==", "BASE64")
    life.fails(222202, "pic not has face", "detect", text(grey_jpeg(64)), "BASE64")
    life.fails(222015, "param[image_type] format error", "detect", obama, "URL")
    life.fails(222209, "face token not exist", "detect", "0" * 32, "FACE_TOKEN")
    life.fails(222001, "param[user_id] is null", "addUser", obama, "BASE64", "sdk_staff", "")

    # Removal.
    check("deleteUser", "one", result("deleteUser", "sdk_staff", "biden") is None)
    life.fails(223103, "user is not exist", "deleteUser", "sdk_staff", "biden")
    for group in ("sdk_staff", "sdk_guests"):
        check("groupDelete", group, result("groupDelete", group) is None)
    life.fails(223100, "group is not exist", "groupDelete", "sdk_staff")
    check("getGroupList", "nothing is left", result("getGroupList") == {"group_id_list": []})


def unsupported(life: Life) -> None:
    """Every other call of the SDK is refused as unsupported, in the envelope."""
    covered = {call for call, _, _ in life.rows}
    for name, arguments in life.sdk.methods().items():
        if name not in covered:
            answer = life.ask(name, *["1"] * arguments)
            life.same("(not offered)", name, (answer["error_code"], answer["error_msg"]), (100, "Invalid parameter"))


def tokens(life: Life, sdk_with: Callable[..., Sdk], app_id: str, token: str) -> None:
    """Wrong keys get no access token, and calls without one are refused."""
    for what, keys in (("a wrong secret key", (app_id, token + "x")), ("a wrong API key", (app_id + "x", token))):
        stranger = sdk_with(app_id, *keys)
        life.fails(110, "Access token invalid or no longer valid", "getGroupList", sdk=stranger)
        exchanged = stranger.exchange()
        life.check("(token)", what, exchanged.get("error") == "invalid_client", "access_token" not in exchanged)
    own = life.sdk.exchange()
    life.check("(token)", "the right keys", own.get("access_token") == token, "brain_all_scope" in own.get("scope", ""))


def drive(name: str, sdk_with: Callable[..., Sdk], setting: Setting, bridge: Bridge | None = None) -> int:
    life = Life(name, sdk_with(setting.app_id, setting.app_id, setting.token))
    with life.to_the_end():
        live(life)
        unsupported(life)
        if bridge:
            life.same("(token)", "asked for once", bridge.call(exchanges=True)["answer"], 1)
    tokens(life, sdk_with, setting.app_id, setting.token)
    return life.finish()


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in CLIENTS:
        raise SystemExit(__doc__ + f"\nCLIENT: {', '.join(CLIENTS)}")
    name = sys.argv[1]
    setting = Setting()
    if name == NPM:
        with Bridge(NPM, {"base": setting.base}) as bridge:
            return drive(name, functools.partial(NpmSdk, bridge), setting, bridge)
    point_at(setting.base, CLIENTS[name])
    return drive(name, PythonSdk, setting)


if __name__ == "__main__":
    sys.exit(main())
