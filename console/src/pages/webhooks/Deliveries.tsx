import { CheckCircleOutlined, ClockCircleOutlined, CloseCircleOutlined } from "@ant-design/icons";
import { Button, Flex, Segmented, type TableColumnsType, Tag, Typography } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useChange } from "../../common/change";
import { CursorTable, useCursor } from "../../common/cursor";
import { StateTag, type Tone } from "../../common/StateTag";
import { useTableScroll } from "../../common/tableScroll";
import { Moment } from "../../common/time";
import { Attempts } from "./Attempts";
import { type Delivery, REFRESH_MS, type Webhook } from "./kinds";
import { ReplayFrom } from "./ReplayFrom";

const STATES = ["all", "waiting", "delivered", "failed"] as const;

const TONES: Record<Schema<"Progress">, { tone: Tone; icon: ReactNode }> = {
  waiting: { tone: "busy", icon: <ClockCircleOutlined /> },
  delivered: { tone: "good", icon: <CheckCircleOutlined /> },
  failed: { tone: "bad", icon: <CloseCircleOutlined /> },
};

/** The deliveries of a webhook with their attempts, the latest first. */
export function Deliveries({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation("webhooks");
  const { canWork } = usePermissions();
  const scroll = useTableScroll();
  const [shown, setShown] = useState<(typeof STATES)[number]>("all");
  const [replayed, setReplayed] = useState<Delivery | null>(null);
  const state = shown === "all" ? undefined : shown;
  const list = useCursor(
    ["deliveries", webhook.id, state],
    (cursor) =>
      dataOf(api.GET("/webhooks/{webhook}/deliveries", { params: { path: { webhook: webhook.id }, query: { state, cursor } } })),
    REFRESH_MS,
  );
  const columns: TableColumnsType<Delivery> = [
    {
      key: "event",
      title: t("delivery.event"),
      render: (_, { kind, eventId, isReplay }) => (
        <div>
          {t(`kinds.${kind}.name`)} <span className="number">#{eventId}</span>
          {isReplay && (
            <div>
              <Tag variant="outlined">{t("delivery.replay")}</Tag>
            </div>
          )}
        </div>
      ),
    },
    { key: "state", title: t("delivery.state"), render: (_, delivery) => <DeliveryState delivery={delivery} /> },
    {
      key: "created",
      title: t("delivery.created"),
      responsive: ["md"],
      render: (_, { createdAt }) => <Moment at={createdAt} />,
    },
    {
      key: "answer",
      title: t("delivery.last"),
      responsive: ["lg"],
      render: (_, { attempts }) => {
        const last = attempts.at(-1);
        if (!last) return "—";
        return (
          <Typography.Text ellipsis={{ tooltip: last.error ?? "" }} style={{ maxWidth: 260 }} className="number">
            {[last.status, last.error].filter(Boolean).join(" · ")}
          </Typography.Text>
        );
      },
    },
  ];
  if (canWork) {
    columns.push({
      key: "actions",
      title: t("delivery.actions"),
      render: (_, delivery) => (
        <Flex gap={4} wrap>
          <ReplayOne webhook={webhook.id} delivery={delivery} />
          {delivery.kind !== "test" && (
            <Button size="small" onClick={() => setReplayed(delivery)} aria-label={t("replay.fromOf", { event: delivery.eventId })}>
              {t("replay.from")}
            </Button>
          )}
        </Flex>
      ),
    });
  }
  return (
    <Flex vertical gap={12}>
      <Flex gap={12} justify="space-between" align="center" wrap>
        <Typography.Title level={2} style={{ fontSize: 18, margin: 0 }}>
          {t("delivery.title")}
        </Typography.Title>
        <Segmented
          value={shown}
          onChange={setShown}
          options={STATES.map((value) => ({ value, label: t(`delivery.states.${value}`) }))}
        />
      </Flex>
      <CursorTable
        list={list}
        rowKey="id"
        columns={columns}
        scroll={scroll}
        nothing={t(shown === "all" ? "delivery.nothing" : "delivery.nothingFound")}
        expandable={{
          columnTitle: t("delivery.details"),
          expandedRowRender: ({ attempts }) => <Attempts attempts={attempts} />,
        }}
      />
      {replayed && <ReplayFrom webhook={webhook} delivery={replayed} onClose={() => setReplayed(null)} />}
    </Flex>
  );
}

function DeliveryState({ delivery: { state, attempts, nextAttemptAt } }: { delivery: Delivery }) {
  const { t } = useTranslation("webhooks");
  return (
    <div>
      <StateTag {...TONES[state]}>{t(`delivery.states.${state}`)}</StateTag>
      <Typography.Text type="secondary" style={{ display: "block" }} className="number">
        {t("delivery.attempts", { attempts: attempts.length })}
      </Typography.Text>
      {state === "waiting" && nextAttemptAt && attempts.length > 0 && (
        <Typography.Text type="secondary" style={{ display: "block" }}>
          {t("delivery.next")} <Moment at={nextAttemptAt} ago />
        </Typography.Text>
      )}
    </div>
  );
}

function ReplayOne({ webhook, delivery }: { webhook: string; delivery: Delivery }) {
  const { t } = useTranslation("webhooks");
  const { run, isBusy } = useChange(() =>
    dataOf(
      api.POST("/webhooks/{webhook}/deliveries/{delivery}/replay", { params: { path: { webhook, delivery: delivery.id } } }),
    ),
  );
  return (
    <Button
      size="small"
      autoInsertSpace={false}
      loading={isBusy}
      aria-label={t("replay.oneOf", { event: delivery.eventId })}
      onClick={() => void run(undefined, t("replay.sent"))}
    >
      {t("replay.one")}
    </Button>
  );
}
