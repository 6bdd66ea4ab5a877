import type { FoundFile } from "../../common/folder";
import type { Packed } from "../../common/zip";

/** Why a file is not sent. */
export type LeftOut = "notAPicture" | "notInFolder" | "folderInFolder" | "tooLarge";

/** What an import is made of. */
export interface Prepared {
  /** An archive, which is sent as it is; else the files to pack. */
  archive: File | null;
  files: Packed[];
  /** Number of people; `null` if only the server can tell. */
  people: number | null;
  hasManifest: boolean;
  bytes: number;
  leftOut: { path: string; reason: LeftOut }[];
}

/** Bytes of a file, and number of files, that the server takes unless its settings say otherwise. */
export const MAX_FILE_BYTES = 64 << 20;
export const MAX_FILES = 200_000;

const MANIFEST = "manifest.csv";
const PICTURE = /\.(jpe?g|png|webp|bmp|gif)$/i;
const HIDDEN = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$)/;

/**
 * Finds out what an import of dropped files would be: a folder per person, as the server reads it. What it would refuse is
 * left out, so that it need not be sent.
 */
export function prepare(found: FoundFile[]): Prepared {
  const only = found.length === 1 ? found[0] : undefined;
  if (only && /\.zip$/i.test(only.path)) {
    return { archive: only.file, files: [], people: null, hasManifest: false, bytes: only.file.size, leftOut: [] };
  }
  const visible = found.filter(({ path }) => !HIDDEN.test(path));
  const { files, hasManifest } = unwrapped(visible);
  const leftOut: Prepared["leftOut"] = [];
  const kept: Packed[] = [];
  const folders = new Set<string>();
  for (const { path, file } of files) {
    const reason = hasManifest ? faultBesideManifest(path, file) : faultOf(path, file);
    if (reason) {
      leftOut.push({ path, reason });
      continue;
    }
    kept.push({ path, file });
    folders.add(path.slice(0, path.lastIndexOf("/")));
  }
  const bytes = kept.reduce((sum, { file }) => sum + file.size, 0);
  return { archive: null, files: kept, people: hasManifest ? null : folders.size, hasManifest, bytes, leftOut };
}

// A folder around everything does not count.
function unwrapped(files: FoundFile[]): { files: FoundFile[]; hasManifest: boolean } {
  const isManifest = (path: string) => path.toLowerCase() === MANIFEST;
  if (files.some(({ path }) => isManifest(path))) return { files, hasManifest: true };
  const wrapper = files[0]?.path.split("/")[0];
  const isWrapped = wrapper !== undefined && files.every(({ path }) => path.startsWith(`${wrapper}/`));
  if (!isWrapped) return { files, hasManifest: false };
  const below = files.map(({ path, file }) => ({ path: path.slice(wrapper.length + 1), file }));
  const hasManifest = below.some(({ path }) => isManifest(path));
  const hasFolders = below.some(({ path }) => path.includes("/"));
  return hasManifest || hasFolders ? { files: below, hasManifest } : { files, hasManifest: false };
}

function faultOf(path: string, file: Blob): LeftOut | null {
  if (!PICTURE.test(path)) return "notAPicture";
  const depth = path.split("/").length;
  if (depth < 2) return "notInFolder";
  if (depth > 2) return "folderInFolder";
  return file.size > MAX_FILE_BYTES ? "tooLarge" : null;
}

function faultBesideManifest(path: string, file: Blob): LeftOut | null {
  if (path.toLowerCase() === MANIFEST) return null;
  if (!PICTURE.test(path)) return "notAPicture";
  return file.size > MAX_FILE_BYTES ? "tooLarge" : null;
}
