// A library of 100,000 people: the page keeps only what is in sight in the document, and asks for no more than it shows.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { go, openPage, signIn, startBrowser } from "./browser.mjs";
import { PROGRAMS, startServer } from "./server.mjs";

const PEOPLE = 100_000;
/** People whom one call of the page reads. */
const PAGE = 500;
/** Far more than fit on a screen, and far fewer than there are. */
const MOST_IN_DOCUMENT = 200;

/** @type {string} */
let folder;
/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;
/** @type {string} */
let address;

const nameOf = (/** @type {number} */ number) => `Person ${String(number).padStart(6, "0")}`;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "aicp-scroll-"));
  await restore(join(folder, "export"), join(folder, "data"));
  [server, chromium] = await Promise.all([startServer({ folder: join(folder, "data") }), startBrowser()]);
  const [library] = (await server.call("GET", "/libraries")).items;
  assert.equal((await server.call("GET", `/libraries/${library.id}/statistics`)).people, PEOPLE);
  address = `/libraries/${library.id}?sort=name`;
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

/**
 * Writes an export as docs/export-format.md has it, of people without faces, and restores it into a data folder: the fastest
 * way to a large library.
 * @param {string} from
 * @param {string} to
 */
async function restore(from, to) {
  const at = "2026-01-01T00:00:00Z";
  const library = { groupId: "city", name: "city", description: null, threshold: null, topN: null };
  const head = { format: "aicp-export", version: 1, createdAt: at, library, hasPictures: true, hasTemplates: true };
  const unknown = ["sex", "birthday", "documentNumber", "customerNumber", "company", "duty", "province", "kind", "remark", "sourceUrl", "info"];
  const nothing = Object.fromEntries(unknown.map((field) => [field, null]));
  const lines = Array.from({ length: PEOPLE }, (_, index) => {
    const ids = { personId: String(1_000_000 + index), personNo: index.toString(16).padStart(32, "0"), externalId: `E-${index}` };
    return JSON.stringify({ ...nothing, ...ids, name: nameOf(index), tags: [], createdAt: at, updatedAt: at, faces: [] });
  });
  await mkdir(from, { recursive: true });
  await writeFile(join(from, "export.json"), JSON.stringify({ ...head, people: PEOPLE, faces: 0 }));
  await writeFile(join(from, "people.jsonl"), `${lines.join("\n")}\n`);
  await promisify(execFile)(join(PROGRAMS, "aicp"), ["import", "--data-dir", to, from], {
    env: { ...process.env, AICP_MODELS_DIR: join(PROGRAMS, "../../models"), AICP_VISION__RUNTIME: "onnxruntime" },
  });
}

for (const { view, role, pages } of [
  { view: "Table", role: "row", pages: PEOPLE / PAGE },
  { view: "Faces", role: "listitem", pages: 20 },
]) {
  test(`${view}: far jumps show the right people, few elements, and ask for each page once`, async () => {
    const { page, close } = await openPage(chromium.browser, server.url, { language: "en" });
    await signIn(page, server.url);
    /** @type {string[]} */
    const asked = [];
    page.on("request", (request) => {
      if (/\/libraries\/\d+\/people\?/.test(request.url())) asked.push(request.url());
    });
    await go(page, server.url, address);
    await page.getByRole("radiogroup", { name: "View" }).getByTitle(view, { exact: true }).click();
    /** Numbers of the people in the document by their places in the list, from 0; the names must be those of the places. */
    const places = () =>
      page.evaluate((role) => {
        const attribute = role === "row" ? "aria-rowindex" : "aria-posinset";
        const shown = [...document.querySelectorAll(`[role=${role}][${attribute}]`)].filter((one) => one.querySelector("a"));
        return shown.map((one) => {
          const link = one.querySelector("a[href*='/people/']:not(:has(img))") ?? one.querySelector("a");
          return { place: Number(one.getAttribute(attribute)) - (role === "row" ? 2 : 1), name: link?.getAttribute("aria-label") ?? link?.textContent };
        });
      }, role);
    const jump = (/** @type {number} */ share) =>
      page.evaluate((share) => window.scrollTo(0, document.documentElement.scrollHeight * share), share);
    /** @param {number} from @param {number} to */
    const check = async (from, to) => {
      await page.waitForFunction(
        ([role, from, to]) => {
          const attribute = role === "row" ? "aria-rowindex" : "aria-posinset";
          const places = [...document.querySelectorAll(`[role=${role}][${attribute}]`)].map((one) => Number(one.getAttribute(attribute)));
          return places.some((place) => place > Number(from) && place <= Number(to));
        },
        [role, from, to],
      );
      const shown = await places();
      assert.ok(shown.length > 0 && shown.length <= MOST_IN_DOCUMENT, `${shown.length} people are in the document`);
      for (const { place, name } of shown) assert.equal(name, nameOf(place));
    };

    await check(0, PAGE);
    // The end of what was read is a jump of a page; more is read by itself as it comes near.
    for (let read = PAGE; read < pages * PAGE; read = asked.length * PAGE) {
      const answer = page.waitForResponse(/\/people\?/);
      let isOver = false;
      answer.catch(() => {}).finally(() => (isOver = true));
      // Again in each frame: a page that was read in advance may have moved the end.
      while (!isOver) {
        await jump(1);
        await page.evaluate(() => new Promise(requestAnimationFrame));
      }
      await answer;
      await check(0, PEOPLE);
    }
    const all = asked.length * PAGE;
    await jump(0);
    await check(0, PAGE);
    await jump(0.5);
    await check(all / 4, (all * 3) / 4);
    await jump(0.9);
    await check((all * 3) / 4, all);
    await jump(0);
    await check(0, PAGE);
    assert.equal(new Set(asked).size, asked.length, "a page was asked for twice");
    // One page more may be read in advance.
    assert.ok(asked.length <= pages + 2, `${asked.length} calls for ${pages} pages`);
    await close();
  });
}
