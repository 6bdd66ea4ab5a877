import { Flex, Typography } from "antd";
import { type ReactNode, useEffect } from "react";

interface Properties {
  title: string;
  /** A sentence on what the page is for. */
  about?: ReactNode;
  /** Buttons. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page: its title, what it is for, its actions and its content. */
export function Page({ title, about, actions, children }: Properties) {
  useEffect(() => {
    document.title = `${title} · AICP`;
  }, [title]);
  return (
    <Flex vertical gap={16}>
      <Flex justify="space-between" align="start" gap={12} wrap>
        <div style={{ minWidth: 0 }}>
          <Typography.Title level={1} style={{ fontSize: 22, margin: 0, overflowWrap: "anywhere" }}>
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
  );
}
