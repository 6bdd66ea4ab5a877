import { Card, Flex, Statistic } from "antd";
import { useTranslation } from "react-i18next";
import { countText } from "../../common/numbers";
import { durationText } from "../../common/time";
import type { Row } from "./statistics";

/** The calls of all groups together. */
export function Summary({ rows }: { rows: Row[] }) {
  const { t } = useTranslation("statistics");
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  const durationMs = rows.reduce((sum, row) => sum + row.durationMs, 0);
  const slowest = rows.reduce((most, { latency }) => Math.max(most, latency?.p99 ?? 0), 0);
  return (
    <Card size="small">
      <Flex gap="12px 40px" wrap className="number">
        <Statistic title={t("callCount")} value={count} formatter={() => countText(count)} />
        <Statistic title={t("failedCount")} value={failed} formatter={() => countText(failed)} />
        <Statistic title={t("mean")} value={count === 0 ? "—" : durationText(durationMs / count)} />
        {slowest > 0 && <Statistic title={t("slowest")} value={durationText(slowest)} />}
      </Flex>
    </Card>
  );
}
