#!/usr/bin/env python3
"""Drive the server's Tencent IM dialect (`/v4/...`) with timsdk, unmodified, and Tencent's makers of user signatures.

Usage: conformance/tencent_im.py CLIENT, a name of CLIENTS below; `run.py` sets the environment.

timsdk's host is hard-coded in `HttpClient.get_url`; only that method is replaced, by one that calls it and inserts this
server's address. timsdk lacks `group_get` and the newer bodies of some commands: these use `_post`, through which all
its calls go.
"""

import sys
import time
import unittest.mock
import urllib.parse

import timsdk
from timsdk import HttpClient, api
from TLSSigAPIv2 import TLSSigAPIv2

from journey import Bridge, Journey, Setting

ADMIN = "administrator"
DAY = 86400


def point_at(base: str) -> None:
    """Redirects timsdk to this server."""
    scheme, _, host = base.partition("://")
    get_url = HttpClient.get_url

    def moved(self, path):
        return urllib.parse.urlsplit(get_url(self, path))._replace(scheme=scheme, netloc=host).geturl()

    HttpClient.get_url = moved


class Client:
    """timsdk with an externally made signature."""

    def __init__(self, app_id, identifier: str, signature: str):
        client = HttpClient(app_id, identifier, signature)
        self.sns = api.SNS(client=client)
        self.im_open_login_svc = api.IMOpenLoginSVC(client=client)


def python_client(key: dict):
    """timsdk with its default signer, PyPI `tls-sig-api-v2`."""
    return timsdk.TimClient(key["sdkappid"], key["key"], ADMIN)


def node_client(key: dict):
    """timsdk with the signature of npm `tls-sig-api-v2`."""
    with Bridge("tls-sig-api-v2", key) as bridge:
        return Client(key["sdkappid"], ADMIN, bridge.call(identifier=ADMIN, seconds=DAY)["answer"])


CLIENTS = {"timsdk": python_client, "timsdk + npm tls-sig-api-v2": node_client}


class Life(Journey):
    def __init__(self, client: str, tim):
        super().__init__("tencent-im", client)
        self.sns = tim.sns
        self.accounts = tim.im_open_login_svc

    def enveloped(self, command: str, answer: dict, has_display: bool) -> dict:
        """Returns the answer without its envelope, whose keys must be the last and in order."""
        keys = ["ActionStatus", "ErrorCode", "ErrorInfo"] + (["ErrorDisplay"] if has_display else [])
        right = list(answer)[-len(keys) :] == keys and (answer["ActionStatus"] == "OK") == (answer["ErrorCode"] == 0)
        if not right:
            self.check(command, f"unexpected answer: {str(answer)[:300]}", False)
        return {name: value for name, value in answer.items() if name not in keys}

    def ok(self, command: str, answer: dict) -> dict:
        """Returns the data beside the envelope of a command that must succeed."""
        told = self.enveloped(command, answer, command in SNS)
        if answer.get("ErrorCode") != 0 or answer.get("ErrorInfo") != "":
            self.check(command, f"failed: {str(answer)[:300]}", False)
        return told

    def fails(self, code: int, command: str, answer: dict, info: str | None = None) -> None:
        """Checks a command that must fail as a whole, without further data."""
        told = self.enveloped(command, answer, command in SNS)
        found = (answer["ActionStatus"], answer["ErrorCode"], info and answer["ErrorInfo"], told)
        self.same(command, f"{code} as a whole", found, ("FAIL", code, info, {}))

    def items(
        self,
        command: str,
        what: str,
        told: dict,
        codes: dict[str, int],
        key: str = "ResultItem",
        name: str = "To_Account",
    ):
        """Checks for one result per account, in the requested order, and the list of failed accounts."""
        found = {item[name]: item["ResultCode"] for item in told[key]}
        self.same(command, what, list(found.items()), list(codes.items()))
        failed = [account for account, code in codes.items() if code]
        if name == "To_Account":
            self.same(command, f"{what}: who failed", told.get("Fail_Account"), failed or None)
        silent = all(bool(item["ResultInfo"]) == bool(item["ResultCode"]) for item in told[key])
        self.check(command, f"{what}: words for failures alone", silent)


SNS = (
    "group_get", "group_add", "group_delete", "friend_add", "friend_import", "friend_update", "friend_delete",
    "friend_delete_all", "friend_check", "friend_get", "friend_get_list",
)  # fmt: skip


def accounts(life: Life) -> None:
    check, same, ok, fails = life.check, life.same, life.ok, life.fails
    login = life.accounts
    post = login._post
    same("account_import", "an account", ok("account_import", login.account_import("ann", "安", "a.png")), {})
    same("account_import", "once more", ok("account_import", login.account_import("ann", "安妮")), {})
    same(
        "account_import",
        "UserID",
        ok("account_import", post("im_open_login_svc/account_import", data={"UserID": "bob"})),
        {},
    )
    fails(70402, "account_import", login.account_import("x" * 33))
    fails(70402, "account_import", login.account_import(""))
    told = ok("multiaccount_import", login.im_open_login_svc(["cat", "dan", "eve"]))
    same("multiaccount_import", "names", told, {"FailAccounts": []})
    newer = {"AccountList": [{"UserID": "fay", "Nick": "菲"}, {"UserID": "y" * 33}]}
    told = ok("multiaccount_import", post("im_open_login_svc/multiaccount_import", data=newer))
    same("multiaccount_import", "objects", told, {"FailAccounts": ["y" * 33]})
    fails(70402, "multiaccount_import", login.im_open_login_svc([f"user{number}" for number in range(101)]))
    told = ok("account_check", login.account_check(["ann", "nobody", "fay"]))
    states = [(item["UserID"], item["ResultCode"], item["AccountStatus"]) for item in told["ResultItem"]]
    same(
        "account_check",
        "by GET with a body",
        states,
        [("ann", 0, "Imported"), ("nobody", 0, "NotImported"), ("fay", 0, "Imported")],
    )
    fails(70402, "account_check", login.account_check([f"user{number}" for number in range(101)]))
    told = ok("account_delete", login.account_delete(["fay", "nobody"]))
    life.items("account_delete", "one, and one who is not", told, {"fay": 0, "nobody": 70107}, name="UserID")
    told = ok("account_check", login.account_check(["fay"]))
    same("account_delete", "it is gone", told["ResultItem"][0]["AccountStatus"], "NotImported")
    told = ok("account_delete", login.account_delete([ADMIN]))
    life.items("account_delete", "an administrator", told, {ADMIN: 70402}, name="UserID")
    fails(70402, "account_delete", login.account_delete([]))
    check("account_import", "after its deletion", ok("account_import", login.account_import("fay")) == {})


def friends(life: Life) -> None:
    check, same, ok, fails, items = life.check, life.same, life.ok, life.fails, life.items
    sns = life.sns
    both, single = sns.CHECK_RESULT_TYPE_BOTH, sns.CHECK_RESULT_TYPE_SINGLE

    def relations(account: str, others: list[str], kind: str) -> list[str]:
        told = ok("friend_check", sns.friend_check(account, others, kind))
        return [item["Relation"].removeprefix("CheckResult_Type_") for item in told["InfoItem"]]

    def fields(account: str, friend: str, tags: list[str]) -> dict:
        told = ok("friend_get_list", sns.friend_get_list(account, [friend], tags))
        return {field["Tag"]: field["Value"] for field in told["InfoItem"][0]["SnsProfileItem"]}

    # Adding.
    item = {"To_Account": "bob", "AddSource": "AddSource_Type_Web", "Remark": "鲍勃", "GroupName": "close"}
    told = ok("friend_add", sns.friend_add("ann", [item, {"To_Account": "nobody", "AddSource": "AddSource_Type_Web"}]))
    items("friend_add", "one, and one who is not", told, {"bob": 0, "nobody": 30003})
    same("friend_check", "both ways", relations("ann", ["bob", "cat"], both), ["BothWay", "NoRelation"])
    told = ok("friend_add", sns.friend_add("ann", [{"To_Account": "bob", "AddSource": "AddSource_Type_Web"}]))
    items("friend_add", "a friend already", told, {"bob": 30001})
    same("friend_add", "in these words", told["ResultItem"][0]["ResultInfo"], "Err_SNS_FriendAdd_Friend_Exist")
    told = ok("friend_add", sns.friend_add("ann", [{"To_Account": "ann", "AddSource": "AddSource_Type_Web"}]))
    items("friend_add", "oneself", told, {"ann": 30001})
    told = ok("friend_add", sns.friend_add("ann", [{"To_Account": "cat"}], sns.ADD_TYPE_SINGLE, sns.FORCE_ADD_FLAGS_NO))
    items("friend_add", "one way", told, {"cat": 0})
    same(
        "friend_check",
        "one way",
        relations("ann", ["cat"], both) + relations("cat", ["ann"], both),
        ["AWithB", "BWithA"],
    )
    same(
        "friend_check",
        "my side",
        relations("cat", ["ann"], single) + relations("ann", ["cat"], single),
        ["NoRelation", "AWithB"],
    )
    fails(30003, "friend_add", sns.friend_add("nobody", [{"To_Account": "ann"}]))
    fails(30001, "friend_add", sns.friend_add("", [{"To_Account": "ann"}]))
    fails(30001, "friend_add", sns.friend_add("ann", {"To_Account": "bob"}), "SNS_DECODE_ERR")
    fails(30001, "friend_add", sns.friend_add("ann", [{"To_Account": "bob"}] * 1001))
    fails(30001, "friend_check", sns.friend_check("ann", ["bob"], "CheckResult_Type_None"))
    fails(30003, "friend_check", sns.friend_check("nobody", ["bob"]))

    # Importing and changing.
    item = {
        "To_Account": "dan",
        "AddSource": "AddSource_Type_Old",
        "Remark": "丹",
        "RemarkTime": 1500000000,
        "AddTime": 1500000000,
    }
    item |= {
        "GroupName": ["close", "work"],
        "AddWording": "你好",
        "CustomItem": [{"Tag": "Tag_SNS_Custom_Level", "Value": 7}],
    }
    told = ok(
        "friend_import", sns.friend_import("ann", [item, {"To_Account": "nobody", "AddSource": "AddSource_Type_Old"}])
    )
    items("friend_import", "one, and one who is not", told, {"dan": 0, "nobody": 30003})
    told = fields(
        "ann",
        "dan",
        [
            "Tag_SNS_IM_Remark",
            "Tag_SNS_IM_Group",
            "Tag_SNS_IM_AddTime",
            "Tag_SNS_IM_AddSource",
            "Tag_SNS_IM_AddWording",
        ],
    )
    wanted = {"Tag_SNS_IM_Remark": "丹", "Tag_SNS_IM_Group": ["close", "work"], "Tag_SNS_IM_AddTime": 1500000000}
    wanted |= {"Tag_SNS_IM_AddSource": "AddSource_Type_Old", "Tag_SNS_IM_AddWording": "你好"}
    same("friend_get_list", "what was imported", told, wanted)
    fails(30003, "friend_import", sns.friend_import("nobody", [item]))
    change = [{"Tag": "Tag_SNS_IM_Remark", "Value": "老丹"}, {"Tag": "Tag_SNS_IM_Group", "Value": ["work", "new"]}]
    update = [{"To_Account": "dan", "SnsItem": change}, {"To_Account": "eve", "SnsItem": change}]
    items(
        "friend_update",
        "one, and one who is no friend",
        ok("friend_update", sns.friend_update("ann", update)),
        {"dan": 0, "eve": 30001},
    )
    told = fields("ann", "dan", ["Tag_SNS_IM_Remark", "Tag_SNS_IM_Group"])
    same(
        "friend_update",
        "remark and groups",
        (told["Tag_SNS_IM_Remark"], set(told["Tag_SNS_IM_Group"])),
        ("老丹", {"work", "new"}),
    )
    update = [{"To_Account": "dan", "SnsItem": [{"Tag": "Tag_SNS_IM_AddTime", "Value": 1}]}]
    items("friend_update", "a tag that stays", ok("friend_update", sns.friend_update("ann", update)), {"dan": 30001})

    # Reading.
    told = ok("friend_get_list", sns.friend_get_list("ann", ["bob", "eve"]))
    items("friend_get_list", "one, and one who is no friend", told, {"bob": 0, "eve": 30001}, key="InfoItem")
    check("friend_get_list", "nothing of a stranger", "SnsProfileItem" not in told["InfoItem"][1])
    same("friend_get_list", "a profile", fields("bob", "ann", ["Tag_Profile_IM_Nick"]), {"Tag_Profile_IM_Nick": "安妮"})
    fails(
        30001, "friend_get_list", sns._post("sns/friend_get_list", data={"From_Account": "ann", "To_Account": ["bob"]})
    )
    told = ok("friend_get", sns.friend_get("ann"))
    same("friend_get", "all", {item["To_Account"] for item in told["UserDataItem"]}, {"bob", "cat", "dan"})
    same("friend_get", "one page", (told["FriendNum"], told["CompleteFlag"] != 0, told["NextStartIndex"]), (3, True, 0))
    marks = {"StandardSequence": told["StandardSequence"], "CustomSequence": told["CustomSequence"]}
    again = ok("friend_get", sns._post("sns/friend_get", data={"From_Account": "ann", "StartIndex": 0} | marks))
    same("friend_get", "nothing new", again.get("UserDataItem") or [], [])
    told = ok("friend_get", sns.friend_get("eve"))
    same("friend_get", "no friends", (told.get("UserDataItem") or [], told["CompleteFlag"] != 0), ([], True))
    fails(30003, "friend_get", sns.friend_get("nobody"))

    # Paging.
    crowd = [f"crowd{number:03}" for number in range(120)]
    for start in (0, 60):
        ok("multiaccount_import", life.accounts.im_open_login_svc(crowd[start : start + 60]))
    ok(
        "friend_import",
        sns.friend_import("eve", [{"To_Account": one, "AddSource": "AddSource_Type_Old"} for one in crowd]),
    )
    first = ok("friend_get", sns.friend_get("eve"))
    same(
        "friend_get",
        "a full page",
        (len(first["UserDataItem"]), first["FriendNum"], first["CompleteFlag"]),
        (100, 120, 0),
    )
    second = ok("friend_get", sns.friend_get("eve", first["NextStartIndex"]))
    found = [item["To_Account"] for item in first["UserDataItem"] + second["UserDataItem"]]
    same(
        "friend_get",
        "both pages",
        (sorted(found), second["CompleteFlag"] != 0, second["NextStartIndex"]),
        (crowd, True, 0),
    )

    # Removing friends.
    told = ok("friend_delete", sns.friend_delete("ann", ["bob", "eve"]))
    items("friend_delete", "both ways, and a stranger", told, {"bob": 0, "eve": 31704})
    same("friend_delete", "nothing is left", relations("ann", ["bob"], both), ["NoRelation"])
    ok("friend_add", sns.friend_add("ann", [{"To_Account": "bob"}]))
    ok("friend_delete", sns.friend_delete("ann", ["bob"], sns.DELETE_TYPE_SINGLE))
    same("friend_delete", "one way", relations("ann", ["bob"], both), ["BWithA"])
    fails(30003, "friend_delete", sns.friend_delete("nobody", ["bob"]))
    same("friend_delete_all", "everybody", ok("friend_delete_all", sns.friend_delete_all("ann")), {})
    told = ok("friend_get", sns.friend_get("ann"))
    same("friend_delete_all", "nobody is left", (told.get("UserDataItem") or [], told["CompleteFlag"] != 0), ([], True))
    same("friend_delete_all", "once more", ok("friend_delete_all", sns.friend_delete_all("ann")), {})
    fails(30003, "friend_delete_all", sns.friend_delete_all("nobody"))


def groups(life: Life) -> None:
    check, same, ok, fails = life.check, life.same, life.ok, life.fails
    sns = life.sns

    def get(account: str = "cat", **more) -> dict:
        return sns._post("sns/group_get", data={"From_Account": account} | more)

    same("group_get", "none yet", ok("group_get", get()), {"ResultItem": [], "CurrentSequence": 0})
    told = ok("group_add", sns.group_add("cat", ["家人", "work"]))
    same("group_add", "two", told, {"CurrentSequence": 1})
    ok("friend_add", sns.friend_add("cat", [{"To_Account": "dan"}, {"To_Account": "eve"}]))
    told = ok("group_add", sns.group_add("cat", ["chess"], ["dan", "bob"]))
    life.items("group_add", "with a friend and a stranger", told, {"dan": 0, "bob": 32216})
    same("group_add", "its step", told["CurrentSequence"], 2)
    same("group_add", "once more", ok("group_add", sns.group_add("cat", ["chess"])), {"CurrentSequence": 2})
    told = ok("group_get", get())
    names = [(item["GroupName"], item["FriendNumber"]) for item in told["ResultItem"]]
    same("group_get", "all, in order", names, [("家人", 0), ("work", 0), ("chess", 1)])
    check("group_get", "without members", all("To_Account" not in item for item in told["ResultItem"]))
    told = ok("group_get", get(NeedFriend="Need_Friend_Type_Yes"))
    same("group_get", "with members", [item["To_Account"] for item in told["ResultItem"]], [[], [], ["dan"]])
    told = ok("group_get", get(GroupName=["chess", "nothing", "work"]))
    named = [
        {"GroupName": "chess", "FriendNumber": 1, "To_Account": ["dan"]},
        {"GroupName": "work", "FriendNumber": 0, "To_Account": []},
    ]
    same("group_get", "by name", told, {"ResultItem": named, "CurrentSequence": 2})
    same("group_get", "nothing new", ok("group_get", get(LastSequence=2)), {"ResultItem": [], "CurrentSequence": 2})
    same("group_get", "something new", len(ok("group_get", get(LastSequence=1))["ResultItem"]), 3)
    fails(30003, "group_get", get("nobody"))
    fails(30001, "group_get", get(GroupName=[f"g{number}" for number in range(33)]))
    fails(30001, "group_get", get(LastSequence="last"))
    fails(30001, "group_add", sns.group_add("cat", []))
    fails(30001, "group_add", sns.group_add("cat", ["x" * 31]))
    fails(30011, "group_add", sns.group_add("cat", [f"g{number}" for number in range(30)]))
    fails(30003, "group_add", sns.group_add("nobody", ["x"]))
    same("group_add", "nothing of what failed", len(ok("group_get", get())["ResultItem"]), 3)
    told = ok("group_add", sns.group_add("cat", [f"g{number}" for number in range(29)]))
    same("group_add", "up to 32", told["CurrentSequence"], 3)
    fails(30011, "group_add", sns.group_add("cat", ["one more"]))
    same(
        "group_delete",
        "some",
        ok("group_delete", sns.group_delete("cat", [f"g{number}" for number in range(29)])),
        {"CurrentSequence": 4},
    )
    same(
        "group_delete",
        "one that is not",
        ok("group_delete", sns.group_delete("cat", ["nothing"])),
        {"CurrentSequence": 4},
    )
    same(
        "group_delete",
        "one with a member",
        ok("group_delete", sns.group_delete("cat", ["chess"])),
        {"CurrentSequence": 5},
    )
    told = ok("friend_check", sns.friend_check("cat", ["dan"]))
    same("group_delete", "the friend stays", told["InfoItem"][0]["Relation"], "CheckResult_Type_BothWay")
    fails(30003, "group_delete", sns.group_delete("nobody", ["x"]))
    fails(30001, "group_delete", sns.group_delete("cat", [f"g{number}" for number in range(33)]))


def signatures(life: Life, key: dict) -> None:
    """Valid and invalid user signatures, by both of Tencent's makers."""
    app, secret = key["sdkappid"], key["key"]
    maker = TLSSigAPIv2(app, secret)
    good = maker.gen_sig(ADMIN, DAY)

    def code(identifier: str = ADMIN, signature: str = good, sdkappid=app) -> int:
        return Client(sdkappid, identifier, signature).sns.friend_get("ann")["ErrorCode"]

    with unittest.mock.patch("time.time", return_value=time.time() - 2 * DAY):
        old = maker.gen_sig(ADMIN, DAY)
    with Bridge("tls-sig-api-v2", key) as bridge:
        room = bridge.call(identifier=ADMIN, seconds=DAY, room=1000)["answer"]
    cases = [
        ("good", 0, {}),
        ("with bytes of the user's", 0, {"signature": maker.gen_sig_with_userbuf(ADMIN, DAY, b"abc")}),
        ("with a room, by Node.js", 0, {"signature": room}),
        ("another key", 70009, {"signature": TLSSigAPIv2(app, "0" * 64).gen_sig(ADMIN, DAY)}),
        ("expired", 70001, {"signature": old}),
        ("of somebody else", 70013, {"identifier": "admin"}),
        ("of another app", 70014, {"signature": TLSSigAPIv2(app + 1, secret).gen_sig(ADMIN, DAY)}),
        ("cut short", 70003, {"signature": good[:-20]}),
        ("no signature at all", 70003, {"signature": "xxx"}),
        ("empty", 70002, {"signature": ""}),
        ("of no administrator", 30004, {"identifier": "ann", "signature": maker.gen_sig("ann", DAY)}),
        ("no identifier", 60004, {"identifier": ""}),
        ("an unknown app", 60006, {"sdkappid": 1}),
        ("no number", 60006, {"sdkappid": "app"}),
        ("no app", 60012, {"sdkappid": ""}),
    ]
    for what, wanted, change in cases:
        life.same("(signature)", what, code(**change), wanted)
    for path, wanted in (("sns/friend_guess", 60009), ("nothing/friend_get", 60009), ("sns", 60002)):
        life.same("(address)", path, life.sns._post(path, data={})["ErrorCode"], wanted)
    life.same("(body)", "empty", life.sns._post("sns/friend_get", data=b"")["ErrorCode"], 60003)
    life.same("(body)", "an account that is a number", life.sns.friend_get(7)["ErrorCode"], 60015)


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in CLIENTS:
        raise SystemExit(__doc__ + f"\nCLIENT: {', '.join(CLIENTS)}")
    name = sys.argv[1]
    setting = Setting()
    point_at(setting.base)
    key = setting.keys["tencent-im"]
    life = Life(name, CLIENTS[name](key))
    for part in (accounts, friends, groups):
        with life.to_the_end():
            part(life)
    with life.to_the_end():
        signatures(life, key)
    return life.finish()


if __name__ == "__main__":
    sys.exit(main())
