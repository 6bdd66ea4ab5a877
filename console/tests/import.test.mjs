// Many people at once: an import from a folder and from an archive, its pause, and the export of a library.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { faceless, PICTURES, strangers } from "./seed.mjs";
import { startServer } from "./server.mjs";

/** Lists an archive by a reader that is not ours. */
const LIST = "import json, sys, zipfile; a = zipfile.ZipFile(sys.argv[1]); print(json.dumps({'bad': a.testzip(), 'names': a.namelist()}))";
/** Packs a folder. */
const PACK = "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;
/** @type {string} */
let work;

before(async () => {
  work = await mkdtemp(join(tmpdir(), "aicp-import-"));
  [server, chromium] = await Promise.all([startServer(), startBrowser()]);
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
  await rm(work, { recursive: true, force: true });
});

/**
 * Lays out a folder per person.
 * @param {string} name
 * @param {Record<string, Record<string, string | Buffer>>} people pictures (paths or contents) by their names, by folder
 */
async function folderOf(name, people) {
  for (const [person, files] of Object.entries(people)) {
    await mkdir(join(work, name, person), { recursive: true });
    for (const [file, from] of Object.entries(files)) {
      const target = join(work, name, person, file);
      await (typeof from === "string" ? cp(from, target) : writeFile(target, from));
    }
  }
  return join(work, name);
}

/**
 * A library, and the page that imports into it.
 * @param {string} name
 */
async function importPage(name) {
  const library = await server.call("POST", "/libraries", { name });
  const { page, close } = await openPage(chromium.browser, server.url, { language: "en" });
  await signIn(page, server.url);
  await go(page, server.url, `/libraries/${library.id}?tab=import`);
  return { library, page, close };
}

/**
 * Names of the people of a library, with their numbers of faces.
 * @param {string} library
 */
async function facesByName(library) {
  const { items } = await server.call("GET", `/libraries/${library}/people?sort=name`);
  const people = await Promise.all(items.map((/** @type {any} */ { id }) => server.call("GET", `/libraries/${library}/people/${id}`)));
  return Object.fromEntries(people.map(({ name, faces }) => [name, faces.length]));
}

/**
 * The row of a table that has a text.
 * @param {import("playwright-core").Page} page
 * @param {string} text
 */
const rowOf = (page, text) => page.getByRole("row").filter({ hasText: text });

test("a folder is imported: what is no picture stays, a picture without a face is refused with the reason", async () => {
  const folder = await folderOf("photos", {
    "Barack Obama": { "1.jpg": PICTURES.obama, "2.jpg": PICTURES.obama2, "notes.txt": Buffer.from("none") },
    "Joe Biden": { "portrait.jpg": PICTURES.biden },
    Nobody: { "wall.bmp": faceless() },
  });
  const { library, page, close } = await importPage("folder");
  await page.getByLabel("Choose a folder").and(page.locator("input")).setInputFiles(folder);
  await page.getByText("To import: 4 pictures of 3 people").waitFor();
  await page.getByText("Files that are left out: 1").click();
  await page.getByText("not a picture that can be read").waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).click();

  await page.getByText("Done 3, not done 1, of 4").waitFor();
  await rowOf(page, "Nobody/wall.bmp").getByText("There is no face in the picture").waitFor();
  await rowOf(page, "Joe Biden/portrait.jpg").getByText("New person").waitFor();
  assert.deepEqual(await facesByName(library.id), { "Barack Obama": 2, "Joe Biden": 1 });

  await page.getByText("Not done", { exact: true }).first().click();
  await rowOf(page, "Joe Biden/portrait.jpg").waitFor({ state: "detached" });
  await rowOf(page, "Nobody/wall.bmp").waitFor();
  await close();
});

test("an archive is dropped, and each of its files has a verdict", async () => {
  const folder = await folderOf("packed", {
    "Barack Obama": { "1.jpg": PICTURES.obama, "same.jpg": PICTURES.obama, "broken.jpg": Buffer.from("this is text") },
    "Joe Biden": { "wall.bmp": faceless(), "notes.txt": Buffer.from("none") },
  });
  execFileSync("python3", ["-c", PACK, join(work, "packed"), folder]);
  const { library, page, close } = await importPage("archive");
  const archive = (await readFile(join(work, "packed.zip"))).toString("base64");
  const dropped = await page.evaluateHandle((content) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0));
    transfer.items.add(new File([bytes], "packed.zip", { type: "application/zip" }));
    return transfer;
  }, archive);
  await page.getByText("Drop a folder or a zip archive here").dispatchEvent("drop", { dataTransfer: dropped });
  await page.getByText("To import: the archive packed.zip").waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).click();

  // Of two equal pictures, which are read at the same time, either may come first.
  await rowOf(page, "Barack Obama/").getByText("Picture is there already").waitFor();
  await rowOf(page, "Barack Obama/").getByText("New person").waitFor();
  await rowOf(page, "Joe Biden/wall.bmp").getByText("There is no face in the picture").waitFor();
  await rowOf(page, "Joe Biden/notes.txt").getByText("The picture can't be read").waitFor();
  await rowOf(page, "Barack Obama/broken.jpg").getByText("The picture can't be read").waitFor();
  assert.deepEqual(await facesByName(library.id), { "Barack Obama": 1 });
  await close();
});

test("an import is paused, stands still, and goes on to the end", async () => {
  const pictures = await strangers();
  const people = Object.fromEntries(pictures.map((path, index) => [`Person ${index + 1}`, { "1.jpg": path }]));
  const folder = await folderOf("many", people);
  const { library, page, close } = await importPage("many");
  await page.getByLabel("Choose a folder").and(page.locator("input")).setInputFiles(folder);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  const [job] = (await server.call("GET", `/jobs?libraryId=${library.id}`)).items;
  const paused = await server.call("GET", `/jobs/${job.id}`);
  assert.equal(paused.state, "paused");
  assert.ok(paused.done < pictures.length, `${paused.done} are done`);

  // The state survives a reload, and so do the acts.
  await page.reload();
  await settled(page);
  await rowOf(page, "Paused").getByRole("button", { name: "Show result" }).click();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText(new RegExp(`Done \\d+, not done \\d+, of ${pictures.length}`)).waitFor();
  await page.getByRole("progressbar", { name: "Progress of the job" }).and(page.locator("[aria-valuenow='100']")).waitFor();
  const over = await server.call("GET", `/jobs/${job.id}`);
  assert.deepEqual([over.state, over.done + over.failed], ["done", pictures.length]);
  assert.equal((await server.call("GET", `/libraries/${library.id}/statistics`)).people, over.done);
  await close();
});

test("a library is exported, and the archive that is downloaded has its people", async () => {
  const [library] = (await server.call("GET", "/libraries?groupId=folder")).items;
  const { page, close } = await openPage(chromium.browser, server.url, { language: "en" });
  await signIn(page, server.url);
  await go(page, server.url, `/libraries/${library.id}?tab=export`);
  await page.getByRole("button", { name: "Export", exact: true }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
  const path = join(work, "export.zip");
  await download.saveAs(path);
  assert.match(download.suggestedFilename(), /\.zip$/);
  const { bad, names } = JSON.parse(execFileSync("python3", ["-c", LIST, path], { encoding: "utf8" }));
  assert.equal(bad, null);
  assert.ok(names.includes("manifest.csv"));
  assert.equal(names.filter((/** @type {string} */ name) => name.endsWith(".jpg")).length, 3);

  // What was exported can be imported elsewhere.
  const target = await importPage("restored");
  await target.page.getByLabel("Choose an archive").and(target.page.locator("input")).setInputFiles(path);
  await target.page.getByRole("button", { name: "Import", exact: true }).click();
  await target.page.getByText("Done 3, not done 0, of 3").waitFor();
  assert.deepEqual(await facesByName(target.library.id), await facesByName(library.id));
  await target.close();
  await close();
});
