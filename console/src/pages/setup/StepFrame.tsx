import { Alert, Button, Flex, Typography } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

interface Properties {
  title: string;
  about: string;
  /** What is there already; then the form is shown only on demand. */
  done?: string | null;
  /** Label of the button that shows the form although something is there. */
  another?: string;
  /** Whether the form itself has gone on, so that nothing is left to skip. */
  isOver?: boolean;
  onNext: () => void;
  children: ReactNode;
}

/** A step: what it is for, what is there already, its form, and the way past it. */
export function StepFrame({ title, about, done, another, isOver = false, onNext, children }: Properties) {
  const { t } = useTranslation("setup");
  const [isOpen, setIsOpen] = useState(!done);
  return (
    <Flex vertical gap={16}>
      <div>
        <Typography.Title level={2} style={{ fontSize: 18, margin: 0 }}>
          {title}
        </Typography.Title>
        <Typography.Text type="secondary">{about}</Typography.Text>
      </div>
      {done && <Alert type="success" showIcon title={done} />}
      {isOpen ? children : null}
      <Flex gap={8} wrap>
        {!isOpen && (
          <Button type="primary" onClick={onNext}>
            {t("next")}
          </Button>
        )}
        {!isOpen && another && <Button onClick={() => setIsOpen(true)}>{another}</Button>}
        {isOpen && !isOver && (
          <Button type="link" onClick={onNext} style={{ paddingInline: 0 }}>
            {t(done ? "nextWithout" : "skip")}
          </Button>
        )}
      </Flex>
    </Flex>
  );
}
