import { useMutation } from "@tanstack/react-query";
import { Alert, App, Flex, Form, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import { LibraryChoice } from "../../common/LibraryChoice";
import { FailurePanel } from "../../common/states";
import { useListedPeople } from "./list";
import { nameOf, pathOf, type Person, placeOf } from "./person";

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  /** Whether the person stays in this library, too. */
  isCopy: boolean;
  onClose: () => void;
}

/** Moves a person into another library of the app, or copies the person there. */
export function MovePerson({ library, person, isCopy, onClose }: Properties) {
  const { t } = useTranslation("people");
  const { message } = App.useApp();
  const navigate = useNavigate();
  const listed = useListedPeople(library.id);
  const [target, setTarget] = useState<string>();
  const key = isCopy ? "copy" : "move";
  const move = useMutation({
    mutationFn: (libraryId: string) => {
      const init = { ...placeOf(library.id, person.id), body: { libraryId } };
      const path = "/libraries/{library}/people/{person}";
      return isCopy ? dataOf(api.POST(`${path}/copy`, init)) : dataOf(api.POST(`${path}/move`, init));
    },
    onSuccess: (moved) => {
      if (!isCopy) listed.forget(new Set([person.id]));
      message.success(t(`${key}.done`, { name: nameOf(person) }));
      onClose();
      return navigate(pathOf(moved.libraryId, moved.id), { flushSync: true });
    },
  });
  return (
    <Modal
      open
      title={t(`${key}.title`, { name: nameOf(person) })}
      okText={t(`${key}.action`)}
      okButtonProps={{ disabled: !target || target === library.id, loading: move.isPending }}
      onOk={() => target && move.mutate(target)}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        <Alert type="info" showIcon title={t(`${key}.about`)} />
        {move.error && <FailurePanel failure={move.error} />}
        <Form.Item
          label={t("move.target")}
          htmlFor="move-target"
          layout="vertical"
          style={{ margin: 0 }}
          validateStatus={target === library.id ? "error" : undefined}
          help={target === library.id ? t("move.same") : undefined}
        >
          <LibraryChoice id="move-target" app={library.appId} value={target} onChange={setTarget} style={{ width: "100%" }} />
        </Form.Item>
      </Flex>
    </Modal>
  );
}
