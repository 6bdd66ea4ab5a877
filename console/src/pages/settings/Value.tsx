import { Flex, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { SECRET } from "./settingKinds";

const SHOWN_ENTRIES = 12;

/** A value of a setting. */
export function Value({ value }: { value: unknown }) {
  const { t } = useTranslation("settings");
  const { t: common } = useTranslation();
  if (value === null || value === undefined) return <Typography.Text type="secondary">{t("unset")}</Typography.Text>;
  if (value === SECRET) return <Typography.Text type="secondary">{t("secret")}</Typography.Text>;
  if (value === "") return <Typography.Text type="secondary">{t("empty")}</Typography.Text>;
  if (typeof value === "boolean") return <Typography.Text>{common(value ? "yes" : "no")}</Typography.Text>;
  if (typeof value === "number") return <Typography.Text className="number">{value}</Typography.Text>;
  if (typeof value === "string") return <Typography.Text style={{ overflowWrap: "anywhere" }}>{value}</Typography.Text>;
  const entries = Array.isArray(value)
    ? value.map((entry) => (typeof entry === "string" ? entry : JSON.stringify(entry)))
    : Object.entries(value).map(([key, of]) => `${key} = ${Array.isArray(of) ? of.join(", ") : String(of)}`);
  if (entries.length === 0) return <Typography.Text type="secondary">{t("emptyList")}</Typography.Text>;
  return (
    <Flex gap={4} wrap>
      {entries.slice(0, SHOWN_ENTRIES).map((entry) => (
        <Tag key={entry} style={{ whiteSpace: "normal", overflowWrap: "anywhere", marginInlineEnd: 0 }}>
          {entry}
        </Tag>
      ))}
      {entries.length > SHOWN_ENTRIES && (
        <Typography.Text type="secondary">{t("moreEntries", { number: entries.length - SHOWN_ENTRIES })}</Typography.Text>
      )}
    </Flex>
  );
}
