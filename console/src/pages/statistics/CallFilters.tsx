import { Button, Flex, InputNumber, Select, Space } from "antd";
import dayjs from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { RangeInput } from "../../common/RangeInput";
import { CallSelects } from "./CallSelects";
import type { SingleCallFilter } from "./calls";

interface Properties {
  filter: SingleCallFilter;
  onChange: (filter: SingleCallFilter) => void;
}

const NONE: SingleCallFilter = { from: null, to: null, method: null, app: null, engine: null, ok: null, minDurationMs: null };

/** Chooses which single calls are listed. */
export function CallFilters({ filter, onChange }: Properties) {
  const { t } = useTranslation("statistics");
  const isFiltered = Object.values(filter).some((value) => value !== null);
  return (
    <Flex gap={8} wrap role="search" aria-label={t("filters")}>
      <RangeInput
        hasTime
        isOptional
        value={[filter.from ? dayjs(filter.from) : null, filter.to ? dayjs(filter.to) : null]}
        onChange={([from, to]) => onChange({ ...filter, from: from?.toISOString() ?? null, to: to?.toISOString() ?? null })}
      />
      <CallSelects chosen={filter} onChange={(changes) => onChange({ ...filter, ...changes })} />
      <Select<string>
        allowClear
        aria-label={t("calls.result")}
        placeholder={t("calls.anyResult")}
        value={filter.ok === null ? null : String(filter.ok)}
        onChange={(value: string | undefined) => onChange({ ...filter, ok: value === undefined ? null : value === "true" })}
        options={[
          { value: "true", label: t("calls.ok") },
          { value: "false", label: t("calls.failed") },
        ]}
        style={{ width: 120 }}
      />
      <MinDuration
        key={filter.minDurationMs}
        value={filter.minDurationMs}
        onChange={(minDurationMs) => onChange({ ...filter, minDurationMs })}
      />
      {isFiltered && (
        <Button type="link" onClick={() => onChange(NONE)}>
          {t("calls.clear")}
        </Button>
      )}
    </Flex>
  );
}

/** Takes a duration over when it is typed to the end. */
function MinDuration({ value, onChange }: { value: number | null; onChange: (milliseconds: number | null) => void }) {
  const { t } = useTranslation("statistics");
  const [typed, setTyped] = useState(value);
  const takeOver = () => {
    const wanted = typed || null;
    if (wanted !== value) onChange(wanted);
  };
  return (
    <Space.Compact>
      <InputNumber
        min={0}
        precision={0}
        controls={false}
        aria-label={t("calls.minDuration")}
        placeholder={t("calls.minDuration")}
        value={typed}
        onChange={setTyped}
        onBlur={takeOver}
        onPressEnter={takeOver}
        style={{ width: 130 }}
      />
      <Space.Addon>ms</Space.Addon>
    </Space.Compact>
  );
}
