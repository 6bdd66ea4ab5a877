import { CheckCircleOutlined, ClockCircleOutlined, MinusCircleOutlined, StopOutlined, WarningOutlined } from "@ant-design/icons";
import { Typography } from "antd";
import dayjs from "dayjs";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { StateTag, type Tone } from "../../common/StateTag";
import { Moment } from "../../common/time";

export const GRANT_STATES: Schema<"ShownGrantState">[] = ["active", "expired", "revoked", "none"];

/** Days before the end of a grant from which on it is warned of. */
const NEAR_DAYS = 30;

const TONES: Record<Schema<"ShownGrantState">, { tone: Tone; icon: ReactNode }> = {
  active: { tone: "good", icon: <CheckCircleOutlined /> },
  expired: { tone: "bad", icon: <ClockCircleOutlined /> },
  revoked: { tone: "bad", icon: <StopOutlined /> },
  none: { tone: "neutral", icon: <MinusCircleOutlined /> },
};

/** The state of a grant, as a tag. */
export function GrantState({ state }: { state: Schema<"ShownGrantState"> }) {
  const { t } = useTranslation("apps");
  return <StateTag {...TONES[state]}>{t(`grant.states.${state}`)}</StateTag>;
}

/** When a grant ends, with a warning if that is soon. */
export function DueDate({ at }: { at: string | null | undefined }) {
  const { t } = useTranslation("apps");
  if (!at) return <>—</>;
  const days = dayjs(at).diff(dayjs(), "day", true);
  const isOver = days < 0;
  const isNear = !isOver && days < NEAR_DAYS;
  return (
    <>
      <span className="number">
        <Moment at={at} />
      </span>
      {(isOver || isNear) && (
        <Typography.Text type={isOver ? "danger" : "warning"} style={{ display: "block" }}>
          <WarningOutlined aria-hidden /> {isOver ? t("grant.over") : t("grant.near", { days: Math.ceil(days) })}
        </Typography.Text>
      )}
    </>
  );
}
