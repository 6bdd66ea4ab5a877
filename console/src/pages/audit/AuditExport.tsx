import { DownloadOutlined } from "@ant-design/icons";
import { App, Button } from "antd";
import dayjs from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { saveFile } from "../../common/download";
import { describe } from "../../common/states";

const BATCH = 10_000;

/** Downloads the whole log as lines of JSON, with what its hashes cover. */
export function AuditExport() {
  const { t } = useTranslation("audit");
  const { message } = App.useApp();
  const [entries, setEntries] = useState<number | null>(null);
  const exportAll = async () => {
    setEntries(0);
    try {
      const batches = await readAll(setEntries);
      if (batches.length === 0) return void message.info(t("export.nothing"));
      saveFile(new Blob(batches, { type: "application/x-ndjson" }), `aicp-audit-${dayjs().format("YYYYMMDD-HHmmss")}.jsonl`);
    } catch (error) {
      const { title, advice } = describe(error);
      message.error([title, advice].filter(Boolean).join(" "));
    } finally {
      setEntries(null);
    }
  };
  return (
    <Button icon={<DownloadOutlined />} loading={entries !== null} onClick={() => void exportAll()}>
      {entries ? t("export.progress", { entries }) : t("export.run")}
    </Button>
  );
}

async function readAll(onProgress: (entries: number) => void): Promise<string[]> {
  const batches: string[] = [];
  let after: string | undefined;
  for (let entries = 0; ; ) {
    const query = { after, limit: BATCH };
    const lines = await dataOf(api.GET("/audit/export", { params: { query }, parseAs: "text" }));
    const read = lines.split("\n").filter(Boolean);
    const last = read.at(-1);
    if (last === undefined) return batches;
    batches.push(lines);
    entries += read.length;
    onProgress(entries);
    if (read.length < BATCH) return batches;
    after = String((JSON.parse(last) as { id: string }).id);
  }
}
