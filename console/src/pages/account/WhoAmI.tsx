import { Descriptions, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { usePermissions, useSessions } from "../../app/session";
import { Part } from "../../common/Part";
import { Moment } from "../../common/time";

/** Who is signed in, with which rights. */
export function WhoAmI() {
  const { t } = useTranslation("account");
  const { t: roles } = useTranslation("operators");
  const { session } = useSessions();
  const { role, seesAllApps, appId } = usePermissions();
  if (!session) return null;
  const name = session.operatorId ? session.caller.replace(/^operator:/, "") : t("adminToken");
  const items = [
    { key: "name", label: t("name"), children: <Typography.Text strong>{name}</Typography.Text> },
    { key: "role", label: t("role"), children: roles(`role.${role}`) },
    { key: "about", label: t("rights"), children: roles(`roleAbout.${role}`) },
    { key: "app", label: t("app"), children: seesAllApps ? t("allApps", { app: appId }) : appId },
    { key: "caller", label: t("caller"), children: <Typography.Text code>{session.caller}</Typography.Text> },
    {
      key: "until",
      label: t("until"),
      children: <span className="number">{session.signIn ? <Moment at={session.signIn.expiresAt} /> : "—"}</span>,
    },
  ];
  return (
    <Part title={t("who")}>
      <Descriptions size="small" column={1} items={items} styles={{ label: { width: 120 } }} />
    </Part>
  );
}
