import { Flex, Progress, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";

/** Liveness from which a face passes the low, the normal and the high grade of face-api. */
const GRADES = { low: 0.05, normal: 0.3, high: 0.9 };

export type LivenessGrade = "none" | "low" | "normal" | "high" | "tight";

/** How live a face is: the highest grade that it passes. */
export function livenessGradeOf({ probability, isTooTight }: Schema<"LivenessReport">): LivenessGrade {
  if (isTooTight) return "tight";
  if (probability >= GRADES.high) return "high";
  if (probability >= GRADES.normal) return "normal";
  return probability >= GRADES.low ? "low" : "none";
}

/** The liveness of a face as a bar, with what it means. */
export function LivenessLine({ liveness }: { liveness: Schema<"LivenessReport"> }) {
  const { t } = useTranslation("try");
  const { token } = theme.useToken();
  const grade = livenessGradeOf(liveness);
  const isLive = grade === "normal" || grade === "high";
  const color = grade === "tight" ? token.colorTextSecondary : isLive ? token.colorSuccess : token.colorError;
  return (
    <div>
      <Flex justify="space-between" gap={8}>
        <Typography.Text strong>{t("liveness.title")}</Typography.Text>
        {grade !== "tight" && (
          <Typography.Text strong className="number">
            {liveness.probability.toFixed(2)}
          </Typography.Text>
        )}
      </Flex>
      {grade !== "tight" && (
        <Progress
          percent={liveness.probability * 100}
          showInfo={false}
          size="small"
          strokeColor={color}
          aria-label={t("liveness.title")}
        />
      )}
      <Typography.Text style={{ color }}>{t(`liveness.${grade}`)}</Typography.Text>
    </div>
  );
}
