import i18next from "i18next";
import type { Schema } from "../../api/client";
import { Failure } from "../../api/failure";

/** Returns a problem that an answer tells of as the failure of a call. */
export function failureOf({ status, code, title, fields }: Schema<"Problem">): Failure {
  return new Failure(status, code, title, fields ?? []);
}

/** Returns what became of an item of a job, in the reader's language. */
export function verdictOf({ code, reason }: Pick<Schema<"ShownItem">, "code" | "reason">): string {
  const text = (key: string, ns: "people" | "errors") =>
    i18next.exists(key, { ns }) ? String(i18next.t(key as never, { ns } as never)) : null;
  return text(`verdict.${code}`, "people") ?? text(`codes.${code}`, "errors") ?? reason ?? code ?? "";
}
