import { Button, Form } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSessions } from "../../app/session";
import { useChange } from "../../common/change";
import { useConfirm } from "../../common/confirm";
import { Part } from "../../common/Part";
import { isLastAdmin, type Operator, type ReadOperator, useOperatorUpdate } from "./operators";
import { RoleFields, roleOf, type RoleValues } from "./RoleFields";

/** Changes role and app of an operator. */
export function OperatorRole({ read, all }: { read: ReadOperator; all: Operator[] }) {
  const { t } = useTranslation("operators");
  const { t: common } = useTranslation();
  const { session, refresh: refreshSession } = useSessions();
  const update = useOperatorUpdate(read);
  const confirm = useConfirm();
  const [isChanged, setIsChanged] = useState(false);
  const { operator } = read;
  const isOwn = session?.operatorId === operator.id;
  const apply = async (values: RoleValues) => {
    await update(roleOf(values));
    if (isOwn) await refreshSession();
  };
  const { run, isBusy } = useChange(apply);

  const save = (values: RoleValues) => {
    const losesAdmin = operator.role === "admin" && values.role !== "admin";
    if (!losesAdmin) return void run(values, common("saved"));
    confirm({
      title: t("demote.title", { name: operator.name, role: t(`role.${values.role}`) }),
      content: [isOwn ? t("demote.own") : t("demote.about"), isLastAdmin(operator, all) ? t("lastAdmin") : ""].join(" "),
      action: t("demote.action"),
      onConfirm: () => apply(values),
    });
  };
  return (
    <Part title={t("roleAndApp")} about={t("atOnce")}>
      <Form<RoleValues>
        layout="vertical"
        requiredMark={false}
        disabled={isBusy}
        initialValues={{ role: operator.role, appId: operator.appId ?? null }}
        onValuesChange={() => setIsChanged(true)}
        onFinish={save}
      >
        <RoleFields />
        <Button type="primary" htmlType="submit" loading={isBusy} disabled={!isChanged}>
          {common("save")}
        </Button>
      </Form>
    </Part>
  );
}
