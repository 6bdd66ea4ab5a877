// Every page in both languages, both themes, wide and narrow: nothing cut off, no fault of axe, no error, no foreign request.

import { after, before, describe, test } from "node:test";
import { assertAccessible, assertFits, go, openPage, settled, shoot, signIn, startBrowser } from "./browser.mjs";
import { addressesOf, PAGES } from "./pages.mjs";
import { ended, seed } from "./seed.mjs";
import { startServer } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof startServer>>} */
let full;
/** @type {Awaited<ReturnType<typeof startServer>>} */
let empty;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;
/** @type {Awaited<ReturnType<typeof seed>>} */
let seeded;

before(async () => {
  [full, empty, chromium] = await Promise.all([startServer(), startServer(), startBrowser()]);
  seeded = await seed(full);
  for (const job of seeded.jobs) await ended(full.call, job.id);
});

after(async () => {
  await Promise.all([chromium?.stop(), full?.stop(), empty?.stop()]);
});

/** Addresses of pages that look different where nothing is there yet. */
const EMPTY = ["overview", "libraries", "recognitions", "friends", "statistics", "calls", "jobs", "apps", "webhooks", "operators", "setup"];

/** @type {import("./browser.mjs").Look[]} */
const LOOKS = [];
for (const language of /** @type {const} */ (["zh", "en"])) {
  for (const theme of /** @type {const} */ (["light", "dark"])) {
    for (const size of /** @type {const} */ (["wide", "narrow"])) LOOKS.push({ language, theme, size });
  }
}

for (const look of LOOKS) {
  const name = Object.values(look).join("-");
  describe(name, () => {
    test("sign-in", async () => {
      const { page, close } = await openPage(chromium.browser, full.url, { ...look, mayFail: /\/api\/v1\/session$/ });
      await page.goto(full.url);
      await settled(page);
      await check(page, `sign-in-${name}`);
      await close();
    });
    for (const page of PAGES) {
      test(page, () => visit(full, look, addressesOf(seeded)[page], `${page}-${name}`));
    }
  });
}

describe("empty", () => {
  for (const name of EMPTY) {
    for (const look of LOOKS.filter((_, index) => index === 0 || index === 7)) {
      test(`${name} ${Object.values(look).join("-")}`, () =>
        visit(empty, look, `/${name}`, `empty-${name}-${Object.values(look).join("-")}`));
    }
  }
});

/**
 * @param {{ url: string }} server
 * @param {import("./browser.mjs").Look} look
 * @param {string} path
 * @param {string} name
 */
async function visit(server, look, path, name) {
  const { page, close } = await openPage(chromium.browser, server.url, look);
  await signIn(page, server.url);
  await go(page, server.url, path);
  await check(page, name);
  await close();
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
async function check(page, name) {
  await shoot(page, name);
  await assertFits(page);
  await assertAccessible(page);
}
