import dayjs from "dayjs";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Chart } from "../../common/Chart";
import { countText } from "../../common/numbers";
import { durationText } from "../../common/time";
import type { Minute } from "./overview";

const PERCENTILES = ["p50", "p95", "p99"] as const;

/** Calls and durations of the last hour. */
export function Traffic({ minutes }: { minutes: Minute[] }) {
  const { t } = useTranslation("overview");
  const categories = useMemo(() => minutes.map(({ at }) => dayjs(at).format("HH:mm")), [minutes]);
  const calls = useMemo(
    () => [
      { name: t("chart.succeeded"), values: minutes.map((minute) => minute.calls - minute.failed), tone: "good" as const },
      { name: t("chart.failed"), values: minutes.map(({ failed }) => failed), tone: "bad" as const },
    ],
    [minutes, t],
  );
  const latency = useMemo(
    () => PERCENTILES.map((name) => ({ name: t(`chart.${name}`), values: minutes.map((minute) => minute[name] ?? null) })),
    [minutes, t],
  );
  const isTimed = minutes.some(({ p50 }) => typeof p50 === "number");
  const isQuiet = minutes.every((minute) => minute.calls === 0);
  const common = { categoryName: t("chart.minute"), categories: isQuiet ? [] : categories, nothing: t("chart.nothing"), height: 220 };
  return (
    <div style={{ display: "grid", gap: 16, gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 440px), 1fr))" }}>
      <Chart kind="stacked" title={t("chart.calls")} series={calls} write={countText} {...common} />
      {(isTimed || isQuiet) && <Chart kind="line" title={t("chart.latency")} series={latency} write={durationText} {...common} />}
    </div>
  );
}
