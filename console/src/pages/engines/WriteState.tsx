import { CheckCircleOutlined, ClockCircleOutlined, CloseCircleOutlined, DeleteOutlined, QuestionCircleOutlined } from "@ant-design/icons";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { StateTag, type Tone } from "../../common/StateTag";
import type { Write } from "./engines";

const TONES: Record<Schema<"WriteState">, { tone: Tone; icon: ReactNode }> = {
  waiting: { tone: "busy", icon: <ClockCircleOutlined /> },
  refused: { tone: "bad", icon: <CloseCircleOutlined /> },
  done: { tone: "good", icon: <CheckCircleOutlined /> },
  dropped: { tone: "neutral", icon: <DeleteOutlined /> },
};

/** The state of a write as a tag, and whether it may be done without our knowing. */
export function WriteState({ write: { state, mayBeDone } }: { write: Pick<Write, "state" | "mayBeDone"> }) {
  const { t } = useTranslation("engines");
  return (
    <>
      <StateTag {...TONES[state]}>{t(`states.${state}`)}</StateTag>
      {mayBeDone && (
        <StateTag tone="warning" icon={<QuestionCircleOutlined />}>
          {t("doubt.tag")}
        </StateTag>
      )}
    </>
  );
}
