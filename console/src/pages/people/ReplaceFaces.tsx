import { useMutation } from "@tanstack/react-query";
import { Alert, App, Flex, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, asForm, type Schema } from "../../api/client";
import { PictureInput } from "../../common/PictureInput";
import { FailurePanel } from "../../common/states";
import { nameOf, type Person, placeOf } from "./person";
import { Preview } from "./PictureQueue";

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  onClose: () => void;
}

/** Replaces all faces of a person by one. */
export function ReplaceFaces({ library, person, onClose }: Properties) {
  const { t } = useTranslation("people");
  const { message } = App.useApp();
  const [picture, setPicture] = useState<Blob | null>(null);
  const replace = useMutation({
    mutationFn: (file: Blob) =>
      api.PUT("/libraries/{library}/people/{person}/faces", { ...placeOf(library.id, person.id), ...asForm({ file }) }),
    onSuccess: () => {
      message.success(t("faces.replaced"));
      onClose();
    },
  });
  return (
    <Modal
      open
      title={t("faces.replaceOf", { name: nameOf(person) })}
      okText={t("faces.replaceAction")}
      okButtonProps={{ danger: true, disabled: !picture, loading: replace.isPending }}
      onOk={() => picture && replace.mutate(picture)}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        <Alert type="warning" showIcon title={t("faces.replaceWarning", { faces: person.faces?.length ?? 0 })} />
        {replace.error && <FailurePanel failure={replace.error} />}
        {picture && (
          <Flex justify="center">
            <Preview picture={picture} alt={t("faces.newPicture")} size={160} />
          </Flex>
        )}
        <PictureInput
          isBusy={replace.isPending}
          onPicture={(chosen) => {
            replace.reset();
            setPicture(chosen);
          }}
        />
      </Flex>
    </Modal>
  );
}
