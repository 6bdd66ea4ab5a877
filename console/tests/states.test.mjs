// What each page shows while the server does not answer, when it refuses for a while, and when it can't be reached: what
// happened, what to do, and a way to try again that leads back to the page.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertAccessible, assertFits, openPage, settled, shoot, signIn, startBrowser } from "./browser.mjs";
import { addressesOf, PAGES } from "./pages.mjs";
import { ended, seed } from "./seed.mjs";
import { startServer } from "./server.mjs";

/** Most parts of a page that read on their own. */
const MOST_PARTS = 20;
/** Milliseconds after which a button to try again is taken for gone. */
const GONE_MS = 2000;

/** Pages that ask the server for nothing. */
const ASK_NOTHING = new Set(["missing"]);
const BUSY = ".ant-skeleton-active, .ant-spin-spinning, .ant-select-loading, .ant-btn-loading";
/** @typedef {"refuse" | "cut" | "never" | "pass"} Answer */
/** @type {{ look: import("./browser.mjs").Look, retry: string, refused: RegExp, unreachable: RegExp }[]} */
const READERS = [
  {
    look: { language: "zh", theme: "light", size: "wide" },
    retry: "重试",
    refused: /服务器繁忙/,
    unreachable: /连不上服务器/,
  },
  {
    look: { language: "en", theme: "dark", size: "narrow" },
    retry: "Try again",
    refused: /The server is busy/,
    unreachable: /The server can.t be reached/,
  },
];

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;
/** @type {Record<string, string>} */
let addresses;

before(async () => {
  [server, chromium] = await Promise.all([startServer(), startBrowser()]);
  const seeded = await seed(server);
  for (const job of seeded.jobs) await ended(server.call, job.id);
  // The parts of these pages that ask for something.
  addresses = { ...addressesOf(seeded), try: "/try?mode=who", api: "/api?part=operations" };
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
});

/**
 * A page whose calls are answered as `answer` says, but for those about the session.
 * @param {import("./browser.mjs").Look} look
 */
async function openTroubled(look) {
  const { page, close } = await openPage(chromium.browser, server.url, { ...look, mayFail: /\/api\/v1\// });
  await signIn(page, server.url);
  // Calls that failed for a while are made again after a second: here at once.
  await page.addInitScript(() => {
    const later = window.setTimeout;
    window.setTimeout = /** @type {typeof window.setTimeout} */ (
      (/** @type {() => void} */ run, /** @type {number} */ delay = 0) => later(run, delay >= 1000 ? 20 : delay)
    );
  });
  let answer = /** @type {Answer} */ ("pass");
  await page.route(
    (url) => url.pathname.startsWith("/api/v1/") && url.pathname !== "/api/v1/session",
    async (route) => {
      if (answer === "pass") return route.fallback();
      if (answer === "cut") return route.abort("connectionreset");
      if (answer === "refuse") {
        const problem = { type: "about:blank", title: "too much to do", status: 503, code: "busy" };
        const headers = { "Retry-After": "1", "X-Request-Id": "01JD9W0000000000000000TEST" };
        return route.fulfill({ status: 503, headers, contentType: "application/problem+json", body: JSON.stringify(problem) });
      }
      // Never answered: the page closes over it.
    },
  );
  return {
    page,
    close,
    /** @param {Answer} next */
    answerBy: (next) => {
      answer = next;
    },
  };
}

for (const { look, retry, refused, unreachable } of READERS) {
  const name = Object.values(look).join("-");
  describe(name, () => {
    for (const at of PAGES) {
      if (ASK_NOTHING.has(at)) continue;
      test(`${at} tells of a failure, and is there once the server is`, async () => {
        const { page, close, answerBy } = await openTroubled(look);
        answerBy("refuse");
        await page.goto(`${server.url}/#${addresses[at]}`);
        const again = page.getByRole("button", { name: retry, exact: true });
        // A list to choose from tells it where it is opened.
        if (at === "friends") await page.getByRole("combobox").first().click();
        await page.getByRole("alert").filter({ hasText: refused }).first().waitFor();
        await again.first().waitFor();
        await settled(page);
        await shoot(page, `error-${at}-${name}`);
        await assertFits(page);
        // Ant Design's select names an option as active even in a list that has none.
        if (at !== "friends") await assertAccessible(page);

        answerBy("cut");
        await again.first().click();
        await page.getByRole("alert").filter({ hasText: unreachable }).first().waitFor();
        await settled(page);

        answerBy("pass");
        // Each part of the page that failed has a button of its own, which may go before it is reached: some parts try again
        // by themselves. A part may tell of its failure only once the part before it is there.
        const isWell = (/** @type {number} */ timeout) =>
          page.waitForFunction(
            ([busy, retry]) =>
              !document.querySelector(busy) && ![...document.querySelectorAll("button")].some((button) => button.textContent === retry),
            /** @type {const} */ ([BUSY, retry]),
            { timeout },
          );
        for (let tries = 0; tries < MOST_PARTS; tries += 1) {
          if (await isWell(GONE_MS).then(() => true, () => false)) break;
          await again.first().click({ timeout: GONE_MS }).catch(() => {});
        }
        await isWell(GONE_MS);
        assert.equal(await page.getByRole("alert").filter({ hasText: unreachable }).count(), 0);
        await close();
      });

      test(`${at} shows that it waits`, async () => {
        const { page, close, answerBy } = await openTroubled(look);
        answerBy("never");
        // Not before the page itself is there.
        const asked = page.waitForRequest((request) => /\/api\/v1\/(?!session$)/.test(request.url()));
        await page.goto(`${server.url}/#${addresses[at]}`);
        await asked;
        await page.locator(BUSY).first().waitFor();
        await shoot(page, `busy-${at}-${name}`);
        await assertFits(page);
        await close();
      });
    }
  });
}
