import { Button, Card, Flex, Grid, Select, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { LibraryLink } from "../../common/LibraryLink";
import { LibraryChoice } from "../../common/LibraryChoice";
import { Page } from "../../common/Page";
import { Loaded, Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { JobActions } from "./JobActions";
import { JobProgress, JobStateTag, useKindText } from "./JobState";
import { type Job, type JobState, KINDS, STATES, useJobs } from "./jobs";

const PAGE_SIZE = 20;

/** Long work: what runs, what has ended, and what became of it. */
export default function JobsPage() {
  const { t } = useTranslation("jobs");
  const [parameters, setParameters] = useSearchParams();
  const isWide = Grid.useBreakpoint().lg ?? true;
  const filter = {
    state: STATES.find((state) => state === parameters.get("state")) ?? null,
    kind: KINDS.find((kind) => kind === parameters.get("kind")) ?? null,
    library: parameters.get("library"),
  };
  const query = useJobs(filter);
  const isFiltered = Object.values(filter).some((value) => value !== null);
  const change = (name: string, value: string | null | undefined) => {
    const next = new URLSearchParams(parameters);
    if (value) next.set(name, value);
    else next.delete(name);
    setParameters(next, { replace: true });
  };
  return (
    <Page title={t("title")} about={t("about")}>
      <Flex gap={8} wrap role="search" aria-label={t("filters")}>
        <Select<JobState>
          allowClear
          aria-label={t("stateLabel")}
          placeholder={t("anyState")}
          value={filter.state}
          onChange={(state) => change("state", state)}
          options={STATES.map((state) => ({ value: state, label: t(`state.${state}`) }))}
          style={{ minWidth: 140 }}
        />
        <Select<string>
          allowClear
          aria-label={t("kindLabel")}
          placeholder={t("anyKind")}
          value={filter.kind}
          onChange={(kind) => change("kind", kind)}
          options={KINDS.map((kind) => ({ value: kind, label: t(`kind.${kind}`) }))}
          style={{ minWidth: 180 }}
        />
        <LibraryChoice
          allowClear
          aria-label={t("libraryLabel")}
          placeholder={t("anyLibrary")}
          value={filter.library}
          onChange={(library) => change("library", library)}
          style={{ width: 240, maxWidth: "100%" }}
        />
      </Flex>
      <Loaded query={query}>
        {(jobs) =>
          jobs.length === 0 ? (
            isFiltered ? (
              <Nothing text={t("nothingFound")}>
                <Button onClick={() => setParameters({}, { replace: true })}>{t("clearFilters")}</Button>
              </Nothing>
            ) : (
              <Nothing text={t("nothing")}>
                <Link to="/libraries">{t("toLibraries")}</Link>
              </Nothing>
            )
          ) : isWide ? (
            <JobTable jobs={jobs} />
          ) : (
            <JobCards jobs={jobs} />
          )
        }
      </Loaded>
    </Page>
  );
}

function JobTable({ jobs }: { jobs: Job[] }) {
  const { t } = useTranslation("jobs");
  const nameOf = useKindText();
  return (
    <Table
      rowKey="id"
      size="middle"
      dataSource={jobs}
      scroll={{ x: "max-content" }}
      pagination={{ pageSize: PAGE_SIZE, hideOnSinglePage: true, showSizeChanger: false }}
      columns={[
        {
          title: t("job"),
          render: (_, job) => (
            <Flex vertical>
              <Link to={`/jobs/${job.id}`}>
                {nameOf(job.kind)} <span className="number">#{job.id}</span>
              </Link>
              {job.libraryId && <LibraryLink id={job.libraryId} />}
            </Flex>
          ),
        },
        { title: t("stateLabel"), render: (_, { state }) => <JobStateTag state={state} /> },
        { title: t("progress"), render: (_, job) => <JobProgress job={job} /> },
        { title: t("created"), className: "number", render: (_, { createdAt }) => <Moment at={createdAt} /> },
        { title: t("ended"), className: "number", render: (_, { endedAt }) => <Moment at={endedAt} /> },
        { title: t("actions"), render: (_, job) => <JobActions job={job} isCompact /> },
      ]}
    />
  );
}

function JobCards({ jobs }: { jobs: Job[] }) {
  const { t } = useTranslation("jobs");
  const nameOf = useKindText();
  const [shown, setShown] = useState(PAGE_SIZE);
  return (
    <Flex vertical gap={8}>
      {jobs.slice(0, shown).map((job) => (
        <Card size="small" key={job.id}>
          <Flex vertical gap={8}>
            <Flex justify="space-between" gap={8}>
              <Link to={`/jobs/${job.id}`}>
                {nameOf(job.kind)} <span className="number">#{job.id}</span>
              </Link>
              <JobStateTag state={job.state} />
            </Flex>
            {job.libraryId && <LibraryLink id={job.libraryId} />}
            <JobProgress job={job} />
            <Flex justify="space-between" align="center" gap={8} wrap>
              <span className="number">
                <Moment at={job.createdAt} />
              </span>
              <JobActions job={job} isCompact />
            </Flex>
          </Flex>
        </Card>
      ))}
      {jobs.length > shown && (
        <Button onClick={() => setShown(shown + PAGE_SIZE)} style={{ alignSelf: "center" }}>
          {t("showMore")}
        </Button>
      )}
    </Flex>
  );
}
