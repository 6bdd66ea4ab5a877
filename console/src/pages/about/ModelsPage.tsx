import { Alert, Card, Flex } from "antd";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { Page } from "../../common/Page";
import { Licences } from "./Licences";
import { Models } from "./Models";
import { Running } from "./Running";

/** What runs here: version and algorithm, models, licences. */
export default function ModelsPage() {
  const { t } = useTranslation("about");
  const { isAdmin } = usePermissions();
  return (
    <Page title={t("models.title")} about={t("models.about")}>
      <Flex vertical gap={16}>
        <Card>
          <Running />
        </Card>
        {isAdmin ? <Models /> : <Alert type="info" showIcon title={t("models.forAdmins")} />}
        <Licences />
      </Flex>
    </Page>
  );
}
