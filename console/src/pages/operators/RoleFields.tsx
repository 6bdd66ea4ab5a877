import { Flex, Form, Input, Radio, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { AppChoice } from "../../common/AppChoice";
import { type Role, ROLES } from "./operators";

/** What the fields have. */
export interface RoleValues {
  role: Role;
  appId?: string | null;
}

/** Returns the values as the API takes them: an administrator belongs to no app. */
export function roleOf({ role, appId }: RoleValues): RoleValues {
  return { role, appId: role === "admin" ? null : (appId ?? null) };
}

/** Fields of a form: role, and the only app that the operator sees. */
export function RoleFields() {
  const { t } = useTranslation("operators");
  const role: unknown = Form.useWatch("role");
  const isAdmin = role === "admin";
  return (
    <>
      <Form.Item name="role" label={t("columns.role")} rules={[{ required: true, message: t("roleWanted") }]}>
        <Radio.Group style={{ width: "100%" }}>
          <Flex vertical gap={8}>
            {ROLES.map((role) => (
              <Radio key={role} value={role} style={{ marginInlineEnd: 0 }} styles={{ icon: { alignSelf: "start", marginTop: 3 } }}>
                <Typography.Text strong>{t(`role.${role}`)}</Typography.Text>
                <br />
                <Typography.Text type="secondary">{t(`roleAbout.${role}`)}</Typography.Text>
              </Radio>
            ))}
          </Flex>
        </Radio.Group>
      </Form.Item>
      <Form.Item key={String(isAdmin)} name={isAdmin ? undefined : "appId"} label={t("columns.app")} extra={t(isAdmin ? "appOfAdmin" : "appAbout")}>
        {isAdmin ? (
          <Input disabled value={t("allApps")} aria-label={t("columns.app")} />
        ) : (
          <AppChoice allowClear placeholder={t("allApps")} style={{ width: "100%" }} />
        )}
      </Form.Item>
    </>
  );
}
