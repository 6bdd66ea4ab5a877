import { UserAddOutlined } from "@ant-design/icons";
import { Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { usePermissions } from "../../app/session";
import { AppChoice } from "../../common/AppChoice";
import { Page } from "../../common/Page";
import { Nothing } from "../../common/states";
import { Account } from "./Account";
import { AccountForm } from "./AccountForm";

interface Sought {
  app?: string;
  account?: string;
}

/** Looks up the account of an app's user, with its friends and friend groups. The address names what is shown. */
export default function FriendsPage() {
  const { t } = useTranslation("friends");
  const { canWork, seesAllApps, appId } = usePermissions();
  const [search, setSearch] = useSearchParams();
  const [isCreating, setIsCreating] = useState(false);
  const app = (seesAllApps ? search.get("app") : appId) ?? undefined;
  // An account can be created in an app that was chosen and not looked into.
  const [chosen, setChosen] = useState(app);
  const account = search.get("account") ?? undefined;
  const show = (next: Sought) => {
    const parts = Object.entries(next).filter((entry): entry is [string, string] => Boolean(entry[1]));
    setSearch(Object.fromEntries(parts));
  };
  return (
    <Page
      title={t("title")}
      about={t("about")}
      actions={
        canWork && (
          <Button icon={<UserAddOutlined />} disabled={!chosen} onClick={() => setIsCreating(true)}>
            {t("account.create")}
          </Button>
        )
      }
    >
      <Lookup key={`${app} ${account}`} sought={{ app: chosen, account }} onChoose={setChosen} onLookUp={show} />
      {app && account ? (
        <Account key={`account ${app} ${account}`} app={app} id={account} onDeleted={() => show({ app })} />
      ) : (
        <Nothing text={t(chosen ? "typeAccount" : "chooseApp")} />
      )}
      {isCreating && chosen && (
        <AccountForm
          app={chosen}
          onClose={() => setIsCreating(false)}
          onSaved={(id) => {
            setIsCreating(false);
            show({ app: chosen, account: id });
          }}
        />
      )}
    </Page>
  );
}

interface Properties {
  sought: Sought;
  onChoose: (app: string | undefined) => void;
  onLookUp: (sought: Sought) => void;
}

function Lookup({ sought, onChoose, onLookUp }: Properties) {
  const { t } = useTranslation(["friends", "common"]);
  return (
    <Form<Sought>
      layout="inline"
      initialValues={sought}
      onValuesChange={({ app }: Sought) => app !== undefined && onChoose(app)}
      onFinish={({ app, account }) => onLookUp({ app: app ?? sought.app, account: account?.trim() })}
      style={{ rowGap: 8 }}
    >
      <Form.Item name="app" label={t("common:app")}>
        <AppChoice style={{ width: 220 }} />
      </Form.Item>
      <Form.Item name="account" label={t("account.id")}>
        <Input.Search
          allowClear
          maxLength={128}
          style={{ width: 280, maxWidth: "100%" }}
          enterButton={
            <Button type="primary" htmlType="submit">
              {t("lookUp")}
            </Button>
          }
        />
      </Form.Item>
    </Form>
  );
}
