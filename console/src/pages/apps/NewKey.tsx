import { useMutation } from "@tanstack/react-query";
import { Checkbox, Flex, Form, InputNumber, Modal, Radio, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../../api/client";
import { ShownOnce } from "../../common/ShownOnce";
import { Snippet } from "../../common/Snippet";
import { FailurePanel } from "../../common/states";
import { KEY_KINDS, type KeyKind, snippetOf } from "./snippets";

interface Fields {
  kind: KeyKind;
  callsPerSecond?: number | null;
  callsPerDay?: number | null;
  allowMd5?: boolean;
  allowReplay?: boolean;
}

/** Creates a key, and shows its secret afterwards. */
export function NewKey({ app, onClose }: { app: string; onClose: () => void }) {
  const { t } = useTranslation(["apps", "common"]);
  const [fields] = Form.useForm<Fields>();
  const kind = Form.useWatch("kind", fields) ?? "jdcloud";
  const create = useMutation({
    mutationFn: ({ kind: wanted, allowMd5 = false, allowReplay = false, ...limits }: Fields) =>
      dataOf(
        api.POST("/apps/{app}/keys", {
          params: { path: { app } },
          body: {
            kind: wanted,
            allowMd5: allowMd5 && wanted === "jdcloud",
            allowReplay: allowReplay && wanted !== "tencent-im",
            ...limits,
          },
        }),
      ),
  });
  if (create.data) return <NewSecret app={app} secret={create.data} onClose={onClose} />;
  return (
    <Modal
      open
      title={t("keys.create")}
      okText={t("common:create")}
      cancelText={t("common:cancel")}
      confirmLoading={create.isPending}
      mask={{ closable: false }}
      onOk={() => fields.submit()}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        {create.error && <FailurePanel failure={create.error} />}
        <Form form={fields} layout="vertical" initialValues={{ kind: "jdcloud" }} onFinish={(values) => create.mutate(values)}>
          <Form.Item name="kind" label={t("keys.kind")}>
            <Radio.Group vertical>
              {KEY_KINDS.map((name) => (
                <Radio key={name} value={name} styles={{ icon: { alignSelf: "start", marginTop: 3 } }}>
                  {t(`vendors.${name}.name`)}
                  <div>
                    <Typography.Text type="secondary">{t(`vendors.${name}.about`)}</Typography.Text>
                  </div>
                </Radio>
              ))}
            </Radio.Group>
          </Form.Item>
          <Flex gap={16} wrap>
            <Form.Item name="callsPerSecond" label={t("limits.callsPerSecond")} extra={t("limits.empty")}>
              <InputNumber min={1} max={4_294_967_295} precision={0} style={{ width: 180 }} />
            </Form.Item>
            <Form.Item name="callsPerDay" label={t("limits.callsPerDay")} extra={t("limits.empty")}>
              <InputNumber min={0} precision={0} style={{ width: 180 }} />
            </Form.Item>
          </Flex>
          {kind === "jdcloud" && (
            <Form.Item name="allowMd5" valuePropName="checked" extra={t("keys.md5Help")}>
              <Checkbox>{t("keys.md5")}</Checkbox>
            </Form.Item>
          )}
          {kind !== "tencent-im" && (
            <Form.Item name="allowReplay" valuePropName="checked" extra={t("keys.replayHelp")}>
              <Checkbox>{t("keys.replay")}</Checkbox>
            </Form.Item>
          )}
        </Form>
        <Typography.Text type="secondary">{t("keys.fixed")}</Typography.Text>
      </Flex>
    </Modal>
  );
}

function NewSecret({ app, secret, onClose }: { app: string; secret: Schema<"NewSecret">; onClose: () => void }) {
  const { t } = useTranslation("apps");
  const { kind, values } = valuesOf(secret);
  const vendor = t(`vendors.${kind}.name`);
  const target = { origin: window.location.origin, app, keyId: values[0]?.value ?? "" };
  return (
    <ShownOnce title={t("keys.done", { vendor })} about={t("keys.secretAbout")} values={values} onClose={onClose}>
      <div>
        <div style={{ marginBottom: 4 }}>{t("connect.how", { vendor })}</div>
        <Snippet code={snippetOf(kind, target)} label={t("connect.how", { vendor })} />
      </div>
    </ShownOnce>
  );
}

/** Returns the kind of a new key, its id and its secret, under the names of the vendor. */
function valuesOf(secret: Schema<"NewSecret">): { kind: KeyKind; values: { label: string; value: string }[] } {
  const values = Object.entries(secret)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([label, value]) => ({ label, value: String(value) }));
  const kind = secret.accessKey ? "jdcloud" : secret.accessKeyId ? "alibaba" : "tencent-im";
  const idName = { jdcloud: "accessKey", alibaba: "accessKeyId", "tencent-im": "sdkappid" }[kind];
  return { kind, values: values.sort((a, b) => Number(b.label === idName) - Number(a.label === idName)) };
}
