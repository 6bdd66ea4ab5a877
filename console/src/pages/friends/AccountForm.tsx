import { useMutation } from "@tanstack/react-query";
import { App, Flex, Form, Input, Modal, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { FailurePanel } from "../../common/states";

interface Fields {
  id: string;
  nick?: string;
  faceUrl?: string;
}

interface Properties {
  app: string;
  /** Id of the account, if it is known. */
  id?: string;
  isNew?: boolean;
  onClose: () => void;
  onSaved: (id: string) => void;
}

/** Creates an account, or changes its nickname and portrait. */
export function AccountForm({ app, id, isNew = true, onClose, onSaved }: Properties) {
  const { t } = useTranslation(["friends", "common"]);
  const { message } = App.useApp();
  const [fields] = Form.useForm<Fields>();
  const save = useMutation({
    mutationFn: async ({ id: account, nick, faceUrl }: Fields) => {
      await api.PUT("/apps/{app}/accounts/{account}", {
        params: { path: { app, account: account.trim() } },
        body: { nick: nick || undefined, faceUrl: faceUrl?.trim() || undefined },
      });
      return account.trim();
    },
    onSuccess: (saved) => {
      message.success(t("common:saved"));
      onSaved(saved);
    },
  });
  return (
    <Modal
      open
      title={isNew ? t("account.create") : t("account.editOf", { id })}
      styles={{ title: { paddingInlineEnd: 24, overflowWrap: "anywhere" } }}
      okText={isNew ? t("common:create") : t("common:save")}
      cancelText={t("common:cancel")}
      confirmLoading={save.isPending}
      onOk={() => fields.submit()}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {save.error && <FailurePanel failure={save.error} />}
        <Form form={fields} layout="vertical" initialValues={{ id }} onFinish={(values) => save.mutate(values)}>
          <Form.Item
            name="id"
            label={t("account.id")}
            extra={t("account.idHelp")}
            rules={[{ required: true, whitespace: true, message: t("account.idWanted") }]}
          >
            <Input disabled={!isNew} maxLength={128} autoComplete="off" />
          </Form.Item>
          <Form.Item name="nick" label={t("account.nick")}>
            <Input maxLength={500} />
          </Form.Item>
          <Form.Item name="faceUrl" label={t("account.portrait")}>
            <Input type="url" maxLength={500} placeholder="https://" />
          </Form.Item>
        </Form>
        {!isNew && <Typography.Text type="secondary">{t("account.kept")}</Typography.Text>}
      </Flex>
    </Modal>
  );
}
