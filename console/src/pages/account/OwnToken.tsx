import { Button, DatePicker, Flex, Form, Input } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { FormModal } from "../../common/FormModal";
import { ShownOnce } from "../../common/ShownOnce";

const MAX_NAME_CHARACTERS = 64;
const USUAL_DAYS = 90;
const OFFERED_DAYS = [7, 30, 90, 365];

interface Values {
  name: string;
  expiresAt: Dayjs;
}

/** Makes a token for a program of one's own, and shows it once. */
export function OwnToken() {
  const { t } = useTranslation("account");
  const { t: common } = useTranslation();
  const [isOpen, setIsOpen] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const create = async ({ name, expiresAt }: Values) => {
    const body = { name: name.trim(), expiresAt: expiresAt.endOf("day").toISOString() };
    setSecret((await dataOf(api.POST("/tokens", { body }))).token);
  };
  return (
    <>
      <Button type="primary" onClick={() => setIsOpen(true)}>
        {t("token.create")}
      </Button>
      {isOpen && (
        <FormModal<Values>
          title={t("token.create")}
          action={common("create")}
          initial={{ expiresAt: dayjs().add(USUAL_DAYS, "day") }}
          onSubmit={create}
          onClose={() => setIsOpen(false)}
        >
          <Form.Item
            name="name"
            label={t("token.name")}
            extra={t("token.nameAbout")}
            rules={[
              { required: true, whitespace: true, message: t("token.nameWanted") },
              { max: MAX_NAME_CHARACTERS, message: t("token.nameLong", { most: MAX_NAME_CHARACTERS }) },
            ]}
          >
            <Input autoComplete="off" autoFocus />
          </Form.Item>
          <Form.Item
            name="expiresAt"
            label={t("expiresAt")}
            extra={t("token.expiryAbout")}
            rules={[{ required: true, message: t("token.expiryWanted") }]}
          >
            <DatePicker style={{ width: "100%" }} minDate={dayjs()} />
          </Form.Item>
          <Form.Item noStyle shouldUpdate>
            {(form) => (
              <Flex gap={8} wrap>
                {OFFERED_DAYS.map((days) => (
                  <Button key={days} size="small" onClick={() => form.setFieldValue("expiresAt", dayjs().add(days, "day"))}>
                    {t("token.days", { days })}
                  </Button>
                ))}
              </Flex>
            )}
          </Form.Item>
        </FormModal>
      )}
      {secret !== null && (
        <ShownOnce
          title={t("token.made")}
          about={t("token.once")}
          values={[{ label: t("token.one"), value: secret }]}
          onClose={() => setSecret(null)}
        />
      )}
    </>
  );
}
