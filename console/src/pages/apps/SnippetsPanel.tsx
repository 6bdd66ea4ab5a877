import { Alert, Button, Flex, Input, Radio, Select, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queries, type Schema } from "../../api/client";
import { Snippet } from "../../common/Snippet";
import { Loaded } from "../../common/states";
import { isKeyKind, SNIPPETS, type SnippetKind, snippetOf } from "./snippets";

/** How programs of each interface are led to this platform. */
export function SnippetsPanel({ app, onKeys }: { app: string; onKeys: () => void }) {
  const { t } = useTranslation("apps");
  const query = queries.useQuery("get", "/apps/{app}/keys", { params: { path: { app } } });
  const [kind, setKind] = useState<SnippetKind>(SNIPPETS[0]);
  const [address, setAddress] = useState(window.location.origin);
  const isAddress = URL.canParse(address) && /^https?:/.test(address);
  return (
    <Flex vertical gap={12}>
      <Typography.Text>{t("connect.about")}</Typography.Text>
      <label>
        <div>{t("connect.address")}</div>
        <Input
          value={address}
          status={isAddress ? undefined : "error"}
          style={{ maxWidth: 420 }}
          onChange={({ target }) => setAddress(target.value.trim())}
        />
        {!isAddress && <Typography.Text type="danger">{t("connect.notAddress")}</Typography.Text>}
      </label>
      <Radio.Group
        aria-label={t("connect.interface")}
        value={kind}
        onChange={({ target }) => setKind(target.value)}
        options={SNIPPETS.map((value) => ({ value, label: t(`vendors.${value}.name`) }))}
        style={{ display: "flex", flexWrap: "wrap", rowGap: 8 }}
      />
      <Loaded query={query}>
        {({ keys }) => (
          <Vendor
            key={kind}
            kind={kind}
            app={app}
            origin={isAddress ? new URL(address).origin : window.location.origin}
            keys={keys.filter((key) => key.kind === kind && !key.revokedAt)}
            onKeys={onKeys}
          />
        )}
      </Loaded>
    </Flex>
  );
}

interface Properties {
  kind: SnippetKind;
  app: string;
  origin: string;
  keys: Schema<"ShownKey">[];
  onKeys: () => void;
}

function Vendor({ kind, app, origin, keys, onKeys }: Properties) {
  const { t } = useTranslation("apps");
  const [chosen, setChosen] = useState<string | null>(null);
  const isSigned = isKeyKind(kind);
  const keyId = keys.find(({ id }) => id === chosen)?.id ?? keys.at(-1)?.id;
  const vendor = t(`vendors.${kind}.name`);
  return (
    <Flex vertical gap={12}>
      <Typography.Text>{t(`vendors.${kind}.about`)}</Typography.Text>
      <Typography.Text type="secondary">{t(isSigned ? "connect.secret" : "connect.token")}</Typography.Text>
      {isSigned && keys.length > 1 && (
        <label>
          <div>{t("connect.key")}</div>
          <Select
            value={keyId}
            onChange={setChosen}
            style={{ width: 360, maxWidth: "100%" }}
            options={keys.map(({ id }) => ({ value: id, label: id }))}
            aria-label={t("connect.key")}
          />
        </label>
      )}
      {isSigned && keys.length === 0 && (
        <Alert
          type="warning"
          showIcon
          title={t("connect.noKey", { vendor })}
          action={<Button onClick={onKeys}>{t("connect.toKeys")}</Button>}
        />
      )}
      <Snippet code={snippetOf(kind, { origin, app, keyId: keyId ?? t("connect.placeholder") })} label={t("connect.how", { vendor })} />
    </Flex>
  );
}
