import { Flex } from "antd";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { AdminsOnly } from "../../common/AdminsOnly";
import { Page } from "../../common/Page";
import { ActList } from "./ActList";
import { AuditExport } from "./AuditExport";
import { ChainCheck } from "./ChainCheck";

/** The log of administrative acts. */
export default function AuditPage() {
  const { t } = useTranslation("audit");
  const { isAdmin } = usePermissions();
  return (
    <Page title={t("title")} about={t("about")} actions={isAdmin && <AuditExport />}>
      <AdminsOnly>
        <Flex vertical gap={16}>
          <ChainCheck />
          <ActList />
        </Flex>
      </AdminsOnly>
    </Page>
  );
}
