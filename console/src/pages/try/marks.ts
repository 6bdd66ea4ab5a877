import type { Schema } from "../../api/client";
import type { Marked } from "../../common/FaceMarks";
import type { Identification } from "./dialects/types";

/** Share of a face's area in which two boxes must agree to be of the same face. */
const SAME_FACE = 0.5;

/** The faces of an identification with their names, to mark them in the picture. */
export function marksOf({ found }: Identification, unknown: string, nameless: string): Marked[] {
  return found.map((face, index) => {
    const person = face.matches[0]?.person;
    const name = person ? person.name || person.externalId || nameless : unknown;
    return {
      box: face.box,
      rotation: face.rotation,
      label: found.length > 1 ? `${index + 1} ${name}` : name,
      tone: person ? "good" : "bad",
    };
  });
}

/** Returns what else is known of a face, by its place in the picture. */
export function lookAt(looks: Schema<"DetectedFace">[], box: Schema<"Area">): Schema<"DetectedFace"> | null {
  return looks.find((look) => overlapOf(look.box, box) > SAME_FACE) ?? null;
}

function overlapOf(a: Schema<"Area">, b: Schema<"Area">): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}
