import { Button, Flex, Form, Input, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useChange } from "../../common/change";
import { useConfirm } from "../../common/confirm";
import { CursorTable, useCursor } from "../../common/cursor";
import { countText } from "../../common/numbers";
import { useListedPeople } from "../people/list";
import { failureOf } from "../people/verdicts";
import { Section } from "./Section";

type Tag = Schema<"LibraryTag">;

const MAX_LENGTH = 64;

/** The tags of a library: who has them; renamed, taken away. */
export function TagsTab({ library }: { library: Schema<"ShownLibrary"> }) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const { canWork } = usePermissions();
  const confirm = useConfirm();
  const listed = useListedPeople(library.id);
  const [renamed, setRenamed] = useState<Tag | null>(null);
  const list = useCursor<Tag>(["tags", library.id], (cursor) =>
    dataOf(api.GET("/libraries/{library}/tags", { params: { path: { library: library.id }, query: { cursor } } })),
  );
  const change = useChange(async ({ tag, next }: { tag: string; next: string | null }) => {
    await retagAll(library.id, tag, next);
    await listed.reset();
  });
  const remove = ({ tag, people }: Tag) =>
    confirm({
      title: t("tags.remove.title", { tag }),
      content: t("tags.remove.content", { people: countText(people) }),
      action: t("tags.remove.action"),
      onConfirm: () => change.run({ tag, next: null }, t("tags.removed", { tag })),
    });
  return (
    <Section title={t("tags.title")}>
      <Flex vertical gap={12}>
        <span>{t("tags.about")}</span>
        <CursorTable<Tag>
          style={{ maxWidth: 800 }}
          list={list}
          rowKey="tag"
          nothing={t("tags.none")}
          columns={[
            {
              title: t("tags.tag"),
              render: (_, { tag }) => (
                <Link to={`/libraries/${library.id}?tag=${encodeURIComponent(tag)}`} style={{ overflowWrap: "anywhere", whiteSpace: "normal" }}>
                  {tag}
                </Link>
              ),
            },
            { title: t("tags.people"), align: "end", className: "number", render: (_, { people }) => countText(people) },
            ...(canWork
              ? [
                  {
                    title: common("actions"),
                    render: (_: unknown, found: Tag) => (
                      <Flex gap={8}>
                        <Button size="small" autoInsertSpace={false} aria-label={t("tags.renameOf", { tag: found.tag })} onClick={() => setRenamed(found)}>
                          {t("tags.rename")}
                        </Button>
                        <Button size="small" danger autoInsertSpace={false} aria-label={t("tags.removeOf", { tag: found.tag })} onClick={() => remove(found)}>
                          {common("delete")}
                        </Button>
                      </Flex>
                    ),
                  },
                ]
              : []),
          ]}
        />
      </Flex>
      {renamed && (
        <Rename
          tag={renamed}
          isBusy={change.isBusy}
          onCancel={() => setRenamed(null)}
          onRename={async (next) => {
            if (await change.run({ tag: renamed.tag, next }, t("tags.renamed", { tag: next }))) setRenamed(null);
          }}
        />
      )}
    </Section>
  );
}

interface Renaming {
  tag: Tag;
  isBusy: boolean;
  onRename: (next: string) => Promise<void>;
  onCancel: () => void;
}

function Rename({ tag, isBusy, onRename, onCancel }: Renaming) {
  const { t } = useTranslation("libraries");
  const [next, setNext] = useState(tag.tag);
  const name = next.trim();
  const isSame = name === "" || name === tag.tag;
  return (
    <Modal
      open
      title={t("tags.renameOf", { tag: tag.tag })}
      okText={t("tags.rename")}
      okButtonProps={{ disabled: isSame, loading: isBusy }}
      onOk={() => void onRename(name)}
      onCancel={onCancel}
    >
      <Form layout="vertical" component="div">
        <Form.Item label={t("tags.newName")} htmlFor="new-tag" extra={t("tags.renameAbout", { people: countText(tag.people) })}>
          <Input
            id="new-tag"
            value={next}
            maxLength={MAX_LENGTH}
            onChange={({ target }) => setNext(target.value)}
            onPressEnter={() => !isSame && void onRename(name)}
          />
        </Form.Item>
      </Form>
    </Modal>
  );
}

/**
 * Takes a tag from all people who have it; gives them another one instead, unless that is `null`.
 *
 * @throws the first reason why somebody could not be changed, after all others were
 */
async function retagAll(library: string, tag: string, next: string | null) {
  let refusal: Schema<"Problem"> | null = null;
  let cursor: string | null = null;
  do {
    const body: Schema<"BulkUpdate"> = { tags: [tag], addTags: next === null ? [] : [next], removeTags: [tag], cursor };
    const init = { params: { path: { library } }, body };
    const outcome: Schema<"BulkOutcome"> = await dataOf(api.POST("/libraries/{library}/people/bulk-update", init));
    for (const { problem } of outcome.items) refusal ??= problem ?? null;
    cursor = outcome.next ?? null;
  } while (cursor);
  if (refusal) throw failureOf(refusal);
}
