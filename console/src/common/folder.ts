/** A file, with its path below what was dropped or chosen. */
export interface FoundFile {
  /** Path with `/` between its parts, beginning with the folder that was dropped or chosen. */
  path: string;
  file: File;
}

/**
 * Returns the files that were dropped, also those in folders. Call it while the event is handled: browsers forget what was
 * dropped afterwards.
 */
export async function droppedFiles(data: DataTransfer): Promise<FoundFile[]> {
  const entries: FileSystemEntry[] = [];
  const loose: FoundFile[] = [];
  for (const item of data.items) {
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    if (entry) entries.push(entry);
    // What another program drags may be no entry of a disk.
    else if (file) loose.push({ path: file.name, file });
  }
  return [...(await filesOf(entries)), ...loose];
}

/** Returns the files that were chosen by an input of files or of a folder. */
export function chosenFiles(files: FileList): FoundFile[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function filesOf(entries: FileSystemEntry[]): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const waiting = [...entries];
  // What is found in a folder is put at the end, and so is reached later.
  for (const entry of waiting) {
    if (isDirectory(entry)) {
      for (const below of await entriesOf(entry)) waiting.push(below);
    } else if (isFile(entry)) {
      found.push({ path: entry.fullPath.replace(/^\//, ""), file: await fileOf(entry) });
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

// A reader tells of some entries at a time, and of none at the end.
async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    for (const entry of some) all.push(entry);
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
