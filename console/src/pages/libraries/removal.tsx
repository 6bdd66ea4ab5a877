import { useQueryClient } from "@tanstack/react-query";
import { Alert, App, Button } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { countText } from "../../common/numbers";
import { describe } from "../../common/states";
import type { Job } from "./jobs";

type Library = Schema<"ShownLibrary">;

const LIVE_MS = 1_000;
const REFRESH_MS = 10_000;
const MOST = 1000;

const NOT_ENDED: Job["state"][] = ["queued", "paused", "running", "failed"];

/** The deletions of libraries that have not ended, by library. What is deleted meanwhile is read again. */
function useDeletions(): ReadonlyMap<string, Job> {
  const cache = useQueryClient();
  const { data } = queries.useQuery(
    "get",
    "/jobs",
    { params: { query: { kind: "libraryDeletion", state: NOT_ENDED, limit: MOST } } },
    { refetchInterval: ({ state }) => (state.data?.items.some(isUnderWay) ? LIVE_MS : REFRESH_MS) },
  );
  const known = data?.items.map(({ id, state }) => `${id} ${state}`).join();
  const before = useRef(known);
  useEffect(() => {
    if (before.current !== undefined && before.current !== known) void cache.invalidateQueries({ queryKey: ["libraries"] });
    before.current = known;
  }, [known, cache]);
  return new Map(data?.items.map((job) => [job.libraryId ?? "", job]));
}

function isUnderWay({ state }: Job): boolean {
  return state === "queued" || state === "running";
}

/** Keeps a library whose deletion has not begun. */
function useUndo() {
  const { t } = useTranslation("libraries");
  const { notification } = App.useApp();
  const cache = useQueryClient();
  return async (job: string, name: string) => {
    try {
      await api.POST("/jobs/{job}/cancel", { params: { path: { job } } });
      notification.success({ key: job, title: t("delete.undone", { name }) });
    } catch (error) {
      const { title, advice } = describe(error);
      const description = [title, advice].filter(Boolean).join(" ");
      notification.error({ key: job, title: t("delete.notUndone", { name }), description, duration: false });
    }
    await cache.invalidateQueries();
  };
}

/** Deletes libraries after a question. The server waits some seconds, in which everybody who may can take it back. */
export function useLibraryRemoval() {
  const { t } = useTranslation("libraries");
  const { notification } = App.useApp();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const undo = useUndo();

  const begin = async ({ id, name }: Library) => {
    const params = { path: { library: id }, query: { undoable: true } };
    const job = (await dataOf(api.DELETE("/libraries/{library}", { params }))) as Job | undefined;
    await cache.invalidateQueries();
    if (!job?.startsAt) return;
    const seconds = Math.max(1, Math.round((Date.parse(job.startsAt) - Date.parse(job.createdAt)) / 1000));
    notification.warning({
      key: job.id,
      title: <Countdown name={name} from={seconds} />,
      description: t("delete.undoAbout"),
      actions: (
        <Button type="primary" onClick={() => void undo(job.id, name)}>
          {t("delete.undo")}
        </Button>
      ),
      duration: seconds,
      showProgress: true,
      pauseOnHover: false,
    });
  };
  /** Asks, and begins. `onBegin` is called once it will be deleted unless that is taken back. */
  const remove = (library: Library, numbers: Schema<"LibraryStatistics"> | undefined, onBegin?: () => void) =>
    confirm({
      title: t("delete.title", { name: library.name }),
      content: numbers
        ? t("delete.content", { people: countText(numbers.people), faces: countText(numbers.faces) })
        : t("delete.contentUnknown"),
      action: t("delete.action"),
      word: library.name,
      onConfirm: async () => {
        await begin(library);
        onBegin?.();
      },
    });
  return { remove };
}

/** Tells that a library is about to be deleted, with the way back while there is one. */
export function DeletionNotice({ library }: { library: Library }) {
  const { t } = useTranslation("libraries");
  const { canWork } = usePermissions();
  const undo = useUndo();
  const [isBusy, setIsBusy] = useState(false);
  const job = useDeletions().get(library.id);
  if (!job) return null;
  const hasFailed = job.state === "failed";
  const canUndo = canWork && (job.startedAt === null || hasFailed);
  const keep = async () => {
    setIsBusy(true);
    await undo(job.id, library.name);
    setIsBusy(false);
  };
  return (
    <Alert
      type={hasFailed ? "error" : "warning"}
      showIcon
      title={t(hasFailed ? "delete.failed" : job.startedAt === null ? "delete.scheduled" : "delete.running", { name: library.name })}
      description={hasFailed && <Link to={`/jobs/${job.id}`}>{t("delete.look")}</Link>}
      action={
        canUndo && (
          <Button size="small" loading={isBusy} onClick={() => void keep()} aria-label={t("delete.undoOf", { name: library.name })}>
            {t("delete.undo")}
          </Button>
        )
      }
    />
  );
}

function Countdown({ name, from }: { name: string; from: number }) {
  const { t } = useTranslation("libraries");
  const [left, setLeft] = useState(from);
  useEffect(() => {
    const timer = setInterval(() => setLeft((before) => Math.max(0, before - 1)), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span className="number">{t("delete.waiting", { name, seconds: left })}</span>;
}
