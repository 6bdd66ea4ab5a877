import { theme } from "antd";
import type { CSSProperties, ReactNode } from "react";

interface Properties {
  /** The text, also as a title for when it is cut off. */
  text: string | null | undefined;
  isQuiet?: boolean;
  isStrong?: boolean;
  style?: CSSProperties;
  children?: ReactNode;
}

/** A text on one line, cut off if it is too long. It measures nothing, so that long lists stay quick. */
export function Line({ text, isQuiet = false, isStrong = false, style, children }: Properties) {
  const { token } = theme.useToken();
  return (
    <span
      title={text ?? undefined}
      style={{
        display: "block",
        overflow: "hidden",
        textOverflow: "ellipsis",
        whiteSpace: "nowrap",
        color: isQuiet ? token.colorTextDescription : undefined,
        fontSize: isQuiet ? 12 : undefined,
        fontWeight: isStrong ? 600 : undefined,
        ...style,
      }}
    >
      {children ?? text}
    </span>
  );
}
