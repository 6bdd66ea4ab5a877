import { CameraOutlined, PauseOutlined, SwapOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Typography } from "antd";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Schema } from "../../api/client";
import { useCamera } from "../../common/camera";
import { FaceMarks, type Marked } from "../../common/FaceMarks";
import { mayUseCamera } from "../../common/picture";
import { durationText } from "../../common/time";
import { FailurePanel, Loaded, Nothing } from "../../common/states";
import { LibraryChoice } from "./LibraryChoice";
import { ThresholdChoice } from "./ThresholdChoice";
import { TwoColumns } from "./TwoColumns";
import { useLiveSearch } from "./useLiveSearch";
import { chosenOf, useLibraries } from "./useLibraries";

interface Properties {
  libraryIds: string[];
  onLibraryIds: (ids: string[]) => void;
}

/** Who is in front of the camera, about once a second. */
export function LiveTab(properties: Properties) {
  const { t } = useTranslation("try");
  const { t: ofPicture } = useTranslation("picture");
  const libraries = useLibraries();
  if (!mayUseCamera()) {
    return <Alert type="info" showIcon title={t("live.insecure")} description={ofPicture("camera.insecure")} />;
  }
  return (
    <Loaded query={libraries}>
      {({ items }) =>
        items.length > 0 ? (
          <Start {...properties} libraries={items} />
        ) : (
          <Nothing text={t("libraries.nothing")}>
            <Link to="/libraries">{t("libraries.create")}</Link>
          </Nothing>
        )
      }
    </Loaded>
  );
}

function Start({ libraryIds, onLibraryIds, libraries }: Properties & { libraries: Schema<"ShownLibrary">[] }) {
  const { t } = useTranslation("try");
  const [threshold, setThreshold] = useState<number | null>(null);
  const [isOn, setIsOn] = useState(false);
  const chosen = useMemo(() => chosenOf(libraries, libraryIds), [libraries, libraryIds]);
  return (
    <Flex vertical gap={24}>
      <Flex gap={16} wrap align="end">
        <LibraryChoice libraries={libraries} value={libraryIds} onChange={onLibraryIds} />
        <ThresholdChoice hasOwn value={threshold} onChange={setThreshold} />
        <Button
          type={isOn ? "default" : "primary"}
          icon={isOn ? <PauseOutlined /> : <CameraOutlined />}
          onClick={() => setIsOn(!isOn)}
        >
          {t(isOn ? "live.stop" : "live.start")}
        </Button>
      </Flex>
      {isOn ? (
        <View libraries={chosen} all={libraries} threshold={threshold} />
      ) : (
        <Typography.Text type="secondary">{t("live.hint")}</Typography.Text>
      )}
    </Flex>
  );
}

interface ViewProperties {
  libraries: Schema<"ShownLibrary">[];
  all: Schema<"ShownLibrary">[];
  threshold: number | null;
}

function View({ libraries, all, threshold }: ViewProperties) {
  const { t } = useTranslation("try");
  const { t: ofPicture } = useTranslation("picture");
  const { video, fault, isFront, turn } = useCamera();
  const { faces, width, height, failure, calls, tookMs, search } = useLiveSearch(video);
  useEffect(() => search({ libraries, threshold, faces: "all" }), [libraries, threshold, search]);
  if (fault) return <Alert type="warning" showIcon title={ofPicture(fault)} />;

  const named = faces.map((face, index) => {
    const found = face.matches[0];
    const name = found ? found.person.name || found.person.externalId || t("match.nameless") : t("match.unknown");
    return { face, found, name, number: index + 1 };
  });
  const marked: Marked[] = named.map(({ face, found, name }) => ({
    box: face.box,
    rotation: face.rotation,
    label: found ? `${name} ${found.similarity.toFixed(2)}` : name,
    tone: found ? "good" : "bad",
  }));
  return (
    <TwoColumns
      left={
        <Flex vertical gap={8}>
          <div style={{ position: "relative" }}>
            <video
              ref={video}
              autoPlay
              playsInline
              muted
              aria-label={ofPicture("camera.view")}
              style={{ display: "block", width: "100%", borderRadius: 6, background: "#000", transform: isFront ? "scaleX(-1)" : undefined }}
            />
            {width > 0 && <FaceMarks width={width} height={height} faces={marked} isMirrored={isFront} />}
          </div>
          {turn && (
            <Button icon={<SwapOutlined />} onClick={turn}>
              {ofPicture("camera.turn")}
            </Button>
          )}
        </Flex>
      }
      right={
        <Flex vertical gap={12}>
          {failure ? <FailurePanel failure={failure} /> : null}
          <Typography.Text type="secondary" className="number">
            {calls === 0 ? t("live.waiting") : t("live.pace", { calls, duration: durationText(tookMs) })}
          </Typography.Text>
          {calls > 0 && named.length === 0 && !failure && <Typography.Text>{t("live.nobody")}</Typography.Text>}
          <ul style={{ margin: 0, paddingInlineStart: 20 }}>
            {named.map(({ found, name, number }) => (
              <li key={number}>
                {found ? (
                  <>
                    <Link to={`/libraries/${found.person.libraryId}/people/${found.person.id}`}>{name}</Link>{" "}
                    <span className="number">{found.similarity.toFixed(4)}</span>{" "}
                    <Typography.Text type="secondary">{all.find(({ id }) => id === found.person.libraryId)?.name}</Typography.Text>
                  </>
                ) : (
                  name
                )}
              </li>
            ))}
          </ul>
          <Typography.Text type="secondary">{t("live.counted")}</Typography.Text>
        </Flex>
      }
    />
  );
}
