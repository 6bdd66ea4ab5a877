import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const MIN_BYTES = 1024;

/** Writes compressed copies beside each text, so that the server only sends what is there. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    // After all else: what is compressed must be what is written.
    writeBundle: {
      order: "post",
      async handler({ dir }, bundle) {
        for (const fileName of Object.keys(bundle)) {
          const path = join(dir ?? "", fileName);
          const source = await readFile(path);
          if (!/\.(js|css|html|svg)$/.test(fileName) || source.length < MIN_BYTES) continue;
          await writeFile(`${path}.gz`, gzipSync(source, { level: 9 }));
          const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
          await writeFile(`${path}.br`, brotliCompressSync(source, { params }));
        }
      },
    },
  };
}

/** Notes the folders of the packages that are in the build, for the list of licences (tools/licences.py). */
function packagesNoted(): Plugin {
  return {
    name: "packages-noted",
    apply: "build",
    async generateBundle() {
      const folders = new Set<string>();
      for (const id of this.getModuleIds()) {
        const isIncluded = this.getModuleInfo(id)?.isIncluded ?? true;
        const folder = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
        if (folder && isIncluded) folders.add(folder);
      }
      await mkdir("out", { recursive: true });
      await writeFile("out/packages.json", JSON.stringify([...folders].sort(), null, 1));
    },
  };
}

export default defineConfig({
  plugins: [react(), compressed(), packagesNoted()],
  build: {
    target: "es2022",
    assetsDir: "console",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: { "/api": process.env.AICP ?? "http://127.0.0.1:9012" } },
});
