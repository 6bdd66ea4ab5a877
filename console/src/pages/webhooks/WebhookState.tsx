import { CheckCircleOutlined, PauseCircleOutlined, StopOutlined, WarningOutlined } from "@ant-design/icons";
import { Typography } from "antd";
import { useTranslation } from "react-i18next";
import { StateTag } from "../../common/StateTag";
import type { Webhook } from "./kinds";

/** Returns why the platform disabled a webhook, in the reader's language where the reason is known. */
export function useDisabledReason() {
  const { t } = useTranslation("webhooks");
  return (reason: string): string => {
    if (reason.includes("410")) return t("disabled.gone");
    if (reason === "too many deliveries failed") return t("disabled.failed");
    return reason;
  };
}

/** Whether a webhook is on, and whether deliveries failed lately. */
export function WebhookState({ webhook: { enabled, disabledBy, failures } }: { webhook: Webhook }) {
  const { t } = useTranslation("webhooks");
  const reasonOf = useDisabledReason();
  if (!enabled) {
    return (
      <div style={{ maxWidth: 260 }}>
        <StateTag tone={disabledBy ? "bad" : "neutral"} icon={disabledBy ? <StopOutlined /> : <PauseCircleOutlined />}>
          {t(disabledBy ? "states.stopped" : "states.off")}
        </StateTag>
        {disabledBy && <Typography.Text style={{ display: "block" }}>{reasonOf(disabledBy)}</Typography.Text>}
      </div>
    );
  }
  return (
    <div>
      <StateTag tone="good" icon={<CheckCircleOutlined />}>
        {t("states.on")}
      </StateTag>
      {failures > 0 && (
        <Typography.Text type="warning" style={{ display: "block" }}>
          <WarningOutlined aria-hidden /> {t("failures", { failures })}
        </Typography.Text>
      )}
    </div>
  );
}
