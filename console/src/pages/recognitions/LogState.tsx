import { CheckCircleOutlined, SettingOutlined } from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Flex, Form, InputNumber, Modal, Switch, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, queries, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useAct } from "../../common/confirm";
import { useLibraryName } from "../../common/names";
import { StateTag } from "../../common/StateTag";
import { Loaded } from "../../common/states";

type Logging = Schema<"ShownLogging">;

const MAX_DAYS = 365;

/** Whether the recognitions of a library are logged, and for how long; switched on and off here. */
export function LogState({ library }: { library: string }) {
  const { t } = useTranslation("recognitions");
  const { canWork } = usePermissions();
  const name = useLibraryName(library) ?? `#${library}`;
  const query = queries.useQuery("get", "/libraries/{library}/recognition-log", { params: { path: { library } } });
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Loaded query={query}>
      {(logging) => (
        <>
          {logging.enabled ? (
            <Flex gap={8} align="center" wrap>
              <StateTag tone="good" icon={<CheckCircleOutlined />} style={{ whiteSpace: "normal" }}>
                {t("log.isOn", { days: logging.keepDays })}
              </StateTag>
              {canWork && (
                <Button size="small" icon={<SettingOutlined />} onClick={() => setIsOpen(true)}>
                  {t("log.change")}
                </Button>
              )}
            </Flex>
          ) : (
            <Alert
              type="info"
              showIcon
              title={t("log.isOff", { name })}
              description={
                <>
                  {t("log.meaning")} {canWork ? t("log.howToSwitchOn") : t("log.askForIt")}
                </>
              }
              action={
                canWork && (
                  <Button type="primary" onClick={() => setIsOpen(true)}>
                    {t("log.switchOn")}
                  </Button>
                )
              }
            />
          )}
          {isOpen && <LogForm library={library} name={name} logging={logging} onClose={() => setIsOpen(false)} />}
        </>
      )}
    </Loaded>
  );
}

interface Properties {
  library: string;
  name: string;
  logging: Logging;
  onClose: () => void;
}

function LogForm({ library, name, logging, onClose }: Properties) {
  const { t } = useTranslation("recognitions");
  const { t: common } = useTranslation();
  const act = useAct();
  const cache = useQueryClient();
  const [isBusy, setIsBusy] = useState(false);
  const [form] = Form.useForm<Logging>();
  const days = Form.useWatch("keepDays", form) ?? logging.keepDays;
  const isShorter = days < logging.keepDays;
  const save = async (changed: Logging) => {
    setIsBusy(true);
    const isSaved = await act(async () => {
      await api.PATCH("/libraries/{library}/recognition-log", { params: { path: { library } }, body: changed });
      await cache.invalidateQueries();
    }, common("saved"));
    setIsBusy(false);
    if (isSaved) onClose();
  };
  return (
    <Modal
      open
      title={t("log.formTitle", { name })}
      okText={isShorter ? t("log.saveShorter") : common("save")}
      okButtonProps={{ danger: isShorter }}
      confirmLoading={isBusy}
      onOk={() => form.submit()}
      onCancel={onClose}
    >
      <Form
        form={form}
        layout="vertical"
        initialValues={{ enabled: true, keepDays: logging.keepDays }}
        onFinish={(changed) => void save(changed)}
      >
        <Form.Item name="enabled" label={t("log.enabled")} valuePropName="checked" extra={t("log.enabledHint")}>
          <Switch checkedChildren={common("on")} unCheckedChildren={common("off")} />
        </Form.Item>
        <Form.Item
          name="keepDays"
          label={t("log.keepDays")}
          rules={[{ required: true, type: "integer", min: 1, max: MAX_DAYS, message: t("log.keepDaysRule", { max: MAX_DAYS }) }]}
        >
          <InputNumber min={1} max={MAX_DAYS} precision={0} />
        </Form.Item>
        {isShorter && <Alert type="warning" showIcon title={t("log.shorter", { days })} />}
        <Typography.Paragraph type="secondary" style={{ marginTop: 12, marginBottom: 0 }}>
          {t("log.privacy")}
        </Typography.Paragraph>
      </Form>
    </Modal>
  );
}
