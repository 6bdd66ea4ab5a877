import { AutoComplete, Button, DatePicker, Grid, Select } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { AppChoice } from "../../common/AppChoice";
import { textOf } from "../../common/texts";
import { ACTS, actText } from "./names";

/** Names of the filters: in the address of the page and in the API. */
export const FILTERS = ["actor", "action", "target", "appId", "from", "to"] as const;

/** Values of the filters; an empty one admits all. Times are in RFC 3339. */
export type Filters = Record<(typeof FILTERS)[number], string>;

interface Properties {
  filters: Filters;
  onChange: (changes: Record<string, string | null>) => void;
}

/** Chooses which acts are shown. */
export function ActFilters({ filters, onChange }: Properties) {
  const { t } = useTranslation("audit");
  const operators = queries.useQuery("get", "/operators");
  const actors = [...(operators.data?.items.map(({ name }) => `operator:${name}`) ?? []), "admin-token", "command-line"];
  const actions = Object.entries(ACTS).map(([area, acts]) => ({
    label: textOf("audit", `areas.${area}`, area),
    options: [
      { value: `${area}.`, label: t("allOf", { area: textOf("audit", `areas.${area}`, area) }) },
      ...acts.map((act) => ({ value: `${area}.${act}`, label: actText(`${area}.${act}`) })),
    ],
  }));
  // On a narrow screen there is room for days alone.
  const isWide = Grid.useBreakpoint().sm ?? true;
  const limitOf = (name: "from" | "to", at: Dayjs) => {
    if (isWide) return at;
    return name === "from" ? at.startOf("day") : at.endOf("day");
  };
  const time = (name: "from" | "to") => (
    <DatePicker
      id={`audit-${name}`}
      showTime={isWide && { format: "HH:mm" }}
      style={{ width: "100%" }}
      value={filters[name] ? dayjs(filters[name]) : null}
      onChange={(at: Dayjs | null) => onChange({ [name]: at ? limitOf(name, at).toISOString() : null })}
    />
  );
  return (
    <div
      role="search"
      aria-label={t("filters")}
      style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(165px, 1fr))", alignItems: "end" }}
    >
      <Field id="audit-actor" label={t("columns.actor")}>
        <TextFilter
          id="audit-actor"
          value={filters.actor}
          options={actors}
          placeholder="operator:ada"
          onChange={(actor) => onChange({ actor })}
        />
      </Field>
      <Field id="audit-action" label={t("columns.act")}>
        <Select
          id="audit-action"
          style={{ width: "100%" }}
          allowClear
          showSearch={{ optionFilterProp: "label" }}
          placeholder={t("all")}
          value={filters.action || undefined}
          onChange={(action: string | undefined) => onChange({ action: action ?? null })}
          options={actions}
        />
      </Field>
      <Field id="audit-target" label={t("columns.target")}>
        <TextFilter
          id="audit-target"
          value={filters.target}
          options={[]}
          placeholder="library 1"
          onChange={(target) => onChange({ target })}
        />
      </Field>
      <Field id="audit-app" label={t("columns.app")}>
        <AppChoice
          id="audit-app"
          allowClear
          style={{ width: "100%" }}
          placeholder={t("all")}
          value={filters.appId || null}
          onChange={(appId) => onChange({ appId: appId ?? null })}
        />
      </Field>
      <Field id="audit-from" label={t("from")}>
        {time("from")}
      </Field>
      <Field id="audit-to" label={t("to")}>
        {time("to")}
      </Field>
      {FILTERS.some((name) => filters[name] !== "") && (
        <Button onClick={() => onChange(Object.fromEntries(FILTERS.map((name) => [name, null])))}>{t("clear")}</Button>
      )}
    </div>
  );
}

function Field({ id, label, children }: { id: string; label: string; children: ReactNode }) {
  return (
    <div style={{ minWidth: 0 }}>
      <label htmlFor={id}>{label}</label>
      {children}
    </div>
  );
}

interface TextProperties {
  id: string;
  value: string;
  options: string[];
  placeholder: string;
  onChange: (value: string) => void;
}

/** A text that counts once it is chosen, or confirmed by Enter or by leaving the field. */
function TextFilter({ id, value, options, placeholder, onChange }: TextProperties) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const submit = (next: string) => {
    if (next.trim() !== value) onChange(next.trim());
  };
  return (
    <AutoComplete
      id={id}
      style={{ width: "100%" }}
      allowClear
      value={text}
      placeholder={placeholder}
      options={options.filter((option) => option.includes(text.trim())).map((option) => ({ value: option }))}
      onChange={(next: string | undefined) => {
        setText(next ?? "");
        if (!next) submit("");
      }}
      onSelect={(next) => submit(next ?? "")}
      onBlur={() => submit(text)}
      onKeyDown={(event) => event.key === "Enter" && submit(text)}
    />
  );
}
