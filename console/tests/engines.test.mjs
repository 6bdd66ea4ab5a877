// A vendor's engine that stops answering: what waits for it is seen, worked off when it is back, or dropped with a reason.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { PICTURES, pictureForm } from "./seed.mjs";
import { startEngine, startServer } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof startEngine>>} */
let engine;
/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;

before(async () => {
  [engine, chromium] = await Promise.all([startEngine(), startBrowser()]);
  server = await startServer({ settings: { ...engine.settings, AICP_OUTBOX__INTERVAL_S: "1" } });
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
  await engine?.stop();
});

/** @param {RegExp} [mayFail] */
async function open(mayFail) {
  const opened = await openPage(chromium.browser, server.url, { language: "en", mayFail });
  await signIn(opened.page, server.url);
  return opened;
}

/**
 * @param {{ id: string }} library
 * @param {string} name
 * @param {string} picture
 */
const enrol = async (library, name, picture) =>
  server.call("POST", `/libraries/${library.id}/people`, await pictureForm({ name }, picture));

test("writes wait while the engine is down, are seen with an alarm, and are worked off once it is back", async () => {
  const library = await server.call("POST", "/libraries", { name: "gate", engine: "koala" });
  await enrol(library, "Barack Obama", PICTURES.obama);
  // Nobody can say who is similar while the engine is down.
  const { page, close } = await open(/\/similar/);
  await go(page, server.url, "/engines");
  const card = page.locator(".ant-card").filter({ hasText: "Koala" });
  await card.getByText("Answers", { exact: true }).waitFor();
  await page.getByText("All writes have reached their engines").waitFor();

  await engine.pause();
  const waiting = await enrol(library, "Joe Biden", PICTURES.biden);
  await card.getByText("No answer", { exact: true }).waitFor();
  await page.getByText("Open: 1", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Add a face" }).waitFor();

  // The overview raises the alarm, and leads to where it is looked into.
  await go(page, server.url, "/overview");
  const alarm = page.getByRole("status").filter({ hasText: "Something is broken" });
  await alarm.getByText("The engine koala does not answer.").waitFor();
  await go(page, server.url, `/libraries/${library.id}/people/${waiting.id}`);
  await page.getByText("Waits for the engine").waitFor();
  await go(page, server.url, "/overview");
  await alarm.getByRole("link", { name: "Open engines and outbox" }).click();

  await page.getByRole("button", { name: "Add a face" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("img", { name: /Picture of the write/ }).waitFor();
  await drawer.getByRole("button", { name: "Try again" }).click();
  await drawer.getByText("It is not done yet").waitFor();
  await drawer.getByRole("button", { name: "Close", exact: true }).click();

  await engine.resume();
  await page.getByText("All is worked off").waitFor();
  await card.getByText("Answers", { exact: true }).waitFor();
  await page.getByText("Nothing is open.").waitFor();
  await page.getByText("Done", { exact: true }).click();
  await page.getByRole("button", { name: "Add a face" }).waitFor();
  await go(page, server.url, "/overview");
  // The disk of the machine may be another alarm.
  const status = page.getByRole("status").filter({ hasText: /All is well|Something is broken|Something needs a look/ });
  await status.filter({ hasNotText: "koala" }).waitFor();
  const { faces } = await server.call("POST", `/libraries/${library.id}/identify`, await pictureForm({}, PICTURES.biden));
  assert.equal(faces[0].matches[0].person.id, waiting.id);
  await close();
});

test("a write that nobody wants any more is dropped with a reason, which the audit log keeps", async () => {
  const library = await server.call("POST", "/libraries", { name: "shop", engine: "koala" });
  await engine.pause();
  const person = await enrol(library, "Joe Biden", PICTURES.biden);
  const { page, close } = await open();
  await go(page, server.url, "/engines");
  await page.getByRole("button", { name: "Add a face" }).click();
  const [write] = (await server.call("GET", "/outbox?done=false")).items;
  const drawer = page.getByRole("dialog");
  await drawer.getByText(`Write ${write.id}`).waitFor();
  await drawer.getByRole("button", { name: "Drop" }).click();
  const question = page.getByRole("dialog").filter({ hasText: `Drop the write ${write.id} (Add a face)?` });
  await question.getByText(/must be enrolled again/).waitFor();
  await question.getByRole("button", { name: "Drop" }).click();
  await question.getByText("Type a reason").waitFor();
  await question.getByLabel("Reason").fill("enrolled by mistake");
  await question.getByRole("button", { name: "Drop" }).click();
  await question.waitFor({ state: "detached" });
  await drawer.getByText("enrolled by mistake").waitFor();
  const dropped = await server.call("GET", `/outbox/${write.id}`);
  assert.equal(dropped.dropReason, "enrolled by mistake");
  assert.deepEqual((await server.call("GET", `/libraries/${library.id}/people`)).items, [], `${person.id} is gone`);
  await engine.resume();

  await go(page, server.url, "/audit");
  const act = page.getByRole("row").filter({ hasText: "Write dropped" }).first();
  await act.getByRole("button").first().click();
  await settled(page);
  await page.getByText(/enrolled by mistake/).first().waitFor();
  await close();
});
