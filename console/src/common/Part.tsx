import { Flex, Typography } from "antd";
import { type ReactNode, useId } from "react";

interface Properties {
  title: string;
  /** A sentence on what it is for. */
  about?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
  level?: 2 | 3;
}

/** A part of a page or of a drawer, with a heading of its own. */
export function Part({ title, about, actions, children, level = 2 }: Properties) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Flex vertical gap={12}>
        <Flex justify="space-between" align="start" gap={8} wrap>
          <div style={{ minWidth: 0, flex: "1 1 240px" }}>
            <Typography.Title id={id} level={level} style={{ fontSize: level === 2 ? 16 : 14, margin: 0 }}>
              {title}
            </Typography.Title>
            {about && <Typography.Text type="secondary">{about}</Typography.Text>}
          </div>
          {actions && (
            <Flex gap={8} wrap>
              {actions}
            </Flex>
          )}
        </Flex>
        {children}
      </Flex>
    </section>
  );
}
