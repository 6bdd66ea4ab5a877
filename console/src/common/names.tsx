import { Link } from "react-router";
import { queries } from "../api/client";

/** Time for which a name that was read is taken as right, in milliseconds. */
const FRESH_MS = 60_000;
const ONCE = { staleTime: FRESH_MS, retry: false } as const;

/** Returns the name of a library; `null` until it is known, and if the library is gone. */
export function useLibraryName(library: string): string | null {
  const { data } = queries.useQuery("get", "/libraries/{library}", { params: { path: { library } } }, ONCE);
  return data?.name ?? null;
}

/** Returns how a person is called: by name, else by the app's id, else by our id. A name that is known is not asked for. */
export function usePersonName(library: string, person: string, known?: string | null): string {
  const path = { library, person };
  const asked = { ...ONCE, enabled: !known };
  const { data } = queries.useQuery("get", "/libraries/{library}/people/{person}", { params: { path } }, asked);
  return known || (data?.name ?? data?.externalId ?? person);
}

interface PersonProperties {
  library: string;
  person: string;
  /** Name of the person, if it is known. */
  name?: string | null;
  /** Whether it stands in a sentence, from which it must differ by more than its colour. */
  isInText?: boolean;
}

/** A link to a person with the name; the id if the person is gone. */
export function PersonLink({ library, person, name: known, isInText = false }: PersonProperties) {
  const name = usePersonName(library, person, known);
  return (
    <Link
      to={`/libraries/${library}/people/${person}`}
      title={name}
      style={{ overflowWrap: "anywhere", textDecoration: isInText ? "underline" : undefined }}
    >
      {name}
    </Link>
  );
}
