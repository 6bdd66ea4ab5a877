import { Card, Flex, Typography } from "antd";
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
      // In one row that wraps: Ant Design's own would cut the title on a phone.
      title={
        <Flex justify="space-between" align="center" gap="4px 12px" wrap style={{ paddingBlock: 4 }}>
          <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>
            {title}
          </Typography.Title>
          {extra}
        </Flex>
      }
      styles={{ title: { whiteSpace: "normal" } }}
      style={{ minWidth: 0 }}
    >
      {children}
    </Card>
  );
}
