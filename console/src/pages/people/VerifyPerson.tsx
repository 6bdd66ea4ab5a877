import { useMutation } from "@tanstack/react-query";
import { Alert, Flex, Modal } from "antd";
import { useTranslation } from "react-i18next";
import { api, asForm, dataOf, type Schema } from "../../api/client";
import { FaceImage } from "../../common/FaceImage";
import { PictureInput } from "../../common/PictureInput";
import { ScoreScale } from "../../common/ScoreScale";
import { FailurePanel } from "../../common/states";
import { nameOf, type Person, placeOf } from "./person";
import { Preview } from "./PictureQueue";

const SIDE = 160;

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  /** Similarity from which it is the person. */
  threshold: number;
  onClose: () => void;
}

/** Compares a picture with the faces of a person. */
export function VerifyPerson({ library, person, threshold, onClose }: Properties) {
  const { t } = useTranslation("people");
  const name = nameOf(person);
  const verify = useMutation({
    mutationFn: (file: Blob) =>
      dataOf(api.POST("/libraries/{library}/people/{person}/verify", { ...placeOf(library.id, person.id), ...asForm({ file }) })),
  });
  return (
    <Modal open title={t("verify.title", { name })} footer={null} onCancel={onClose}>
      <Flex vertical gap={16}>
        {verify.variables && (
          <Flex gap={16} justify="center" wrap>
            <Preview picture={verify.variables} alt={t("verify.picture")} size={SIDE} />
            {verify.data && (
              <FaceImage library={library.id} person={person.id} face={verify.data.faceId} name={name} size={SIDE} />
            )}
          </Flex>
        )}
        <div aria-live="polite">
          {verify.data && (
            <Flex vertical gap={8}>
              <Alert
                type={verify.data.match ? "success" : "error"}
                showIcon
                title={t(verify.data.match ? "verify.match" : "verify.noMatch", { name })}
              />
              <ScoreScale similarity={verify.data.similarity} threshold={threshold} />
            </Flex>
          )}
          {verify.error && (
            <FailurePanel failure={verify.error} onRetry={() => verify.variables && verify.mutate(verify.variables)} />
          )}
        </div>
        <PictureInput isBusy={verify.isPending} onPicture={(picture) => verify.mutate(picture)} />
      </Flex>
    </Modal>
  );
}
