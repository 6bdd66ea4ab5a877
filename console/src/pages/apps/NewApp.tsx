import { useMutation } from "@tanstack/react-query";
import { Button, Flex, Form, Input, Modal } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { api, dataOf } from "../../api/client";
import { FailurePanel } from "../../common/states";
import { AppToken } from "./AppToken";
import { CapabilityChoice } from "./capabilities";
import { DueChoice } from "./DueChoice";

interface Fields {
  appId: string;
  dueAt: Dayjs;
  capabilities: string[];
}

interface Properties {
  /** An app that is there already and has no grant now. */
  appId?: string;
  onClose: () => void;
}

/** Creates an app, or gives one a grant again. Its token is shown afterwards. */
export function NewApp({ appId, onClose }: Properties) {
  const { t } = useTranslation(["apps", "common"]);
  const navigate = useNavigate();
  const [fields] = Form.useForm<Fields>();
  const create = useMutation({
    mutationFn: ({ appId: id, dueAt, capabilities }: Fields) =>
      dataOf(api.POST("/apps", { body: { appId: id.trim(), dueAt: dueAt.toISOString(), capabilities } })),
  });
  const isAgain = appId !== undefined;
  if (create.data) {
    const { appId: id, token } = create.data;
    return (
      <AppToken
        title={t("create.done", { app: id })}
        token={token}
        onClose={() => {
          onClose();
          if (!isAgain) void navigate(`/apps/${encodeURIComponent(id)}`);
        }}
      />
    );
  }
  return (
    <Modal
      open
      title={isAgain ? t("create.again", { app: appId }) : t("create.title")}
      styles={{ title: { paddingInlineEnd: 24, overflowWrap: "anywhere" } }}
      width={720}
      mask={{ closable: false }}
      onCancel={onClose}
      footer={
        <Flex gap={8} justify="end">
          <Button onClick={onClose}>{t("common:cancel")}</Button>
          <Button type="primary" loading={create.isPending} onClick={() => fields.submit()}>
            {isAgain ? t("create.grant") : t("common:create")}
          </Button>
        </Flex>
      }
    >
      <Flex vertical gap={12}>
        {create.error && <FailurePanel failure={create.error} />}
        <Form
          form={fields}
          layout="vertical"
          scrollToFirstError
          initialValues={{ appId, dueAt: dayjs().endOf("day").add(1, "year"), capabilities: [] }}
          onFinish={(values) => create.mutate(values)}
        >
          <Form.Item
            name="appId"
            label={t("create.id")}
            extra={t("create.idHelp")}
            rules={[{ required: true, whitespace: true, message: t("create.idWanted") }, { max: 128 }]}
          >
            <Input disabled={isAgain} autoFocus={!isAgain} maxLength={128} autoComplete="off" />
          </Form.Item>
          <Form.Item name="dueAt" label={t("grant.due")} extra={t("grant.dueHelp")} rules={[{ required: true }]}>
            <DueChoice />
          </Form.Item>
          <Form.Item
            name="capabilities"
            label={t("grant.capabilities")}
            extra={<Link to="/settings">{t("create.settings")}</Link>}
            rules={[{ required: true, type: "array", min: 1, message: t("grant.capabilityWanted") }]}
          >
            <CapabilityChoice />
          </Form.Item>
        </Form>
      </Flex>
    </Modal>
  );
}
