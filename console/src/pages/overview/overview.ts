import { useQuery, useQueryClient } from "@tanstack/react-query";
import { api, dataOf, type Schema } from "../../api/client";

type Answer = Schema<"Overview">;
type Process = Schema<"Node">;

export type Minute = Schema<"ShownMinute">;
export type Engine = Schema<"ShownEngine">;

/** A process of the platform. */
export interface Node extends Process {
  /** Processors that it kept busy since the overview before, such as 1.5; `null` at first. */
  cores: number | null;
}

/** The numbers of the moment. */
export interface Overview extends Omit<Answer, "nodes"> {
  nodes: Node[] | null;
}

const REFRESH_MS = 5000;
/** Time below which the use of processors can't be told, in seconds. */
const MIN_SECONDS = 1;

async function readOverview(before: Overview | undefined): Promise<Overview> {
  const overview = await dataOf(api.GET("/overview"));
  return { ...overview, nodes: overview.nodes?.map((node) => ({ ...node, cores: coresOf(node, overview, before) })) ?? null };
}

function coresOf({ name, startedAt, cpuSeconds }: Process, { at }: Answer, before: Overview | undefined): number | null {
  const known = before?.nodes?.find((node) => node.name === name && node.startedAt === startedAt);
  if (!before || typeof known?.cpuSeconds !== "number" || typeof cpuSeconds !== "number") return null;
  const seconds = (Date.parse(at) - Date.parse(before.at)) / 1000;
  return seconds < MIN_SECONDS ? known.cores : (cpuSeconds - known.cpuSeconds) / seconds;
}

/** The numbers of the moment, read again and again while the page can be seen. */
export function useOverview() {
  const cache = useQueryClient();
  const queryKey = ["overview"];
  return useQuery({
    queryKey,
    queryFn: () => readOverview(cache.getQueryData<Overview>(queryKey)),
    refetchInterval: REFRESH_MS,
  });
}
