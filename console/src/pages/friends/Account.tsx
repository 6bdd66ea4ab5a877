import { useQueryClient } from "@tanstack/react-query";
import { Button, Card, Col, Flex, Row, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, queries } from "../../api/client";
import { Failure } from "../../api/failure";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { Loaded, Nothing } from "../../common/states";
import { AccountForm } from "./AccountForm";
import { Friends } from "./Friends";
import { Groups } from "./Groups";

interface Properties {
  app: string;
  id: string;
  onDeleted: () => void;
}

/** An account with its friends and friend groups. */
export function Account({ app, id, onDeleted }: Properties) {
  const { t } = useTranslation("friends");
  const { canWork } = usePermissions();
  const [isEditing, setIsEditing] = useState(false);
  const path = { app, account: id };
  const query = queries.useQuery("get", "/apps/{app}/accounts/{account}", { params: { path } });
  const isMissing = query.error instanceof Failure && query.error.code === "accountNotFound";
  const form = isEditing && (
    <AccountForm
      app={app}
      id={id}
      isNew={isMissing}
      onClose={() => setIsEditing(false)}
      onSaved={() => setIsEditing(false)}
    />
  );
  if (isMissing) {
    return (
      <>
        <Nothing text={t("account.missing", { id })}>
          {canWork && <Button onClick={() => setIsEditing(true)}>{t("account.create")}</Button>}
        </Nothing>
        {form}
      </>
    );
  }
  return (
    <Loaded query={query}>
      {({ friends }) => (
        <Flex vertical gap={16}>
          <Card>
            <Flex justify="space-between" gap={12} wrap align="center">
              <div style={{ minWidth: 0 }}>
                <Typography.Title level={2} style={{ fontSize: 18, margin: 0, overflowWrap: "anywhere" }}>
                  {id}
                </Typography.Title>
                <Typography.Text type="secondary" className="number">
                  {t("account.friends", { friends: friends.toLocaleString() })}
                </Typography.Text>
              </div>
              {canWork && (
                <Flex gap={8} wrap>
                  <Button onClick={() => setIsEditing(true)}>{t("account.edit")}</Button>
                  <Removal app={app} id={id} friends={friends} onDeleted={onDeleted} />
                </Flex>
              )}
            </Flex>
          </Card>
          <Row gutter={[16, 16]}>
            <Col xs={24} xl={15}>
              <Friends app={app} account={id} />
            </Col>
            <Col xs={24} xl={9}>
              <Groups app={app} account={id} />
            </Col>
          </Row>
          {form}
        </Flex>
      )}
    </Loaded>
  );
}

function Removal({ app, id, friends, onDeleted }: Properties & { friends: number }) {
  const { t } = useTranslation("friends");
  const cache = useQueryClient();
  const confirm = useConfirm();
  const remove = () =>
    confirm({
      title: t("account.delete.title", { id }),
      content: t("account.delete.lost", { friends: friends.toLocaleString() }),
      action: t("account.delete.action"),
      word: id,
      onConfirm: async () => {
        await api.DELETE("/apps/{app}/accounts/{account}", { params: { path: { app, account: id } } });
        // What is shown is gone, so that it is not read again.
        void cache.invalidateQueries({ refetchType: "none" });
        onDeleted();
      },
    });
  return (
    <Button danger onClick={remove}>
      {t("account.delete.action")}
    </Button>
  );
}
