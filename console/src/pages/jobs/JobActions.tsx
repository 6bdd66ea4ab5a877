import {
  CaretRightOutlined,
  DeleteOutlined,
  DownloadOutlined,
  FileTextOutlined,
  PauseOutlined,
  StopOutlined,
} from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Tooltip } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { api, dataOf } from "../../api/client";
import { useAct, useConfirm } from "../../common/confirm";
import { bytesText, countText } from "../../common/numbers";
import { saveCsv } from "../../common/download";
import { useKindText } from "./JobState";
import { type Job, mayCancel, mayDelete, mayPause, mayResume } from "./jobs";

interface Properties {
  job: Job;
  /** Whether the buttons show icons alone. */
  isCompact?: boolean;
  onDeleted?: () => void;
}

/** What can be done with a job in its state. */
export function JobActions({ job, isCompact = false, onDeleted }: Properties) {
  const { t } = useTranslation("jobs");
  const { canWork } = usePermissions();
  const act = useAct();
  const confirm = useConfirm();
  const cache = useQueryClient();
  const nameOf = useKindText();
  const [busy, setBusy] = useState<string | null>(null);
  const params = { path: { job: job.id } };
  const fresh = () => cache.invalidateQueries();

  const run = async (name: string, action: () => Promise<unknown>) => {
    setBusy(name);
    await act(action);
    setBusy(null);
  };
  const pause = () => run("pause", () => api.POST("/jobs/{job}/pause", { params }).then(fresh));
  const resume = () => run("resume", () => api.POST("/jobs/{job}/resume", { params }).then(fresh));
  const saveReport = () =>
    run("report", async () => {
      saveCsv([await dataOf(api.GET("/jobs/{job}/report", { params, parseAs: "text" }))], `job-${job.id}.csv`);
    });
  const cancel = () =>
    confirm({
      title: t("cancel.title", { name: nameOf(job.kind), id: job.id }),
      content: t("cancel.content", { through: countText(job.done) }),
      action: t("cancel.action"),
      onConfirm: () => api.POST("/jobs/{job}/cancel", { params }).then(fresh),
    });
  const remove = () =>
    confirm({
      title: t("remove.title", { name: nameOf(job.kind), id: job.id }),
      content: t(job.file ? "remove.contentWithFile" : "remove.content", {
        entries: countText(job.done + job.failed),
        size: job.file ? bytesText(job.file.bytes) : "",
      }),
      action: t("remove.action"),
      onConfirm: async () => {
        await api.DELETE("/jobs/{job}", { params });
        onDeleted?.();
        await fresh();
      },
    });

  const button = (name: "pause" | "resume" | "report" | "stop" | "delete", icon: ReactNode, action: () => void, isDanger = false) => (
    <Tooltip title={isCompact ? t(`do.${name}`) : null} key={name}>
      <Button
        icon={icon}
        type={isCompact ? "text" : "default"}
        danger={isDanger}
        loading={busy === name}
        disabled={busy !== null && busy !== name}
        aria-label={t("do.of", { action: t(`do.${name}`), name: nameOf(job.kind), id: job.id })}
        onClick={action}
      >
        {isCompact ? null : t(`do.${name}`)}
      </Button>
    </Tooltip>
  );

  return (
    <Flex gap={isCompact ? 0 : 8} wrap>
      {job.file && (
        <Tooltip title={isCompact ? t("do.file") : null}>
          <Button
            icon={<DownloadOutlined />}
            type={isCompact ? "text" : "primary"}
            href={job.file.path}
            download
            aria-label={t("do.of", { action: t("do.file"), name: nameOf(job.kind), id: job.id })}
          >
            {isCompact ? null : `${t("do.file")} (${bytesText(job.file.bytes)})`}
          </Button>
        </Tooltip>
      )}
      {canWork && mayPause(job) && button("pause", <PauseOutlined />, () => void pause())}
      {canWork && mayResume(job) && button("resume", <CaretRightOutlined />, () => void resume())}
      {button("report", <FileTextOutlined />, () => void saveReport())}
      {canWork && mayCancel(job) && button("stop", <StopOutlined />, cancel, true)}
      {canWork && mayDelete(job) && button("delete", <DeleteOutlined />, remove, true)}
    </Flex>
  );
}
