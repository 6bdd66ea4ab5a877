import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { useAddress } from "../../common/address";
import { AdminsOnly } from "../../common/AdminsOnly";
import { Page } from "../../common/Page";
import { AllSignIns } from "./AllSignIns";
import { CreateOperator } from "./CreateOperator";
import { OperatorList } from "./OperatorList";
import { Roles } from "./Roles";

/** Operators, the sessions and tokens of all, and what the roles may do. */
export default function OperatorsPage() {
  const { t } = useTranslation("operators");
  const { isAdmin } = usePermissions();
  const [get, change] = useAddress();
  return (
    <Page title={t("title")} about={t("about")} actions={isAdmin && <CreateOperator />}>
      <AdminsOnly>
        <Tabs
          destroyOnHidden
          activeKey={get("part") || "operators"}
          onChange={(part) => change({ part })}
          items={[
            { key: "operators", label: t("parts.operators"), children: <OperatorList /> },
            { key: "signIns", label: t("parts.signIns"), children: <AllSignIns /> },
            { key: "roles", label: t("parts.roles"), children: <Roles /> },
          ]}
        />
      </AdminsOnly>
    </Page>
  );
}
