import { Select } from "antd";
import type { CSSProperties } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { countText } from "../../common/numbers";

const MOST = 1000;
const MAX_LENGTH = 64;

interface Properties {
  library: string;
  value?: string[];
  onChange?: (tags: string[]) => void;
  /** Whether tags may be chosen that nobody has yet. */
  isOpen?: boolean;
  id?: string;
  placeholder?: string;
  style?: CSSProperties;
  "aria-label"?: string;
}

/** Chooses tags of a library. */
export function TagSelect({ library, value, onChange, isOpen = false, ...select }: Properties) {
  const { t } = useTranslation("people");
  const tags = queries.useQuery("get", "/libraries/{library}/tags", {
    params: { path: { library }, query: { limit: MOST } },
  });
  return (
    <Select<string[]>
      {...select}
      mode={isOpen ? "tags" : "multiple"}
      value={value ?? []}
      onChange={(chosen) => onChange?.(chosen.map((tag) => tag.trim().slice(0, MAX_LENGTH)).filter(Boolean))}
      allowClear
      maxTagCount="responsive"
      loading={tags.isPending}
      tokenSeparators={isOpen ? [",", ";", "，", "；"] : undefined}
      notFoundContent={t(isOpen ? "tags.type" : "tags.none")}
      options={tags.data?.items.map(({ tag, people }) => ({ value: tag, label: tag, people }))}
      optionRender={({ data }) => `${data.value}${"people" in data ? ` · ${countText(data.people as number)}` : ""}`}
    />
  );
}
