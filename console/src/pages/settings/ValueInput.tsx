import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Flex, Input, InputNumber, Select, Switch } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Kind } from "./settingKinds";

interface Properties {
  /** Given by the field of the form. */
  id?: string;
  value?: unknown;
  onChange?: (value: unknown) => void;
  kind: Kind;
}

/** An input for a value of a setting. */
export function ValueInput({ id, value, onChange, kind }: Properties) {
  const { t } = useTranslation("settings");
  const { t: common } = useTranslation();
  switch (kind.kind) {
    case "switch":
      return (
        <Switch
          id={id}
          checked={value === true}
          onChange={onChange}
          checkedChildren={common("yes")}
          unCheckedChildren={common("no")}
        />
      );
    case "number":
      return (
        <InputNumber<number>
          id={id}
          style={{ width: "100%" }}
          value={typeof value === "number" ? value : null}
          onChange={onChange}
          min={kind.min}
          max={kind.max}
          step={kind.isWhole ? 1 : 0.01}
          precision={kind.isWhole ? 0 : undefined}
        />
      );
    case "choice":
      return (
        <Select
          id={id}
          style={{ width: "100%" }}
          value={typeof value === "string" ? value : undefined}
          onChange={onChange}
          options={kind.options.map((option) => ({ value: option, label: option }))}
        />
      );
    case "list":
      return (
        <Select
          id={id}
          mode="tags"
          open={false}
          suffixIcon={null}
          style={{ width: "100%" }}
          tokenSeparators={[",", "，", " "]}
          placeholder={t("listHint")}
          value={Array.isArray(value) ? value.map(String) : []}
          onChange={(entries: string[]) => onChange?.(kind.isOfNumbers ? numbersOf(entries) : entries)}
        />
      );
    case "map":
      return <MapInput value={value} onChange={onChange} options={kind.options} />;
    case "text":
      return (
        <Input
          id={id}
          autoComplete="off"
          value={typeof value === "string" ? value : ""}
          onChange={({ target }) => onChange?.(target.value)}
        />
      );
  }
}

function numbersOf(entries: string[]): number[] {
  return entries.map((entry) => Number(entry.trim())).filter(Number.isFinite);
}

interface MapProperties {
  value: unknown;
  onChange?: (value: unknown) => void;
  /** Allowed values of an entry; any text if there are none. */
  options: string[];
}

/** Names with a value each, such as apps with their gates. */
function MapInput({ value, onChange, options }: MapProperties) {
  const { t } = useTranslation("settings");
  // A name that is being typed may be empty, or that of another row. So the rows are kept here.
  const [rows, setRows] = useState<[string, string][]>(() =>
    typeof value === "object" && value !== null ? Object.entries(value).map(([name, of]) => [name, String(of)]) : [],
  );
  const change = (next: [string, string][]) => {
    setRows(next);
    onChange?.(Object.fromEntries(next.filter(([name]) => name.trim() !== "").map(([name, of]) => [name.trim(), of])));
  };
  const replace = (index: number, row: [string, string]) => change(rows.map((known, at) => (at === index ? row : known)));
  return (
    <Flex vertical gap={8}>
      {rows.map(([name, of], index) => (
        <Flex key={index} gap={8}>
          <Input
            aria-label={t("map.name", { number: index + 1 })}
            placeholder={t("map.nameHint")}
            value={name}
            onChange={({ target }) => replace(index, [target.value, of])}
          />
          {options.length > 0 ? (
            <Select
              aria-label={t("map.value", { number: index + 1 })}
              style={{ minWidth: 110 }}
              value={of}
              onChange={(chosen) => replace(index, [name, chosen])}
              options={options.map((option) => ({ value: option, label: option }))}
            />
          ) : (
            <Input
              aria-label={t("map.value", { number: index + 1 })}
              value={of}
              onChange={({ target }) => replace(index, [name, target.value])}
            />
          )}
          <Button
            icon={<DeleteOutlined />}
            style={{ flex: "none" }}
            aria-label={t("map.remove", { number: index + 1 })}
            onClick={() => change(rows.filter((_, at) => at !== index))}
          />
        </Flex>
      ))}
      <Button icon={<PlusOutlined />} onClick={() => change([...rows, ["", options[0] ?? ""]])}>
        {t("map.add")}
      </Button>
    </Flex>
  );
}
