import { useMutation } from "@tanstack/react-query";
import { App, Button, Form, Input } from "antd";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { useSessions } from "../../app/session";
import { ReasonedFailure } from "../../common/ReasonedFailure";
import { Part } from "../../common/Part";
import { NewPassword } from "../operators/NewPassword";

interface Values {
  current: string;
  new: string;
  again: string;
}

/** Changes one's own password. */
export function OwnPassword() {
  const { t } = useTranslation("account");
  const { session } = useSessions();
  const { message } = App.useApp();
  const [form] = Form.useForm<Values>();
  const submission = useMutation({
    mutationFn: ({ current, new: wanted }: Values) => api.PUT("/session/password", { body: { current, new: wanted } }),
    onSuccess: () => {
      message.success(t("password.done"));
      form.resetFields();
    },
  });
  return (
    <Part title={t("password.title")} about={t("password.about")}>
      <Form<Values>
        form={form}
        name="own-password"
        layout="vertical"
        requiredMark={false}
        disabled={submission.isPending}
        onFinish={(values) => submission.mutate(values)}
        style={{ maxWidth: 420 }}
      >
        {/* Tells password managers whose password it is. */}
        <input type="text" autoComplete="username" value={session?.caller.replace(/^operator:/, "") ?? ""} readOnly hidden />
        <Form.Item name="current" label={t("password.current")} rules={[{ required: true, message: t("password.currentWanted") }]}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <NewPassword name="new" label={t("password.new")} owner={session?.caller.replace(/^operator:/, "")} />
        <Form.Item
          name="again"
          label={t("password.again")}
          dependencies={["new"]}
          rules={[
            ({ getFieldValue }) => ({
              validator: (_, value) =>
                value === getFieldValue("new") ? Promise.resolve() : Promise.reject(new Error(t("password.different"))),
            }),
          ]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        {submission.error && (
          <Form.Item>
            <ReasonedFailure failure={submission.error} />
          </Form.Item>
        )}
        <Button type="primary" htmlType="submit" loading={submission.isPending}>
          {t("password.submit")}
        </Button>
      </Form>
    </Part>
  );
}
