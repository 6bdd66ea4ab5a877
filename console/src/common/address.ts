import { useSearchParams } from "react-router";

/**
 * Keeps texts in the address of the page, so that a link or a reload shows the same. Empty texts are left out.
 * Returns the texts by name, and what changes some of them.
 */
export function useAddress(): [(name: string) => string, (changes: Record<string, string | null>) => void] {
  const [parameters, setParameters] = useSearchParams();
  const change = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(parameters);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    setParameters(next, { replace: true, preventScrollReset: true });
  };
  return [(name) => parameters.get(name) ?? "", change];
}
