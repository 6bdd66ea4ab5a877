import { Select } from "antd";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { nameOf, type Person } from "./person";

const SHOWN = 30;

interface Properties {
  library: string;
  /** Who can't be chosen. */
  except: string;
  value: Person | null;
  onChange: (person: Person | null) => void;
  id?: string;
}

/** Chooses a person of a library, by a part of the name, the external id or a tag. */
export function PersonChoice({ library, except, value, onChange, id }: Properties) {
  const { t } = useTranslation("people");
  const [typed, setTyped] = useState("");
  const text = useDeferredValue(typed.trim());
  const listed = queries.useQuery("get", "/libraries/{library}/people", {
    params: { path: { library }, query: { text: text || undefined, limit: SHOWN, sort: "newest" as const } },
  });
  const found = new Map(listed.data?.items.map((person) => [person.id, person]));
  if (value) found.set(value.id, value);
  found.delete(except);
  return (
    <Select<string>
      id={id}
      value={value?.id}
      onChange={(chosen) => onChange(found.get(chosen) ?? null)}
      onClear={() => onChange(null)}
      allowClear
      showSearch={{ onSearch: setTyped, filterOption: false }}
      loading={listed.isFetching}
      placeholder={t("choice.placeholder")}
      notFoundContent={t("choice.nobody")}
      style={{ width: "100%" }}
      options={[...found.values()].map((person) => ({
        value: person.id,
        label: [nameOf(person), person.externalId !== nameOf(person) ? person.externalId : null].filter(Boolean).join(" · "),
      }))}
    />
  );
}
