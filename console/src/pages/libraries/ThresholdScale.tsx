import { Flex, theme } from "antd";
import { useTranslation } from "react-i18next";

interface Properties {
  threshold: number;
  /** Least threshold that suits the number of faces; `null` for an engine with a scale of its own. */
  recommended: number | null;
}

/** The threshold of a library on the scale of similarities, between lenient and strict. */
export function ThresholdScale({ threshold, recommended }: Properties) {
  const { t } = useTranslation("libraries");
  const { token } = theme.useToken();
  const text = [
    t("threshold.scale.current", { threshold: threshold.toFixed(4) }),
    recommended === null ? null : t("threshold.scale.recommended", { threshold: recommended.toFixed(4) }),
  ].filter(Boolean);
  const small = { fontSize: 12, color: token.colorTextDescription };
  return (
    <div role="img" aria-label={text.join(" · ")}>
      <div style={{ position: "relative", height: 14, borderRadius: 7, background: token.colorFillSecondary, marginBlock: 12 }}>
        <div
          style={{
            position: "absolute",
            insetBlock: 0,
            insetInlineStart: `${threshold * 100}%`,
            insetInlineEnd: 0,
            borderRadius: "0 7px 7px 0",
            background: token.colorPrimaryBorder,
          }}
        />
        <Mark at={threshold} color={token.colorPrimary} isDashed={false} />
        {recommended !== null && <Mark at={recommended} color={token.colorText} isDashed />}
      </div>
      <Flex justify="space-between" gap={16} style={small}>
        <span>{t("threshold.scale.lenient")}</span>
        <span style={{ textAlign: "end" }}>{t("threshold.scale.strict")}</span>
      </Flex>
      <Flex gap={20} wrap className="number" style={{ marginTop: 8 }}>
        <Legend color={token.colorPrimary} isDashed={false} text={text[0]} />
        {text[1] && <Legend color={token.colorText} isDashed text={text[1]} />}
      </Flex>
    </div>
  );
}

interface MarkProperties {
  color: string;
  isDashed: boolean;
}

function Mark({ at, color, isDashed }: MarkProperties & { at: number }) {
  const line = `3px ${isDashed ? "dotted" : "solid"} ${color}`;
  const place = `calc(${Math.min(1, Math.max(0, at)) * 100}% - 1.5px)`;
  return <div style={{ position: "absolute", insetBlock: -6, insetInlineStart: place, borderInlineStart: line }} />;
}

function Legend({ color, isDashed, text }: MarkProperties & { text: string | null | undefined }) {
  return (
    <Flex align="center" gap={8} component="span">
      <span style={{ height: 16, borderInlineStart: `3px ${isDashed ? "dotted" : "solid"} ${color}` }} />
      {text}
    </Flex>
  );
}
