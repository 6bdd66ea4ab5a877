"""Attempts to bypass credentials: altered picture links, replayed or changed signed requests, clock skew, pages of
other sites, paths, sessions, and revoked rights."""

import collections
import hashlib
import json
import pathlib
import time
import urllib.parse
import zlib

import signers
from access_rules import ROUTES
from access_world import JSON, World
from harness import ADMIN_TOKEN, Answer, Report

from journey import Pictures, picture, text  # isort: skip

FACE = "people/obama/obama.jpg"
LOOK = "people/obama/obama2.jpg"
MOST_MISSES_SHOWN = 6


def md5(said: str) -> str:
    return hashlib.md5(said.encode()).hexdigest()


class Ways:
    """The attempts, grouped by subject."""

    def __init__(self, world: World, served: Pictures, data: pathlib.Path):
        self.world, self.served, self.data = world, served, data
        self.counts: collections.Counter = collections.Counter()
        self.misses: dict[str, list[str]] = collections.defaultdict(list)

    def try_(self, about: str, name: str, is_right: bool, answer: Answer) -> None:
        self.counts[about] += 1
        if not is_right:
            self.misses[about].append(f"{name}: {answer.status} {answer.body[:160]!r}")

    # Picture links.

    def links(self) -> None:
        world, token = self.world, self.world.alpha.token
        image = picture(FACE)
        world.manual("/aicp/face/addBase", token, {"groupId": "links", "dbName": "links"})
        added = world.must(world.manual("/aicp/face/add", token, {"groupId": "links", "image": text(image)})).json()["data"]
        asked = world.must(world.manual("/aicp/face/query", token, {"groupId": "links", "userId": added["personNo"]})).json()["data"]
        by_anonymous = {"groupId": "open", "image": text(image)}
        world.must(world.manual("/aicp/face/add", None, by_anonymous))
        person = world.must(world.manual("/aicp/face/recognition", None, {"groupId": "open", "image": text(image)})).json()["data"]
        moment, face, file = (self.path_of(url) for url in (added["url"], asked["faceDBURL"], person["personinfo"]["imageUrl"]))
        for name, path in (("moment", moment), ("face", face), ("file", file)):
            answer = world.server.call("GET", path)
            self.try_("picture links", f"{name} as it is", answer.status == 200 and answer.body == image, answer)
        altered = [self.spoilt(path) for path in (moment, face, file)]
        _, signature = moment.split("sig=")
        altered += [
            [f"{file.split('sig=')[0]}sig={signature}", f"{face.split('app_secret=')[0]}app_secret={signature}&groupId=links&faceId=1"]
        ]
        parsed = dict(urllib.parse.parse_qsl(face.split("?")[1]))
        for changed in (
            {"faceId": str(int(parsed["faceId"]) + 1)},
            {"faceId": "0"},
            {"faceId": "-1"},
            {"faceId": f"{parsed['faceId']} OR 1=1"},
            {"groupId": "open"},
            {"app_id": "beta"},
            {"app_id": "legacy", "groupId": "open"},
            {"app_secret": parsed["app_secret"][:-1]},
            {"app_secret": ""},
        ):
            altered.append([f"/face/getimage?{urllib.parse.urlencode(parsed | changed)}"])
        for path in (one for some in altered for one in some):
            answer = world.server.call("GET", path)
            self.try_("picture links", path, answer.status in (400, 404) and image[:100] not in answer.body, answer)
        for method in ("POST", "PUT", "DELETE"):
            answer = world.server.call(method, moment)
            self.try_("picture links", f"{method} of a link", answer.status == 405, answer)
        world.must(world.manual("/aicp/face/remove", token, {"groupId": "links", "userId": added["personNo"]}))
        for name, path in (("moment", moment), ("face", face)):
            answer = world.server.call("GET", path)
            self.try_("picture links", f"{name} of somebody who was removed", answer.status == 404, answer)

    @staticmethod
    def path_of(url: str) -> str:
        parts = urllib.parse.urlsplit(url)
        return f"{parts.path}?{parts.query}"

    @staticmethod
    def spoilt(path: str) -> list[str]:
        """Links with a wrong signature, or with a right one for something else."""
        name = "app_secret=" if "app_secret=" in path else "sig="
        head, rest = path.split(name)
        signature, *tail = rest.split("&", 1)
        after = f"&{tail[0]}" if tail else ""
        # Digits of either case are equal.
        other = "A" if signature[5] not in "aA" else "B"
        wrong = [
            "",
            "x",
            signature[:-4],
            signature[1:],
            signature.swapcase(),
            signature[:5] + other + signature[6:],
            signature + "A",
            "%00",
            "A" * len(signature),
        ]
        links = [f"{head}{name}{one}{after}" for one in wrong]
        plain = head.split("?")[0]
        links += [plain, f"{plain}?download=0", f"{head}{name}x&{name}{signature}{after}", f"{plain}%2f..?{name}{signature}"]
        if name == "sig=":
            digit = next(at for at in range(len(plain) - 6, 0, -1) if plain[at].isdigit())
            for step in (1, 3, 7):
                changed = plain[:digit] + str((int(plain[digit]) + step) % 10) + plain[digit + 1 :]
                links.append(path.replace(plain, changed))
        return links

    # Signed requests.

    def replays(self) -> None:
        world = self.world
        jd, visual, im = (world.alpha.keys[kind] for kind in ("jdcloud", "alibaba", "tencent-im"))
        target, headers = signers.jdcloud(jd, world.server.address, "getFaceGroupList", {"start": 0}, b"")
        signed = signers.joined(
            signers.linkvisual(visual, "QueryFaceAllUserGroup", {"IsolationId": "a", "PageNo": 1, "PageSize": 1}).items()
        )
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        def cloud() -> Answer:
            return world.server.call("POST", target, b"", **headers)

        def library(body: str = signed) -> Answer:
            return world.server.call("POST", "/", body.encode(), **form)

        for number in range(4):
            answer = cloud()
            self.try_("sent again", f"JD Cloud, {number + 1}", answer.status == (403 if number else 200), answer)
            answer = library()
            self.try_("sent again", f"LinkVisual, {number + 1}", (b"SignatureNonceUsed" in answer.body) == bool(number), answer)
        free = world.server.key("alpha", kind="jdcloud", allowReplay=True)
        target, headers = signers.jdcloud(free, world.server.address, "getFaceGroupList", {}, b"")
        for _ in range(2):
            answer = cloud()
            self.try_("sent again", "JD Cloud, a key that may", answer.status == 200, answer)
        # Changed after signing.
        target, headers = signers.jdcloud(jd, world.server.address, "faceGroupDelete", {"groupName": "nobody"}, b"")
        changes = [
            (target.replace("nobody", "links"), "POST", b"", headers),
            (target + "&outerId=x", "POST", b"", headers),
            (target, "GET", b"", headers),
            (target, "POST", b'{"groupName":"links"}', headers),
            (target, "POST", b"", headers | {"x-jdcloud-nonce": signers.nonce()}),
            (target.replace("faceGroupDelete", "faceGroupCreate"), "POST", b"", headers),
            (target, "POST", b"", headers | {"host": "other"}),
            (target, "POST", b"", headers | {"authorization": headers["authorization"].replace("SignedHeaders=host;", "SignedHeaders=")}),
            (target, "POST", b"", headers | {"authorization": headers["authorization"][:-64] + "0" * 64}),
        ]
        for number, (path, method, body, sent) in enumerate(changes):
            answer = world.server.call(method, path, body, **sent)
            self.try_("changed after it was signed", f"JD Cloud, {number}", answer.status == 401, answer)
        signed = signers.linkvisual(visual, "QueryFaceAllUserGroup", {"IsolationId": "a", "PageNo": 1, "PageSize": 1})
        for changed in (
            {"Action": "QueryFaceAllDeviceGroup"},
            {"IsolationId": "links"},
            {"Extra": "x"},
            {"SignatureNonce": "x"},
            {"Signature": "AAAA"},
            {"PageNo": 2},
            {"SignatureMethod": "none"},
            {"SecurityToken": "x"},
        ):
            answer = library(signers.joined((signed | changed).items()))
            self.try_(
                "changed after it was signed", f"LinkVisual, {changed}", answer.status == 400 and b'"Success"' not in answer.body, answer
            )
        document = signers.document(im)
        for changed in (
            {"TLS.identifier": "admin"},
            {"TLS.expire": 10**9},
            {"TLS.time": int(time.time()) - 5},
            {"TLS.ver": "1.0"},
            {"TLS.sig": ""},
            {"TLS.userbuf": "YWJj"},
        ):
            usersig = signers.packed(zlib.compress(json.dumps(document | changed).encode()))
            answer = world.im(im, "sns/friend_get", {"From_Account": "a"}, usersig=usersig)
            self.try_("changed after it was signed", f"UserSig, {changed}", b'"ErrorCode":700' in answer.body, answer)

    def clocks(self) -> None:
        world, now = self.world, time.time()
        jd, visual, im = (world.alpha.keys[kind] for kind in ("jdcloud", "alibaba", "tencent-im"))
        for off, fits in (
            (-270, True),
            (270, True),
            (-330, False),
            (330, False),
            (-86400, False),
            (86400, False),
            (-now, False),
            (400 * 86400 * 10, False),
        ):
            answer = world.jd(jd, "getFaceGroupList", seconds=now + off)
            self.try_("clocks", f"JD Cloud, {off:.0f} s", answer.status == (200 if fits else 401), answer)
        for off, fits in ((-1800, True), (1800, True), (-1920, False), (1920, False), (-86400, False), (86400, False), (-now, False)):
            answer = world.visual(visual, "QueryFaceAllUserGroup", {"IsolationId": "a", "PageNo": 1, "PageSize": 1}, seconds=now + off)
            self.try_(
                "clocks",
                f"LinkVisual, {off:.0f} s",
                (b"InvalidTimeStamp" in answer.body) != fits and (b'"Success":true' in answer.body) == fits,
                answer,
            )
        for off, expire, code in (
            (-270, 86400, 0),
            (270, 86400, 0),
            (330, 86400, 70003),
            (-100, 90, 70001),
            (-100, 130, 0),
            (-86400, 86300, 70001),
            (-5, 0, 70001),
            (-5, -1, 70003),
        ):
            answer = world.im(im, "im_open_login_svc/account_check", {"CheckItem": [{"UserID": "a"}]}, seconds=now + off, expire=expire)
            right = {0: (0,), 70001: (70001,), 70003: (70001, 70003)}[code]
            self.try_("clocks", f"UserSig, {off} s, good for {expire} s", answer.json()["ErrorCode"] in right, answer)

    # Browsers.

    def other_sites(self) -> None:
        world, own = self.world, self.world.server.address
        evil = "evil.example"
        pages = {
            "another site": ({"Origin": f"http://{evil}"}, False),
            "no site": ({"Origin": "null"}, False),
            "another port": ({"Origin": f"http://{own.split(':')[0]}:1"}, False),
            "a name that leads here": ({"Host": evil, "Origin": f"http://{evil}"}, False),
            "a name and port that lead here": ({"Host": f"{evil}:9012", "Origin": f"http://{evil}:9012"}, False),
            "a name that begins like ours": ({"Origin": f"http://{own}.{evil}"}, False),
            "a name with ours as user": ({"Origin": f"http://{own}@{evil}"}, False),
            "an origin of no form": ({"Origin": own}, False),
            "cross-site, as the browser says": ({"Sec-Fetch-Site": "cross-site"}, False),
            "our own": ({"Origin": f"http://{own}"}, True),
            "our own, as the browser says": ({"Sec-Fetch-Site": "same-origin"}, True),
            "none": ({}, True),
        }
        face = text(picture("strangers/female/1.jpg"))
        paths = {
            "/user/login": {"username": "nobody", "password": "x"},
            "/user/register": {"username": "", "password": "x"},
            "/user/facelogin.json": {"image": ""},
            "/user/logout": {},
            "/aicp/face/quality": {},
            "/aicp/face/add": {"groupId": "csrf", "image": face},
            "/aicp/face/remove": {"groupId": "csrf"},
            "/InteractiveAbility/face/FaceEntry": {},
            "/method/call": {},
            "/method/call/all": {},
        }
        for path, body in paths.items():
            for name, (headers, fits) in pages.items():
                answer, back = world.raw("POST", path, JSON | headers, json.dumps(body).encode())
                self.try_("pages of other sites", f"{path} from {name}", (answer.status == 401) != fits and answer.status != 0, answer)
                allowed = back.get("access-control-allow-origin")
                self.try_("pages of other sites", f"{path} from {name}: may it read", allowed is None, answer)
            answer, back = world.raw("OPTIONS", path, {"Origin": f"http://{evil}", "Access-Control-Request-Method": "POST"})
            self.try_(
                "pages of other sites", f"{path}: may it ask", "access-control-allow-origin" not in back and answer.status >= 400, answer
            )

    def paths(self) -> None:
        secret = (self.data / "secret.key").read_bytes()[:16]
        shapes = [
            f"{head}{way}{file}"
            for head in ("/", "/person/", "/group1/default/", "/pages/")
            for way in ("../" * 6, "..%2f" * 6, "%2e%2e/" * 6, "..%5c" * 6, "....//" * 6, "/" * 6)
            for file in ("aicp.db", "secret.key", "etc/passwd")
        ]
        shapes += [
            "/face/getimage?app_id=../../secret.key&app_secret=x&groupId=../..&faceId=1",
            "/aicp.db",
            "/data/aicp.db",
            "/objects/",
            "/control.sock",
            "/highAvailability/picture/",
            "/pages/index.html%00.png",
        ]
        shapes += [
            "/api/v1/apps/..%2f..%2fetc/keys",
            "/api/v1/../user/login",
            "/api/v1/apps/%2e%2e/keys",
            f"/%2e%2e/{self.data}/secret.key",
            f"//{self.data}/secret.key",
        ]
        for path in shapes:
            answer, _ = self.world.raw("GET", path, {})
            leaks = b"SQLite format" in answer.body or secret in answer.body or b"root:" in answer.body
            self.try_("paths", path, 400 <= answer.status < 500 and not leaks, answer)

    # Sessions, and revocation.

    def sessions(self) -> None:
        """A console session, from a password or a face, admits to no call of an API."""
        world, about = self.world, "sessions"
        console = {
            "username": "watcher",
            "password": "pass word 1",
            "telephone": "1",
            "mail": "a@b",
            "deptId": "1",
            "image": text(picture(FACE)),
        }
        world.must(world.manual("/user/register", None, console))
        logins = {"/user/login": console, "/user/facelogin.json": {"image": text(picture(LOOK))}}
        for path, body in logins.items():
            answer, back = world.raw("POST", path, JSON, json.dumps(body).encode())
            cookie = back.get("set-cookie", "")
            fits = answer.status == 200 and cookie.startswith("aicp_session=") and "HttpOnly" in cookie and "SameSite=Strict" in cookie
            self.try_(about, f"{path} logs in", fits, answer)
            session = cookie.split(";")[0]
            value = session.partition("=")[2]
            for route in ROUTES:
                if route.is_anonymous or route.area == "(open)":
                    continue
                for headers in ({"Cookie": session}, {"Cookie": f"token={value}; {session}"}, {"Cookie": session, "token": value}):
                    answer, _ = world.raw("POST", route.path, JSON | headers, b"{}")
                    refused = answer.status == 401 or (route.is_nine and b'"error_code":110' in answer.body)
                    self.try_(about, f"{route.path} with {list(headers)}", refused, answer)
            for headers in ({"Cookie": session}, {"Cookie": session, "Authorization": f"Bearer {value}"}):
                answer, _ = world.raw("GET", "/api/v1/apps", headers)
                self.try_(about, "/api/v1/apps", answer.status == 401, answer)

    def taken(self) -> None:
        """A revoked right admits to nothing from the next call on."""
        world, about = self.world, "taken away"
        app = world.app("leaver", ["C10000000001"], frozenset())
        calls = {
            "jdcloud": (lambda key: world.jd(key, "getFaceGroupList"), b'"10000"', b'"10050"'),
            "alibaba": (lambda key: world.visual(key, "QueryFaceUser", {"IsolationId": "a", "UserId": "b"}), b'"466"', b"Inactive"),
            "tencent-im": (
                lambda key: world.im(key, "im_open_login_svc/account_check", {"CheckItem": [{"UserID": "a"}]}),
                b'"ErrorCode":0',
                b"700",
            ),
        }
        for kind, (call, opens, closed) in calls.items():
            for _ in range(3):
                key = world.server.key("leaver", kind=kind)
                answer = call(key)
                self.try_(about, f"{kind} before", opens in answer.body, answer)
                world.revoke("leaver", key)
                answer = call(key)
                self.try_(about, f"{kind} after", closed in answer.body and opens not in answer.body, answer)
        answer = world.manual("/aicp/face/queryBaseAll", app.token)
        self.try_(about, "token before", answer.status == 200, answer)
        world.must(world.manual("/authorize/deleteAuthorizedUser", ADMIN_TOKEN, {"appId": "leaver"}))
        answer = world.manual("/aicp/face/queryBaseAll", app.token)
        self.try_(about, "token after", answer.status == 401, answer)
        for kind, (call, opens, closed) in calls.items():
            answer = call(app.keys[kind])
            self.try_(about, f"{kind} of an app whose grant went", closed in answer.body and opens not in answer.body, answer)
        answer = world.manual("/oauth/2.0/token", None, {}, **{"Content-Type": "application/json"})
        self.try_(about, "exchange for nothing", b"access_token" not in answer.body, answer)
        query = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "leaver", "client_secret": app.token})
        answer = world.server.call("POST", f"/oauth/2.0/token?{query}", b"")
        self.try_(about, "exchange of a token that was taken", b"access_token" not in answer.body, answer)


def report(report: Report, world: World, served: Pictures, data: pathlib.Path) -> None:
    ways = Ways(world, served, data)
    for part in (ways.links, ways.replays, ways.clocks, ways.other_sites, ways.paths, ways.sessions, ways.taken):
        part()
    for about, count in ways.counts.items():
        more = len(ways.misses[about]) - MOST_MISSES_SHOWN
        shown = ways.misses[about][:MOST_MISSES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        report.row(about, f"{count} attempts", *shown)
