import { DownloadOutlined } from "@ant-design/icons";
import { Button, Flex, Table, type TableColumnType, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useAct } from "../../common/confirm";
import { countText, percentText } from "../../common/numbers";
import { saveCsv } from "../../common/download";
import { Section } from "../../common/Section";
import { durationText, Moment } from "../../common/time";
import { type CallFilter, type Group, type Row, totalsCsv } from "./statistics";
import { useGroupText } from "./useGroupText";

const PAGE_SIZE = 20;
const PERCENTILES = ["p50", "p90", "p95", "p99"] as const;

interface Properties {
  rows: Row[];
  filter: CallFilter;
  group: Group;
}

/** The numbers of each group, to be sorted by each of them. */
export function TotalsTable({ rows, filter, group }: Properties) {
  const { t } = useTranslation("statistics");
  const act = useAct();
  const nameOf = useGroupText(group);
  const [isBusy, setIsBusy] = useState(false);
  const all = rows.reduce((sum, { count }) => sum + count, 0);
  const meanOf = ({ count, durationMs }: Row) => (count === 0 ? 0 : durationMs / count);
  const save = async () => {
    setIsBusy(true);
    await act(async () => saveCsv([await totalsCsv(filter, group)], `calls-by-${group === "interface" ? "method" : group}.csv`));
    setIsBusy(false);
  };
  const number = (title: string, value: (row: Row) => number, write: (row: Row) => string): TableColumnType<Row> => ({
    title,
    key: title,
    align: "right",
    className: "number",
    sorter: (a, b) => value(a) - value(b),
    defaultSortOrder: title === t("callCount") ? "descend" : undefined,
    sortDirections: ["descend", "ascend"],
    render: (_, row) => write(row),
  });
  const columns: TableColumnType<Row>[] = [
    {
      title: t(`by.${group}`),
      key: "name",
      sorter: (a, b) => nameOf(a).localeCompare(nameOf(b)),
      render: (_, row) => (
        <Flex vertical style={{ maxWidth: 280 }}>
          <Typography.Text ellipsis={{ tooltip: nameOf(row) }}>{nameOf(row)}</Typography.Text>
          {group === "method" && (
            <Typography.Text type="secondary" ellipsis={{ tooltip: row.key }} style={{ fontSize: 12 }}>
              {row.key}
            </Typography.Text>
          )}
        </Flex>
      ),
    },
    number(t("callCount"), ({ count }) => count, ({ count }) => countText(count)),
    number(t("failedCount"), ({ failed }) => failed, ({ failed }) => countText(failed)),
    number(t("share"), ({ count }) => count, ({ count }) => percentText(all === 0 ? 0 : count / all)),
    number(t("mean"), meanOf, (row) => durationText(meanOf(row))),
    ...(group === "interface"
      ? []
      : PERCENTILES.map((name) =>
          number(
            name.toUpperCase(),
            ({ latency }) => latency?.[name] ?? -1,
            ({ latency }) => (latency ? durationText(latency[name]) : "—"),
          ),
        )),
    {
      title: t("lastCall"),
      key: "last",
      className: "number",
      sorter: (a, b) => a.lastAt.localeCompare(b.lastAt),
      sortDirections: ["descend", "ascend"],
      render: (_, { lastAt }) => <Moment at={lastAt} />,
    },
    ...(group === "interface"
      ? []
      : [
          {
            title: t("single"),
            key: "single",
            render: (_: unknown, row: Row) =>
              row.key === "" ? null : (
                <Link to={`/calls?${callsQuery(filter, group, row.key)}`} aria-label={t("singleOf", { name: nameOf(row) })}>
                  {t("show")}
                </Link>
              ),
          },
        ]),
  ];
  return (
    <Section
      title={t("totals")}
      extra={
        <Button
          size="small"
          type="text"
          icon={<DownloadOutlined />}
          loading={isBusy}
          onClick={() => void save()}
          aria-label={`${t("totals")}: ${t("csv")}`}
        >
          CSV
        </Button>
      }
    >
      <Table
        key={group}
        rowKey="key"
        size="middle"
        dataSource={rows}
        columns={columns}
        scroll={{ x: "max-content" }}
        pagination={{ pageSize: PAGE_SIZE, hideOnSinglePage: true, showSizeChanger: false }}
      />
    </Section>
  );
}

/** Query by which the page of single calls shows the calls of a group. */
function callsQuery({ days: [first, last], method, app, engine }: CallFilter, group: Group, key: string): string {
  const query = new URLSearchParams({
    from: first.startOf("day").toISOString(),
    to: last.add(1, "day").startOf("day").toISOString(),
  });
  for (const [name, value] of Object.entries({ method, app, engine, [group]: key })) {
    if (value) query.set(name, value);
  }
  return query.toString();
}
