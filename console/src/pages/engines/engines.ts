import { useTranslation } from "react-i18next";
import { queries, type Schema } from "../../api/client";

export type Engine = Schema<"Page_ShownEngine">["items"][number];
export type Write = Schema<"ShownWrite">;

/** How often open pages look at engines and writes, in milliseconds. */
export const REFRESH_MS = 3_000;

/** Engines whose names are known in words. */
const NAMED = ["builtin", "koala", "cloudwalk"] as const;

/** Reads the engines with their health, again and again. */
export function useEngines() {
  return queries.useQuery("get", "/engines", {}, { refetchInterval: REFRESH_MS });
}

/** Returns what an engine is called in the reader's language. */
export function useEngineName(): (engine: string) => string {
  const { t } = useTranslation("engines");
  return (engine) => {
    const known = NAMED.find((name) => name === engine);
    return known ? t("name", { words: t(`names.${known}`), engine }) : engine;
  };
}

/** Returns why a write failed, in the reader's language where the reason is one of the platform's own. */
export function useErrorText(): (error: string) => string {
  const { t } = useTranslation("engines");
  return (error) => {
    if (error === "earlier writes of this library wait") return t("errors.earlierWait");
    if (error === "circuit open") return t("errors.circuitOpen");
    return error;
  };
}

/** Whether a write still waits for its engine, or for somebody to decide about it. */
export function isOpen(write: Write): boolean {
  return write.state === "waiting" || write.state === "refused";
}
