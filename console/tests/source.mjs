// Modules of the console that need no browser, for tests that run without one.

import { readFile } from "node:fs/promises";
import ts from "typescript";

/**
 * Loads a module of `src`, which imports nothing but types.
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function load(path) {
  const source = await readFile(new URL(`../src/${path}`, import.meta.url), "utf8");
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(source, { compilerOptions });
  return import(`data:text/javascript,${encodeURIComponent(outputText)}`);
}
