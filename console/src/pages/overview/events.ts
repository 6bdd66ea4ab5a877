import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, dataOf, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";

export type Event = Schema<"ShownEvent">;

/** Events that are shown. */
const SHOWN = 12;
const REFRESH_MS = 5000;

/** Kinds of events that are no recognitions, which are the most. */
const CHANGES = ["faceEnrolled", "facesRemoved", "personRemoved", "libraryRemoved", "engineHealth", "job"] as const;

/** Reads the latest events after one, or of all. */
async function readLatest(kind: Event["kind"][] | undefined, after: string | undefined): Promise<Event[]> {
  const query = { kind, after, sort: "newest" as const, limit: SHOWN };
  return (await dataOf(api.GET("/events/log", { params: { query } }))).items;
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
        const fresh = await readLatest(kind, known?.[0]?.id);
        return [...fresh, ...(known ?? [])].slice(0, SHOWN);
      } catch (error) {
        if (error instanceof Failure && error.code === "notGranted") return null;
        throw error;
      }
    },
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}
