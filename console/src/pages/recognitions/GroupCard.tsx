import { CheckCircleOutlined, UserAddOutlined } from "@ant-design/icons";
import { useQueries } from "@tanstack/react-query";
import { Button, Card, Flex, Skeleton, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { PersonLink } from "../../common/names";
import { countText } from "../../common/numbers";
import { EntryPicture } from "./EntryPicture";
import { NameGroup } from "./NameForm";
import { readEntry } from "./recognitions";

/** Unknown faces that show the same person. */
export interface FaceGroup {
  /** Number in the grouping, from 1. */
  number: number;
  /** Ids of the entries, those first whose faces are most like the group. */
  entries: string[];
}

/** Faces of a group that are shown. */
const SHOWN = 8;
const FRESH_MS = 60_000;

/** A group of unknown faces, to be given a name. */
export function GroupCard({ library, group }: { library: string; group: FaceGroup }) {
  const { t } = useTranslation("recognitions");
  const { canWork } = usePermissions();
  const [isOpen, setIsOpen] = useState(false);
  const { number, entries } = group;
  const shown = entries.slice(0, SHOWN);
  const seen = useQueries({
    queries: shown.map((entry) => ({
      queryKey: ["recognitions", library, "entry", entry],
      queryFn: () => readEntry(library, entry),
      staleTime: FRESH_MS,
    })),
  });
  const person = seen.flatMap(({ data }) => data?.matches ?? [])[0]?.personId ?? null;
  const isPending = seen.some(({ isPending: isWaited }) => isWaited);
  const isGone = !isPending && seen.length > 0 && seen.every(({ data }) => data === null);
  const title = t("group.title", { number, faces: countText(entries.length) });
  return (
    <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{title}</h3>}>
      <Flex vertical gap={12}>
        <Flex gap={6} wrap>
          {shown.map((entry) => (
            <EntryPicture key={entry} library={library} entry={entry} size={64} alt={t("group.face", { number })} />
          ))}
          {entries.length > shown.length && (
            <Flex align="center" justify="center" className="number" style={{ width: 64, height: 64 }}>
              +{countText(entries.length - shown.length)}
            </Flex>
          )}
        </Flex>
        {isPending ? (
          <Skeleton.Button active size="small" />
        ) : person ? (
          <Typography.Text>
            <CheckCircleOutlined /> {t("group.isNamed")} <PersonLink library={library} person={person} isInText />
          </Typography.Text>
        ) : isGone ? (
          <Typography.Text type="secondary">{t("group.isGone")}</Typography.Text>
        ) : (
          canWork && (
            <Button
              icon={<UserAddOutlined />}
              onClick={() => setIsOpen(true)}
              style={{ alignSelf: "start" }}
              aria-label={`${title}: ${t("group.name")}`}
            >
              {t("group.name")}
            </Button>
          )
        )}
      </Flex>
      {isOpen && <NameGroup library={library} entries={entries} number={number} onClose={() => setIsOpen(false)} />}
    </Card>
  );
}
