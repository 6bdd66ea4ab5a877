import { MergeCellsOutlined } from "@ant-design/icons";
import { App, Button, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { queries, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { Loaded, Nothing } from "../../common/states";
import { Section } from "../libraries/Section";
import { useMerge } from "./DuplicatePair";
import { FoundPerson } from "./FaceSearch";
import { isBuiltin, nameOf, type Person, placeOf } from "./person";

const TOP = 5;

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  /** Similarity from which two faces are the same person's. */
  threshold: number;
}

/** People of the library who look like a person: to find one who is enrolled twice. */
export function SimilarPeople({ library, person, threshold }: Properties) {
  const { t } = useTranslation("people");
  const { canWork } = usePermissions();
  const { message } = App.useApp();
  const confirm = useConfirm();
  const merge = useMerge(library.id);
  const hasFace = (person.faces?.length ?? 0) > 0;
  const { params } = placeOf(library.id, person.id);
  const similar = queries.useQuery(
    "get",
    "/libraries/{library}/people/{person}/similar",
    { params: { ...params, query: { top: TOP } } },
    { enabled: hasFace, retry: false },
  );
  const ask = (other: Schema<"PersonReference">) => {
    const names = { keep: nameOf(person), remove: nameOf(other) };
    confirm({
      title: t("merge.title", names),
      content: t("merge.contentUnknown", names),
      action: t("merge.action"),
      onConfirm: async () => {
        await merge.mutateAsync({ keep: person.id, remove: other.id });
        message.success(t("merge.done", names));
      },
    });
  };
  return (
    <Section title={t("similar.title")}>
      {!hasFace && <Typography.Text type="secondary">{t("similar.noFace")}</Typography.Text>}
      {hasFace && (
        <Loaded query={similar}>
          {({ items }) =>
            items.length === 0 ? (
              <Nothing text={t("similar.nobody")} />
            ) : (
              <Flex vertical gap={12}>
                <Typography.Text type="secondary">{t("similar.about")}</Typography.Text>
                {items.map((found) => (
                  <Flex key={found.person.id} vertical gap={4}>
                    <FoundPerson found={found} threshold={threshold} />
                    {canWork && isBuiltin(library) && found.similarity >= threshold && (
                      <Button
                        size="small"
                        icon={<MergeCellsOutlined />}
                        style={{ alignSelf: "start" }}
                        onClick={() => ask(found.person)}
                      >
                        {t("similar.merge", { name: nameOf(person) })}
                      </Button>
                    )}
                  </Flex>
                ))}
              </Flex>
            )
          }
        </Loaded>
      )}
    </Section>
  );
}
