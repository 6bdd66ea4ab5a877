import { base64Of } from "../../common/picture";
import type { SentPicture } from "./dialects/types";

const HEAD = 8;
/** Number of faces whose tokens are computed: as many as face-api tells of. */
const TOKENS = 10;

/** A picture as it is sent, and what is shown of it. */
export interface Prepared {
  base64: string;
  sent: SentPicture;
}

/** Reads a picture, which stays in the memory of the browser. */
export async function prepare(picture: Blob): Promise<Prepared> {
  const [base64, size, tokens] = await Promise.all([base64Of(picture), sizeOf(picture), tokensOf(picture)]);
  const sent = { head: base64.slice(0, HEAD), bytes: picture.size, mediaType: picture.type, ...size, tokens };
  return { base64, sent };
}

async function sizeOf(picture: Blob): Promise<{ width: number; height: number }> {
  try {
    const bitmap = await createImageBitmap(picture);
    const { width, height } = bitmap;
    bitmap.close();
    return { width, height };
  } catch {
    // The server may read formats that the browser does not.
    return { width: 0, height: 0 };
  }
}

/** Digests of the picture, by which face-api names its faces. Browsers compute them on https and localhost only. */
async function tokensOf(picture: Blob): Promise<string[]> {
  if (!window.isSecureContext) return [];
  const key = await digest(await picture.arrayBuffer());
  const others = Array.from({ length: TOKENS - 1 }, (_, index) =>
    digest(new TextEncoder().encode(`${key}:${index + 1}`).buffer),
  );
  return [key, ...(await Promise.all(others))].map((token) => token.slice(0, 32));
}

async function digest(bytes: ArrayBuffer): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
