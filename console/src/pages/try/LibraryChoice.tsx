import { Flex, Select, Typography } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import type { Schema } from "../../api/client";

interface Properties {
  libraries: Schema<"ShownLibrary">[];
  /** Ids of the libraries that were chosen; none: all are searched. */
  value: string[];
  onChange: (ids: string[]) => void;
}

/** Chooses the libraries to search. */
export function LibraryChoice({ libraries, value, onChange }: Properties) {
  const { t } = useTranslation("try");
  const { seesAllApps } = usePermissions();
  const id = useId();
  return (
    <Flex vertical gap={4} style={{ flex: "2 1 240px", minWidth: 0 }}>
      <label htmlFor={id}>
        <Typography.Text>{t("libraries.label")}</Typography.Text>
      </label>
      <Select
        id={id}
        mode="multiple"
        allowClear
        maxTagCount="responsive"
        placeholder={t("libraries.all", { number: libraries.length })}
        value={value}
        onChange={onChange}
        showSearch={{ optionFilterProp: "label" }}
        options={libraries.map((library) => ({
          value: library.id,
          label: seesAllApps ? `${library.name} · ${library.appId}` : library.name,
        }))}
      />
    </Flex>
  );
}
