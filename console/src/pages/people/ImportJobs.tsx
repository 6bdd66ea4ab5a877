import { Button, Flex, Segmented, Table, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import { CursorTable, useCursor } from "../../common/cursor";
import { countText } from "../../common/numbers";
import { FailurePanel, Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { isMoving, type Job, useJobs } from "../libraries/jobs";
import { JobPanel, JobState } from "../libraries/JobPanel";
import { Section } from "../libraries/Section";
import { pathOf } from "./person";
import { verdictOf } from "./verdicts";

type Item = Schema<"ShownItem">;

const STATES = ["all", "failed", "done", "waiting"] as const;
const REFRESH_MS = 3_000;

interface Properties {
  library: string;
  /** The job that is shown; `null`: the latest, if it still runs. */
  job: string | null;
  onJob: (job: string | null) => void;
}

/** The imports of a library, and what became of the pictures of one. */
export function ImportJobs({ library, job, onJob }: Properties) {
  const { t } = useTranslation("people");
  const { jobs, error, isPending, refetch } = useJobs(library, "import");
  const latest = jobs[0];
  const shown = job ?? (latest && isMoving(latest) ? latest.id : null);
  return (
    <>
      {shown && (
        <JobPanel job={shown} report={t("import.report")}>
          {(found) => <Items library={library} job={found} />}
        </JobPanel>
      )}
      <Section title={t("import.earlier")}>
        {error ? (
          <FailurePanel failure={error} onRetry={() => void refetch()} />
        ) : (
          <Table<Job>
            size="small"
            rowKey="id"
            loading={isPending}
            dataSource={jobs}
            scroll={{ x: "max-content" }}
            pagination={{ pageSize: 10, hideOnSinglePage: true }}
            locale={{ emptyText: isPending ? " " : <Nothing text={t("import.none")} /> }}
            columns={[
              {
                title: t("import.columns.created"),
                render: (_, { createdAt }) => (
                  <span className="number">
                    <Moment at={createdAt} />
                  </span>
                ),
              },
              { title: t("import.columns.state"), render: (_, found) => <JobState state={found.state} /> },
              { title: t("import.columns.done"), align: "end", className: "number", render: (_, found) => countText(found.done) },
              { title: t("import.columns.failed"), align: "end", className: "number", render: (_, found) => countText(found.failed) },
              {
                title: t("import.columns.result"),
                render: (_, { id }) => (
                  <Button size="small" type="link" disabled={id === shown} onClick={() => onJob(id)}>
                    {t("import.showResult")}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Section>
    </>
  );
}

function Items({ library, job }: { library: string; job: Job }) {
  const { t } = useTranslation("people");
  const [state, setState] = useState<(typeof STATES)[number]>("all");
  const list = useCursor<Item>(
    ["jobItems", job.id, state],
    (cursor) => {
      const query = { state: state === "all" ? undefined : state, cursor };
      return dataOf(api.GET("/jobs/{job}/items", { params: { path: { job: job.id }, query } }));
    },
    isMoving(job) ? REFRESH_MS : undefined,
  );
  return (
    <Flex vertical gap={8}>
      <Segmented
        value={state}
        onChange={setState}
        aria-label={t("import.items.filter")}
        options={STATES.map((value) => ({ value, label: t(`import.items.${value}`) }))}
        style={{ alignSelf: "start", maxWidth: "100%", overflowX: "auto" }}
      />
      <CursorTable<Item>
        list={list}
        size="small"
        rowKey="number"
        nothing={t("import.items.nothing")}
        columns={[
          {
            title: t("import.items.file"),
            render: (_, { name }) => <span style={{ overflowWrap: "anywhere", whiteSpace: "normal" }}>{name}</span>,
          },
          { title: t("import.items.verdict"), render: (_, item) => <ItemVerdict item={item} /> },
          {
            title: t("import.items.person"),
            render: (_, { personId }) => (personId ? <Link to={pathOf(library, personId)}>{t("import.items.show")}</Link> : null),
          },
        ]}
      />
    </Flex>
  );
}

function ItemVerdict({ item }: { item: Item }) {
  const { t } = useTranslation("people");
  if (item.state === "waiting") return <Tag>{t("import.items.waiting")}</Tag>;
  return <Tag color={item.state === "done" ? "success" : "error"}>{verdictOf(item)}</Tag>;
}
