import { useQueryClient } from "@tanstack/react-query";
import { Alert, Descriptions, Flex } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams } from "react-router";
import { queries } from "../../api/client";
import { usePermissions } from "../../app/session";
import { LibraryLink } from "../../common/LibraryLink";
import { bytesText } from "../../common/numbers";
import { Page } from "../../common/Page";
import { Section } from "../../common/Section";
import { Loaded } from "../../common/states";
import { durationText, Moment } from "../../common/time";
import { UnknownGroups } from "../recognitions/UnknownGroups";
import { JobActions } from "./JobActions";
import { JobItems } from "./JobItems";
import { JobProgress, JobStateTag, useKindText } from "./JobState";
import { isOpen, type Job, LIVE_MS } from "./jobs";
import { SimilarPairs } from "./SimilarPairs";

/** A job: how far it is, and what became of each of its items. */
export default function JobPage() {
  const { t } = useTranslation("jobs");
  const id = useParams().job ?? "";
  const query = queries.useQuery(
    "get",
    "/jobs/{job}",
    { params: { path: { job: id } } },
    { refetchInterval: ({ state }) => (state.data && isOpen(state.data) ? LIVE_MS : false) },
  );
  const nameOf = useKindText();
  const navigate = useNavigate();
  const job = query.data;
  return (
    <Page
      title={job ? `${nameOf(job.kind)} #${job.id}` : t("title")}
      about={<Link to="/jobs">{t("back")}</Link>}
      actions={job && <JobActions job={job} onDeleted={() => void navigate("/jobs")} />}
    >
      <Loaded query={query}>{(found) => <Details job={found} />}</Loaded>
    </Page>
  );
}

function Details({ job }: { job: Job }) {
  const { t } = useTranslation("jobs");
  const { seesAllApps } = usePermissions();
  const cache = useQueryClient();
  // The last items come with the end.
  useEffect(() => {
    void cache.invalidateQueries({ queryKey: ["jobs", job.id, "items"] });
  }, [job.id, job.state, cache]);
  const tookMs = job.startedAt && job.endedAt ? Date.parse(job.endedAt) - Date.parse(job.startedAt) : null;
  const items = [
    { key: "state", label: t("stateLabel"), children: <JobStateTag state={job.state} /> },
    { key: "library", label: t("libraryLabel"), children: job.libraryId ? <LibraryLink id={job.libraryId} /> : "—" },
    ...(seesAllApps ? [{ key: "app", label: t("appLabel"), children: job.appId }] : []),
    { key: "created", label: t("created"), children: <Moment at={job.createdAt} /> },
    { key: "started", label: t("started"), children: <Moment at={job.startedAt} /> },
    { key: "ended", label: t("ended"), children: <Moment at={job.endedAt} /> },
    { key: "took", label: t("took"), children: tookMs === null ? "—" : durationText(tookMs) },
    ...(job.file
      ? [
          {
            key: "file",
            label: t("file"),
            children: (
              <span>
                {bytesText(job.file.bytes)} · {t("keptUntil")} <Moment at={job.file.expiresAt} />
              </span>
            ),
          },
        ]
      : []),
  ];
  return (
    <>
      {job.state === "failed" && (
        <Alert type="error" showIcon title={t("hasFailed")} description={`${job.error ?? ""} ${t("hasFailedAdvice")}`.trim()} />
      )}
      {job.state === "paused" && <Alert type="info" showIcon title={t("isPaused")} />}
      <Section title={t("progress")}>
        <Flex vertical gap={16}>
          <JobProgress job={job} />
          <Descriptions size="small" column={{ xs: 1, sm: 2, lg: 3, xxl: 4 }} items={items} />
        </Flex>
      </Section>
      {job.kind === "grouping" && job.libraryId ? (
        <Section title={t("groups")}>
          <UnknownGroups library={job.libraryId} job={job} />
        </Section>
      ) : job.kind === "duplicateScan" && job.libraryId ? (
        <SimilarPairs job={job} library={job.libraryId} />
      ) : (
        <JobItems job={job} />
      )}
    </>
  );
}
