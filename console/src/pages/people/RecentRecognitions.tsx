import { Alert, Button, Flex, Spin, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { useCursor } from "../../common/cursor";
import { FailurePanel, Loaded, Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { Section } from "../libraries/Section";
import { nameOf, type Person } from "./person";

const PAGE_SIZE = 12;
const SIDE = 108;

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
}

/** Where a person was recognised lately, if the library logs it. */
export function RecentRecognitions({ library, person }: Properties) {
  const { t } = useTranslation("people");
  const log = queries.useQuery("get", "/libraries/{library}/recognition-log", { params: { path: { library: library.id } } });
  return (
    <Section title={t("recognitions.title")}>
      <Loaded query={log}>
        {({ enabled }) => (
          <Flex vertical gap={12}>
            {!enabled && (
              <Alert
                type="info"
                showIcon
                title={t("recognitions.off")}
                description={t("recognitions.offAdvice")}
                action={
                  <Link to={`/libraries/${library.id}?tab=settings`}>
                    <Button size="small">{t("recognitions.settings")}</Button>
                  </Link>
                }
              />
            )}
            <Entries library={library} person={person} isOn={enabled} />
          </Flex>
        )}
      </Loaded>
    </Section>
  );
}

function Entries({ library, person, isOn }: Properties & { isOn: boolean }) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const { token } = theme.useToken();
  const list = useCursor<Schema<"ShownRecognition">>(["personRecognitions", library.id, person.id], (cursor) => {
    const query = { personId: person.id, limit: PAGE_SIZE, cursor };
    return dataOf(api.GET("/libraries/{library}/recognitions", { params: { path: { library: library.id }, query } }));
  });
  if (list.isPending) return <Spin />;
  if (list.error) return <FailurePanel failure={list.error} onRetry={() => void list.refetch()} />;
  if (list.items.length === 0) return isOn ? <Nothing text={t("recognitions.none")} /> : null;
  return (
    <>
      <Flex gap={12} wrap>
        {list.items.map(({ id, picture, time, matches }) => {
          const own = matches.find(({ personId }) => personId === person.id);
          return (
            <Flex key={id} vertical style={{ width: SIDE }}>
              <img
                src={picture}
                alt={t("recognitions.picture", { name: nameOf(person) })}
                loading="lazy"
                width={SIDE}
                height={SIDE}
                style={{ objectFit: "cover", borderRadius: token.borderRadius }}
              />
              {own && (
                <Typography.Text className="number" style={{ fontSize: 12 }}>
                  {t("recognitions.similarity", { similarity: own.similarity.toFixed(4) })}
                </Typography.Text>
              )}
              <Typography.Text type="secondary" style={{ fontSize: 12 }}>
                <Moment at={time} ago />
              </Typography.Text>
            </Flex>
          );
        })}
      </Flex>
      {list.hasNextPage && (
        <Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()} style={{ alignSelf: "center" }}>
          {common("more")}
        </Button>
      )}
    </>
  );
}
