import { Alert, Card, Flex, Radio, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { FailurePanel } from "../../common/states";
import { look } from "./acts";
import { AsProgram } from "./AsProgram";
import type { Look } from "./dialects/types";
import { FaceReport } from "./FaceReport";
import { Heading } from "./Heading";
import { PictureSlot } from "./PictureSlot";
import { TwoColumns } from "./TwoColumns";
import { useRun } from "./useRun";

interface Properties {
  picture: Blob | null;
  onPicture: (picture: Blob | null) => void;
}

/** Faces of a picture: where they are, how good and how live they are, and why one would be refused. */
export function LookTab({ picture, onPicture }: Properties) {
  const { t } = useTranslation("try");
  const { result, failure, isBusy, run, clear } = useRun<Look>();
  const [selected, setSelected] = useState(0);
  useEffect(() => {
    setSelected(0);
    if (picture) run((signal) => look(picture, signal));
    else clear();
  }, [picture, run, clear]);

  const faces = result?.faces ?? [];
  const face = faces[selected];
  return (
    <Flex vertical gap={24}>
      <TwoColumns
        left={
          <PictureSlot
            picture={picture}
            onPicture={onPicture}
            isBusy={isBusy}
            selected={faces.length > 1 ? selected : null}
            onSelect={setSelected}
            faces={faces.map((one, index) => ({
              box: one.box,
              rotation: one.rotation,
              landmarks: one.landmarks,
              label: faces.length > 1 ? String(index + 1) : undefined,
              tone: one.quality?.isRecognisable === false ? "bad" : "good",
            }))}
          />
        }
        right={
          <Flex vertical gap={16}>
            {failure ? (
              <FailurePanel failure={failure} onRetry={picture ? () => run((signal) => look(picture, signal)) : undefined} />
            ) : null}
            {!result && !failure && <Typography.Text type="secondary">{t(isBusy ? "busy" : "look.hint")}</Typography.Text>}
            {result && faces.length === 0 && (
              <Alert type="warning" showIcon title={t("noFace.title")} description={t("noFace.advice")} />
            )}
            {faces.length > 1 && <FaceChoice faces={faces} selected={selected} onSelect={setSelected} />}
            {face && (
              <Card size="small" title={<Heading>{t("face.number", { number: selected + 1, of: faces.length })}</Heading>}>
                <FaceReport face={face} />
              </Card>
            )}
          </Flex>
        }
      />
      {result && <AsProgram act={result} />}
    </Flex>
  );
}

interface ChoiceProperties {
  faces: Schema<"DetectedFace">[];
  selected: number;
  onSelect: (index: number) => void;
}

function FaceChoice({ faces, selected, onSelect }: ChoiceProperties) {
  const { t } = useTranslation("try");
  const refused = faces.filter(({ quality }) => quality?.isRecognisable === false).length;
  return (
    <Flex vertical gap={8}>
      <Typography.Text>
        {refused > 0 ? t("look.someRefused", { number: faces.length, refused }) : t("look.several", { number: faces.length })}
      </Typography.Text>
      <Radio.Group
        aria-label={t("look.choose")}
        optionType="button"
        size="small"
        value={selected}
        onChange={({ target }) => onSelect(target.value as number)}
        options={faces.map((face, index) => ({
          value: index,
          label: face.quality?.isRecognisable === false ? t("look.refusedNumber", { number: index + 1 }) : String(index + 1),
        }))}
        style={{ maxHeight: 120, overflowY: "auto" }}
      />
    </Flex>
  );
}
