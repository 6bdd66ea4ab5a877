import { QuestionCircleOutlined } from "@ant-design/icons";
import { Button, Card, Flex, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { PersonLink } from "../../common/names";
import { StateTag } from "../../common/StateTag";
import { Moment, momentText } from "../../common/time";
import { EntryPicture } from "./EntryPicture";
import type { Entry } from "./recognitions";

interface Properties {
  entry: Entry;
  onOpen: () => void;
  onName: () => void;
}

/** A logged recognition: the face, when it was seen, and whom it matches best. */
export function EntryCard({ entry, onOpen, onName }: Properties) {
  const { t } = useTranslation("recognitions");
  const { token } = theme.useToken();
  const { canWork } = usePermissions();
  const [best] = entry.matches;
  return (
    <Card size="small" styles={{ body: { padding: 8 } }}>
      <Flex vertical gap={8}>
        <button
          type="button"
          onClick={onOpen}
          aria-label={t("details.open", { time: momentText(entry.time) })}
          style={{
            padding: 0,
            border: 0,
            background: token.colorFillTertiary,
            borderRadius: token.borderRadius,
            cursor: "pointer",
            aspectRatio: "1",
            overflow: "hidden",
          }}
        >
          <EntryPicture library={entry.libraryId} entry={entry.id} alt={t("picture", { time: momentText(entry.time) })} />
        </button>
        <Typography.Text type="secondary" className="number" style={{ fontSize: 12 }}>
          <Moment at={entry.time} />
        </Typography.Text>
        {best ? (
          <Flex vertical>
            <PersonLink library={entry.libraryId} person={best.personId} name={best.name} />
            <Typography.Text type="secondary" className="number" style={{ fontSize: 12 }}>
              {t("similarity", { similarity: best.similarity.toFixed(4) })}
              {entry.matches.length > 1 && ` · ${t("moreMatches", { others: entry.matches.length - 1 })}`}
            </Typography.Text>
          </Flex>
        ) : (
          <Flex justify="space-between" align="center" gap={4} wrap>
            <StateTag tone="warning" icon={<QuestionCircleOutlined />}>
              {t("unknown")}
            </StateTag>
            {canWork && (
              <Button size="small" onClick={onName}>
                {t("name.do")}
              </Button>
            )}
          </Flex>
        )}
      </Flex>
    </Card>
  );
}
