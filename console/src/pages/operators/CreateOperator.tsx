import { PlusOutlined } from "@ant-design/icons";
import { Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { FormModal } from "../../common/FormModal";
import { NewPassword } from "./NewPassword";
import { RoleFields, roleOf, type RoleValues } from "./RoleFields";

const MAX_NAME_CHARACTERS = 64;

interface Values extends RoleValues {
  name: string;
  password?: string;
}

/** A button that opens a form for a new operator. */
export function CreateOperator() {
  const { t } = useTranslation("operators");
  const { t: common } = useTranslation();
  const [isOpen, setIsOpen] = useState(false);
  const create = ({ name, password, ...role }: Values) =>
    api.POST("/operators", { body: { name: name.trim(), password: password || null, ...roleOf(role) } });
  return (
    <>
      <Button type="primary" icon={<PlusOutlined />} onClick={() => setIsOpen(true)}>
        {t("create")}
      </Button>
      {isOpen && (
        <FormModal<Values>
          title={t("create")}
          action={common("create")}
          initial={{ role: "operator", appId: null }}
          done={t("created")}
          onSubmit={create}
          onClose={() => setIsOpen(false)}
        >
          <Form.Item
            name="name"
            label={t("columns.name")}
            extra={t("nameAbout")}
            rules={[
              { required: true, whitespace: true, message: t("nameWanted") },
              { max: MAX_NAME_CHARACTERS, message: t("nameLong", { most: MAX_NAME_CHARACTERS }) },
            ]}
          >
            <Input autoComplete="off" autoFocus />
          </Form.Item>
          <RoleFields />
          <NewPassword name="password" label={t("password.first")} isRequired={false} offersRandom />
        </FormModal>
      )}
    </>
  );
}
