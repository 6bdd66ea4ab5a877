import type { SentPicture } from "./types";

/** Stands in an answer for a value that the result of the REST API does not tell. */
export const UNKNOWN = "…";

/** A picture in the body of a request. Programs read it from a file; of its base64 the beginning is shown. */
export class PictureField {
  constructor(
    readonly picture: SentPicture,
    /** Name of the variable, and of the file without its ending. */
    readonly variable: string,
  ) {}

  get file(): string {
    return `${this.variable}.jpg`;
  }

  get shown(): string {
    return `${this.picture.head}${UNKNOWN} (${sizeText(this.picture.bytes)})`;
  }
}

/** A number that is written as it stands, such as `100.0`. */
export class WrittenNumber {
  constructor(readonly text: string) {}
}

export type Json = string | number | boolean | null | WrittenNumber | PictureField | Json[] | { [name: string]: Json };

const MARK = "\u0001";

/** Writes JSON with two spaces of indentation, or in one line. */
export function jsonText(value: Json, isCompact = false): string {
  const written = JSON.stringify(plain(value), null, isCompact ? undefined : 2);
  return written.replace(/"\\u0001([^"]*)"/g, "$1");
}

function plain(value: Json): unknown {
  if (value instanceof WrittenNumber) return MARK + value.text;
  if (value instanceof PictureField) return value.shown;
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, plain(own)]));
  }
  return value;
}

/** Length of the base64 of a file. */
export function base64Length(picture: SentPicture): number {
  return Math.ceil(picture.bytes / 3) * 4;
}

export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kilobytes = bytes / 1024;
  return kilobytes < 1024 ? `${Math.round(kilobytes)} KB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

/** Returns the shortest decimal number that stands for the same 32-bit number, as the server writes it. */
export function shortest(value: number): number {
  const single = Math.fround(value);
  for (let digits = 1; digits <= 9; digits += 1) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return short;
  }
  return single;
}

/** Writes a number with at least one decimal place and without an exponent: `1.0`, `0.00001`. */
export function withPoint(value: number): string {
  const text = value.toLocaleString("en", { useGrouping: false, maximumFractionDigits: 20 });
  return text.includes(".") ? text : `${text}.0`;
}

/** Writes a 32-bit number as the server does. */
export function decimal(value: number): string {
  return withPoint(shortest(value));
}

/** Returns a similarity, 0 to 1, on the scale 0 to 100, as a 32-bit number. */
export function percent(similarity: number): number {
  return Math.fround(Math.fround(similarity) * 100);
}

/** Writes a request as it goes over the wire. */
export function requestText(origin: string, path: string, headers: Record<string, string>, body: string | null): string {
  const { host } = new URL(origin);
  const all = { Host: host, ...headers };
  const lines = [`POST ${path} HTTP/1.1`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`)];
  return body === null ? lines.join("\n") : `${lines.join("\n")}\n\n${body}`;
}
