import { useMutation, useQueryClient } from "@tanstack/react-query";
import { App, Flex, Form, Modal } from "antd";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { FailurePanel } from "../../common/states";
import type { Webhook } from "./kinds";
import { kindsOf, type WebhookFields, WebhookForm } from "./WebhookForm";

interface Properties {
  webhook: Webhook;
  /** State in which the webhook was read. A change is refused if somebody else changed it since. */
  etag: string | null;
  onClose: () => void;
}

/** Changes a webhook. */
export function EditWebhook({ webhook, etag, onClose }: Properties) {
  const { t } = useTranslation(["webhooks", "common"]);
  const { message } = App.useApp();
  const cache = useQueryClient();
  const [fields] = Form.useForm<WebhookFields>();
  const change = useMutation({
    mutationFn: (values: WebhookFields) =>
      dataOf(
        api.PATCH("/webhooks/{webhook}", {
          params: { path: { webhook: webhook.id }, header: { "If-Match": etag } },
          body: {
            url: values.url.trim(),
            description: values.description?.trim() ?? "",
            libraryId: values.library ?? "",
            kinds: kindsOf(values),
          },
        }),
      ),
    onSuccess: () => {
      message.success(t("common:saved"));
      onClose();
    },
    onError: () => void cache.invalidateQueries(),
  });
  return (
    <Modal
      open
      title={t("edit.title")}
      width={600}
      okText={t("common:save")}
      cancelText={t("common:cancel")}
      confirmLoading={change.isPending}
      mask={{ closable: false }}
      onOk={() => fields.submit()}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {change.error && <FailurePanel failure={change.error} />}
        <WebhookForm
          fields={fields}
          owner={webhook.allApps ? null : webhook.appId}
          initial={{
            url: webhook.url,
            description: webhook.description ?? undefined,
            library: webhook.libraryId ?? undefined,
            isOfAllKinds: webhook.kinds.length === 0,
            kinds: webhook.kinds,
          }}
          onSubmit={(values) => change.mutate(values)}
        />
      </Flex>
    </Modal>
  );
}
