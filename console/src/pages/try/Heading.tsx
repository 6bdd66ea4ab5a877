import { Typography } from "antd";
import type { ReactNode } from "react";

/** Heading of a part of the page. */
export function Heading({ children, level = 2 }: { children: ReactNode; level?: 2 | 3 }) {
  return (
    <Typography.Title level={level} style={{ fontSize: level === 2 ? 16 : 14, margin: 0, overflowWrap: "anywhere" }}>
      {children}
    </Typography.Title>
  );
}
