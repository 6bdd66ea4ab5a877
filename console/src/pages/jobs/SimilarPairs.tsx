import { Button, Card, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf } from "../../api/client";
import { useCursor } from "../../common/cursor";
import { FaceImage } from "../../common/FaceImage";
import { PersonLink } from "../../common/names";
import { Section } from "../../common/Section";
import { FailurePanel, Nothing, Waiting } from "../../common/states";
import { isOpen, type Item, type Job } from "./jobs";

const PAGE = 24;
const REFRESH_MS = 3000;

/** The pairs of people that a scan for duplicates found, with the faces that are so similar. */
export function SimilarPairs({ job, library }: { job: Job; library: string }) {
  const { t } = useTranslation("jobs");
  const list = useCursor<Item>(
    ["jobs", job.id, "items", "pairs"],
    (cursor) =>
      dataOf(api.GET("/jobs/{job}/items", { params: { path: { job: job.id }, query: { state: "done", limit: PAGE, cursor } } })),
    isOpen(job) ? REFRESH_MS : undefined,
  );
  return (
    <Section title={t("pairs")} extra={<Link to={`/libraries/${library}`}>{t("toLibrary")}</Link>}>
      {list.error ? (
        <FailurePanel failure={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <Waiting />
      ) : list.items.length === 0 ? (
        <Nothing text={t(isOpen(job) ? "noPairsYet" : "noPairs")} />
      ) : (
        <Flex vertical gap={12}>
          <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 260px), 1fr))" }}>
            {list.items.map((item) => (
              <Pair key={item.number} library={library} item={item} />
            ))}
          </div>
          {list.hasNextPage && (
            <Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()} style={{ alignSelf: "center" }}>
              {t("showMore")}
            </Button>
          )}
        </Flex>
      )}
    </Section>
  );
}

function Pair({ library, item }: { library: string; item: Item }) {
  const { t } = useTranslation("jobs");
  const faces = [
    { person: item.personId, face: item.faceId },
    { person: item.otherPersonId, face: item.otherFaceId },
  ];
  return (
    <Card size="small">
      <Flex gap={12}>
        {faces.map(({ person, face }) => (
          <Flex vertical gap={4} key={person} style={{ flex: 1, minWidth: 0 }}>
            {person && (
              <>
                <FaceImage library={library} person={person} face={face} name={item.name} size={88} />
                <PersonLink library={library} person={person} />
              </>
            )}
          </Flex>
        ))}
      </Flex>
      {typeof item.similarity === "number" && (
        <Typography.Text type="secondary" className="number">
          {t("similarity", { similarity: item.similarity.toFixed(4) })}
        </Typography.Text>
      )}
    </Card>
  );
}
