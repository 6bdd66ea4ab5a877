import { CheckCircleOutlined, PlusOutlined, StopOutlined, WarningOutlined } from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Button, Checkbox, Flex, Table, type TableColumnsType, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, queries, type Schema } from "../../api/client";
import { useConfirm } from "../../common/confirm";
import { CopyButton } from "../../common/CopyButton";
import { StateTag } from "../../common/StateTag";
import { Loaded, Nothing } from "../../common/states";
import { useTableScroll } from "../../common/tableScroll";
import { Moment } from "../../common/time";
import { NewKey } from "./NewKey";
import { isKeyKind } from "./snippets";

/** The keys of an app, for the interfaces whose requests are signed. */
export function KeysPanel({ app, onConnect }: { app: string; onConnect: () => void }) {
  const { t } = useTranslation("apps");
  const query = queries.useQuery("get", "/apps/{app}/keys", { params: { path: { app } } });
  const [isCreating, setIsCreating] = useState(false);
  const [isShowingRevoked, setIsShowingRevoked] = useState(false);
  return (
    <Flex vertical gap={12}>
      <Typography.Text>{t("keys.about")}</Typography.Text>
      <Flex gap={8} wrap align="center">
        <Button type="primary" icon={<PlusOutlined />} onClick={() => setIsCreating(true)}>
          {t("keys.create")}
        </Button>
        <Button onClick={onConnect}>{t("keys.connect")}</Button>
        <Checkbox checked={isShowingRevoked} onChange={({ target }) => setIsShowingRevoked(target.checked)}>
          {t("keys.showRevoked")}
        </Checkbox>
      </Flex>
      <Loaded query={query}>
        {({ keys }) => <Keys app={app} keys={keys.filter(({ revokedAt }) => isShowingRevoked || !revokedAt)} />}
      </Loaded>
      {isCreating && <NewKey app={app} onClose={() => setIsCreating(false)} />}
    </Flex>
  );
}

function Keys({ app, keys }: { app: string; keys: Schema<"ShownKey">[] }) {
  const { t } = useTranslation("apps");
  const cache = useQueryClient();
  const confirm = useConfirm();
  const scroll = useTableScroll();
  const nameOf = (kind: string) => (isKeyKind(kind) ? t(`vendors.${kind}.name`) : kind);
  const revoke = ({ id, kind }: Schema<"ShownKey">) =>
    confirm({
      title: t("keys.revoke.title", { id }),
      content: t("keys.revoke.breaks", { vendor: nameOf(kind) }),
      action: t("keys.revoke.action"),
      word: id,
      onConfirm: async () => {
        await api.DELETE("/apps/{app}/keys/{key}", { params: { path: { app, key: id } } });
        void cache.invalidateQueries();
      },
    });
  const columns: TableColumnsType<Schema<"ShownKey">> = [
    {
      key: "key",
      title: t("keys.key"),
      render: (_, { id, kind, revokedAt }) => (
        <div>
          <div>{nameOf(kind)}</div>
          <Flex gap={4} align="start">
            <Typography.Text code delete={Boolean(revokedAt)} style={{ overflowWrap: "anywhere" }}>
              {id}
            </Typography.Text>
            <CopyButton text={id} of={id} isSmall size="small" type="text" />
          </Flex>
        </div>
      ),
    },
    { key: "limits", title: t("keys.limits"), responsive: ["sm"], render: (_, key) => <KeyLimits limits={key} /> },
    { key: "options", title: t("keys.options"), responsive: ["md"], render: (_, key) => <KeyOptions options={key} /> },
    { key: "created", title: t("created"), responsive: ["lg"], render: (_, { createdAt }) => <Moment at={createdAt} /> },
    {
      key: "state",
      title: t("keys.state"),
      render: (_, key) =>
        key.revokedAt ? (
          <div>
            <StateTag icon={<StopOutlined />} tone="bad">
              {t("keys.revoked")}
            </StateTag>
            <div>
              <Moment at={key.revokedAt} />
            </div>
          </div>
        ) : (
          <Flex gap={8} wrap align="center">
            <StateTag icon={<CheckCircleOutlined />} tone="good" style={{ marginInlineEnd: 0 }}>
              {t("keys.valid")}
            </StateTag>
            <Button
              danger
              size="small"
              autoInsertSpace={false}
              aria-label={t("keys.revoke.title", { id: key.id })}
              onClick={() => revoke(key)}
            >
              {t("keys.revoke.action")}
            </Button>
          </Flex>
        ),
    },
  ];
  return (
    <Table
      size="middle"
      rowKey="id"
      columns={columns}
      dataSource={keys}
      pagination={false}
      scroll={scroll}
      locale={{ emptyText: <Nothing text={t("keys.nothing")} /> }}
    />
  );
}

type KeyNumbers = Pick<Schema<"ShownKey">, "callsPerDay" | "callsPerSecond">;

function KeyLimits({ limits: { callsPerSecond, callsPerDay } }: { limits: KeyNumbers }) {
  const { t } = useTranslation(["apps", "common"]);
  const texts = [
    typeof callsPerSecond === "number" ? t("keys.perSecond", { calls: callsPerSecond.toLocaleString() }) : null,
    typeof callsPerDay === "number" ? t("keys.perDay", { calls: callsPerDay.toLocaleString() }) : null,
  ].filter((text) => text !== null);
  if (texts.length === 0) return <Typography.Text type="secondary">{t("common:unlimited")}</Typography.Text>;
  return (
    <>
      {texts.map((text) => (
        <div key={text} className="number">
          {text}
        </div>
      ))}
    </>
  );
}

function KeyOptions({ options: { allowMd5, allowReplay } }: { options: Schema<"ShownKey"> }) {
  const { t } = useTranslation("apps");
  if (!allowMd5 && !allowReplay) return <Typography.Text type="secondary">{t("keys.strict")}</Typography.Text>;
  return (
    <Flex gap={4} wrap>
      {allowMd5 && (
        <StateTag icon={<WarningOutlined />} tone="warning">
          {t("keys.md5")}
        </StateTag>
      )}
      {allowReplay && (
        <StateTag icon={<WarningOutlined />} tone="warning">
          {t("keys.replay")}
        </StateTag>
      )}
    </Flex>
  );
}
