import { api, asForm, type Schema } from "../../api/client";
import type { Session } from "../../app/session";
import { base64Of } from "../../common/picture";

/** What an operator shows at the sign-in. */
export type SignInWay = Schema<"Policy">;

/** The face of an operator. */
export interface FaceState {
  hasFace: boolean;
  /** `undefined`: the holder of the admin token has no way of their own. */
  signIn?: SignInWay;
}

/** Returns what is known of the face of an operator, or of whoever is signed in. */
export function faceStateOf(owner: Schema<"ShownOperator"> | Session): FaceState {
  return { hasFace: owner.hasFace, signIn: "signIn" in owner && typeof owner.signIn === "string" ? owner.signIn : undefined };
}

/** Whether a face alone opened a session. Such a one looks, and can't change how its operator signs in. */
export function isByFace(session: Session | Schema<"ShownSignIn"> | null | undefined): boolean {
  return session?.byFace === true;
}

/** Enrols the face of an operator, in place of the one before. */
export async function putFace(operator: string, picture: Blob) {
  await api.PUT("/operators/{operator}/face", { params: { path: { operator } }, ...asForm({ file: picture }) });
}

export async function deleteFace(operator: string) {
  await api.DELETE("/operators/{operator}/face", { params: { path: { operator } } });
}

/** Sets what an operator shows at the sign-in, unless the operator was changed since `revision` was read. */
export async function putSignInWay(operator: string, revision: string | null, signIn: SignInWay) {
  const header = revision ? { "If-Match": revision } : undefined;
  await api.PATCH("/operators/{operator}", { params: { path: { operator }, header }, body: { signIn } });
}

/** Enrols one's own face, in place of the one before. */
export async function putOwnFace(picture: Blob, password: string) {
  await api.PUT("/session/face", { body: { image: await base64Of(picture), password } });
}

export async function deleteOwnFace() {
  await api.DELETE("/session/face");
}
