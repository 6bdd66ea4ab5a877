"""Call every route with every kind of credentials, and check which calls are admitted.

Each call of each dialect is made without credentials; with wrong, expired, revoked ones; with those of another dialect
or kind; with those of an app without the capability; and with right ones. The bodies are empty, so that an admitted
call changes nothing. A miss is a call that is wrongly admitted or wrongly refused, or a refusal that differs from the
documents. `access_cross.py` uses one app's credentials with another's ids, `access_ways.py` tries to bypass
credentials. The short round is the same, as it is fast.
"""

import collections
import pathlib
import time

import access_cross
import access_rules
import access_ways
from access_rules import ADMIN, JD, LINKVISUAL, OPEN, ROUTES, TENCENT_IM, Route
from access_world import World
from harness import ADMIN_TOKEN, Answer, Report, Server, folder

from journey import Pictures  # isort: skip

MOST_MISSES_SHOWN = 6
IN = "in"
NONE, UNKNOWN, OVER, NOT_GRANTED = "token不能为空", "token无效", "授权已过期", "未授权该能力"
NINE = {110: UNKNOWN, 111: OVER, 6: NOT_GRANTED}
SETTINGS = {
    "AICP_CONSOLE__ATTEMPTS_PER_MINUTE": "1000000",
    "AICP_CONSOLE__LOGIN_LIVENESS": "none",
    "AICP_JDCLOUD__MAX_GROUPS": "1000",
    "AICP_FETCH__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
}
JD_REFUSALS = {"10001", "10004", "10041", "10042", "10045", "10046", "10047", "10048", "10050"}
IM_REFUSALS = {60004, 60006, 60010, 60012, 60016, 60017, 30004, *range(70001, 70051)}


class Matrix:
    """The number of combinations tried, and the misses."""

    def __init__(self, world: World):
        self.world = world
        self.cells: collections.Counter = collections.Counter()
        self.misses: dict[str, list[str]] = collections.defaultdict(list)

    def cell(self, dialect: str, name: str, who: str, found: str, wanted: str, answer: Answer) -> None:
        self.cells[dialect] += 1
        if found != wanted:
            said = answer.body[:160].decode(errors="replace")
            self.misses[dialect].append(f"{name}, {who}: {found} instead of {wanted}: {answer.status} {said}")

    def report(self, report: Report) -> None:
        for dialect, count in self.cells.items():
            more = len(self.misses[dialect]) - MOST_MISSES_SHOWN
            shown = self.misses[dialect][:MOST_MISSES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
            report.row(dialect, f"{count:,} cells", *shown)

    # The manual.

    def manual(self) -> None:
        world = self.world
        keys = world.alpha.keys
        tokens = {"nothing": None, "an empty token": "", "a wrong token": "A" * 22 + "==", "the id of an app": "alpha"}
        tokens |= {"an app whose time is over": world.expired.token, "an app whose grant was taken": world.revoked.token}
        tokens |= {f"the id of a key ({kind})": world.id_of(key) for kind, key in keys.items()}
        tokens |= {f"the secret of a key ({kind})": world.secret_of(key) for kind, key in keys.items()}
        tokens |= {
            "half a token": world.alpha.token[:-4],
            "two tokens": f"{world.alpha.token},{world.beta.token}",
            "another case": world.alpha.token.swapcase(),
        }
        for route in ROUTES:
            for who, token in tokens.items():
                self.one(route, who, token, self.wanted(route, who))
            self.one(route, "a token in another header", None, self.wanted(route, "nothing"), Authorization=f"Bearer {world.alpha.token}")
            for capability, app in world.single.items():
                # Registration depends on a setting; here it is open to all.
                wanted = IN if route.area == OPEN or route.area in app.areas else NOT_GRANTED
                self.one(route, capability, app.token, wanted)
            self.one(route, "all capabilities", world.alpha.token, NOT_GRANTED if route.area == ADMIN else IN)
            self.one(route, "the administrator", ADMIN_TOKEN, IN)
            path = f"{route.path}?access_token={world.alpha.token.replace('+', '%2B')}"
            self.one(route._replace(path=path), "a token in the query", None, IN if route.is_nine else self.wanted(route, "nothing"))

    @staticmethod
    def wanted(route: Route, who: str) -> str:
        """The expected result for credentials without a right to the route."""
        is_nothing = who == "nothing" or (who == "an empty token" and route.path.startswith("/interactiveability"))
        if route.area == OPEN or (route.is_anonymous and is_nothing):
            return IN
        if who == "an app whose time is over":
            return OVER
        return NONE if who in ("nothing", "an empty token") and not route.is_nine else UNKNOWN

    def one(self, route: Route, who: str, token: str | None, wanted: str, **headers: str) -> None:
        answer = self.world.manual(route.path, token, **headers)
        found = IN
        try:
            told = answer.json()
            if route.is_nine:
                found = NINE.get(told.get("error_code"), IN) if answer.status in (200, 400) else f"HTTP {answer.status}"
            elif answer.status in (401, 403):
                found = told["message"] if answer.status == (403 if told["message"] == NOT_GRANTED else 401) else f"HTTP {answer.status}"
            elif answer.status >= 500 and not (route.path.startswith("/user/facelogin") and answer.status == 500):
                found = f"HTTP {answer.status}"
        except (ValueError, KeyError, AttributeError):
            found = "no JSON"
        self.cell("the manual", route.path.split("?")[0], who, found, wanted, answer)

    # The cloud dialects.

    def holders(self, kind: str) -> dict[str, tuple[dict, str | frozenset]]:
        """Credentials for the calls of a kind: the granted areas, or the reason for refusal."""
        world = self.world
        others = {
            f"a key of another kind ({other})": (self.shaped(world.alpha.keys[other], kind), "unknown")
            for other in world.alpha.keys
            if other != kind
        }
        right = world.alpha.keys[kind]
        name, secret = (
            ("accessKey", "secretKey")
            if kind == "jdcloud"
            else ("accessKeyId", "accessKeySecret")
            if kind == "alibaba"
            else ("sdkappid", "key")
        )
        wrong = {
            "a wrong secret": (right | {secret: world.secret_of(world.beta.keys[kind])}, "secret"),
            "an unknown key": (right | {name: "1499999999" if kind == "tencent-im" else "A" * len(str(right[name]))}, "unknown"),
            "a key that was taken": (world.gone[kind], "key gone"),
            "an app whose time is over": (world.expired.keys[kind], "over"),
            "an app whose grant was taken": (world.revoked.keys[kind], "grant gone"),
            "a token as a key": (right | {name: "1" if kind == "tencent-im" else world.alpha.token, secret: world.alpha.token}, "unknown"),
        }
        single = {capability: (app.keys[kind], app.areas) for capability, app in world.single.items()}
        return others | wrong | single | {"all capabilities": (right, world.alpha.areas)}

    def shaped(self, key: dict, kind: str) -> dict:
        """A key of one kind in the form of another kind."""
        name, secret = self.world.id_of(key), self.world.secret_of(key)
        return {"accessKey": name, "secretKey": secret, "accessKeyId": name, "accessKeySecret": secret, "sdkappid": name, "key": secret}

    def jdcloud(self) -> None:
        refusals = {
            "unknown": "401 Invalid accessKey",
            "secret": "401 sign result is not same",
            "key gone": "10050",
            "over": "10050",
            "grant gone": "10050",
        }

        def found(answer: Answer) -> str:
            try:
                told = answer.json()
                if "error" in told:
                    return f"{answer.status} {told['error']['message']}"
                return told["code"] if told["code"] in JD_REFUSALS else IN
            except (ValueError, KeyError):
                return "no JSON"

        for api, area in JD.items():
            for who, (key, rights) in self.holders("jdcloud").items():
                answer = self.world.jd(key, api)
                wanted = refusals[rights] if isinstance(rights, str) else IN if area in rights else "10048"
                self.cell("JD Cloud", api, who, found(answer), wanted, answer)
            for who, headers in (
                ("nothing", {}),
                ("a token", {"token": self.world.alpha.token}),
                ("the administrator", {"token": ADMIN_TOKEN}),
            ):
                answer = self.world.server.call("POST", f"/jdai/{api}", b"", **headers)
                self.cell("JD Cloud", api, who, found(answer), "401 lack of header authorization", answer)
            key, now = self.world.alpha.keys["jdcloud"], int(time.time() * 1000)
            sign = access_ways.md5(f"{key['secretKey']}{now}")
            answer = self.world.server.call("POST", f"/jdai/{api}?appkey={key['accessKey']}&timestamp={now}&sign={sign}", b"")
            self.cell("JD Cloud", api, "the older signature", found(answer), "10001", answer)

    def linkvisual(self) -> None:
        refusals = {
            "unknown": "404 InvalidAccessKeyId.NotFound",
            "secret": "400 SignatureDoesNotMatch",
            "key gone": "400 InvalidAccessKeyId.Inactive",
            "over": "400 InvalidAccessKeyId.Inactive",
            "grant gone": "400 InvalidAccessKeyId.Inactive",
        }
        doors = {*refusals.values(), "403 Forbidden.RAM", "400 MissingAccessKeyId"}

        def found(answer: Answer) -> str:
            try:
                told = f"{answer.status} {answer.json()['Code']}"
                return told if told in doors or answer.status >= 500 else IN
            except (ValueError, KeyError):
                return "no JSON"

        for action, area in LINKVISUAL.items():
            for who, (key, rights) in self.holders("alibaba").items():
                answer = self.world.visual(key, action)
                wanted = refusals[rights] if isinstance(rights, str) else IN if area in rights else "403 Forbidden.RAM"
                self.cell("LinkVisual", action, who, found(answer), wanted, answer)
            for who, headers in (
                ("nothing", {}),
                ("a token", {"token": self.world.alpha.token}),
                ("the administrator", {"token": ADMIN_TOKEN}),
            ):
                answer = self.world.server.call("POST", f"/?Action={action}&Version=2018-01-20&Format=JSON", b"", **headers)
                self.cell("LinkVisual", action, who, found(answer), "400 MissingAccessKeyId", answer)

    def tencent_im(self) -> None:
        refusals = {"unknown": "60006", "secret": "70009", "key gone": "70016", "over": "60016", "grant gone": "70020"}

        def found(answer: Answer) -> str:
            try:
                code = answer.json()["ErrorCode"]
                return IN if code not in IM_REFUSALS else str(code)
            except (ValueError, KeyError):
                return "no JSON"

        for command in TENCENT_IM:
            for who, (key, rights) in self.holders("tencent-im").items():
                answer = self.world.im(key, command)
                wanted = refusals[rights] if isinstance(rights, str) else IN if "social" in rights else "60017"
                self.cell("Tencent IM", command, who, found(answer), wanted, answer)
            key = self.world.alpha.keys["tencent-im"]
            answer = self.world.im(key, command, identifier="somebody")
            self.cell("Tencent IM", command, "who is no admin", found(answer), "30004" if command.startswith("sns") else "60010", answer)
            for who, headers in (
                ("nothing", {}),
                ("a token", {"token": self.world.alpha.token}),
                ("the administrator", {"token": ADMIN_TOKEN}),
            ):
                answer = self.world.server.call("POST", f"/v4/{command}", b"{}", **headers)
                self.cell("Tencent IM", command, who, found(answer), "60012", answer)

    def own(self) -> None:
        world = self.world
        key = world.id_of(world.beta.keys["jdcloud"])
        calls = [
            ("GET", "/apps"),
            ("GET", "/apps/alpha/keys"),
            ("POST", "/apps/alpha/keys"),
            ("DELETE", f"/apps/beta/keys/{key}"),
            ("GET", "/apps/alpha/libraries"),
            ("GET", "/settings"),
            ("PUT", "/settings/recognition.top_n"),
            ("DELETE", "/settings/recognition.top_n"),
            ("GET", "/setting-changes"),
            ("POST", "/setting-changes/1/undo"),
            ("GET", "/secret-keys"),
            ("POST", "/secret-keys"),
            ("DELETE", "/secret-keys"),
            ("POST", "/secret-keys/reseal"),
            ("POST", "/admin-token"),
        ]
        tokens = {
            "nothing": (None, "401"),
            "an empty token": ("", "401"),
            "a wrong token": ("A" * 22 + "==", "401"),
            "its own app": (world.alpha.token, "403"),
        }
        tokens |= {name: (app.token, "403") for name, app in world.single.items()}
        tokens |= {"an app whose time is over": (world.expired.token, "401"), "an app whose grant was taken": (world.revoked.token, "401")}
        tokens |= {kind: (world.secret_of(one), "401") for kind, one in world.alpha.keys.items()}
        for method, path in calls:
            for who, (token, wanted) in tokens.items():
                answer = world.own(method, path, token, {"kind": "jdcloud"} if method == "POST" else None)
                self.cell("our own", f"{method} {path}", who, str(answer.status), wanted, answer)
            if method == "GET":
                answer = world.own(method, path, ADMIN_TOKEN)
                self.cell("our own", f"{method} {path}", "the administrator", str(answer.status), "200", answer)
            answer = world.server.call(method, f"/api/v1{path}", b"{}", token=ADMIN_TOKEN)
            self.cell("our own", f"{method} {path}", "the administrator in another header", str(answer.status), "401", answer)


def run(binary: str, is_short: bool) -> Report:
    report = Report("who gets in")
    access_rules.check()
    with folder() as name, Pictures() as served, Server(binary, pathlib.Path(name) / "data", **SETTINGS) as server:
        world = World(server)
        matrix = Matrix(world)
        begun = time.monotonic()
        for part in (matrix.manual, matrix.jdcloud, matrix.linkvisual, matrix.tencent_im, matrix.own):
            part()
        matrix.report(report)
        report.row("the matrix", f"{matrix.cells.total():,} cells in {time.monotonic() - begun:.0f} s")
        access_cross.report(report, world, served)
        access_ways.report(report, world, served, pathlib.Path(name) / "data")
        panics = [line for line in server.log if "panicked" in line][:MOST_MISSES_SHOWN]
        ended = [f"the server ended with {server.process.returncode}"] if server.process.poll() is not None else []
        report.row("panics", str(len(panics)), *panics, *ended)
    return report
