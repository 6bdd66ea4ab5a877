import type { Schema } from "../../../api/client";

export const DIALECTS = ["rest", "aicp", "faceApi", "jdcloud", "linkvisual"] as const;
export type Dialect = (typeof DIALECTS)[number];

/** What is known of a picture that was sent. Its content is left out. */
export interface SentPicture {
  /** First characters of its base64. */
  head: string;
  /** Size of the file in bytes. */
  bytes: number;
  /** Media type, such as `image/jpeg`; empty if the browser does not know it. */
  mediaType: string;
  /** Size of the upright picture in pixels; 0 if the browser can't read it. */
  width: number;
  height: number;
  /** Tokens of its faces in face-api, the largest face first. Empty where the browser can't compute them. */
  tokens: string[];
}

/** A library that was searched. */
export interface SearchedLibrary {
  id: string;
  /** Id under which the other interfaces know it. */
  groupId: string;
  /** Similarity, 0 to 1, above which a search without a threshold finds somebody. */
  threshold: number;
  /** Number of people that a search finds unless it says otherwise; `null`: what the interface says. */
  topN: number | null;
}

interface Circumstances {
  /** Address of the server, such as `http://127.0.0.1:9012`. */
  origin: string;
  /** When the call was answered, in milliseconds since 1970. */
  at: number;
  /** How long it took, in milliseconds. */
  tookMs: number;
}

/** The faces of a picture were looked at. */
export interface Look extends Circumstances {
  kind: "look";
  picture: SentPicture;
  faces: Schema<"DetectedFace">[];
}

/** The largest face of a picture, or all, were searched in libraries. */
export interface Identification extends Circumstances {
  kind: "identify";
  faces: Schema<"Faces">;
  picture: SentPicture;
  /** At least one. */
  libraries: SearchedLibrary[];
  /** Threshold that the call named, 0 to 1; `null`: those of the libraries. */
  threshold: number | null;
  found: Schema<"IdentifiedFace">[];
  /** Thresholds in force, as the answer tells them. */
  thresholds: Schema<"ThresholdInForce">[];
  /** What else is known of the faces of the picture, the largest first; nothing if it could not be found out. */
  looks: Schema<"DetectedFace">[];
  /** Why there is no answer: there is no face in the picture. */
  problem: Schema<"Problem"> | null;
}

/** The largest faces of two pictures were compared. */
export interface Comparing extends Circumstances {
  kind: "compare";
  a: SentPicture;
  b: SentPicture;
  /** Threshold that the call named, 0 to 1. */
  threshold: number;
  /** `null`: there is a `problem`. */
  comparison: Schema<"Comparison"> | null;
  /** Why there is no answer: there is no face in one of the pictures. */
  problem: Schema<"Problem"> | null;
  facesOfA: Schema<"DetectedFace">[];
  facesOfB: Schema<"DetectedFace">[];
}

/** Something that was tried by the REST API, with its real result. */
export type Act = Look | Identification | Comparing;

export type CodeLanguage = "curl" | "python" | "node" | "java";

/** A program that makes a call. */
export interface Code {
  language: CodeLanguage;
  text: string;
}

/** A call of an interface, with its answer. */
export interface Exchange {
  /** Name of the call in its interface. */
  call: string;
  request: string;
  /** HTTP status of the answer. */
  status: number;
  answer: string;
  code: Code[];
}

/** Keys of the texts on what is peculiar to an interface. */
export type NoteKey =
  | "rest"
  | "aicp"
  | "faceApi"
  | "faceApiGroups"
  | "jdcloud"
  | "jdcloudLargest"
  | "linkvisual"
  | "linkvisualNone"
  | "oneLibrary"
  | "ownThreshold"
  | "unknownValues";

export interface Note {
  key: NoteKey;
  /** Id of the library that an example is about. */
  group?: string;
}

/** What becomes of an act in an interface. Without a call for it, there are notes alone. */
export interface Translation {
  exchanges: Exchange[];
  notes: Note[];
}
