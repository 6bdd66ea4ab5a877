import { queries } from "../../api/client";

export const STEPS = ["operator", "app", "library", "person", "recognition"] as const;
export type Step = (typeof STEPS)[number];

/** Apps of the platform itself, which nobody created. */
const OWN_APPS = ["admin", "legacy"];

/** What was set up already. */
export function useProgress() {
  const operators = queries.useQuery("get", "/operators");
  const apps = queries.useQuery("get", "/apps", { params: { query: { limit: 1000 } } });
  const libraries = queries.useQuery("get", "/libraries", { params: { query: { limit: 1000 } } });
  const system = queries.useQuery("get", "/system");
  const recognitions = queries.useQuery("get", "/events/log", { params: { query: { kind: ["recognition"], limit: 1 } } });
  const all = [operators, apps, libraries, system, recognitions];

  const admins = operators.data?.items.filter(({ role, hasPassword }) => role === "admin" && hasPassword) ?? [];
  const madeApps = apps.data?.items.filter(({ appId }) => !OWN_APPS.includes(appId)) ?? [];
  const people = system.data?.people ?? 0;
  const isDone: Record<Step, boolean> = {
    operator: admins.length > 0,
    app: madeApps.length > 0,
    library: (libraries.data?.items.length ?? 0) > 0,
    person: people > 0,
    recognition: (recognitions.data?.items.length ?? 0) > 0,
  };
  return {
    admins,
    apps: madeApps,
    libraries: libraries.data?.items ?? [],
    people,
    isDone,
    isPending: all.some((query) => query.isPending),
    failure: all.find((query) => query.error)?.error ?? null,
    retry: () => {
      for (const query of all) void query.refetch();
    },
  };
}

export type Progress = ReturnType<typeof useProgress>;
