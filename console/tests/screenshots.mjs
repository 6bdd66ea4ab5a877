// Makes the pictures of the README, from a running server with the sample people.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { ended, pictureForm, PICTURES, seed, strangers } from "./seed.mjs";
import { ROOT, startServer } from "./server.mjs";

const FOLDER = join(ROOT, "docs/images");
/** Minutes of calls for the charts of the overview. */
const MINUTES = 4;

const [server, chromium] = await Promise.all([startServer(), startBrowser()]);
try {
  const { app, staff, known, jobs } = await seed(server);
  for (const job of jobs) await ended(server.call, job.id);
  const pictures = [PICTURES.obama3, PICTURES.biden, PICTURES.obama2, ...(await strangers()).slice(20, 26)];
  const end = Date.now() + MINUTES * 60_000;
  for (let count = 0; Date.now() < end; count++) {
    await app("POST", `/libraries/${staff.id}/identify`, await pictureForm({}, String(pictures[count % pictures.length])));
    // Calls come and go, as at a gate.
    await new Promise((resolve) => setTimeout(resolve, 400 + 300 * Math.sin(count / 15)));
  }
  /** @type {[string, string, "light" | "dark", "zh" | "en", ((page: import("playwright-core").Page) => Promise<void>)?][]} */
  const views = [
    ["overview", "/overview", "light", "zh"],
    ["library", `/libraries/${staff.id}`, "light", "zh"],
    ["person", `/libraries/${staff.id}/people/${known.id}`, "dark", "en"],
    ["try", "/try?mode=who", "light", "zh", (page) => page.setInputFiles("input[type=file]", PICTURES.obama3)],
  ];
  await mkdir(FOLDER, { recursive: true });
  for (const [name, path, theme, language, act] of views) {
    const { page, close } = await openPage(chromium.browser, server.url, { theme, language });
    await signIn(page, server.url);
    await go(page, server.url, path);
    if (act) {
      await act(page);
      await page.waitForLoadState("networkidle");
      await settled(page);
    }
    await page.screenshot({ path: join(FOLDER, `console-${name}.png`), animations: "disabled" });
    await close();
  }
} finally {
  await Promise.all([chromium.stop(), server.stop()]);
}
