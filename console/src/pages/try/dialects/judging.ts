import type { Schema } from "../../../api/client";
import type { Identification, SearchedLibrary } from "./types";

/** Quality from which a picture is good (setting `quality.threshold`). */
const GOOD_QUALITY = 0.5;
const NO_LIBRARY: SearchedLibrary = { id: "", groupId: "", threshold: 1, topN: null };

/** All people who are known to resemble a face, the most similar first. */
export function peopleLike({ matches, nextBest = [] }: Schema<"IdentifiedFace">): Schema<"FoundPerson">[] {
  return [...matches, ...nextBest];
}

/** Those of a library who are above a threshold, as an interface would have found them. */
export function peopleAbove(face: Schema<"IdentifiedFace">, { id }: SearchedLibrary, threshold: number): Schema<"FoundPerson">[] {
  return peopleLike(face).filter(({ person, similarity }) => person.libraryId === id && similarity > threshold);
}

/** The library of an example for an interface that searches one at a time: that of the best match, or the first. */
export function libraryFor({ libraries, found }: Identification): SearchedLibrary {
  const best = found.flatMap(({ matches }) => matches).sort((a, b) => b.similarity - a.similarity)[0];
  return libraries.find(({ id }) => id === best?.person.libraryId) ?? libraries[0] ?? NO_LIBRARY;
}

/** Five grades, 0 (good) to 2 (poor): cover, light, blur, completeness, confidence. */
export function gradesOf(components: Schema<"QualityComponents"> | null | undefined): number[] {
  if (!components) return [0, 0, 0, 0, 0];
  const c = components;
  const light = Math.min(
    c.luminance,
    c.dynamicRange,
    c.overExposurePrevention,
    c.underExposurePrevention,
    c.illuminationUniformity,
  );
  return [Math.min(c.landmarkAgreement, c.uncovered), light, c.sharpness, c.crop, c.confidence].map(gradeOf);
}

function gradeOf(component: number): number {
  if (component >= 60) return 0;
  return component >= 30 ? 1 : 2;
}

/** Whether a face is good enough to be enrolled and found. */
export function isGood({ score, components, isRecognisable }: Schema<"QualityReport">): boolean {
  return score >= GOOD_QUALITY && !gradesOf(components).includes(2) && isRecognisable;
}
