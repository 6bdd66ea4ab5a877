import { plainCode, shellQuoted } from "./code";
import { type Json, jsonText, PictureField, requestText } from "./text";
import type { Act, Comparing, Exchange, Identification, Look, Translation } from "./types";

const BASE = "/api/v1";

/** The call of the REST API that was made, with its answer. */
export function rest(act: Act): Translation {
  return { exchanges: [exchangeOf(act)], notes: [{ key: "rest" }] };
}

function exchangeOf(act: Act): Exchange {
  switch (act.kind) {
    case "look":
      return exchange(act, "/detect", lookBody(act), { faces: act.faces }, [
        "-F file=@face.jpg",
        ...DETAILS.map((detail) => `-F details=${detail}`),
      ]);
    case "identify":
      return identify(act);
    case "compare":
      return compare(act);
  }
}

const DETAILS = ["landmarks", "quality", "liveness"];

function lookBody({ picture }: Look): Json {
  return { image: new PictureField(picture, "face"), details: DETAILS };
}

function identify(act: Identification): Exchange {
  const [only, ...others] = act.libraries;
  const isOne = only !== undefined && others.length === 0;
  const ids = act.libraries.map(({ id }) => id);
  const fields: [string, string | number | boolean][] = [
    ["faces", act.faces],
    ["explain", true],
    ...(act.threshold === null ? [] : [["threshold", act.threshold] as [string, number]]),
  ];
  const body: Json = {
    image: new PictureField(act.picture, "face"),
    ...(isOne ? {} : { libraryIds: ids }),
    ...Object.fromEntries(fields),
  };
  const form = [
    "-F file=@face.jpg",
    ...(isOne ? [] : ids.map((id) => `-F libraryIds=${id}`)),
    ...fields.map(([name, value]) => `-F ${name}=${value}`),
  ];
  const path = isOne ? `/libraries/${only.id}/identify` : "/identify";
  return exchange(act, path, body, act.problem ?? { faces: act.found, thresholds: act.thresholds }, form);
}

function compare(act: Comparing): Exchange {
  const body: Json = {
    a: new PictureField(act.a, "a"),
    b: new PictureField(act.b, "b"),
    threshold: act.threshold,
  };
  const form = ["-F a=@a.jpg", "-F b=@b.jpg", `-F threshold=${act.threshold}`];
  return exchange(act, "/compare", body, act.problem ?? act.comparison, form);
}

function exchange(act: Act, path: string, body: Json, answer: unknown, form: string[]): Exchange {
  const headers = { Authorization: "Bearer $TOKEN", "Content-Type": "application/json" };
  const url = act.origin + BASE + path;
  const curl = [
    `curl -sS ${shellQuoted(url)} \\`,
    '  -H "Authorization: Bearer $TOKEN" \\',
    ...form.map((field, index) => `  ${field}${index < form.length - 1 ? " \\" : ""}`),
  ].join("\n");
  const others = plainCode({ url, tokenHeader: { name: "Authorization", prefix: "Bearer " }, body });
  return {
    call: `POST ${BASE}${path}`,
    request: requestText(act.origin, BASE + path, headers, jsonText(body)),
    status: statusOf(act),
    answer: JSON.stringify(answer, null, 2),
    code: others.map((code) => (code.language === "curl" ? { ...code, text: curl } : code)),
  };
}

function statusOf(act: Act): number {
  return act.kind !== "look" && act.problem ? act.problem.status : 200;
}
