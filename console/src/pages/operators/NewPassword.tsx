import { Button, Flex, Form, Input, type FormInstance } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

const MIN_CHARACTERS = 15;
const MAX_BYTES = 512;
const GENERATED_CHARACTERS = 20;
/** Letters and digits that are not easily confused. There are 32, so that each byte gives one without a bias. */
const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

interface Properties {
  /** Name of the field. */
  name: string;
  label: string;
  /** Name of whom the password is for; it can't be the password. Without it that of the field `name` counts. */
  owner?: string;
  isRequired?: boolean;
  /** Whether a random one is offered, for passwords that are handed on. */
  offersRandom?: boolean;
}

/** A field of a form for a new password of an operator. */
export function NewPassword({ name, label, owner, isRequired = true, offersRandom = false }: Properties) {
  const { t } = useTranslation("operators");
  const form = Form.useFormInstance();
  const id = useId();
  const [isVisible, setIsVisible] = useState(false);
  const check = (form: FormInstance) => (_: unknown, password: string | undefined) => {
    if (!password) return isRequired ? Promise.reject(new Error(t("password.wanted"))) : Promise.resolve();
    if ([...password].length < MIN_CHARACTERS) return Promise.reject(new Error(t("password.short", { least: MIN_CHARACTERS })));
    if (new TextEncoder().encode(password).length > MAX_BYTES) return Promise.reject(new Error(t("password.long", { most: MAX_BYTES })));
    if (password === (owner ?? form.getFieldValue("name"))) return Promise.reject(new Error(t("password.isName")));
    return Promise.resolve();
  };
  const generate = () => {
    form.setFieldValue(name, randomPassword());
    void form.validateFields([name]);
    setIsVisible(true);
  };
  return (
    <Form.Item label={label} htmlFor={id} extra={t("password.rules", { least: MIN_CHARACTERS })}>
      <Flex gap={8}>
        <Form.Item name={name} noStyle rules={[{ validator: check(form) }]}>
          <Input.Password
            id={id}
            autoComplete="new-password"
            visibilityToggle={{ visible: isVisible, onVisibleChange: setIsVisible }}
          />
        </Form.Item>
        {offersRandom && <Button onClick={generate}>{t("password.random")}</Button>}
      </Flex>
    </Form.Item>
  );
}

function randomPassword(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(GENERATED_CHARACTERS));
  const characters = [...bytes].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return [0, 5, 10, 15].map((start) => characters.slice(start, start + 5).join("")).join("-");
}
