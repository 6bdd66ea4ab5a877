import { Alert, Flex, Progress, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Schema } from "../api/client";

/** Below this a component is what the picture lacks. */
const LOW = 30;
const FAIR = 60;

/** The components of a quality as bars, and the reason if the face can't be recognised. */
export function QualityBars({ quality }: { quality: Schema<"QualityReport"> }) {
  const { t } = useTranslation("quality");
  const { token } = theme.useToken();
  const { components, cover, isRecognisable, score } = quality;
  const rows = Object.entries(components ?? {}).sort(([, a], [, b]) => a - b) as [keyof Schema<"QualityComponents">, number][];
  const lacking = rows.filter(([, value]) => value < LOW).map(([name]) => t(`components.${name}`));
  const colorOf = (value: number) => (value < LOW ? token.colorError : value < FAIR ? token.colorWarning : token.colorSuccess);
  return (
    <Flex vertical gap={8}>
      <Flex justify="space-between">
        <Typography.Text strong>{t("score")}</Typography.Text>
        <Typography.Text strong className="number">
          {score.toFixed(2)}
        </Typography.Text>
      </Flex>
      {!isRecognisable && (
        <Alert
          type="error"
          showIcon
          title={t("notRecognisable")}
          description={[cover ? t(`cover.${cover}`) : null, lacking.length > 0 ? t("lacks", { what: lacking.join(t("and")) }) : null]
            .filter(Boolean)
            .join(" ")}
        />
      )}
      <div style={{ display: "grid", gridTemplateColumns: "repeat(auto-fill, minmax(200px, 1fr))", gap: "6px 24px" }}>
        {rows.map(([name, value]) => (
          <div key={name}>
            <Flex justify="space-between">
              <Typography.Text>{t(`components.${name}`)}</Typography.Text>
              <Typography.Text className="number">{value}</Typography.Text>
            </Flex>
            <Progress
              percent={value}
              showInfo={false}
              size="small"
              strokeColor={colorOf(value)}
              aria-label={t(`components.${name}`)}
            />
          </div>
        ))}
      </div>
    </Flex>
  );
}
