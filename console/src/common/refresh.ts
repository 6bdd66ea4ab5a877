import { useQueryClient } from "@tanstack/react-query";

/** Reads again what is shown: after actions that are no mutations of TanStack Query, and after failed ones. */
export function useRefresh() {
  const cache = useQueryClient();
  return () => cache.invalidateQueries();
}
