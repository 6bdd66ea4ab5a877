import { useMutation } from "@tanstack/react-query";
import { App, Flex, Form, Modal } from "antd";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { ReasonedFailure } from "./ReasonedFailure";

interface Properties<Values extends object> {
  title: string;
  /** Label of the button that submits. */
  action: string;
  /** Values of the fields at first. */
  initial?: Partial<Values>;
  /** What is done with the values. A failure is shown, and leaves the form open. */
  onSubmit: (values: Values) => Promise<unknown>;
  onClose: () => void;
  /** What is said when it is done. */
  done?: string;
  isDanger?: boolean;
  /** Whether the form can't be submitted yet. */
  isIncomplete?: boolean;
  width?: number;
  children: ReactNode;
}

/** A form in a dialog. It is open as long as it is rendered. */
export function FormModal<Values extends object>(properties: Properties<Values>) {
  const { title, action, initial, onSubmit, onClose, done, isDanger, isIncomplete, width = 520, children } = properties;
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [form] = Form.useForm<Values>();
  const id = useId();
  const submission = useMutation({
    mutationFn: onSubmit,
    onSuccess: () => {
      if (done) message.success(done);
      onClose();
    },
  });
  return (
    <Modal
      open
      title={title}
      width={width}
      okText={action}
      cancelText={t("cancel")}
      okButtonProps={{ danger: isDanger, disabled: isIncomplete }}
      confirmLoading={submission.isPending}
      mask={{ closable: false }}
      styles={{ title: { paddingInlineEnd: 24, overflowWrap: "anywhere" } }}
      onOk={form.submit}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {submission.error && <ReasonedFailure failure={submission.error} />}
        <Form<Values>
          form={form}
          name={id}
          layout="vertical"
          requiredMark={false}
          initialValues={initial}
          disabled={submission.isPending}
          onFinish={(values) => submission.mutate(values)}
        >
          {children}
          {/* Lets the Enter key of a field submit. */}
          <button type="submit" hidden disabled={isIncomplete} />
        </Form>
      </Flex>
    </Modal>
  );
}
