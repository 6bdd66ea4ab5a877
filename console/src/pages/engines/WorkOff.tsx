import { CheckCircleFilled } from "@ant-design/icons";
import { Flex, Progress, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Engine } from "./engines";

/** How many writes are open of the most that were seen since the page was opened: one can watch them being worked off. */
export function WorkOff({ engines }: { engines: Engine[] }) {
  const { t } = useTranslation("engines");
  const open = engines.reduce((sum, { writes }) => sum + (writes?.waiting ?? 0) + (writes?.refused ?? 0), 0);
  const [most, setMost] = useState(open);
  useEffect(() => setMost((before) => Math.max(before, open)), [open]);
  if (open === 0 && most === 0) {
    return (
      <Typography.Text type="success">
        <CheckCircleFilled aria-hidden /> {t("workOff.none")}
      </Typography.Text>
    );
  }
  const highest = Math.max(most, open);
  const done = highest - open;
  return (
    <div aria-live="polite">
      <Flex justify="space-between" gap={8} wrap>
        <Typography.Text strong className="number">
          {open === 0 ? t("workOff.done") : t("workOff.open", { open: open.toLocaleString() })}
        </Typography.Text>
        <Typography.Text type="secondary" className="number">
          {t("workOff.progress", { done: done.toLocaleString(), most: highest.toLocaleString() })}
        </Typography.Text>
      </Flex>
      <Progress
        percent={Math.round((done / highest) * 100)}
        status={open === 0 ? "success" : "active"}
        aria-label={t("workOff.label")}
      />
    </div>
  );
}
