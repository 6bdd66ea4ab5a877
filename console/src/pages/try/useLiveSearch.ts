import { type RefObject, useCallback, useEffect, useState } from "react";
import type { Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import { base64Of, frameOf } from "../../common/picture";
import { type Search, searchFaces } from "./acts";

/** Time between the beginnings of two calls, if the server is fast enough. */
const PACE_MS = 1000;
/** Pause after a call that failed. */
const PAUSE_MS = 3000;

interface Seen {
  faces: Schema<"IdentifiedFace">[];
  /** Size of the picture that was searched; 0 before the first. */
  width: number;
  height: number;
  failure: unknown;
  /** Number of calls that were answered. */
  calls: number;
  /** Duration of the last of them in milliseconds. */
  tookMs: number;
}

const NOTHING: Seen = { faces: [], width: 0, height: 0, failure: null, calls: 0, tookMs: 0 };

/** Searches the faces of a video again and again, never with more than one call at a time. */
export function useLiveSearch(video: RefObject<HTMLVideoElement | null>) {
  const [seen, setSeen] = useState<Seen>(NOTHING);
  const [terms, setTerms] = useState<Search | null>(null);

  useEffect(() => {
    if (!terms) return;
    const end = new AbortController();
    const loop = async () => {
      while (!end.signal.aborted) {
        const started = performance.now();
        const shown = video.current;
        let pause = PACE_MS;
        if (shown && shown.videoWidth > 0 && !document.hidden) {
          try {
            const [width, height] = [shown.videoWidth, shown.videoHeight];
            const image = await base64Of(await frameOf(shown));
            const asked = performance.now();
            const { faces } = await searchFaces(image, terms, false, end.signal);
            const tookMs = performance.now() - asked;
            if (end.signal.aborted) return;
            setSeen(({ calls }) => ({ faces, width, height, failure: null, calls: calls + 1, tookMs }));
          } catch (failure) {
            if (end.signal.aborted) return;
            setSeen((before) => ({ ...before, faces: [], failure }));
            pause = pauseAfter(failure);
          }
        }
        await wait(Math.max(0, pause - (performance.now() - started)), end.signal);
      }
    };
    void loop();
    return () => end.abort();
  }, [terms, video]);

  const search = useCallback((next: Search) => setTerms(next), []);
  return { ...seen, search };
}

function pauseAfter(failure: unknown): number {
  const seconds = failure instanceof Failure ? (failure.retryAfter ?? 0) : 0;
  return Math.max(PAUSE_MS, seconds * 1000);
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
