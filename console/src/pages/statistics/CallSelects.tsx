import { Select } from "antd";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { useCallNames } from "./useCallNames";

export interface Chosen {
  method: string | null;
  app: string | null;
  engine: string | null;
}

interface Properties {
  chosen: Chosen;
  onChange: (changes: Partial<Chosen>) => void;
}

/** Chooses method, app and engine of calls, of those that there were. */
export function CallSelects({ chosen, onChange }: Properties) {
  const { t } = useTranslation("statistics");
  const { seesAllApps } = usePermissions();
  const { data, isPending } = useCallNames();
  const fields = [
    { name: "method" as const, options: data?.methods, width: 220 },
    ...(seesAllApps ? [{ name: "app" as const, options: data?.apps, width: 140 }] : []),
    { name: "engine" as const, options: data?.engines, width: 140 },
  ];
  return (
    <>
      {fields.map(({ name, options, width }) => (
        <Select<string>
          key={name}
          allowClear
          showSearch={{ optionFilterProp: "label" }}
          aria-label={t(`by.${name}`)}
          placeholder={t(`any.${name}`)}
          loading={isPending}
          options={options ?? []}
          value={chosen[name]}
          onChange={(value: string | undefined) => onChange({ [name]: value ?? null })}
          popupMatchSelectWidth={false}
          style={{ width, maxWidth: "100%" }}
        />
      ))}
    </>
  );
}
