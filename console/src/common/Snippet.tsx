import { Flex, theme } from "antd";
import { CopyButton } from "./CopyButton";

/** Code to copy. `label` says what it is. */
export function Snippet({ code, label }: { code: string; label: string }) {
  const { token } = theme.useToken();
  return (
    <div style={{ border: `1px solid ${token.colorBorderSecondary}`, borderRadius: token.borderRadius }}>
      <Flex justify="end" style={{ padding: 4, borderBottom: `1px solid ${token.colorBorderSecondary}` }}>
        <CopyButton text={code} of={label} size="small" type="text" />
      </Flex>
      <pre
        role="group"
        aria-label={label}
        // Can be scrolled by keys.
        tabIndex={0}
        style={{
          margin: 0,
          padding: 12,
          overflow: "auto",
          maxHeight: 480,
          fontFamily: token.fontFamilyCode,
          fontSize: 13,
          lineHeight: 1.55,
        }}
      >
        <code>{code}</code>
      </pre>
    </div>
  );
}
