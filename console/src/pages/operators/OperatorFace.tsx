import { Badge, Button, Flex, Radio, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useChange } from "../../common/change";
import { useRefresh } from "../../common/refresh";
import { useConfirm } from "../../common/confirm";
import { FormModal } from "../../common/FormModal";
import { Part } from "../../common/Part";
import { deleteFace, faceStateOf, putFace, putSignInWay, type SignInWay } from "./face";
import { FacePicker } from "./FacePicker";
import type { ReadOperator } from "./operators";

const WAYS: SignInWay[] = ["password", "passwordAndFace"];

/** The face of an operator, and whether the sign-in asks for it. */
export function OperatorFace({ read: { operator, revision } }: { read: ReadOperator }) {
  const { t } = useTranslation("operators");
  const { t: common } = useTranslation();
  const confirm = useConfirm();
  const refresh = useRefresh();
  const [isOpen, setIsOpen] = useState(false);
  const [picture, setPicture] = useState<Blob | null>(null);
  const { id, name } = operator;
  const { hasFace = false, signIn = "password" } = faceStateOf(operator);
  const { run: chooseWay, isBusy } = useChange((way: SignInWay) => putSignInWay(id, revision, way));

  const close = () => {
    setIsOpen(false);
    setPicture(null);
  };
  const askDelete = () =>
    confirm({
      title: t("face.deleteOf", { name }),
      content: t("face.deleteAbout"),
      action: t("face.delete"),
      onConfirm: async () => {
        await deleteFace(id);
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
            <Button danger disabled={signIn === "passwordAndFace"} onClick={askDelete}>
              {t("face.delete")}
            </Button>
          )}
        </>
      }
    >
      <Badge status={hasFace ? "success" : "default"} text={t(hasFace ? "face.has" : "face.hasNot")} />
      <Flex vertical gap={4}>
        <Typography.Text strong id="operator-sign-in">
          {t("columns.signIn")}
        </Typography.Text>
        <Radio.Group
          aria-labelledby="operator-sign-in"
          value={signIn}
          disabled={isBusy || !hasFace}
          onChange={({ target }) => void chooseWay(target.value as SignInWay, common("saved"))}
        >
          <Flex vertical gap={4}>
            {WAYS.map((way) => (
              <Radio key={way} value={way}>
                {t(`signIn.${way}`)}
              </Radio>
            ))}
          </Flex>
        </Radio.Group>
        <Typography.Text type="secondary">
          {t(hasFace ? (signIn === "passwordAndFace" ? "face.deleteNeeded" : "face.wayAbout") : "face.wantedFirst")}
        </Typography.Text>
      </Flex>
      {isOpen && (
        <FormModal
          title={t("face.enrolOf", { name })}
          action={t(hasFace ? "face.replace" : "face.enrol")}
          done={t("face.enrolled")}
          isIncomplete={!picture}
          onSubmit={async () => picture && putFace(id, picture)}
          onClose={close}
        >
          <Typography.Paragraph>{t("face.consent")}</Typography.Paragraph>
          <FacePicker picture={picture} onPicture={setPicture} />
        </FormModal>
      )}
    </Part>
  );
}
