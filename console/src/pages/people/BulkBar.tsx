import { App, Button, Flex, Form, Modal, Progress, theme, Typography } from "antd";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useConfirm } from "../../common/confirm";
import { countText } from "../../common/numbers";
import { describe, FailurePanel } from "../../common/states";
import { type BulkAct, type BulkProgress, useBulk } from "./bulk";
import { allIds, type PeopleFilter } from "./list";
import { failureOf } from "./verdicts";
import { TagSelect } from "./TagSelect";

/** People from whose number on the name of the library must be typed before they are deleted. */
const MANY = 20;

interface Properties {
  library: { id: string; name: string };
  filter: PeopleFilter;
  isFiltered: boolean;
  selected: ReadonlySet<string>;
  onSelect: (ids: ReadonlySet<string>) => void;
  /** Called with people who were deleted. */
  onGone: (ids: ReadonlySet<string>) => void;
}

/** What can be done with the people who are selected. */
export function BulkBar({ library, filter, isFiltered, selected, onSelect, onGone }: Properties) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const { token } = theme.useToken();
  const confirm = useConfirm();
  const [isTagging, setIsTagging] = useState(false);
  const bulk = useBulk(library.id, onGone);
  const count = selected.size;

  const begin = (act: BulkAct) => void bulk.run([...selected], act);
  const remove = () =>
    confirm({
      title: t("bulk.delete.title", { people: countText(count), library: library.name }),
      content: t("bulk.delete.content"),
      action: t("bulk.delete.action", { people: countText(count) }),
      word: count >= MANY ? library.name : undefined,
      onConfirm: async () => begin({ kind: "delete" }),
    });

  return (
    <>
      {count > 0 && (
        <Flex
          role="toolbar"
          aria-label={t("bulk.label")}
          gap={8}
          align="center"
          wrap
          style={{
            position: "sticky",
            bottom: 12,
            zIndex: 5,
            padding: 12,
            borderRadius: token.borderRadiusLG,
            background: token.colorBgElevated,
            boxShadow: token.boxShadow,
          }}
        >
          <Typography.Text strong className="number" aria-live="polite">
            {t("bulk.selected", { people: countText(count) })}
          </Typography.Text>
          <SelectAll library={library.id} filter={filter} isFiltered={isFiltered} onSelect={onSelect} />
          <Button onClick={() => onSelect(new Set())}>{t("bulk.clear")}</Button>
          <span style={{ flex: 1 }} />
          <Button onClick={() => setIsTagging(true)}>{t("bulk.tag.open")}</Button>
          <Button danger onClick={remove}>
            {common("delete")}
          </Button>
        </Flex>
      )}
      {isTagging && (
        <TagMany
          library={library.id}
          count={count}
          onCancel={() => setIsTagging(false)}
          onTag={(added, removed) => {
            setIsTagging(false);
            begin({ kind: "tag", added, removed });
          }}
        />
      )}
      {bulk.progress && <Outcome progress={bulk.progress} onStop={bulk.stop} onClose={bulk.close} />}
    </>
  );
}

/** Selects all people of the filter, also those who were not shown yet. */
function SelectAll({ library, filter, isFiltered, onSelect }: Pick<Properties, "filter" | "isFiltered" | "onSelect"> & { library: string }) {
  const { t } = useTranslation("people");
  const { message } = App.useApp();
  const [found, setFound] = useState<number | null>(null);
  const stop = useRef<AbortController | null>(null);
  const select = async () => {
    stop.current = new AbortController();
    setFound(0);
    try {
      onSelect(new Set(await allIds(library, filter, setFound, stop.current.signal)));
    } catch (error) {
      if (!stop.current.signal.aborted) message.error(describe(error).title);
    } finally {
      setFound(null);
    }
  };
  if (found !== null) {
    return (
      <Button onClick={() => stop.current?.abort()}>
        <span className="number">{t("bulk.counting", { people: countText(found) })}</span>
      </Button>
    );
  }
  return <Button onClick={() => void select()}>{t(isFiltered ? "bulk.allFiltered" : "bulk.all")}</Button>;
}

interface Tagging {
  library: string;
  count: number;
  onTag: (added: string[], removed: string[]) => void;
  onCancel: () => void;
}

function TagMany({ library, count, onTag, onCancel }: Tagging) {
  const { t } = useTranslation("people");
  const [added, setAdded] = useState<string[]>([]);
  const [removed, setRemoved] = useState<string[]>([]);
  return (
    <Modal
      open
      title={t("bulk.tag.title", { people: countText(count) })}
      okText={t("bulk.tag.action")}
      okButtonProps={{ disabled: added.length + removed.length === 0 }}
      onOk={() => onTag(added, removed)}
      onCancel={onCancel}
    >
      <Form layout="vertical" component="div">
        <Form.Item label={t("bulk.tag.add")} htmlFor="bulk-add-tags">
          <TagSelect id="bulk-add-tags" library={library} isOpen value={added} onChange={setAdded} />
        </Form.Item>
        <Form.Item label={t("bulk.tag.remove")} htmlFor="bulk-remove-tags">
          <TagSelect id="bulk-remove-tags" library={library} value={removed} onChange={setRemoved} />
        </Form.Item>
      </Form>
    </Modal>
  );
}

function Outcome({ progress, onStop, onClose }: { progress: BulkProgress; onStop: () => void; onClose: () => void }) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const { act, total, done, refused, failure, isRunning } = progress;
  const count = [...refused.values()].reduce((sum, problems) => sum + problems.length, 0);
  return (
    <Modal
      open
      closable={!isRunning}
      mask={{ closable: false }}
      keyboard={!isRunning}
      title={t(`bulk.progress.${act.kind}${isRunning ? "" : "Ended"}`)}
      onCancel={onClose}
      footer={
        isRunning ? (
          <Button onClick={onStop}>{t("bulk.progress.stop")}</Button>
        ) : (
          <Button type="primary" onClick={onClose}>
            {common("close")}
          </Button>
        )
      }
    >
      <Flex vertical gap={12}>
        <Progress
          percent={Math.floor(((done + count) / Math.max(1, total)) * 100)}
          status={isRunning ? "active" : failure || count > 0 ? "exception" : "success"}
        />
        <Typography.Text className="number" aria-live="polite">
          {t("bulk.progress.done", { done: countText(done), total: countText(total) })}
        </Typography.Text>
        {[...refused].map(([code, [first, ...others]]) =>
          first ? (
            <Typography.Text key={code} type="danger">
              {t("bulk.progress.refused", { people: countText(others.length + 1), reason: describe(failureOf(first)).title })}
            </Typography.Text>
          ) : null,
        )}
        {failure ? <FailurePanel failure={failure} /> : null}
      </Flex>
    </Modal>
  );
}
