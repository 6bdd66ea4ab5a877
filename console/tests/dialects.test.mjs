// “As a program” tells the truth: what it shows as the request is sent, and the answer has the shape that it shows.

import assert from "node:assert/strict";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { PICTURES, pictureForm } from "./seed.mjs";
import { callerOf, startServer } from "./server.mjs";

const DIALECTS = ["REST API", "AICP manual", "face-api/v3", "JD Cloud", "LinkVisual"];
/** Stands for a picture in a request that is shown: the beginning of its base64, and its size. */
const PICTURE = /[\w+/=]{1,8}… \([\d.]+ [KM]?B\)/;

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;
/** @type {import("node:http").Server} */
let pictures;
/** @type {Record<string, string>} */
let secrets;

before(async () => {
  const obama = await readFile(PICTURES.obama);
  pictures = createServer((_, response) => response.setHeader("Content-Type", "image/jpeg").end(obama));
  pictures.listen(0, "127.0.0.1");
  const settings = { AICP_FETCH__ALLOWED_NETWORKS: '["127.0.0.0/8"]' };
  [server, chromium] = await Promise.all([startServer({ settings }), startBrowser(), once(pictures, "listening")]);
  const capabilities = (await server.call("GET", "/capabilities")).items.map((/** @type {any} */ { id }) => id);
  const { token } = await server.call("POST", "/apps", { appId: "lobby", capabilities, dueAt: "2036-01-01T00:00:00Z" });
  const jdcloud = await server.call("POST", "/apps/lobby/keys", { kind: "jdcloud" });
  const alibaba = await server.call("POST", "/apps/lobby/keys", { kind: "alibaba" });
  secrets = { token, ...jdcloud, ...alibaba };
  const app = callerOf(server.url, token);
  const library = await app("POST", "/libraries", { name: "staff", groupId: "staff" });
  const person = { name: "Barack Obama", externalId: "E-44", info: "44th" };
  await app("POST", `/libraries/${library.id}/people`, await pictureForm(person, PICTURES.obama2));
});
after(async () => {
  pictures?.close();
  await Promise.all([chromium?.stop(), server?.stop()]);
});

const sha256 = (/** @type {string} */ text) => createHash("sha256").update(text).digest("hex");
const hmac = (/** @type {string | Buffer} */ key, /** @type {string} */ text) => createHmac("sha256", key).update(text).digest();
const compactDate = () => new Date().toISOString().replace(/[-:]|\.\d+/g, "");

/**
 * Headers of a request, canonically written: names and lines.
 * @param {Record<string, string>} headers
 */
function canonical(headers) {
  const names = Object.keys(headers).sort();
  return { names: names.join(";"), lines: names.map((name) => `${name}:${headers[name]}\n`).join("") };
}

/**
 * Signs as JD Cloud's SDKs do.
 * @param {URL} url
 * @param {string} body
 */
function signedForJdcloud(url, body) {
  const date = compactDate();
  const headers = { host: url.host, "x-jdcloud-date": date, "x-jdcloud-nonce": randomUUID() };
  const { names, lines } = canonical(headers);
  const query = url.search.slice(1).split("&").sort().join("&");
  const request = ["POST", url.pathname, query, lines, names, sha256(body)].join("\n");
  const scope = `${date.slice(0, 8)}/cn-north-1/aiapi/jdcloud2_request`;
  const key = scope.split("/").reduce((made, part) => hmac(made, part), Buffer.from(`JDCLOUD2${secrets.secretKey}`));
  const signature = hmac(key, ["JDCLOUD2-HMAC-SHA256", date, scope, sha256(request)].join("\n")).toString("hex");
  const credential = `${secrets.accessKey}/${scope}`;
  return { ...headers, Authorization: `JDCLOUD2-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}` };
}

/**
 * Signs as Alibaba Cloud's SDKs do.
 * @param {URL} url
 * @param {Record<string, string>} shown headers of the request that is shown
 */
function signedForAlibaba(url, shown) {
  const headers = {
    host: url.host,
    "x-acs-action": String(shown["x-acs-action"]),
    "x-acs-version": String(shown["x-acs-version"]),
    "x-acs-date": new Date().toISOString().replace(/\.\d+/, ""),
    "x-acs-signature-nonce": randomUUID(),
    "x-acs-content-sha256": sha256(""),
  };
  const { names, lines } = canonical(headers);
  const request = ["POST", url.pathname, url.search.slice(1), lines, names, sha256("")].join("\n");
  const signature = hmac(String(secrets.accessKeySecret), `ACS3-HMAC-SHA256\n${sha256(request)}`).toString("hex");
  return { ...headers, Authorization: `ACS3-HMAC-SHA256 Credential=${secrets.accessKeyId},SignedHeaders=${names},Signature=${signature}` };
}

/**
 * Sends a request as the console shows it, with the pictures and the app's secrets in their places.
 * @param {string} text
 * @param {string[]} paths of the pictures, in the order in which they are in the request
 */
async function send(text, paths) {
  const [head = "", ...rest] = text.split("\n\n");
  let body = rest.join("\n\n");
  for (const path of paths) body = body.replace(PICTURE, (await readFile(path)).toString("base64"));
  assert.ok(!body.includes("…"), "something of the request is not filled in");
  const [first = "", ...lines] = head.split("\n");
  const [method = "", target = ""] = first.split(" ");
  const shown = Object.fromEntries(lines.map((line) => line.split(/: (.*)/s)));
  const url = new URL(target, server.url);
  assert.equal(shown.Host, url.host);
  const { port } = /** @type {import("node:net").AddressInfo} */ (pictures.address());
  if (url.searchParams.has("FacePicUrl")) url.searchParams.set("FacePicUrl", `http://127.0.0.1:${port}/face.jpg`);
  const signature = String(shown.Authorization ?? "");
  const plain = Object.entries(shown).map(([name, value]) => [name, value.replace("$TOKEN", String(secrets.token))]);
  /** @type {Record<string, string>} */
  const headers = signature.startsWith("JDCLOUD2")
    ? { ...signedForJdcloud(url, body), "Content-Type": String(shown["Content-Type"]) }
    : signature.startsWith("ACS3")
      ? signedForAlibaba(url, shown)
      : Object.fromEntries(plain);
  for (const name of ["Host", "host"]) delete headers[name];
  const answer = await fetch(url, { method, headers, body: body || undefined });
  return { status: answer.status, text: await answer.text() };
}

/**
 * Names, their order and types. Of a list, those of the first; JSON in a text counts as such.
 * @param {any} value
 * @returns {unknown}
 */
function shapeOf(value) {
  if (Array.isArray(value)) return value.length > 0 ? ["list", shapeOf(value[0])] : ["empty list"];
  if (value !== null && typeof value === "object") return Object.entries(value).map(([name, own]) => [name, shapeOf(own)]);
  if (typeof value === "string" && value.startsWith("{")) return ["text", shapeOf(JSON.parse(value))];
  return value === null ? "null" : typeof value;
}

/**
 * Sends what the page shows in every interface, and compares the answers.
 * @param {import("playwright-core").Page} page
 * @param {string[]} paths
 * @param {string[]} expected the calls that must be shown
 */
async function assertTrue(page, paths, expected) {
  const seen = [];
  for (const dialect of DIALECTS) {
    await page.getByRole("tab", { name: dialect, exact: true }).click();
    await settled(page);
    const requests = page.getByRole("group", { name: /^Request of / });
    for (const request of await requests.all()) {
      const call = (await request.getAttribute("aria-label"))?.replace("Request of ", "") ?? "";
      const shown = await page.getByRole("group", { name: `Answer of ${call}`, exact: true }).textContent();
      const { status, text } = await send((await request.textContent()) ?? "", paths);
      assert.equal(status, 200, `${call}: ${text}`);
      assert.deepEqual(shapeOf(JSON.parse(text)), shapeOf(JSON.parse(shown ?? "")), `${call}: ${text.slice(0, 2000)}`);
      seen.push(call);
    }
  }
  assert.deepEqual(seen, expected);
}

async function open() {
  const opened = await openPage(chromium.browser, server.url, { language: "en" });
  await signIn(opened.page, server.url);
  return opened;
}

test("detection: every interface answers as shown", async () => {
  const { page, close } = await open();
  await go(page, server.url, "/try");
  await page.setInputFiles("input[type=file]", PICTURES.obama);
  await page.getByText("Recognisability").first().waitFor();
  const expected = [
    "POST /api/v1/detect",
    "7.10 /aicp/face/detect",
    "7.9 /aicp/face/quality",
    "/face-api/v3/face/detect",
    "/face-api/v3/face/liveness",
    "/jdai/facePropV1",
    "/jdai/detectHacknessV1",
    "DetectUserFaceByUrl",
  ];
  await assertTrue(page, [PICTURES.obama], expected);
  await close();
});

test("1:N: every interface answers as shown", async () => {
  const { page, close } = await open();
  await go(page, server.url, "/try?mode=who");
  await page.setInputFiles("input[type=file]", PICTURES.obama);
  await page.getByText("Barack Obama").first().waitFor();
  const [library] = (await server.call("GET", "/libraries")).items;
  const expected = [
    `POST /api/v1/libraries/${library.id}/identify`,
    "7.5 /aicp/face/recognition",
    "/face-api/v3/face/identify",
    "/jdai/faceSearch",
  ];
  await assertTrue(page, [PICTURES.obama], expected);
  await close();
});

test("1:1: every interface answers as shown", async () => {
  const { page, close } = await open();
  await go(page, server.url, "/try?mode=same");
  // A side that has its picture has no input any more.
  await page.locator("input[type=file]").nth(1).setInputFiles(PICTURES.biden);
  await page.locator("input[type=file]").setInputFiles(PICTURES.obama);
  await page.getByRole("heading", { name: "As a program" }).waitFor();
  await assertTrue(page, [PICTURES.obama, PICTURES.biden], [
    "POST /api/v1/compare",
    "7.6 /aicp/face/couple",
    "/face-api/v3/face/match",
    "/jdai/faceCompareV1",
  ]);
  await close();
});

test("M:N: every interface answers as shown", async () => {
  const { page, close } = await open();
  await go(page, server.url, "/try?mode=group");
  await page.setInputFiles("input[type=file]", PICTURES.obama);
  await page.getByText("Barack Obama").first().waitFor();
  const [library] = (await server.call("GET", "/libraries")).items;
  await assertTrue(page, [PICTURES.obama], [
    `POST /api/v1/libraries/${library.id}/identify`,
    "7.11 /aicp/face/recognitionmn",
    "/face-api/v3/face/midentify",
    "/jdai/faceSearch",
  ]);
  await close();
});
