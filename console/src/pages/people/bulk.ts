import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { api, dataOf, type Schema } from "../../api/client";
import { useListedPeople } from "./list";

/** People of a request, so many that it is quick and so few that progress shows. */
const CHUNK = 200;

/** What is done with many people. */
export type BulkAct = { kind: "delete" } | { kind: "tag"; added: string[]; removed: string[] };

export interface BulkProgress {
  act: BulkAct;
  total: number;
  done: number;
  /** Those with whom it could not be done, by the code of the reason. */
  refused: Map<string, Schema<"Problem">[]>;
  /** Why it ended early. */
  failure: unknown;
  isRunning: boolean;
}

/**
 * Does something with many people, in parts, so that progress shows and it can be stopped. `onGone` is called with those
 * who were deleted.
 */
export function useBulk(library: string, onGone: (ids: ReadonlySet<string>) => void) {
  const listed = useListedPeople(library);
  const cache = useQueryClient();
  const [progress, setProgress] = useState<BulkProgress | null>(null);
  const stopped = useRef(false);

  const run = async (ids: string[], act: BulkAct) => {
    stopped.current = false;
    const state: BulkProgress = { act, total: ids.length, done: 0, refused: new Map(), failure: null, isRunning: true };
    setProgress({ ...state });
    try {
      for (let at = 0; at < ids.length && !stopped.current; at += CHUNK) {
        const items = await send(library, ids.slice(at, at + CHUNK), act);
        const done = new Set<string>();
        for (const { id, problem } of items) {
          if (!problem || problem.code === "personNotFound") done.add(id);
          else state.refused.set(problem.code, [...(state.refused.get(problem.code) ?? []), problem]);
        }
        if (act.kind === "delete") {
          listed.forget(done);
          onGone(done);
        } else {
          listed.retag(done, act.added, act.removed);
        }
        state.done += done.size;
        setProgress({ ...state });
      }
    } catch (error) {
      state.failure = error;
    } finally {
      setProgress({ ...state, isRunning: false });
      void cache.invalidateQueries();
    }
  };
  return {
    progress,
    run,
    /** Stops before the next part; what is done stays. */
    stop: () => {
      stopped.current = true;
    },
    close: () => setProgress(null),
  };
}

async function send(library: string, ids: string[], act: BulkAct) {
  const path = { params: { path: { library } } };
  if (act.kind === "delete") {
    return (await dataOf(api.POST("/libraries/{library}/people/bulk-delete", { ...path, body: { ids } }))).items;
  }
  const body = { ids, addTags: act.added, removeTags: act.removed };
  return (await dataOf(api.POST("/libraries/{library}/people/bulk-update", { ...path, body }))).items;
}
