import { useQueryClient } from "@tanstack/react-query";
import { Button, Form, Input, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { useSessions } from "../../app/session";
import { FailurePanel } from "../../common/states";
import type { StepProperties } from "./Setup";
import { StepFrame } from "./StepFrame";

interface Fields {
  name: string;
  groupId: string;
  appId: string;
}

/** The first library, of the app of the step before. */
export function LibraryStep({ progress, made, onMade, onNext }: StepProperties) {
  const { t } = useTranslation("setup");
  const { session } = useSessions();
  const cache = useQueryClient();
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const { apps, libraries } = progress;

  const create = async (fields: Fields) => {
    setIsBusy(true);
    setFailure(null);
    try {
      const { id } = await dataOf(api.POST("/libraries", { body: fields }));
      // The step after it needs to know the library.
      await cache.invalidateQueries();
      onMade({ libraryId: id });
      onNext();
    } catch (error) {
      setFailure(error);
    } finally {
      setIsBusy(false);
    }
  };
  const names = libraries.slice(0, 5).map(({ name }) => name).join(t("and"));
  const owners = [...new Set([made.app?.appId, ...apps.map(({ appId }) => appId), session?.appId])].filter(
    (appId) => appId !== undefined,
  );
  return (
    <StepFrame
      title={t("library.title")}
      about={t("library.about")}
      done={names ? t("library.done", { names, number: libraries.length }) : null}
      another={t("library.another")}
      onNext={onNext}
    >
      {failure ? <FailurePanel failure={failure} /> : null}
      <Form<Fields>
        layout="vertical"
        requiredMark={false}
        onFinish={(fields) => void create(fields)}
        disabled={isBusy}
        initialValues={{ name: t("library.usualName"), groupId: "staff", appId: owners[0] }}
        style={{ maxWidth: 420 }}
      >
        <Form.Item name="name" label={t("library.name")} rules={[{ required: true, whitespace: true, max: 256, message: t("library.nameWanted") }]}>
          <Input autoFocus />
        </Form.Item>
        <Form.Item name="groupId" label={t("library.groupId")} extra={t("library.groupIdRule")} rules={[{ required: true, whitespace: true, max: 256, message: t("library.groupIdWanted") }]}>
          <Input />
        </Form.Item>
        <Form.Item name="appId" label={t("library.app")} extra={t("library.appRule")}>
          <Select showSearch options={owners.map((appId) => ({ value: appId, label: appId }))} />
        </Form.Item>
        <Button type="primary" htmlType="submit" loading={isBusy}>
          {t("library.create")}
        </Button>
      </Form>
    </StepFrame>
  );
}
