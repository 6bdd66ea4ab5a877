// What the browser loads first, and what the server sends with it.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ROOT, startServer } from "./server.mjs";

const DIST = join(ROOT, "console/dist");
const FIRST_LOAD_BYTES = 400 * 1024;

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

test("the first load is under 400 KB", async () => {
  const html = await readFile(join(DIST, "index.html"), "utf8");
  const named = [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map(([, name]) => String(name));
  assert.ok(named.length > 0);
  let bytes = 0;
  for (const name of named) bytes += gzipSync(await readFile(join(DIST, name))).length;
  assert.ok(bytes < FIRST_LOAD_BYTES, `${bytes} bytes`);
});

test("the page comes with a strict policy, and without scripts or styles of its own", async () => {
  const answer = await fetch(server.url, { headers: { "Accept-Encoding": "br" } });
  const policy = String(answer.headers.get("content-security-policy"));
  const directives = new Map(policy.split(";").map((one) => /** @type {[string, string]} */ (one.trim().split(/ (.*)/s))));
  assert.equal(directives.get("default-src"), "'self'");
  for (const [name, value] of directives) {
    assert.ok(name === "style-src" || !String(value).includes("unsafe-"), policy);
  }
  assert.equal(answer.headers.get("cache-control"), "no-cache");
  const html = await answer.text();
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style|\son\w+=/);
});

test("hashed files are kept by browsers, and sent as small as they read them", async () => {
  const script = (await readdir(join(DIST, "console"))).find((name) => /^index-.*\.js$/.test(name));
  const url = `${server.url}/console/${script}`;
  for (const [accepted, sent] of [["gzip, br", "br"], ["gzip", "gzip"], ["br;q=0, gzip;q=0", null], ["identity", null]]) {
    const answer = await fetch(url, { headers: { "Accept-Encoding": String(accepted) } });
    assert.equal(answer.headers.get("content-encoding"), sent, String(accepted));
    assert.match(String(answer.headers.get("cache-control")), /immutable/);
    assert.equal(await answer.text(), await readFile(join(DIST, "console", String(script)), "utf8"));
  }
  const tag = String((await fetch(url)).headers.get("etag"));
  const again = await fetch(url, { headers: { "If-None-Match": tag } });
  assert.equal(again.status, 304);
});

test("the licences of all parts are in one text", async () => {
  const answer = await fetch(`${server.url}/licences.txt`);
  assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  const text = await answer.text();
  for (const part of [/^tokio \d.*: MIT$/m, /^react \d.* \(npm\): MIT$/m, /Permission is hereby granted/]) assert.match(text, part);
  assert.doesNotMatch(text, /^(vite|typescript|aicp-server) \d/m);
});

test("what is no file of the console is not answered by it", async () => {
  for (const path of ["/console/none.js", "/index.htm", "/.env", "/console/"]) {
    const answer = await fetch(`${server.url}${path}`);
    assert.notEqual(answer.headers.get("content-type"), "text/html; charset=utf-8", path);
    assert.ok(answer.status >= 400, path);
  }
  const action = await fetch(`${server.url}/?Action=ListGroups`);
  assert.doesNotMatch(String(action.headers.get("content-type")), /html/);
});
