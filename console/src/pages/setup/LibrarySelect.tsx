import { Flex, Select, Typography } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";

interface Properties {
  libraries: Schema<"ShownLibrary">[];
  value: string;
  onChange: (id: string) => void;
}

/** Chooses one of several libraries. */
export function LibrarySelect({ libraries, value, onChange }: Properties) {
  const { t } = useTranslation("setup");
  const id = useId();
  return (
    <Flex vertical gap={4} style={{ maxWidth: 420 }}>
      <label htmlFor={id}>
        <Typography.Text>{t("inLibrary")}</Typography.Text>
      </label>
      <Select
        id={id}
        showSearch={{ optionFilterProp: "label" }}
        value={value}
        onChange={onChange}
        options={libraries.map((library) => ({ value: library.id, label: `${library.name} · ${library.appId}` }))}
      />
    </Flex>
  );
}
