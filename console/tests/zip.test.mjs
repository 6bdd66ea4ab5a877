// What the console packs is a zip archive: Python, which has a reader of its own, says so.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { load } from "./source.mjs";

const { ArchiveTooLarge, MAX_ARCHIVE_BYTES, zipOf } = await load("common/zip.ts");

const folder = mkdtempSync(join(tmpdir(), "aicp-zip-"));
after(() => rmSync(folder, { recursive: true }));

const READ = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    bad = archive.testzip()
    names = archive.namelist()
    first = [archive.read(name).decode("latin-1") for name in names[:3]]
print(json.dumps({"bad": bad, "count": len(names), "names": names[:3], "first": first}))
`;

/**
 * Reads an archive, and checks it.
 * @param {Blob} archive
 * @returns {Promise<{ bad: string | null, count: number, names: string[], first: string[] }>}
 */
async function read(archive) {
  const path = join(folder, "archive.zip");
  writeFileSync(path, Buffer.from(await archive.arrayBuffer()));
  return JSON.parse(execFileSync("python3", ["-c", READ, path], { encoding: "utf8" }));
}

test("names, contents and checksums are those of the files", async () => {
  const files = [
    { path: "张三/1.jpg", file: new Blob(["one"]) },
    { path: "Grace Hopper/é.png", file: new Blob(["two", "three"]) },
    { path: "empty/0.jpg", file: new Blob([]) },
  ];
  /** @type {number[]} */
  const told = [];
  const found = await read(await zipOf(files, (/** @type {number} */ bytes) => told.push(bytes)));
  assert.deepEqual(found, {
    bad: null,
    count: 3,
    names: files.map(({ path }) => path),
    first: ["one", "twothree", ""],
  });
  assert.equal(told.at(-1), 11);
});

test("an archive of nothing can be read", async () => {
  assert.equal((await read(await zipOf([]))).count, 0);
});

test("more files than the plain format counts are all there", async () => {
  const files = Array.from({ length: 70_000 }, (_, index) => ({ path: `p/${index}.jpg`, file: new Blob(["x"]) }));
  const found = await read(await zipOf(files));
  assert.deepEqual([found.bad, found.count], [null, 70_000]);
});

test("what does not fit is refused before it is read", async () => {
  const file = { size: MAX_ARCHIVE_BYTES, stream: () => assert.fail("it was read") };
  await assert.rejects(zipOf([{ path: "a/1.jpg", file }]), ArchiveTooLarge);
});

test("it can be stopped", async () => {
  const stopped = AbortSignal.abort(new Error("stopped"));
  await assert.rejects(zipOf([{ path: "a/1.jpg", file: new Blob(["x"]) }], undefined, stopped), /stopped/);
});
