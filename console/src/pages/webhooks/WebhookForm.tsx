import { Checkbox, Flex, Form, type FormInstance, Input, Radio, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../../app/session";
import { AppChoice } from "../../common/AppChoice";
import { LibraryChoice } from "../../common/LibraryChoice";
import { type Kind, KINDS } from "./kinds";

/** What is typed about a webhook. */
export interface WebhookFields {
  url: string;
  description?: string;
  app?: string;
  isOfAllKinds: boolean;
  kinds: Kind[];
  library?: string;
}

/** Kinds that the fields choose; empty: all. */
export function kindsOf({ isOfAllKinds, kinds }: WebhookFields): Kind[] {
  return isOfAllKinds ? [] : kinds;
}

interface Properties {
  fields: FormInstance<WebhookFields>;
  initial: WebhookFields;
  /** App of a webhook that is there already; `null` if it gets the events of all apps. */
  owner?: string | null;
  onSubmit: (values: WebhookFields) => void;
}

/** The fields of a webhook. */
export function WebhookForm({ fields, initial, owner, onSubmit }: Properties) {
  const { t } = useTranslation(["webhooks", "common"]);
  const { isAdmin, seesAllApps, appId } = usePermissions();
  const isNew = owner === undefined;
  const typedApp = Form.useWatch("app", fields);
  const isOfAllKinds = Form.useWatch("isOfAllKinds", fields) ?? initial.isOfAllKinds;
  const app = isNew ? typedApp : owner;
  const isOfAllApps = isNew ? isAdmin && !typedApp : owner === null;
  const libraryApp = seesAllApps ? app : appId;
  return (
    <Form<WebhookFields> form={fields} layout="vertical" scrollToFirstError initialValues={initial} onFinish={onSubmit}>
      <Form.Item
        name="url"
        label={t("form.url")}
        extra={t("form.urlHelp")}
        rules={[{ required: true, pattern: /^https?:\/\/.+/, message: t("form.urlWanted") }]}
      >
        <Input type="url" maxLength={2048} placeholder="https://example.com/aicp" autoFocus={isNew} />
      </Form.Item>
      <Form.Item name="description" label={t("form.description")}>
        <Input maxLength={256} />
      </Form.Item>
      {isNew && seesAllApps && (
        <Form.Item
          name="app"
          label={t("common:app")}
          extra={t(isAdmin ? "form.appHelp" : "form.appWanted")}
          rules={[{ required: !isAdmin, message: t("form.appWanted") }]}
        >
          <AppChoice allowClear placeholder={isAdmin ? t("allApps") : undefined} />
        </Form.Item>
      )}
      <Form.Item name="library" label={t("form.library")}>
        <LibraryChoice allowClear app={libraryApp} placeholder={t("form.allLibraries")} />
      </Form.Item>
      <Form.Item name="isOfAllKinds" label={t("events")}>
        <Radio.Group vertical options={[{ value: true, label: t("allKinds") }, { value: false, label: t("form.someKinds") }]} />
      </Form.Item>
      {!isOfAllKinds && (
        <Form.Item name="kinds" rules={[{ type: "array", min: 1, message: t("form.kindWanted") }]}>
          <Checkbox.Group aria-label={t("events")}>
            <Flex vertical gap={8}>
              {KINDS.filter((kind) => kind !== "engineHealth" || isOfAllApps).map((kind) => (
                <Checkbox key={kind} value={kind} styles={{ icon: { alignSelf: "start", marginTop: 3 } }}>
                  {t(`kinds.${kind}.name`)}
                  <Typography.Text type="secondary" style={{ display: "block" }}>
                    {t(`kinds.${kind}.about`)}
                  </Typography.Text>
                </Checkbox>
              ))}
            </Flex>
          </Checkbox.Group>
        </Form.Item>
      )}
    </Form>
  );
}
