import { useMutation } from "@tanstack/react-query";
import { Flex, Form, Modal, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api, dataOf } from "../../api/client";
import { ShownOnce } from "../../common/ShownOnce";
import { FailurePanel } from "../../common/states";
import { kindsOf, type WebhookFields, WebhookForm } from "./WebhookForm";

/** Creates a webhook, and shows the secret of its signatures afterwards. */
export function NewWebhook({ app, onClose }: { app: string | undefined; onClose: () => void }) {
  const { t } = useTranslation(["webhooks", "common"]);
  const navigate = useNavigate();
  const [fields] = Form.useForm<WebhookFields>();
  const create = useMutation({
    mutationFn: (values: WebhookFields) =>
      dataOf(
        api.POST("/webhooks", {
          body: {
            url: values.url.trim(),
            description: values.description?.trim() || undefined,
            appId: values.app,
            libraryId: values.library,
            kinds: kindsOf(values),
          },
        }),
      ),
  });
  if (create.data) {
    const { id, secret } = create.data;
    return (
      <ShownOnce
        title={t("create.done")}
        about={t("create.secretAbout")}
        values={[{ label: t("create.secret"), value: secret }]}
        onClose={() => void navigate(`/webhooks/${id}`)}
      >
        <Typography.Text>{t("create.next")}</Typography.Text>
      </ShownOnce>
    );
  }
  return (
    <Modal
      open
      title={t("create.open")}
      width={600}
      okText={t("common:create")}
      cancelText={t("common:cancel")}
      confirmLoading={create.isPending}
      mask={{ closable: false }}
      onOk={() => fields.submit()}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {create.error && <FailurePanel failure={create.error} />}
        <WebhookForm
          fields={fields}
          initial={{ url: "", app, isOfAllKinds: true, kinds: [] }}
          onSubmit={(values) => create.mutate(values)}
        />
      </Flex>
    </Modal>
  );
}
