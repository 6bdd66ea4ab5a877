// A folder that is dropped to be imported is read as the server would read it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./source.mjs";

const { MAX_FILE_BYTES, prepare } = await load("pages/people/prepare.ts");

/** @param {string[]} paths */
function found(...paths) {
  return paths.map((path) => ({ path, file: new File(["abc"], path.split("/").at(-1) ?? "") }));
}

/** @param {{ path: string }[]} files */
const paths = (files) => files.map(({ path }) => path);

test("a folder around everything does not count, one person's folder does", () => {
  const several = prepare(found("all/Ada/1.jpg", "all/Ada/2.PNG", "all/Joe/1.jpeg"));
  assert.deepEqual(paths(several.files), ["Ada/1.jpg", "Ada/2.PNG", "Joe/1.jpeg"]);
  assert.deepEqual([several.people, several.bytes, several.leftOut], [2, 9, []]);
  const dropped = prepare(found("Ada/1.jpg", "Joe/1.jpg"));
  assert.deepEqual([paths(dropped.files), dropped.people], [["Ada/1.jpg", "Joe/1.jpg"], 2]);
  const one = prepare(found("Ada/1.jpg", "Ada/2.jpg"));
  assert.deepEqual([paths(one.files), one.people], [["Ada/1.jpg", "Ada/2.jpg"], 1]);
});

test("what the server would refuse is left out, and what systems make for themselves is not told of", () => {
  const large = { path: "all/Ada/9.jpg", file: { size: MAX_FILE_BYTES + 1 } };
  const files = found("all/Ada/1.jpg", "all/note.txt", "all/loose.jpg", "all/Ada/deep/2.jpg", "all/.DS_Store", "all/Ada/Thumbs.db");
  const { leftOut, files: kept } = prepare([...files, large]);
  assert.deepEqual(paths(kept), ["Ada/1.jpg"]);
  assert.deepEqual(leftOut, [
    { path: "note.txt", reason: "notAPicture" },
    { path: "loose.jpg", reason: "notInFolder" },
    { path: "Ada/deep/2.jpg", reason: "folderInFolder" },
    { path: "Ada/9.jpg", reason: "tooLarge" },
  ]);
});

test("with a manifest, pictures may be anywhere", () => {
  const { files, hasManifest, people, leftOut } = prepare(found("all/manifest.csv", "all/1.jpg", "all/a/b/2.jpg", "all/people.jsonl"));
  assert.deepEqual(paths(files), ["manifest.csv", "1.jpg", "a/b/2.jpg"]);
  assert.deepEqual([hasManifest, people, paths(leftOut)], [true, null, ["people.jsonl"]]);
});

test("an archive is sent as it is", () => {
  const { archive, files, bytes } = prepare(found("faces.ZIP"));
  assert.deepEqual([archive?.name, files, bytes], ["faces.ZIP", [], 3]);
});

test("nothing at all is nothing to import", () => {
  const { files, people, archive } = prepare([]);
  assert.deepEqual([files, people, archive], [[], 0, null]);
});
