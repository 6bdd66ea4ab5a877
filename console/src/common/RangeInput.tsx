import { DatePicker, Flex, Grid, Input } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useTranslation } from "react-i18next";
import { useThemeChoice } from "../app/theme";

export type Range = [Dayjs | null, Dayjs | null];

interface Properties {
  value: Range;
  onChange: (range: Range) => void;
  /** Whether it is from one minute to another; else from one day to another. */
  hasTime?: boolean;
  /** Whether either end may be left open. */
  isOptional?: boolean;
  presets?: { label: string; value: [Dayjs, Dayjs] }[];
}

const MINUTE = "YYYY-MM-DD HH:mm";
const DAY = "YYYY-MM-DD";

/** Chooses a range of time. On a small screen, which two calendars don't fit on, by the inputs of the browser. */
export function RangeInput({ value, onChange, hasTime = false, isOptional = false, presets }: Properties) {
  const { t } = useTranslation();
  const { isDark } = useThemeChoice();
  const isWide = Grid.useBreakpoint().md ?? true;
  const labels = [t("range.from"), t("range.to")] as [string, string];
  if (isWide) {
    return (
      <DatePicker.RangePicker
        showTime={hasTime && { format: "HH:mm" }}
        format={hasTime ? MINUTE : DAY}
        allowEmpty={[isOptional, isOptional]}
        allowClear={isOptional}
        value={value}
        onChange={(range) => onChange([range?.[0] ?? null, range?.[1] ?? null])}
        placeholder={labels}
        presets={presets}
        aria-label={labels.join(" – ")}
        style={{ maxWidth: "100%" }}
      />
    );
  }
  const change = (end: 0 | 1, text: string) => {
    const typed = text ? dayjs(text) : null;
    if (typed === null && !isOptional) return;
    onChange(end === 0 ? [typed, value[1]] : [value[0], typed]);
  };
  return (
    <Flex vertical gap={4} style={{ width: "100%" }}>
      {([0, 1] as const).map((end) => (
        <Input
          key={end}
          type={hasTime ? "datetime-local" : "date"}
          prefix={labels[end]}
          aria-label={labels[end]}
          value={value[end]?.format(hasTime ? "YYYY-MM-DDTHH:mm" : DAY) ?? ""}
          onChange={({ target }) => change(end, target.value)}
          style={{ colorScheme: isDark ? "dark" : "light" }}
        />
      ))}
    </Flex>
  );
}
