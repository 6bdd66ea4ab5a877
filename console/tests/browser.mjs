// A browser that watches what its pages do: errors, foreign requests, layout, accessibility.

import assert from "node:assert/strict";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { ADMIN_TOKEN, ROOT } from "./server.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Folder of the screenshots. */
const SHOTS = join(ROOT, "console/out");
/** Enough for a slow machine; less tells sooner what is wrong with a new test. */
const WAIT_MS = Number(process.env.AICP_TEST_WAIT_MS ?? 60_000);
const FRAMES = 30;

export const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };

/** @typedef {{ language?: "zh" | "en", theme?: "light" | "dark", size?: keyof typeof SIZES }} Look */

/**
 * Starts Chromium, whose camera shows a picture.
 * @param {string} [picture] path of a JPEG
 */
export async function startBrowser(picture) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  await access(executablePath);
  const folder = await mkdtemp(join(tmpdir(), "aicp-camera-"));
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--lang=zh-CN"];
  if (picture) {
    const frame = await readFile(picture);
    const film = join(folder, "camera.mjpeg");
    await writeFile(film, Buffer.concat(Array.from({ length: FRAMES }, () => frame)));
    args.push("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`);
  }
  const browser = await chromium.launch({ executablePath, args });
  return {
    browser,
    stop: async () => {
      // A page that is still open is that of a test that failed.
      const left = browser.contexts().flatMap((context) => context.pages());
      for (const [index, page] of left.entries()) {
        await shoot(page, `failed-${index + 1}`).catch(() => {});
        // For a machine whose pictures nobody can look at.
        const text = await page.evaluate(() => document.body.innerText.slice(0, 3000)).catch(() => "nothing");
        console.error(`A page that was left open shows at ${page.url()}:\n${text}`);
      }
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Opens a page that fails the test if it logs an error or asks another host.
 * @param {import("playwright-core").Browser} browser
 * @param {string} url of the server
 * @param {Look & { mayFail?: RegExp }} [look] `mayFail`: addresses whose failure the test provokes
 */
export async function openPage(browser, url, { language = "zh", theme = "light", size = "wide", mayFail } = {}) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    locale: language === "zh" ? "zh-CN" : "en-US",
    colorScheme: theme,
    permissions: ["camera", "clipboard-read", "clipboard-write"],
    hasTouch: size === "narrow",
  });
  context.setDefaultTimeout(WAIT_MS);
  await context.addInitScript(
    ([language, theme]) => {
      localStorage.setItem("aicp.language", language);
      localStorage.setItem("aicp.theme", theme);
    },
    /** @type {const} */ ([language, theme]),
  );
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const { url: source } = message.location();
    if (mayFail && (mayFail.test(source) || mayFail.test(message.text()))) return;
    faults.push(`${message.type()}: ${message.text()} (${source})`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (origin !== url && !["data:", "blob:"].includes(protocol)) faults.push(`foreign request: ${request.url()}`);
  });
  return {
    page,
    /** Asserts that nothing went wrong, and closes the page. */
    close: async () => {
      await context.close();
      assert.deepEqual(faults, []);
    },
    faults,
  };
}

/**
 * Signs in without the form, as the form does.
 * @param {import("playwright-core").Page} page
 * @param {string} url
 * @param {Record<string, string>} [credentials]
 */
export async function signIn(page, url, credentials = { adminToken: ADMIN_TOKEN }) {
  const answer = await page.request.post(`${url}/api/v1/session`, { data: credentials });
  assert.equal(answer.status(), 200, await answer.text());
  await page.addInitScript(() => localStorage.setItem("aicp.signedIn", "yes"));
}

/**
 * Goes to a page of the console, and waits until what it asked for is there.
 * @param {import("playwright-core").Page} page
 * @param {string} url
 * @param {string} path behind `#`
 */
export async function go(page, url, path) {
  await page.goto(`${url}/#${path}`);
  await settled(page);
}

/**
 * Waits until nothing is on its way: no skeleton, no spinner, no picture.
 * @param {import("playwright-core").Page} page
 */
export async function settled(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => {
    const isBusy = document.querySelector(".ant-skeleton-active, .ant-spin-spinning, .ant-spin-dot-spin");
    const pictures = [...document.images].filter((image) => image.loading !== "lazy");
    return !isBusy && pictures.every((image) => image.complete);
  });
}

/**
 * Takes a screenshot of the whole page.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function shoot(page, name) {
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true, animations: "disabled" });
}

/**
 * Asserts that nothing is wider than the page.
 * @param {import("playwright-core").Page} page
 */
export async function assertFits(page) {
  const wider = await page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return null;
    const name = (/** @type {Element} */ element) => `${element.tagName}.${element.className} "${element.textContent?.slice(0, 40)}"`;
    const outside = [...document.querySelectorAll("#root *")].filter((one) => one.getBoundingClientRect().right > clientWidth + 1);
    return { scrollWidth, clientWidth, outside: outside.slice(-3).map(name) };
  });
  assert.equal(wider, null);
}

/**
 * Asserts that axe finds no serious fault.
 * @param {import("playwright-core").Page} page
 */
export async function assertAccessible(page) {
  // Not as a script of the page: the policy admits none.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    // @ts-expect-error axe was loaded above
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  const serious = violations
    .filter((/** @type {any} */ { impact }) => impact === "serious" || impact === "critical")
    .map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.slice(0, 3).map((/** @type {any} */ node) => `${node.target} ${node.any?.[0]?.message ?? ""}`).join("; ")}`);
  assert.deepEqual(serious, []);
}
