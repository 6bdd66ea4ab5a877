import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { api, dataOf, type Schema } from "../../api/client";

export type Job = Schema<"ShownJob">;
export type JobState = Schema<"ShownState">;
export type Item = Schema<"ShownItem">;
export type ItemState = Schema<"ItemState">;

/** Kinds of jobs, by the names that the server gives them. */
export const KINDS = [
  "import",
  "export",
  "libraryCopy",
  "libraryDeletion",
  "duplicateScan",
  "grouping",
  "resealing",
] as const;
export type Kind = (typeof KINDS)[number];

export const STATES = ["running", "queued", "paused", "failed", "done", "cancelled"] as const satisfies JobState[];

/** Which jobs are listed. `null`: all. */
export interface JobFilter {
  state: JobState | JobState[] | null;
  kind: string | null;
  library: string | null;
}

const PAGE = 1000;
const MAX_PAGES = 10;
/** Interval at which jobs that are under way are read, in milliseconds. */
export const LIVE_MS = 1000;

export function isKind(kind: string): kind is Kind {
  return KINDS.some((known) => known === kind);
}

/** Whether a job is under way, so that its progress changes by itself. */
export function isOpen({ state }: Job): boolean {
  return state === "running" || state === "queued";
}

export function mayPause(job: Job): boolean {
  return isOpen(job);
}

export function mayResume({ state }: Job): boolean {
  return state === "paused" || state === "failed";
}

/** Whether a job can be stopped for good. A library that is half deleted can't stay. */
export function mayCancel({ state, kind, startsAt, startedAt }: Job): boolean {
  if (state === "done" || state === "cancelled") return false;
  return kind !== "libraryDeletion" || (startsAt !== null && startedAt === null);
}

export function mayDelete({ state, kind }: Job): boolean {
  return state === "done" || state === "cancelled" || (state === "failed" && kind !== "libraryDeletion");
}

/** Share of the items that are through, 0 to 1; `null` until their number is known. */
export function shareOf({ state, total, done, failed }: Job): number | null {
  if (state === "done") return 1;
  if (total === null || total === undefined) return null;
  return total === 0 ? 0 : Math.min(1, (done + failed) / total);
}

/** Reads the jobs, the latest first. */
async function readJobs({ state, kind, library }: JobFilter): Promise<Job[]> {
  const states = state ? { state: [state].flat() } : {};
  const wanted = { sort: "newest" as const, limit: PAGE, ...states, ...(kind ? { kind } : {}), ...(library ? { libraryId: library } : {}) };
  const jobs: Job[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { items, next } = await dataOf(api.GET("/jobs", { params: { query: { ...wanted, cursor } } }));
    jobs.push(...items);
    if (!next) break;
    cursor = next;
  }
  return jobs;
}

/** Reads the jobs that run or wait, those that run first. */
export async function readOpenJobs(): Promise<Job[]> {
  const jobs = await readJobs({ state: ["running", "queued"], kind: null, library: null });
  return [...jobs.filter(({ state }) => state === "running"), ...jobs.filter(({ state }) => state !== "running")];
}

/** The jobs that run or wait, read again and again while there are some. */
function useOpenJobs() {
  return useQuery({
    queryKey: ["jobs", "open"],
    queryFn: readOpenJobs,
    refetchInterval: ({ state }) => (state.data && state.data.length > 0 ? LIVE_MS : false),
  });
}

/** The jobs that a filter admits, the latest first, with the progress of those that are under way. */
export function useJobs(filter: JobFilter) {
  const cache = useQueryClient();
  const query = useQuery({ queryKey: ["jobs", "list", filter], queryFn: () => readJobs(filter) });
  const open = useOpenJobs().data;
  const known = open?.map(({ id, state }) => `${id} ${state}`).join();
  const before = useRef(known);
  // What became of a job that began or ended is in the list alone.
  useEffect(() => {
    if (before.current !== undefined && before.current !== known) void cache.invalidateQueries({ queryKey: ["jobs", "list"] });
    before.current = known;
  }, [known, cache]);
  const live = new Map(open?.map((job) => [job.id, job]));
  return { ...query, data: query.data?.map((job) => (isOpen(job) ? (live.get(job.id) ?? job) : job)) };
}
