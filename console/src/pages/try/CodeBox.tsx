import { theme, Typography } from "antd";
import { useTranslation } from "react-i18next";

interface Properties {
  /** What it is, for those who can't see it. */
  label: string;
  text: string;
}

/** Text of a program or of a message, in a box of its own that scrolls, with a button to copy it. */
export function CodeBox({ label, text }: Properties) {
  const { t } = useTranslation();
  const { token } = theme.useToken();
  return (
    <div style={{ position: "relative" }}>
      <pre
        // Scrolled by keyboard.
        tabIndex={0}
        role="region"
        aria-label={label}
        style={{
          margin: 0,
          padding: "10px 44px 10px 12px",
          maxHeight: 360,
          overflow: "auto",
          borderRadius: token.borderRadius,
          background: token.colorFillTertiary,
          color: token.colorText,
          fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
          fontSize: 12,
          lineHeight: 1.6,
          tabSize: 2,
        }}
      >
        {text}
      </pre>
      <Typography.Text
        copyable={{ text, tooltips: [t("copy"), t("copied")] }}
        style={{ position: "absolute", top: 6, insetInlineEnd: 10, background: token.colorBgContainer, borderRadius: token.borderRadius, paddingInlineEnd: 4 }}
      />
    </div>
  );
}
