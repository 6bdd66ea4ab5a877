import { Card, Typography } from "antd";
import type { ReactNode } from "react";

interface Properties {
  title: string;
  /** Buttons beside the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A part of a page under a heading. */
export function Section({ title, actions, children }: Properties) {
  const heading = (
    <Typography.Title level={2} style={{ fontSize: 16, margin: 0, whiteSpace: "normal" }}>
      {title}
    </Typography.Title>
  );
  return (
    <Card
      title={heading}
      extra={actions}
      styles={{ header: { flexWrap: "wrap", padding: "8px 16px", minHeight: 48 }, extra: { paddingBlock: 0 }, body: { padding: 16 } }}
    >
      {children}
    </Card>
  );
}
