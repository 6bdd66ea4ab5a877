import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { queries } from "../../api/client";
import { AdminsOnly } from "../../common/AdminsOnly";
import { Page } from "../../common/Page";
import { Loaded } from "../../common/states";
import { GrantPanel } from "./GrantPanel";
import { KeysPanel } from "./KeysPanel";
import { QuotaPanel } from "./QuotaPanel";
import { SnippetsPanel } from "./SnippetsPanel";
import { ThresholdsPanel } from "./ThresholdsPanel";

const TABS = ["grant", "keys", "connect", "quota", "libraries"] as const;
type Tab = (typeof TABS)[number];

/** An app: its grant, keys, quota and libraries, and how programs reach it. */
export default function AppPage() {
  const { t } = useTranslation("apps");
  const { app = "" } = useParams();
  return (
    <Page title={app} about={t("page.about")}>
      <AdminsOnly>
        <Parts app={app} />
      </AdminsOnly>
    </Page>
  );
}

function Parts({ app }: { app: string }) {
  const { t } = useTranslation("apps");
  const [search, setSearch] = useSearchParams();
  const query = queries.useQuery("get", "/apps/{app}", { params: { path: { app } } });
  const open = TABS.find((tab) => tab === search.get("part")) ?? "grant";
  const go = (part: Tab) => setSearch({ part }, { replace: true });
  return (
    <Loaded query={query}>
      {(data) => {
        const parts = {
          grant: <GrantPanel app={data} />,
          keys: <KeysPanel app={app} onConnect={() => go("connect")} />,
          connect: <SnippetsPanel app={app} onKeys={() => go("keys")} />,
          quota: <QuotaPanel app={app} />,
          libraries: <ThresholdsPanel app={app} />,
        };
        return (
          <Tabs
            activeKey={open}
            onChange={(key) => go(key as Tab)}
            destroyOnHidden
            items={TABS.map((key) => ({ key, label: t(`page.${key}`), children: parts[key] }))}
          />
        );
      }}
    </Loaded>
  );
}
