import { Card, Flex, Segmented, Typography } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Page } from "../../common/Page";
import { RangeInput } from "../../common/RangeInput";
import { Loaded, Nothing } from "../../common/states";
import { CallSelects } from "./CallSelects";
import { CallsOverTime } from "./CallsOverTime";
import { type CallFilter, type Group, GROUPS, type Period, PERIODS, rowsOf, useSeries, useTotals } from "./statistics";
import { Summary } from "./Summary";
import { TotalsTable } from "./TotalsTable";

const DAYS = 30;

/** How often what was called, by whom, and how long it took. */
export default function StatisticsPage() {
  const { t } = useTranslation("statistics");
  const [filter, setFilter] = useState<CallFilter>(() => ({
    days: [dayjs().subtract(DAYS - 1, "day"), dayjs()],
    method: null,
    app: null,
    engine: null,
  }));
  const [group, setGroup] = useState<Group>("method");
  const [by, setBy] = useState<Period>("day");
  const totals = useTotals(filter, group);
  const series = useSeries(filter, group, by);
  return (
    <Page title={t("title")} about={t("about")}>
      <Card size="small" role="search" aria-label={t("filters")}>
        <Flex gap={8} wrap>
          <RangeInput
            value={filter.days}
            onChange={([first, last]) => {
              if (first && last && !last.isBefore(first, "day")) setFilter({ ...filter, days: [first, last] });
            }}
            presets={presets(t)}
          />
          <Segmented<Period>
            aria-label={t("period")}
            value={by}
            onChange={setBy}
            options={PERIODS.map((value) => ({ value, label: t(`periods.${value}`) }))}
          />
          <Segmented<Group>
            aria-label={t("group")}
            value={group}
            onChange={setGroup}
            options={GROUPS.map((value) => ({ value, label: t(`by.${value}`) }))}
          />
          <CallSelects chosen={filter} onChange={(changes) => setFilter({ ...filter, ...changes })} />
        </Flex>
      </Card>
      <Loaded query={totals}>
        {({ items, timeZone }) => {
          const rows = rowsOf(items, group);
          if (rows.length === 0) {
            return (
              <Nothing text={t("nothing")}>
                <Link to="/try">{t("toTry")}</Link>
              </Nothing>
            );
          }
          return (
            <Flex vertical gap={16}>
              <Summary rows={rows} />
              <Loaded query={series}>
                {(found) => <CallsOverTime items={found.items} rows={rows} filter={filter} group={group} by={by} />}
              </Loaded>
              <TotalsTable rows={rows} filter={filter} group={group} />
              <Typography.Text type="secondary">{t("timeZone", { zone: timeZone })}</Typography.Text>
            </Flex>
          );
        }}
      </Loaded>
    </Page>
  );
}

type Write = ReturnType<typeof useTranslation<"statistics">>["t"];

function presets(t: Write): { label: string; value: [Dayjs, Dayjs] }[] {
  const today = dayjs();
  const lastMonth = today.subtract(1, "month");
  return [
    { label: t("presets.today"), value: [today, today] },
    { label: t("presets.week"), value: [today.subtract(6, "day"), today] },
    { label: t("presets.days30"), value: [today.subtract(DAYS - 1, "day"), today] },
    { label: t("presets.month"), value: [today.startOf("month"), today] },
    { label: t("presets.lastMonth"), value: [lastMonth.startOf("month"), lastMonth.endOf("month")] },
    { label: t("presets.year"), value: [today.subtract(1, "year").add(1, "day"), today] },
  ];
}
