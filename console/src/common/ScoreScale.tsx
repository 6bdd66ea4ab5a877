import { theme, Typography } from "antd";
import { useTranslation } from "react-i18next";

interface Properties {
  /** Similarity, 0 to 1. */
  similarity: number;
  /** Similarity from which it is a match, 0 to 1. */
  threshold: number;
  /** Whether it is a match, if the server said so; otherwise the two numbers tell. */
  isMatch?: boolean;
  /** Whether the numbers alone are written out, as in lists. */
  isShort?: boolean;
}

/** A similarity on the scale 0 to 1, with the threshold marked on it. */
export function ScoreScale({ similarity, threshold, isMatch = similarity >= threshold, isShort = false }: Properties) {
  const { t } = useTranslation("quality");
  const { token } = theme.useToken();
  const color = isMatch ? token.colorSuccess : token.colorError;
  const values = { similarity: similarity.toFixed(4), threshold: threshold.toFixed(4) };
  const text = t(isMatch ? "scale.match" : "scale.noMatch", values);
  return (
    <div role="img" aria-label={text}>
      <div
        style={{
          position: "relative",
          height: isShort ? 6 : 12,
          borderRadius: 6,
          background: token.colorFillSecondary,
          marginBlock: isShort ? 6 : 10,
        }}
      >
        <div style={{ width: `${clamp(similarity) * 100}%`, height: "100%", borderRadius: 6, background: color }} />
        <div
          style={{
            position: "absolute",
            insetBlock: isShort ? -4 : -5,
            insetInlineStart: `calc(${clamp(threshold) * 100}% - 1px)`,
            width: 2,
            background: token.colorText,
          }}
        />
      </div>
      <Typography.Text strong={!isShort} style={{ color }} className="number">
        {isShort ? t(isMatch ? "scale.shortMatch" : "scale.shortNoMatch", values) : text}
      </Typography.Text>
    </div>
  );
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
