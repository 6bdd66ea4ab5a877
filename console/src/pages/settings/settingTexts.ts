import i18next from "i18next";
import { currentLanguage } from "../../app/language";
import { textOf } from "../../common/texts";
import { limitsOf, SECRET, type Setting } from "./settingKinds";

/** The section of settings whose names have no dot. */
export const GENERAL = "general";

/** Returns the section of a setting: what stands before the first dot of its name. */
export function sectionOf(name: string): string {
  return name.includes(".") ? (name.split(".")[0] ?? GENERAL) : GENERAL;
}

export function sectionText(section: string): string {
  return textOf("settings", `sections.${section}`, section);
}

/** Returns what a setting means, in the reader's language if there is such a text, else in the server's words. */
export function descriptionOf({ name, description }: Setting): string {
  const texts: unknown = i18next.getResource(currentLanguage(), "settings", "descriptions");
  const known = name.replace(/^engines\.[^.]+\./, "engines.*.");
  const text = typeof texts === "object" && texts !== null ? (texts as Record<string, unknown>)[known] : undefined;
  if (typeof text === "string") return text;
  // The console does not have these files.
  return description.replace(/\s*\(docs\/[\w.-]+\)/g, "");
}

const WORDS: Record<string, string> = {
  "at least one address": "oneAddress",
  "an http:// or https:// address": "webAddress",
  "not blank": "notBlank",
  "keys of 64 hex digits": "keys",
  "a name of its own": "ownName",
};

/** Returns the allowed values in words, or `null` if the type alone restricts them. */
export function limitText({ mustBe }: Setting): string | null {
  if (!mustBe) return null;
  const limits = limitsOf(mustBe);
  const name = mustBe.startsWith("above") ? "above" : limits?.max === undefined ? "least" : "between";
  if (limits) return i18next.t(`limits.${name}`, { ns: "settings", ...limits });
  return textOf("settings", `mustBe.${WORDS[mustBe] ?? ""}`, mustBe);
}

/** Returns the environment variable of a setting. */
export function environmentName(name: string): string {
  return `AICP_${name.toUpperCase().replaceAll(".", "__")}`;
}

/** Returns the lines of a settings file (TOML) that give a setting its present value. */
export function fileLines({ name, value }: Setting): string {
  const parts = name.split(".");
  const key = parts.pop() ?? name;
  const line = value === null || value === undefined ? `# ${key} =` : `${key} = ${tomlOf(value)}`;
  return parts.length > 0 ? `[${parts.join(".")}]\n${line}` : line;
}

function tomlOf(value: unknown): string {
  if (value === SECRET) return '"…"';
  if (Array.isArray(value)) return `[${value.map(tomlOf).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value).map(([key, of]) => `${JSON.stringify(key)} = ${tomlOf(of)}`).join(", ")} }`;
  }
  return JSON.stringify(value);
}
