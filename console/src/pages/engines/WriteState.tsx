import { CheckCircleOutlined, ClockCircleOutlined, CloseCircleOutlined, DeleteOutlined, QuestionCircleOutlined } from "@ant-design/icons";
import { Tag } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import type { Write } from "./engines";

const TONES: Record<Schema<"WriteState">, { color: string | undefined; icon: ReactNode }> = {
  waiting: { color: "processing", icon: <ClockCircleOutlined /> },
  refused: { color: "error", icon: <CloseCircleOutlined /> },
  done: { color: "success", icon: <CheckCircleOutlined /> },
  dropped: { color: undefined, icon: <DeleteOutlined /> },
};

/** The state of a write as a tag, and whether it may be done without our knowing. */
export function WriteState({ write: { state, mayBeDone } }: { write: Pick<Write, "state" | "mayBeDone"> }) {
  const { t } = useTranslation("engines");
  const { color, icon } = TONES[state];
  return (
    <>
      <Tag color={color} icon={icon} variant="outlined">
        {t(`states.${state}`)}
      </Tag>
      {mayBeDone && (
        <Tag color="warning" icon={<QuestionCircleOutlined />} variant="outlined">
          {t("doubt.tag")}
        </Tag>
      )}
    </>
  );
}
