import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Checkbox, DatePicker, Flex, Form, Input, Typography } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import i18next from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { FailurePanel, Loaded } from "../../common/states";
import type { StepProperties } from "./Setup";
import { StepFrame } from "./StepFrame";

/** What an app gets only if somebody chooses it: biometric data in answers. */
const SENSITIVE = "templates";

/** The first app, with what it may do. Its token is shown once. */
export function AppStep({ progress, made, onMade, onNext }: StepProperties) {
  const { t } = useTranslation("setup");
  const capabilities = queries.useQuery("get", "/capabilities");
  if (made.app) return <NewToken app={made.app} onNext={onNext} />;
  const names = progress.apps.slice(0, 5).map(({ appId }) => appId).join(t("and"));
  return (
    <StepFrame
      title={t("app.title")}
      about={t("app.about")}
      done={names ? t("app.done", { names, number: progress.apps.length }) : null}
      another={t("app.another")}
      onNext={onNext}
    >
      <Loaded query={capabilities}>
        {({ items }) => <AppForm capabilities={items} onCreated={(app) => onMade({ app })} />}
      </Loaded>
    </StepFrame>
  );
}

interface Fields {
  appId: string;
  dueAt: Dayjs;
  capabilities: string[];
}

function AppForm({ capabilities, onCreated }: { capabilities: Schema<"ShownCapability">[]; onCreated: (app: Schema<"CreatedApp">) => void }) {
  const { t } = useTranslation("setup");
  const cache = useQueryClient();
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const create = async (fields: Fields) => {
    setIsBusy(true);
    setFailure(null);
    try {
      const body = { ...fields, dueAt: fields.dueAt.endOf("day").toISOString() };
      onCreated(await dataOf(api.POST("/apps", { body })));
      void cache.invalidateQueries();
    } catch (error) {
      setFailure(error);
    } finally {
      setIsBusy(false);
    }
  };
  const usual = capabilities.filter(({ areas }) => !areas.includes(SENSITIVE)).map(({ id }) => id);
  return (
    <>
      {failure ? <FailurePanel failure={failure} /> : null}
      <Form<Fields>
        layout="vertical"
        requiredMark={false}
        onFinish={(fields) => void create(fields)}
        disabled={isBusy}
        initialValues={{ appId: "demo", dueAt: dayjs().add(1, "year"), capabilities: usual }}
      >
        <Form.Item name="appId" label={t("app.id")} extra={t("app.idRule")} rules={[{ required: true, whitespace: true, max: 128, message: t("app.idWanted") }]}>
          <Input style={{ maxWidth: 420 }} autoFocus />
        </Form.Item>
        <Form.Item name="dueAt" label={t("app.due")} rules={[{ required: true, message: t("app.dueWanted") }]}>
          <DatePicker allowClear={false} minDate={dayjs()} />
        </Form.Item>
        <Form.Item name="capabilities" label={t("app.capabilities")} rules={[{ validator: (_, ids: string[]) => (ids.length > 0 ? Promise.resolve() : Promise.reject(new Error(t("app.capabilitiesWanted")))) }]}>
          <Checkbox.Group style={{ display: "flex", flexDirection: "column", gap: 6 }}>
            {capabilities.map(({ id, areas }) => (
              <Checkbox key={id} value={id}>
                {areas.map(areaName).join(t("and"))} <Typography.Text type="secondary">{id}</Typography.Text>
              </Checkbox>
            ))}
          </Checkbox.Group>
        </Form.Item>
        <Button type="primary" htmlType="submit" loading={isBusy}>
          {t("app.create")}
        </Button>
      </Form>
    </>
  );
}

// The settings of a deployment may name areas that this console doesn't know.
function areaName(area: string): string {
  return i18next.exists(`areas.${area}`, { ns: "setup" }) ? i18next.t(`areas.${area}` as "areas.people", { ns: "setup" }) : area;
}

function NewToken({ app, onNext }: { app: Schema<"CreatedApp">; onNext: () => void }) {
  const { t } = useTranslation("setup");
  return (
    <Flex vertical gap={16}>
      <Typography.Title level={2} style={{ fontSize: 18, margin: 0, overflowWrap: "anywhere" }}>
        {t("app.created", { appId: app.appId })}
      </Typography.Title>
      <Alert type="warning" showIcon title={t("app.tokenOnce")} description={t("app.tokenUse")} />
      <div>
        <Typography.Text>{t("app.token")}</Typography.Text>
        <Typography.Paragraph copyable code style={{ margin: 0, overflowWrap: "anywhere" }}>
          {app.token}
        </Typography.Paragraph>
      </div>
      <div>
        <Button type="primary" onClick={onNext}>
          {t("app.tokenKept")}
        </Button>
      </div>
    </Flex>
  );
}
