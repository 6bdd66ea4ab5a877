import { keepPreviousData } from "@tanstack/react-query";
import { Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { usePersonName } from "../../common/names";
import { describe } from "../../common/states";
import { useSettled } from "../../common/useSettled";

interface Properties {
  library: string;
  /** Id of the person who is chosen. */
  value: string | null;
  onChange: (person: string | null) => void;
}

const SHOWN = 30;

/** Chooses a person of a library, by parts of the name, the external id or a tag. */
export function PersonSelect({ library, value, onChange }: Properties) {
  const { t } = useTranslation("recognitions");
  const [typed, setTyped] = useState("");
  const text = useSettled(typed.trim());
  const query = { limit: SHOWN, sort: "name" as const, ...(text ? { text } : {}) };
  const { data, error, isFetching } = queries.useQuery(
    "get",
    "/libraries/{library}/people",
    { params: { path: { library }, query } },
    { placeholderData: keepPreviousData },
  );
  const found = data?.items ?? [];
  const options = found.map((person) => ({ value: person.id, label: person.name ?? person.externalId ?? person.id }));
  const isListed = value === null || found.some(({ id }) => id === value);
  return (
    <Select
      allowClear
      aria-label={t("filter.person")}
      placeholder={t("filter.person")}
      showSearch={{ filterOption: false, onSearch: setTyped }}
      loading={isFetching}
      value={value}
      onChange={(next: string | undefined) => onChange(next ?? null)}
      options={options}
      labelRender={isListed ? undefined : () => <ChosenName library={library} person={value} />}
      notFoundContent={error ? describe(error).title : undefined}
      style={{ width: 180, maxWidth: "100%" }}
    />
  );
}

function ChosenName({ library, person }: { library: string; person: string }) {
  return <>{usePersonName(library, person)}</>;
}
