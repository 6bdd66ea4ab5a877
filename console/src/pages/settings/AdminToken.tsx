import { Alert, Button, Form, InputNumber, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { useSessions } from "../../app/session";
import { FormModal } from "../../common/FormModal";
import { Part } from "../../common/Part";
import { ShownOnce } from "../../common/ShownOnce";
import { momentText } from "../../common/time";
import { environmentName } from "./settingTexts";

const USUAL_HOURS = 24;
const MAX_HOURS = 720;

/** Replaces the admin token. Only its holder may. */
export function AdminToken() {
  const { t } = useTranslation("settings");
  const { session, begin } = useSessions();
  const [isOpen, setIsOpen] = useState(false);
  const [made, setMade] = useState<Schema<"RotatedToken"> | null>(null);
  const isHolder = session?.operatorId == null;
  const setting = queries.useQuery("get", "/settings/{setting}", { params: { path: { setting: "admin_token" } } });
  const isDeployed = setting.data !== undefined && setting.data.source !== "default";
  const rotate = async (body: { earlierHours: number }) => {
    const rotated = await dataOf(api.POST("/admin-token", { body }));
    setMade(rotated);
    try {
      // The session that did this ends with the token before.
      begin(await dataOf(api.POST("/session", { body: { adminToken: rotated.token } })));
    } catch {
      // Then the sign-in asks for the new token.
    }
  };
  return (
    <Part
      title={t("adminToken.title")}
      about={t("adminToken.about")}
      actions={
        isHolder &&
        !isDeployed && (
          <Button danger onClick={() => setIsOpen(true)}>
            {t("adminToken.action")}
          </Button>
        )
      }
    >
      {isDeployed ? (
        <Alert
          type="info"
          showIcon
          title={t("adminToken.inSetting", { source: t(`source.${setting.data.source}`) })}
          description={t("adminToken.inSettingAbout", { name: environmentName("admin_token") })}
        />
      ) : (
        !isHolder && <Alert type="info" showIcon title={t("adminToken.onlyHolder")} />
      )}
      {isOpen && (
        <FormModal<{ earlierHours: number }>
          title={t("adminToken.title")}
          action={t("adminToken.action")}
          isDanger
          initial={{ earlierHours: USUAL_HOURS }}
          onSubmit={rotate}
          onClose={() => setIsOpen(false)}
        >
          <Typography.Paragraph>{t("adminToken.breaks")}</Typography.Paragraph>
          <Typography.Paragraph>{t("adminToken.stays")}</Typography.Paragraph>
          <Form.Item
            name="earlierHours"
            label={t("adminToken.hours")}
            extra={t("adminToken.hoursAbout", { most: MAX_HOURS })}
            rules={[{ required: true, message: t("valueWanted") }]}
          >
            <InputNumber min={0} max={MAX_HOURS} precision={0} style={{ width: 160 }} />
          </Form.Item>
        </FormModal>
      )}
      {made && (
        <ShownOnce
          title={t("adminToken.made")}
          about={
            made.earlierValidUntil
              ? t("adminToken.earlier", { time: momentText(made.earlierValidUntil) })
              : t("adminToken.earlierEnded")
          }
          values={[{ label: t("adminToken.title"), value: made.token }]}
          onClose={() => setMade(null)}
        />
      )}
    </Part>
  );
}
