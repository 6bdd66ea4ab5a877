import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Card, Flex, Modal, theme, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import { FaceImage } from "../../common/FaceImage";
import { PictureInput } from "../../common/PictureInput";
import { type Marked, PictureStage } from "../../common/PictureStage";
import { ScoreScale } from "../../common/ScoreScale";
import { FailurePanel } from "../../common/states";
import { nameOf, pathOf } from "./person";

/** Answers of a search have at most so many people for each face. */
const TOP = 10;
const PICTURE_WIDTH = 320;

interface Properties {
  library: Schema<"ShownLibrary">;
  /** Similarity from which somebody matches. */
  threshold: number;
  /** Only people with these tags, if the engine can. */
  tags: string[];
  onClose: () => void;
}

/** Finds people of a library by a picture. */
export function FaceSearch({ library, threshold, tags, onClose }: Properties) {
  const { t } = useTranslation("people");
  const [chosen, setChosen] = useState(0);
  const search = useMutation({
    mutationFn: async (picture: Blob) => {
      const form = new FormData();
      form.append("file", picture);
      form.append("faces", "all");
      form.append("explain", "true");
      form.append("top", String(TOP));
      for (const tag of tags) form.append("tags", tag);
      const body = { body: form as never, bodySerializer: (sent: unknown) => sent as FormData };
      const path = { params: { path: { library: library.id } } };
      return dataOf(api.POST("/libraries/{library}/identify", { ...path, ...body }));
    },
    onMutate: () => setChosen(0),
  });
  const faces = search.data?.faces ?? [];
  const marked: Marked[] = faces.map(({ box, rotation, matches }, index) => ({
    box,
    rotation,
    label: matches[0] ? nameOf(matches[0].person) : String(index + 1),
    tone: matches.length > 0 ? "good" : "neutral",
  }));
  const face = faces[chosen];
  return (
    <Modal open width={860} title={t("faceSearch.title", { library: library.name })} footer={null} onCancel={onClose}>
      <Flex vertical gap={16}>
        {tags.length > 0 && <Alert type="info" showIcon title={t("faceSearch.tags", { tags: tags.join(" · ") })} />}
        <Flex gap={16} wrap>
          <Flex vertical gap={12} style={{ flex: "1 1 280px", minWidth: 0 }}>
            <PictureInput isBusy={search.isPending} onPicture={(picture) => search.mutate(picture)} />
            {search.variables && search.isSuccess && (
              <div style={{ width: "100%", maxWidth: PICTURE_WIDTH, alignSelf: "center" }}>
                <PictureStage
                  picture={search.variables}
                  faces={marked}
                  selected={chosen}
                  onSelect={setChosen}
                  alt={t("faceSearch.picture")}
                />
              </div>
            )}
          </Flex>
          <Flex vertical gap={12} style={{ flex: "1 1 280px", minWidth: 0 }} aria-live="polite">
            {search.isIdle && <Typography.Text type="secondary">{t("faceSearch.hint")}</Typography.Text>}
            {search.isPending && <Card loading variant="borderless" />}
            {search.isError && (
              <FailurePanel
                failure={search.error}
                onRetry={() => search.variables && search.mutate(search.variables)}
              />
            )}
            {faces.length > 1 && (
              <Flex gap={8} wrap>
                {faces.map((_, index) => (
                  <Button
                    key={`${index + 1}`}
                    size="small"
                    type={index === chosen ? "primary" : "default"}
                    aria-pressed={index === chosen}
                    onClick={() => setChosen(index)}
                  >
                    {t("faceSearch.face", { number: index + 1 })}
                  </Button>
                ))}
              </Flex>
            )}
            {search.isSuccess && faces.length === 0 && <Alert type="warning" showIcon title={t("faceSearch.noFace")} />}
            {face && <Found face={face} threshold={threshold} />}
          </Flex>
        </Flex>
      </Flex>
    </Modal>
  );
}

function Found({ face, threshold }: { face: Schema<"IdentifiedFace">; threshold: number }) {
  const { t } = useTranslation("people");
  const { matches, nextBest = [] } = face;
  return (
    <Flex vertical gap={12}>
      {matches.length === 0 && <Alert type="info" showIcon title={t("faceSearch.nobody")} />}
      {matches.map((found) => (
        <FoundPerson key={found.person.id} found={found} threshold={threshold} />
      ))}
      {nextBest.length > 0 && <Typography.Text type="secondary">{t("faceSearch.nextBest")}</Typography.Text>}
      {nextBest.map((found) => (
        <FoundPerson key={found.person.id} found={found} threshold={threshold} />
      ))}
    </Flex>
  );
}

/** Somebody who is similar to a face, with the similarity on its scale. */
export function FoundPerson({ found, threshold }: { found: Schema<"FoundPerson">; threshold: number }) {
  const { token } = theme.useToken();
  const { person, faceId, similarity } = found;
  const name = nameOf(person);
  return (
    <Flex gap={12} align="center" style={{ padding: 8, border: `1px solid ${token.colorBorderSecondary}`, borderRadius: token.borderRadius }}>
      <FaceImage library={person.libraryId} person={person.id} face={faceId} name={name} size={72} />
      <div style={{ flex: 1, minWidth: 0 }}>
        <Link to={pathOf(person.libraryId, person.id)} style={{ overflowWrap: "anywhere" }}>
          {name}
        </Link>
        <ScoreScale similarity={similarity} threshold={threshold} />
      </div>
    </Flex>
  );
}
