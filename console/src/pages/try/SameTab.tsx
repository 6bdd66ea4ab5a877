import { Alert, Button, Card, Collapse, Flex, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { queries, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { ScoreScale } from "../../common/ScoreScale";
import { FailurePanel } from "../../common/states";
import { compare, USUAL_THRESHOLD } from "./acts";
import { AsProgram } from "./AsProgram";
import type { Comparing } from "./dialects/types";
import { FaceReport } from "./FaceReport";
import { Heading } from "./Heading";
import { PictureSlot } from "./PictureSlot";
import { ThresholdChoice } from "./ThresholdChoice";
import { useRun } from "./useRun";

/** Whether two pictures show the same person (1:1). */
export function SameTab() {
  const { t } = useTranslation("try");
  const { isAdmin } = usePermissions();
  const system = queries.useQuery("get", "/system", {}, { enabled: isAdmin });
  const { result, failure, isBusy, run, clear } = useRun<Comparing>();
  const [a, setA] = useState<Blob | null>(null);
  const [b, setB] = useState<Blob | null>(null);
  const [own, setOwn] = useState<number | null>(null);
  const threshold = own ?? system.data?.threshold ?? USUAL_THRESHOLD;

  const act = () => {
    if (a && b) run((signal) => compare(a, b, threshold, signal));
  };
  useEffect(() => {
    if (a && b) act();
    else clear();
  }, [a, b, threshold]);

  const columns = "repeat(auto-fit, minmax(min(100%, 300px), 1fr))";
  return (
    <Flex vertical gap={24}>
      <Flex gap={16} wrap align="end">
        <ThresholdChoice key={system.data?.threshold} hasOwn={false} value={threshold} onChange={setOwn} />
        <Button disabled={!a || !b} loading={isBusy} onClick={act}>
          {t("again")}
        </Button>
      </Flex>
      {failure ? <FailurePanel failure={failure} onRetry={act} /> : null}
      {result ? <Verdict act={result} /> : !failure && <Typography.Text type="secondary">{t(isBusy ? "busy" : "same.hint")}</Typography.Text>}
      <div style={{ display: "grid", gridTemplateColumns: columns, gap: 24, alignItems: "start" }}>
        <Side title={t("same.a")} picture={a} onPicture={setA} faces={result?.facesOfA} isBusy={isBusy} takesPaste={!a} />
        <Side title={t("same.b")} picture={b} onPicture={setB} faces={result?.facesOfB} isBusy={isBusy} takesPaste={!!a} />
      </div>
      {result && <AsProgram act={result} />}
    </Flex>
  );
}

function Verdict({ act }: { act: Comparing }) {
  const { t } = useTranslation("try");
  const { comparison, facesOfA, facesOfB, threshold } = act;
  const isUnreadable = [facesOfA[0], facesOfB[0]].some((face) => face?.quality?.isRecognisable === false);
  if (!comparison) {
    const where = facesOfA.length > 0 ? t("same.b") : facesOfB.length > 0 ? t("same.a") : t("same.both");
    return <Alert type="warning" showIcon title={t("same.noFace", { where })} description={t("noFace.advice")} />;
  }
  return (
    <Card size="small" title={<Heading>{t(comparison.match ? "same.yes" : "same.no")}</Heading>}>
      <ScoreScale similarity={comparison.similarity} threshold={threshold} isMatch={comparison.match} />
      {isUnreadable && <Alert type="error" showIcon title={t("same.notRecognisable")} style={{ marginTop: 12 }} />}
    </Card>
  );
}

interface SideProperties {
  title: string;
  picture: Blob | null;
  onPicture: (picture: Blob | null) => void;
  faces: Schema<"DetectedFace">[] | undefined;
  isBusy: boolean;
  takesPaste: boolean;
}

/** One of the two pictures. The largest face counts. */
function Side({ title, picture, onPicture, faces = [], isBusy, takesPaste }: SideProperties) {
  const { t } = useTranslation("try");
  const face = picture ? faces[0] : undefined;
  return (
    <Card size="small" title={<Heading>{title}</Heading>}>
      <Flex vertical gap={16}>
        <PictureSlot
          picture={picture}
          onPicture={onPicture}
          isBusy={isBusy}
          takesPaste={takesPaste}
          faces={
            face
              ? [
                  {
                    box: face.box,
                    rotation: face.rotation,
                    landmarks: face.landmarks,
                    tone: face.quality?.isRecognisable === false ? "bad" : "good",
                  },
                ]
              : []
          }
        />
        {faces.length > 1 && picture && (
          <Typography.Text type="secondary">{t("who.others", { number: faces.length - 1 })}</Typography.Text>
        )}
        {face && (
          <Collapse
            key={face.quality?.isRecognisable === false ? "refused" : "fine"}
            size="small"
            ghost
            defaultActiveKey={face.quality?.isRecognisable === false ? ["report"] : []}
            items={[{ key: "report", label: t("face.report"), children: <FaceReport face={face} /> }]}
          />
        )}
      </Flex>
    </Card>
  );
}
