import { Alert, Card, Collapse, Flex, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { type LoadedPicture, useLoadedPicture } from "../../common/loadedPicture";
import { USUAL_THRESHOLD } from "./acts";
import type { Identification } from "./dialects/types";
import { FaceCrop } from "./FaceCrop";
import { FaceReport } from "./FaceReport";
import { Heading } from "./Heading";
import { livenessGradeOf } from "./LivenessLine";
import { lookAt } from "./marks";
import { MatchList } from "./MatchList";
import { StateText } from "./StateText";

interface Properties {
  picture: Blob;
  act: Identification;
  libraries: Schema<"ShownLibrary">[];
  selected: number;
  onSelect: (index: number) => void;
}

/** The faces of an identification, and who they are. */
export function FoundFaces({ picture, act, libraries, selected, onSelect }: Properties) {
  const { t } = useTranslation("try");
  const loaded = useLoadedPicture(picture);
  if (act.found.length === 0) {
    return <Alert type="warning" showIcon title={t("noFace.title")} description={t("noFace.advice")} />;
  }
  const known = act.found.filter(({ matches }) => matches.length > 0).length;
  const others = act.faces === "largest" ? act.looks.length - 1 : 0;
  const thresholdOf = (libraryId: string) =>
    act.threshold ?? act.libraries.find(({ id }) => id === libraryId)?.threshold ?? USUAL_THRESHOLD;
  return (
    <Flex vertical gap={16}>
      {act.faces === "all" && (
        <Typography.Text strong>{t("group.summary", { number: act.found.length, known })}</Typography.Text>
      )}
      {act.found.map((face, index) => (
        <FoundFace
          key={`${face.box.x} ${face.box.y}`}
          number={act.found.length > 1 ? index + 1 : null}
          face={face}
          look={lookAt(act.looks, face.box)}
          loaded={loaded === "unreadable" ? null : loaded}
          libraries={libraries}
          thresholdOf={thresholdOf}
          isSelected={act.found.length > 1 && selected === index}
          onSelect={() => onSelect(index)}
        />
      ))}
      {others > 0 && <Typography.Text type="secondary">{t("who.others", { number: others })}</Typography.Text>}
    </Flex>
  );
}

interface FaceProperties {
  /** Number of the face in the picture; `null` if there is only one. */
  number: number | null;
  face: Schema<"IdentifiedFace">;
  look: Schema<"DetectedFace"> | null;
  loaded: LoadedPicture | null;
  libraries: Schema<"ShownLibrary">[];
  thresholdOf: (libraryId: string) => number;
  isSelected: boolean;
  onSelect: () => void;
}

function FoundFace({ number, face, look, loaded, libraries, thresholdOf, isSelected, onSelect }: FaceProperties) {
  const { t } = useTranslation("try");
  const { token } = theme.useToken();
  const best = face.matches[0]?.person;
  const name = best ? best.name || best.externalId || t("match.nameless") : t("match.unknown");
  const nextBest = face.nextBest ?? [];
  const details = [
    ...(nextBest.length > 0
      ? [
          {
            key: "next",
            label: t("match.next", { number: nextBest.length }),
            children: <MatchList people={nextBest} areMatches={false} libraries={libraries} thresholdOf={thresholdOf} />,
          },
        ]
      : []),
    ...(look ? [{ key: "report", label: t("face.report"), children: <FaceReport face={look} /> }] : []),
  ];
  return (
    <Card
      size="small"
      onMouseEnter={onSelect}
      onFocus={onSelect}
      style={isSelected ? { borderColor: token.colorPrimary, boxShadow: `0 0 0 1px ${token.colorPrimary}` } : undefined}
    >
      <Flex vertical gap={12}>
        <Flex gap={12} align="center">
          {loaded && <FaceCrop loaded={loaded} box={face.box} alt={t("face.crop")} />}
          <Flex vertical gap={4} style={{ minWidth: 0 }}>
            <Heading>{number === null ? name : `${number} · ${name}`}</Heading>
            <Flex gap={12} wrap>
              <StateText tone={best ? "good" : "bad"}>{t(best ? "match.found" : "match.notFound")}</StateText>
              {look?.liveness && <LivenessState liveness={look.liveness} />}
            </Flex>
          </Flex>
        </Flex>
        {look?.quality?.isRecognisable === false && (
          <Alert type="error" showIcon title={t("match.notRecognisable")} />
        )}
        {!best && nextBest.length === 0 && look?.quality?.isRecognisable !== false && (
          <Typography.Text type="secondary">{t("match.nobody")}</Typography.Text>
        )}
        {best && <MatchList people={face.matches} areMatches libraries={libraries} thresholdOf={thresholdOf} />}
        {details.length > 0 && <Collapse size="small" ghost items={details} defaultActiveKey={best || number !== null ? [] : ["next"]} />}
      </Flex>
    </Card>
  );
}

function LivenessState({ liveness }: { liveness: Schema<"LivenessReport"> }) {
  const { t } = useTranslation("try");
  const grade = livenessGradeOf(liveness);
  if (grade === "tight") return <StateText tone="unknown">{t("liveness.shortTight")}</StateText>;
  if (grade === "normal" || grade === "high") return <StateText tone="good">{t("liveness.shortLive")}</StateText>;
  return <StateText tone="doubtful">{t("liveness.shortNotLive")}</StateText>;
}
