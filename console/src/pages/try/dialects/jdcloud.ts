import type { Schema } from "../../../api/client";
import { nodeLiteral, nodePictures, picturesIn, pythonLiteral, pythonPictures } from "./code";
import { libraryFor, peopleAbove } from "./judging";
import { base64Length, type Json, jsonText, PictureField, requestText, shortest, UNKNOWN } from "./text";
import type { Act, Code, Comparing, Exchange, Identification, Look, Note, SentPicture, Translation } from "./types";

type Fault = [code: number, message: string];

const ACCEPTED: Fault = [0, "Accept"];
const TOO_SMALL: Fault = [2, "ImageIsTooSmall"];
const TOO_LARGE: Fault = [3, "ImageIsTooLarge"];
const BAD_BASE64: Fault = [4, "Base64IsInvalid"];
const BASE64_TOO_LARGE: Fault = [5, "Base64IsTooLarge"];
const NO_FACE_V1: Fault = [10, "NoFaceDetected"];
const BAD_QUALITY_V1: Fault = [11, "InvalidFaceQuality"];
const BAD_POSTURE_V1: Fault = [12, "InvalidFacePosture"];
const BAD_IMAGE: Fault = [12003, "image base64 is invalid"];
const BAD_IMAGE_QUALITY: Fault = [13111, "image quality is bad"];
/** The misspelling is the vendor's. */
const BAD_POSTURE: Fault = [13112, "face quality is not stardard"];
const NO_FACE: Fault = [13134, "face not found"];

const MOST_FACES = 100;
const MOST_FOUND = 5;
const LEAST_SIDE = 48;
const MOST_BYTES = 2 << 20;
/** Most degrees of yaw, pitch and roll. */
const MOST_ANGLE = 30;
const FORMATS = ["image/jpeg", "image/png", "image/bmp"];

/** Where our similarity and the score of the interface have the same false-accept rate. */
const SCORES: [similarity: number, score: number][] = [
  [0, 0],
  [0.8, 0.49],
  [0.86, 0.54],
  [0.91, 0.58],
  [1, 1],
];

/** The calls of JD Cloud's face services. */
export function jdcloud(act: Act): Translation {
  switch (act.kind) {
    case "look":
      return { exchanges: [properties(act), liveness(act)], notes: [{ key: "jdcloud" }] };
    case "identify":
      return identify(act);
    case "compare":
      return { exchanges: [compare(act)], notes: [{ key: "jdcloud" }] };
  }
}

/** Returns the score of the interface, 0 to 1, for a similarity. */
export function scoreOf(similarity: number): number {
  const x = Math.min(1, Math.max(0, similarity));
  for (let index = 1; index < SCORES.length; index += 1) {
    const [[x0, y0], [x1, y1]] = [SCORES[index - 1]!, SCORES[index]!];
    if (x <= x1) return y0 + (y1 - y0) * ((x - x0) / (x1 - x0));
  }
  return 0;
}

function properties(act: Look): Exchange {
  const body: Json = { imgBase64: new PictureField(act.picture, "face") };
  const faces = act.faces.slice(0, MOST_FACES);
  const fault = faultV1(act.picture) ?? (faces.length === 0 ? NO_FACE_V1 : null);
  const result = fault
    ? failedV1(act, fault)
    : {
        code: ACCEPTED[0],
        faceCount: faces.length,
        faceItems: faces.map(itemOf),
        maxFaceCount: MOST_FACES,
        msg: ACCEPTED[1],
        processTimeInMs: act.tookMs,
        props: faces.map(() => ({})),
        timestamp: act.at,
      };
  return exchange(act, "facePropV1", { maxFaceCount: String(MOST_FACES) }, body, envelope(result));
}

function liveness(act: Look): Exchange {
  const body: Json = { isVisual: true, imgBase64Visual: new PictureField(act.picture, "face") };
  const face = act.faces[0];
  const live = face?.liveness;
  const fault = faultV1(act.picture) ?? (!face || !live ? NO_FACE_V1 : live.isTooTight ? BAD_QUALITY_V1 : null);
  const result =
    fault || !face || !live
      ? failedV1(act, fault ?? NO_FACE_V1)
      : {
          code: ACCEPTED[0],
          faceItemsNir: [],
          faceItemsVisual: [itemOf(face)],
          msg: ACCEPTED[1],
          processTimeInMs: act.tookMs,
          score: measure(live.probability),
          timestamp: act.at,
        };
  return exchange(act, "detectHacknessV1", {}, body, envelope(result));
}

function identify(act: Identification): Translation {
  const library = libraryFor(act);
  const notes: Note[] = [{ key: "jdcloud" }, { key: "ownThreshold" }];
  if (act.faces === "all") notes.push({ key: "jdcloudLargest" });
  if (act.libraries.length > 1) notes.push({ key: "oneLibrary", group: library.groupId });
  const face = act.found[0];
  const people = face ? peopleAbove(face, library, library.threshold).slice(0, library.topN ?? MOST_FOUND) : [];
  if (people.length > 0) notes.push({ key: "unknownValues" });
  const results = people.map(({ person, similarity }, index) => ({
    conf: face?.confidence ?? 0,
    faceID: {
      faceId: UNKNOWN,
      index,
      outerId: person.externalId ?? person.id,
      sim: shortest(scoreOf(similarity)),
    },
    height: face?.box.height ?? 0,
    left: face?.box.x ?? 0,
    top: face?.box.y ?? 0,
    width: face?.box.width ?? 0,
  }));
  const [look] = act.looks;
  const posture = look && !isValidPosture(look) ? BAD_POSTURE : null;
  const fault = faultOf(act.picture) ?? (face ? posture : NO_FACE);
  const [status, message] = fault ?? [0, "success"];
  const told = { requestid: UNKNOWN, message, status };
  const result: Json = fault ? told : { result: jsonText({ faceSearchResults: results }, true), ...told };
  const answer = envelope(result, status, { requestid: UNKNOWN, message });
  const body: Json = { imageBase64: new PictureField(act.picture, "face") };
  return { exchanges: [exchange(act, "faceSearch", { groupName: library.groupId }, body, answer)], notes };
}

function compare(act: Comparing): Exchange {
  const body: Json = { imgBase64A: new PictureField(act.a, "a"), imgBase64B: new PictureField(act.b, "b") };
  const [a, b] = [act.facesOfA[0], act.facesOfB[0]];
  const isFrontal = [a, b].every((face) => face && isValidPosture(face));
  const fault =
    faultV1(act.a) ?? faultV1(act.b) ?? (!act.comparison || !a || !b ? NO_FACE_V1 : isFrontal ? null : BAD_POSTURE_V1);
  const result =
    fault || !act.comparison || !a || !b
      ? failedV1(act, fault ?? NO_FACE_V1)
      : {
          code: ACCEPTED[0],
          faceItemsA: [itemOf(a)],
          faceItemsB: [itemOf(b)],
          msg: ACCEPTED[1],
          processTimeInMs: act.tookMs,
          score: measure(scoreOf(act.comparison.similarity)),
          timestamp: act.at,
        };
  return exchange(act, "faceCompareV1", {}, body, envelope(result));
}

function itemOf(face: Schema<"DetectedFace">): Json {
  const { box, quality } = face;
  const pose = quality?.pose;
  return {
    blurScore: measure((quality?.components?.sharpness ?? 0) / 100),
    boundingBox: {
      height: measure(box.height),
      left: measure(box.x),
      top: measure(box.y),
      width: measure(box.width),
    },
    isValidPosture: isValidPosture(face),
    posture: { pitch: measure(pose?.pitch ?? 0), roll: measure(pose?.roll ?? 0), yaw: measure(pose?.yaw ?? 0) },
  };
}

function isValidPosture({ quality }: Schema<"DetectedFace">): boolean {
  const pose = quality?.pose;
  return !!pose && [pose.yaw, pose.pitch, pose.roll].every((angle) => Math.abs(angle) <= MOST_ANGLE);
}

function measure(value: number): string {
  const text = value.toFixed(2);
  return text === "-0.00" ? "0.00" : text;
}

/** Why the later calls refuse a picture. */
function faultV1(picture: SentPicture): Fault | null {
  if (base64Length(picture) >= MOST_BYTES) return BASE64_TOO_LARGE;
  if (Math.max(picture.width, picture.height) > 2048) return TOO_LARGE;
  if (Math.min(picture.width, picture.height) < LEAST_SIDE) return TOO_SMALL;
  return FORMATS.includes(picture.mediaType) ? null : BAD_BASE64;
}

/** Why the calls of face search refuse a picture. */
function faultOf(picture: SentPicture): Fault | null {
  const isTooLarge = picture.bytes >= MOST_BYTES || Math.max(picture.width, picture.height) > 4096;
  if (isTooLarge || Math.min(picture.width, picture.height) < LEAST_SIDE) return BAD_IMAGE_QUALITY;
  return FORMATS.includes(picture.mediaType) ? null : BAD_IMAGE;
}

function failedV1(act: Act, [code, msg]: Fault): Json {
  return { code, msg, processTimeInMs: act.tookMs, timestamp: act.at };
}

/** The envelope of every answer. Calls of face search have a `status` besides, and copies of what the result tells. */
function envelope(result: Json, status?: number, copies?: { requestid: string; message: string }): Json {
  return {
    code: "10000",
    ...(status === undefined ? {} : { status }),
    charge: false,
    remain: 0,
    remainTimes: -1,
    remainSeconds: -1,
    msg: "查询成功",
    result,
    ...copies,
  };
}

function exchange(act: Act, call: string, query: Record<string, string>, body: Json, answer: Json): Exchange {
  const path = `/jdai/${call}`;
  const isForm = !call.endsWith("V1");
  const [picture] = picturesIn(body);
  const sent = isForm && picture ? `imageBase64=${picture.shown}` : jsonText(body);
  const search = new URLSearchParams(query).toString();
  const headers = {
    Authorization:
      "JDCLOUD2-HMAC-SHA256 Credential=$ACCESS_KEY/…/jdcloud2_request, SignedHeaders=content-type;host;x-jdcloud-date;x-jdcloud-nonce, Signature=…",
    "Content-Type": "application/json",
    "x-jdcloud-date": UNKNOWN,
    "x-jdcloud-nonce": UNKNOWN,
  };
  return {
    call: path,
    request: requestText(act.origin, search ? `${path}?${search}` : path, headers, sent),
    status: 200,
    answer: jsonText(answer),
    code: [python(act.origin, path, query, body, isForm), node(act.origin, path, query, body)],
  };
}

function python(origin: string, path: string, query: Record<string, string>, body: Json, isForm: boolean): Code {
  const { host, protocol } = new URL(origin);
  const [picture] = picturesIn(body);
  const sent = isForm && picture ? `"imageBase64=" + ${picture.variable}` : pythonLiteral(body);
  const text = [
    "# pip install requests jdcloud-apim-sdk-core",
    "import base64",
    "import json",
    "import os",
    "",
    "from jdcloud_apim_sdk.core.config import Config",
    "from jdcloud_apim_sdk.core.credential import Credential",
    "from jdcloud_apim_sdk.core.logger import ERROR, Logger",
    "from jdcloud_apim_sdk.simpleclient import SimpleClient",
    "from jdcloud_apim_sdk.simplerequest import SimpleRequest",
    "",
    ...pythonPictures(body),
    "client = SimpleClient(",
    `    Config("${host}", scheme="${protocol.replace(":", "")}", timeout=30),`,
    '    Credential(os.environ["ACCESS_KEY"], os.environ["SECRET_KEY"]),',
    "    Logger(ERROR),",
    ")",
    `request = SimpleRequest("${path}", "POST", ${pythonLiteral(query)}, ${sent}, {})`,
    "print(json.dumps(client.send(request).json(), ensure_ascii=False, indent=2))",
  ];
  return { language: "python", text: text.join("\n") };
}

function node(origin: string, path: string, query: Record<string, string>, body: Json): Code {
  const { host, protocol } = new URL(origin);
  const text = [
    "// npm install jdcloud-sdk-js",
    'const { readFileSync } = require("fs");',
    'const JDCloud = require("jdcloud-sdk-js/src/lib/node_loader");',
    "",
    "// Its usual logger prints every request.",
    "JDCloud.config.logger = () => {};",
    ...nodePictures(body),
    'const service = new JDCloud.Service("aiapi", {',
    "  credentials: new JDCloud.Credentials({",
    "    accessKeyId: process.env.ACCESS_KEY,",
    "    secretAccessKey: process.env.SECRET_KEY,",
    "  }),",
    `  endpoint: { protocol: "${protocol.replace(":", "")}", host: "${host}" },`,
    '  regionId: "cn-north-1",',
    "});",
    'const json = ["application/json"];',
    "service",
    `  .makeRequest("${path}", "POST", {}, ${nodeLiteral(query)}, {}, {}, ${nodeLiteral(body)}, json, json, null)`,
    "  .then(({ responseObj, ...answer }) => console.log(JSON.stringify(answer, null, 2)));",
  ];
  return { language: "node", text: text.join("\n") };
}
