import type { Schema } from "../../api/client";

export type Setting = Schema<"ShownSetting">;

/** How a value is entered. The server tells no types, so they are read from default, description and limits. */
export type Kind =
  | { kind: "switch" }
  | { kind: "number"; min?: number; max?: number; isWhole: boolean }
  | { kind: "choice"; options: string[] }
  | { kind: "text" }
  | { kind: "list"; isOfNumbers: boolean }
  | { kind: "map"; options: string[] };

/** What a secret is shown as. */
export const SECRET = "***";

/** Returns how a value of a setting is entered. */
export function kindOf(setting: Setting): Kind {
  const { name, mustBe, description } = setting;
  const known = setting.default ?? setting.value;
  const options = optionsOf(description);
  if (typeof known === "boolean") return { kind: "switch" };
  if (Array.isArray(known)) {
    const entries: unknown[] = [...known, ...(Array.isArray(setting.value) ? setting.value : [])];
    return { kind: "list", isOfNumbers: name.endsWith("_codes") || entries.some((entry) => typeof entry === "number") };
  }
  if (typeof known === "object" && known !== null) return { kind: "map", options: name.endsWith("gates") ? GATES : [] };
  const limits = limitsOf(mustBe);
  if (typeof known === "number" || limits) {
    const isShare = limits?.max !== undefined && limits.max <= 1;
    return { kind: "number", ...limits, isWhole: !isShare && Number.isInteger(known ?? 0) };
  }
  return options.length > 0 ? { kind: "choice", options } : { kind: "text" };
}

const GATES = ["on", "loose", "off"];

/** Whether the setting may have no value. */
export function mayBeUnset(setting: Setting): boolean {
  return setting.default === null || setting.default === undefined;
}

/** Limits of a number, of what it must be in words, such as `in 1..=100`. */
export function limitsOf(mustBe: string | null | undefined): { min?: number; max?: number } | null {
  const range = mustBe?.match(/^in (-?[\d.]*\d)\.\.=?(-?[\d.]*\d)$/);
  if (range) return { min: Number(range[1]), max: Number(range[2]) };
  const least = mustBe?.match(/^(\d+) or more$/);
  if (least) return { min: Number(least[1]) };
  const share = mustBe?.match(/^above (\d+) and at most (\d+)$/);
  if (share) return { min: Number(share[1]), max: Number(share[2]) };
  return null;
}

/** The values that a description lists, such as "`on`, `loose` or `off`"; none if it gives examples alone. */
function optionsOf(description: string): string[] {
  const plain = description.replace(/\s*\([^)]*\)/g, "");
  const listed = plain.match(/((?:`\w+`, )+`\w+`) or `(\w+)`/);
  if (!listed || /such as\s*$/.test(plain.slice(0, listed.index))) return [];
  return [...(listed[1]?.matchAll(/`(\w+)`/g) ?? [])].map(([, option]) => option ?? "").concat(listed[2] ?? "");
}

/** Whether the setting may change while the server runs. */
export function isChangeable({ appliesAtOnce, fixed }: Setting): boolean {
  return appliesAtOnce && !fixed;
}
