import { Typography } from "antd";
import { useTranslation } from "react-i18next";

/** A text of machines, such as an id or a hash, with a button that copies it. `shown`: what is shown in its place. */
export function Copyable({ text, shown }: { text: string; shown?: string }) {
  const { t } = useTranslation();
  return (
    <Typography.Text
      className="number"
      title={shown === undefined ? undefined : text}
      copyable={{ text, tooltips: [t("copy"), t("copied")] }}
      style={{ overflowWrap: "anywhere" }}
    >
      {shown ?? text}
    </Typography.Text>
  );
}
