import type { Schema } from "../../../api/client";
import { plainCode } from "./code";
import { gradesOf, isGood, libraryFor, peopleAbove } from "./judging";
import { base64Length, decimal, type Json, jsonText, percent, PictureField, requestText, UNKNOWN, WrittenNumber } from "./text";
import type { Act, Comparing, Exchange, Identification, Look, Note, SentPicture, Translation } from "./types";

const OK = "系统处理正常";
const NO_FEATURE = "80018,extract feature decode pictrue! get feature failed";
const UNUSABLE_PICTURE = "Base64编码错误或图片原始数据错误或特征图片都为空";
const TOO_LARGE = "图片大小超过2M";
/** Longest base64 of a picture. */
const MOST_BASE64 = 2 << 20;

/** The calls of section 7 of the AICP manual. */
export function aicp(act: Act): Translation {
  switch (act.kind) {
    case "look":
      return { exchanges: [detect(act), quality(act)], notes: [{ key: "aicp" }] };
    case "identify":
      return identify(act);
    case "compare":
      return { exchanges: [compare(act)], notes: [{ key: "aicp" }, { key: "ownThreshold" }] };
  }
}

function detect(act: Look): Exchange {
  const records = act.faces.map(({ box }) => {
    const [x, y] = [Math.round(box.x), Math.round(box.y)];
    return { width: Math.round(box.x + box.width) - x, x, y, height: Math.round(box.y + box.height) - y };
  });
  return exchange(act, "7.10", "detect", { image: faceOf(act.picture) }, done({ records: [records] }), [act.picture]);
}

function quality(act: Look): Exchange {
  const report = act.faces[0]?.quality;
  const answer = report
    ? done({ qualityFlag: isGood(report) ? "Y" : "N", qualities: gradesOf(report.components) })
    : failed(NO_FEATURE);
  return exchange(act, "7.9", "quality", { image: faceOf(act.picture) }, answer, [act.picture]);
}

function identify(act: Identification): Translation {
  const isMany = act.faces === "all";
  const library = libraryFor(act);
  const lists = act.found.map((face) =>
    peopleAbove(face, library, library.threshold)
      .slice(0, library.topN ?? 1)
      .map((found) => hitOf(act, found)),
  );
  const answer =
    lists.length === 0
      ? failed(isMany ? NO_FEATURE : UNUSABLE_PICTURE)
      : done({ records: isMany ? lists : (lists[0] ?? []) });
  const body: Json = { groupId: library.groupId, image: faceOf(act.picture) };
  const made = isMany
    ? exchange(act, "7.11", "recognitionmn", body, answer, [act.picture])
    : exchange(act, "7.5", "recognition", body, answer, [act.picture]);
  const notes: Note[] = [{ key: "aicp" }, { key: "ownThreshold" }, { key: "unknownValues" }];
  if (act.libraries.length > 1) notes.push({ key: "oneLibrary", group: library.groupId });
  return { exchanges: [made], notes };
}

function hitOf({ origin }: Identification, { similarity }: Schema<"FoundPerson">): Json {
  return {
    score: new WrittenNumber(decimal(percent(similarity))),
    id: UNKNOWN,
    faceId: `koala-${UNKNOWN}-`,
    personNo: UNKNOWN,
    url: `${origin}/group1/default/${UNKNOWN}?download=0&sig=${UNKNOWN}`,
  };
}

function compare(act: Comparing): Exchange {
  const { comparison } = act;
  const answer = comparison
    ? done({ msg: comparison.match ? "ok" : "no", score: decimal(percent(comparison.similarity)) })
    : failed(UNUSABLE_PICTURE);
  const body: Json = { imageA: new PictureField(act.a, "a"), imageB: new PictureField(act.b, "b") };
  return exchange(act, "7.6", "couple", body, answer, [act.a, act.b]);
}

function faceOf(picture: SentPicture): PictureField {
  return new PictureField(picture, "face");
}

function done(data: Json): Json {
  return { flag: true, resultCode: 0, message: OK, data };
}

function failed(message: string): Json {
  return { flag: false, resultCode: 1, message, data: null };
}

function exchange(
  act: Act,
  section: string,
  call: string,
  body: Json,
  answer: Json,
  pictures: SentPicture[],
): Exchange {
  const path = `/aicp/face/${call}`;
  const isTooLarge = pictures.some((picture) => base64Length(picture) > MOST_BASE64);
  return {
    call: `${section} ${path}`,
    request: requestText(act.origin, path, { token: "$TOKEN", "Content-Type": "application/json" }, jsonText(body)),
    status: 200,
    answer: jsonText(isTooLarge ? failed(TOO_LARGE) : answer),
    code: plainCode({ url: act.origin + path, tokenHeader: { name: "token", prefix: "" }, body }),
  };
}
