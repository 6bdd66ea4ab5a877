import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Drawer, Flex, Form, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import { FailurePanel } from "../../common/states";
import { type PersonValues, showFaults, TEXT_FIELDS } from "./fields";
import { nameOf, pathOf } from "./person";
import { PersonFields } from "./PersonFields";
import { PictureQueue } from "./PictureQueue";
import { MAX_ALL_BYTES, usePictures } from "./pictures";
import { failureOf } from "./verdicts";

interface Properties {
  library: Schema<"ShownLibrary">;
  onClose: () => void;
}

/** Adds a person with pictures, and tells what became of each. */
export function AddPerson({ library, onClose }: Properties) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const navigate = useNavigate();
  const [form] = Form.useForm<PersonValues>();
  const queue = usePictures();
  const [isWanting, setIsWanting] = useState(false);
  const add = useMutation({
    mutationFn: (values: PersonValues) => {
      const init = { params: { path: { library: library.id } }, ...bodyOf(values, queue.pictures.map(({ picture }) => picture)) };
      return dataOf(api.POST("/libraries/{library}/people", init));
    },
    onSuccess: ({ pictures }) =>
      pictures.forEach(({ problem }, index) => {
        const queued = queue.pictures[index];
        if (!queued) return;
        queue.change(queued.key, { outcome: problem ? { kind: "refused", failure: failureOf(problem) } : { kind: "enrolled" } });
      }),
    onError: (failure) => showFaults(form, failure, t("fields.externalIdTaken")),
  });
  const submit = (values: PersonValues) => {
    setIsWanting(queue.pictures.length === 0);
    if (queue.pictures.length > 0) add.mutate(values);
  };
  const another = () => {
    add.reset();
    form.resetFields();
    queue.clear();
  };
  const refused = add.data?.pictures.filter(({ problem }) => problem).length ?? 0;
  return (
    <Drawer
      open
      size={560}
      title={t("add.title", { library: library.name })}
      onClose={onClose}
      mask={{ closable: !add.isPending }}
      footer={
        <Flex gap={8} justify="end" wrap>
          {add.data ? (
            <>
              <Button onClick={onClose}>{common("close")}</Button>
              <Button onClick={another}>{t("add.another")}</Button>
              <Button type="primary" onClick={() => void navigate(pathOf(library.id, add.data.id))}>
                {t("add.show")}
              </Button>
            </>
          ) : (
            <>
              <Button onClick={onClose} disabled={add.isPending}>
                {common("cancel")}
              </Button>
              <Button
                type="primary"
                loading={add.isPending}
                disabled={queue.bytes > MAX_ALL_BYTES}
                onClick={() => form.submit()}
              >
                {t("add.action")}
              </Button>
            </>
          )}
        </Flex>
      }
    >
      <Flex vertical gap={16}>
        {add.data && (
          <Alert
            type={refused > 0 ? "warning" : "success"}
            showIcon
            title={t("add.done", { name: nameOf(add.data) })}
            description={refused > 0 ? t("add.someRefused", { refused, all: add.data.pictures.length }) : undefined}
          />
        )}
        {add.error && <FailurePanel failure={add.error} />}
        {isWanting && queue.pictures.length === 0 && <Alert type="error" showIcon title={t("add.pictureWanted")} />}
        {!add.data && <Typography.Text type="secondary">{t("add.about")}</Typography.Text>}
        <PictureQueue queue={queue} isBusy={add.isPending} isClosed={add.isSuccess} />
        {!add.data && (
          <Form form={form} layout="vertical" onFinish={submit} disabled={add.isPending}>
            <PersonFields library={library.id} isFolded />
          </Form>
        )}
      </Flex>
    </Drawer>
  );
}

function bodyOf(values: PersonValues, pictures: Blob[]) {
  const form = new FormData();
  for (const field of TEXT_FIELDS) {
    const text = values[field]?.trim();
    if (text) form.append(field, text);
  }
  for (const tag of values.tags ?? []) form.append("tags", tag);
  for (const picture of pictures) form.append("file", picture, picture instanceof File ? picture.name : "picture.jpg");
  return { body: form as never, bodySerializer: (sent: unknown) => sent as FormData };
}
