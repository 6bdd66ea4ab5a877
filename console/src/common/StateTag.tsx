import { Tag, theme } from "antd";
import type { CSSProperties, ReactNode } from "react";

export type Tone = "good" | "bad" | "warning" | "busy" | "neutral";

interface Properties {
  tone: Tone;
  /** Says the same as the colour, to those who can't tell colours apart. */
  icon?: ReactNode;
  style?: CSSProperties;
  children: ReactNode;
}

/** A state in few words. Its text is readable on any background of the theme. */
export function StateTag({ tone, icon, style, children }: Properties) {
  const { token } = theme.useToken();
  const color = {
    good: token.colorSuccess,
    bad: token.colorError,
    warning: token.colorWarning,
    busy: token.colorLink,
    neutral: token.colorTextDescription,
  }[tone];
  return (
    <Tag icon={icon} variant="outlined" style={{ color, borderColor: color, background: "transparent", ...style }}>
      {children}
    </Tag>
  );
}
