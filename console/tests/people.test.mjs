// A person's life: enrolled twice and merged, faces added, replaced and deleted, moved, copied, found, named from the log.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { faceless, PICTURES, pictureForm, strangers } from "./seed.mjs";
import { startServer } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;

before(async () => {
  [server, chromium] = await Promise.all([startServer(), startBrowser()]);
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
});

/** @param {RegExp} [mayFail] */
async function open(mayFail) {
  const opened = await openPage(chromium.browser, server.url, { language: "en", mayFail });
  await signIn(opened.page, server.url);
  return opened;
}

/** @param {string} name */
const libraryOf = (name) => server.call("POST", "/libraries", { name });

/**
 * @param {{ id: string }} library
 * @param {Record<string, string>} fields
 * @param {string[]} pictures
 */
const enrol = async (library, fields, ...pictures) =>
  server.call("POST", `/libraries/${library.id}/people`, await pictureForm(fields, ...pictures));

test("somebody who was enrolled twice is found by a scan, and becomes one person with all faces", async () => {
  const library = await libraryOf("twice");
  const first = await enrol(library, { name: "Barack Obama", externalId: "E-1", tags: "VIP" }, PICTURES.obama, PICTURES.obama2);
  const second = await enrol(library, { name: "B. Obama", externalId: "E-2" }, PICTURES.obama3);
  await enrol(library, { name: "Joe Biden" }, PICTURES.biden);
  // The second is gone once they are merged.
  const { page, close } = await open(/\/people\/\d+/);
  await go(page, server.url, `/libraries/${library.id}?tab=duplicates`);
  await page.getByText("There was no scan yet").waitFor();
  await page.getByRole("button", { name: "Find duplicates" }).click();

  // Side by side, with what differs, and how similar they are.
  await page.getByRole("link", { name: "Barack Obama" }).waitFor();
  await page.getByRole("link", { name: "B. Obama", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Joe Biden" }).count(), 0);
  await page.getByText("Name · differs").first().waitFor();
  await page.getByText(/Similarity 0\.[89]/).waitFor();
  await settled(page);
  const left = await page.getByRole("link", { name: /Obama/ }).first().innerText();
  await page.getByRole("button", { name: left === "Barack Obama" ? "Keep left, merge right" : "Keep right, merge left" }).click();
  const question = page.getByRole("dialog");
  await question.getByText("Merge B. Obama into Barack Obama?").last().waitFor();
  await question.getByText(/gets the faces of B\. Obama \(1\)/).waitFor();
  await question.getByRole("button", { name: "Merge", exact: true }).click();
  await page.getByText("Merged into Barack Obama").waitFor();
  await page.getByRole("link", { name: "B. Obama", exact: true }).waitFor({ state: "detached" });

  const { items } = await server.call("GET", `/libraries/${library.id}/people?sort=name`);
  assert.deepEqual(items.map((/** @type {any} */ { id, name }) => [id, name]), [
    [first.id, "Barack Obama"],
    [items[1].id, "Joe Biden"],
  ]);
  const merged = await server.call("GET", `/libraries/${library.id}/people/${first.id}`);
  const faces = [...first.faces, ...second.faces].map(({ id }) => id).sort();
  assert.deepEqual(merged.faces.map((/** @type {any} */ { id }) => id).sort(), faces);
  assert.deepEqual([merged.externalId, merged.tags], ["E-1", ["vip"]]);
  await close();
});

test("faces are added, each with its verdict, replaced by one, and deleted down to the last", async () => {
  const library = await libraryOf("faces");
  const person = await enrol(library, { name: "Barack Obama" }, PICTURES.obama);
  const read = async () => (await server.call("GET", `/libraries/${library.id}/people/${person.id}`)).faces;
  // The page asks who is similar once more before it knows that the last face is gone.
  const { page, close } = await open(/\/quality$|\/faces$|\/similar/);
  await go(page, server.url, `/libraries/${library.id}/people/${person.id}`);
  await page.getByRole("button", { name: "Add pictures" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[type=file]").setInputFiles([
    { name: "second.jpg", mimeType: "image/jpeg", buffer: await readFile(PICTURES.obama2) },
    { name: "first again.jpg", mimeType: "image/jpeg", buffer: await readFile(PICTURES.obama) },
    { name: "wall.bmp", mimeType: "image/bmp", buffer: faceless() },
  ]);
  await dialog.getByText(/Can't be enrolled · There is no face/).waitFor();
  await dialog.getByRole("button", { name: "Enrol (3)" }).click();
  await dialog.getByText("Enrolled", { exact: true }).waitFor();
  await dialog.getByText("The person has this picture already").waitFor();
  await dialog.getByText(/Not enrolled · There is no face/).waitFor();
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await page.getByText("Faces (2)").waitFor();
  assert.equal((await read()).length, 2);

  await page.getByRole("button", { name: "Replace all" }).click();
  await dialog.getByText(/all present faces \(2\) are deleted/).waitFor();
  await dialog.locator("input[type=file]").setInputFiles(PICTURES.obama3);
  await dialog.getByRole("button", { name: "Replace", exact: true }).click();
  await page.getByText("The faces were replaced").waitFor();
  await page.getByText("Faces (1)").waitFor();
  assert.equal((await read()).length, 1);

  await page.getByRole("button", { name: "Show face 1" }).click();
  await dialog.getByRole("button", { name: "Delete this face" }).click();
  const question = page.getByRole("dialog").filter({ hasText: "Delete this face of Barack Obama?" });
  await question.getByText(/It is the person's last face/).waitFor();
  await question.getByRole("button", { name: "Delete this face" }).click();
  await page.getByText("The person has no face, and so can't be recognised").waitFor();
  assert.deepEqual(await read(), []);
  await close();
});

test("a person is copied to another library, moved to a third, and deleted there", async () => {
  const [from, shop, archive] = await Promise.all(["from", "shop", "archive"].map(libraryOf));
  const person = await enrol(from, { name: "Joe Biden", externalId: "E-46" }, PICTURES.biden);
  const { page, close } = await open();
  await go(page, server.url, `/libraries/${from.id}`);
  await page.getByRole("link", { name: "Joe Biden" }).waitFor();
  const act = async (/** @type {"Copy" | "Move"} */ name, /** @type {string} */ target) => {
    await go(page, server.url, `/libraries/${from.id}/people/${person.id}`);
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: `${name} to another library` }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox").click();
    await page.locator(".ant-select-item-option", { hasText: target }).click();
    await dialog.getByRole("button", { name, exact: true }).click();
    await page.getByText(name === "Copy" ? "Joe Biden was copied" : "Joe Biden was moved").waitFor();
    await page.getByRole("heading", { name: "Joe Biden", level: 1 }).waitFor();
  };
  await act("Copy", "shop");
  const copied = (await server.call("GET", `/libraries/${shop.id}/people`)).items;
  assert.deepEqual(copied.map((/** @type {any} */ { externalId }) => externalId), ["E-46"]);
  assert.notEqual(copied[0].id, person.id);
  assert.ok(page.url().endsWith(`/libraries/${shop.id}/people/${copied[0].id}`), page.url());

  await act("Move", "archive");
  assert.deepEqual((await server.call("GET", `/libraries/${from.id}/people`)).items, []);
  const moved = await server.call("GET", `/libraries/${archive.id}/people/${person.id}`);
  assert.deepEqual([moved.name, moved.faces.length], ["Joe Biden", 1]);

  // Deleted from there; the way leads back to the library.
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Delete from the library" }).click();
  const question = page.getByRole("dialog");
  await question.getByText("Delete Joe Biden from “archive”?").last().waitFor();
  await question.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("Joe Biden was deleted").waitFor();
  await page.getByText("Nobody is in this library yet").waitFor();
  assert.deepEqual((await server.call("GET", `/libraries/${archive.id}/people`)).items, []);
  await close();
});

test("people are found by part of the name, by number and by face", async () => {
  const library = await libraryOf("search");
  const [unknown = ""] = await strangers();
  await enrol(library, { name: "Barack Obama", externalId: "E-44" }, PICTURES.obama);
  await enrol(library, { name: "Joe Biden", externalId: "E-46" }, PICTURES.biden);
  const { page, close } = await open();
  await go(page, server.url, `/libraries/${library.id}`);
  const obama = page.getByRole("link", { name: "Barack Obama" });
  const biden = page.getByRole("link", { name: "Joe Biden" });
  await page.getByRole("textbox", { name: "Part of a name" }).fill("oba");
  await biden.waitFor({ state: "detached" });
  await obama.waitFor();
  await page.getByRole("textbox", { name: "Part of a name" }).fill("nobody");
  await page.getByText("Nobody matches").waitFor();
  await page.getByRole("button", { name: "Show everybody" }).click();
  await biden.waitFor();

  await page.getByRole("textbox", { name: "Part of a name" }).fill("E-46");
  await obama.waitFor({ state: "detached" });
  await biden.waitFor();
  // The address has the search, so that a reload and the way back lead to the same list.
  await page.reload();
  await settled(page);
  await biden.waitFor();
  assert.equal(await obama.count(), 0);

  await page.getByRole("button", { name: "Search by face" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[type=file]").first().setInputFiles(PICTURES.obama3);
  await dialog.getByRole("link", { name: "Barack Obama" }).waitFor();
  await dialog.locator("input[type=file]").first().setInputFiles(unknown);
  await dialog.getByText("Nobody reaches the threshold").waitFor();
  await close();
});

test("an unknown face of the recognition log is named, and is known from then on", async () => {
  const library = await libraryOf("gate");
  await enrol(library, { name: "Barack Obama" }, PICTURES.obama);
  await server.call("PATCH", `/libraries/${library.id}/recognition-log`, { enabled: true, keepDays: 7 });
  for (const picture of [PICTURES.obama2, PICTURES.biden]) {
    await server.call("POST", `/libraries/${library.id}/identify`, await pictureForm({}, picture));
  }
  const { page, close } = await open();
  await go(page, server.url, `/recognitions?library=${library.id}`);
  await page.getByRole("link", { name: "Barack Obama" }).waitFor();
  await page.getByText("Unknown", { exact: true }).last().waitFor();
  await page.getByRole("button", { name: "Name", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Enrol" }).click();
  await dialog.getByText("A name is needed").waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("Joe Biden");
  await dialog.getByLabel("External id").fill("E-46");
  await dialog.getByRole("button", { name: "Enrol" }).click();
  await page.getByText("“Joe Biden” is enrolled").waitFor();
  await page.getByRole("link", { name: "Joe Biden" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Name", exact: true }).count(), 0);

  const { items } = await server.call("GET", `/libraries/${library.id}/people?externalId=E-46`);
  assert.equal(items[0].name, "Joe Biden");
  const { faces } = await server.call("POST", `/libraries/${library.id}/identify`, await pictureForm({}, PICTURES.biden));
  assert.equal(faces[0].matches[0].person.id, items[0].id);
  await close();
});
