/** A field of a state, before and after an act. */
export interface FieldChange {
  /** Path of the field, such as `remote.url`. */
  path: string;
  /** `undefined`: the field was not there. */
  before: unknown;
  after: unknown;
  kind: "added" | "removed" | "changed" | "same";
}

/** Returns the fields of two states: those that differ first, each group in the order of the states. */
export function differenceOf(before: unknown, after: unknown): FieldChange[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const changes = [...new Set([...old.keys(), ...now.keys()])].map((path): FieldChange => {
    const [before, after] = [old.get(path), now.get(path)];
    return { path, before, after, kind: kindOf(before, after) };
  });
  return [...changes.filter(({ kind }) => kind !== "same"), ...changes.filter(({ kind }) => kind === "same")];
}

function kindOf(before: unknown, after: unknown): FieldChange["kind"] {
  if (before === undefined) return "added";
  if (after === undefined) return "removed";
  return JSON.stringify(before) === JSON.stringify(after) ? "same" : "changed";
}

function fieldsOf(state: unknown, prefix = ""): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  if (!isObject(state)) return fields;
  for (const [name, value] of Object.entries(state)) {
    const path = prefix + name;
    if (isObject(value) && Object.keys(value).length > 0) {
      for (const [inner, of] of fieldsOf(value, `${path}.`)) fields.set(inner, of);
    } else {
      fields.set(path, value);
    }
  }
  return fields;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
