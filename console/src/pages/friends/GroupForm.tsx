import { useMutation } from "@tanstack/react-query";
import { App, Flex, Form, Input, Modal, Select } from "antd";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { FailurePanel } from "../../common/states";
import { type FriendGroup, useFriends, type Whose } from "./friends";

interface Fields {
  name: string;
  members: string[];
}

/** Creates a friend group, or adds friends to one. */
export function GroupForm({ app, account, group, onClose }: Whose & { group: FriendGroup | null; onClose: () => void }) {
  const { t } = useTranslation(["friends", "common"]);
  const { message } = App.useApp();
  const [fields] = Form.useForm<Fields>();
  const friends = useFriends({ app, account });
  const save = useMutation({
    mutationFn: ({ name, members }: Fields) =>
      api.PUT("/apps/{app}/accounts/{account}/friend-groups/{group}", {
        params: { path: { app, account, group: name.trim() } },
        body: { members },
      }),
    onSuccess: () => {
      message.success(t("common:saved"));
      onClose();
    },
  });
  const others = friends.items.filter(({ id }) => !group?.members.includes(id));
  return (
    <Modal
      open
      title={group ? t("group.addTo", { name: group.name }) : t("group.create")}
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
          initialValues={{ name: group?.name, members: [] }}
          onFinish={(values) => save.mutate(values)}
        >
          <Form.Item
            name="name"
            label={t("group.name")}
            rules={[{ required: true, whitespace: true, message: t("group.nameWanted") }]}
          >
            <Input disabled={group !== null} maxLength={128} />
          </Form.Item>
          <Form.Item
            name="members"
            label={t("group.friends")}
            extra={t("group.friendsHelp")}
            rules={group ? [{ required: true, type: "array", min: 1, message: t("group.friendWanted") }] : []}
          >
            <Select
              mode="tags"
              loading={friends.isPending}
              options={others.map(({ id, remark, nick }) => {
                const words = remark || nick;
                return { value: id, label: words ? `${id} (${words})` : id };
              })}
            />
          </Form.Item>
        </Form>
      </Flex>
    </Modal>
  );
}
