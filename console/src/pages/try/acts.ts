import { api, dataOf, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import type { Comparing, Identification, Look, SearchedLibrary } from "./dialects/types";
import { type Prepared, prepare } from "./sending";

/** What is asked of each face that is looked at. */
const DETAILS: Schema<"Detail">[] = ["landmarks", "quality", "liveness"];

/** Default of the setting `recognition.threshold`. */
export const USUAL_THRESHOLD = 0.8;

/** Looks for all faces of a picture, with their quality and liveness. */
export async function look(picture: Blob, signal: AbortSignal): Promise<Look> {
  const prepared = await prepare(picture);
  const started = performance.now();
  const faces = await detect(prepared, signal);
  return { kind: "look", ...circumstancesOf(started), picture: prepared.sent, faces };
}

/** What is searched, and how. */
export interface Search {
  /** At least one. */
  libraries: Schema<"ShownLibrary">[];
  /** Similarity, 0 to 1, from which somebody matches; `null`: that of the libraries. */
  threshold: number | null;
  faces: Schema<"Faces">;
}

/** Searches the faces of a picture, and looks at their quality and liveness besides. */
export async function identify(picture: Blob, search: Search, signal: AbortSignal): Promise<Identification> {
  const prepared = await prepare(picture);
  const started = performance.now();
  const [{ data, problem }, looks] = await Promise.all([
    unlessNoFace(searchFaces(prepared.base64, search, true, signal)),
    detect(prepared, signal).catch(() => []),
  ]);
  const circumstances = circumstancesOf(started);
  const thresholds = data?.thresholds ?? [];
  const { faces, threshold } = search;
  return {
    kind: "identify",
    ...circumstances,
    faces,
    picture: prepared.sent,
    libraries: searchedIn(search.libraries, thresholds),
    threshold,
    found: data?.faces ?? [],
    thresholds,
    looks,
    problem,
  };
}

/** Searches the faces of a picture. `explain`: whether the next best people are told of, too. */
export async function searchFaces(image: string, search: Search, explain: boolean, signal: AbortSignal): Promise<Schema<"Identified">> {
  const { libraries, threshold, faces } = search;
  const terms = { image, faces, explain, ...(threshold === null ? {} : { threshold }) };
  const [only, ...others] = libraries;
  if (only && others.length === 0) {
    const params = { path: { library: only.id } };
    return dataOf(api.POST("/libraries/{library}/identify", { params, body: terms, signal }));
  }
  return dataOf(api.POST("/identify", { body: { ...terms, libraryIds: libraries.map(({ id }) => id) }, signal }));
}

/** Compares the largest faces of two pictures, and looks at them. */
export async function compare(a: Blob, b: Blob, threshold: number, signal: AbortSignal): Promise<Comparing> {
  const [preparedA, preparedB] = await Promise.all([prepare(a), prepare(b)]);
  const started = performance.now();
  const body = { a: preparedA.base64, b: preparedB.base64, threshold };
  const [{ data, problem }, facesOfA, facesOfB] = await Promise.all([
    unlessNoFace(dataOf(api.POST("/compare", { body, signal }))),
    detect(preparedA, signal),
    detect(preparedB, signal),
  ]);
  return {
    kind: "compare",
    ...circumstancesOf(started),
    a: preparedA.sent,
    b: preparedB.sent,
    threshold,
    comparison: data,
    problem,
    facesOfA,
    facesOfB,
  };
}

async function detect({ base64 }: Prepared, signal: AbortSignal): Promise<Schema<"DetectedFace">[]> {
  const { faces } = await dataOf(api.POST("/detect", { body: { image: base64, details: DETAILS }, signal }));
  return faces;
}

/** Returns the libraries with the thresholds that counted, as the server tells; without an answer, as far as they are known. */
function searchedIn(libraries: Schema<"ShownLibrary">[], inForce: Schema<"ThresholdInForce">[]): SearchedLibrary[] {
  const thresholds = new Map(inForce.map(({ libraryId, threshold }) => [libraryId, threshold]));
  return libraries.map(({ id, groupId, threshold, topN }) => ({
    id,
    groupId,
    threshold: thresholds.get(id) ?? threshold ?? USUAL_THRESHOLD,
    topN: topN ?? null,
  }));
}

function circumstancesOf(started: number) {
  return { origin: window.location.origin, at: Date.now(), tookMs: Math.round(performance.now() - started) };
}

/** That a picture shows no face is a result here, of which every interface has its own answer. */
async function unlessNoFace<Data>(call: Promise<Data>): Promise<{ data: Data | null; problem: Schema<"Problem"> | null }> {
  try {
    return { data: await call, problem: null };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "noFace") throw error;
    const { code, message, status } = error;
    return { data: null, problem: { type: "about:blank", title: message, status, code } };
  }
}
