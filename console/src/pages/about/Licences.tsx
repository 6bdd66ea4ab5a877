import { Card, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Part } from "../../common/Part";

/** Under which licences the platform and its parts are. */
export function Licences() {
  const { t } = useTranslation("about");
  return (
    <Card>
      <Part title={t("licences.title")}>
        <Typography.Text>{t("licences.own")}</Typography.Text>
        <Typography.Text>{t("licences.parts")}</Typography.Text>
        <Typography.Link href="/licences.txt" underline>{t("licences.look")}</Typography.Link>
        <Typography.Text>{t("licences.models")}</Typography.Text>
        <Typography.Text type="secondary">{t("licences.training")}</Typography.Text>
      </Part>
    </Card>
  );
}
