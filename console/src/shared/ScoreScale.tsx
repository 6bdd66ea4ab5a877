import { Flex, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";

/** A similarity on the scale 0 to 1, with the threshold marked on it. */
export function ScoreScale({ similarity, threshold }: { similarity: number; threshold: number }) {
  const { t } = useTranslation("quality");
  const { token } = theme.useToken();
  const isMatch = similarity >= threshold;
  const color = isMatch ? token.colorSuccess : token.colorError;
  const text = t(isMatch ? "scale.match" : "scale.noMatch", {
    similarity: similarity.toFixed(4),
    threshold: threshold.toFixed(4),
  });
  return (
    <div role="img" aria-label={text}>
      <div style={{ position: "relative", height: 12, borderRadius: 6, background: token.colorFillSecondary, marginBlock: 10 }}>
        <div style={{ width: `${clamp(similarity) * 100}%`, height: "100%", borderRadius: 6, background: color }} />
        <div
          style={{
            position: "absolute",
            insetBlock: -5,
            insetInlineStart: `${clamp(threshold) * 100}%`,
            width: 2,
            background: token.colorText,
          }}
        />
      </div>
      <Flex justify="space-between" gap={8} wrap>
        <Typography.Text strong style={{ color }} className="number">
          {text}
        </Typography.Text>
      </Flex>
    </div>
  );
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
