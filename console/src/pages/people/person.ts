import type { Schema } from "../../api/client";

export type Person = Schema<"ShownPerson">;

/** What tells who somebody is. */
interface Named {
  id: string;
  name?: string | null;
  externalId?: string | null;
}

/** Returns what a person is called in lists: the name, else the app's own id, else ours. */
export function nameOf({ id, name, externalId }: Named): string {
  return name || externalId || id;
}

/** Returns the address of the page of a person. */
export function pathOf(library: string, person: string): string {
  return `/libraries/${library}/people/${person}`;
}

/** Parameters of calls that are about a person. */
export function placeOf(library: string, person: string) {
  return { params: { path: { library, person } } };
}

/** Whether a library has the built-in engine. Others can't search among some people, or move and merge people. */
export function isBuiltin({ engine }: { engine: string }): boolean {
  return engine === "builtin";
}
