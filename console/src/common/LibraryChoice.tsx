import { Select } from "antd";
import { type CSSProperties, useDeferredValue, useState } from "react";
import { queries } from "../api/client";
import { unreadProperties } from "./states";

const SHOWN = 50;

interface Properties {
  /** Id of the library. */
  value?: string | null;
  onChange?: (library: string | undefined) => void;
  /** Only libraries of this app. */
  app?: string | null;
  id?: string;
  placeholder?: string;
  allowClear?: boolean;
  disabled?: boolean;
  style?: CSSProperties;
  "aria-label"?: string;
}

/** Chooses a library by its name. */
export function LibraryChoice({ value, onChange, app, ...select }: Properties) {
  const [search, setSearch] = useState("");
  const name = useDeferredValue(search);
  const query = { appId: app ?? undefined, name: name || undefined, limit: SHOWN };
  const libraries = queries.useQuery("get", "/libraries", { params: { query } });
  const found = libraries.data?.items ?? [];
  const isFound = found.some(({ id }) => id === value);
  // The chosen one has a name even if it is not among those that were found.
  const chosen = queries.useQuery(
    "get",
    "/libraries/{library}",
    { params: { path: { library: value ?? "" } } },
    { enabled: Boolean(value) && libraries.isSuccess && !isFound },
  );
  const all = chosen.data && !isFound ? [chosen.data, ...found] : found;
  return (
    <Select<string>
      {...select}
      value={value ?? undefined}
      onChange={onChange}
      loading={libraries.isFetching}
      {...unreadProperties(libraries)}
      showSearch={{ onSearch: setSearch, filterOption: false }}
      options={all.map(({ id, name: label, appId }) => ({ value: id, label: app ? label : `${label} · ${appId}`, title: label }))}
    />
  );
}
