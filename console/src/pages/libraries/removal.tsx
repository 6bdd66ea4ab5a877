import { useQueryClient } from "@tanstack/react-query";
import { App, Button } from "antd";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { api, type Schema } from "../../api/client";
import { useConfirm } from "../../common/confirm";
import { countText } from "../../common/numbers";
import { describe } from "../../common/states";

/** Seconds for which a deletion can be taken back. */
const UNDO_SECONDS = 10;

/** Libraries that are going to be deleted, with the timers that will. They outlive the page that asked. */
const waiting = new Map<string, ReturnType<typeof setTimeout>>();
const listeners = new Set<() => void>();
let ids: ReadonlySet<string> = new Set();

function changed() {
  ids = new Set(waiting.keys());
  if (waiting.size > 0) window.addEventListener("beforeunload", warn);
  else window.removeEventListener("beforeunload", warn);
  for (const listener of listeners) listener();
}

// A deletion that still waits is not made if the page is closed.
function warn(event: BeforeUnloadEvent) {
  event.preventDefault();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Deletes libraries after a question, and after some seconds in which it can be taken back: only then the server is asked.
 * `waiting` has the libraries that are out of sight until then.
 */
export function useLibraryRemoval() {
  const { t } = useTranslation("libraries");
  const { notification } = App.useApp();
  const cache = useQueryClient();
  const confirm = useConfirm();
  const shown = useSyncExternalStore(subscribe, () => ids);

  const send = async ({ id, name }: Schema<"ShownLibrary">) => {
    waiting.delete(id);
    notification.destroy(id);
    try {
      const { response } = await api.DELETE("/libraries/{library}", { params: { path: { library: id } } });
      await cache.invalidateQueries();
      notification.success({ title: t(response.status === 202 ? "delete.begun" : "delete.done", { name }) });
    } catch (error) {
      const { title, advice } = describe(error);
      notification.error({ title: t("delete.failed", { name }), description: [title, advice].filter(Boolean).join(" "), duration: false });
    } finally {
      changed();
    }
  };
  const begin = (library: Schema<"ShownLibrary">) => {
    const { id, name } = library;
    waiting.set(id, setTimeout(() => void send(library), UNDO_SECONDS * 1000));
    changed();
    const undo = () => {
      clearTimeout(waiting.get(id));
      waiting.delete(id);
      changed();
      notification.destroy(id);
    };
    notification.warning({
      key: id,
      title: <Countdown name={name} />,
      description: t("delete.undoAbout"),
      actions: (
        <Button type="primary" onClick={undo}>
          {t("delete.undo")}
        </Button>
      ),
      duration: UNDO_SECONDS,
      showProgress: true,
      pauseOnHover: false,
      closable: false,
    });
  };
  /** Asks, and begins. `onBegin` is called once it is certain that it will be deleted unless it is taken back. */
  const remove = (library: Schema<"ShownLibrary">, numbers: Schema<"LibraryStatistics"> | undefined, onBegin?: () => void) =>
    confirm({
      title: t("delete.title", { name: library.name }),
      content: numbers
        ? t("delete.content", { people: countText(numbers.people), faces: countText(numbers.faces) })
        : t("delete.contentUnknown"),
      action: t("delete.action"),
      word: library.name,
      onConfirm: async () => {
        begin(library);
        onBegin?.();
      },
    });
  return { remove, waiting: shown };
}

function Countdown({ name }: { name: string }) {
  const { t } = useTranslation("libraries");
  const [left, setLeft] = useState(UNDO_SECONDS);
  useEffect(() => {
    const timer = setInterval(() => setLeft((before) => Math.max(0, before - 1)), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span className="number">{t("delete.waiting", { name, seconds: left })}</span>;
}
