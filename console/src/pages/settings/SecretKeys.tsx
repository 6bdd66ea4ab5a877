import { Alert, Button, Flex, Table, type TableProps, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { api, queries, type Schema } from "../../api/client";
import { useConfirm } from "../../common/confirm";
import { Copyable } from "../../common/Copyable";
import { Part } from "../../common/Part";
import { useRefresh } from "../../common/refresh";
import { Loaded } from "../../common/states";
import { Resealing } from "./Resealing";

type Key = Schema<"ShownSecretKey">;

/** The keys that seal the secrets of the database and sign links to pictures. */
export function SecretKeys() {
  const { t } = useTranslation("settings");
  const confirm = useConfirm();
  const refresh = useRefresh();
  const keys = queries.useQuery("get", "/secret-keys");

  const ask = (what: "rotate" | "reseal", act: () => Promise<unknown>) =>
    confirm({
      title: t(`keys.${what}.title`),
      content: <Lines texts={[t(`keys.${what}.about`), t(`keys.${what}.after`)]} />,
      action: t(`keys.${what}.action`),
      isDanger: false,
      onConfirm: async () => {
        await act();
        await refresh();
      },
    });
  const askForget = (earlier: Key[]) =>
    confirm({
      title: t("keys.forget.title", { number: earlier.length }),
      content: <Lines texts={[t("keys.forget.stays"), t("keys.forget.breaks"), t("keys.forget.backups")]} />,
      action: t("keys.forget.action"),
      word: t("keys.forget.word"),
      onConfirm: async () => {
        await api.DELETE("/secret-keys", { params: { query: { breakLinks: true } } });
        await refresh();
      },
    });

  const columns: TableProps<Key>["columns"] = [
    { title: t("keys.id"), render: (_, { id }) => <Copyable text={id} /> },
    {
      title: t("keys.use"),
      render: (_, { isCurrent }) =>
        isCurrent ? <Typography.Text type="success">{t("keys.current")}</Typography.Text> : t("keys.earlier"),
    },
    { title: t("keys.sealed"), align: "end", className: "number", render: (_, { sealed }) => sealed },
  ];
  return (
    <Part title={t("keys.title")} about={t("keys.about")}>
      <Loaded query={keys}>
        {({ items, unreadable, setting }) => {
          const earlier = items.filter(({ isCurrent }) => !isCurrent);
          const isSealedEarlier = earlier.some(({ sealed }) => sealed > 0);
          return (
            <Flex vertical gap={12}>
              {unreadable > 0 && (
                <Alert
                  type="error"
                  showIcon
                  title={t("keys.unreadable", { number: unreadable })}
                  description={t("keys.unreadableAbout")}
                />
              )}
              <Table<Key>
                rowKey="id"
                size="small"
                columns={columns}
                dataSource={items}
                pagination={false}
              />
              <Resealing />
              {setting ? (
                <Alert type="info" showIcon title={t("keys.inSetting", { setting })} description={t("keys.inSettingAbout")} />
              ) : (
                <Typography.Text type="secondary">{t("keys.inFile")}</Typography.Text>
              )}
              <Flex gap={8} wrap>
                {!setting && (
                  <Button type="primary" onClick={() => ask("rotate", () => api.POST("/secret-keys"))}>
                    {t("keys.rotate.action")}
                  </Button>
                )}
                {isSealedEarlier && (
                  <Button onClick={() => ask("reseal", () => api.POST("/secret-keys/reseal"))}>{t("keys.reseal.action")}</Button>
                )}
                {!setting && earlier.length > 0 && (
                  <Button danger disabled={isSealedEarlier} onClick={() => askForget(earlier)}>
                    {t("keys.forget.action")}
                  </Button>
                )}
              </Flex>
              {!setting && isSealedEarlier && <Typography.Text type="secondary">{t("keys.forget.notYet")}</Typography.Text>}
            </Flex>
          );
        }}
      </Loaded>
    </Part>
  );
}

function Lines({ texts }: { texts: string[] }) {
  return (
    <>
      {texts.map((text) => (
        <Typography.Paragraph key={text}>{text}</Typography.Paragraph>
      ))}
    </>
  );
}
