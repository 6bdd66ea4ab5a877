import { useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { api, queries } from "../../api/client";
import { useSessions } from "../../app/session";
import { useChange } from "../../common/change";
import { useConfirm } from "../../common/confirm";
import { Part } from "../../common/Part";
import { isLastAdmin, OPERATOR_KEY, type Operator, type ReadOperator, useOperatorUpdate } from "./operators";

interface Properties {
  read: ReadOperator;
  all: Operator[];
  onDeleted: () => void;
}

/** Locks an operator out, lets them in again, or deletes them. */
export function OperatorAccess({ read, all, onDeleted }: Properties) {
  const { t } = useTranslation("operators");
  const { t: common } = useTranslation();
  const { session } = useSessions();
  const update = useOperatorUpdate(read);
  const { run: enable, isBusy } = useChange(() => update({ disabled: false }));
  const confirm = useConfirm();
  const cache = useQueryClient();
  const sessions = queries.useQuery("get", "/sessions");
  const tokens = queries.useQuery("get", "/tokens");
  const { id, name, disabled } = read.operator;

  const count = (list: typeof sessions) => list.data?.items.filter(({ operatorId }) => operatorId === id).length ?? 0;
  const losses = (
    <>
      <Typography.Paragraph>{t("losses", { sessions: count(sessions), tokens: count(tokens) })}</Typography.Paragraph>
      {session?.operatorId === id && <Typography.Paragraph type="danger">{t("ownLoss")}</Typography.Paragraph>}
      {isLastAdmin(read.operator, all) && <Typography.Paragraph type="danger">{t("lastAdmin")}</Typography.Paragraph>}
    </>
  );
  const askDisable = () =>
    confirm({
      title: t("disable.title", { name }),
      content: (
        <>
          <Typography.Paragraph>{t("disable.about")}</Typography.Paragraph>
          {losses}
        </>
      ),
      action: t("disable.action"),
      onConfirm: () => update({ disabled: true }),
    });
  const askDelete = () =>
    confirm({
      title: t("remove.title", { name }),
      content: (
        <>
          <Typography.Paragraph>{t("remove.about")}</Typography.Paragraph>
          {losses}
        </>
      ),
      action: t("remove.action"),
      word: name,
      onConfirm: async () => {
        await api.DELETE("/operators/{operator}", { params: { path: { operator: id } } });
        onDeleted();
        // The operator itself can't be read again.
        await cache.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== OPERATOR_KEY });
      },
    });
  return (
    <Part title={t("access")} about={t("accessAbout")}>
      <Flex gap={8} wrap>
        {disabled ? (
          <Button loading={isBusy} onClick={() => void enable(undefined, common("saved"))}>
            {t("enable")}
          </Button>
        ) : (
          <Button danger onClick={askDisable}>
            {t("disable.action")}
          </Button>
        )}
        <Button danger type="primary" onClick={askDelete}>
          {t("remove.action")}
        </Button>
      </Flex>
    </Part>
  );
}
