import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { useSessions } from "../../app/session";
import { FailurePanel } from "../../common/states";
import type { StepProperties } from "./Setup";
import { StepFrame } from "./StepFrame";

const LEAST_CHARACTERS = 15;

interface Fields {
  name: string;
  password: string;
  repeated: string;
}

/** An administrator with name and password, as whom the user goes on. */
export function OperatorStep({ progress, onNext }: StepProperties) {
  const { t } = useTranslation("setup");
  const { begin } = useSessions();
  const cache = useQueryClient();
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);

  const create = async ({ name, password }: Fields) => {
    setIsBusy(true);
    setFailure(null);
    try {
      await api.POST("/operators", { body: { name, password, role: "admin" } });
      begin(await dataOf(api.POST("/session", { body: { name, password } })));
      onNext();
    } catch (error) {
      setFailure(error);
    } finally {
      setIsBusy(false);
      void cache.invalidateQueries();
    }
  };
  const names = progress.admins.map(({ name }) => name).join(t("and"));
  return (
    <StepFrame
      title={t("operator.title")}
      about={t("operator.about")}
      done={names ? t("operator.done", { names }) : null}
      another={t("operator.another")}
      onNext={onNext}
    >
      {failure ? <FailurePanel failure={failure} /> : null}
      <Form<Fields> layout="vertical" requiredMark={false} onFinish={(fields) => void create(fields)} disabled={isBusy} style={{ maxWidth: 420 }}>
        <Form.Item name="name" label={t("operator.name")} rules={[{ required: true, whitespace: true, max: 64, message: t("operator.nameWanted") }]}>
          <Input autoComplete="username" autoFocus />
        </Form.Item>
        <Form.Item
          name="password"
          label={t("operator.password")}
          extra={t("operator.passwordRule")}
          dependencies={["name"]}
          rules={[
            { required: true, min: LEAST_CHARACTERS, message: t("operator.passwordTooShort") },
            ({ getFieldValue }) => ({
              validator: (_, password) =>
                password && password === getFieldValue("name")
                  ? Promise.reject(new Error(t("operator.passwordIsName")))
                  : Promise.resolve(),
            }),
          ]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Form.Item
          name="repeated"
          label={t("operator.repeated")}
          dependencies={["password"]}
          rules={[
            ({ getFieldValue }) => ({
              validator: (_, repeated) =>
                repeated === getFieldValue("password")
                  ? Promise.resolve()
                  : Promise.reject(new Error(t("operator.notRepeated"))),
            }),
          ]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Alert type="info" title={t("operator.token")} style={{ marginBottom: 16 }} />
        <Button type="primary" htmlType="submit" loading={isBusy}>
          {t("operator.create")}
        </Button>
      </Form>
    </StepFrame>
  );
}
