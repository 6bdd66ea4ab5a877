import type { Schema } from "../../../api/client";
import { nodeLiteral, nodePictures, plainCode, pythonLiteral, pythonPictures } from "./code";
import { peopleLike } from "./judging";
import { base64Length, decimal, type Json, jsonText, percent, PictureField, requestText, shortest, UNKNOWN, withPoint, WrittenNumber } from "./text";
import type { Act, Code, Comparing, Exchange, Identification, Look, Note, SentPicture, Translation } from "./types";

const BASE = "/face-api/v3/";
const MOST_FACES = 10;
const MOST_USERS = 5;
const MOST_GROUPS = 10;
/** Longest base64 of a picture. */
const MOST_BASE64 = 2 << 20;

const NO_FACE: Fault = [222202, "pic not has face"];
const NO_MATCH: Fault = [222207, "match user is not found"];
const BAD_IMAGE: Fault = [222013, "param[image] format error"];
const INCOMPLETE_FACE: Fault = [223116, "incomplete face"];

type Fault = [code: number, message: string];

/** The calls of face-api (section 9 of the AICP manual and its later documents). */
export function faceApi(act: Act): Translation {
  switch (act.kind) {
    case "look":
      return { exchanges: [detect(act), liveness(act)], notes: [{ key: "faceApi" }] };
    case "identify":
      return identify(act);
    case "compare":
      return { exchanges: [match(act)], notes: [{ key: "faceApi" }] };
  }
}

function detect(act: Look): Exchange {
  const image = imageOf(act.picture);
  const options: Json = { max_face_num: MOST_FACES, face_field: "landmark,quality,liveness" };
  const faces = act.faces.slice(0, MOST_FACES).map((face, index) => detectedOf(act.picture, face, index, true));
  const answer = faces.length > 0 ? done(act, { face_num: faces.length, face_list: faces }) : failed(act, NO_FACE);
  return exchange(act, "face/detect", { image, image_type: "BASE64", ...options }, answer, [act.picture], {
    python: ["detect", [image, "BASE64", options]],
    node: ["detect", [image, "BASE64", options]],
  });
}

function liveness(act: Look): Exchange {
  const images: Json = [{ image: imageOf(act.picture), image_type: "BASE64" }];
  const face = act.faces[0];
  const live = face?.liveness;
  const answer = () => {
    if (!face || !live) return failed(act, NO_FACE);
    if (live.isTooTight) return failed(act, INCOMPLETE_FACE);
    return done(act, {
      face_liveness: live.probability,
      thresholds: { "frr_1e-4": 0.05, "frr_1e-3": 0.3, "frr_1e-2": 0.9 },
      face_list: [detectedOf(act.picture, face, 0, false)],
    });
  };
  return exchange(act, "face/liveness", images, answer(), [act.picture], {
    python: ["faceverify", [images]],
    node: ["faceverify", [images]],
  });
}

function identify(act: Identification): Translation {
  const notes: Note[] = [{ key: "faceApi" }];
  const groups = act.libraries.filter(({ groupId }) => /^\w{1,48}$/.test(groupId)).slice(0, MOST_GROUPS);
  if (groups.length < act.libraries.length) notes.push({ key: "faceApiGroups" });
  if (groups.length === 0) return { exchanges: [], notes };

  const isMany = act.faces === "all";
  const threshold = act.threshold ?? Math.min(...groups.map((group) => group.threshold));
  const image = imageOf(act.picture);
  const groupIds = groups.map(({ groupId }) => groupId).join(",");
  const options: Json = {
    ...(isMany ? { max_face_num: MOST_FACES } : {}),
    match_threshold: new WrittenNumber(String(Number((threshold * 100).toFixed(2)))),
    max_user_num: MOST_USERS,
  };
  const lists = act.found.map((face) => usersOf(face, groups, threshold));
  const isNobody = lists.every((users) => users.length === 0);
  const result = (): Json => {
    if (!isMany) return { face_token: tokenOf(act.picture, 0), user_list: lists[0] ?? [] };
    const faces = act.found.slice(0, MOST_FACES).map((face, index) => ({
      face_token: tokenOf(act.picture, index),
      location: locationOf(face),
      user_list: lists[index] ?? [],
    }));
    return { face_num: faces.length, face_list: faces };
  };
  const answer = lists.length === 0 ? failed(act, NO_FACE) : isNobody ? failed(act, NO_MATCH) : done(act, result());
  const sdkArguments: Json[] = [image, "BASE64", groupIds, options];
  const made = exchange(
    act,
    isMany ? "face/midentify" : "face/identify",
    { image, image_type: "BASE64", group_id_list: groupIds, ...options },
    answer,
    [act.picture],
    isMany
      ? { python: ["multiSearch", sdkArguments], node: ["faceMultiSearchV3", sdkArguments] }
      : { python: ["search", sdkArguments], node: ["search", sdkArguments] },
  );
  if (!isNobody) notes.push({ key: "unknownValues" });
  return { exchanges: [made], notes };
}

function usersOf(face: Schema<"IdentifiedFace">, groups: Identification["libraries"], threshold: number): Json[] {
  const users = peopleLike(face).flatMap(({ person, similarity }) => {
    const group = groups.find(({ id }) => id === person.libraryId);
    if (!group || similarity <= threshold) return [];
    const score = new WrittenNumber(decimal(percent(similarity)));
    return [{ group_id: group.groupId, user_id: person.externalId ?? person.id, user_info: UNKNOWN, score }];
  });
  return users.slice(0, MOST_USERS);
}

function match(act: Comparing): Exchange {
  const images: Json = [
    { image: new PictureField(act.a, "a"), image_type: "BASE64" },
    { image: new PictureField(act.b, "b"), image_type: "BASE64" },
  ];
  const { comparison } = act;
  const answer = comparison
    ? done(act, {
        score: new WrittenNumber(decimal(percent(comparison.similarity))),
        face_list: [{ face_token: tokenOf(act.a, 0) }, { face_token: tokenOf(act.b, 0) }],
      })
    : failed(act, NO_FACE);
  return exchange(act, "face/match", images, answer, [act.a, act.b], {
    python: ["match", [images]],
    node: ["match", [images]],
  });
}

function detectedOf(picture: SentPicture, face: Schema<"DetectedFace">, index: number, isFull: boolean): Json {
  const { landmarks, quality, liveness: live } = face;
  const pose = quality?.pose;
  return {
    face_token: tokenOf(picture, index),
    location: locationOf(face),
    face_probability: face.confidence,
    angle: { yaw: pose?.yaw ?? 0, pitch: pose?.pitch ?? 0, roll: pose?.roll ?? 0 },
    ...(landmarks && isFull ? { landmark: pointsOf(landmarks) } : {}),
    ...(quality?.components && isFull ? { quality: measuresOf(quality.components) } : {}),
    ...(live ? { liveness: { livemapscore: live.probability } } : {}),
  };
}

function pointsOf({ leftEye, rightEye, nose, leftMouthCorner, rightMouthCorner }: Schema<"Landmarks">): Json {
  const middle = (a: number, b: number) => shortest((a + b) / 2);
  const mouth = {
    x: middle(leftMouthCorner.x, rightMouthCorner.x),
    y: middle(leftMouthCorner.y, rightMouthCorner.y),
  };
  return [leftEye, rightEye, nose, mouth].map(({ x, y }) => ({ x, y }));
}

function measuresOf({ sharpness, luminance, crop }: Schema<"QualityComponents">): Json {
  return {
    blur: new WrittenNumber(decimal(1 - sharpness / 100)),
    illumination: new WrittenNumber(decimal(luminance * 2.55)),
    completeness: new WrittenNumber(crop >= 60 ? "1.0" : "0.0"),
  };
}

function locationOf({ box, rotation }: { box: Schema<"Area">; rotation: number }): Json {
  const hundredths = (pixels: number) => new WrittenNumber(withPoint(Math.round(pixels * 100) / 100));
  return {
    left: hundredths(box.x),
    top: hundredths(box.y),
    width: Math.round(box.width),
    height: Math.round(box.height),
    rotation: Math.round(rotation),
  };
}

function tokenOf(picture: SentPicture, index: number): string {
  return picture.tokens[index] ?? UNKNOWN;
}

function imageOf(picture: SentPicture): PictureField {
  return new PictureField(picture, "face");
}

function done(act: Act, result: Json): Json {
  return { error_code: 0, error_msg: "SUCCESS", log_id: act.at, timestamp: act.at, cached: 0, result };
}

function failed(act: Act, [code, message]: Fault): Json {
  return { error_code: code, error_msg: message, log_id: act.at, timestamp: act.at, cached: 0, result: null };
}

type SdkCall = [method: string, args: Json[]];

function exchange(
  act: Act,
  call: string,
  body: Json,
  answer: Json,
  pictures: SentPicture[],
  sdk: { python: SdkCall; node: SdkCall },
): Exchange {
  const path = BASE + call;
  const url = act.origin + path;
  const isTooLarge = pictures.some((picture) => base64Length(picture) > MOST_BASE64);
  const plain = plainCode({ url, tokenHeader: { name: "token", prefix: "" }, body });
  const ofSdk: Partial<Record<Code["language"], string>> = {
    python: pythonSdk(act.origin, body, sdk.python),
    node: nodeSdk(act.origin, body, sdk.node),
  };
  return {
    call: path,
    request: requestText(act.origin, path, { token: "$TOKEN", "Content-Type": "application/json" }, jsonText(body)),
    status: 200,
    answer: jsonText(isTooLarge ? failed(act, BAD_IMAGE) : answer),
    code: plain.map((code) => ({ ...code, text: ofSdk[code.language] ?? code.text })),
  };
}

function pythonSdk(origin: string, body: Json, [method, args]: SdkCall): string {
  return [
    "# pip install baidu-aip chardet",
    "import base64",
    "import os",
    "",
    "from aip import AipFace",
    "from aip.base import AipBase",
    "",
    "# The addresses in the SDK name the public cloud. Here they name this server.",
    "for sdk in (AipBase, AipFace):",
    "    for name, url in list(vars(sdk).items()):",
    '        if isinstance(url, str) and url.startswith("https://"):',
    `            setattr(sdk, name, ${JSON.stringify(`${origin}/`)} + url.split("/", 3)[3])`,
    "",
    ...pythonPictures(body),
    'client = AipFace(os.environ["APP_ID"], os.environ["APP_ID"], os.environ["TOKEN"])',
    `print(client.${method}(${args.map(pythonLiteral).join(", ")}))`,
  ].join("\n");
}

function nodeSdk(origin: string, body: Json, [method, args]: SdkCall): string {
  return [
    "// npm install baidu-aip-sdk",
    'const { readFileSync } = require("fs");',
    'const { face: AipFace, HttpClient } = require("baidu-aip-sdk");',
    "",
    "// The addresses in the SDK name the public cloud. Here they name this server.",
    `const server = ${JSON.stringify(origin)};`,
    "HttpClient.setRequestInterceptor((options) => ({",
    "  ...options,",
    "  headers: { ...options.headers, Host: new URL(server).host },",
    "  url: server + options.url.slice(new URL(options.url).origin.length),",
    "}));",
    "",
    ...nodePictures(body),
    "const client = new AipFace(process.env.APP_ID, process.env.APP_ID, process.env.TOKEN);",
    `client.${method}(${args.map(nodeLiteral).join(", ")}).then((answer) => console.log(JSON.stringify(answer, null, 2)));`,
  ].join("\n");
}
