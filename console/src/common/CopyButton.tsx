import { CheckOutlined, CopyOutlined } from "@ant-design/icons";
import { App, Button, type ButtonProps } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { copyText } from "./copy";

const SHOWN_MS = 2000;

interface Properties extends Pick<ButtonProps, "size" | "type" | "style"> {
  text: string;
  /** What is copied, for those who can't see it. */
  of: string;
  /** Whether only the icon is shown. */
  isSmall?: boolean;
  onCopied?: () => void;
}

/** A button that copies a text, and says so. */
export function CopyButton({ text, of, isSmall = false, onCopied, ...button }: Properties) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = window.setTimeout(() => setIsCopied(false), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => {
    if (await copyText(text)) {
      setIsCopied(true);
      onCopied?.();
    } else {
      message.warning(t("notCopied"));
    }
  };
  const label = t(isCopied ? "copied" : "copy");
  return (
    <Button
      {...button}
      icon={isCopied ? <CheckOutlined /> : <CopyOutlined />}
      aria-label={`${label}: ${of}`}
      onClick={() => void copy()}
    >
      {isSmall ? null : label}
    </Button>
  );
}
