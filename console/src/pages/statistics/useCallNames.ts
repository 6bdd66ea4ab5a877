import { useQuery } from "@tanstack/react-query";
import { api } from "../../api/client";
import { callName } from "../../common/texts";
import { tableOf } from "./statistics";

const FRESH_MS = 60_000;

async function totalsBy(group: "method" | "app" | "engine") {
  return (await tableOf(api.GET("/statistics/totals", { params: { query: { group } } }))).items;
}

/** The methods, apps and engines of all calls so far, as options to choose from. */
export function useCallNames() {
  return useQuery({
    queryKey: ["statistics", "names"],
    staleTime: FRESH_MS,
    queryFn: async () => {
      const [methods, apps, engines] = await Promise.all([totalsBy("method"), totalsBy("app"), totalsBy("engine")]);
      return {
        methods: methods.map(({ method, label }) => ({ value: method ?? "", label: `${callName(method ?? "", label ?? "")} · ${method ?? ""}` })),
        apps: apps.map(({ appId }) => ({ value: appId ?? "", label: appId ?? "" })),
        engines: engines.flatMap(({ engine }) => (engine ? [{ value: engine, label: engine }] : [])),
      };
    },
  });
}
