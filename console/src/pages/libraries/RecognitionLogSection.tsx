import { Alert, Button, Flex, InputNumber, Switch, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, queries, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useChange } from "../../common/change";
import { useConfirm } from "../../common/confirm";
import { Loaded } from "../../common/states";
import { Section } from "./Section";

const MAX_DAYS = 365;

/** Whether recognitions of a library are logged with pictures, and for how long. */
export function RecognitionLogSection({ library }: { library: Schema<"ShownLibrary"> }) {
  const { t } = useTranslation("libraries");
  const log = queries.useQuery("get", "/libraries/{library}/recognition-log", { params: { path: { library: library.id } } });
  return (
    <Section title={t("log.title")}>
      <Flex vertical gap={12}>
        <Typography.Text>{t("log.about")}</Typography.Text>
        <Loaded query={log}>
          {(logging) => <Switches key={`${logging.enabled} ${logging.keepDays}`} library={library} logging={logging} />}
        </Loaded>
        <Link to="/recognitions">{t("log.look")}</Link>
      </Flex>
    </Section>
  );
}

function Switches({ library, logging }: { library: Schema<"ShownLibrary">; logging: Schema<"ShownLogging"> }) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const { canWork } = usePermissions();
  const confirm = useConfirm();
  const [days, setDays] = useState<number | null>(logging.keepDays);
  const patch = (body: Schema<"LoggingUpdate">) =>
    api.PATCH("/libraries/{library}/recognition-log", { params: { path: { library: library.id } }, body });
  const save = useChange(patch);
  const keepDays = days ?? logging.keepDays;
  const turn = (enabled: boolean) => {
    if (!enabled) return void save.run({ enabled }, t("log.turnedOff"));
    confirm({
      title: t("log.confirm.title", { name: library.name }),
      content: t("log.confirm.content", { days: keepDays }),
      action: t("log.confirm.action"),
      isDanger: false,
      onConfirm: () => save.run({ enabled, keepDays }, t("log.turnedOn")),
    });
  };
  return (
    <Flex vertical gap={12}>
      <Flex gap={12} align="center" wrap>
        <Switch
          checked={logging.enabled}
          loading={save.isBusy}
          disabled={!canWork}
          onChange={turn}
          aria-label={t("log.title")}
          checkedChildren={common("on")}
          unCheckedChildren={common("off")}
        />
        <span>{t(logging.enabled ? "log.isOn" : "log.isOff", { days: logging.keepDays })}</span>
      </Flex>
      {canWork && (
        <Flex gap={8} align="center" wrap>
          <label htmlFor="keep-days">{t("log.days")}</label>
          <InputNumber id="keep-days" value={days} onChange={setDays} min={1} max={MAX_DAYS} precision={0} style={{ width: 100 }} />
          <Button
            disabled={days === null || days === logging.keepDays}
            loading={save.isBusy}
            onClick={() => void save.run({ keepDays }, common("saved"))}
          >
            {common("save")}
          </Button>
        </Flex>
      )}
      {days !== null && days < logging.keepDays && <Alert type="warning" showIcon title={t("log.fewerDays", { days })} />}
    </Flex>
  );
}
