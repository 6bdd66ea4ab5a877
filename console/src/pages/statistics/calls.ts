import { api, type Schema } from "../../api/client";
import { tableOf } from "./statistics";

export type Call = Schema<"ShownCall">;

/** Which single calls are listed. `null`: all. */
export interface SingleCallFilter {
  from: string | null;
  to: string | null;
  method: string | null;
  app: string | null;
  engine: string | null;
  ok: boolean | null;
  minDurationMs: number | null;
}

const PAGE = 50;
const CSV_PAGE = 1000;
const MAX_CSV_PAGES = 50;
/** Calls that a CSV file has at most. */
export const MAX_CSV_CALLS = CSV_PAGE * MAX_CSV_PAGES;

function queryOf({ from, to, method, app, engine, ok, minDurationMs }: SingleCallFilter) {
  return {
    ...(from ? { from } : {}),
    ...(to ? { to } : {}),
    ...(method ? { method } : {}),
    ...(app ? { app } : {}),
    ...(engine ? { engine } : {}),
    ...(ok === null ? {} : { ok }),
    ...(minDurationMs ? { minDurationMs } : {}),
  };
}

/** Reads a page of calls, the latest first. */
export async function readCalls(filter: SingleCallFilter, cursor: string | undefined) {
  return tableOf(api.GET("/calls", { params: { query: { ...queryOf(filter), limit: PAGE, cursor } } }));
}

/** Reads the calls as CSV, in parts. `isCut`: there are more than a file takes. */
export async function readCsv(filter: SingleCallFilter): Promise<{ parts: string[]; isCut: boolean }> {
  const parts: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_CSV_PAGES; page += 1) {
    const query = { ...queryOf(filter), limit: CSV_PAGE, cursor };
    const { data, response } = await api.GET("/calls", { params: { query }, headers: { Accept: "text/csv" }, parseAs: "text" });
    const text = data ?? "";
    // Each page begins with the names of the columns.
    parts.push(page === 0 ? text : text.slice(text.indexOf("\n") + 1));
    cursor = nextOf(response.headers.get("Link"));
    if (cursor === undefined) return { parts, isCut: false };
  }
  return { parts, isCut: true };
}

/** Returns the cursor of the next page, which a header `Link` names. */
function nextOf(link: string | null): string | undefined {
  return link?.match(/[?&]cursor=([^&>]+)[^>]*>\s*;\s*rel="next"/)?.[1];
}
