import { Card, Typography } from "antd";
import type { ReactNode } from "react";

interface Properties {
  title: ReactNode;
  /** Buttons or links beside the title. */
  extra?: ReactNode;
  children: ReactNode;
}

/** A part of a page, in a card with a heading below that of the page. */
export function Section({ title, extra, children }: Properties) {
  return (
    <Card
      size="small"
      title={
        <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>
          {title}
        </Typography.Title>
      }
      extra={extra}
      style={{ minWidth: 0 }}
    >
      {children}
    </Card>
  );
}
