"""The observed state of a server and of its data folder, in the keys of a ledger."""

import base64
import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import urllib.parse

from callers import Outcome
from harness import ADMIN_TOKEN, Server
from writer import DEVICES
from writer_groups import LOGIN, SNS, Writer

PAGE = {"PageNo": 1, "PageSize": 100}


class Unread(Exception):
    """A read call failed, or its answer contradicts another."""


def data_of(told: Outcome):
    if not told.is_done:
        raise Unread(f"can't be read: {told.said}")
    return told.data


class Observer:
    """Reads the state of one writer through the server's calls."""

    def __init__(self, writer: Writer):
        self.writer, self.app, self.found = writer, writer.app, {}

    def look(self) -> dict:
        for name in self.libraries():
            self.people(name)
            self.linkvisual(name)
        self.accounts()
        self.grants()
        for key in data_of(self.app.own("GET", "/keys"))["keys"]:
            if key["callsPerDay"]:
                self.found["key", key["callsPerDay"]] = "revoked" if key["revokedAt"] else "live"
                self.writer.handles["key", key["callsPerDay"]] = key["id"]
        return self.found

    def libraries(self) -> list[str]:
        records = data_of(self.app.aicp("/aicp/face/queryBaseAll", pageNo="1", pageSize="1000"))["records"]
        names = data_of(self.app.face_api("group/list", length=1000))["group_id_list"]
        for name in names:
            self.found["library", name] = None
        told = {one["id"]: one for one in records}
        if len(told) != len(records) or len(names) != len(records):
            raise Unread(f"two lists of libraries differ: {names} and {records}")
        # queryBaseAll reports no groupId; both lists are in order of creation.
        for name, (number, one) in zip(names, sorted(told.items())):
            self.found["library", name] = (one["dbName"], one["dbDesc"])
            self.writer.ids.note("library", number, (self.app.name, name))
        return names

    def people(self, library: str) -> None:
        rows = data_of(self.app.face_api("user/list", group_id=library, length=1000))["user_id_list"]
        faces = 0
        for row in rows:
            is_named = (row["userName"] or "").startswith("name")
            handle = row["userName"] if is_named else row["userId"]
            told = data_of(self.app.face_api("face/list", group_id=library, user_id=row["userId"]))["face_list"]
            tokens = tuple(sorted(one["face_token"] for one in told))
            faces += len(tokens)
            key = ("person", library, handle)
            if key in self.found:
                raise Unread(f"{key} is there twice")
            self.found[key] = (row["userName"], row["userInfo"], tokens)
            self.writer.ids.note("person", row["id"], (self.app.name, library, handle))
        counts = self.app.server.post("/face-api/facehub/statgroup", {"group_id_list": library}, token=self.app.token).json()
        if (counts[library]["user_num"], counts[library]["face_num"]) != (len(rows), faces):
            raise Unread(f"{library}: {counts} but {len(rows)} people with {faces} faces are listed")

    def listed(self, action: str, name: str, **given) -> list:
        data = data_of(self.app.linkvisual(action, **given, **PAGE))
        if data["Total"] != len(data[name]):
            raise Unread(f"{action}: {data}")
        return data[name]

    def linkvisual(self, library: str) -> None:
        place, names = {"IsolationId": library}, {}
        for group in self.listed("QueryFaceAllUserGroup", "UserGroupList", **place):
            key = ("ugroup", library, group["UserGroupName"])
            names[group["UserGroupId"]] = group["UserGroupName"]
            self.writer.handles[key] = group["UserGroupId"]
            self.writer.ids.note("UserGroupId", group["UserGroupId"], (self.app.name, *key))
            users = self.listed("QueryFaceAllUserIdsByGroupId", "List", UserGroupId=group["UserGroupId"], **place)
            self.found[key] = tuple(sorted(user["CustomUserId"] for user in users))
        for group in self.listed("QueryFaceAllDeviceGroup", "DeviceGroupList", **place):
            key = ("dgroup", library, group["DeviceGroupName"])
            names[group["DeviceGroupId"]] = group["DeviceGroupName"]
            self.writer.handles[key] = group["DeviceGroupId"]
            self.found[key] = True
        for device in DEVICES if any(key[:2] == ("dgroup", library) for key in self.found) else ():
            named = {"ProductKey": "p", "DeviceName": device, "IotInstanceId": "i"}
            for group in self.listed("QueryFaceDeviceGroupsByDevice", "DeviceGroupList", **place, **named):
                self.found["device", library, group["DeviceGroupName"], device] = True
        for relation in self.listed("QueryFaceAllUserGroupAndDeviceGroupRelation", "List", **place):
            key = ("relation", library, names[relation["UserGroupId"]], names[relation["DeviceGroupId"]])
            self.writer.handles[key] = relation["ControlId"]
            self.found[key] = True

    def accounts(self) -> None:
        ledger = self.writer.ledger
        known = [*ledger.state, *(key for doubt in ledger.doubts for key in doubt.changes)]
        names = sorted({key[1] for key in known if key[0] == "account"})
        items = [{"UserID": name} for name in names]
        checked = data_of(self.app.im(f"{LOGIN}account_check", CheckItem=items))["ResultItem"] if items else []
        for user in (one["UserID"] for one in checked if one["AccountStatus"] == "Imported"):
            self.found["account", user] = True
            told = data_of(self.app.im(f"{SNS}friend_get", From_Account=user, StartIndex=0))
            groups: dict[str, set] = {}
            for friend in told.get("UserDataItem") or []:
                tags = {one["Tag"]: one["Value"] for one in friend["ValueItem"]}
                self.found["friend", user, friend["To_Account"]] = tags.get("Tag_SNS_IM_Remark", "")
                for group in tags.get("Tag_SNS_IM_Group", []):
                    groups.setdefault(group, set()).add(friend["To_Account"])
            told = data_of(self.app.im(f"{SNS}group_get", From_Account=user, NeedFriend="Need_Friend_Type_Yes"))
            for group in told["ResultItem"]:
                members = set(group["To_Account"])
                if members != groups.pop(group["GroupName"], set()) or len(members) != group["FriendNumber"]:
                    raise Unread(f"{user}'s group {group} and friends differ")
                self.found["imgroup", user, group["GroupName"]] = tuple(sorted(members))
            if groups:
                raise Unread(f"{user}'s friends are in groups that are not there: {groups}")

    def grants(self) -> None:
        ledger = self.writer.ledger
        known = [*ledger.state, *(key for doubt in ledger.doubts for key in doubt.changes)]
        apps = None
        for key in {key for key in known if key[0] == "grant"}:
            if token := self.writer.handles.get(key):
                answer = self.app.server.post("/aicp/face/queryBaseAll", {}, token=token)
                value = "valid" if answer.status == 200 else "expired" if "过期".encode() in answer.body else None
            else:
                # Its token is unknown, but the app is listed if it was created.
                if apps is None:
                    apps = {one["appId"] for one in self.app_list()}
                value = "valid" if key[1] in apps else None
            if value:
                self.found[key] = value

    def app_list(self) -> list:
        return self.app.server.call("GET", "/api/v1/apps", Authorization=f"Bearer {ADMIN_TOKEN}").json()["items"]

    def spot_check(self) -> list[str]:
        """Samples people: each must be found by number and by face, with the picture that was sent. Returns the
        misses."""
        misses = []
        people = [key for key in self.found if key[0] == "person" and key in self.writer.handles]
        for index, key in enumerate(self.writer.random.sample(people, min(4, len(people)))):
            number = self.writer.handles[key]
            data = data_of(self.app.aicp("/aicp/face/query", groupId=key[1], userId=number))
            parts = urllib.parse.urlsplit(data["faceDBURL"])
            answer = self.app.server.call("GET", f"{parts.path}?{parts.query}")
            digest = hashlib.sha256(answer.body).hexdigest()[:32]
            if answer.status != 200 or digest not in self.found[key][2]:
                misses.append(f"{key}: its picture is answered with {answer.status} and {digest}")
            elif index < 2:
                image = base64.b64encode(answer.body).decode()
                records = data_of(self.app.aicp("/aicp/face/recognition", groupId=key[1], image=image))["records"]
                if number not in [one["personNo"] for one in records]:
                    misses.append(f"{key}: not found by its own picture")
        return misses



# Console users are in a hidden library that no call lists.
TABLES = ("library WHERE hidden = 0", "person", "face", "template", "user_group", "device_group", "social_account", "social_friend")


def counted(writers: list[Writer]) -> dict:
    """Expected rows by table, from the ledgers."""
    states = [key for writer in writers for key in writer.ledger.state.items()]
    of = {kind: [value for key, value in states if key[0] == kind] for kind in {key[0] for key, _ in states}}
    people, users = of.get("person", []), len(of.get("console", []))
    faces = sum(len(faces) for _, _, faces in people) + users
    counts = {TABLES[0]: len(of.get("library", [])), "person": len(people) + users, "face": faces, "template": faces}
    more = {"user_group": "ugroup", "device_group": "dgroup", "social_account": "account", "social_friend": "friend"}
    return counts | {table: len(of.get(kind, [])) for table, kind in more.items()}


@contextlib.contextmanager
def snapshot(folder: pathlib.Path, aside: pathlib.Path, server: Server | None = None):
    """Copies a data folder at one moment: a running server is paused meanwhile."""
    if server:
        server.process.send_signal(signal.SIGSTOP)
    try:
        shutil.copytree(folder, aside, ignore=shutil.ignore_patterns("control.sock", "reserve"))
    finally:
        if server:
            server.process.send_signal(signal.SIGCONT)
    try:
        yield aside
    finally:
        shutil.rmtree(aside)


def checked(binary: str, folder: pathlib.Path) -> subprocess.CompletedProcess:
    """Runs `aicp check` on a folder that no server has open."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
    command = [binary, "check", "--data-dir", str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def faults_of(binary: str, folder: pathlib.Path, writers: list[Writer]) -> list[str]:
    """Misses in a copy of the data folder of an idle server: database, pictures, counts."""
    misses = []
    check = checked(binary, folder)
    if check.returncode != 0:
        misses.append(f"aicp check ends with {check.returncode}: {(check.stdout + check.stderr)[:600]}")
    objects = folder / "objects"
    if left := list((objects / "incoming").iterdir()):
        misses.append(f"{len(left)} pictures are left in incoming")
    files = [path for path in objects.glob("??/*") if path.parent.name != "incoming"]
    torn = [path for path in files if hashlib.sha256(path.read_bytes()).hexdigest() != path.parent.name + path.name]
    if torn:
        misses.append(f"{len(torn)} pictures are not what their names say: {torn[:3]}")
    connection = sqlite3.connect(folder / "aicp.db")
    try:
        said = connection.execute("PRAGMA integrity_check").fetchall()
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if said != [("ok",)] or broken:
            misses.append(f"SQLite says {said[:5]}, broken references {broken[:5]}")
        rows = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
        if rows != (wanted := counted(writers)):
            misses.append(f"rows {rows} instead of {wanted}")
    finally:
        connection.close()
    tokens = {token for writer in writers for token in tokens_of(writer)}
    found = {(path.parent.name + path.name)[:32] for path in files}
    if found != tokens:
        misses.append(f"pictures without a person: {sorted(found - tokens)[:5]}, people without: {sorted(tokens - found)[:5]}")
    return misses


def tokens_of(writer: Writer) -> set[str]:
    """Tokens of the pictures in use by a writer."""
    state = writer.ledger.state
    return {token for key, value in state.items() if key[0] == "person" for token in value[2]} | {
        value for key, value in state.items() if key[0] == "console"
    }


def console_users(folder: pathlib.Path) -> dict:
    """Console users and their pictures, from the database: no call lists them."""
    connection = sqlite3.connect(folder / "aicp.db")
    try:
        rows = connection.execute(
            "SELECT username, picture_key FROM console_user LEFT JOIN face ON face.person_id = console_user.person_id"
        ).fetchall()
    finally:
        connection.close()
    return {name: key and key[:32] for name, key in rows}


def settle(binary: str, server: Server, writers: list[Writer], aside: pathlib.Path) -> list[str]:
    """Compares an idle server with the ledgers, through its calls and in its folder. Returns the misses."""
    observers = [Observer(writer) for writer in writers]
    misses = []

    def look(observer: Observer) -> list[str]:
        try:
            observer.look()
            return observer.spot_check()
        except (Unread, ValueError, KeyError, TypeError) as error:
            return [f"{observer.app.name}: {type(error).__name__} {error}"]

    with concurrent.futures.ThreadPoolExecutor(len(observers)) as pool:
        for told in pool.map(look, observers):
            misses += told
    with snapshot(server.folder, aside, server) as copy:
        users = console_users(copy)
        for observer in observers:
            own = {("console", name): token for name, token in users.items() if name.startswith(f"{observer.app.name}c")}
            misses += observer.writer.ledger.settle(observer.found | own)
        misses += faults_of(binary, copy, writers)
    misses += writers[0].ids.misses
    writers[0].ids.misses = []
    return misses
