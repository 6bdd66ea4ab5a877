import { Alert, Button, Flex, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { useCursor } from "../../common/cursor";
import { countText } from "../../common/numbers";
import { FailurePanel, Nothing, Waiting } from "../../common/states";
import { isOpen, type Item, type Job } from "../jobs/jobs";
import { GroupCard, type FaceGroup } from "./GroupCard";

const PAGE = 1000;
/** Groups that are shown at a time. */
const SHOWN = 12;

/** The groups that a grouping of unknown faces found, the largest first. */
export function UnknownGroups({ library, job }: { library: string; job: Job }) {
  const { t } = useTranslation("recognitions");
  const [shown, setShown] = useState(SHOWN);
  const list = useCursor<Item>(["jobs", job.id, "items", "groups", job.state], (cursor) =>
    dataOf(api.GET("/jobs/{job}/items", { params: { path: { job: job.id }, query: { state: "done", limit: PAGE, cursor } } })),
  );
  if (isOpen(job)) return <Nothing text={t("group.running")} />;
  if (list.error) return <FailurePanel failure={list.error} onRetry={() => void list.refetch()} />;
  if (list.isPending) return <Waiting />;
  const { groups, singles } = groupsOf(list.items, !list.hasNextPage);
  const hasMore = groups.length > shown || list.hasNextPage;
  const showMore = () => {
    setShown(shown + SHOWN);
    if (groups.length <= shown + SHOWN && list.hasNextPage) void list.fetchNextPage();
  };
  return (
    <Flex vertical gap={16}>
      {groups.length === 0 ? (
        <Nothing text={t(list.items.length === 0 ? "group.noFaces" : "group.noGroups")} />
      ) : (
        <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 340px), 1fr))" }}>
          {groups.slice(0, shown).map((group) => (
            <GroupCard key={group.number} library={library} group={group} />
          ))}
        </div>
      )}
      {hasMore && (
        <Button loading={list.isFetchingNextPage} onClick={showMore} style={{ alignSelf: "center" }}>
          {t("group.more")}
        </Button>
      )}
      {singles > 0 && <Typography.Text type="secondary">{t("group.singles", { faces: countText(singles) })}</Typography.Text>}
      {job.failed > 0 && (
        <Alert type="warning" showIcon title={t("group.notSeen", { faces: countText(job.failed) })} />
      )}
    </Flex>
  );
}

/** Puts items together by group. The last group of a list that goes on may go on, too, and is left out. */
function groupsOf(items: Item[], isWhole: boolean): { groups: FaceGroup[]; singles: number } {
  const byNumber = new Map<number, Item[]>();
  let singles = 0;
  for (const item of items) {
    if (item.code === "single") singles += 1;
    if (item.code !== "grouped" || typeof item.group !== "number") continue;
    byNumber.set(item.group, [...(byNumber.get(item.group) ?? []), item]);
  }
  const groups = [...byNumber].map(([number, faces]) => ({
    number,
    entries: faces
      .sort((a, b) => (b.similarity ?? 0) - (a.similarity ?? 0))
      .flatMap(({ recognitionId }) => (recognitionId ? [recognitionId] : [])),
  }));
  if (!isWhole && groups.length > 1 && singles === 0) groups.pop();
  return { groups, singles };
}
