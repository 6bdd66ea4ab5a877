import { DeleteOutlined, QuestionCircleOutlined } from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Button, Descriptions, Drawer, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { FaceImage } from "../../common/FaceImage";
import { PersonLink, usePersonName } from "../../common/names";
import { StateTag } from "../../common/StateTag";
import { Moment, momentText } from "../../common/time";
import { EntryPicture } from "./EntryPicture";
import type { Entry } from "./recognitions";

interface Properties {
  entry: Entry;
  onClose: () => void;
  onName: () => void;
}

/** All that is known of a logged recognition. */
export function EntryDrawer({ entry, onClose, onName }: Properties) {
  const { t } = useTranslation("recognitions");
  const { canWork } = usePermissions();
  const confirm = useConfirm();
  const cache = useQueryClient();
  const isUnknown = entry.matches.length === 0;
  const remove = () =>
    confirm({
      title: t("delete.title", { time: momentText(entry.time) }),
      content: t("delete.content"),
      action: t("delete.action"),
      onConfirm: async () => {
        await api.DELETE("/libraries/{library}/recognitions/{entry}", {
          params: { path: { library: entry.libraryId, entry: entry.id } },
        });
        onClose();
        await cache.invalidateQueries();
      },
    });
  return (
    <Drawer
      open
      onClose={onClose}
      title={t("details.title")}
      size={440}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      extra={
        canWork && (
          <Button danger icon={<DeleteOutlined />} onClick={remove}>
            {t("delete.do")}
          </Button>
        )
      }
    >
      <Flex vertical gap={16}>
        <div style={{ width: "100%", maxWidth: 384 }}>
          <EntryPicture library={entry.libraryId} entry={entry.id} alt={t("picture", { time: momentText(entry.time) })} />
        </div>
        <Descriptions
          size="small"
          column={1}
          items={[
            { key: "time", label: t("details.time"), children: <Moment at={entry.time} /> },
            { key: "id", label: t("details.id"), children: <span className="number">{entry.id}</span> },
          ]}
        />
        <Typography.Title level={2} style={{ fontSize: 15, margin: 0 }}>
          {t("details.matches")}
        </Typography.Title>
        {isUnknown ? (
          <Flex vertical gap={8} align="start">
            <StateTag tone="warning" icon={<QuestionCircleOutlined />}>
              {t("unknown")}
            </StateTag>
            <Typography.Text>{t("details.unknown")}</Typography.Text>
            {canWork && (
              <Button type="primary" onClick={onName}>
                {t("name.do")}
              </Button>
            )}
          </Flex>
        ) : (
          entry.matches.map((match) => <Match key={match.personId} library={entry.libraryId} match={match} />)
        )}
      </Flex>
    </Drawer>
  );
}

function Match({ library, match }: { library: string; match: Entry["matches"][number] }) {
  const { t } = useTranslation("recognitions");
  const name = usePersonName(library, match.personId, match.name);
  return (
    <Flex gap={12} align="center">
      <FaceImage library={library} person={match.personId} face={match.faceId} name={name} size={64} />
      <Flex vertical style={{ minWidth: 0 }}>
        <PersonLink library={library} person={match.personId} name={match.name} />
        <Typography.Text type="secondary" className="number">
          {t("similarity", { similarity: match.similarity.toFixed(4) })}
        </Typography.Text>
      </Flex>
    </Flex>
  );
}
