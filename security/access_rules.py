"""Access rules of the documents: which credentials admit to which call. Written by hand, not derived from a server."""

from typing import NamedTuple

import harness  # noqa: F401, where the next is found

from operations import OPERATIONS  # isort: skip

CAPABILITIES = {
    "C10000000001": {"libraries", "people", "groups", "social"},
    "C10000000002": {"recognition"},
    "C10000000003": {"compare", "quality", "detect", "statistics"},
    "C10000000004": {"quality"},
    "C10000000005": {"detect"},
    "C10000000006": {"groups", "faces"},
    "C10000000007": {"statistics"},
    "C10000000008": {"social"},
    "C10000000009": {"templates"},
}
ADMIN, OPEN = "(admin)", "(open)"


class Route(NamedTuple):
    """A path of the manual, its area, and whether it is admitted without a token (sections 2, 3 and 5)."""

    path: str
    area: str
    is_anonymous: bool = False
    is_nine: bool = False


OLD = {"faceentry": "people", "facerecognition": "recognition", "personwitnessratio": "compare"}
SHARED = {"add": "people", "remove": "people", "query": "people", "recognition": "recognition", "couple": "compare", "quality": "quality"}
MICRO = {"addBase": "libraries", "deleteBase": "libraries", "queryBaseAll": "libraries", "detect": "detect", "recognitionmn": "recognition"}
STATISTICS = ["", "/getMethodCountByDay", "/getMethodCountByWeek", "/getMethodCountByMonth", "/getChartByDay", "/getChartByMonth", "/all"]
ADMINS = [
    "/authorize/grantAuthorize",
    "/authorize/updateAuthorize",
    "/authorize/deleteAuthorizedUser",
    "/asynchrony/getall",
    "/asynchrony/resumedata",
]
GROUPS = """
    face-api/v3/group/add face-api/v3/group/delete face-api/v3/group/list face-api/facehub/statapp face-api/facehub/statgroup
    face-api/v3/user/copy face-api/v3/user/get face-api/v3/user/list face-api/v3/user/delete
""".split()
FACES = """
    app/list face/add face/addNoDetect face/update face/list face/delete face/detect face/match face/identify face/search
    face/midentify face/multi-search face/liveness
""".split()
CLOUD_FACES = """
    detect search multi-search match faceverify faceset/user/add faceset/user/update faceset/face/getlist faceset/face/delete
""".split()
CLOUD_GROUPS = """
    faceset/user/get faceset/user/copy faceset/user/delete faceset/group/getusers faceset/group/add faceset/group/delete
    faceset/group/getlist
""".split()
USERS = ["/user/register", "/user/facelogin.json", "/user/facelogin", "/user/login", "/user/logout"]

ROUTES = [
    *(Route(f"/interactiveability/face/{name}", area, is_anonymous=True) for name, area in OLD.items()),
    *(Route(f"/aicp/face/{name}", area, is_anonymous=True) for name, area in SHARED.items()),
    *(Route(f"/aicp/face/{name}", area) for name, area in MICRO.items()),
    *(Route(f"/method/call{name}", "statistics", is_anonymous=True) for name in STATISTICS),
    *(Route(path, ADMIN) for path in ADMINS),
    *(Route(path, OPEN) for path in USERS),
    *(Route(f"/{name}", "groups", is_nine=True) for name in GROUPS),
    *(Route(f"/face-api/v3/{name}", "faces", is_nine=True) for name in FACES),
    *(Route(f"/rest/2.0/face/v3/{name}", "faces", is_nine=True) for name in CLOUD_FACES),
    *(Route(f"/rest/2.0/face/v3/{name}", "groups", is_nine=True) for name in CLOUD_GROUPS),
]

# JD Cloud's calls by area; `mask_detect` is granted to no app.
JD_AREAS = {
    "libraries": "getFaceGroupList faceGroupCreate faceGroupDelete groupCreateV1 groupFetchV1 groupUpdateV1 groupDeleteV1",
    "people": "faceCreate face_create faceDelete faceCreateV1 faceFetchV1 faceUpdateV1 faceDeleteV1",
    "recognition": "faceSearch faceSearchV1",
    "compare": "faceCompareV1 face_compare",
    "detect": "facePropV1 face_detect_attr detectHacknessV1 face_AntiSpoof",
    "(nobody)": "mask_detect",
}
JD = {api: area for area, apis in JD_AREAS.items() for api in apis.split()}
LINKVISUAL = {action: "detect" if action == "DetectUserFaceByUrl" else "people" for action in OPERATIONS["linkvisual"]}
TENCENT_IM = [f"{'im_open_login_svc' if 'account' in command else 'sns'}/{command}" for command in OPERATIONS["tencent-im"]]


def opens(capability: str, area: str) -> bool:
    return area in CAPABILITIES[capability]


def check() -> None:
    """Checks that every operation of the contracts has a rule."""
    left = set(OPERATIONS["jdcloud"]) - set(JD)
    if left or len(ROUTES) != len({route.path for route in ROUTES}):
        raise SystemExit(f"error: no rule for {left}")
