import { Descriptions, Flex } from "antd";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { QualityBars } from "../../common/QualityBars";
import { LivenessLine } from "./LivenessLine";

/** All that is known of a face: quality with the reason for a refusal, liveness, direction and place. */
export function FaceReport({ face }: { face: Schema<"DetectedFace"> }) {
  const { t } = useTranslation("try");
  const { box, confidence, liveness, quality, rotation } = face;
  const degrees = (angle: number) => <span className="number">{angle.toFixed(1)}°</span>;
  const items = [
    { key: "confidence", label: t("face.confidence"), children: <span className="number">{confidence.toFixed(3)}</span> },
    {
      key: "size",
      label: t("face.size"),
      children: <span className="number">{t("face.pixels", { width: Math.round(box.width), height: Math.round(box.height) })}</span>,
    },
    ...(quality
      ? [
          { key: "yaw", label: t("face.yaw"), children: degrees(quality.pose.yaw) },
          { key: "pitch", label: t("face.pitch"), children: degrees(quality.pose.pitch) },
          { key: "roll", label: t("face.roll"), children: degrees(quality.pose.roll) },
        ]
      : []),
    { key: "rotation", label: t("face.rotation"), children: degrees(rotation) },
  ];
  return (
    <Flex vertical gap={16}>
      {liveness && <LivenessLine liveness={liveness} />}
      {quality && <QualityBars quality={quality} />}
      <Descriptions size="small" column={{ xs: 1, sm: 2 }} items={items} />
    </Flex>
  );
}
