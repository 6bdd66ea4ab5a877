import { EditOutlined } from "@ant-design/icons";
import { Button, Descriptions, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { momentText } from "../../common/time";
import { Section } from "../libraries/Section";
import { EditPerson } from "./EditPerson";
import { LONG_FIELDS, TEXT_FIELDS } from "./fields";
import type { TaggedPerson } from "./PersonPage";

interface Properties {
  library: Schema<"ShownLibrary">;
  tagged: TaggedPerson;
}

/** What is known of a person. */
export function PersonData({ library, tagged }: Properties) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const { canWork } = usePermissions();
  const [isEditing, setIsEditing] = useState(false);
  const { person } = tagged;
  const texts = TEXT_FIELDS.map((field) => ({
    key: field,
    label: t(`fields.${field}`),
    children: LONG_FIELDS.includes(field) ? <LongText text={person[field]} /> : (person[field] ?? "—"),
  }));
  const tags = person.tags.map((tag) => (
    <Link key={tag} to={`/libraries/${library.id}?tag=${encodeURIComponent(tag)}`}>
      <Tag style={{ whiteSpace: "normal", cursor: "pointer" }}>{tag}</Tag>
    </Link>
  ));
  return (
    <Section
      title={t("data.title")}
      actions={
        canWork && (
          <Button icon={<EditOutlined />} onClick={() => setIsEditing(true)}>
            {common("edit")}
          </Button>
        )
      }
    >
      <Descriptions
        size="small"
        column={1}
        colon={false}
        styles={{ label: { width: 112 }, content: { overflowWrap: "anywhere", minWidth: 0 } }}
        items={[
          ...texts.slice(0, 2),
          { key: "tags", label: t("fields.tags"), children: tags.length > 0 ? <span>{tags}</span> : "—" },
          ...texts.slice(2),
          { key: "createdAt", label: t("fields.createdAt"), children: momentText(person.createdAt) },
          { key: "updatedAt", label: t("fields.updatedAt"), children: momentText(person.updatedAt) },
        ]}
      />
      {isEditing && <EditPerson library={library} tagged={tagged} onClose={() => setIsEditing(false)} />}
    </Section>
  );
}

function LongText({ text }: { text: string | null | undefined }) {
  if (!text) return <>—</>;
  return <div style={{ whiteSpace: "pre-wrap", maxHeight: 200, overflow: "auto" }}>{text}</div>;
}
