import { useMutation } from "@tanstack/react-query";
import { Alert, App, Flex, Form, Input, Modal } from "antd";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { FailurePanel } from "../../common/states";
import type { Write } from "./engines";

const MAX_REASON = 500;

/** Gives a write up, for a reason that is typed, after it is said what is lost. */
export function DropWrite({ write, onClose }: { write: Write; onClose: () => void }) {
  const { t } = useTranslation(["engines", "common"]);
  const { message } = App.useApp();
  const [fields] = Form.useForm<{ reason: string }>();
  const drop = useMutation({
    mutationFn: ({ reason }: { reason: string }) =>
      dataOf(api.POST("/outbox/{write}/drop", { params: { path: { write: write.id } }, body: { reason: reason.trim() } })),
    onSuccess: ({ state }) => {
      message.info(t(state === "waiting" ? "drop.becameUndo" : "drop.done"), 6);
      onClose();
    },
  });
  return (
    <Modal
      open
      title={t("drop.title", { id: write.id, what: t(`actions.${write.action}`) })}
      styles={{ title: { paddingInlineEnd: 24, overflowWrap: "anywhere" } }}
      okText={t("drop.action")}
      okButtonProps={{ danger: true }}
      cancelText={t("common:cancel")}
      confirmLoading={drop.isPending}
      onOk={() => fields.submit()}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        <Alert
          type="warning"
          showIcon
          title={t(`drop.lost.${write.action}`)}
          description={write.action === "addFace" && write.mayBeDone ? t("drop.doubt") : undefined}
        />
        {drop.error && <FailurePanel failure={drop.error} />}
        <Form form={fields} layout="vertical" onFinish={(values) => drop.mutate(values)}>
          <Form.Item
            name="reason"
            label={t("drop.reason")}
            extra={t("drop.reasonHelp")}
            rules={[{ required: true, whitespace: true, message: t("drop.reasonWanted") }]}
          >
            <Input.TextArea rows={3} maxLength={MAX_REASON} />
          </Form.Item>
        </Form>
      </Flex>
    </Modal>
  );
}
