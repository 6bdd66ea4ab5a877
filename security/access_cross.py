"""Use one app's credentials with the ids of another app's objects.

The rule: the answer must be identical to the answer for ids that do not exist (except for values that are new in every
answer), so that it reveals neither content nor existence. At the end the other app's data must be unchanged.
"""

import collections
import re
from typing import NamedTuple

from access_world import World
from harness import Answer, Report

from journey import Pictures, picture, text  # isort: skip

FACE, OTHER, OWN = (f"people/{name}.jpg" for name in ("obama/obama", "biden/biden", "obama/obama2"))
MOST_MISSES_SHOWN = 6
DEVICE = {"ProductKey": "alphap", "DeviceName": "alphad", "IotInstanceId": "alphai"}
# Values that differ between any two answers.
NEW = re.compile(
    r'"(log_id|timestamp|processTimeInMs|requestid|request_id|requestId|RequestId|serialNo|usedTime|log|ctime)":("[^"]*"|[0-9.]+)'
)


class Thing(NamedTuple):
    """An id of an object, its kind by the name that calls use for it, and an unused id of the same shape."""

    kind: str
    id: str
    nobody: str


# Each character is replaced by the next one of its class, so that a hex digit stays a hex digit.
RINGS = ("0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ")
NEXT = str.maketrans("".join(RINGS), "".join(ring[1:] + ring[:1] for ring in RINGS))


def unlike(known: str) -> str:
    """An unused id of the same shape."""
    return known[:2] + known[2:].translate(NEXT)


class Cross:
    """The app `alpha` owns objects; the app `beta` tries to reach them."""

    def __init__(self, world: World, served: Pictures):
        self.world, self.served = world, served
        self.counts: collections.Counter = collections.Counter()
        self.misses: list[str] = []
        self.things: dict[str, list[Thing]] = collections.defaultdict(list)
        self.face = text(picture(FACE))
        self.fill()

    def own(self, kind: str, known) -> str:
        self.things[kind].append(Thing(kind, str(known), unlike(str(known))))
        return str(known)

    def fill(self) -> None:
        """Creates alpha's objects."""
        world, alpha = self.world, self.world.alpha
        keys = alpha.keys

        def manual(path: str, body: dict) -> dict:
            return world.must(world.manual(path, alpha.token, body)).json()["data"]

        def visual(action: str, **pairs: str):
            answer = world.visual(keys["alibaba"], action, {"IsolationId": "alphalib"} | pairs)
            if not answer.json()["Success"]:
                raise SystemExit(f"error: {action}: {answer.body!r}")
            return answer.json().get("Data")

        library = manual("/aicp/face/addBase", {"groupId": "alphalib", "dbName": "alpha-name", "dbDesc": "alpha-description"})
        manual("/aicp/face/addBase", {"groupId": "alphafree", "dbName": "alpha-free"})
        self.own("library", "alphalib"), self.own("library", library["personDbLib"])
        number = library["personDbLib"]
        (
            self.own("jd group", number),
            self.own("jd group", f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"),
            self.own("later group", number[:24]),
        )
        person = manual("/aicp/face/add", {"groupId": "alphalib", "image": self.face, "name": "alpha-person", "custId": "alpha-cust"})[
            "personNo"
        ]
        body = {
            "group_id": "alphalib",
            "user_id": "alphauser",
            "user_info": "alpha-info",
            "image": text(picture(OTHER)),
            "image_type": "BASE64",
        }
        added = world.manual("/face-api/v3/face/add", alpha.token, body).json()["result"]
        self.own("face token", added["face_token"])
        listed = visual("QueryFaceUserByName", PageNo="1", PageSize="50")["List"]
        (first,) = (one for one in listed if one["Name"] == "alpha-person")
        self.own("person", person), self.own("person", first["CustomUserId"]), self.own("person", "alphauser")
        self.own("later face", person[:24]), self.own("user", first["UserId"]), self.own("custom", "alphauser")
        self.own("picture", first["FacePicList"][0]["FaceMd5"])
        group, devices = (
            visual("AddFaceUserGroup", UserGroupName="alpha-group"),
            visual("AddFaceDeviceGroup", DeviceGroupName="alpha-devices"),
        )
        self.own("user group", group["UserGroupId"]), self.own("device group", devices["DeviceGroupId"])
        groups = {"UserGroupId": group["UserGroupId"], "DeviceGroupId": devices["DeviceGroupId"]}
        visual("AddFaceUserToUserGroup", UserGroupId=group["UserGroupId"], UserId=first["UserId"])
        visual("AddFaceDeviceToDeviceGroup", DeviceGroupId=devices["DeviceGroupId"], **DEVICE)
        self.own("relation", visual("AddFaceUserGroupAndDeviceGroupRelation", Relation="SYNC_INFO_PICTURE", **groups)["ControlId"])
        im = keys["tencent-im"]
        for name in ("alphaanna", "alphabert"):
            world.im(im, "im_open_login_svc/account_import", {"UserID": name, "Nick": "alpha-nick"})
        world.im(
            im,
            "sns/friend_add",
            {
                "From_Account": "alphaanna",
                "AddFriendItem": [{"To_Account": "alphabert", "Remark": "alpha-remark", "GroupName": "alpha-friends"}],
            },
        )
        self.own("account", "alphaanna"), self.own("friend", "alphabert")
        # Beta has a library with a person too, and an account.
        beta = world.beta
        world.must(world.manual("/aicp/face/addBase", beta.token, {"groupId": "betalib", "dbName": "b"}))
        world.must(world.manual("/aicp/face/add", beta.token, {"groupId": "betalib", "image": text(picture(OWN))}))
        world.im(beta.keys["tencent-im"], "im_open_login_svc/account_import", {"UserID": "betty"})

    def snapshot(self) -> str:
        """Everything that alpha has, as the calls report it."""
        world, alpha = self.world, self.world.alpha
        keys, site, page = alpha.keys, {"IsolationId": "alphalib"}, {"PageNo": "1", "PageSize": "50"}
        answers = [
            world.manual("/aicp/face/queryBaseAll", alpha.token),
            world.manual("/face-api/v3/user/list", alpha.token, {"group_id": "alphalib"}),
            world.manual("/face-api/v3/user/list", alpha.token, {"group_id": "alphafree"}),
            world.manual("/face-api/v3/face/list", alpha.token, {"group_id": "alphalib", "user_id": "alphauser"}),
            world.manual("/face-api/facehub/statgroup", alpha.token, {"group_id_list": "alphalib,alphafree"}),
            world.jd(keys["jdcloud"], "getFaceGroupList"),
            *(
                world.visual(keys["alibaba"], action, site | page)
                for action in (
                    "QueryFaceUserByName",
                    "QueryFaceAllUserGroup",
                    "QueryFaceAllDeviceGroup",
                    "QueryFaceAllUserGroupAndDeviceGroupRelation",
                )
            ),
            world.visual(keys["alibaba"], "QueryFaceAllUserIdsByGroupId", site | page | {"UserGroupId": self.things["user group"][0].id}),
            world.visual(keys["alibaba"], "QueryFaceDeviceGroupsByDevice", site | page | DEVICE),
            world.im(keys["tencent-im"], "sns/friend_get", {"From_Account": "alphaanna", "StartIndex": 0}),
            world.im(keys["tencent-im"], "sns/group_get", {"From_Account": "alphaanna"}),
            world.im(
                keys["tencent-im"], "im_open_login_svc/account_check", {"CheckItem": [{"UserID": "alphaanna"}, {"UserID": "alphabert"}]}
            ),
        ]
        return "\n".join(NEW.sub("", answer.body.decode()) for answer in answers)

    def compare(self, dialect: str, name: str, call, *kinds: str) -> None:
        """Compares the answers for each combination of alpha's ids of these kinds with those for unused ids."""
        chosen = [[]]
        for kind in kinds:
            chosen = [[*head, thing] for head in chosen for thing in self.things[kind]]
        for things in chosen:
            known, unknown = call(*(thing.id for thing in things)), call(*(thing.nobody for thing in things))
            self.counts[dialect] += 1
            texts = [self.plain(answer, things) for answer in (known, unknown)]
            if texts[0] != texts[1] or known.status == 0:
                ids = ", ".join(thing.id for thing in things)
                self.misses.append(f"{dialect}, {name} of {ids}: {texts[0][:200]} but to nobody's: {texts[1][:200]}")

    @staticmethod
    def plain(answer: Answer, things: list[Thing]) -> str:
        said = answer.body.decode(errors="replace")
        for thing in sorted(things, key=lambda thing: -len(thing.id)):
            said = said.replace(thing.id, "ID").replace(thing.nobody, "ID")
        return f"{answer.status} {NEW.sub('', said)}"

    def manual(self, token: str | None, who: str) -> None:
        """Sections 2, 3 and 7; without a token the calls act for a separate app."""
        world, face = self.world, self.face

        def ask(path: str, body: dict):
            return world.manual(path, token, body)

        for head in ("/aicp/face/", "/interactiveability/face/"):
            if head.startswith("/i") and token:
                continue
            search = "facerecognition" if head.startswith("/i") else "recognition"
            self.compare(who, search, lambda lib: ask(f"{head}{search}", {"groupId": lib, "image": face}), "library")
        for path in ("remove", "query"):
            self.compare(who, path, lambda lib, one: ask(f"/aicp/face/{path}", {"groupId": lib, "userId": one}), "library", "person")
            self.compare(who, f"{path} in its own", lambda one: ask(f"/aicp/face/{path}", {"groupId": "betalib", "userId": one}), "person")
        if token is None:
            return
        self.compare(who, "add", lambda lib: ask("/aicp/face/add", {"groupId": lib, "image": face}), "library")
        self.compare(who, "deleteBase", lambda lib: ask("/aicp/face/deleteBase", {"groupId": lib}), "library")
        self.compare(who, "recognitionmn", lambda lib: ask("/aicp/face/recognitionmn", {"groupId": lib, "image": face}), "library")
        self.none_of(who, "recognitionmn of all", ask("/aicp/face/recognitionmn", {"image": face}))
        for path in (
            "/method/call/all",
            "/aicp/face/queryBaseAll",
            "/face-api/v3/group/list",
            "/face-api/v3/app/list",
            "/face-api/facehub/statapp",
            "/method/call",
        ):
            self.none_of(who, path, ask(path, {}))
        self.none_of(who, "statapp of alpha", ask("/face-api/facehub/statapp", {"op_app_id_list": "alpha"}), may_echo="alpha")
        self.none_of(who, "statgroup of alpha", ask("/face-api/facehub/statgroup", {"op_app_id": "alpha", "group_id_list": "alphalib"}))

    def none_of(self, dialect: str, name: str, answer: Answer, may_echo: str = "") -> None:
        """Checks that an answer contains nothing of alpha's."""
        self.counts[dialect] += 1
        said = answer.body.decode(errors="replace")
        ids = [thing.id for some in self.things.values() for thing in some]
        if (not may_echo and "alpha" in said) or any(one in said for one in ids) or '"group_num"' in said and may_echo:
            self.misses.append(f"{dialect}, {name}: {answer.status} {said[:300]}")

    def nine(self) -> None:
        world, token = self.world, self.world.beta.token

        def ask(path: str, **body):
            return world.manual(f"/face-api/{path}", token, body)

        image = {"image": self.face, "image_type": "BASE64"}
        compare = lambda name, call, *kinds: self.compare("section 9", name, call, *kinds)  # noqa: E731
        compare("group/delete", lambda lib: ask("v3/group/delete", group_id=lib), "library")
        compare("user/list", lambda lib: ask("v3/user/list", group_id=lib), "library")
        compare("statgroup", lambda lib: ask("facehub/statgroup", group_id_list=lib), "library")
        compare("identify", lambda lib: ask("v3/face/identify", group_id_list=lib, **image), "library")
        compare("midentify", lambda lib: ask("v3/face/midentify", group_id_list=lib, **image), "library")
        compare("identify beside its own", lambda lib: ask("v3/face/identify", group_id_list=f"betalib,{lib}", **image), "library")
        for path in ("user/get", "user/delete", "face/list"):
            compare(path, lambda lib, one: ask(f"v3/{path}", group_id=lib, user_id=one), "library", "person")
            for own in ("betalib", "@ALL"):
                compare(f"{path} in {own}", lambda one: ask(f"v3/{path}", group_id=own, user_id=one), "person")
        compare("face/update", lambda lib, one: ask("v3/face/update", group_id=lib, user_id=one, **image), "library", "person")
        compare(
            "face/delete",
            lambda lib, one, face: ask("v3/face/delete", group_id=lib, user_id=one, face_token=face),
            "library",
            "person",
            "face token",
        )
        compare(
            "user/copy from",
            lambda lib, one: ask("v3/user/copy", src_group_id=lib, dst_group_id="betalib", user_id=one),
            "library",
            "person",
        )
        compare("user/copy to", lambda lib: ask("v3/user/copy", src_group_id="betalib", dst_group_id=lib, user_id="x"), "library")
        for path in ("face/detect", "face/identify"):
            compare(
                f"{path} by token",
                lambda face: ask(f"v3/{path}", image=face, image_type="FACE_TOKEN", group_id_list="betalib"),
                "face token",
            )
        compare(
            "match by token",
            lambda face: world.manual("/face-api/v3/face/match", token, [image, {"image": face, "image_type": "FACE_TOKEN"}]),
            "face token",
        )
        compare(
            "add by token",
            lambda face: ask("v3/face/add", image=face, image_type="FACE_TOKEN", group_id="betalib", user_id="thief"),
            "face token",
        )

    def jdcloud(self) -> None:
        world, key = self.world, self.world.beta.keys["jdcloud"]

        def compare(api: str, call, *kinds: str) -> None:
            self.compare("JD Cloud", api, call, *kinds)

        body = {"imageBase64": self.face}
        for name, kind in (("groupId", "jd group"), ("groupName", "library")):
            compare("faceGroupDelete", lambda group: world.jd(key, "faceGroupDelete", {name: group}), kind)
            compare("faceSearch", lambda group: world.jd(key, "faceSearch", {name: group}, body), kind)
            compare("faceCreate", lambda group: world.jd(key, "faceCreate", {name: group, "outerId": "thief"}, body), kind)
            for api in ("faceDelete", "faceGroupDelete"):
                compare(api, lambda group, one: world.jd(key, api, {name: group, "outerId": one}), kind, "person")
        compare("faceDelete in its own", lambda one: world.jd(key, "faceDelete", {"groupName": "betalib", "outerId": one}), "person")
        picture_ = {"imgBase64": self.face}
        for api, more in (("groupDeleteV1", {}), ("groupUpdateV1", {"groupName": "thief"}), ("faceFetchV1", {"pageId": 0, "pageSize": 10})):
            compare(api, lambda group: world.jd(key, api, {"groupId": group} | more), "later group")
        for api in ("faceCreateV1", "faceSearchV1"):
            compare(api, lambda group: world.jd(key, api, body={"groupId": group} | picture_), "later group")
        compare("faceDeleteV1", lambda one: world.jd(key, "faceDeleteV1", {"faceId": one}), "later face")
        compare(
            "faceUpdateV1",
            lambda group, one: world.jd(key, "faceUpdateV1", body={"groupId": group, "faceId": one} | picture_),
            "later group",
            "later face",
        )
        for api in ("getFaceGroupList", "groupFetchV1"):
            self.none_of("JD Cloud", api, world.jd(key, api))

    def linkvisual(self) -> None:
        world, key = self.world, self.world.beta.keys["alibaba"]
        page, url = {"PageNo": "1", "PageSize": "10"}, {"FacePicUrl": self.served.url("strangers/female/1.jpg")}
        names = {
            "user": "UserId",
            "custom": "CustomUserId",
            "user group": "UserGroupId",
            "device group": "DeviceGroupId",
            "relation": "ControlId",
            "picture": "FacePicMd5",
        }
        relation = {"Relation": "SYNC_INFO_PICTURE"}
        actions: list[tuple[str, dict, tuple[str, ...]]] = [
            ("UpdateFaceUser", {"Name": "thief"}, ("user",)),
            ("UpdateFaceUser", url, ("user",)),
            ("DeleteFaceUser", {}, ("user",)),
            ("QueryFaceUser", {}, ("user",)),
            ("QueryFaceUserByName", page, ()),
            ("QueryFaceUserIdByCustomUserId", {}, ("custom",)),
            ("QueryFaceCustomUserIdByUserId", {}, ("user",)),
            ("AddFaceUserPicture", url, ("user",)),
            ("DeleteFaceUserPicture", {}, ("user", "picture")),
            ("DeleteFaceUserGroup", {}, ("user group",)),
            ("AddFaceUserToUserGroup", {}, ("user group", "user")),
            ("RemoveFaceUserFromUserGroup", {}, ("user group", "user")),
            ("QueryFaceUserGroup", page, ("user",)),
            ("QueryFaceAllUserGroup", page, ()),
            ("QueryFaceAllUserIdsByGroupId", page, ("user group",)),
            ("DeleteFaceDeviceGroup", {}, ("device group",)),
            ("QueryFaceAllDeviceGroup", page, ()),
            ("AddFaceDeviceToDeviceGroup", DEVICE, ("device group",)),
            ("RemoveFaceDeviceFromDeviceGroup", DEVICE, ("device group",)),
            ("QueryFaceDeviceGroupsByDevice", page | DEVICE, ()),
            ("CheckFaceUserDoExistOnDevice", DEVICE, ("user",)),
            ("ClearFaceDeviceDB", DEVICE, ()),
            ("AddFaceUserGroupAndDeviceGroupRelation", relation, ("user group", "device group")),
            ("UpdateFaceUserGroupAndDeviceGroupRelation", relation, ("relation",)),
            ("DeleteFaceUserGroupAndDeviceGroupRelation", {}, ("relation",)),
            ("QueryFaceUserGroupAndDeviceGroupRelation", {}, ("relation",)),
            ("QueryFaceAllUserGroupAndDeviceGroupRelation", page, ()),
        ]
        for action, pairs, kinds in actions:

            def call(site: str, *ids: str):
                given = {names[kind]: one for kind, one in zip(kinds, ids)}
                return world.visual(key, action, {"IsolationId": site} | pairs | given)

            self.compare("LinkVisual", action, call, "library", *kinds)
            if kinds:
                self.compare("LinkVisual", f"{action} in its own", lambda *ids: call("betalib", *ids), *kinds)
        batch = lambda site, one: world.visual(key, "QueryFaceUserBatch", {"IsolationId": site, "UserIdList.1": one})  # noqa: E731
        self.compare("LinkVisual", "QueryFaceUserBatch", batch, "library", "user")
        self.compare("LinkVisual", "QueryFaceUserBatch in its own", lambda one: batch("betalib", one), "user")

    def tencent_im(self) -> None:
        world, key = self.world, self.world.beta.keys["tencent-im"]
        commands: list[tuple[str, dict, str | None]] = [
            ("friend_get", {"StartIndex": 0}, None),
            ("group_get", {}, None),
            ("group_add", {"GroupName": ["thief"]}, "To_Account"),
            ("group_delete", {"GroupName": ["alpha-friends"]}, None),
            ("friend_add", {}, "AddFriendItem"),
            ("friend_import", {}, "AddFriendItem"),
            ("friend_update", {}, "UpdateItem"),
            ("friend_delete", {}, "To_Account"),
            ("friend_delete_all", {"DeleteType": "Delete_Type_Both"}, None),
            ("friend_check", {"CheckType": "CheckResult_Type_Both"}, "To_Account"),
            ("friend_get_list", {"TagList": ["Tag_SNS_IM_Remark", "Tag_Profile_IM_Nick"]}, "To_Account"),
        ]

        def body(who: str, more: dict, field: str | None, other: str) -> dict:
            item = {"To_Account": other, "AddSource": "AddSource_Type_X", "SnsItem": [{"Tag": "Tag_SNS_IM_Remark", "Value": "x"}]}
            given = {} if field is None else {field: [other if field == "To_Account" else item]}
            return {"From_Account": who} | more | given

        for command, more, field in commands:
            call = lambda who, other: world.im(key, f"sns/{command}", body(who, more, field, other))  # noqa: E731
            self.compare("Tencent IM", command, call, "account", "friend")
            if field:
                self.compare("Tencent IM", f"{command} of its own", lambda other: call("betty", other), "friend")
        for command, field in (("account_check", "CheckItem"), ("account_delete", "DeleteItem")):
            self.compare(
                "Tencent IM", command, lambda one: world.im(key, f"im_open_login_svc/{command}", {field: [{"UserID": one}]}), "account"
            )
            self.compare(
                "Tencent IM", command, lambda one: world.im(key, f"im_open_login_svc/{command}", {field: [{"UserID": one}]}), "friend"
            )

    def same_names(self) -> None:
        """Objects of beta may have the same names as alpha's without affecting them."""
        world, beta, keys = self.world, self.world.beta, self.world.beta.keys
        image = {"image": text(picture(OTHER)), "image_type": "BASE64"}
        world.must(world.manual("/aicp/face/addBase", beta.token, {"groupId": "alphafree", "dbName": "x"}))
        world.manual("/face-api/v3/face/add", beta.token, {"group_id": "alphalib", "user_id": "alphauser"} | image)
        world.visual(keys["alibaba"], "AddFaceUserGroup", {"IsolationId": "alphalib", "UserGroupName": "alpha-group"})
        world.visual(keys["alibaba"], "AddFaceDeviceGroup", {"IsolationId": "alphalib", "DeviceGroupName": "alpha-devices"})
        world.im(keys["tencent-im"], "im_open_login_svc/account_import", {"UserID": "alphaanna", "Nick": "thief"})
        for group in ("alphafree", "alphalib"):
            world.manual("/face-api/v3/group/delete", beta.token, {"group_id": group})
        world.im(keys["tencent-im"], "im_open_login_svc/account_delete", {"DeleteItem": [{"UserID": "alphaanna"}]})
        self.counts["of the same name"] += 8


def report(report: Report, world: World, served: Pictures) -> None:
    cross = Cross(world, served)
    before = cross.snapshot()
    cross.manual(world.beta.token, "sections 3 and 7")
    cross.manual(None, "without a token")
    for part in (cross.nine, cross.jdcloud, cross.linkvisual, cross.tencent_im):
        part()
    after = cross.snapshot()
    cross.same_names()
    last = cross.snapshot()
    for name, found in (("other apps' calls", after), ("things of the same name", last)):
        if found != before:
            changed = [f"{was[:150]} became {now[:150]}" for was, now in zip(before.split("\n"), found.split("\n")) if was != now]
            cross.misses.append(f"alpha's things changed by {name}: {changed[:3]}")
    shown = cross.misses[:MOST_MISSES_SHOWN]
    more = len(cross.misses) - len(shown)
    told = ", ".join(f"{dialect} {count}" for dialect, count in cross.counts.items())
    report.row("another app's ids", f"{cross.counts.total()} calls: {told}", *shown, *([f"and {more} more"] if more else []))
