import type { Schema } from "../../../api/client";
import { isGood } from "./judging";
import { decimal, type Json, jsonText, requestText, UNKNOWN, WrittenNumber } from "./text";
import type { Act, Code, Exchange, Look, Translation } from "./types";

const ACTION = "DetectUserFaceByUrl";
/** Stands for the address of the picture, which the server fetches. */
const ADDRESS = "https://example.com/face.jpg";
/** Setting `fetch.max_bytes`. */
const MOST_BYTES = 8 << 20;

type Fault = [code: string, message: string];

const BAD_FORMAT: Fault = ["460", "picture type error."];
const NO_DOWNLOAD: Fault = ["466", "face picture download error"];
const NO_FACE: Fault = ["466", "can not find this face"];

/** The call of LinkVisual's face library. It has calls for the detection of faces alone: devices recognise. */
export function linkvisual(act: Act): Translation {
  if (act.kind !== "look") return { exchanges: [], notes: [{ key: "linkvisualNone" }] };
  return { exchanges: [detect(act)], notes: [{ key: "linkvisual" }, { key: "unknownValues" }] };
}

function detect(act: Look): Exchange {
  const query = new URLSearchParams({ FacePicUrl: ADDRESS }).toString();
  const headers = {
    Authorization:
      "ACS3-HMAC-SHA256 Credential=$ACCESS_KEY_ID,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=…",
    "x-acs-action": ACTION,
    "x-acs-version": "2018-01-20",
    "x-acs-date": UNKNOWN,
    "x-acs-signature-nonce": UNKNOWN,
    "x-acs-content-sha256": UNKNOWN,
  };
  return {
    call: ACTION,
    request: requestText(act.origin, `/?${query}`, headers, null),
    status: 200,
    answer: jsonText(answerOf(act)),
    code: codeOf(act.origin),
  };
}

function answerOf({ picture, faces }: Look): Json {
  const fault = (): Fault | null => {
    if (picture.bytes > MOST_BYTES) return NO_DOWNLOAD;
    if (picture.mediaType !== "image/jpeg") return BAD_FORMAT;
    return faces.length === 0 ? NO_FACE : null;
  };
  const found = fault();
  if (found) return { RequestId: UNKNOWN, Code: found[0], ErrorMessage: found[1], Success: false };
  const data = faces.map((face) => describedOf(face, picture.width, picture.height));
  return { RequestId: UNKNOWN, Data: { data }, Code: "200", Success: true };
}

function describedOf({ box, quality }: Schema<"DetectedFace">, width: number, height: number): Json {
  const components = quality?.components;
  const score = (component = 0) => new WrittenNumber(decimal(component / 100));
  const good = !!quality && isGood(quality);
  const [left, right] = [clamp(box.x / width), clamp((box.x + box.width) / width)];
  const [top, bottom] = [clamp(box.y / height), clamp((box.y + box.height) / height)];
  return {
    Age: 0,
    Gender: 0,
    BlurScore: score(components?.sharpness),
    OcclusionScore: score(components ? Math.min(components.landmarkAgreement, components.uncovered) : 0),
    PoseScore: score(components?.headPose),
    FaceProbability: score(components?.confidence),
    GoodForLibrary: good,
    GoodForRecognition: good,
    FaceRects: { FaceRectsData: [[left, top, right - left, bottom - top].map((part) => part.toFixed(6)).join(",")] },
    Landmarks: { LandmarksData: [`[${UNKNOWN}]`] },
  };
}

function clamp(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

function codeOf(origin: string): Code[] {
  const { host, protocol } = new URL(origin);
  const scheme = protocol.replace(":", "").toUpperCase();
  const python = [
    "# pip install alibabacloud_linkvisual20180120",
    "import os",
    "",
    "from alibabacloud_linkvisual20180120.client import Client",
    "from alibabacloud_linkvisual20180120.models import DetectUserFaceByUrlRequest",
    "from alibabacloud_tea_openapi.models import Config",
    "",
    "client = Client(Config(",
    '    access_key_id=os.environ["ACCESS_KEY_ID"],',
    '    access_key_secret=os.environ["ACCESS_KEY_SECRET"],',
    '    region_id="cn-shanghai",',
    `    endpoint="${host}",`,
    `    protocol="${scheme}",`,
    "))",
    `request = DetectUserFaceByUrlRequest(face_pic_url="${ADDRESS}")`,
    "print(client.detect_user_face_by_url(request).body.to_map())",
  ];
  const node = [
    "// npm install @alicloud/pop-core",
    'const Core = require("@alicloud/pop-core");',
    "",
    "const client = new Core({",
    "  accessKeyId: process.env.ACCESS_KEY_ID,",
    "  accessKeySecret: process.env.ACCESS_KEY_SECRET,",
    `  endpoint: ${JSON.stringify(origin)},`,
    '  apiVersion: "2018-01-20",',
    "});",
    "client",
    `  .request("${ACTION}", { FacePicUrl: "${ADDRESS}" }, { method: "POST" })`,
    "  .then((answer) => console.log(JSON.stringify(answer, null, 2)), (error) => console.log(error.data));",
  ];
  const java = [
    "// Maven: com.aliyun:linkvisual20180120",
    "import com.aliyun.linkvisual20180120.Client;",
    "import com.aliyun.linkvisual20180120.models.DetectUserFaceByUrlRequest;",
    "import com.aliyun.teaopenapi.models.Config;",
    "",
    "public class Detect {",
    "    public static void main(String[] args) throws Exception {",
    "        Client client = new Client(new Config()",
    '            .setAccessKeyId(System.getenv("ACCESS_KEY_ID"))',
    '            .setAccessKeySecret(System.getenv("ACCESS_KEY_SECRET"))',
    '            .setRegionId("cn-shanghai")',
    `            .setEndpoint("${host}")`,
    `            .setProtocol("${scheme}"));`,
    `        DetectUserFaceByUrlRequest request = new DetectUserFaceByUrlRequest().setFacePicUrl("${ADDRESS}");`,
    "        System.out.println(client.detectUserFaceByUrl(request).body.toMap());",
    "    }",
    "}",
  ];
  return [
    { language: "python", text: python.join("\n") },
    { language: "node", text: node.join("\n") },
    { language: "java", text: java.join("\n") },
  ];
}
