import { useMutation } from "@tanstack/react-query";
import { App, Flex, Form, Input, Modal, Select } from "antd";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { FailurePanel } from "../../common/states";
import { type Friend, useGroups, type Whose } from "./friends";

interface Fields {
  id: string;
  remark?: string;
  groups: string[];
}

/** Adds a friend, or changes what the account calls it and the groups that it is in. */
export function FriendForm({ app, account, friend, onClose }: Whose & { friend: Friend | null; onClose: () => void }) {
  const { t } = useTranslation(["friends", "common"]);
  const { message } = App.useApp();
  const [fields] = Form.useForm<Fields>();
  const groups = useGroups({ app, account });
  const save = useMutation({
    mutationFn: async ({ id, remark = "", groups: names }: Fields) => {
      await api.PUT("/apps/{app}/accounts/{account}/friends/{friend}", {
        params: { path: { app, account, friend: id.trim() } },
        body: { remark, groups: names },
      });
    },
    onSuccess: () => {
      message.success(t("common:saved"));
      onClose();
    },
  });
  return (
    <Modal
      open
      title={friend ? t("friend.editOf", { id: friend.id }) : t("friend.addTo", { account })}
      styles={{ title: { paddingInlineEnd: 24, overflowWrap: "anywhere" } }}
      okText={t("common:save")}
      cancelText={t("common:cancel")}
      confirmLoading={save.isPending}
      onOk={() => fields.submit()}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {save.error && <FailurePanel failure={save.error} />}
        <Form
          form={fields}
          layout="vertical"
          initialValues={{ id: friend?.id, remark: friend?.remark, groups: friend?.groups ?? [] }}
          onFinish={(values) => save.mutate(values)}
        >
          <Form.Item
            name="id"
            label={t("friend.account")}
            extra={friend ? undefined : t("friend.idHelp")}
            rules={[{ required: true, whitespace: true, message: t("account.idWanted") }]}
          >
            <Input disabled={friend !== null} maxLength={128} autoComplete="off" />
          </Form.Item>
          <Form.Item name="remark" label={t("friend.remark")} extra={t("friend.remarkHelp")}>
            <Input maxLength={96} />
          </Form.Item>
          <Form.Item name="groups" label={t("friend.groups")} extra={t("friend.groupsHelp")}>
            <Select
              mode="tags"
              loading={groups.isPending}
              options={groups.data?.items.map(({ name }) => ({ value: name, label: name }))}
            />
          </Form.Item>
        </Form>
      </Flex>
    </Modal>
  );
}
