import { useQuery } from "@tanstack/react-query";
import { Flex } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { LibraryLink } from "../../common/LibraryLink";
import { Section } from "../../common/Section";
import { Loaded, Nothing } from "../../common/states";
import { JobActions } from "../jobs/JobActions";
import { JobProgress, JobStateTag, useKindText } from "../jobs/JobState";
import { type Job, readOpenJobs } from "../jobs/jobs";
import type { Overview } from "./overview";

const SHOWN = 5;
const REFRESH_MS = 5000;

/** The jobs that run or wait. They are asked for only while the overview counts some. */
export function OpenJobs({ jobs: { running, queued } }: { jobs: Overview["jobs"] }) {
  const { t } = useTranslation("overview");
  const isAny = running + queued > 0;
  const query = useQuery({ queryKey: ["jobs", "open"], queryFn: readOpenJobs, enabled: isAny, refetchInterval: REFRESH_MS });
  return (
    <Section title={t("job.title")} extra={<Link to="/jobs">{t("job.more")}</Link>}>
      {isAny ? <Loaded query={query}>{(jobs) => <Jobs jobs={jobs} />}</Loaded> : <Nothing text={t("job.nothing")} />}
    </Section>
  );
}

function Jobs({ jobs }: { jobs: Job[] }) {
  const { t } = useTranslation("overview");
  const nameOf = useKindText();
  if (jobs.length === 0) return <Nothing text={t("job.nothing")} />;
  return (
    <Flex vertical gap={16}>
      {jobs.slice(0, SHOWN).map((job) => (
        <Flex key={job.id} vertical gap={4}>
          <Flex justify="space-between" align="center" gap={8} wrap>
            <Flex gap={8} align="center" wrap>
              <Link to={`/jobs/${job.id}`}>
                {nameOf(job.kind)} <span className="number">#{job.id}</span>
              </Link>
              {job.libraryId && <LibraryLink id={job.libraryId} />}
              <JobStateTag state={job.state} />
            </Flex>
            <JobActions job={job} isCompact />
          </Flex>
          <JobProgress job={job} />
        </Flex>
      ))}
      {jobs.length > SHOWN && <Link to="/jobs">{t("job.others", { others: jobs.length - SHOWN })}</Link>}
    </Flex>
  );
}
