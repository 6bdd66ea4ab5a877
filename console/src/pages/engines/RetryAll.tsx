import { useQueryClient } from "@tanstack/react-query";
import { App, Button, Flex, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAct } from "../../common/confirm";
import { countText } from "../../common/numbers";
import { canRetry, retryWrites, type WriteFilter } from "./writes";

/** Lets the server try all open writes of a filter again; the list shows what becomes of them. */
export function RetryAll({ filter }: { filter: WriteFilter }) {
  const { t } = useTranslation("engines");
  const { message } = App.useApp();
  const act = useAct();
  const cache = useQueryClient();
  const [isBusy, setIsBusy] = useState(false);
  const run = async () => {
    setIsBusy(true);
    await act(async () => {
      const writes = await retryWrites(filter);
      message.info(t(writes === 0 ? "retry.nothing" : "retry.begun", { writes: countText(writes) }));
      await cache.invalidateQueries();
    });
    setIsBusy(false);
  };
  if (!canRetry(filter)) return null;
  return (
    <Flex gap={8} wrap align="center">
      <Button loading={isBusy} onClick={() => void run()}>
        {t("retry.all")}
      </Button>
      <Typography.Text type="secondary">{t("retry.allHelp")}</Typography.Text>
    </Flex>
  );
}
