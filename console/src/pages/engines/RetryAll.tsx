import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Flex, Progress, Typography } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { describe } from "../../common/states";
import { readOpenWrites, type WriteFilter } from "./writes";

interface Progressed {
  all: number;
  done: number;
  /** Tried, and still not done. */
  open: number;
  /** Not tried, because an earlier one of the library still waits. */
  skipped: number;
  isRunning: boolean;
  /** Why it ended early. */
  fault: string | null;
}

/** Tries all open writes of a filter again, one after the other, the oldest first. */
export function RetryAll({ filter }: { filter: WriteFilter }) {
  const { t } = useTranslation("engines");
  const cache = useQueryClient();
  const [progress, setProgress] = useState<Progressed | null>(null);
  const isStopped = useRef(false);
  useEffect(
    () => () => {
      isStopped.current = true;
    },
    [],
  );
  const run = async () => {
    isStopped.current = false;
    let now: Progressed = { all: 0, done: 0, open: 0, skipped: 0, isRunning: true, fault: null };
    const tell = (change: Partial<Progressed>) => {
      now = { ...now, ...change };
      setProgress(now);
    };
    tell({});
    try {
      const writes = await readOpenWrites(filter);
      tell({ all: writes.length });
      // The writes of a library are sent in order: behind one that waits, the next can't be done either.
      const stuck = new Set<string>();
      for (const write of writes) {
        if (isStopped.current) break;
        if (stuck.has(write.libraryId) && write.state === "waiting") {
          tell({ skipped: now.skipped + 1 });
          continue;
        }
        const { isDone } = await dataOf(api.POST("/outbox/{write}/retry", { params: { path: { write: write.id } } }));
        if (!isDone && write.state === "waiting") stuck.add(write.libraryId);
        tell(isDone ? { done: now.done + 1 } : { open: now.open + 1 });
      }
    } catch (error) {
      const { title, advice } = describe(error);
      tell({ fault: [title, advice].filter(Boolean).join(" ") });
    }
    tell({ isRunning: false });
    void cache.invalidateQueries();
  };
  const canRetry = filter.state === "open" || filter.state === "waiting" || filter.state === "refused" || filter.state === "all";
  if (!canRetry && !progress) return null;
  return (
    <Flex vertical gap={8}>
      <Flex gap={8} wrap align="center">
        {progress?.isRunning ? (
          <Button
            onClick={() => {
              isStopped.current = true;
            }}
          >
            {t("retry.stop")}
          </Button>
        ) : (
          <Button disabled={!canRetry} onClick={() => void run()}>
            {t("retry.all")}
          </Button>
        )}
        <Typography.Text type="secondary">{t("retry.allHelp")}</Typography.Text>
      </Flex>
      {progress && <Report progress={progress} onClose={() => setProgress(null)} />}
    </Flex>
  );
}

function Report({ progress, onClose }: { progress: Progressed; onClose: () => void }) {
  const { t } = useTranslation("engines");
  const { all, done, open, skipped, isRunning, fault } = progress;
  const handled = done + open + skipped;
  const numbers = t("retry.numbers", { done, open, skipped, all });
  if (isRunning) {
    return (
      <div aria-live="polite">
        <Progress
          percent={all === 0 ? 0 : Math.round((handled / all) * 100)}
          status="active"
          aria-label={t("retry.all")}
        />
        <Typography.Text className="number">{all === 0 ? t("retry.reading") : numbers}</Typography.Text>
      </div>
    );
  }
  if (all === 0 && !fault) return <Alert type="info" showIcon closable={{ onClose }} title={t("retry.nothing")} />;
  const isWhole = handled === all;
  return (
    <Alert
      type={fault ? "error" : done === all ? "success" : "warning"}
      showIcon
      closable={{ onClose }}
      title={fault ?? t(isWhole ? "retry.finished" : "retry.stopped")}
      description={
        <>
          <div className="number">{numbers}</div>
          {open + skipped > 0 && <div>{t("retry.notDoneAdvice")}</div>}
        </>
      }
    />
  );
}
