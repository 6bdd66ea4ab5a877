import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { useAddress } from "../../common/address";
import { AdminsOnly } from "../../common/AdminsOnly";
import { Page } from "../../common/Page";
import { Changes } from "./Changes";
import { KeysPart } from "./KeysPart";
import { SettingDrawer } from "./SettingDrawer";
import { SettingList } from "./SettingList";
import { StoragePart } from "./StoragePart";

/** Settings, their history, keys, and what is kept how long. */
export default function SettingsPage() {
  const { t } = useTranslation("settings");
  const [get, change] = useAddress();
  const open = (setting: string) => change({ setting });
  return (
    <Page title={t("title")} about={t("about")}>
      <AdminsOnly>
        <Tabs
          destroyOnHidden
          activeKey={get("part") || "settings"}
          onChange={(part) => change({ part })}
          items={[
            { key: "settings", label: t("parts.settings"), children: <SettingList onOpen={open} /> },
            { key: "changes", label: t("parts.changes"), children: <Changes onOpen={open} /> },
            { key: "keys", label: t("parts.keys"), children: <KeysPart /> },
            { key: "storage", label: t("parts.storage"), children: <StoragePart onOpen={open} /> },
          ]}
        />
        <SettingDrawer name={get("setting") || null} onClose={() => change({ setting: null })} />
      </AdminsOnly>
    </Page>
  );
}
