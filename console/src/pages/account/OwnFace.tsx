import { Badge, Button, Form, Input, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSessions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { FormModal } from "../../common/FormModal";
import { Part } from "../../common/Part";
import { deleteOwnFace, faceStateOf, putOwnFace } from "../operators/face";
import { FacePicker } from "../operators/FacePicker";

/** One's own face for the sign-in. */
export function OwnFace() {
  const { t } = useTranslation("account");
  const { session, refresh } = useSessions();
  const confirm = useConfirm();
  const [isOpen, setIsOpen] = useState(false);
  const [picture, setPicture] = useState<Blob | null>(null);
  // Without word of the server both can be done.
  const { hasFace } = session ? faceStateOf(session) : {};

  const close = () => {
    setIsOpen(false);
    setPicture(null);
  };
  const askDelete = () =>
    confirm({
      title: t("face.deleteTitle"),
      content: t("face.deleteAbout"),
      action: t("face.delete"),
      onConfirm: async () => {
        await deleteOwnFace();
        await refresh();
      },
    });
  return (
    <Part
      title={t("face.title")}
      about={t("face.about")}
      actions={
        <>
          <Button onClick={() => setIsOpen(true)}>{t(hasFace ? "face.replace" : "face.enrol")}</Button>
          {hasFace && (
            <Button danger onClick={askDelete}>
              {t("face.delete")}
            </Button>
          )}
        </>
      }
    >
      <Badge status={hasFace ? "success" : "default"} text={t(hasFace ? "face.has" : "face.hasNot")} />
      {isOpen && (
        <FormModal<{ password: string }>
          title={t(hasFace ? "face.replace" : "face.enrol")}
          action={t("face.save")}
          done={t("face.enrolled")}
          isIncomplete={!picture}
          onSubmit={async ({ password }) => {
            if (picture) await putOwnFace(picture, password);
            await refresh();
          }}
          onClose={close}
        >
          <Typography.Paragraph>{t("face.consent")}</Typography.Paragraph>
          <Form.Item>
            <FacePicker picture={picture} onPicture={setPicture} />
          </Form.Item>
          {picture && (
            <Form.Item
              name="password"
              label={t("password.current")}
              rules={[{ required: true, message: t("password.currentWanted") }]}
            >
              <Input.Password autoComplete="current-password" />
            </Form.Item>
          )}
        </FormModal>
      )}
    </Part>
  );
}
