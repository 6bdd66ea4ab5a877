import { Button, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { FormModal } from "../../common/FormModal";
import { Part } from "../../common/Part";
import { NewPassword } from "./NewPassword";
import { type ReadOperator, useOperatorUpdate } from "./operators";

/** Sets another password for an operator. */
export function OperatorPassword({ read }: { read: ReadOperator }) {
  const { t } = useTranslation("operators");
  const [isOpen, setIsOpen] = useState(false);
  const update = useOperatorUpdate(read);
  const { name, hasPassword } = read.operator;
  return (
    <Part
      title={t("password.title")}
      about={t(hasPassword ? "password.set" : "password.notSet")}
      actions={<Button onClick={() => setIsOpen(true)}>{t(hasPassword ? "password.reset" : "password.make")}</Button>}
    >
      {isOpen && (
        <FormModal<{ password: string }>
          title={t("password.resetOf", { name })}
          action={t("password.reset")}
          done={t("password.resetDone")}
          onSubmit={({ password }) => update({ password })}
          onClose={() => setIsOpen(false)}
        >
          <Typography.Paragraph>{t("password.resetAbout")}</Typography.Paragraph>
          <NewPassword name="password" label={t("password.new")} owner={name} offersRandom />
        </FormModal>
      )}
    </Part>
  );
}
