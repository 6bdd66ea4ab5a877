import { Alert, Button, Flex, Form, Select, Spin, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useChange } from "../../common/change";
import { useCursor } from "../../common/cursor";
import { countText } from "../../common/numbers";
import { FailurePanel, Nothing } from "../../common/states";
import { momentText } from "../../common/time";
import { isOver, type Job, useJobs } from "../libraries/jobs";
import { JobPanel } from "../libraries/JobPanel";
import { Section } from "../libraries/Section";
import { DuplicatePair } from "./DuplicatePair";
import { isBuiltin } from "./person";

type Pair = Schema<"ShownItem">;

/** False-match rates from which people count as similar; `null`: from the threshold of the library. */
const RATES = [null, 1e-3, 1e-4, 1e-5, 1e-6] as const;
const PAGE_SIZE = 20;
const REFRESH_MS = 5_000;

interface Properties {
  library: Schema<"ShownLibrary">;
  /** Similarity from which two faces are the same person's, where the library decides. */
  threshold: number;
}

/** Finds people of a library who are enrolled twice, and merges them. */
export function DuplicatesTab({ library, threshold }: Properties) {
  const { t } = useTranslation("people");
  const { canWork } = usePermissions();
  const scans = useJobs(library.id, "duplicateScan");
  const [chosen, setChosen] = useState<string | null>(null);
  const [rate, setRate] = useState<number | null>(null);
  const start = useChange(async () => {
    const body = rate === null ? {} : { fmr: rate };
    return dataOf(api.POST("/libraries/{library}/duplicate-scans", { params: { path: { library: library.id } }, body }));
  });
  if (!isBuiltin(library)) return <Alert type="info" showIcon title={t("duplicates.builtinOnly")} />;
  const shown = scans.jobs.find(({ id }) => id === chosen) ?? scans.jobs[0];
  const isUnderWay = scans.jobs.some((job) => !isOver(job));
  const scan = async () => {
    const started = await start.run(undefined);
    if (started) setChosen(started.output.id);
  };
  return (
    <Flex vertical gap={16}>
      <Section title={t("duplicates.title")}>
        <Flex vertical gap={12}>
          <Typography.Text>{t("duplicates.about")}</Typography.Text>
          <Flex gap={12} wrap align="end">
            {canWork && (
              <>
                <Form.Item label={t("duplicates.from")} htmlFor="duplicate-rate" layout="vertical" style={{ margin: 0 }}>
                  <Select<string>
                    id="duplicate-rate"
                    value={String(rate)}
                    onChange={(value) => setRate(value === "null" ? null : Number(value))}
                    popupMatchSelectWidth={false}
                    style={{ minWidth: 240 }}
                    options={RATES.map((value) => ({
                      value: String(value),
                      label:
                        value === null
                          ? t("duplicates.ofLibrary", { threshold: threshold.toFixed(4) })
                          : t("duplicates.ofRate", { comparisons: countText(1 / value) }),
                    }))}
                  />
                </Form.Item>
                <Button type="primary" loading={start.isBusy} disabled={isUnderWay} onClick={() => void scan()}>
                  {t("duplicates.start")}
                </Button>
              </>
            )}
            {scans.jobs.length > 1 && (
              <Form.Item label={t("duplicates.earlier")} htmlFor="duplicate-scan" layout="vertical" style={{ margin: 0 }}>
                <Select
                  id="duplicate-scan"
                  value={shown?.id}
                  onChange={setChosen}
                  style={{ minWidth: 200 }}
                  options={scans.jobs.map(({ id, createdAt }) => ({ value: id, label: momentText(createdAt) }))}
                />
              </Form.Item>
            )}
          </Flex>
        </Flex>
      </Section>
      {scans.isPending && <Spin style={{ alignSelf: "center" }} />}
      {scans.error && <FailurePanel failure={scans.error} onRetry={() => void scans.refetch()} />}
      {scans.isSuccess && !shown && <Nothing text={t("duplicates.none")} />}
      {shown && (
        <>
          <JobPanel key={shown.id} job={shown.id} report={t("duplicates.report")} />
          <Pairs key={`pairs ${shown.id}`} library={library} job={shown} threshold={threshold} />
        </>
      )}
    </Flex>
  );
}

function Pairs({ library, job, threshold }: Properties & { job: Job }) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const [left, setLeft] = useState<ReadonlySet<number>>(new Set());
  const list = useCursor<Pair>(
    ["duplicates", job.id],
    (cursor) => dataOf(api.GET("/jobs/{job}/items", { params: { path: { job: job.id }, query: { limit: PAGE_SIZE, cursor } } })),
    isOver(job) ? undefined : REFRESH_MS,
  );
  if (list.isPending) return <Spin style={{ alignSelf: "center" }} />;
  if (list.error && list.items.length === 0) return <FailurePanel failure={list.error} onRetry={() => void list.refetch()} />;
  if (list.items.length === 0) return isOver(job) ? <Nothing text={t("duplicates.noPairs")} /> : null;
  const shown = list.items.filter(({ number }) => !left.has(number));
  return (
    <Flex vertical gap={12}>
      {shown.map((pair) => (
        <DuplicatePair
          key={pair.number}
          library={library}
          pair={pair}
          threshold={threshold}
          onLeave={() => setLeft(new Set([...left, pair.number]))}
        />
      ))}
      {left.size > 0 && (
        <Flex gap={8} align="center" wrap>
          <Typography.Text type="secondary">{t("duplicates.left", { pairs: countText(left.size) })}</Typography.Text>
          <Button size="small" onClick={() => setLeft(new Set())}>
            {t("duplicates.showLeft")}
          </Button>
        </Flex>
      )}
      {list.hasNextPage && (
        <Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()} style={{ alignSelf: "center" }}>
          {common("more")}
        </Button>
      )}
    </Flex>
  );
}
