import { useMutation } from "@tanstack/react-query";
import { App, Flex, Form, Input, Modal, Select } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import { usePermissions } from "../../app/session";
import { AppChoice } from "../../common/AppChoice";
import { FailurePanel } from "../../common/states";

const MAX_NAME = 256;
const MAX_DESCRIPTION = 4096;

interface Values {
  name: string;
  groupId?: string;
  description?: string;
  engine?: string;
  appId?: string;
}

/** Name, id and description of a library, in a form. */
function TextItems({ needsGroupId }: { needsGroupId: boolean }) {
  const { t } = useTranslation("libraries");
  return (
    <>
      <Form.Item name="name" label={t("fields.name")} rules={[{ required: true, whitespace: true, message: t("form.nameWanted") }]}>
        <Input maxLength={MAX_NAME} />
      </Form.Item>
      <Form.Item
        name="groupId"
        label={t("fields.groupId")}
        extra={t("fields.groupIdHint")}
        rules={[{ required: needsGroupId, whitespace: true, message: t("form.groupIdWanted") }]}
      >
        <Input maxLength={MAX_NAME} />
      </Form.Item>
      <Form.Item name="description" label={t("fields.description")}>
        <Input.TextArea maxLength={MAX_DESCRIPTION} autoSize={{ minRows: 2, maxRows: 6 }} />
      </Form.Item>
    </>
  );
}

/** Creates a library, and opens it. */
export function CreateLibrary({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const { seesAllApps, appId } = usePermissions();
  const [form] = Form.useForm<Values>();
  const navigate = useNavigate();
  const { message } = App.useApp();
  const version = queries.useQuery("get", "/version");
  const engines = version.data?.engines ?? [];
  const create = useMutation({
    mutationFn: ({ name, groupId, description, engine, appId: owner }: Values) => {
      const body = { name, groupId: groupId || undefined, description: description || undefined, engine, appId: owner || undefined };
      return dataOf(api.POST("/libraries", { body }));
    },
    onSuccess: ({ id, name }) => {
      message.success(t("form.created", { name }));
      onClose();
      void navigate(`/libraries/${id}`);
    },
  });
  return (
    <Modal
      open
      title={t("form.create")}
      okText={common("create")}
      okButtonProps={{ loading: create.isPending }}
      onOk={() => form.submit()}
      onCancel={onClose}
    >
      <Form
        form={form}
        layout="vertical"
        initialValues={{ appId: seesAllApps ? appId : undefined }}
        onFinish={(values) => create.mutate(values)}
      >
        <FormFailure failure={create.error} />
        <TextItems needsGroupId={false} />
        {engines.length > 1 && (
          <Form.Item name="engine" label={t("fields.engine")} extra={t("fields.engineHint")}>
            <Select
              allowClear
              placeholder={t("form.defaultEngine", { engine: version.data?.defaultEngine })}
              options={engines.map((name) => ({ value: name, label: name }))}
            />
          </Form.Item>
        )}
        {seesAllApps && (
          <Form.Item name="appId" label={common("app")} extra={t("fields.appHint")}>
            <AppChoice allowClear />
          </Form.Item>
        )}
      </Form>
    </Modal>
  );
}

/** Changes name, id and description of a library. */
export function EditLibrary({ library, onClose }: { library: Schema<"ShownLibrary">; onClose: () => void }) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const [form] = Form.useForm<Values>();
  const { message } = App.useApp();
  const before: Values = { name: library.name, groupId: library.groupId, description: library.description ?? "" };
  const save = useMutation({
    mutationFn: async (values: Values) => {
      const changed = (["name", "groupId", "description"] as const).filter((field) => (values[field] ?? "") !== (before[field] ?? ""));
      if (changed.length === 0) return;
      const body = Object.fromEntries(changed.map((field) => [field, values[field] ?? ""]));
      await api.PATCH("/libraries/{library}", { params: { path: { library: library.id } }, body });
    },
    onSuccess: () => {
      message.success(common("saved"));
      onClose();
    },
  });
  return (
    <Modal
      open
      title={t("form.edit", { name: library.name })}
      okText={common("save")}
      okButtonProps={{ loading: save.isPending }}
      onOk={() => form.submit()}
      onCancel={onClose}
    >
      <Form form={form} layout="vertical" initialValues={before} onFinish={(values) => save.mutate(values)}>
        <FormFailure failure={save.error} />
        <TextItems needsGroupId />
      </Form>
    </Modal>
  );
}

/** Copies a library with its people into a new one. */
export function CopyLibrary({ library, onClose }: { library: Schema<"ShownLibrary">; onClose: () => void }) {
  const { t } = useTranslation("libraries");
  const [form] = Form.useForm<Values>();
  const navigate = useNavigate();
  const { message } = App.useApp();
  const copy = useMutation({
    mutationFn: ({ name, groupId, description }: Values) => {
      const body = { name, groupId: groupId || undefined, description: description || undefined };
      return dataOf(api.POST("/libraries/{library}/copies", { params: { path: { library: library.id } }, body }));
    },
    onSuccess: ({ libraryId, id }) => {
      message.success(t("copy.begun", { id }));
      onClose();
      if (libraryId) void navigate(`/libraries/${libraryId}`);
    },
  });
  return (
    <Modal
      open
      title={t("copy.title", { name: library.name })}
      okText={t("copy.action")}
      okButtonProps={{ loading: copy.isPending }}
      onOk={() => form.submit()}
      onCancel={onClose}
    >
      <p>{t("copy.about")}</p>
      <Form
        form={form}
        layout="vertical"
        initialValues={{ name: t("copy.name", { name: library.name }), description: library.description ?? "" }}
        onFinish={(values) => copy.mutate(values)}
      >
        <FormFailure failure={copy.error} />
        <TextItems needsGroupId={false} />
      </Form>
    </Modal>
  );
}

/** Why a form was refused. Of the group id, which is the name unless it is given, it tells how to go on. */
function FormFailure({ failure }: { failure: unknown }) {
  const { t } = useTranslation("libraries");
  if (!failure) return null;
  const isTaken = failure instanceof Failure && failure.code === "libraryExists";
  return (
    <Flex vertical gap={4} style={{ marginBottom: 16 }}>
      <FailurePanel failure={failure} />
      {isTaken && <span>{t("form.taken")}</span>}
    </Flex>
  );
}
