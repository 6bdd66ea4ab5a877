import { CaretRightOutlined, DownloadOutlined, PauseOutlined, StopOutlined } from "@ant-design/icons";
import { Alert, Button, Card, Flex, Progress, Tag, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { BASE } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { bytesText, countText } from "../../common/numbers";
import { Loaded } from "../../common/states";
import { Moment } from "../../common/time";
import { isMoving, isOver, type Job, useJob, useJobActs } from "./jobs";

const TONES: Record<Job["state"], string | undefined> = {
  queued: undefined,
  running: "processing",
  paused: "warning",
  cancelled: undefined,
  done: "success",
  failed: "error",
};

/** The state of a job as a tag. */
export function JobState({ state }: Pick<Job, "state">) {
  const { t } = useTranslation("libraries");
  return <Tag color={TONES[state]}>{t(`job.states.${state}`)}</Tag>;
}

interface Properties {
  job: string;
  /** Text of the link to the report of all items; left out for jobs without one. */
  report?: string;
  /** What is shown of its items. */
  children?: (job: Job) => ReactNode;
}

/** How far a job is, and what can be done with it. */
export function JobPanel({ job, report, children }: Properties) {
  const query = useJob(job);
  return <Loaded query={query}>{(found) => <Shown job={found} report={report} children={children} />}</Loaded>;
}

function Shown({ job, report, children }: Omit<Properties, "job"> & { job: Job }) {
  const { t } = useTranslation("libraries");
  const { canWork } = usePermissions();
  const { total, done, failed, state } = job;
  const isDone = state === "done";
  const percent = isDone ? 100 : total ? Math.floor(((done + failed) / total) * 100) : 0;
  return (
    <Card
      size="small"
      title={
        <Flex gap={8} align="center" wrap>
          <Link to={`/jobs/${job.id}`}>{t("job.title", { kind: t(`job.kinds.${job.kind}` as "job.kinds.import"), id: job.id })}</Link>
          <JobState state={state} />
        </Flex>
      }
      extra={
        <Typography.Text type="secondary">
          <Moment at={job.createdAt} ago />
        </Typography.Text>
      }
    >
      <Flex vertical gap={12}>
        <Progress
          percent={percent}
          status={state === "failed" ? "exception" : isDone ? "success" : isMoving(job) ? "active" : "normal"}
          aria-label={t("job.progress")}
        />
        <Typography.Text className="number" aria-live="polite">
          {total == null
            ? t(isOver(job) ? "job.nothing" : "job.counting")
            : t("job.counts", { done: countText(done), failed: countText(failed), total: countText(total) })}
        </Typography.Text>
        {job.error && <Alert type="error" showIcon title={job.error} description={t("job.mayResume")} />}
        {job.file && <ExportFile file={job.file} />}
        <Flex gap={8} wrap>
          {canWork && <JobActs job={job} />}
          {report && total != null && (
            <Button icon={<DownloadOutlined />} href={`${BASE}/jobs/${job.id}/report`} download={`report-${job.id}.csv`}>
              {report}
            </Button>
          )}
        </Flex>
        {children?.(job)}
      </Flex>
    </Card>
  );
}

function ExportFile({ file }: { file: NonNullable<Job["file"]> }) {
  const { t } = useTranslation("libraries");
  return (
    <Alert
      type="success"
      title={t("export.ready", { size: bytesText(file.bytes) })}
      description={
        <>
          {t("export.until")} <Moment at={file.expiresAt} />
        </>
      }
      action={
        <Button type="primary" icon={<DownloadOutlined />} href={file.path} download>
          {t("export.download")}
        </Button>
      }
    />
  );
}

function JobActs({ job }: { job: Job }) {
  const { t } = useTranslation("libraries");
  const confirm = useConfirm();
  const { pause, resume, cancel } = useJobActs(job.id);
  const end = () =>
    confirm({ title: t("job.cancel.title", { id: job.id }), content: t("job.cancel.content"), action: t("job.cancel.action"), onConfirm: cancel });
  return (
    <>
      {isMoving(job) && (
        <Button icon={<PauseOutlined />} loading={pause.isBusy} onClick={() => void pause.run(undefined)}>
          {t("job.pause")}
        </Button>
      )}
      {(job.state === "paused" || job.state === "failed") && (
        <Button type="primary" icon={<CaretRightOutlined />} loading={resume.isBusy} onClick={() => void resume.run(undefined)}>
          {t("job.resume")}
        </Button>
      )}
      {!isOver(job) && (
        <Button danger icon={<StopOutlined />} onClick={end}>
          {t("job.cancel.action")}
        </Button>
      )}
    </>
  );
}
