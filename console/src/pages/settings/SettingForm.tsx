import { useMutation } from "@tanstack/react-query";
import { App, Button, Checkbox, Flex, Form, Input } from "antd";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { ReasonedFailure } from "../../common/ReasonedFailure";
import { kindOf, mayBeUnset, type Setting } from "./settingKinds";
import { limitText } from "./settingTexts";
import { ValueInput } from "./ValueInput";

export const MAX_REASON_CHARACTERS = 500;

interface Values {
  isUnset: boolean;
  value: unknown;
  reason: string;
}

/** Changes a setting, with a reason. */
export function SettingForm({ setting }: { setting: Setting }) {
  const { t } = useTranslation("settings");
  const { message } = App.useApp();
  const [form] = Form.useForm<Values>();
  const isUnset = Form.useWatch("isUnset", form) ?? false;
  const kind = kindOf(setting);
  const submission = useMutation({
    mutationFn: ({ isUnset, value, reason }: Values) =>
      api.PUT("/settings/{setting}", {
        params: { path: { setting: setting.name } },
        // Values of any kind, which the document describes as an object.
        body: { value: (isUnset ? null : value) as never, reason },
      }),
    onSuccess: () => message.success(t("changed")),
  });
  return (
    <Form<Values>
      form={form}
      name="setting"
      layout="vertical"
      requiredMark={false}
      disabled={submission.isPending}
      initialValues={{ isUnset: setting.value === null, value: setting.value, reason: "" }}
      onFinish={(values) => submission.mutate(values)}
    >
      {mayBeUnset(setting) && (
        <Form.Item name="isUnset" valuePropName="checked" style={{ marginBottom: 8 }}>
          <Checkbox>{t("noValue")}</Checkbox>
        </Form.Item>
      )}
      <Form.Item
        name="value"
        label={t("newValue")}
        extra={limitText(setting)}
        hidden={isUnset}
        rules={[{ validator: (_, value) => (isUnset || isGiven(value) ? Promise.resolve() : Promise.reject(new Error(t("valueWanted")))) }]}
      >
        <ValueInput kind={kind} />
      </Form.Item>
      <Form.Item
        name="reason"
        label={t("reason")}
        extra={t("reasonAbout")}
        rules={[{ required: true, whitespace: true, message: t("reasonWanted") }]}
      >
        <Input maxLength={MAX_REASON_CHARACTERS} autoComplete="off" />
      </Form.Item>
      <Flex vertical gap={12} align="start">
        {submission.error && <ReasonedFailure failure={submission.error} />}
        <Button type="primary" htmlType="submit" loading={submission.isPending}>
          {t("apply")}
        </Button>
      </Flex>
    </Form>
  );
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}
