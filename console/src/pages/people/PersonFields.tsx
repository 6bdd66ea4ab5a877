import { Collapse, Form, Input } from "antd";
import { useTranslation } from "react-i18next";
import { LONG_FIELDS, TEXT_FIELDS, type TextField, TEXTS } from "./fields";
import { TagSelect } from "./TagSelect";

const FIRST: readonly TextField[] = ["name", "externalId"];

/** Fields of a form of a person. `isFolded`: what is seldom filled in is behind a click. */
export function PersonFields({ library, isFolded = false }: { library: string; isFolded?: boolean }) {
  const { t } = useTranslation("people");
  const others = TEXT_FIELDS.filter((field) => !FIRST.includes(field)).map((field) => <TextItem key={field} field={field} />);
  return (
    <>
      {FIRST.map((field) => (
        <TextItem key={field} field={field} />
      ))}
      <Form.Item name="tags" label={t("fields.tags")} extra={t("fields.tagsHint")}>
        <TagSelect library={library} isOpen />
      </Form.Item>
      {isFolded ? (
        <Collapse
          ghost
          items={[{ key: "others", label: t("fields.others"), children: others, forceRender: true }]}
          styles={{ header: { paddingInline: 0 }, body: { paddingInline: 0 } }}
        />
      ) : (
        others
      )}
    </>
  );
}

function TextItem({ field }: { field: TextField }) {
  const { t } = useTranslation("people");
  const isLong = LONG_FIELDS.includes(field);
  const hint = field === "externalId" || field === "info" ? t(`fields.${field}Hint`) : undefined;
  return (
    <Form.Item name={field} label={t(`fields.${field}`)} extra={hint}>
      {isLong ? <Input.TextArea maxLength={TEXTS[field]} autoSize={{ minRows: 2, maxRows: 8 }} /> : <Input maxLength={TEXTS[field]} />}
    </Form.Item>
  );
}
