import { keepPreviousData, useQuery } from "@tanstack/react-query";
import dayjs, { type Dayjs } from "dayjs";
import { api, dataOf, type Schema } from "../../api/client";

export type Total = Schema<"ShownTotal">;
export type PeriodTotal = Schema<"PeriodTotal">;

export const PERIODS = ["day", "week", "month"] as const;
export type Period = (typeof PERIODS)[number];

/** What calls are put together by. The server knows all but `interface`, which is put together of methods here. */
export const GROUPS = ["method", "app", "engine", "interface"] as const;
export type Group = (typeof GROUPS)[number];

export const INTERFACES = ["rest", "aicp", "faceApi", "linkVisual", "jdCloud", "tencentIm"] as const;
export type Interface = (typeof INTERFACES)[number];

/** Which calls are counted. */
export interface CallFilter {
  /** First and last day. */
  days: [Dayjs, Dayjs];
  method: string | null;
  app: string | null;
  engine: string | null;
}

/** Numbers of the calls of a group. */
export interface Row {
  key: string;
  /** Label of a method, in the words of its interface. */
  label: string | null;
  count: number;
  failed: number;
  durationMs: number;
  /** Percentiles of the durations; `null` if they are not known, or can't be put together. */
  latency: Schema<"Latency"> | null;
  lastAt: string;
}

const MAX_PERIODS = 800;

/** Interfaces by the first part of the source that the server notes for a call. */
const BY_SOURCE: Record<string, Interface> = {
  API: "rest",
  人脸识别: "aicp",
  LinkVisual: "linkVisual",
  京东云: "jdCloud",
  即时通信: "tencentIm",
};

/** Returns the interface of a call; the server's name of it if it is not known here. */
export function interfaceOf({ method, source }: { method?: string | null; source: string }): string {
  const known = source.split("(")[0]?.trim() ?? source;
  const found = BY_SOURCE[known];
  return found === "aicp" && method?.startsWith("faceApi") ? "faceApi" : (found ?? known);
}

export function isInterface(name: string): name is Interface {
  return INTERFACES.some((known) => known === name);
}

function queryOf({ days: [first, last], method, app, engine }: CallFilter, group: Group) {
  return {
    group: group === "interface" ? ("method" as const) : group,
    from: first.startOf("day").toISOString(),
    to: last.add(1, "day").startOf("day").toISOString(),
    ...(method ? { method } : {}),
    ...(app ? { app } : {}),
    ...(engine ? { engine } : {}),
  };
}

/** Returns the data of an answer that is CSV only if the call asks for it. */
export async function tableOf<Table>(answer: Promise<{ data?: Table }>): Promise<Exclude<Table, string>> {
  return (await dataOf(answer)) as Exclude<Table, string>;
}

/** Totals of each group. */
export function useTotals(filter: CallFilter, group: Group) {
  const query = queryOf(filter, group);
  return useQuery({
    queryKey: ["statistics", "totals", query],
    queryFn: () => tableOf(api.GET("/statistics/totals", { params: { query } })),
    placeholderData: keepPreviousData,
  });
}

/** Totals of each group in each period. */
export function useSeries(filter: CallFilter, group: Group, by: Period) {
  const query = { by, ...queryOf(filter, group) };
  return useQuery({
    queryKey: ["statistics", "series", query],
    queryFn: () => tableOf(api.GET("/statistics/series", { params: { query } })),
    placeholderData: keepPreviousData,
  });
}

const CSV = { Accept: "text/csv" };

export async function totalsCsv(filter: CallFilter, group: Group): Promise<string> {
  const query = queryOf(filter, group);
  return dataOf(api.GET("/statistics/totals", { params: { query }, headers: CSV, parseAs: "text" }));
}

export async function seriesCsv(filter: CallFilter, group: Group, by: Period): Promise<string> {
  const query = { by, ...queryOf(filter, group) };
  return dataOf(api.GET("/statistics/series", { params: { query }, headers: CSV, parseAs: "text" }));
}

/** Returns what a total is of; the empty text if it is about no engine. */
export function keyOf(total: Total, group: Group): string {
  if (group === "interface") return interfaceOf(total);
  return (group === "method" ? total.method : group === "app" ? total.appId : total.engine) ?? "";
}

/** Puts totals together by group, the most calls first. */
export function rowsOf(totals: Total[], group: Group): Row[] {
  const rows = new Map<string, Row>();
  for (const total of totals) {
    const key = keyOf(total, group);
    const known = rows.get(key);
    rows.set(key, {
      key,
      label: group === "method" ? total.label : null,
      count: (known?.count ?? 0) + total.count,
      failed: (known?.failed ?? 0) + total.failed,
      durationMs: (known?.durationMs ?? 0) + total.durationMs,
      latency: group === "interface" ? null : (total.latency ?? null),
      lastAt: known && known.lastAt > total.lastAt ? known.lastAt : total.lastAt,
    });
  }
  return [...rows.values()].sort((a, b) => b.count - a.count || a.key.localeCompare(b.key));
}

/** Returns the first days of the periods from one day to another. Days without calls are among them. */
export function periodsOf(by: Period, [first, last]: [Dayjs, Dayjs]): string[] {
  let day = by === "month" ? first.startOf("month") : by === "week" ? mondayOf(first) : first.startOf("day");
  const periods: string[] = [];
  while (!day.isAfter(last) && periods.length < MAX_PERIODS) {
    periods.push(day.format("YYYY-MM-DD"));
    day = day.add(1, by);
  }
  return periods;
}

function mondayOf(day: Dayjs): Dayjs {
  return day.subtract((day.day() + 6) % 7, "day").startOf("day");
}

/** Writes a period, given its first day. */
export function periodText(by: Period, first: string): string {
  if (by === "month") return first.slice(0, 7);
  return by === "week" ? `${first} ~ ${dayjs(first).add(6, "day").format("MM-DD")}` : first;
}
