import { PlusOutlined, SwapOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Tag, theme, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { FaceImage } from "../../common/FaceImage";
import { shareText } from "../../common/numbers";
import { Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { Section } from "../libraries/Section";
import { AddFaces } from "./AddFaces";
import { FaceDetail } from "./FaceDetail";
import { nameOf, type Person } from "./person";
import { ReplaceFaces } from "./ReplaceFaces";

const SIDE = 132;

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
}

/** The faces of a person: looked at, added, replaced, deleted. */
export function FacesSection({ library, person }: Properties) {
  const { t } = useTranslation("people");
  const { canWork } = usePermissions();
  const [opened, setOpened] = useState<string | null>(null);
  const [dialog, setDialog] = useState<"add" | "replace" | null>(null);
  const faces = person.faces ?? [];
  const face = faces.find(({ id }) => id === opened);
  const add = (
    <Button icon={<PlusOutlined />} onClick={() => setDialog("add")}>
      {t("faces.add")}
    </Button>
  );
  return (
    <Section
      title={t("faces.title", { faces: faces.length })}
      actions={
        canWork && (
          <Flex gap={8} wrap>
            {add}
            {faces.length > 0 && (
              <Button icon={<SwapOutlined />} onClick={() => setDialog("replace")}>
                {t("faces.replace")}
              </Button>
            )}
          </Flex>
        )
      }
    >
      {faces.length === 0 && <Nothing text={t("faces.none")}>{canWork && add}</Nothing>}
      {faces.some(({ isPending }) => isPending) && (
        <Alert type="info" showIcon title={t("faces.pendingAbout")} style={{ marginBottom: 12 }} />
      )}
      <Flex gap={16} wrap>
        {faces.map((found, index) => (
          <FaceTile key={found.id} person={person} face={found} number={faces.length - index} onOpen={() => setOpened(found.id)} />
        ))}
      </Flex>
      {face && <FaceDetail library={library} person={person} face={face} onClose={() => setOpened(null)} />}
      {dialog === "add" && <AddFaces library={library} person={person} onClose={() => setDialog(null)} />}
      {dialog === "replace" && <ReplaceFaces library={library} person={person} onClose={() => setDialog(null)} />}
    </Section>
  );
}

interface Tile {
  person: Person;
  face: Schema<"ShownFace">;
  number: number;
  onOpen: () => void;
}

function FaceTile({ person, face, number, onOpen }: Tile) {
  const { t } = useTranslation("people");
  const { token } = theme.useToken();
  return (
    <Flex vertical gap={4} style={{ width: SIDE }}>
      <button
        type="button"
        onClick={onOpen}
        aria-label={t("faces.open", { number })}
        style={{ padding: 0, border: 0, background: "none", cursor: "zoom-in", borderRadius: token.borderRadius, lineHeight: 0 }}
      >
        <FaceImage library={person.libraryId} person={person.id} face={face.id} name={nameOf(person)} size={SIDE} />
      </button>
      <Typography.Text className="number">
        {face.quality == null ? t("faces.notJudged") : t("faces.quality", { score: shareText(face.quality) })}
      </Typography.Text>
      <Typography.Text type="secondary" style={{ fontSize: 12 }}>
        <Moment at={face.createdAt} ago />
      </Typography.Text>
      {face.isPending && (
        <span>
          <Tag color="warning">{t("faces.pending")}</Tag>
        </span>
      )}
    </Flex>
  );
}
