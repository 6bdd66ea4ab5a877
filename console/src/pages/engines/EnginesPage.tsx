import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { AdminsOnly } from "../../common/AdminsOnly";
import { Page } from "../../common/Page";
import { Loaded } from "../../common/states";
import { EngineCards } from "./EngineCards";
import { useEngines } from "./engines";
import { Outbox } from "./Outbox";
import { WorkOff } from "./WorkOff";

/** The engines and their health, and the writes that wait for them. */
export default function EnginesPage() {
  const { t } = useTranslation("engines");
  return (
    <Page title={t("title")} about={t("about")}>
      <AdminsOnly>
        <Parts />
      </AdminsOnly>
    </Page>
  );
}

function Parts() {
  const { t } = useTranslation("engines");
  const query = useEngines();
  return (
    <Flex vertical gap={16}>
      <Typography.Title level={2} style={{ fontSize: 18, margin: 0 }}>
        {t("engines")}
      </Typography.Title>
      <Loaded query={query}>
        {({ items }) => (
          <>
            <EngineCards engines={items} />
            <Typography.Title level={2} style={{ fontSize: 18, margin: "8px 0 0" }}>
              {t("outbox.title")}
            </Typography.Title>
            <Typography.Text type="secondary">{t("outbox.about")}</Typography.Text>
            <WorkOff engines={items} />
          </>
        )}
      </Loaded>
      <Outbox />
    </Flex>
  );
}
