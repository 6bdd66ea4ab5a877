import { useCallback, useEffect, useRef, useState } from "react";

interface Run<Result> {
  result: Result | null;
  failure: unknown;
  isBusy: boolean;
}

const NOTHING = { result: null, failure: null, isBusy: false };

/** Runs work of which only the latest counts: it ends what was begun before, and all when the component goes. */
export function useRun<Result>() {
  const [state, setState] = useState<Run<Result>>(NOTHING);
  const current = useRef<AbortController | null>(null);
  useEffect(() => () => current.current?.abort(), []);

  const run = useCallback((work: (signal: AbortSignal) => Promise<Result>) => {
    current.current?.abort();
    const own = new AbortController();
    current.current = own;
    const finish = (end: Run<Result>) => {
      if (!own.signal.aborted) setState(end);
    };
    setState((before) => ({ ...before, failure: null, isBusy: true }));
    work(own.signal).then(
      (result) => finish({ result, failure: null, isBusy: false }),
      (failure: unknown) => finish({ result: null, failure, isBusy: false }),
    );
  }, []);

  const clear = useCallback(() => {
    current.current?.abort();
    setState(NOTHING);
  }, []);

  return { ...state, run, clear };
}
