import i18next from "i18next";
import { textOf } from "../../common/texts";

/** Kinds of acts that the server writes, by what they are about. */
export const ACTS: Record<string, string[]> = {
  app: ["grant", "extend", "update", "token", "revoke", "quota"],
  key: ["create", "revoke"],
  library: ["create", "update", "delete", "recognition-log"],
  person: ["erase"],
  job: ["create", "pause", "resume", "cancel", "delete", "download"],
  webhook: ["create", "update", "delete", "replay"],
  operator: ["create", "update", "password", "setFace", "removeFace", "delete"],
  session: ["create", "end"],
  token: ["create", "end"],
  setting: ["set", "unset", "undo"],
  secretKey: ["rotate", "reseal", "forget"],
  adminToken: ["rotate"],
  outbox: ["retry", "drop"],
};

const FAILED = /Failed$/;

/** Returns the name of an act, such as `library.update`, in words. */
export function actText(action: string): string {
  const known = textOf("audit", `acts.${action.replace(FAILED, "")}`, action);
  return known !== action && FAILED.test(action) ? i18next.t("failedAct", { ns: "audit", act: known }) : known;
}

/** Returns a caller, such as `operator:ada`, in words. */
export function actorText(actor: string): string {
  const [kind = "", ...rest] = actor.split(":");
  const name = rest.join(":");
  if (kind === "operator" && name) return name;
  return textOf("audit", `actors.${kind}`, kind) + (name ? ` ${name}` : "");
}

const KINDS = /^(admin token|secret key|app|delivery|job|key|library|operator|person|session|setting|token|webhook|write)\b/;

/** Returns a target, such as `library 1` or `session of operator:ada`, in words. */
export function targetText(target: string): string {
  const owned = target.match(/^(.*) of ([^ ]+|\w+ .+)$/);
  if (owned) {
    const [, what = "", owner = ""] = owned;
    return i18next.t("targetOf", { ns: "audit", what: targetText(what), owner: targetText(actorText(owner)) });
  }
  if (/^\d+$/.test(target)) return i18next.t("numbered", { ns: "audit", number: target });
  return target.replace(KINDS, (kind) => textOf("audit", `targets.${kind.replace(" ", "")}`, kind));
}
