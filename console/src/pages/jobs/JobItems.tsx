import { CheckCircleOutlined, ClockCircleOutlined, CloseCircleOutlined } from "@ant-design/icons";
import { Flex, Grid, Segmented, type TableColumnType, Typography } from "antd";
import i18next from "i18next";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { CursorTable, useCursor } from "../../common/cursor";
import { FaceImage } from "../../common/FaceImage";
import { PersonLink } from "../../common/names";
import { Section } from "../../common/Section";
import { StateTag, type Tone } from "../../common/StateTag";
import { isOpen, type Item, type ItemState, type Job } from "./jobs";

const SHOWN: Record<ItemState, { tone: Tone; icon: ReactNode }> = {
  waiting: { tone: "neutral", icon: <ClockCircleOutlined /> },
  done: { tone: "good", icon: <CheckCircleOutlined /> },
  failed: { tone: "bad", icon: <CloseCircleOutlined /> },
};
const FILTERS = ["all", "done", "failed", "waiting"] as const;
type Filter = (typeof FILTERS)[number];

/** Interval at which the items of a job that is under way are read, in milliseconds. */
const REFRESH_MS = 3000;

/** What became of each item of a job. */
export function JobItems({ job }: { job: Job }) {
  const { t } = useTranslation("jobs");
  const isWide = Grid.useBreakpoint().md ?? true;
  const [filter, setFilter] = useState<Filter>(job.failed > 0 && !isOpen(job) ? "failed" : "all");
  const list = useCursor<Item>(
    ["jobs", job.id, "items", filter],
    (cursor) => {
      const query = { cursor, ...(filter === "all" ? {} : { state: filter }) };
      return dataOf(api.GET("/jobs/{job}/items", { params: { path: { job: job.id }, query } }));
    },
    isOpen(job) ? REFRESH_MS : undefined,
  );
  const state = ({ state: is }: Item) => (
    <StateTag tone={SHOWN[is].tone} icon={SHOWN[is].icon}>
      {t(`itemState.${is}`)}
    </StateTag>
  );
  const wide: TableColumnType<Item>[] = [
    { title: t("number"), dataIndex: "number", className: "number", align: "right" },
    {
      title: t("item"),
      render: (_, { name }) => (
        <Typography.Text ellipsis={{ tooltip: name }} style={{ maxWidth: 360 }}>
          {name}
        </Typography.Text>
      ),
    },
    { title: t("stateLabel"), render: (_, item) => state(item) },
    { title: t("result"), render: (_, item) => <Outcome item={item} /> },
    { title: t("person"), render: (_, item) => job.libraryId && <ItemPerson library={job.libraryId} item={item} /> },
  ];
  const narrow: TableColumnType<Item>[] = [
    {
      title: t("item"),
      render: (_, item) => (
        <Flex vertical gap={4} align="start" style={{ width: "72vw", overflowWrap: "anywhere", whiteSpace: "normal" }}>
          <span>{item.name}</span>
          {state(item)}
          <Outcome item={item} />
          {job.libraryId && item.personId && <ItemPerson library={job.libraryId} item={item} />}
        </Flex>
      ),
    },
  ];
  return (
    <Section
      title={t("items")}
      extra={
        <Segmented<Filter>
          size="small"
          value={filter}
          onChange={setFilter}
          aria-label={t("stateLabel")}
          options={FILTERS.map((value) => ({ value, label: t(`itemFilter.${value}`) }))}
        />
      }
    >
      <CursorTable
        list={list}
        rowKey="number"
        nothing={t(filter !== "all" ? "noItemsFound" : isOpen(job) ? "noItemsYet" : "noItems")}
        columns={isWide ? wide : narrow}
      />
    </Section>
  );
}

/** Returns what a code of an item means; `null` if it is not known. */
function codeText(code: string | null | undefined): string | null {
  const key = `code.${code ?? ""}`;
  return i18next.exists(key, { ns: "jobs" }) ? i18next.t(key as "code.known", { ns: "jobs" }) : null;
}

function Outcome({ item }: { item: Item }) {
  const text = codeText(item.code);
  if (item.state !== "failed") return <>{text ?? item.code ?? "—"}</>;
  return (
    <Flex vertical style={{ maxWidth: 420, whiteSpace: "normal" }}>
      <span>{text ?? item.reason ?? item.code ?? "—"}</span>
      {text && item.reason && <Typography.Text type="secondary">{item.reason}</Typography.Text>}
    </Flex>
  );
}

function ItemPerson({ library, item: { personId, faceId } }: { library: string; item: Item }) {
  const { t } = useTranslation("jobs");
  if (!personId) return <>—</>;
  return (
    <Flex gap={8} align="center">
      {faceId && <FaceImage library={library} person={personId} face={faceId} name={t("faceOf")} size={36} />}
      <PersonLink library={library} person={personId} />
    </Flex>
  );
}
