import { PlusOutlined } from "@ant-design/icons";
import { Button, Flex, Switch, type TableColumnsType, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf } from "../../api/client";
import { usePermissions } from "../../app/session";
import { AppChoice } from "../../common/AppChoice";
import { useChange } from "../../common/change";
import { CursorTable, useCursor } from "../../common/cursor";
import { Page } from "../../common/Page";
import { useTableScroll } from "../../common/tableScroll";
import type { Webhook } from "./kinds";
import { NewWebhook } from "./NewWebhook";
import { ReceiverHelp } from "./ReceiverHelp";
import { WebhookEvents } from "./WebhookEvents";
import { WebhookState } from "./WebhookState";

/** The webhooks, the creation of one, and how a receiver checks what it gets. */
export default function WebhooksPage() {
  const { t } = useTranslation("webhooks");
  const { canWork, seesAllApps } = usePermissions();
  const [isCreating, setIsCreating] = useState(false);
  const [app, setApp] = useState<string | undefined>();
  const list = useCursor(["webhooks", app], (cursor) =>
    dataOf(api.GET("/webhooks", { params: { query: { appId: app, cursor } } })),
  );
  return (
    <Page
      title={t("title")}
      about={t("about")}
      actions={
        canWork && (
          <Button type="primary" icon={<PlusOutlined />} onClick={() => setIsCreating(true)}>
            {t("create.open")}
          </Button>
        )
      }
    >
      {seesAllApps && (
        <Flex>
          <AppChoice
            allowClear
            value={app}
            onChange={setApp}
            style={{ width: 240 }}
            placeholder={t("filterApp")}
            aria-label={t("filterApp")}
          />
        </Flex>
      )}
      <Webhooks list={list} />
      <ReceiverHelp />
      {isCreating && <NewWebhook app={app} onClose={() => setIsCreating(false)} />}
    </Page>
  );
}

function Webhooks({ list }: { list: ReturnType<typeof useCursor<Webhook>> }) {
  const { t } = useTranslation(["webhooks", "common"]);
  const { canWork } = usePermissions();
  const scroll = useTableScroll();
  const columns: TableColumnsType<Webhook> = [
    {
      key: "target",
      title: t("target"),
      render: (_, { id, url, description }) => (
        <div style={{ maxWidth: 340, overflowWrap: "anywhere" }}>
          <Link to={`/webhooks/${id}`}>{url}</Link>
          {description && <Typography.Text type="secondary" style={{ display: "block" }}>{description}</Typography.Text>}
        </div>
      ),
    },
    { key: "state", title: t("state"), render: (_, webhook) => <WebhookState webhook={webhook} /> },
    {
      key: "app",
      title: t("common:app"),
      responsive: ["md"],
      render: (_, { allApps, appId }) => (allApps ? t("allApps") : <span style={{ overflowWrap: "anywhere" }}>{appId}</span>),
    },
    { key: "events", title: t("events"), responsive: ["lg"], render: (_, webhook) => <WebhookEvents webhook={webhook} /> },
  ];
  if (canWork) {
    columns.push({
      key: "enabled",
      title: t("enabled"),
      responsive: ["sm"],
      render: (_, webhook) => <EnabledSwitch webhook={webhook} />,
    });
  }
  return <CursorTable list={list} rowKey="id" columns={columns} scroll={scroll} nothing={t(canWork ? "nothing" : "nothingToSee")} />;
}

function EnabledSwitch({ webhook: { id, enabled, url } }: { webhook: Webhook }) {
  const { t } = useTranslation("webhooks");
  const { run, isBusy } = useChange((next: boolean) =>
    dataOf(api.PATCH("/webhooks/{webhook}", { params: { path: { webhook: id } }, body: { enabled: next } })),
  );
  return (
    <Switch
      checked={enabled}
      loading={isBusy}
      aria-label={t("enabledOf", { url })}
      onChange={(next) => void run(next, t(next ? "enabledNow" : "disabledNow"))}
    />
  );
}
