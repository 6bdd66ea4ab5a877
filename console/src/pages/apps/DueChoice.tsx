import { DatePicker } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useTranslation } from "react-i18next";

interface Properties {
  value?: Dayjs;
  onChange?: (day: Dayjs) => void;
  id?: string;
  isDisabled?: boolean;
}

/** Chooses the last day of a grant. */
export function DueChoice({ value, onChange, id, isDisabled = false }: Properties) {
  const { t } = useTranslation("apps");
  const today = dayjs().endOf("day");
  return (
    <DatePicker
      id={id}
      value={value}
      disabled={isDisabled}
      allowClear={false}
      style={{ width: 220 }}
      onChange={(day: Dayjs | null) => day && onChange?.(day.endOf("day"))}
      presets={[
        { label: t("grant.presets.month"), value: today.add(1, "month") },
        { label: t("grant.presets.year"), value: today.add(1, "year") },
        { label: t("grant.presets.threeYears"), value: today.add(3, "year") },
        { label: t("grant.presets.tenYears"), value: today.add(10, "year") },
      ]}
    />
  );
}
