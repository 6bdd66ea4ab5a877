import { useMutation } from "@tanstack/react-query";
import { App, Button, Card, Flex, Skeleton, theme } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, queries, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { FaceImage } from "../../common/FaceImage";
import { ScoreScale } from "../../common/ScoreScale";
import { FailurePanel } from "../../common/states";
import { momentText } from "../../common/time";
import { TEXT_FIELDS } from "./fields";
import { useListedPeople } from "./list";
import { nameOf, pathOf, type Person, placeOf } from "./person";

/** Side of a face in pixels. */
const SIDE = 144;

interface Properties {
  library: Schema<"ShownLibrary">;
  pair: Schema<"ShownItem">;
  threshold: number;
  onLeave: () => void;
}

/** Two people who may be the same: both faces, what is known of both, and how they become one. */
export function DuplicatePair({ library, pair, threshold, onLeave }: Properties) {
  const { t } = useTranslation("people");
  const { canWork } = usePermissions();
  const { personId, otherPersonId, faceId, otherFaceId, similarity } = pair;
  const first = usePerson(library.id, personId);
  const second = usePerson(library.id, otherPersonId);
  const merge = useMerge(library.id);
  if (isGone(first.error) || isGone(second.error)) return null;
  const failure = first.error ?? second.error;
  return (
    <Card size="small">
      <Flex vertical gap={12}>
        {failure ? (
          <FailurePanel
            failure={failure}
            onRetry={() => {
              void first.refetch();
              void second.refetch();
            }}
          />
        ) : null}
        <div style={{ display: "grid", gridTemplateColumns: "repeat(2, minmax(0, 1fr))", gap: 16 }}>
          <Side person={first.data} other={second.data} face={faceId} />
          <Side person={second.data} other={first.data} face={otherFaceId} />
        </div>
        {similarity != null && <ScoreScale similarity={similarity} threshold={threshold} />}
        {canWork && first.data && second.data && (
          <Flex gap={8} wrap justify="center">
            <MergeButton keep={first.data} remove={second.data} merge={merge} label={t("duplicates.keepFirst")} />
            <Button onClick={onLeave}>{t("duplicates.leave")}</Button>
            <MergeButton keep={second.data} remove={first.data} merge={merge} label={t("duplicates.keepSecond")} />
          </Flex>
        )}
      </Flex>
    </Card>
  );
}

function usePerson(library: string, person: string | null | undefined) {
  const options = { enabled: Boolean(person) };
  return queries.useQuery("get", "/libraries/{library}/people/{person}", placeOf(library, person ?? ""), options);
}

function isGone(error: unknown): boolean {
  return error instanceof Failure && error.status === 404;
}

/** Merges two people of a library; whoever is merged leaves the lists. */
export function useMerge(library: string) {
  const listed = useListedPeople(library);
  return useMutation({
    mutationFn: ({ keep, remove }: { keep: string; remove: string }) =>
      api.POST("/libraries/{library}/people/{person}/merge", { ...placeOf(library, keep), body: { personId: remove } }),
    onSuccess: (_, { remove }) => listed.forget(new Set([remove])),
  });
}

interface Merging {
  keep: Person;
  remove: Person;
  merge: ReturnType<typeof useMerge>;
  label: string;
}

function MergeButton({ keep, remove, merge, label }: Merging) {
  const { t } = useTranslation("people");
  const { message } = App.useApp();
  const confirm = useConfirm();
  const ask = () =>
    confirm({
      title: t("merge.title", { keep: nameOf(keep), remove: nameOf(remove) }),
      content: t("merge.content", { keep: nameOf(keep), remove: nameOf(remove), faces: remove.faces?.length ?? 0 }),
      action: t("merge.action"),
      onConfirm: async () => {
        await merge.mutateAsync({ keep: keep.id, remove: remove.id });
        message.success(t("merge.done", { keep: nameOf(keep) }));
      },
    });
  return (
    <Button type="primary" ghost loading={merge.isPending} onClick={ask}>
      {label}
    </Button>
  );
}

function Side({ person, other, face }: { person: Person | undefined; other: Person | undefined; face: string | null | undefined }) {
  const { t } = useTranslation("people");
  if (!person) return <Skeleton active avatar={{ shape: "square", size: 120 }} />;
  const name = nameOf(person);
  return (
    <Flex gap={12} wrap align="start" style={{ minWidth: 0, alignContent: "start" }}>
      <FaceImage library={person.libraryId} person={person.id} face={face} name={name} size={SIDE} />
      <Flex vertical gap={8} style={{ flex: "1 1 180px", minWidth: 0 }}>
        <Link to={pathOf(person.libraryId, person.id)} style={{ fontWeight: 600, overflowWrap: "anywhere" }}>
          {name}
        </Link>
        <dl style={{ margin: 0, display: "grid", gap: "4px 12px", gridTemplateColumns: "repeat(auto-fill, minmax(min(130px, 100%), 1fr))" }}>
          {TEXT_FIELDS.filter((field) => person[field] || other?.[field]).map((field) => (
            <Datum
              key={field}
              label={t(`fields.${field}`)}
              value={person[field] ?? "—"}
              differs={other !== undefined && (person[field] ?? null) !== (other[field] ?? null)}
            />
          ))}
          <Datum label={t("fields.tags")} value={person.tags.join(" · ") || "—"} />
          <Datum label={t("fields.faces")} value={String(person.faces?.length ?? 0)} />
          <Datum label={t("fields.createdAt")} value={momentText(person.createdAt)} />
        </dl>
      </Flex>
    </Flex>
  );
}

function Datum({ label, value, differs = false }: { label: string; value: string; differs?: boolean }) {
  const { t } = useTranslation("people");
  const { token } = theme.useToken();
  return (
    <div style={{ minWidth: 0 }}>
      <dt style={{ fontSize: 12, color: token.colorTextDescription }}>
        {label}
        {differs && ` · ${t("duplicates.differs")}`}
      </dt>
      <dd style={{ margin: 0, overflowWrap: "anywhere", fontWeight: differs ? 600 : 400, maxHeight: 96, overflow: "auto" }}>{value}</dd>
    </div>
  );
}
