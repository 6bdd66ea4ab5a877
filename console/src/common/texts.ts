import i18next from "i18next";
import type { Texts } from "../locales/zh";

/** Returns the text of a key that data make up, or `fallback`: a newer server may send what this console has no text for. */
export function textOf(namespace: keyof Texts, key: string, fallback: string): string {
  if (!i18next.exists(key, { ns: namespace })) return fallback;
  const text: unknown = i18next.t(key as never, { ns: namespace });
  return typeof text === "string" ? text : fallback;
}

/** Returns the name of a call by its method: in the reader's language if there is such a text, else `label`. */
export function callName(method: string, label: string): string {
  return textOf("about", `summaries.${method}`, label);
}
