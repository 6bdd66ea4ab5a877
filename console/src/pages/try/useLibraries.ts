import { queries, type Schema } from "../../api/client";

/** Most libraries that one search looks in. */
const MOST = 1000;

/** Reads the libraries that can be searched. */
export function useLibraries() {
  return queries.useQuery("get", "/libraries", { params: { query: { limit: MOST } } });
}

/** Returns the libraries that were chosen, or all if none was. */
export function chosenOf(libraries: Schema<"ShownLibrary">[], ids: string[]): Schema<"ShownLibrary">[] {
  const chosen = libraries.filter(({ id }) => ids.includes(id));
  return chosen.length > 0 ? chosen : libraries;
}
