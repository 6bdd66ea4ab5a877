import { useQuery } from "@tanstack/react-query";
import { Flex, Progress, Typography } from "antd";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf } from "../../api/client";
import { useRefresh } from "../../common/refresh";
import { FailurePanel } from "../../common/states";
import { Moment } from "../../common/time";

const POLL_MS = 1500;
const OPEN = ["queued", "running"];

/** Progress of the last job that seals all secrets with the current key. */
export function Resealing() {
  const { t } = useTranslation("settings");
  const refresh = useRefresh();
  const last = useQuery({
    queryKey: ["resealing"],
    queryFn: async () => {
      const { items } = await dataOf(api.GET("/jobs", { params: { query: { kind: "resealing", limit: 1000 } } }));
      return items.at(-1) ?? null;
    },
    refetchInterval: ({ state }) => (OPEN.includes(state.data?.state ?? "") ? POLL_MS : false),
  });
  const state = last.data?.state;
  // Once it has ended, other keys may have what is sealed.
  const wasOpen = useRef(false);
  useEffect(() => {
    const isOpen = OPEN.includes(state ?? "");
    if (wasOpen.current && !isOpen) void refresh();
    wasOpen.current = isOpen;
  }, [state, refresh]);

  if (last.error) return <FailurePanel failure={last.error} onRetry={() => void last.refetch()} />;
  if (!last.data) return null;
  const { id, done, failed, total, endedAt, error } = last.data;
  const percent = total ? Math.floor(((done + failed) / total) * 100) : last.data.state === "done" ? 100 : 0;
  return (
    <Flex vertical gap={4} role="status">
      <Typography.Text>
        {t("resealing.title")}: {t(`resealing.state.${last.data.state}`)}{" "}
        <span className="number">{t("resealing.counts", { done, total: total ?? "?", failed })}</span>
      </Typography.Text>
      <Progress
        percent={percent}
        size="small"
        aria-label={t("resealing.title")}
        status={failed > 0 || last.data.state === "failed" ? "exception" : OPEN.includes(last.data.state) ? "active" : "success"}
      />
      {failed > 0 && <Typography.Text type="danger">{t("resealing.failed", { failed })}</Typography.Text>}
      {error && (
        <Typography.Text type="danger" lang="en">
          {error}
        </Typography.Text>
      )}
      <Flex gap={12} wrap>
        {endedAt && (
          <Typography.Text type="secondary">
            {t("resealing.ended")} <Moment at={endedAt} ago />
          </Typography.Text>
        )}
        <Link to={`/jobs/${id}`}>{t("resealing.toJob")}</Link>
      </Flex>
    </Flex>
  );
}
