/** What leads a vendor's SDK to this platform. */
export interface Target {
  /** Address of the platform, such as `http://127.0.0.1:9012`. */
  origin: string;
  app: string;
  /** Id of the key that signs the requests. */
  keyId: string;
}

/** Kinds of keys, as the API names them: one for each interface whose requests are signed. */
export const KEY_KINDS = ["jdcloud", "alibaba", "tencent-im"] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

export const SNIPPETS = [...KEY_KINDS, "manual", "face-api", "rest"] as const;
export type SnippetKind = (typeof SNIPPETS)[number];

/** Whether a text is a kind of keys. */
export function isKeyKind(text: string): text is KeyKind {
  return KEY_KINDS.some((kind) => kind === text);
}

/** Returns code that makes a first call by an interface. Secrets come from the environment of the program. */
export function snippetOf(kind: SnippetKind, target: Target): string {
  const { protocol, host } = new URL(target.origin);
  const scheme = protocol.replace(":", "");
  const makers: Record<SnippetKind, () => string> = {
    jdcloud: () => jdcloud(host, scheme, target.keyId),
    alibaba: () => alibaba(host, scheme, target.keyId),
    "tencent-im": () => tencent(target.origin, target.keyId),
    manual: () => manual(target.origin),
    "face-api": () => faceApi(target.origin, target.app),
    rest: () => restSnippet(target.origin, null),
  };
  return makers[kind]();
}

/** Returns a first call of the REST API. Without a token it is taken from the environment. */
export function restSnippet(origin: string, token: string | null): string {
  return `curl '${origin}/api/v1/libraries' \\
  -H ${token === null ? '"Authorization: Bearer $AICP_TOKEN"' : `'Authorization: Bearer ${token}'`}
`;
}

function jdcloud(host: string, scheme: string, keyId: string): string {
  return `# pip install jdcloud-apim-sdk-core
import os

from jdcloud_apim_sdk.core.config import Config
from jdcloud_apim_sdk.core.credential import Credential
from jdcloud_apim_sdk.simpleclient import SimpleClient
from jdcloud_apim_sdk.simplerequest import SimpleRequest

client = SimpleClient(
    Config("${host}", scheme="${scheme}"),
    Credential("${keyId}", os.environ["AICP_SECRET_KEY"]),
)
answer = client.send(SimpleRequest("/jdai/getFaceGroupList", "POST", {}, None, {}))
print(answer.json())
`;
}

function alibaba(host: string, scheme: string, keyId: string): string {
  return `# pip install alibabacloud_linkvisual20180120
import os

from alibabacloud_linkvisual20180120.client import Client
from alibabacloud_linkvisual20180120.models import QueryFaceAllUserGroupRequest
from alibabacloud_tea_openapi.models import Config

client = Client(Config(
    access_key_id="${keyId}",
    access_key_secret=os.environ["AICP_SECRET_KEY"],
    region_id="cn-shanghai",
    endpoint="${host}",
    protocol="${scheme.toUpperCase()}",
))
answer = client.query_face_all_user_group(QueryFaceAllUserGroupRequest(isolation_id="staff", page_no=1, page_size=10))
print(answer.body.to_map())
`;
}

function tencent(origin: string, keyId: string): string {
  return `# pip install tls-sig-api-v2 requests
import os

import requests
from TLSSigAPIv2 import TLSSigAPIv2

ADMIN = "administrator"
sdkappid = ${keyId}
usersig = TLSSigAPIv2(sdkappid, os.environ["AICP_SECRET_KEY"]).gen_sig(ADMIN, 86400)
answer = requests.post(
    "${origin}/v4/im_open_login_svc/account_import",
    params={"sdkappid": sdkappid, "identifier": ADMIN, "usersig": usersig, "random": 1, "contenttype": "json"},
    json={"UserID": "bob"},
)
print(answer.json())
`;
}

function manual(origin: string): string {
  return `curl -X POST '${origin}/aicp/face/queryBaseAll' \\
  -H "token: $AICP_TOKEN" \\
  -H 'Content-Type: application/json' \\
  -d '{}'
`;
}

function faceApi(origin: string, app: string): string {
  return `# pip install baidu-aip chardet
import os
from urllib.parse import urlsplit

from aip import AipFace
from aip.base import AipBase

for sdk_class in (AipBase, AipFace):
    for name, value in list(vars(sdk_class).items()):
        if isinstance(value, str) and value.startswith("https://"):
            setattr(sdk_class, name, "${origin}" + urlsplit(value).path)

app = ${JSON.stringify(app)}
client = AipFace(app, app, os.environ["AICP_TOKEN"])
print(client.getGroupList())
`;
}
