import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Card, Descriptions, Flex, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router";
import { api, dataOf } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useChange } from "../../common/change";
import { useConfirm } from "../../common/confirm";
import { Page } from "../../common/Page";
import { Loaded } from "../../common/states";
import { Moment } from "../../common/time";
import { Deliveries } from "./Deliveries";
import { EditWebhook } from "./EditWebhook";
import type { Webhook } from "./kinds";
import { ReceiverHelp } from "./ReceiverHelp";
import { ReplayFrom } from "./ReplayFrom";
import { WebhookEvents } from "./WebhookEvents";
import { useDisabledReason, WebhookState } from "./WebhookState";

/** How often the state of the webhook is read, in milliseconds. */
const REFRESH_MS = 5_000;

interface Read {
  webhook: Webhook;
  etag: string | null;
}

/** A webhook with its deliveries. */
export default function WebhookPage() {
  const { t } = useTranslation("webhooks");
  const { webhook: id = "" } = useParams();
  const query = useQuery({
    queryKey: ["webhook", id],
    queryFn: async (): Promise<Read> => {
      const { data, response } = await api.GET("/webhooks/{webhook}", { params: { path: { webhook: id } } });
      return { webhook: data as Webhook, etag: response.headers.get("ETag") };
    },
    refetchInterval: REFRESH_MS,
  });
  const { canWork } = usePermissions();
  const { webhook } = query.data ?? {};
  return (
    <Page
      title={webhook?.url ?? t("page.title")}
      about={webhook?.description}
      actions={canWork && query.data && <Actions read={query.data} />}
    >
      <Loaded query={query}>
        {({ webhook: read }) => (
          <Flex vertical gap={16}>
            <Summary webhook={read} />
            <Deliveries webhook={read} />
          </Flex>
        )}
      </Loaded>
      <ReceiverHelp />
    </Page>
  );
}

function Actions({ read: { webhook, etag } }: { read: Read }) {
  const { t } = useTranslation(["webhooks", "common"]);
  const navigate = useNavigate();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const [open, setOpen] = useState<"edit" | "replay" | null>(null);
  const path = { webhook: webhook.id };
  const test = useChange(() => dataOf(api.POST("/webhooks/{webhook}/test", { params: { path } })));
  const remove = () =>
    confirm({
      title: t("delete.title", { url: webhook.url }),
      content: t("delete.lost"),
      action: t("common:delete"),
      onConfirm: async () => {
        await api.DELETE("/webhooks/{webhook}", { params: { path } });
        // What is shown is gone: it is not read again, only the list is.
        void cache.invalidateQueries({ refetchType: "none" });
        await navigate("/webhooks");
      },
    });
  return (
    <>
      <Button type="primary" loading={test.isBusy} onClick={() => void test.run(undefined, t("test.sent"))}>
        {t("test.action")}
      </Button>
      <Button onClick={() => setOpen("edit")}>{t("common:edit")}</Button>
      <Button onClick={() => setOpen("replay")}>{t("replay.open")}</Button>
      <Button danger onClick={remove}>
        {t("common:delete")}
      </Button>
      {open === "edit" && <EditWebhook webhook={webhook} etag={etag} onClose={() => setOpen(null)} />}
      {open === "replay" && <ReplayFrom webhook={webhook} onClose={() => setOpen(null)} />}
    </>
  );
}

function Summary({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation(["webhooks", "common"]);
  const { canWork } = usePermissions();
  const reasonOf = useDisabledReason();
  const { run, isBusy } = useChange((enabled: boolean) =>
    dataOf(api.PATCH("/webhooks/{webhook}", { params: { path: { webhook: webhook.id } }, body: { enabled } })),
  );
  const change = (enabled: boolean) => void run(enabled, t(enabled ? "enabledNow" : "disabledNow"));
  return (
    <Card>
      <Flex vertical gap={16}>
        {!webhook.enabled && (
          <Alert
            type={webhook.disabledBy ? "error" : "warning"}
            showIcon
            title={webhook.disabledBy ? t("disabled.title", { reason: reasonOf(webhook.disabledBy) }) : t("disabled.byHand")}
            description={t("disabled.goesOn")}
            action={
              canWork && (
                <Button type="primary" loading={isBusy} onClick={() => change(true)}>
                  {t("enable")}
                </Button>
              )
            }
          />
        )}
        <Descriptions
          column={{ xs: 1, md: 2, xl: 3 }}
          items={[
            {
              key: "state",
              label: t("state"),
              children: (
                <Flex gap={12} align="start" wrap>
                  <WebhookState webhook={webhook} />
                  {canWork && webhook.enabled && (
                    <Button size="small" loading={isBusy} onClick={() => change(false)}>
                      {t("disable")}
                    </Button>
                  )}
                </Flex>
              ),
            },
            { key: "app", label: t("common:app"), children: webhook.allApps ? t("allApps") : webhook.appId },
            { key: "events", label: t("events"), children: <WebhookEvents webhook={webhook} /> },
            {
              key: "last",
              label: t("lastEvent"),
              children: <span className="number">{webhook.lastEventId}</span>,
            },
            { key: "created", label: t("created"), children: <Moment at={webhook.createdAt} /> },
          ]}
        />
        <Typography.Text type="secondary">{t("order")}</Typography.Text>
      </Flex>
    </Card>
  );
}
