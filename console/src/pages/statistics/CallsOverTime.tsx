import { DownloadOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Chart } from "../../common/Chart";
import { useAct } from "../../common/confirm";
import { countText } from "../../common/numbers";
import { saveCsv } from "../../common/download";
import { durationText } from "../../common/time";
import {
  type CallFilter,
  type Group,
  keyOf,
  type Period,
  type PeriodTotal,
  periodsOf,
  periodText,
  type Row,
  seriesCsv,
} from "./statistics";
import { useGroupText } from "./useGroupText";

interface Properties {
  items: PeriodTotal[];
  /** The groups, the most calls first. */
  rows: Row[];
  filter: CallFilter;
  group: Group;
  by: Period;
}

/** Groups that have a colour of their own; the others are shown as one. */
const MAX_STACKED = 7;
const MAX_LINES = 5;

/** The calls over time, by group; and how long they took. */
export function CallsOverTime({ items, rows, filter, group, by }: Properties) {
  const { t } = useTranslation("statistics");
  const nameOf = useGroupText(group);
  const { days } = filter;
  // Days of the server may begin at another time than those of the browser.
  const periods = useMemo(
    () => [...new Set([...periodsOf(by, days), ...items.map(({ first }) => first)])].sort(),
    [by, days, items],
  );
  const categories = useMemo(() => periods.map((first) => periodText(by, first)), [by, periods]);
  const counts = useMemo(() => countsOf(items, group), [items, group]);
  const stacked = useMemo(() => {
    const own = rows.slice(0, MAX_STACKED).map((row) => ({
      name: nameOf(row),
      values: periods.map((first) => counts.get(`${row.key} ${first}`) ?? 0),
    }));
    const rest = rows.slice(MAX_STACKED);
    if (rest.length === 0) return own;
    const values = periods.map((first) => rest.reduce((sum, { key }) => sum + (counts.get(`${key} ${first}`) ?? 0), 0));
    return [...own, { name: t("rest"), values, tone: "rest" as const }];
  }, [rows, periods, counts, nameOf, t]);
  const lines = useMemo(() => {
    const found = new Map(items.map((item) => [`${keyOf(item, group)} ${item.first}`, item.latency?.p95 ?? null]));
    return rows.slice(0, MAX_LINES).map((row) => ({
      name: nameOf(row),
      values: periods.map((first) => found.get(`${row.key} ${first}`) ?? null),
    }));
  }, [items, rows, group, periods, nameOf]);
  return (
    <div style={{ display: "grid", gap: 16, gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 460px), 1fr))" }}>
      <Chart
        kind="stacked"
        title={t("chart.calls")}
        categoryName={t("date")}
        categories={categories}
        series={stacked}
        write={countText}
        nothing={t("nothing")}
        extra={<SeriesCsv filter={filter} group={group} by={by} />}
      />
      {group !== "interface" && (
        <Chart
          kind="line"
          title={t("chart.latency")}
          categoryName={t("date")}
          categories={categories}
          series={lines}
          write={durationText}
          nothing={t("nothing")}
        />
      )}
    </div>
  );
}

/** Returns the calls by group and first day of the period. */
function countsOf(items: PeriodTotal[], group: Group): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const key = `${keyOf(item, group)} ${item.first}`;
    counts.set(key, (counts.get(key) ?? 0) + item.count);
  }
  return counts;
}

function SeriesCsv({ filter, group, by }: Pick<Properties, "filter" | "group" | "by">) {
  const { t } = useTranslation("statistics");
  const act = useAct();
  const [isBusy, setIsBusy] = useState(false);
  const save = async () => {
    setIsBusy(true);
    await act(async () => saveCsv([await seriesCsv(filter, group, by)], `calls-by-${by}.csv`));
    setIsBusy(false);
  };
  return (
    <Button
      type="text"
      size="small"
      icon={<DownloadOutlined />}
      loading={isBusy}
      onClick={() => void save()}
      aria-label={`${t("chart.calls")}: ${t("csv")}`}
    >
      CSV
    </Button>
  );
}
