import { Button, DatePicker, Flex, Segmented, Select, type TableColumnsType, Typography } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { AppChoice } from "../../common/AppChoice";
import { CursorTable, useCursor } from "../../common/cursor";
import { LibraryChoice } from "../../common/LibraryChoice";
import { LibraryLink } from "../../common/LibraryLink";
import { useTableScroll } from "../../common/tableScroll";
import { Moment } from "../../common/time";
import { REFRESH_MS, useEngineName, useEngines, useErrorText, type Write } from "./engines";
import { RetryAll } from "./RetryAll";
import { WriteDrawer } from "./WriteDrawer";
import { WriteState } from "./WriteState";
import { readWrites, STATE_FILTERS, type StateFilter, type WriteFilter } from "./writes";

/** The writes to engines, filtered; what is open can be tried again. */
export function Outbox() {
  const { t } = useTranslation("engines");
  const engineName = useEngineName();
  const errorText = useErrorText();
  const scroll = useTableScroll();
  const [filter, setFilter] = useState<WriteFilter>({ state: "open" });
  const [shown, setShown] = useState<string | null>(null);
  const list = useCursor(["outbox", filter], (cursor) => readWrites(filter, cursor), REFRESH_MS);
  const isFiltered = Boolean(filter.engine || filter.library || filter.app || filter.from);
  const columns: TableColumnsType<Write> = [
    {
      key: "write",
      title: t("write.what"),
      render: (_, { id, action, createdAt }) => (
        <div>
          <Button type="link" style={{ padding: 0, height: "auto" }} onClick={() => setShown(id)}>
            {t(`actions.${action}`)}
          </Button>
          <div className="number">
            <Moment at={createdAt} />
          </div>
        </div>
      ),
    },
    { key: "state", title: t("write.state"), render: (_, write) => <WriteState write={write} /> },
    {
      key: "library",
      title: t("write.library"),
      responsive: ["sm"],
      render: (_, { libraryId, appId }) => (
        <div style={{ maxWidth: 220 }}>
          <LibraryLink id={libraryId} />
          <Typography.Text type="secondary" style={{ display: "block", overflowWrap: "anywhere" }}>
            {appId}
          </Typography.Text>
        </div>
      ),
    },
    { key: "engine", title: t("write.engine"), responsive: ["lg"], render: (_, { engine }) => engineName(engine) },
    {
      key: "attempts",
      title: t("write.attempts"),
      align: "end",
      responsive: ["md"],
      render: (_, { attempts }) => <span className="number">{attempts}</span>,
    },
    {
      key: "error",
      title: t("write.lastError"),
      responsive: ["xl"],
      render: (_, { lastError }) => (
        <Typography.Text style={{ display: "block", maxWidth: 280, overflowWrap: "anywhere" }}>
          {lastError ? errorText(lastError) : "—"}
        </Typography.Text>
      ),
    },
  ];
  return (
    <Flex vertical gap={12}>
      <Filters filter={filter} onChange={setFilter} />
      <RetryAll filter={filter} />
      <CursorTable
        list={list}
        rowKey="id"
        columns={columns}
        scroll={scroll}
        nothing={t(isFiltered || filter.state !== "open" ? "outbox.nothingFound" : "outbox.nothing")}
      />
      {shown !== null && (
        <WriteDrawer
          id={shown}
          listed={list.items.find(({ id }) => id === shown)}
          onClose={() => setShown(null)}
        />
      )}
    </Flex>
  );
}

function Filters({ filter, onChange }: { filter: WriteFilter; onChange: (filter: WriteFilter) => void }) {
  const { t } = useTranslation("engines");
  const engines = useEngines();
  const engineName = useEngineName();
  const times: [Dayjs, Dayjs] | null = filter.from && filter.to ? [dayjs(filter.from), dayjs(filter.to)] : null;
  return (
    <Flex gap={8} wrap>
      <div style={{ maxWidth: "100%", overflowX: "auto" }}>
        <Segmented<StateFilter>
          value={filter.state}
          onChange={(state) => onChange({ ...filter, state })}
          options={STATE_FILTERS.map((value) => ({ value, label: t(`filter.states.${value}`) }))}
        />
      </div>
      <Select
        allowClear
        style={{ width: 180 }}
        placeholder={t("filter.engine")}
        aria-label={t("filter.engine")}
        value={filter.engine}
        onChange={(engine) => onChange({ ...filter, engine })}
        options={engines.data?.items
          .filter(({ writes }) => writes)
          .map(({ name }) => ({ value: name, label: engineName(name) }))}
      />
      <AppChoice
        allowClear
        style={{ width: 160 }}
        placeholder={t("filter.app")}
        aria-label={t("filter.app")}
        value={filter.app}
        onChange={(app) => onChange({ ...filter, app, library: undefined })}
      />
      <LibraryChoice
        allowClear
        style={{ width: 200 }}
        placeholder={t("filter.library")}
        aria-label={t("filter.library")}
        app={filter.app}
        value={filter.library}
        onChange={(library) => onChange({ ...filter, library })}
      />
      <DatePicker.RangePicker
        showTime={{ format: "HH:mm" }}
        format="YYYY-MM-DD HH:mm"
        value={times}
        style={{ maxWidth: "100%" }}
        placeholder={[t("filter.from"), t("filter.to")]}
        aria-label={t("filter.time")}
        onChange={(range) =>
          onChange({ ...filter, from: range?.[0]?.toISOString(), to: range?.[1]?.toISOString() })
        }
      />
    </Flex>
  );
}
