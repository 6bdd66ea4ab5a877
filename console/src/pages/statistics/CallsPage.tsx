import { DownloadOutlined, ReloadOutlined } from "@ant-design/icons";
import { App, Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useAct } from "../../common/confirm";
import { useCursor } from "../../common/cursor";
import { countText } from "../../common/numbers";
import { Page } from "../../common/Page";
import { saveCsv } from "../../common/download";
import { CallDrawer } from "./CallDrawer";
import { CallFilters } from "./CallFilters";
import { CallTable } from "./CallTable";
import { type Call, MAX_CSV_CALLS, readCalls, readCsv, type SingleCallFilter } from "./calls";

/** Single calls: who called what, when, and how it ended. */
export default function CallsPage() {
  const { t } = useTranslation("statistics");
  const { t: common } = useTranslation();
  const { message } = App.useApp();
  const act = useAct();
  const [parameters, setParameters] = useSearchParams();
  const [opened, setOpened] = useState<Call | null>(null);
  const [isSaving, setIsSaving] = useState(false);
  const filter = filterOf(parameters);
  const list = useCursor<Call>(["calls", filter], (cursor) => readCalls(filter, cursor));
  const isFiltered = Object.values(filter).some((value) => value !== null);
  const save = async () => {
    setIsSaving(true);
    await act(async () => {
      const { parts, isCut } = await readCsv(filter);
      saveCsv(parts, "calls.csv");
      if (isCut) message.warning(t("calls.isCut", { most: countText(MAX_CSV_CALLS) }));
    });
    setIsSaving(false);
  };
  return (
    <Page
      title={t("calls.title")}
      about={t("calls.about")}
      actions={
        <>
          <Button icon={<ReloadOutlined />} loading={list.isRefetching && !list.isFetchingNextPage} onClick={() => void list.refetch()}>
            {common("refresh")}
          </Button>
          <Button icon={<DownloadOutlined />} loading={isSaving} onClick={() => void save()}>
            {t("csv")}
          </Button>
        </>
      }
    >
      <CallFilters filter={filter} onChange={(next) => setParameters(parametersOf(next), { replace: true })} />
      <CallTable list={list} nothing={t(isFiltered ? "calls.nothingFound" : "calls.nothing")} onOpen={setOpened} />
      {opened && <CallDrawer call={opened} onClose={() => setOpened(null)} />}
    </Page>
  );
}

function filterOf(parameters: URLSearchParams): SingleCallFilter {
  const ok = parameters.get("ok");
  return {
    from: parameters.get("from"),
    to: parameters.get("to"),
    method: parameters.get("method"),
    app: parameters.get("app"),
    engine: parameters.get("engine"),
    ok: ok === "true" ? true : ok === "false" ? false : null,
    minDurationMs: Number(parameters.get("minDurationMs")) || null,
  };
}

function parametersOf(filter: SingleCallFilter): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== null) parameters.set(name, String(value));
  }
  return parameters;
}
