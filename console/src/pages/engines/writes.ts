import { api, dataOf } from "../../api/client";
import { isOpen, type Write } from "./engines";

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

/** Number of writes of a request. */
const READ = 500;
/** Number of writes that are looked through for a page. */
const LOOKED_THROUGH = 5_000;
/** Number of writes that make a page. */
const SHOWN = 50;

/** Whether a write is one that the filter wants. */
export function matches(write: Write, filter: WriteFilter): boolean {
  const isOfState =
    filter.state === "all" || (filter.state === "open" ? isOpen(write) : write.state === filter.state);
  return (
    isOfState &&
    (!filter.engine || write.engine === filter.engine) &&
    (!filter.library || write.libraryId === filter.library) &&
    (!filter.app || write.appId === filter.app)
  );
}

/** Reads a page of the writes that a filter wants. The server knows whether they are done, and times; the rest is looked for here. */
export async function readWrites(filter: WriteFilter, start: string | undefined): Promise<WritePage> {
  const items: Write[] = [];
  let cursor = start;
  for (let seen = 0; seen < LOOKED_THROUGH; seen += READ) {
    const page = await readPage(filter, cursor);
    items.push(...page.items.filter((write) => matches(write, filter)));
    cursor = page.next ?? undefined;
    if (cursor === undefined || items.length >= SHOWN) break;
  }
  return { items, next: cursor ?? null };
}

/** Reads all open writes that a filter wants, the oldest first, as they have to be sent. */
export async function readOpenWrites(filter: WriteFilter): Promise<Write[]> {
  const items: Write[] = [];
  let cursor: string | undefined;
  do {
    const page = await readPage({ ...filter, state: "open" }, cursor);
    items.push(...page.items.filter((write) => isOpen(write) && matches(write, filter)));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return items.reverse();
}

function readPage({ state, from, to }: WriteFilter, cursor: string | undefined): Promise<WritePage> {
  const done = state === "all" ? undefined : state === "done" || state === "dropped";
  return dataOf(api.GET("/outbox", { params: { query: { done, from, to, limit: READ, cursor } } }));
}
