import { UndoOutlined } from "@ant-design/icons";
import { Button, Flex, Form, Grid, Input, type TableProps, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../../api/client";
import { CursorTable, useCursor } from "../../common/cursor";
import { FormModal } from "../../common/FormModal";
import { Moment } from "../../common/time";
import { actorText } from "../audit/names";
import { MAX_REASON_CHARACTERS } from "./SettingForm";
import { Value } from "./Value";

type Change = Schema<"ShownSettingChange">;

const PAGE = 50;

interface Properties {
  /** Only changes of this setting; without it those of all. */
  setting?: string;
  /** Opens a setting. */
  onOpen?: (name: string) => void;
}

/** Changes of settings, the latest first: who made them and why. The last one of a setting can be taken back. */
export function Changes({ setting, onOpen }: Properties) {
  const { t } = useTranslation("settings");
  const { t: common } = useTranslation();
  const isWide = Grid.useBreakpoint().md ?? true;
  const [undone, setUndone] = useState<Change | null>(null);
  const list = useCursor<Change>(["setting-changes", setting], (cursor) =>
    dataOf(api.GET("/setting-changes", { params: { query: { setting, limit: PAGE, cursor } } })),
  );
  const isLast = (change: Change) => list.items.find((other) => other.setting === change.setting)?.id === change.id;

  const columns: TableProps<Change>["columns"] = [
    {
      title: t("changes.when"),
      render: (_, { at, actor, id }) => (
        <Flex vertical>
          <span className="number">
            <Moment at={at} />
          </span>
          <Typography.Text type="secondary" title={actor}>
            {t("changes.by", { id, actor: actorText(actor) })}
          </Typography.Text>
        </Flex>
      ),
    },
    {
      title: t("changes.what"),
      render: (_, change) => (
        <Flex vertical gap={4}>
          {!setting && (
            <Button
              type="link"
              onClick={() => onOpen?.(change.setting)}
              style={{ padding: 0, height: "auto", whiteSpace: "normal", overflowWrap: "anywhere", textAlign: "start", justifyContent: "start" }}
            >
              {change.setting}
            </Button>
          )}
          <Flex gap={6} wrap align="center">
            <Stored value={change.before} /> <span aria-label={t("changes.to")}>→</span> <Stored value={change.after} />
          </Flex>
          {!isWide && <Reason change={change} />}
        </Flex>
      ),
    },
    { title: t("reason"), responsive: ["md"], render: (_, change) => <Reason change={change} /> },
    {
      title: common("actions"),
      align: "end",
      render: (_, change) =>
        isLast(change) && (
          <Button
            size="small"
            icon={<UndoOutlined />}
            onClick={() => setUndone(change)}
            aria-label={t("undo.title", { id: change.id, name: change.setting })}
          >
            {t("undo.action")}
          </Button>
        ),
    },
  ];
  return (
    <>
      <CursorTable<Change> rowKey="id" size="small" scroll={{}} list={list} nothing={t("changes.nothing")} columns={columns} />
      {undone && (
        <FormModal<{ reason?: string }>
          title={t("undo.title", { id: undone.id, name: undone.setting })}
          action={t("undo.action")}
          done={t("changed")}
          onSubmit={({ reason }) =>
            api.POST("/setting-changes/{change}/undo", {
              params: { path: { change: undone.id } },
              body: { reason: reason?.trim() || null },
            })
          }
          onClose={() => setUndone(null)}
        >
          <Form.Item>
            <Flex gap={8} wrap align="center">
              <Stored value={undone.after} /> <span aria-label={t("changes.to")}>→</span> <Stored value={undone.before} />
            </Flex>
          </Form.Item>
          <Form.Item name="reason" label={t("undo.reason")}>
            <Input maxLength={MAX_REASON_CHARACTERS} autoComplete="off" autoFocus />
          </Form.Item>
        </FormModal>
      )}
    </>
  );
}

/** Why a change was made. */
function Reason({ change: { reason, undoes } }: { change: Change }) {
  const { t } = useTranslation("settings");
  return (
    <Flex vertical style={{ overflowWrap: "anywhere" }}>
      {/* The server gives this reason if nobody gave one. */}
      {reason !== `undoes change ${undoes}` && reason}
      {undoes && <Typography.Text type="secondary">{t("changes.undoes", { id: undoes })}</Typography.Text>}
    </Flex>
  );
}

/** A value of the database; without one, that of file, environment or default counts. */
function Stored({ value }: { value: Schema<"ChangedValue"> | null | undefined }) {
  const { t } = useTranslation("settings");
  if (!value) return <Typography.Text type="secondary">{t("notStored")}</Typography.Text>;
  return <Value value={value.value} />;
}
