import { ExportOutlined } from "@ant-design/icons";
import { Button, Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { BASE } from "../../api/client";
import { useAddress } from "../../common/address";
import { Page } from "../../common/Page";
import { Addresses } from "./Addresses";
import { Operations } from "./Operations";
import { Start } from "./Start";

/** How programs use the platform: first calls, all calls of the REST API, the other interfaces. */
export default function ApiPage() {
  const { t } = useTranslation("about");
  const [get, change] = useAddress();
  const opened = (href: string, label: string) => (
    <Button href={href} target="_blank" rel="noreferrer" icon={<ExportOutlined />} aria-label={t("api.newTab", { label })}>
      {label}
    </Button>
  );
  return (
    <Page
      title={t("api.title")}
      about={t("api.about")}
      actions={
        <>
          {opened("/api/docs", t("api.docs"))}
          {opened(`${BASE}/openapi.json`, "openapi.json")}
        </>
      }
    >
      <Tabs
        destroyOnHidden
        activeKey={get("part") || "start"}
        onChange={(part) => change({ part })}
        items={[
          { key: "start", label: t("api.parts.start"), children: <Start /> },
          { key: "operations", label: t("api.parts.operations"), children: <Operations /> },
          { key: "interfaces", label: t("api.parts.interfaces"), children: <Addresses /> },
        ]}
      />
    </Page>
  );
}
