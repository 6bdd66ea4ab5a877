import { useMutation } from "@tanstack/react-query";
import { Alert, App, DatePicker, Flex, Input, Modal, Radio, Spin, Typography } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, queries } from "../../api/client";
import { FailurePanel } from "../../common/states";
import { momentText } from "../../common/time";
import type { Delivery, Webhook } from "./kinds";

interface Properties {
  webhook: Webhook;
  /** A delivery whose event is the first one; else it is chosen. */
  delivery?: Delivery;
  onClose: () => void;
}

/** Delivers again the events from one on, which is chosen by time or by id. */
export function ReplayFrom({ webhook, delivery, onClose }: Properties) {
  const { t } = useTranslation(["webhooks", "common"]);
  const { message } = App.useApp();
  const [by, setBy] = useState<"time" | "id">("time");
  const [time, setTime] = useState<Dayjs>(() => dayjs().subtract(1, "hour"));
  const [typed, setTyped] = useState("");
  const isByTime = !delivery && by === "time";
  const query = {
    from: time.toISOString(),
    limit: 1,
    kind: webhook.kinds.length > 0 ? webhook.kinds : undefined,
    libraryId: webhook.libraryId ?? undefined,
    appId: webhook.allApps ? undefined : webhook.appId,
  };
  const found = queries.useQuery("get", "/events/log", { params: { query } }, { enabled: isByTime });
  const first = found.data?.items[0];
  const eventId = delivery ? delivery.eventId : isByTime ? first?.id : typed.trim();
  const replay = useMutation({
    mutationFn: (fromEventId: string) =>
      dataOf(api.POST("/webhooks/{webhook}/replay", { params: { path: { webhook: webhook.id } }, body: { fromEventId } })),
    onSuccess: () => {
      message.success(t("replay.started"));
      onClose();
    },
  });
  return (
    <Modal
      open
      title={delivery ? t("replay.titleOf", { event: delivery.eventId }) : t("replay.title")}
      styles={{ title: { paddingInlineEnd: 24, overflowWrap: "anywhere" } }}
      okText={t("replay.action")}
      cancelText={t("common:cancel")}
      confirmLoading={replay.isPending}
      okButtonProps={{ disabled: !eventId }}
      onOk={() => eventId && replay.mutate(eventId)}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {!delivery && (
          <>
            <Radio.Group
              value={by}
              onChange={({ target }) => setBy(target.value)}
              options={[
                { value: "time", label: t("replay.byTime") },
                { value: "id", label: t("replay.byId") },
              ]}
            />
            {isByTime ? (
              <DatePicker
                showTime={{ format: "HH:mm" }}
                format="YYYY-MM-DD HH:mm"
                value={time}
                allowClear={false}
                aria-label={t("replay.byTime")}
                onChange={(next: Dayjs | null) => next && setTime(next)}
                presets={[
                  { label: t("replay.presets.hour"), value: dayjs().subtract(1, "hour") },
                  { label: t("replay.presets.day"), value: dayjs().subtract(1, "day") },
                  { label: t("replay.presets.week"), value: dayjs().subtract(7, "day") },
                ]}
              />
            ) : (
              <Input
                value={typed}
                inputMode="numeric"
                aria-label={t("replay.byId")}
                placeholder={t("replay.idExample")}
                onChange={({ target }) => setTyped(target.value)}
              />
            )}
            {isByTime && found.isFetching && <Spin size="small" />}
            {isByTime && found.error && <FailurePanel failure={found.error} onRetry={() => void found.refetch()} />}
            {isByTime && found.data && !found.isFetching && (
              <Typography.Text>
                {first
                  ? t("replay.first", { id: first.id, kind: t(`kinds.${first.kind}.name`), time: momentText(first.time) })
                  : t("replay.none")}
              </Typography.Text>
            )}
          </>
        )}
        <Alert type="info" showIcon title={t("replay.means")} description={t("replay.twice")} />
        {!webhook.enabled && <Alert type="warning" showIcon title={t("replay.disabled")} />}
        {replay.error && <FailurePanel failure={replay.error} />}
      </Flex>
    </Modal>
  );
}
