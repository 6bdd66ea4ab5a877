import { useMutation } from "@tanstack/react-query";
import { Button, Flex, Modal } from "antd";
import { useTranslation } from "react-i18next";
import { api, asForm, type Schema } from "../../api/client";
import { nameOf, type Person, placeOf } from "./person";
import { PictureQueue } from "./PictureQueue";
import { type Enrolled, usePictures } from "./pictures";

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  onClose: () => void;
}

/** Adds faces to a person, a picture at a time, and tells what became of each. */
export function AddFaces({ library, person, onClose }: Properties) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const queue = usePictures();
  const waiting = queue.pictures.filter(({ outcome }) => outcome === null);
  const add = useMutation({
    mutationFn: async () => {
      for (const { key, picture } of waiting) queue.change(key, { outcome: await enrol(picture) });
    },
  });
  const enrol = async (picture: Blob): Promise<Enrolled> => {
    try {
      const init = { ...placeOf(library.id, person.id), ...asForm({ file: picture }) };
      const { response } = await api.POST("/libraries/{library}/people/{person}/faces", init);
      return { kind: response.status === 200 ? "known" : "enrolled" };
    } catch (failure) {
      return { kind: "refused", failure };
    }
  };
  return (
    <Modal
      open
      title={t("faces.addTo", { name: nameOf(person) })}
      onCancel={onClose}
      closable={!add.isPending}
      mask={{ closable: false }}
      footer={
        <Flex gap={8} justify="end">
          <Button onClick={onClose} disabled={add.isPending}>
            {common("close")}
          </Button>
          <Button type="primary" loading={add.isPending} disabled={waiting.length === 0} onClick={() => add.mutate()}>
            {t("faces.addAction", { pictures: waiting.length })}
          </Button>
        </Flex>
      }
    >
      <PictureQueue queue={queue} isBusy={add.isPending} />
    </Modal>
  );
}
