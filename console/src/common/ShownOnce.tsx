import { Alert, Button, Checkbox, Flex, Modal, theme, Typography } from "antd";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { CopyButton } from "./CopyButton";

interface Properties {
  title: string;
  /** What it is for, and where it belongs. */
  about: ReactNode;
  values: {
    label: string;
    value: string;
  }[];
  /** What can be done with it next. */
  children?: ReactNode;
  onClose: () => void;
}

/** Shows secrets that are never shown again. It closes only after the reader says that they are kept. */
export function ShownOnce({ title, about, values, children, onClose }: Properties) {
  const { t } = useTranslation();
  const [isKept, setIsKept] = useState(false);
  useEffect(() => {
    if (isKept) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isKept]);
  return (
    <Modal
      open
      title={title}
      closable={false}
      keyboard={false}
      mask={{ closable: false }}
      width={640}
      footer={
        <Flex justify="space-between" align="center" gap={12} wrap>
          <Checkbox checked={isKept} onChange={({ target }) => setIsKept(target.checked)}>
            {t("shownOnce.kept")}
          </Checkbox>
          <Button type="primary" disabled={!isKept} onClick={onClose}>
            {t("close")}
          </Button>
        </Flex>
      }
    >
      <Flex vertical gap={16}>
        <Alert type="warning" showIcon title={t("shownOnce.warning")} description={about} />
        {values.map(({ label, value }) => (
          <Secret key={label} label={label} value={value} />
        ))}
        {children}
      </Flex>
    </Modal>
  );
}

function Secret({ label, value }: { label: string; value: string }) {
  const { token } = theme.useToken();
  return (
    <div>
      <Typography.Text type="secondary">{label}</Typography.Text>
      <Flex gap={8} align="start">
        <code
          style={{
            flex: 1,
            minWidth: 0,
            padding: "5px 11px",
            overflowWrap: "anywhere",
            background: token.colorFillTertiary,
            borderRadius: token.borderRadius,
            fontFamily: token.fontFamilyCode,
          }}
        >
          {value}
        </code>
        <CopyButton text={value} of={label} />
      </Flex>
    </div>
  );
}
