import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { api, queries, type Schema } from "../../api/client";
import { useChange } from "../../common/change";

export type Job = Schema<"ShownJob">;

const RUNNING_MS = 1_000;
const MOST = 1000;

/** Whether a job has ended, and does not go on by itself. */
export function isOver({ state }: Pick<Job, "state">): boolean {
  return state === "done" || state === "cancelled" || state === "failed";
}

/** Whether the state of a job will change without anybody doing anything. */
export function isMoving({ state }: Pick<Job, "state">): boolean {
  return state === "queued" || state === "running";
}

/** A job, which is read again while it moves. When it ends, everything that was read before is read again. */
export function useJob(job: string) {
  const cache = useQueryClient();
  const query = queries.useQuery(
    "get",
    "/jobs/{job}",
    { params: { path: { job } } },
    { refetchInterval: ({ state }) => (state.data && !isMoving(state.data) ? false : RUNNING_MS) },
  );
  const { data } = query;
  const wasMoving = useRef(false);
  useEffect(() => {
    if (!data) return;
    const isMovingNow = isMoving(data);
    if (wasMoving.current && !isMovingNow) void cache.invalidateQueries();
    wasMoving.current = isMovingNow;
  }, [data, cache]);
  return query;
}

/** Jobs of a kind about a library, the latest first. */
export function useJobs(library: string, kind: string) {
  const query = queries.useQuery(
    "get",
    "/jobs",
    { params: { query: { libraryId: library, kind, sort: "newest" as const, limit: MOST } } },
    { refetchInterval: ({ state }) => (state.data?.items.some(isMoving) ? RUNNING_MS * 2 : false) },
  );
  return { ...query, jobs: query.data?.items ?? [] };
}

/** Stops, resumes and ends a job. */
export function useJobActs(job: string) {
  const init = { params: { path: { job } } };
  return {
    pause: useChange(() => api.POST("/jobs/{job}/pause", init)),
    resume: useChange(() => api.POST("/jobs/{job}/resume", init)),
    cancel: () => api.POST("/jobs/{job}/cancel", init),
  };
}
