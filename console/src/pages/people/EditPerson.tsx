import { useMutation } from "@tanstack/react-query";
import { Alert, App, Button, Drawer, Flex, Form } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import { FailurePanel } from "../../common/states";
import { changesOf, type PersonValues, showFaults, TEXT_FIELDS, valuesOf } from "./fields";
import { useListedPeople } from "./list";
import { type Person, placeOf } from "./person";
import { PersonFields } from "./PersonFields";
import type { TaggedPerson } from "./PersonPage";

interface Properties {
  library: Schema<"ShownLibrary">;
  tagged: TaggedPerson;
  onClose: () => void;
}

/** Changes the data of a person, unless somebody else did since the form was opened. */
export function EditPerson({ library, tagged, onClose }: Properties) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const { message } = App.useApp();
  const [form] = Form.useForm<PersonValues>();
  // The state that the form began from, whatever the page reads meanwhile.
  const [begun, setBegun] = useState(tagged);
  const [theirs, setTheirs] = useState<TaggedPerson | null>(null);
  const listed = useListedPeople(library.id);
  const place = placeOf(library.id, tagged.person.id);
  const path = "/libraries/{library}/people/{person}";

  const save = useMutation({
    mutationFn: async (values: PersonValues) => {
      const body = changesOf(valuesOf(begun.person), values);
      if (Object.keys(body).length === 0) return null;
      const header = begun.etag ? { "If-Match": begun.etag } : {};
      const { data } = await api.PATCH(path, { params: { ...place.params, header }, body });
      return data as Person;
    },
    onSuccess: (changed) => {
      if (changed) {
        listed.replace({ ...changed, faces: changed.faces ?? tagged.person.faces });
        message.success(common("saved"));
      }
      onClose();
    },
    onError: async (failure) => {
      showFaults(form, failure, t("fields.externalIdTaken"));
      if (!isConflict(failure)) return;
      const { data, response } = await api.GET(path, place);
      setTheirs({ person: data as Person, etag: response.headers.get("ETag") });
    },
  });
  const goOn = (values: PersonValues) => {
    if (!theirs) return;
    setBegun(theirs);
    setTheirs(null);
    save.reset();
    form.setFieldsValue(values);
  };

  return (
    <Drawer
      open
      size={520}
      title={t("data.edit")}
      onClose={onClose}
      mask={{ closable: false }}
      footer={
        <Flex gap={8} justify="end">
          <Button onClick={onClose}>{common("cancel")}</Button>
          <Button type="primary" loading={save.isPending} disabled={theirs !== null} onClick={() => form.submit()}>
            {common("save")}
          </Button>
        </Flex>
      }
    >
      <Flex vertical gap={16}>
        {theirs && (
          <Conflict
            begun={begun.person}
            theirs={theirs.person}
            onTakeTheirs={() => goOn(valuesOf(theirs.person))}
            onKeepMine={() => goOn(merged(begun.person, theirs.person, form.getFieldsValue(true)))}
          />
        )}
        {save.error && !isConflict(save.error) && <FailurePanel failure={save.error} />}
        <Form form={form} layout="vertical" initialValues={valuesOf(tagged.person)} onFinish={(values) => save.mutate(values)}>
          <PersonFields library={library.id} />
        </Form>
      </Flex>
    </Drawer>
  );
}

/** Returns the present values, with those in place of them that were changed in the form. */
function merged(begun: Person, theirs: Person, values: PersonValues): PersonValues {
  const { tags, ...texts } = changesOf(valuesOf(begun), values);
  const written = Object.entries(texts).map(([field, text]) => [field, text ?? ""]);
  return { ...valuesOf(theirs), ...Object.fromEntries(written), ...(tags ? { tags: values.tags } : {}) };
}

function isConflict(failure: unknown): boolean {
  return failure instanceof Failure && failure.status === 412;
}

interface ConflictProperties {
  begun: Person;
  theirs: Person;
  onTakeTheirs: () => void;
  onKeepMine: () => void;
}

/** Tells what somebody else changed meanwhile, and lets the operator decide. */
function Conflict({ begun, theirs, onTakeTheirs, onKeepMine }: ConflictProperties) {
  const { t } = useTranslation("people");
  const changes = changesOf(valuesOf(begun), valuesOf(theirs));
  const fields = [...TEXT_FIELDS, "tags" as const].filter((field) => field in changes);
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      title={t("data.conflict.title")}
      description={
        <Flex vertical gap={8}>
          {fields.map((field) => (
            <span key={field} style={{ overflowWrap: "anywhere" }}>
              {t(`fields.${field}`)}: {field === "tags" ? theirs.tags.join(" · ") || "—" : (theirs[field] ?? "—")}
            </span>
          ))}
          <span>{t("data.conflict.advice")}</span>
          <Flex gap={8} wrap>
            <Button onClick={onTakeTheirs}>{t("data.conflict.takeTheirs")}</Button>
            <Button onClick={onKeepMine}>{t("data.conflict.keepMine")}</Button>
          </Flex>
        </Flex>
      }
    />
  );
}
