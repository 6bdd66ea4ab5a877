import { api, dataOf, type Schema } from "../../api/client";
import type { Write } from "./engines";

/** Which writes are shown. */
export interface WriteFilter {
  state: StateFilter;
  engine?: string;
  library?: string;
  app?: string;
  /** Made at this time or later, RFC 3339. */
  from?: string;
  /** Made before this time, RFC 3339. */
  to?: string;
}

export const STATE_FILTERS = ["open", "waiting", "refused", "done", "dropped", "all"] as const;
export type StateFilter = (typeof STATE_FILTERS)[number];

interface WritePage {
  items: Write[];
  next?: string | null;
}

/** Number of writes of a page. */
const SHOWN = 50;

/** Reads a page of the writes that a filter wants. */
export function readWrites({ state, engine, library, app, from, to }: WriteFilter, cursor: string | undefined): Promise<WritePage> {
  const inState = state === "open" ? { done: false } : state === "all" ? {} : { state };
  const query = { ...inState, engine, libraryId: library, appId: app, from, to, limit: SHOWN, cursor };
  return dataOf(api.GET("/outbox", { params: { query } }));
}

/** Whether some of the writes that a filter wants can be tried again. */
export function canRetry({ state }: WriteFilter): boolean {
  return state !== "done" && state !== "dropped";
}

/** Begins to try the open writes of a filter again; returns their number. */
export async function retryWrites({ state, engine, library, app, from, to }: WriteFilter): Promise<number> {
  const one = state === "waiting" || state === "refused" ? state : undefined;
  const body: Schema<"WritesToRetry"> = { state: one, engine, libraryId: library, appId: app, from, to };
  return (await dataOf(api.POST("/outbox/retry", { body }))).writes;
}
