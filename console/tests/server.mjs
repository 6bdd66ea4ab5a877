// A server of its own for a test: on loopback, with a data folder that is deleted afterwards.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(fileURLToPath(import.meta.url), "../../..");
/** Folder of the programs of the build. */
export const PROGRAMS = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "debug");
export const ADMIN_TOKEN = "console-tests-admin-token-0123456789";
const READY_MS = 120_000;

/**
 * Starts a program of the build, and waits for a line of its log that names its address.
 * @param {string} name
 * @param {string[]} args
 * @param {Record<string, string>} [environment]
 */
async function launch(name, args, environment = {}) {
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith("AICP_"));
  const child = spawn(join(PROGRAMS, name), args, {
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  /** @type {string[]} */
  const log = [];
  const address = await new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`${name} does not start: ${log.slice(-5).join("\n")}`)), READY_MS);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${name} ended with ${code}: ${log.slice(-5).join("\n")}`)));
    const read = (/** @type {string} */ line) => {
      log.push(line);
      const found = /listening.*?(127\.0\.0\.1:\d+)|(127\.0\.0\.1:\d+).*listening/.exec(line);
      if (found) {
        clearTimeout(limit);
        resolve(found[1] ?? found[2]);
      }
    };
    for (const input of [child.stdout, child.stderr]) createInterface({ input }).on("line", read);
  });
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await ended;
  };
  return { address, stop, log };
}

/**
 * A server with the console.
 * @param {{ settings?: Record<string, string>, args?: string[], folder?: string }} [options]
 */
export async function startServer({ settings = {}, args = [], folder } = {}) {
  const data = folder ?? (await mkdtemp(join(tmpdir(), "aicp-console-")));
  const { address, stop, log } = await launch("aicp", ["serve", "--data-dir", data, "--listen", "127.0.0.1:0", ...args], {
    AICP_ADMIN_TOKEN: ADMIN_TOKEN,
    AICP_MODELS_DIR: join(ROOT, "models"),
    AICP_VISION__RUNTIME: "onnxruntime",
    // A slow machine must not fail a test.
    AICP_VISION__WAIT_SECONDS: "300",
    AICP_VISION__JOB_SECONDS: "300",
    // Nor must a fast one: each test signs in.
    AICP_CONSOLE__ATTEMPTS_PER_MINUTE: "100000",
    AICP_LOG__FORMAT: "text",
    NO_COLOR: "1",
    ...settings,
  });
  const url = `http://${address}`;
  for (;;) {
    const answer = await fetch(`${url}/readyz`);
    await answer.text();
    if (answer.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    data,
    log,
    call: callerOf(url, ADMIN_TOKEN),
    stop: async () => {
      await stop();
      if (!folder) await rm(data, { recursive: true, force: true });
    },
  };
}

/** A vendor's engine, simulated: with the settings of a server that knows it, as demo/koala.toml has them. */
export async function startEngine() {
  const data = await mkdtemp(join(tmpdir(), "aicp-engine-"));
  /** @param {string} listen */
  const run = (listen) =>
    launch("aicp-engine-simulator", [
      "--speak",
      "koala",
      "--data-dir",
      data,
      "--models-dir",
      join(ROOT, "models"),
      "--listen",
      listen,
    ]);
  let engine = await run("127.0.0.1:0");
  const { address } = engine;
  const url = `http://${address}/`;
  return {
    url,
    settings: {
      AICP_ENGINES__KOALA__URL: url,
      AICP_ENGINES__KOALA__REMOTE__BREAKER_PAUSE_MS: "100",
      AICP_ENGINES__KOALA__REMOTE__LIBRARY_MISSING_CODES: "[80404]",
      AICP_ENGINES__KOALA__REMOTE__LIBRARY_EXISTS_CODES: "[80409]",
      AICP_ENGINES__KOALA__REMOTE__FACE_MISSING_CODES: "[80405]",
      AICP_ENGINES__KOALA__PATHS__CREATE_LIBRARY: "business/api/v1/repository/create",
      AICP_ENGINES__KOALA__PATHS__DELETE_LIBRARY: "business/api/v1/repository/delete",
      AICP_ENGINES__KOALA__PATHS__REMOVE: "business/api/v1/repository/personDb/delete",
      AICP_ENGINES__KOALA__PATHS__SEARCH: "business/api/v1/repository/search",
      AICP_ENGINES__KOALA__PATHS__SEARCH_MANY: "business/api/v1/repository/searchMany",
      AICP_ENGINES__KOALA__PATHS__COMPARE: "business/api/v1/face/compare",
      AICP_ENGINES__KOALA__PATHS__DETECT: "business/api/v1/face/detect",
      AICP_ENGINES__KOALA__PATHS__QUALITY: "business/api/v1/face/quality",
      AICP_ENGINES__KOALA__PATHS__HEALTH: "business/api/v1/health",
    },
    /** Ends the program; its faces stay. */
    pause: () => engine.stop(),
    /** Starts the program again, at the same address. */
    resume: async () => {
      engine = await run(address);
    },
    stop: async () => {
      await engine.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

/**
 * Returns a function that calls the REST API, and throws unless the call succeeds.
 * @param {string} url
 * @param {string} token
 */
export function callerOf(url, token) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body] JSON, or a form
   * @returns {Promise<any>}
   */
  return async (method, path, body) => {
    const isForm = body instanceof FormData;
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body === undefined || isForm ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : isForm ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}
