import { AutoComplete, Input, Select } from "antd";
import { type CSSProperties, useDeferredValue, useState } from "react";
import { queries } from "../api/client";
import { usePermissions } from "../app/session";
import { unreadProperties } from "./states";

const SHOWN = 50;

interface Properties {
  value?: string | null;
  onChange?: (app: string | undefined) => void;
  id?: string;
  placeholder?: string;
  allowClear?: boolean;
  style?: CSSProperties;
  "aria-label"?: string;
}

/** Chooses an app. Who sees one app alone has no choice; who may not list apps types the id. */
export function AppChoice(properties: Properties) {
  const { isAdmin, seesAllApps, appId } = usePermissions();
  if (!seesAllApps) {
    const { id, style, "aria-label": label } = properties;
    return <Input readOnly value={appId} id={id} style={style} aria-label={label} />;
  }
  return isAdmin ? <KnownApp {...properties} /> : <TypedApp {...properties} />;
}

function KnownApp({ value, onChange, ...select }: Properties) {
  const [search, setSearch] = useState("");
  const id = useDeferredValue(search);
  const apps = queries.useQuery("get", "/apps", { params: { query: { id: id || undefined, limit: SHOWN } } });
  return (
    <Select<string>
      {...select}
      value={value ?? undefined}
      onChange={onChange}
      loading={apps.isFetching}
      {...unreadProperties(apps)}
      showSearch={{ onSearch: setSearch, filterOption: false }}
      options={apps.data?.items.map(({ appId }) => ({ value: appId, label: appId, title: appId }))}
    />
  );
}

function TypedApp({ value, onChange, ...input }: Properties) {
  const libraries = queries.useQuery("get", "/libraries", { params: { query: { limit: 1000 } } });
  const ids = [...new Set(libraries.data?.items.map(({ appId }) => appId))];
  return (
    <AutoComplete<string>
      {...input}
      value={value ?? undefined}
      onChange={(typed) => onChange?.(typed || undefined)}
      showSearch={{ filterOption: (typed, option) => String(option?.value).includes(typed) }}
      options={ids.map((id) => ({ value: id }))}
    />
  );
}
