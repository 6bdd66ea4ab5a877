import { Alert, Descriptions, Divider, Drawer, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { Part } from "../../common/Part";
import { Prose } from "../../common/Prose";
import { Snippet } from "../../common/Snippet";
import { Loaded } from "../../common/states";
import { Changes } from "./Changes";
import { SettingForm } from "./SettingForm";
import { isChangeable, type Setting } from "./settingKinds";
import { descriptionOf, environmentName, fileLines, limitText } from "./settingTexts";
import { Unset } from "./Unset";
import { Value } from "./Value";

/** One setting: value, source, change, history. `null`: the drawer is closed. */
export function SettingDrawer({ name, onClose }: { name: string | null; onClose: () => void }) {
  const { t } = useTranslation("settings");
  return (
    <Drawer open={name !== null} onClose={onClose} size="min(720px, 100vw)" title={name ?? t("title")} destroyOnHidden>
      {name !== null && <Content key={name} name={name} />}
    </Drawer>
  );
}

function Content({ name }: { name: string }) {
  const { t } = useTranslation("settings");
  const setting = queries.useQuery("get", "/settings/{setting}", { params: { path: { setting: name } } });
  return (
    <Loaded query={setting}>
      {(setting) => (
        <Flex vertical gap={16}>
          <Prose text={descriptionOf(setting)} />
          {setting.stored?.ignored && (
            <Alert type="warning" showIcon title={t("ignoredTitle")} description={<Prose text={setting.stored.ignored} lang="en" />} />
          )}
          <Facts setting={setting} />
          {isChangeable(setting) ? (
            <Part title={t("changeIt")} about={t("changeAbout")} actions={setting.stored && <Unset setting={setting} />}>
              <SettingForm key={JSON.stringify([setting.value, setting.stored])} setting={setting} />
            </Part>
          ) : (
            <Locked setting={setting} />
          )}
          <Divider style={{ marginBlock: 8 }} />
          <Part title={t("history")} about={t("historyAbout")}>
            <Changes setting={name} />
          </Part>
        </Flex>
      )}
    </Loaded>
  );
}

function Facts({ setting }: { setting: Setting }) {
  const { t } = useTranslation("settings");
  const limits = limitText(setting);
  const items = [
    { key: "value", label: t("facts.value"), children: <Value value={setting.value} /> },
    { key: "source", label: t("facts.source"), children: t(`sourceAbout.${setting.source}`) },
    // What counts again once the database has no value.
    ...(setting.stored
      ? [
          {
            key: "base",
            label: t("facts.base"),
            children: (
              <Flex gap={8} wrap>
                <Value value={setting.base} /> <Typography.Text type="secondary">{t(`source.${setting.baseSource}`)}</Typography.Text>
              </Flex>
            ),
          },
        ]
      : []),
    { key: "default", label: t("facts.default"), children: <Value value={setting.default} /> },
    ...(limits ? [{ key: "limits", label: t("facts.limits"), children: limits }] : []),
    { key: "applies", label: t("facts.applies"), children: t(setting.appliesAtOnce ? "appliesAtOnce" : "appliesAfterRestart") },
  ];
  return <Descriptions size="small" bordered column={1} items={items} styles={{ label: { width: 112 } }} />;
}

/** Why a setting can't be changed here, and how it is changed. */
function Locked({ setting }: { setting: Setting }) {
  const { t } = useTranslation("settings");
  return (
    <Part title={t("locked.title")}>
      <Alert
        type="info"
        showIcon
        title={t(setting.fixed && setting.appliesAtOnce ? "locked.fixed" : "locked.restart")}
        description={t("locked.how")}
      />
      <Typography.Text>{t("locked.environment")}</Typography.Text>
      <Snippet code={`${environmentName(setting.name)}=`} label={t("locked.environment")} />
      <Typography.Text>{t("locked.file")}</Typography.Text>
      <Snippet code={fileLines(setting)} label={t("locked.file")} />
      <Typography.Text type="secondary">{t("locked.check")}</Typography.Text>
    </Part>
  );
}
