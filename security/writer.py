"""A client that makes random writes and keeps a ledger. It has its own app; pictures are shared between clients."""

import hashlib
import random
import threading
from typing import NamedTuple

from callers import App, Outcome
from harness import Server
from journey import Pictures, picture, text
from ledger import Ids, Ledger

# Small pictures that every dialect accepts.
FACES = [f"strangers/female/{number}.jpg" for number in (2, 3, 5, 6, 11, 13, 15, 16, 22)]
FACES += [f"strangers/male/{number}.jpg" for number in (1, 3, 4, 5, 8, 9, 11, 15, 16, 20, 25, 27, 28, 39, 42, 43)]
MAX_LIBRARIES, MAX_PEOPLE, MAX_ACCOUNTS, MAX_OTHERS = 4, 24, 7, 4
DEVICES = ("gate1", "gate2")
LIBRARY_KINDS = ("library", "person", "ugroup", "dgroup", "relation", "device")
FUTURE, PAST = "2099-12-31 23:59:59", "2020-01-01 00:00:00"


def with_comment(jpeg: bytes, comment: bytes) -> bytes:
    """The same picture with a comment in JPEG segments of up to 65,533 bytes, which changes only the bytes."""
    parts = [comment[start : start + 65533] for start in range(0, len(comment), 65533)]
    return jpeg[:2] + b"".join(b"\xff\xfe" + (len(part) + 2).to_bytes(2, "big") + part for part in parts) + jpeg[2:]


class Picture(NamedTuple):
    name: str
    bytes: bytes
    # Prefix of the SHA-256: face-api's face token, and the name under which the picture is stored.
    token: str


class Album:
    """Pictures of all clients, also served over HTTP. Equal pictures in several libraries share a file in the data
    folder."""

    def __init__(self, served: Pictures, variants: int = 4, padding: int = 0):
        self.served, self.padding, self.count = served, padding, 0
        # A server killed during a fetch causes no error here.
        served.server.handle_error = lambda *_: None
        self.lock = threading.Lock()
        self.shared = [self.make(face, f"shared {number}") for face in FACES for number in range(variants)]

    def make(self, face: str, comment: str) -> Picture:
        data = with_comment(picture(face), comment.encode() + bytes(self.padding))
        with self.lock:
            self.count += 1
            one = Picture(f"{self.count}.jpg", data, hashlib.sha256(data).hexdigest()[:32])
            self.served.others[one.name] = data
        return one

    def pick(self, chance: random.Random) -> Picture:
        if chance.random() < 0.5:
            return chance.choice(self.shared)
        return self.make(chance.choice(FACES), f"own {self.count} {chance.random()}")


class People:
    """Writes to libraries, people, keys and grants; each method makes one write, or none without an object for it."""

    def __init__(self, server: Server, name: str, album: Album, ids: Ids, seed):
        self.app = App(server, name)
        self.album, self.ids = album, ids
        self.ledger = Ledger()
        self.random = random.Random(f"{seed} {name}")
        self.count = 0
        # The server's ids that calls need: ("ugroup", library, name) and so on, tokens of apps, people.
        self.handles: dict[tuple, str] = {}
        self.writes = [getattr(self, method) for method in dir(self) if method.startswith(("do_", "bad_"))]

    def run(self, is_over) -> None:
        """Writes until `is_over`, or until a write gets no answer."""
        while not is_over() and not self.ledger.doubts:
            self.one()

    def one(self, *names: str) -> None:
        """Makes one write, chosen from these methods or from all."""
        choice = [getattr(self, name) for name in names] or self.writes
        self.random.choice(choice)()

    # Existing objects.

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def keys(self, kind: str, *head: str) -> list[tuple]:
        return sorted(key for key in self.ledger.state if key[: 1 + len(head)] == (kind, *head))

    def any(self, kind: str, *head: str) -> tuple | None:
        found = self.keys(kind, *head)
        return self.random.choice(found) if found else None

    def library(self) -> str | None:
        key = self.any("library")
        return key and key[1]

    def own_person(self) -> tuple | None:
        """A random person with an external id."""
        found = [key for key in self.keys("person") if not key[2].startswith("name")]
        return self.random.choice(found) if found else None

    def is_full(self) -> bool:
        return len(self.keys("person")) >= MAX_PEOPLE

    def picture_for(self, library: str) -> Picture | None:
        """A picture not yet enrolled in the library: face-api refuses a second enrolment."""
        taken = {token for key in self.keys("person", library) for token in self.ledger.state[key][2]}
        one = self.album.pick(self.random)
        return one if one.token not in taken else None

    def without_people(self, *gone: tuple) -> dict:
        """Changes caused by the removal of people of one library."""
        changes = {key: None for key in gone}
        names = {key[2] for key in gone}
        for group in self.keys("ugroup", gone[0][1]) if gone else []:
            members = self.ledger.state[group]
            if names & set(members):
                changes[group] = tuple(member for member in members if member not in names)
        return changes

    def without_library(self, name: str) -> dict:
        return {key: None for key in self.ledger.state if key[0] in LIBRARY_KINDS and key[1] == name}

    def write(self, what: str, changes: dict, told: Outcome, **how) -> bool:
        return self.ledger.write(what, changes, told, **how)

    # Libraries.

    def do_add_base(self):
        if len(self.keys("library")) < MAX_LIBRARIES:
            name = self.fresh("b")
            told = self.app.aicp("/aicp/face/addBase", groupId=name, dbName=f"name {name}", dbDesc="d")
            self.write("addBase", {("library", name): (f"name {name}", "d")}, told)

    def do_jd_group(self):
        if len(self.keys("library")) < MAX_LIBRARIES:
            name = self.fresh("b")
            told = self.app.jd("faceGroupCreate", {"groupName": name, "groupInfo": "j"})
            self.write("faceGroupCreate", {("library", name): (name, "j")}, told)

    def do_group_add(self):
        if len(self.keys("library")) < MAX_LIBRARIES:
            name = self.fresh("b")
            self.write("group/add", {("library", name): (name, None)}, self.app.face_api("group/add", group_id=name))

    def do_delete_base(self):
        if len(self.keys("library")) == MAX_LIBRARIES:
            name = self.library()
            calls = {
                "deleteBase": lambda: self.app.aicp("/aicp/face/deleteBase", groupId=name),
                "group/delete": lambda: self.app.face_api("group/delete", group_id=name),
                "faceGroupDelete": lambda: self.app.jd("faceGroupDelete", {"groupName": name}),
            }
            what = self.random.choice(sorted(calls))
            self.write(what, self.without_library(name), calls[what]())

    def bad_library(self):
        if name := self.library():
            self.write("addBase", {}, self.app.aicp("/aicp/face/addBase", groupId=name, dbName="x"), is_bad=True)
            self.write("deleteBase", {}, self.app.aicp("/aicp/face/deleteBase", groupId="nowhere"), is_bad=True)

    # People: the manual and JD Cloud.

    def do_add(self):
        library = self.library()
        if library and not self.is_full():
            one, name = self.album.pick(self.random), self.fresh("name")
            told = self.app.aicp("/aicp/face/add", groupId=library, name=name, image=text(one.bytes))
            if self.write("add", {("person", library, name): (name, None, (one.token,))}, told):
                self.handles["person", library, name] = told.data["personNo"]
                self.ids.note("personNo", told.data["personNo"], (self.app.name, library, name))

    def do_remove(self):
        if (key := self.any("person")) and key in self.handles:
            told = self.app.aicp("/aicp/face/remove", groupId=key[1], userId=self.handles[key])
            self.write("remove", self.without_people(key), told)

    def bad_remove(self):
        if library := self.library():
            self.write("remove", {}, self.app.aicp("/aicp/face/remove", groupId=library, userId="nobody"), is_bad=True)

    def do_jd_create(self):
        library = self.library()
        one = library and not self.is_full() and self.picture_for(library)
        if one:
            outer = self.fresh("jd")
            told = self.app.jd("faceCreate", {"groupName": library, "outerId": outer}, f"imageBase64={text(one.bytes)}")
            self.write("faceCreate", {("person", library, outer): (None, None, (one.token,))}, told)

    def do_jd_delete(self):
        if key := self.own_person():
            told = self.app.jd("faceDelete", {"groupName": key[1], "outerId": key[2]})
            self.write("faceDelete", self.without_people(key), told)

    # People: face-api.

    def do_face_add(self):
        library = self.library()
        one = library and not self.is_full() and self.picture_for(library)
        if one:
            # Sometimes the library is created with its first user: it may then remain even if the user is refused.
            is_new = self.random.random() < 0.1 and len(self.keys("library")) < MAX_LIBRARIES
            library = self.fresh("b") if is_new else library
            user = self.fresh("u")
            face = {"image": text(one.bytes), "image_type": "BASE64", "group_id": library, "user_id": user}
            changes = {("library", library): (library, None)} if is_new else {}
            changes[("person", library, user)] = (None, f"info {user}", (one.token,))
            told = self.app.face_api("face/add", user_info=f"info {user}", **face)
            self.write("face/add", changes, told, is_piecewise=is_new)

    def do_face_change(self):
        key = self.own_person()
        one = key and self.picture_for(key[1])
        if one:
            name, info, faces = self.ledger.state[key]
            face = {"image": text(one.bytes), "image_type": "BASE64", "group_id": key[1], "user_id": key[2]}
            if self.random.random() < 0.5 and len(faces) < 4:
                told = self.app.face_api("face/add", **face)
                self.write("face/add", {key: (name, info, tuple(sorted([*faces, one.token])))}, told)
            else:
                info = self.fresh("info ")
                told = self.app.face_api("face/update", user_info=info, **face)
                self.write("face/update", {key: (name, info, (one.token,))}, told)

    def do_face_delete(self):
        if (key := self.own_person()) and (faces := self.ledger.state[key][2]):
            name, info, _ = self.ledger.state[key]
            token = self.random.choice(faces)
            left = tuple(face for face in faces if face != token)
            changes = {key: (name, info, left)} if left else self.without_people(key)
            told = self.app.face_api("face/delete", group_id=key[1], user_id=key[2], face_token=token)
            self.write("face/delete", changes, told)

    def do_user_delete(self):
        if key := self.own_person():
            told = self.app.face_api("user/delete", group_id=key[1], user_id=key[2])
            self.write("user/delete", self.without_people(key), told)

    def do_user_copy(self):
        key, target = self.own_person(), self.library()
        if key and target and not self.is_full():
            place = ("person", target, key[2])
            is_bad = place in self.ledger.state
            told = self.app.face_api("user/copy", user_id=key[2], src_group_id=key[1], dst_group_id=target)
            self.write("user/copy", {} if is_bad else {place: self.ledger.state[key]}, told, is_bad=is_bad)

    def bad_face(self):
        key = self.any("person")
        if key and (faces := self.ledger.state[key][2]):
            same = [one for one in self.album.shared if one.token == faces[0]]
            if same:
                face = {"image": text(same[0].bytes), "image_type": "BASE64", "group_id": key[1], "user_id": "twice"}
                self.write("face/add", {}, self.app.face_api("face/add", **face), is_bad=True)

    # Keys, grants, console users.

    def do_key(self):
        live = [key for key in self.keys("key") if self.ledger.state[key] == "live"]
        if len(live) < MAX_OTHERS:
            # The unique daily quota identifies the key, even if its id was never received.
            tag = 100_000 + int(self.fresh(""))
            kind = self.random.choice(["jdcloud", "alibaba", "tencent-im"])
            told = self.app.own("POST", "/keys", kind=kind, callsPerDay=tag)
            if self.write("key", {("key", tag): "live"}, told):
                name = str(told.data.get("accessKey") or told.data.get("accessKeyId") or told.data["sdkappid"])
                self.handles["key", tag] = name
                self.ids.note("key", name, (self.app.name, tag))
        elif (key := self.random.choice(live)) in self.handles:
            told = self.app.own("DELETE", f"/keys/{self.handles[key]}")
            self.write("revoke", {key: "revoked"}, told)

    def do_grant(self):
        if len(self.keys("grant")) < MAX_OTHERS:
            name = f"{self.app.name}{self.fresh('x')}"
            body = {"appId": name, "dueTime": FUTURE, "capabilityIdArray": ["C10000000001"]}
            told = self.app.admin("/authorize/grantAuthorize", **body)
            if self.write("grant", {("grant", name): "valid"}, told):
                self.handles["grant", name] = told.data["token"]
                self.ids.note("token", told.data["token"], (name,))

    def do_grant_change(self):
        if key := self.any("grant"):
            due, value = self.random.choice([(FUTURE, "valid"), (PAST, "expired")])
            body = {"appId": key[1], "dueTime": due, "capabilityIdArray": ["C10000000001", "C10000000002"]}
            if key in self.handles and self.random.random() < 0.6:
                self.write("updateAuthorize", {key: value}, self.app.admin("/authorize/updateAuthorize", **body))
            else:
                told = self.app.admin("/authorize/deleteAuthorizedUser", appId=key[1])
                self.write("deleteAuthorizedUser", {key: None}, told)

    def bad_grant(self):
        if key := self.any("grant"):
            body = {"appId": key[1], "dueTime": FUTURE, "capabilityIdArray": ["C10000000001"]}
            self.write("grant", {}, self.app.admin("/authorize/grantAuthorize", **body), is_bad=True)

    def do_register(self):
        # Rare, because password hashing is slow by design.
        if self.random.random() < 0.2:
            one, name = self.album.pick(self.random), f"{self.app.name}{self.fresh('c')}"
            told = self.app.aicp(
                "/user/register", username=name, password="pass 1234", telephone="1", mail="a@b", deptId="1", image=text(one.bytes)
            )
            self.write("register", {("console", name): one.token}, told)
