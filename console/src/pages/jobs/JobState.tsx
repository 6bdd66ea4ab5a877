import {
  CheckCircleOutlined,
  ClockCircleOutlined,
  CloseCircleOutlined,
  PauseCircleOutlined,
  StopOutlined,
  SyncOutlined,
} from "@ant-design/icons";
import { Flex, Progress, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { countText } from "../../common/numbers";
import { StateTag, type Tone } from "../../common/StateTag";
import { isKind, type Job, type JobState, shareOf } from "./jobs";

const SHOWN: Record<JobState, { tone: Tone; icon: ReactNode }> = {
  queued: { tone: "neutral", icon: <ClockCircleOutlined /> },
  running: { tone: "busy", icon: <SyncOutlined spin /> },
  paused: { tone: "warning", icon: <PauseCircleOutlined /> },
  cancelled: { tone: "neutral", icon: <StopOutlined /> },
  done: { tone: "good", icon: <CheckCircleOutlined /> },
  failed: { tone: "bad", icon: <CloseCircleOutlined /> },
};

/** The state of a job, in words. */
export function JobStateTag({ state }: { state: JobState }) {
  const { t } = useTranslation("jobs");
  const { tone, icon } = SHOWN[state];
  return (
    <StateTag tone={tone} icon={icon}>
      {t(`state.${state}`)}
    </StateTag>
  );
}

/** Returns what a kind of job is called; a kind that is not known by its name. */
export function useKindText() {
  const { t } = useTranslation("jobs");
  return (kind: string) => (isKind(kind) ? t(`kind.${kind}`) : kind);
}

/** How far a job is. */
export function JobProgress({ job }: { job: Job }) {
  const { t } = useTranslation("jobs");
  const nameOf = useKindText();
  const share = shareOf(job);
  const through = countText(job.done + job.failed);
  const total = job.total ?? null;
  return (
    <Flex vertical style={{ minWidth: 160 }}>
      <Progress
        percent={Math.floor((share ?? 0) * 100)}
        size="small"
        status={job.state === "failed" ? "exception" : job.state === "done" ? "success" : "normal"}
        format={(percent) => (share === null ? "—" : `${percent ?? 0}%`)}
        aria-label={t("progressOf", { name: nameOf(job.kind) })}
      />
      <Typography.Text type="secondary" className="number" style={{ fontSize: 12 }}>
        {total === null ? t("counting", { through }) : t("through", { through, total: countText(total) })}
        {job.failed > 0 && (
          <Typography.Text type="danger" style={{ fontSize: 12 }}>
            {t("ofThemFailed", { failed: countText(job.failed) })}
          </Typography.Text>
        )}
      </Typography.Text>
    </Flex>
  );
}
