import { api, type Schema } from "../../api/client";
import type { Session } from "../../app/session";
import { base64Of } from "../../shared/picture";

/** What an operator shows at the sign-in. */
export type SignInWay = "password" | "passwordAndFace";

/** The face of an operator. */
export interface FaceState {
  /** `undefined`: the server does not tell. */
  hasFace?: boolean;
  signIn?: SignInWay;
}

// The only place without the types of the OpenAPI document.
function call(method: "put" | "patch" | "delete", path: string, init: object): Promise<unknown> {
  return api.request(method as never, path as never, init as never);
}

/** Returns what is known of the face of an operator, or of whoever is signed in. */
export function faceStateOf(owner: Schema<"ShownOperator"> | Session): FaceState {
  const { hasFace, signIn } = owner as { hasFace?: boolean; signIn?: unknown };
  return { hasFace, signIn: signIn === "password" || signIn === "passwordAndFace" ? signIn : undefined };
}

/** Whether a face alone opened a session. Such a one looks, and can't change how its operator signs in. */
export function isByFace(session: Session | Schema<"ShownSignIn"> | null | undefined): boolean {
  return (session as { byFace?: boolean } | null | undefined)?.byFace === true;
}

/** Enrols the face of an operator, in place of the one before. */
export async function putFace(operator: string, picture: Blob) {
  await call("put", "/operators/{operator}/face", { params: { path: { operator } }, body: { image: await base64Of(picture) } });
}

export async function deleteFace(operator: string) {
  await call("delete", "/operators/{operator}/face", { params: { path: { operator } } });
}

/** Sets what an operator shows at the sign-in, unless the operator was changed since `revision` was read. */
export async function putSignInWay(operator: string, revision: string | null, signIn: SignInWay) {
  const header = revision ? { "If-Match": revision } : undefined;
  await call("patch", "/operators/{operator}", { params: { path: { operator }, header }, body: { signIn } });
}

/** Enrols one's own face, in place of the one before. */
export async function putOwnFace(picture: Blob, password: string) {
  await call("put", "/session/face", { body: { image: await base64Of(picture), password } });
}

export async function deleteOwnFace() {
  await call("delete", "/session/face", {});
}
