#!/usr/bin/env python3
"""Enrol through one dialect and identify through another, with the official SDKs of both.

Usage: conformance/crosswise.py; `run.py` sets the environment.

An app's libraries are the same in every dialect: AICP's `groupId` is JD Cloud's group name and LinkVisual's isolation
id.
"""

import json
import sys
import urllib.request

from jdcloud import ApimSdk
from jdcloud import Life as JdCloudLife
from journey import SECONDS, Pictures, Setting, picture, text
from linkvisual import Life as LinkVisualLife
from linkvisual import NewerSdk

LIBRARY = "lobby1"
CLIENT = "crosswise"


def aicp(setting: Setting, call: str, body: dict):
    """Makes a micro-service call of AICP and returns its data."""
    headers = {"Content-Type": "application/json", "token": setting.token}
    request = urllib.request.Request(f"{setting.base}/aicp/face/{call}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        answer = json.load(response)
    if not answer["flag"]:
        raise ValueError(f"{call}: {answer['message']}")
    return answer["data"]


def main() -> int:
    setting = Setting()
    cloud = JdCloudLife(CLIENT, ApimSdk(setting, setting.keys["jdcloud"]))
    visual = LinkVisualLife(CLIENT, NewerSdk(setting, setting.keys["alibaba"]))
    obama, obama2, biden = (
        text(picture(f"people/{name}.jpg")) for name in ("obama/obama", "obama/obama2", "biden/biden")
    )

    with cloud.to_the_end(), Pictures() as pictures:
        aicp(setting, "addBase", {"groupId": LIBRARY, "dbName": LIBRARY, "dbDesc": "大厅"})
        aicp(setting, "add", {"groupId": LIBRARY, "image": obama, "name": "张三"})

        # Enrolled through AICP, identified through JD Cloud.
        named = [group["groupName"] for group in cloud.groups(start=0, length=5)]
        cloud.same("getFaceGroupList", "the library of AICP", named, [LIBRARY])
        found = json.loads(cloud.ok("faceSearch", {"groupName": LIBRARY}, {"imageBase64": obama2})["result"])
        sims = [one["faceID"]["sim"] for one in found["faceSearchResults"]]
        cloud.check("faceSearch", "whom AICP enrolled", len(sims) == 1, sims[0] > 0.6)
        groups = cloud.ok("groupFetchV1")
        cloud.check("groupFetchV1", "the library of AICP", f'"{LIBRARY}"' in json.dumps(groups))
        group = next(one["groupId"] for one in find_all(groups, "groupId") if LIBRARY in one.values())
        listed = cloud.ok("faceFetchV1", {"groupId": group, "pageId": 0, "pageSize": 10})
        cloud.same("faceFetchV1", "whom AICP enrolled", len(find_all(listed, "faceId")), 1)

        # The same through LinkVisual.
        page = {"PageNo": 1, "PageSize": 10}
        told = visual.ok("QueryFaceUserByName", IsolationId=LIBRARY, Name="张", **page)
        visual.same("QueryFaceUserByName", "whom AICP enrolled", [one["Name"] for one in told["List"]], ["张三"])

        # Enrolled through either, identified through AICP and the other.
        cloud.ok("faceCreate", {"groupName": LIBRARY, "outerId": "biden"}, {"imageBase64": biden})
        records = aicp(setting, "recognition", {"groupId": LIBRARY, "image": biden})["records"]
        cloud.check("faceCreate", "AICP recognises whom it enrolled", len(records) == 1, records[0]["score"] > 99)
        told = visual.ok("QueryFaceUserByName", IsolationId=LIBRARY, **page)
        visual.same("QueryFaceUserByName", "whom JD Cloud enrolled too", told["Total"], 2)
        stranger = "groups/sample5.jpg"
        where = pictures.url(stranger)
        visual.ok("AddFaceUser", IsolationId=LIBRARY, CustomUserId="STAFF7", FacePicUrl=where, Name="李四")
        probe = {"imageBase64": text(picture(stranger))}
        found = json.loads(cloud.ok("faceSearch", {"groupName": LIBRARY}, probe)["result"])["faceSearchResults"]
        cloud.check("faceSearch", "whom LinkVisual enrolled", len(found) == 1, found[0]["faceID"]["sim"] > 0.99)
        visual.check("AddFaceUser", "JD Cloud finds whom it enrolled", len(found) == 1)
        gone = found[0]["faceID"]["outerId"]
        cloud.ok("faceDelete", {"groupName": LIBRARY, "outerId": gone})
        visual.fails(
            "466", "customuserid not exist", "QueryFaceUserIdByCustomUserId", IsolationId=LIBRARY, CustomUserId="STAFF7"
        )
        visual.check("AddFaceUser", "JD Cloud calls it by its own id", gone == "STAFF7")
    return cloud.finish() | visual.finish()


def find_all(value, key: str) -> list[dict]:
    """All objects at any depth of a JSON value that have the key."""
    if isinstance(value, list):
        return [one for item in value for one in find_all(item, key)]
    if not isinstance(value, dict):
        return []
    own = [value] if key in value else []
    return own + [one for item in value.values() for one in find_all(item, key)]


if __name__ == "__main__":
    sys.exit(main())
