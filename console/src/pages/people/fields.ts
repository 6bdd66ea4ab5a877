import type { FormInstance } from "antd";
import { Failure } from "../../api/failure";
import type { Person } from "./person";

/** Texts of a person that can be written, with their maximum lengths in characters, in the order of forms. */
export const TEXTS = {
  name: 256,
  externalId: 128,
  customerNumber: 256,
  documentNumber: 256,
  company: 256,
  duty: 256,
  province: 256,
  remark: 4096,
  info: 16384,
} as const;

export type TextField = keyof typeof TEXTS;
export const TEXT_FIELDS = Object.keys(TEXTS) as TextField[];
/** Fields of several lines. */
export const LONG_FIELDS: readonly TextField[] = ["remark", "info"];

/** What a form of a person has. */
export type PersonValues = { [Field in TextField]?: string } & { tags?: string[] };

/** Returns the values of a person for a form. */
export function valuesOf(person: Person): PersonValues {
  const texts = TEXT_FIELDS.map((field) => [field, person[field] ?? ""]);
  return { ...Object.fromEntries(texts), tags: person.tags };
}

/** Changes of a person, as the server takes them: `null` removes a text. */
export type PersonChanges = { [Field in TextField]?: string | null } & { tags?: string[] };

/** Returns the values that differ. */
export function changesOf(before: PersonValues, after: PersonValues): PersonChanges {
  const texts = TEXT_FIELDS.filter((field) => (before[field] ?? "") !== (after[field]?.trim() ?? ""));
  const changes: PersonChanges = Object.fromEntries(texts.map((field) => [field, after[field]?.trim() || null]));
  const tags = after.tags ?? [];
  return isSame(before.tags ?? [], tags) ? changes : { ...changes, tags };
}

function isSame(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((tag) => b.includes(tag));
}

/** Shows at the fields of a form what a failure says of them. */
export function showFaults(form: FormInstance<PersonValues>, failure: unknown, takenText: string) {
  if (!(failure instanceof Failure)) return;
  if (failure.code === "personExists") form.setFields([{ name: "externalId", errors: [takenText] }]);
  for (const { name, reason } of failure.fields) {
    const field = [...TEXT_FIELDS, "tags" as const].find((known) => known === name);
    if (field) form.setFields([{ name: field, errors: [reason] }]);
  }
}
