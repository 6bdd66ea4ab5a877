import { Button, Flex, Tag, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Prose } from "../../common/Prose";
import { isChangeable, type Setting } from "./settingKinds";
import { descriptionOf } from "./settingTexts";
import { Value } from "./Value";

/** One setting: its name, meaning and value, and what opens it. */
export function SettingRow({ setting, onOpen }: { setting: Setting; onOpen: () => void }) {
  const { t } = useTranslation("settings");
  const { token } = theme.useToken();
  const canChange = isChangeable(setting);
  return (
    <Flex
      gap={16}
      wrap
      justify="space-between"
      style={{
        padding: 12,
        background: token.colorBgContainer,
        border: `1px solid ${token.colorBorderSecondary}`,
        borderRadius: token.borderRadius,
        marginBottom: 8,
      }}
    >
      <div style={{ flex: "3 1 280px", minWidth: 0 }}>
        <Typography.Text strong style={{ overflowWrap: "anywhere" }}>
          {setting.name}
        </Typography.Text>
        <Typography.Paragraph type="secondary" style={{ margin: 0 }}>
          <Prose text={descriptionOf(setting)} />
        </Typography.Paragraph>
      </div>
      <Flex vertical gap={6} style={{ flex: "2 1 200px", minWidth: 0 }}>
        <Value value={setting.value} />
        <Flex gap={6} wrap>
          <Tag variant={setting.source === "default" ? "filled" : "outlined"}>{t(`source.${setting.source}`)}</Tag>
          {!canChange && <Tag>{t(setting.fixed ? "fixed" : "restart")}</Tag>}
          {setting.stored?.ignored && <Typography.Text type="warning">{t("ignored")}</Typography.Text>}
        </Flex>
      </Flex>
      <Button onClick={onOpen} aria-label={`${t(canChange ? "change" : "look")} ${setting.name}`}>
        {t(canChange ? "change" : "look")}
      </Button>
    </Flex>
  );
}
