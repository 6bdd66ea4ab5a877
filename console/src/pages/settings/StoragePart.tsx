import { Button, Card, Divider, Flex, Statistic, Table, type TableProps, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { queries, type Schema } from "../../api/client";
import { Part } from "../../common/Part";
import { bytesText } from "../../common/numbers";
import { Loaded } from "../../common/states";
import { textOf } from "../../common/texts";

type Retention = Schema<"Retention">;

const DAY_S = 86_400;
const HOUR_S = 3_600;

/** How much is stored, and how long. */
export function StoragePart({ onOpen }: { onOpen: (setting: string) => void }) {
  const { t } = useTranslation("settings");
  const storage = queries.useQuery("get", "/storage");
  const retention = queries.useQuery("get", "/retention");

  const keptText = (seconds: number | null | undefined) => {
    if (seconds === null || seconds === undefined) return t("retention.forever");
    if (seconds % DAY_S === 0) return t("retention.days", { number: seconds / DAY_S });
    return t("retention.hours", { number: Math.round(seconds / HOUR_S) });
  };
  const columns: TableProps<Retention>["columns"] = [
    {
      title: t("retention.data"),
      render: (_, { data }) => (
        <Flex vertical>
          <span>{textOf("settings", `retention.names.${data}`, data)}</span>
          <Typography.Text type="secondary">{textOf("settings", `retention.abouts.${data}`, "")}</Typography.Text>
        </Flex>
      ),
    },
    { title: t("retention.kept"), className: "number", render: (_, { keptSeconds }) => keptText(keptSeconds) },
    {
      title: t("retention.setting"),
      render: (_, { setting }) =>
        setting ? (
          <Button
            type="link"
            onClick={() => onOpen(setting)}
            style={{ padding: 0, height: "auto", whiteSpace: "normal", overflowWrap: "anywhere", textAlign: "start" }}
          >
            {setting}
          </Button>
        ) : (
          <Typography.Text type="secondary">{t("retention.noSetting")}</Typography.Text>
        ),
    },
  ];
  return (
    <Flex vertical gap={8} style={{ maxWidth: 960 }}>
      <Part title={t("storage.title")}>
        <Loaded query={storage}>
          {(numbers) => {
            const shown: [string, string | number][] = [
              [t("storage.databaseBytes", { database: numbers.database }), bytesText(numbers.databaseBytes)],
              [t("storage.freeBytes"), numbers.freeBytes == null ? "—" : bytesText(numbers.freeBytes)],
              [t("storage.libraries"), numbers.libraries],
              [t("storage.people"), numbers.people],
              [t("storage.faces"), numbers.faces],
              [t("storage.waitingWrites"), numbers.waitingWrites],
            ];
            return (
              <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(150px, 1fr))" }}>
                {shown.map(([title, value]) => (
                  <Card key={title} size="small">
                    <Statistic title={title} value={value} className="number" styles={{ content: { fontSize: 20 } }} />
                  </Card>
                ))}
              </div>
            );
          }}
        </Loaded>
        <Typography.Text type="secondary">{t("storage.about")}</Typography.Text>
      </Part>
      <Divider />
      <Part title={t("retention.title")} about={t("retention.about")}>
        <Loaded query={retention}>
          {({ items }) => (
            <Table<Retention>
              rowKey="data"
              size="middle"
              columns={columns}
              dataSource={items}
              pagination={false}
            />
          )}
        </Loaded>
      </Part>
    </Flex>
  );
}
