import { Button, Flex, Form, Input, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { FormModal } from "../../common/FormModal";
import { MAX_REASON_CHARACTERS } from "./SettingForm";
import type { Setting } from "./settingKinds";
import { Value } from "./Value";

/** Takes the value of a setting out of the database, so that the one of file, environment or default counts again. */
export function Unset({ setting }: { setting: Setting }) {
  const { t } = useTranslation("settings");
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setIsOpen(true)}>{t("unsetIt.action")}</Button>
      {isOpen && (
        <FormModal<{ reason: string }>
          title={t("unsetIt.title", { name: setting.name })}
          action={t("unsetIt.action")}
          done={t("changed")}
          onSubmit={({ reason }) =>
            api.DELETE("/settings/{setting}", { params: { path: { setting: setting.name }, query: { reason } } })
          }
          onClose={() => setIsOpen(false)}
        >
          <Typography.Paragraph>{t("unsetIt.about")}</Typography.Paragraph>
          <Form.Item>
            <Flex gap={8} wrap>
              <Value value={setting.value} /> → <Value value={setting.base} />
              <Typography.Text type="secondary">({t(`source.${setting.baseSource}`)})</Typography.Text>
            </Flex>
          </Form.Item>
          <Form.Item
            name="reason"
            label={t("reason")}
            rules={[{ required: true, whitespace: true, message: t("reasonWanted") }]}
          >
            <Input maxLength={MAX_REASON_CHARACTERS} autoComplete="off" autoFocus />
          </Form.Item>
        </FormModal>
      )}
    </>
  );
}
