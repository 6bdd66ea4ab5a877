import { Alert, Card, Collapse, Flex, Tag, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { type LoadedPicture, useLoadedPicture } from "../../shared/loadedPicture";
import { type Identified, USUAL_THRESHOLD } from "./acts";
import { FaceCrop } from "./FaceCrop";
import { FaceReport } from "./FaceReport";
import { Heading } from "./Heading";
import { livenessGradeOf } from "./LivenessLine";
import { lookAt } from "./marks";
import { MatchList } from "./MatchList";

interface Properties {
  picture: Blob;
  identified: Identified;
  libraries: Schema<"ShownLibrary">[];
  selected: number;
  onSelect: (index: number) => void;
}

/** The faces of an identification, and who they are. */
export function FoundFaces({ picture, identified: { act, looks }, libraries, selected, onSelect }: Properties) {
  const { t } = useTranslation("try");
  const loaded = useLoadedPicture(picture);
  if (act.found.length === 0) {
    return <Alert type="warning" showIcon title={t("noFace.title")} description={t("noFace.advice")} />;
  }
  const known = act.found.filter(({ matches }) => matches.length > 0).length;
  const others = act.faces === "largest" ? looks.length - 1 : 0;
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
          look={lookAt(looks, face.box)}
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
            <Flex gap={4} wrap>
              <Tag color={best ? "success" : "error"}>{t(best ? "match.found" : "match.notFound")}</Tag>
              <StateTags look={look} />
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
        {details.length > 0 && <Collapse size="small" ghost items={details} defaultActiveKey={best ? [] : ["next"]} />}
      </Flex>
    </Card>
  );
}

/** What stands against trusting a face, in short. */
function StateTags({ look }: { look: Schema<"DetectedFace"> | null }) {
  const { t } = useTranslation("try");
  if (!look?.liveness) return null;
  const grade = livenessGradeOf(look.liveness);
  if (grade === "tight") return <Tag>{t("liveness.shortTight")}</Tag>;
  const isLive = grade === "normal" || grade === "high";
  return <Tag color={isLive ? "default" : "warning"}>{t(isLive ? "liveness.shortLive" : "liveness.shortNotLive")}</Tag>;
}
