/** A file to put into an archive. */
export interface Packed {
  /** Path in the archive, with `/` between its parts. */
  path: string;
  file: Blob;
}

/** Maximum size of an archive in bytes, which is that of its format without extensions. */
export const MAX_ARCHIVE_BYTES = 0xffff_fffe;

const LOCAL_HEADER = 30;
const DIRECTORY_HEADER = 46;
const END = 22;
const END_64 = 56;
const LOCATOR_64 = 20;
const VERSION = 20;
const VERSION_64 = 45;
/** The path is UTF-8. */
const UTF8_FLAG = 0x0800;
/** The first day that the format knows: the same files always make the same archive. */
const DATE = 0x0021;
/** A number of entries, or an offset, that stands in the record of zip64. */
const IN_ZIP64_16 = 0xffff;
const IN_ZIP64_32 = 0xffff_ffff;

/** The archive would be larger than {@link MAX_ARCHIVE_BYTES}. */
export class ArchiveTooLarge extends Error {}

/**
 * Packs files into a zip archive without compressing them, as pictures are compressed already. Files are read once for
 * their checksums and never held in memory: the archive refers to them.
 *
 * @param onProgress is told how many bytes of the files were read so far.
 * @throws ArchiveTooLarge
 * @throws the reason of the signal when it is aborted
 */
export async function zipOf(files: Packed[], onProgress?: (bytes: number) => void, signal?: AbortSignal): Promise<Blob> {
  const parts: BlobPart[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  let directoryBytes = 0;
  let read = 0;
  for (const { path, file } of files) {
    const name = new TextEncoder().encode(path);
    const ahead = offset + LOCAL_HEADER + name.length + file.size + directoryBytes + DIRECTORY_HEADER + name.length;
    if (ahead + END + END_64 + LOCATOR_64 > MAX_ARCHIVE_BYTES) throw new ArchiveTooLarge();
    const checksum = await crc32(file, signal, (bytes) => onProgress?.(read + bytes));
    read += file.size;
    parts.push(localHeader(name, checksum, file.size), file);
    const entry = directoryHeader(name, checksum, file.size, offset);
    directory.push(entry);
    offset += LOCAL_HEADER + name.length + file.size;
    directoryBytes += entry.length;
  }
  return new Blob([...parts, ...directory, endOf(files.length, directoryBytes, offset)], { type: "application/zip" });
}

/** Writes numbers one after the other, little-endian. */
class Writer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly view: DataView;
  private at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
  }

  u16(...values: number[]): this {
    for (const value of values) {
      this.view.setUint16(this.at, value, true);
      this.at += 2;
    }
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) {
      this.view.setUint32(this.at, value, true);
      this.at += 4;
    }
    return this;
  }

  u64(...values: number[]): this {
    for (const value of values) {
      this.view.setBigUint64(this.at, BigInt(value), true);
      this.at += 8;
    }
    return this;
  }

  put(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
    return this;
  }
}

function localHeader(name: Uint8Array, checksum: number, size: number) {
  return new Writer(LOCAL_HEADER + name.length)
    .u32(0x0403_4b50)
    .u16(VERSION, UTF8_FLAG, 0, 0, DATE)
    .u32(checksum, size, size)
    .u16(name.length, 0)
    .put(name).bytes;
}

function directoryHeader(name: Uint8Array, checksum: number, size: number, offset: number) {
  return new Writer(DIRECTORY_HEADER + name.length)
    .u32(0x0201_4b50)
    .u16(VERSION, VERSION, UTF8_FLAG, 0, 0, DATE)
    .u32(checksum, size, size)
    .u16(name.length, 0, 0, 0, 0)
    .u32(0, offset)
    .put(name).bytes;
}

// More files than the end record can count are counted in that of zip64.
function endOf(count: number, directoryBytes: number, offset: number) {
  const isLarge = count >= IN_ZIP64_16;
  const writer = new Writer(END + (isLarge ? END_64 + LOCATOR_64 : 0));
  if (isLarge) {
    writer
      .u32(0x0606_4b50)
      .u64(END_64 - 12)
      .u16(VERSION_64, VERSION_64)
      .u32(0, 0)
      .u64(count, count, directoryBytes, offset)
      .u32(0x0706_4b50, 0)
      .u64(offset + directoryBytes)
      .u32(1);
  }
  const shownCount = isLarge ? IN_ZIP64_16 : count;
  return writer
    .u32(0x0605_4b50)
    .u16(0, 0, shownCount, shownCount)
    .u32(directoryBytes, isLarge ? IN_ZIP64_32 : offset)
    .u16(0).bytes;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

async function crc32(file: Blob, signal: AbortSignal | undefined, onProgress: (bytes: number) => void): Promise<number> {
  let checksum = 0xffff_ffff;
  let read = 0;
  const reader = file.stream().getReader();
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = await reader.read();
    if (done) break;
    for (const byte of value) checksum = (checksum >>> 8) ^ (TABLE[(checksum ^ byte) & 0xff] ?? 0);
    read += value.length;
    onProgress(read);
  }
  return (checksum ^ 0xffff_ffff) >>> 0;
}
