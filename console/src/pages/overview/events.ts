import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, dataOf, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";

export type Event = Schema<"ShownEvent">;

/** Events that are shown. */
const SHOWN = 12;
const PAGE = 1000;
const MAX_PAGES = 5;
const REFRESH_MS = 5000;
const MINUTE_MS = 60_000;
/** How far back is looked for events, in milliseconds, until there are enough. */
const SPANS_MS = [2 * MINUTE_MS, 60 * MINUTE_MS, 24 * 60 * MINUTE_MS, 31 * 24 * 60 * MINUTE_MS];

/** Kinds of events that are no recognitions, which are the most. */
const CHANGES = ["faceEnrolled", "facesRemoved", "personRemoved", "libraryRemoved", "engineHealth", "job"] as const;

interface Wanted {
  from?: string;
  after?: string;
  kind?: Event["kind"][];
}

/** Reads events in their order, as far as pages go. */
async function readEvents(wanted: Wanted): Promise<Event[]> {
  let latest: Event[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { items, next } = await dataOf(api.GET("/events/log", { params: { query: { ...wanted, limit: PAGE, cursor } } }));
    latest = [...latest, ...items].slice(-SHOWN);
    if (!next) break;
    cursor = next;
  }
  return latest;
}

/** Reads the latest events. The log is read from its old end, so that the start is guessed. */
async function readLatest(kind: Event["kind"][] | undefined): Promise<Event[]> {
  let latest: Event[] = [];
  for (const span of SPANS_MS) {
    latest = await readEvents({ kind, from: new Date(Date.now() - span).toISOString() });
    if (latest.length >= SHOWN) break;
  }
  return latest;
}

/** The latest events, the newest first. `null`: the caller may not see events. */
export function useLatestEvents(isWithoutRecognitions: boolean) {
  const cache = useQueryClient();
  const queryKey = ["events", "latest", isWithoutRecognitions];
  const kind = isWithoutRecognitions ? [...CHANGES] : undefined;
  return useQuery({
    queryKey,
    queryFn: async (): Promise<Event[] | null> => {
      try {
        const known = cache.getQueryData<Event[] | null>(queryKey);
        const newest = known?.[0];
        if (!known || !newest) return (await readLatest(kind)).reverse();
        const fresh = await readEvents({ kind, after: newest.id });
        return [...fresh.reverse(), ...known].slice(0, SHOWN);
      } catch (error) {
        if (error instanceof Failure && error.code === "notGranted") return null;
        throw error;
      }
    },
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}
